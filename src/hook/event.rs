//! The event that a verified delivery reports: its parsed body, its id, and what expressions see of it.
//!
//! Credentials are removed here: neither the stored delivery nor an expression has them.

mod scheduled;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use super::Hook;
use super::delivery::{CorruptBody, Delivery, DeliveryId, StoredBody};
use super::event_ids::IdOutcome;
use super::schedule::SCHEDULE_ID;
use crate::digest::{sha256_hex, sha256_hex_of};
use crate::document::{Document, Element};
use crate::expression::{BODY_SHA256, Lazy, Scope, ScopeValue};
use crate::request::body::{self, Attribute, BodyError, CloudEvent};
use crate::request::source::Source;
use crate::request::{RawBody, RawRequest};
use crate::verify::Verified;

/// Headers that prove who calls. They are neither stored nor shown to expressions.
const CREDENTIAL_HEADERS: &[&str] = &["authorization", "proxy-authorization", "cookie"];

/// What a verified delivery reports.
#[derive(Debug)]
pub struct Event {
    /// The delivery, without credentials. Its body is empty until [`Self::into_delivery`]: an ignored event needs none.
    pub delivery: Delivery,
    body: Arc<Lazy>,
    /// The bytes of the body.
    bytes: RawBody,
    scope: Scope,
    /// Whether the operator sent it, so that the expressions for ids do not apply.
    sent_by_operator: bool,
}

/// Why a stored delivery yields no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoredEventError {
    /// The stored body cannot be decoded.
    #[error(transparent)]
    Corrupt(#[from] CorruptBody),
    /// The body cannot be parsed as the hook reads bodies now.
    #[error(transparent)]
    Body(#[from] BodyError),
}

/// The `delivery_id` of a hook has no usable value for an event. The text names the field and the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("delivery_id: {reason}")]
pub struct IdError {
    reason: String,
}

/// Makes what expressions see as `delivery`.
fn delivery_scope<T>(delivery: &Delivery, to: impl FnOnce(ScopeValue<'_>) -> T) -> T {
    let received_at = delivery.received_at.to_string();
    to(ScopeValue::Fields(&[("id", delivery.delivery_id.as_str()), ("received_at", &received_at)]))
}

impl Event {
    /// Parses a verified delivery. Its id is its `Idempotency-Key` or else `fresh_id`, until [`Self::assign_id`].
    ///
    /// # Errors
    /// [`BodyError`] when the body cannot be parsed.
    pub fn parse(verified: Verified, hook: &Hook, fresh_id: &str) -> Result<Self, BodyError> {
        let raw = verified.into_inner();
        let document = raw.document()?;
        let id = raw.header("idempotency-key").filter(|id| !id.is_empty());
        let delivery_id = DeliveryId::from(id.unwrap_or(fresh_id));
        let needs_hash = hook.expressions.mention_body_sha256();
        let body_sha256 = if needs_hash { sha256_hex(&raw.body) } else { String::new() };
        let body = Lazy::new(document);
        let (mut headers, mut query) = (raw.headers, raw.query);
        let own: Vec<&str> = hook.verify.credential_headers().collect();
        headers
            .retain(|name, _| !CREDENTIAL_HEADERS.contains(&name.as_str()) && !own.contains(&name.as_str()));
        for name in hook.verify.credential_query() {
            query.remove(name);
        }
        let delivery = Delivery {
            hook: hook.name.clone(),
            delivery_id,
            received_at: raw.received_at,
            headers,
            query,
            body: StoredBody::Text(Arc::default()),
        };
        let bytes = raw.body;
        // `event` is undefined where the body is no `CloudEvent`, so that a condition on it is false.
        let event = body::cloud_event(&delivery.headers, body.document().root());
        let event = event.map(|event| ("event", cloud_event_value(event, &body)));
        let scope = delivery_scope(&delivery, |shown| {
            let others = [
                ("body", ScopeValue::Element(&body, 0)),
                (BODY_SHA256, ScopeValue::Text(&body_sha256)),
                ("delivery", shown),
                ("headers", ScopeValue::Headers(&delivery.headers)),
                ("hook", ScopeValue::Text(delivery.hook.as_str())),
                ("query", ScopeValue::Texts(&delivery.query)),
            ];
            Scope::named(others.into_iter().chain(event))
        });
        Ok(Self { delivery, bytes, body, scope, sent_by_operator: false })
    }

    fn rename(&mut self, id: &str) {
        self.delivery.delivery_id = DeliveryId::from(id);
        self.scope = delivery_scope(&self.delivery, |shown| self.scope.with("delivery", shown));
    }

    /// Parses a stored delivery as its hook reads bodies now. It keeps its id.
    ///
    /// # Errors
    /// [`StoredEventError`] when the stored body is corrupt or cannot be parsed.
    pub fn from_stored(stored: Delivery, hook: &Hook) -> Result<Self, StoredEventError> {
        let Delivery { delivery_id, query, headers, body, received_at, .. } = stored;
        // What no sender sent has the type that it states.
        let content_type =
            hook.content_type.as_deref().filter(|_| !delivery_id.as_str().starts_with(SCHEDULE_ID));
        let raw = RawRequest::new("POST", "", headers, body.try_into()?, received_at)
            .with_content_type(content_type);
        let mut event = Self::parse(Verified::assume(raw), hook, delivery_id.as_str())?;
        event.delivery.delivery_id = delivery_id;
        event.delivery.query = query;
        event.scope = delivery_scope(&event.delivery, |shown| {
            event.scope.with("delivery", shown).with("query", ScopeValue::Texts(&event.delivery.query))
        });
        Ok(event.with_scheduled_at())
    }

    /// Marks the event as sent by the operator. It is a new event, unless an `Idempotency-Key` names another one.
    #[must_use]
    pub fn sent_by_operator(self) -> Self {
        Self { sent_by_operator: true, ..self }
    }

    /// Assigns the id that the hook's `delivery_id` or its sender gives the event. If an expression fails for another reason
    /// than a missing field, or the hook's own expression has no value, the id is the SHA-256 of the body, which is the
    /// same for each redelivery.
    ///
    /// # Errors
    /// [`IdError`] when the hook's own expression has no usable value; the id is assigned nevertheless.
    pub fn assign_id(&mut self, hook: &Hook) -> Result<(), IdError> {
        if self.sent_by_operator {
            return Ok(());
        }
        let (id, problem) = match hook.configured_id(&self.scope) {
            Some(IdOutcome::Id(id)) => (id, None),
            Some(IdOutcome::Failed(reason)) => (self.content_id(), Some(reason)),
            Some(IdOutcome::Absent) => {
                (self.content_id(), Some("a field is missing, null or empty".to_owned()))
            }
            None => match hook.sender_id(&self.scope) {
                IdOutcome::Id(id) => (id, None),
                IdOutcome::Failed(_) => (self.content_id(), None),
                IdOutcome::Absent => return Ok(()),
            },
        };
        self.delivery.delivery_id = id;
        self.scope = delivery_scope(&self.delivery, |shown| self.scope.with("delivery", shown));
        problem.map_or(Ok(()), |reason| Err(IdError { reason }))
    }

    fn content_id(&self) -> DeliveryId {
        DeliveryId::from(sha256_hex(&self.bytes).as_str())
    }

    /// The id of the item at `index` of a batch; expressions see the item as `scope`. `None`: items have no ids, and the
    /// batch is claimed as a whole.
    ///
    /// If the fields of the id are missing, the id is that of the delivery and the index, so the item is new if the
    /// delivery is. If the expression fails for another reason, the id is the SHA-256 of the item.
    #[must_use]
    pub(crate) fn item_id(&self, hook: &Hook, scope: &Scope, index: usize) -> Option<DeliveryId> {
        let batch = hook.batch.as_ref()?;
        let content_type = self.delivery.headers.get("content-type").map(String::as_str);
        // The operator sends a new event, and each item of it is new too.
        if self.sent_by_operator || !hook.has_item_ids(content_type) {
            return None;
        }
        Some(match hook.item_id(&scope.for_id()) {
            IdOutcome::Id(id) => id,
            IdOutcome::Absent => DeliveryId::from(format!("{}#{index}", self.delivery.delivery_id).as_str()),
            IdOutcome::Failed(_) => {
                let item = self.items(batch).get(index).map(|item| self.body.document().element(*item));
                let digest = sha256_hex_of(|to| item.map_or(Ok(()), |item| item.write_canonical(to)));
                DeliveryId::from(format!("sha256:{digest}").as_str())
            }
        })
    }

    /// The delivery, to be stored.
    #[must_use]
    pub fn into_delivery(self) -> Delivery {
        Delivery { body: self.bytes.into(), ..self.delivery }
    }

    /// What expressions see of the event.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// What expressions see of one item of the batch, by its index in the body. In a batch of `CloudEvents`, `event` is the
    /// item.
    pub(crate) fn item_scope(&self, item: u32) -> Scope {
        let scope = self.scope.with("item", ScopeValue::Element(&self.body, item));
        match body::cloud_event(&self.delivery.headers, self.body.document().element(item)) {
            Some(event) => scope.with("event", cloud_event_value(event, &self.body)),
            None => scope,
        }
    }

    /// The number of items of the batch; 1 where the hook takes no batches.
    #[must_use]
    pub fn item_count(&self, hook: &Hook) -> usize {
        hook.batch.as_ref().map_or(1, |batch| self.items(batch).len())
    }

    /// The items of a batch as indexes in the body. A value at `batch` that is no list is the only item.
    pub(crate) fn items(&self, batch: &Source) -> Vec<u32> {
        match batch.value_in(self.body.document().root()) {
            Some(list) if list.is_list() => list.items().map(Element::index).collect(),
            Some(item) => vec![item.index()],
            None => Vec::new(),
        }
    }
}

/// A `CloudEvent` of a body as expressions see it.
fn cloud_event_value<'d>(event: CloudEvent<'d>, body: &'d Arc<Lazy>) -> ScopeValue<'d> {
    let given = |held: Attribute<'d>| match held {
        Attribute::Text(Cow::Borrowed(text)) => ScopeValue::Text(text),
        Attribute::Text(Cow::Owned(text)) => ScopeValue::Document(Arc::new(Document::from_text(text))),
        Attribute::Element(element) => ScopeValue::Element(body, element.index()),
        Attribute::Decoded(document) => ScopeValue::Document(Arc::new(document)),
    };
    let data = event.data.map(|data| (Cow::Borrowed("data"), data));
    ScopeValue::Object(
        event.attributes.into_iter().chain(data).map(|(name, held)| (name, given(held))).collect(),
    )
}
