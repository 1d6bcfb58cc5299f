//! R2 `INBOX`, `ignored/{hook}/{id}`: deliveries that their hook ignored and keeps.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{InboxKey, Page, StoreError};
use crate::hook::HookName;
use crate::hook::delivery::{Delivery, DeliveryId};
use crate::timestamp::Timestamp;

/// The last millisecond that an id can state.
const LAST_MS: u64 = 0xffff_ffff_ffff;

/// The id of a kept delivery: 12 hexadecimal digits, `-`, 16 hexadecimal digits. The first part states when the delivery arrived,
/// counted backwards, so that a list of ids is newest first; the second part is of its delivery id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeptId(String);

/// Why a text is not a [`KeptId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a kept delivery")]
pub struct InvalidKeptId;

impl KeptId {
    /// The id of a delivery.
    #[must_use]
    pub fn new(received_at: Timestamp, delivery_id: &DeliveryId) -> Self {
        let passed = u64::try_from(received_at.as_millis()).unwrap_or(0).min(LAST_MS);
        let digest = delivery_id.digest();
        Self(format!("{:012x}-{}", LAST_MS - passed, digest.get(..16).unwrap_or_default()))
    }

    /// When the delivery arrived.
    #[must_use]
    pub fn received_at(&self) -> Timestamp {
        let (counted, _) = self.0.split_once('-').unwrap_or_default();
        let passed = LAST_MS - u64::from_str_radix(counted, 16).unwrap_or(LAST_MS);
        Timestamp::from_millis(i64::try_from(passed).unwrap_or(0))
    }
}

impl TryFrom<String> for KeptId {
    type Error = InvalidKeptId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_hex = |part: &str, digits| {
            part.len() == digits && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let is_id = text.split_once('-').is_some_and(|(time, digest)| is_hex(time, 12) && is_hex(digest, 16));
        if is_id { Ok(Self(text)) } else { Err(InvalidKeptId) }
    }
}

impl From<KeptId> for String {
    fn from(id: KeptId) -> Self {
        id.0
    }
}

impl fmt::Display for KeptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Under what an ignored delivery is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptKey {
    /// The hook.
    pub hook: HookName,
    /// The id.
    pub id: KeptId,
}

/// What is stored of an ignored delivery.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// Names the attempt to write, see [`Entry::author`](crate::journal::Entry::author).
    pub author: String,
    /// The delivery, whole.
    pub delivery: Delivery,
}

impl InboxKey for KeptKey {
    type Record = Kept;

    fn author(kept: &Kept) -> &str {
        &kept.author
    }
}

/// The list of what is kept.
#[expect(async_fn_in_trait, reason = "a Worker has one thread: futures need not be Send")]
pub trait KeptLists {
    /// Up to `limit` ids of what the hook keeps, newest first, those that are older than `after`.
    async fn list_kept(
        &self,
        hook: &HookName,
        after: Option<&KeptId>,
        limit: u32,
    ) -> Result<Page<KeptId>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_order_newest_first_and_state_their_time() {
        let id = |ms: i64| KeptId::new(Timestamp::from_millis(ms), &DeliveryId::from("a"));
        assert_eq!(id(0).to_string(), "ffffffffffff-ca978112ca1bbdca");
        assert!(id(2) < id(1) && id(1_000_000_000_000) < id(999_999_999_999));
        for ms in [0, 1, 1_700_000_000_000] {
            assert_eq!(id(ms).received_at().as_millis(), ms);
        }
    }

    #[test]
    fn other_texts_are_no_ids() {
        let good = KeptId::new(Timestamp::from_millis(5), &DeliveryId::from("a")).to_string();
        assert!(KeptId::try_from(good.clone()).is_ok());
        for bad in
            ["", "-", "../x", &good[1..], &format!("{good}0"), &good.to_uppercase(), &good.replace('-', "/")]
        {
            assert_eq!(KeptId::try_from(bad.to_owned()), Err(InvalidKeptId), "{bad}");
        }
    }
}
