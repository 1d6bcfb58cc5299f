//! How far the schedules of hooks have come.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{StoreError, Version};
use crate::hook::HookName;
use crate::timestamp::Timestamp;

/// How far each schedule has come. Stored as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ScheduleLedger {
    /// Names the sweep that wrote it, so that no two ledgers have the same entity tag.
    pub author: String,
    /// One for each hook with a schedule that a sweep has seen.
    pub hooks: BTreeMap<HookName, ScheduleMark>,
}

/// How far a schedule has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleMark {
    /// The schedule and its offset, as [`Schedule::identity`](crate::hook::schedule::Schedule::identity) writes them.
    pub schedule: String,
    /// No time up to this is due any more: the latest that was claimed, or when a sweep first saw the schedule.
    pub until: Timestamp,
}

/// R2 `INBOX`, the one [`ScheduleLedger`]. Strongly consistent.
#[expect(async_fn_in_trait, reason = "a Worker has one thread: futures need not be Send")]
pub trait Schedules {
    /// Reads the ledger. One that cannot be read is an empty one, so that the next one replaces it.
    async fn get_schedules(&self) -> Result<Option<(ScheduleLedger, Version)>, StoreError>;
    /// Writes the ledger, if the stored one still has the expected version, or if there is none and none is expected. `false`: it
    /// was not written.
    async fn put_schedules(
        &self,
        ledger: &ScheduleLedger,
        expected: Option<&Version>,
    ) -> Result<bool, StoreError>;
    /// The ledger that this isolate last read or wrote; shared by all that runs in it.
    fn known_schedules(&self) -> &RefCell<Option<ScheduleLedger>>;
}
