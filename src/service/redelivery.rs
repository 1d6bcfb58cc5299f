//! Retrying a failed run because its sender delivered the event again, where the hook says
//! `on_redelivery = "retry_failed"`. It takes the same gate as the operator's retries.

use serde_json::json;

use crate::hook::Hook;
use crate::journal::JournalState;
use crate::log;
use crate::ports::{Clock, Log, Metrics, RetryKey, RunRecords, StoreError, WholeInbox};
use crate::run::Run;
use crate::timestamp::Timestamp;

use super::journals::read_journal;
use super::operator::Refusal;
use super::retry::{Retried, retried_before, retry_if};

/// How often an event is retried in all, the operator's retries included. After that the answer shows the last run.
const RETRIES_MAX: usize = 10;

/// Follows the retries of an event to the last run, and retries that one if it failed and `may_retry`.
pub(super) async fn follow_retries<W: WholeInbox + RunRecords + Clock + Log + Metrics>(
    world: &W,
    hook: &Hook,
    first: Run,
    may_retry: bool,
    now: Timestamp,
) -> Result<Retried, StoreError> {
    let mut last = Retried { run: first, is_new: false, starts: false };
    for _ in 0..RETRIES_MAX {
        let Some((next, at)) = world.get(&RetryKey(last.run.run_id)).await? else {
            return if may_retry { retry_failed(world, hook, last, now).await } else { Ok(last) };
        };
        last = retried_before(world, next, at, now).await?;
    }
    Ok(last)
}

/// Retries a run if its journal says that it failed in a way that its sender may repeat.
async fn retry_failed<W: WholeInbox + RunRecords + Clock + Log + Metrics>(
    world: &W,
    hook: &Hook,
    last: Retried,
    now: Timestamp,
) -> Result<Retried, StoreError> {
    let run_id = last.run.run_id;
    match read_journal(world, run_id).await?.state(now) {
        JournalState::Ended(run) if run.may_be_redelivered() => {}
        _ => return Ok(last),
    }
    let hooks = |name: &_| (hook.name == *name).then_some(hook);
    match retry_if(world, &hooks, run_id, &Run::may_be_redelivered, now).await {
        Ok(retried) => Ok(retried),
        Err(Refusal::Store(error)) => Err(error),
        Err(refusal) => {
            let fields = json!({"run_id": run_id, "reason": refusal.to_string()});
            world.log(log::REDELIVERY_NOT_RETRIED, fields);
            Ok(last)
        }
    }
}
