//! Decisions about many runs.

use serde::Serialize;

use crate::run::{RunBrief, RunId};

/// The answer to `POST /api/runs/abandon`.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct AbandonManyAnswer<'a> {
    /// The runs that are abandoned now.
    pub abandoned: Vec<RunBrief<'a>>,
    /// The runs that are not.
    pub skipped: Vec<SkippedRun<'a>>,
    /// The parameter `cursor` of the next call; `null` if no run follows.
    pub cursor: Option<&'a str>,
}

/// The answer to `POST /api/runs/retry`.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct RetryManyAnswer<'a> {
    /// The runs that were retried now.
    pub retried: Vec<RetriedRun<'a>>,
    /// The runs that were not.
    pub skipped: Vec<SkippedRun<'a>>,
    /// The parameter `cursor` of the next call; `null` if no run follows.
    pub cursor: Option<&'a str>,
}

/// A run that was retried.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct RetriedRun<'a> {
    /// The run that was retried.
    pub run_id: RunId,
    /// The new run.
    pub retry: RunBrief<'a>,
}

/// A run about which a call decided nothing.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct SkippedRun<'a> {
    /// The run.
    pub run_id: RunId,
    /// Why not.
    pub reason: &'a str,
}
