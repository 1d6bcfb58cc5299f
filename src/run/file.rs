//! A file of a run's task, and what became of it. It never reads or copies one.

use serde::{Deserialize, Serialize};

use crate::fabricate::{FileId, TaskFile};
use crate::timestamp::Timestamp;

/// Whether a file is in R2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileState {
    /// Not looked at yet.
    Pending,
    /// Tried; to be tried again.
    Archiving,
    /// An object with exactly its bytes is in the files bucket.
    Archived,
    /// Given up.
    Failed,
}

/// A file of the run's task, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFile {
    /// What the task said of it.
    #[serde(flatten)]
    pub file: TaskFile,
    /// Whether it is in R2.
    pub state: FileState,
    /// Its object's key in the files bucket, once archived.
    pub key: Option<String>,
    /// SHA-256 in hex, where one is known.
    pub sha256: Option<String>,
    /// Why not, in words.
    pub error: Option<String>,
    /// When it was first tried in vain.
    #[serde(default)]
    pub failing_since: Option<Timestamp>,
    /// How often other bytes than the stated ones came.
    #[serde(default)]
    pub bad_copies: u32,
}

impl RunFile {
    pub(super) fn pending(file: TaskFile) -> Self {
        Self {
            file,
            state: FileState::Pending,
            key: None,
            sha256: None,
            error: None,
            failing_since: None,
            bad_copies: 0,
        }
    }

    /// The file's id within its task.
    #[must_use]
    pub fn id(&self) -> &FileId {
        &self.file.id
    }
}
