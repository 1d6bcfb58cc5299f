//! The stored shape of a delivery. It borrows what it writes: a body may have megabytes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::hook::HookName;
use crate::hook::delivery::{Delivery, DeliveryId, StoredBody};
use crate::timestamp::Timestamp;

/// A [`Delivery`]. It has no version of its own: other records hold it.
#[derive(Serialize, Deserialize)]
pub(super) struct DeliveryShape<'a> {
    hook: Cow<'a, HookName>,
    delivery_id: Cow<'a, DeliveryId>,
    received_at: Timestamp,
    headers: Cow<'a, BTreeMap<String, String>>,
    query: Cow<'a, BTreeMap<String, String>>,
    body: BodyShape<'a>,
}

/// A [`StoredBody`]: `{"text": …}` or `{"base64": …}`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum BodyShape<'a> {
    Text(Cow<'a, str>),
    Base64(Cow<'a, str>),
}

impl<'a> From<&'a Delivery> for DeliveryShape<'a> {
    fn from(delivery: &'a Delivery) -> Self {
        Self {
            hook: Cow::Borrowed(&delivery.hook),
            delivery_id: Cow::Borrowed(&delivery.delivery_id),
            received_at: delivery.received_at,
            headers: Cow::Borrowed(&delivery.headers),
            query: Cow::Borrowed(&delivery.query),
            body: match &delivery.body {
                StoredBody::Text(text) => BodyShape::Text(Cow::Borrowed(text)),
                StoredBody::Base64(text) => BodyShape::Base64(Cow::Borrowed(text)),
            },
        }
    }
}

impl From<DeliveryShape<'_>> for Delivery {
    fn from(shape: DeliveryShape<'_>) -> Self {
        Self {
            hook: shape.hook.into_owned(),
            delivery_id: shape.delivery_id.into_owned(),
            received_at: shape.received_at,
            headers: shape.headers.into_owned(),
            query: shape.query.into_owned(),
            body: match shape.body {
                BodyShape::Text(text) => StoredBody::Text(text.into_owned().into()),
                BodyShape::Base64(text) => StoredBody::Base64(text.into_owned()),
            },
        }
    }
}
