//! The stored shapes of what the inbox accepted: the claim of a delivery, the claim of an item, a retry; and of what is kept of
//! an ignored delivery.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::delivery::DeliveryShape;
use super::run::RunShape;
use super::version::Version;
use crate::ports::{Claim, ItemClaim, Kept, Retry};
use crate::run::Run;

/// A [`Claim`].
#[derive(Serialize, Deserialize)]
pub(super) struct ClaimShape<'a> {
    #[serde(default)]
    version: Version<1>,
    author: Cow<'a, str>,
    delivery: DeliveryShape<'a>,
    runs: Vec<RunShape>,
    #[serde(default, skip_serializing_if = "<[String]>::is_empty")]
    items: Cow<'a, [String]>,
}

impl<'a> From<&'a Claim> for ClaimShape<'a> {
    fn from(claim: &'a Claim) -> Self {
        Self {
            version: Version,
            author: Cow::Borrowed(&claim.author),
            delivery: DeliveryShape::from(&claim.delivery),
            runs: to_shapes(&claim.runs),
            items: Cow::Borrowed(&claim.items),
        }
    }
}

impl From<ClaimShape<'_>> for Claim {
    fn from(shape: ClaimShape<'_>) -> Self {
        Self {
            author: shape.author.into_owned(),
            delivery: shape.delivery.into(),
            runs: from_shapes(shape.runs),
            items: shape.items.into_owned(),
        }
    }
}

/// An [`ItemClaim`].
#[derive(Serialize, Deserialize)]
pub(super) struct ItemClaimShape {
    #[serde(default)]
    version: Version<1>,
    author: String,
    delivery: String,
    runs: Vec<RunShape>,
}

impl From<&ItemClaim> for ItemClaimShape {
    fn from(claim: &ItemClaim) -> Self {
        Self {
            version: Version,
            author: claim.author.clone(),
            delivery: claim.delivery.clone(),
            runs: to_shapes(&claim.runs),
        }
    }
}

impl From<ItemClaimShape> for ItemClaim {
    fn from(shape: ItemClaimShape) -> Self {
        Self { author: shape.author, delivery: shape.delivery, runs: from_shapes(shape.runs) }
    }
}

/// A [`Retry`].
#[derive(Serialize, Deserialize)]
pub(super) struct RetryShape {
    #[serde(default)]
    version: Version<1>,
    author: String,
    run: RunShape,
}

impl From<&Retry> for RetryShape {
    fn from(retry: &Retry) -> Self {
        Self { version: Version, author: retry.author.clone(), run: RunShape::from(&retry.run) }
    }
}

impl From<RetryShape> for Retry {
    fn from(shape: RetryShape) -> Self {
        Self { author: shape.author, run: shape.run.into() }
    }
}

/// A [`Kept`].
#[derive(Serialize, Deserialize)]
pub(super) struct KeptShape<'a> {
    version: Version<1>,
    author: Cow<'a, str>,
    delivery: DeliveryShape<'a>,
}

impl<'a> From<&'a Kept> for KeptShape<'a> {
    fn from(kept: &'a Kept) -> Self {
        Self {
            version: Version,
            author: Cow::Borrowed(&kept.author),
            delivery: DeliveryShape::from(&kept.delivery),
        }
    }
}

impl From<KeptShape<'_>> for Kept {
    fn from(shape: KeptShape<'_>) -> Self {
        Self { author: shape.author.into_owned(), delivery: shape.delivery.into() }
    }
}

fn to_shapes(runs: &[Run]) -> Vec<RunShape> {
    runs.iter().map(RunShape::from).collect()
}

fn from_shapes(shapes: Vec<RunShape>) -> Vec<Run> {
    shapes.into_iter().map(Run::from).collect()
}
