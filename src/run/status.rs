//! A run's status and its error. Records, the API and the log spell statuses and stages the same way.

use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

/// A run's status. `in_progress`, `completed`, `failed` and `canceled` are Fabricate's, with the same spelling; a run may also be
/// `canceled` before it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "RunStatus"))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Accepted, not yet started.
    Queued,
    /// Fabricate executes it.
    InProgress,
    /// Its task is completed, and its files are being copied.
    Archiving,
    /// Its task is completed, and every file is archived. Final.
    Completed,
    /// An error ended it, see [`RunError`]. Final.
    Failed,
    /// A user of Fabricate ended its task, or another run of its key came before it was started. Final.
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

    /// Its spelling in records, the API and the log.
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

    /// Whether a run with it never changes again.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Canceled)
    }
}

/// The step of a run that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
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

impl Stage {
    /// Its spelling in records, the API, the log and data points.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mapping => "mapping",
            Self::Start => "start",
            Self::Workflow => "workflow",
            Self::Poll => "poll",
            Self::Archive => "archive",
        }
    }
}

/// Why a run failed, or why it is `unconfirmed`. For the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunError {
    /// The step that failed.
    pub stage: Stage,
    /// The reason, at most some 500 characters of which are Fabricate's.
    pub message: String,
    /// The status of Fabricate's answer that caused it. `None` where no answer did, and in records from before it was kept.
    pub http_status: Option<u16>,
    /// When it happened.
    pub at: Timestamp,
    /// How many start requests were made before it.
    pub attempts: u32,
}
