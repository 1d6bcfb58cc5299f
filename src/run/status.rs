//! Where a run stands, and, of one that failed, where and why: the spelling that everybody outside relies on.

use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

/// Where a run stands. Fabricate's four keep their spelling and meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Accepted, not yet started.
    Queued,
    /// Fabricate executes it.
    InProgress,
    /// Its task is completed, its files are being copied.
    Archiving,
    /// Finished, all files archived. Final.
    Completed,
    /// Ended by an error, see [`RunError`]. Final.
    Failed,
    /// Ended by a user of Fabricate. Final.
    Canceled,
    /// A start request was sent and nobody knows whether it took effect: parked for the operator.
    Unconfirmed,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::InProgress,
        Self::Archiving,
        Self::Completed,
        Self::Failed,
        Self::Canceled,
        Self::Unconfirmed,
    ];

    /// Its spelling everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::InProgress => "in_progress",
            Self::Archiving => "archiving",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Unconfirmed => "unconfirmed",
        }
    }

    /// Whether nothing can follow it.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Canceled)
    }
}

/// Where a run failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The event yielded no parameters.
    Mapping,
    /// Fabricate did not start the workflow.
    Start,
    /// The workflow itself failed.
    Workflow,
    /// The task could not be followed to its end.
    Poll,
    /// A file could not be copied.
    Archive,
}

/// Why a run failed, or what is known of one that is `unconfirmed`. For the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunError {
    /// Where.
    pub stage: Stage,
    /// In words.
    pub message: String,
    /// The status of Fabricate's answer that caused it. `None` where no answer did, and in records from before it was kept.
    pub http_status: Option<u16>,
    /// When it was seen.
    pub at: Timestamp,
    /// Start requests made until then.
    pub attempts: u32,
}
