//! Retrying every run of a list: so many in one call, and where the next call goes on.

use crate::hook::HookName;
use crate::ports::{StoreError, World};
use crate::run::{Run, RunId, Status};
use crate::timestamp::Timestamp;

use super::operate::Refusal;
use super::queries::{Position, Query, list_runs};
use super::retry::{Hooks, retry_if};

/// The most runs that one call looks at: each takes some ten operations of the free plan's 1,000 in an invocation, and
/// a start is one of its 50 outbound requests.
pub const MANY_MAX: usize = 50;

/// Which runs are to be retried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Of this status: `failed`, `canceled` or `unconfirmed`.
    pub status: Status,
    /// Only of this hook.
    pub hook: Option<HookName>,
    /// Only those that were accepted then or later.
    pub since: Option<Timestamp>,
    /// At most so many, up to [`MANY_MAX`].
    pub limit: usize,
    /// After this position.
    pub after: Option<Position>,
}

/// What one call came to.
#[derive(Debug, Default)]
pub struct Many {
    /// Each run that was retried now, and its new run.
    pub retried: Vec<(RunId, Run)>,
    /// Each that was not, and why.
    pub skipped: Vec<(RunId, String)>,
    /// The new runs that are to be started now.
    pub to_start: Vec<Run>,
    /// For the next call; `None`: that was all.
    pub cursor: Option<String>,
}

/// Retries the selected runs, newest first. Calling again does no harm: a run is retried once.
///
/// # Errors
/// When they cannot be listed. A run whose retry fails is skipped, and a later call takes it up.
pub async fn retry_many<W: World>(
    world: &W,
    hooks: &Hooks<'_>,
    selection: Selection,
    now: Timestamp,
) -> Result<Many, StoreError> {
    let Selection { status, hook, since, limit, after } = selection;
    let query = Query { status: Some(status), hook, limit: limit.min(MANY_MAX), after };
    let listed = list_runs(world, &query).await?;
    let mut many = Many { cursor: listed.cursor, ..Many::default() };
    for listed in listed.runs {
        let run_id = listed.run_id;
        if since.is_some_and(|since| run_id.created_at() < since) {
            // Older ones alone follow.
            many.cursor = None;
            break;
        }
        match retry_listed(world, hooks, run_id, status, now).await {
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

/// Retries one run of the list; the reason where it is not.
async fn retry_listed<W: World>(
    world: &W,
    hooks: &Hooks<'_>,
    run_id: RunId,
    status: Status,
    now: Timestamp,
) -> Result<(Run, bool), String> {
    let wanted = |run: &Run| run.status == status && !run.abandoned;
    match retry_if(world, hooks, run_id, &wanted, now).await {
        Ok(retried) if retried.is_new => Ok((retried.run, retried.starts)),
        Ok(retried) => Err(format!("retried before, as {}", retried.run.run_id)),
        // Its workflow may run: whoever retries that means this one run.
        Err(Refusal::WrongState { run, .. }) if run.abandoned => {
            Err("given up, and its workflow may have run: retry it by itself".to_owned())
        }
        Err(Refusal::WrongState { run, .. }) => Err(format!("it is {} by now", run.status.as_str())),
        // What a store says is for the log.
        Err(Refusal::Store(error)) => {
            let fields = serde_json::json!({"run_id": run_id, "error": error.to_string()});
            world.log(crate::ports::Level::Warn, "run not retried", fields);
            Err("storage failed: call again".to_owned())
        }
        Err(refusal) => Err(refusal.to_string()),
    }
}
