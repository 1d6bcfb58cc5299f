//! The overview.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::run::{RunBrief, Status};
use crate::service::overview::{HookRuns, Hour, NotifiedTarget, Overview, Quantiles, Sweeps};
use crate::timestamp::Timestamp;

/// The answer to `GET /api/overview`.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Overview"))]
pub struct OverviewView<'a> {
    /// The beginning of the first hour.
    pub from: Timestamp,
    /// The time of the overview.
    pub until: Timestamp,
    /// The runs of each hour, the oldest first. A run belongs to the hour in which it was accepted.
    pub hours: &'a [Hour],
    /// How many runs have each status: those accepted since `from`, and all that are open.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(schema_with = "crate::http::openapi::run_counts"))]
    pub totals: &'a BTreeMap<Status, usize>,
    /// The share of the runs that completed among those that completed or failed, 0 to 1; `null` if there are none.
    pub success_rate: Option<f64>,
    /// From acceptance to completion, seconds; `null` if none completed.
    pub seconds_to_finish: Option<Quantiles>,
    /// The open run that was accepted first; `null` if there is none.
    pub oldest_open: Option<RunBrief<'a>>,
    /// The `unconfirmed` runs, newest first, at most 50.
    pub parked: Vec<RunBrief<'a>>,
    /// The runs of these hours, and the open ones of any age, by hook.
    pub hooks: &'a BTreeMap<String, HookRuns>,
    /// Whether sweeps advance the open runs.
    pub sweeps: Sweeps,
    /// The targets of notifications, by name.
    pub targets: &'a [NotifiedTarget],
    /// Whether all runs were read: there may be more than one call reads.
    pub is_complete: bool,
}

impl<'a> OverviewView<'a> {
    pub(in crate::http) fn of(overview: &'a Overview) -> Self {
        Self {
            from: overview.from,
            until: overview.until,
            hours: &overview.hours,
            totals: &overview.totals,
            success_rate: overview.success_rate(),
            seconds_to_finish: overview.seconds_to_finish,
            oldest_open: overview.oldest_open.as_ref().map(|run| run.view_at(overview.until)),
            parked: overview.parked.iter().map(|run| run.view_at(overview.until)).collect(),
            hooks: &overview.hooks,
            sweeps: overview.sweeps,
            targets: &overview.targets,
            is_complete: overview.is_complete,
        }
    }
}
