//! One run, and lists of runs.

use serde::{Deserialize, Serialize};

use crate::run::RunBrief;
use crate::service::timeline::Event;

/// The answer to `GET /api/runs`.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct RunList<'a> {
    /// Newest first.
    pub runs: Vec<RunBrief<'a>>,
    /// The parameter `cursor` of the next call; `null` if no run follows.
    pub cursor: Option<String>,
}

/// The answer to `GET /api/runs/{run_id}/timeline`.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Timeline {
    /// In order of time.
    pub events: Vec<Event>,
}

/// The body of `POST /api/runs/{run_id}/adopt`.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AdoptRequest {
    /// Fabricate's id of the task: 1 to 128 printable ASCII characters without spaces, quotes or backslashes.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "crate::fabricate::TaskId"))]
    pub task_id: String,
}

/// The body of `POST /api/runs/{run_id}/abandon` and `POST /api/runs/abandon`; may be left out.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AbandonRequest {
    /// Why the run is given up: it becomes part of the run's error. May be absent.
    #[serde(default)]
    pub reason: Option<String>,
}
