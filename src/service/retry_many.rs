//! Retrying every run of a list, page by page: each call retries a bounded number and returns where the next goes on.

use crate::log;
use crate::ports::{Clock, Log, Metrics, Notifier, RunLists, RunRecords, StoreError, WholeInbox};
use crate::run::{Run, RunId};
use crate::timestamp::Timestamp;

use super::many::{bounded, reason_to_skip};
use super::operator::Refusal;
use super::queries::{Query, list_runs};
use super::retry::{Hooks, retry_if};

/// The outcome of one call.
#[derive(Debug, Default)]
pub struct Many {
    /// Each run that was retried now, with its new run.
    pub retried: Vec<(RunId, Run)>,
    /// Each run that was not retried, with the reason.
    pub skipped: Vec<(RunId, String)>,
    /// The new runs that the caller starts now.
    pub to_start: Vec<Run>,
    /// The position for the next call; `None`: no run is left.
    pub cursor: Option<String>,
}

/// Retries the selected runs, newest first. Calling again does no harm: a run is retried once.
///
/// # Errors
/// `StoreError` when the runs cannot be listed. A run whose retry fails is skipped; a later call retries it.
pub async fn retry_many<W: WholeInbox + RunRecords + RunLists + Notifier + Clock + Log + Metrics>(
    world: &W,
    hooks: &Hooks<'_>,
    selection: Query,
    now: Timestamp,
) -> Result<Many, StoreError> {
    let selection = bounded(selection);
    let listed = list_runs(world, &selection).await?;
    let mut many = Many { cursor: listed.cursor, ..Many::default() };
    for listed in listed.runs {
        let run_id = listed.run_id;
        match retry_listed(world, hooks, run_id, &selection, now).await {
            Ok((run, starts)) => {
                if starts {
                    many.to_start.push(run.clone());
                }
                many.retried.push((run_id, run));
            }
            Err(reason) => many.skipped.push((run_id, reason)),
        }
    }
    Ok(many)
}

/// Retries one run of the list.
///
/// # Errors
/// The reason for people where the run is not retried.
async fn retry_listed<W: WholeInbox + RunRecords + Clock + Log + Metrics>(
    world: &W,
    hooks: &Hooks<'_>,
    run_id: RunId,
    selection: &Query,
    now: Timestamp,
) -> Result<(Run, bool), String> {
    let wanted = |run: &Run| selection.wants_status(run.status) && !run.abandoned;
    match retry_if(world, hooks, run_id, &wanted, now).await {
        Ok(retried) if retried.is_new => Ok((retried.run, retried.starts)),
        Ok(retried) => Err(format!("retried before, as {}", retried.run.run_id)),
        // Its workflow may be running, so that the operator must ask for this run by name.
        Err(Refusal::WrongState { run, .. }) if run.abandoned => {
            Err("abandoned, and its workflow may have run: retry it with its own call".to_owned())
        }
        Err(refusal) => Err(reason_to_skip(world, log::RUN_NOT_RETRIED, run_id, refusal)),
    }
}
