//! Retrying a run: a new run from the stored delivery, mapped with the hook as it is configured now.
//!
//! `retries/{run_id}` is the gate: it is created once and holds the new run, so that two clicks make one new run. Nothing
//! is started here.

use crate::hook::event::Event;
use crate::hook::{Hook, HookName};
use crate::journal::JournalState;
use crate::log;
use crate::ports::{
    Clock, DeliveryKey, Inbox, ItemKey, Log, Metrics, Retry, RetryKey, RunRecords, StoreError, WholeInbox,
};
use crate::run::{MappedFrom, Run, RunId, Status};
use crate::timestamp::Timestamp;
use crate::trace_context::TraceContext;

use super::accept::{CLAIM_YOUNG_MS, Healing, TRIES_TO_CLAIM, heal, new_run, show_new};
use super::create_once::create_once;
use super::log_run;
use super::operator::{Refusal, abandon_loaded};
use super::origin::Origin;
use super::plan::{Plan, map_again, rule_again};
use super::run_state::RunState;

/// Looks up a hook by its name; `None` when it is not configured, or has a mistake.
pub type Hooks<'h> = dyn Fn(&HookName) -> Option<&'h Hook> + 'h;

/// The outcome of a retry.
#[derive(Debug, Clone, PartialEq)]
pub struct Retried {
    /// The new run.
    pub run: Run,
    /// Whether this call made the run, and not an earlier one.
    pub is_new: bool,
    /// Whether the caller starts it now (`start_accepted`).
    pub starts: bool,
}

/// Makes a new run for a failed or canceled run, for an `unconfirmed` run after abandoning it, and with `force` for a
/// completed run too, whose workflow then runs a second time. A run is retried once: every later call returns the same
/// new run, which can be retried in turn.
///
/// # Errors
/// Each [`Refusal`]. Nothing was decided, except perhaps after [`Refusal::Store`]: the call may be repeated.
pub async fn retry<W: WholeInbox + RunRecords + Clock + Log + Metrics>(
    world: &W,
    hooks: &Hooks<'_>,
    run_id: RunId,
    force: bool,
    now: Timestamp,
) -> Result<Retried, Refusal> {
    retry_if(world, hooks, run_id, &|run| force || run.status != Status::Completed, now).await
}

/// [`retry`], if the run is `wanted` in the state that its journal has.
pub(super) async fn retry_if<W: WholeInbox + RunRecords + Clock + Log + Metrics>(
    world: &W,
    hooks: &Hooks<'_>,
    run_id: RunId,
    wanted: &dyn Fn(&Run) -> bool,
    now: Timestamp,
) -> Result<Retried, Refusal> {
    if let Some((standing, at)) = world.get(&RetryKey(run_id)).await? {
        return Ok(Box::pin(retried_before(world, standing, at, now)).await?);
    }
    let state = RunState::load(world, run_id, now).await?;
    let parked = match &state.standing {
        JournalState::Ended(run) if wanted(run) => false,
        JournalState::Unconfirmed { .. } | JournalState::Expired(_) if wanted(&state.run) => true,
        JournalState::Ended(run) if run.status == Status::Completed => {
            return Err(state.refuse("the run is completed: ?force=true runs its workflow a second time"));
        }
        _ => return Err(state.refuse("only a run that has ended, or is unconfirmed, can be retried")),
    };
    // Mapped before anything is decided, so that a run whose retry is refused is not abandoned.
    let new = renew(world, hooks, &state.run, now).await?;
    let old = if parked {
        Box::pin(abandon_loaded(world, state, Some("to be retried"), now)).await?
    } else {
        state.run
    };
    Ok(accept(world, &old, new, now).await?)
}

/// The new run for `old`. Where the task of `old` is completed, the new run takes the task over and archives the missing
/// files; otherwise its parameters are mapped again, and it has failed where that fails.
async fn renew<W: Inbox<DeliveryKey> + Inbox<ItemKey> + Clock>(
    world: &W,
    hooks: &Hooks<'_>,
    old: &Run,
    now: Timestamp,
) -> Result<Run, Refusal> {
    if old.lacks_files_only() {
        let rule = hooks(&old.hook).and_then(|hook| rule_again(hook, old, &[]));
        let settings = rule.map_or(&old.settings, |(_, rule)| &rule.settings).clone();
        return Ok(old.for_missing_files(RunId::new(now, world.random()), settings, now));
    }
    let origin = Origin::find(world, hooks, old).await?;
    let hook = origin.hook;
    // A run from before traces were kept has none, and its delivery may name one.
    let trace = old.trace.or_else(|| TraceContext::of_headers(&origin.delivery.headers));
    let plan = plan_again(origin, old);
    let mut run = new_run(world, hook, plan, &old.delivery_id, old.address.as_deref(), trace, now);
    run.retry_of = Some(old.run_id);
    Ok(run)
}

fn plan_again<'h>(origin: Origin<'h>, old: &Run) -> Plan<'h> {
    let Origin { hook, index, rule, delivery, item } = origin;
    let mapped = Event::from_stored(delivery, hook)
        .map_err(|error| error.to_string())
        .and_then(|event| map_again(hook, rule, &event, item));
    let (params, key) = match mapped {
        Ok((params, key)) => (Ok(params), key),
        Err(problem) => (Err(problem), None),
    };
    Plan {
        rule,
        mapped_from: MappedFrom { rule_index: index, item_index: item },
        item_id: old.item_id.clone(),
        params,
        key,
    }
}

/// Creates the gate with the run `new` and shows it, or returns the run of an earlier call.
async fn accept<W: WholeInbox + RunRecords + Clock + Log + Metrics>(
    world: &W,
    old: &Run,
    new: Run,
    now: Timestamp,
) -> Result<Retried, StoreError> {
    let retry = Retry { author: super::author(world), run: new };
    if let Some((standing, at)) = create_once(world, &RetryKey(old.run_id), &retry, TRIES_TO_CLAIM).await? {
        return Box::pin(retried_before(world, standing, at, now)).await;
    }
    let mut run = retry.run;
    log_run(world, log::RUN_RETRIED, &run);
    let shown = show_new(world, &mut run).await;
    if let Err(error) = &shown {
        // The run is accepted all the same: starting it shows it, and otherwise the hourly pass does.
        let fields = serde_json::json!({"run_id": run.run_id, "error": error.to_string()});
        world.log(log::RETRY_NOT_SHOWN, fields);
    }
    // Nobody is told of an end that may not be in the journal.
    let is_untold = shown.is_ok() && run.has_pending_notifications();
    let starts = is_untold || (!run.status.is_final() && (run.status == Status::Queued || shown.is_err()));
    Ok(Retried { run, is_new: true, starts })
}

/// The outcome where an earlier call made the retry. If KV has no record of its run, that is healed.
pub(super) async fn retried_before<W: WholeInbox + RunRecords + Clock + Log + Metrics>(
    world: &W,
    standing: Retry,
    at: Timestamp,
    now: Timestamp,
) -> Result<Retried, StoreError> {
    if now.since_ms(at) < CLAIM_YOUNG_MS {
        return Ok(Retried { run: standing.run, is_new: false, starts: false });
    }
    Ok(match heal(world, standing.run, at, now).await? {
        Healing::Known(run) => Retried { run: *run, is_new: false, starts: false },
        Healing::Healed(run) => Retried { run: *run, is_new: false, starts: true },
    })
}

#[cfg(test)]
pub(super) mod tests;
