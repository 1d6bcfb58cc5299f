//! A sender delivers an event again whose run failed: where its hook says `on_redelivery = "retry_failed"`, the run is
//! retried, through the same gate as the operator's retries.

use serde_json::json;

use crate::hook::Hook;
use crate::journal::JournalState;
use crate::ports::{Level, StoreError, World};
use crate::run::Run;
use crate::timestamp::Timestamp;

use super::decide::read_journal;
use super::operate::Refusal;
use super::retry::{Retried, retried_before, retry_if};

/// How often an event is retried in all, the operator's retries counted: after that its sender is told how it stands.
const RETRIES_MAX: usize = 10;

/// Follows an event's retries to the last, and retries that if it failed and `may_retry`.
pub(super) async fn follow_retries<W: World>(
    world: &W,
    hook: &Hook,
    first: Run,
    may_retry: bool,
    now: Timestamp,
) -> Result<Retried, StoreError> {
    let mut last = Retried { run: first, is_new: false, starts: false };
    for _ in 0..RETRIES_MAX {
        let Some((next, at)) = world.get_retry(last.run.run_id).await? else {
            return if may_retry { retry_failed(world, hook, last, now).await } else { Ok(last) };
        };
        last = retried_before(world, next, at, now).await?;
    }
    Ok(last)
}

/// Retries a run if its journal says that it failed, and in a way that its sender may repeat.
async fn retry_failed<W: World>(
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
            world.log(Level::Warn, "redelivery cannot retry its run", fields);
            Ok(last)
        }
    }
}
