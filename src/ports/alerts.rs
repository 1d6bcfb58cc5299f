//! What alerts rest on: when hooks were heard, and the ledger of what is told.

use std::cell::RefCell;

use super::{StoreError, Version};
use crate::hook::HookName;
use crate::notify::ledger::Ledger;
use crate::timestamp::Timestamp;

/// R2 `INBOX`, one object for each hook with `silence` that was ever heard. Strongly consistent; the time is R2's.
#[expect(async_fn_in_trait, reason = "a Worker has one thread: futures need not be Send")]
pub trait HeardHooks {
    /// Records that a verified delivery came now.
    async fn put_heard(&self, hook: &HookName) -> Result<(), StoreError>;
    /// When each hook was last recorded, in the order of the names; the first 5,000.
    async fn list_heard(&self) -> Result<Vec<(HookName, Timestamp)>, StoreError>;
}

/// R2 `INBOX`, the one [`Ledger`]. Strongly consistent.
#[expect(async_fn_in_trait, reason = "a Worker has one thread: futures need not be Send")]
pub trait AlertLedgers {
    /// Reads the ledger. One that cannot be read is an empty one, so that the next one replaces it.
    async fn get_ledger(&self) -> Result<Option<(Ledger, Version)>, StoreError>;
    /// Writes the ledger, if the stored one still has the expected version, or if there is none and none is expected. `None`: it
    /// was not written.
    async fn put_ledger(
        &self,
        ledger: &Ledger,
        expected: Option<&Version>,
    ) -> Result<Option<Version>, StoreError>;
    /// The ledger that this isolate last read or wrote; shared by all that runs in it.
    fn known_ledger(&self) -> &RefCell<Option<KnownLedger>>;
}

/// A ledger as it was then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownLedger {
    /// The ledger; an empty one where none is stored.
    pub ledger: Ledger,
    /// When it was read or written.
    pub at: Timestamp,
}
