//! Runs and files as a hook shares them: what the holder of a signed link sees.

use serde::Serialize;

use super::deliveries::StageOfError;
use crate::fabricate::FileId;
use crate::run::{FileState, RunId, Status};

/// A run as its hook shares it: the answer to `GET /status/{run_id}`.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct SharedRun<'a> {
    /// UUID of version 7.
    pub run_id: RunId,
    /// The run's status.
    pub status: Status,
    /// Fabricate's task; `null` until the workflow is started.
    pub task: Option<SharedTask<'a>>,
    /// Where the run failed, or why it is `unconfirmed`; `null` otherwise.
    pub error: Option<StageOfError>,
    /// The task's files; absent unless the hook shares files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<SharedFile<'a>>>,
}

/// Fabricate's task, as a hook shares it.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct SharedTask<'a> {
    /// The status, as Fabricate spells it.
    pub status: &'a str,
}

/// A file, as a hook shares it.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct SharedFile<'a> {
    /// Fabricate's id of the file.
    pub id: &'a FileId,
    /// The name under which the file is saved.
    pub name: String,
    /// Bytes; `null` if Fabricate does not state them.
    pub size: Option<u64>,
    /// Media type; `null` if Fabricate does not state it.
    pub content_type: Option<&'a str>,
    /// Whether the file is archived.
    pub state: FileState,
    /// The whole address of a signed link to the file; `null` until it is archived.
    pub url: Option<String>,
}
