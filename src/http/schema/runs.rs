//! One run, and lists of runs.

use serde::{Deserialize, Serialize};

use crate::run::RunBrief;
use crate::service::timeline::Event;

/// The answer to `GET /api/runs`.
#[derive(Debug, Serialize)]
pub struct RunList<'a> {
    /// Newest first.
    pub runs: Vec<RunBrief<'a>>,
    /// The parameter `cursor` of the next call; `null` if no run follows.
    pub cursor: Option<String>,
}

/// The answer to `GET /api/runs/{run_id}/timeline`.
#[derive(Debug, Serialize)]
pub struct Timeline {
    /// In order of time.
    pub events: Vec<Event>,
}

/// The body of `POST /api/runs/{run_id}/adopt`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdoptRequest {
    /// Fabricate's id of the task: 1 to 128 printable ASCII characters without spaces, quotes or backslashes.
    pub task_id: String,
}

/// The body of `POST /api/runs/{run_id}/abandon` and `POST /api/runs/abandon`; may be left out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbandonRequest {
    /// Why the run is given up: it becomes part of the run's error. May be absent.
    #[serde(default)]
    pub reason: Option<String>,
}
