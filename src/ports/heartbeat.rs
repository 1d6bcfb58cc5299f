//! The heartbeat of the sweeps, from which `GET /health` reads whether they go on.

use std::cell::RefCell;

use serde::{Deserialize, Serialize};

use super::{StoreError, Version};
use crate::fabricate::KeyRefusal;
use crate::timestamp::Timestamp;

/// That a sweep listed the open runs, and what it found. Stored as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Names the invocation that wrote it, so that no two heartbeats have the same entity tag.
    pub author: String,
    /// When the sweep was due.
    pub at: Timestamp,
    /// How many runs were open.
    pub open: usize,
    /// Whether Fabricate refuses the API key, at most 20.
    pub refusals: Vec<KeyRefusal>,
    /// The last time that sweeps were missing; forgotten half an hour after they came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<SweepGap>,
}

/// That no sweep listed the open runs for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepGap {
    /// The sweep before.
    pub from: Timestamp,
    /// The first sweep after it.
    pub until: Timestamp,
    /// How many runs were open before.
    pub open: usize,
}

impl Heartbeat {
    /// What stands for a heartbeat that another version wrote, or that is damaged: an old one without runs.
    #[must_use]
    pub fn unreadable() -> Self {
        Self {
            author: String::new(),
            at: Timestamp::from_millis(0),
            open: 0,
            refusals: Vec::new(),
            gap: None,
        }
    }
}

/// R2 `INBOX`, the one [`Heartbeat`]. Strongly consistent.
#[expect(async_fn_in_trait, reason = "a Worker has one thread: futures need not be Send")]
pub trait Heartbeats {
    /// Reads the heartbeat. What cannot be read is [`Heartbeat::unreadable`], so that the next one replaces it.
    async fn get_heartbeat(&self) -> Result<Option<(Heartbeat, Version)>, StoreError>;
    /// Writes the heartbeat, if the stored one still has the expected version, or if there is none and none is expected.
    /// `false`: it was not written.
    async fn put_heartbeat(
        &self,
        heartbeat: &Heartbeat,
        expected: Option<&Version>,
    ) -> Result<bool, StoreError>;
    /// The heartbeat that this isolate last read or wrote; shared by all that runs in it.
    fn known_heartbeat(&self) -> &RefCell<Option<Heartbeat>>;
}
