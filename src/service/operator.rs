//! The operator's decisions about one run: it adopts a task that the operator found at Fabricate, or it is abandoned.
//!
//! Each reads the journal, appends its decision as the next entry, and only then lets KV show it. A call that finds the
//! entry taken has decided nothing.

use crate::fabricate::TaskId;
use crate::journal::{Decision, JournalState};
use crate::log;
use crate::ports::{Clock, EntryKey, IdleHints, Inbox, Log, Metrics, RunRecords, StoreError, World};
use crate::run::{Run, RunId};
use crate::timestamp::Timestamp;

use super::advance::settle;
use super::close::close;
use super::journals::{Appended, append};
use super::kv_records::{TRIES_WHILE_WAITED_FOR, show_end};
use super::run_state::{RunState, log_not_shown};
use super::{Budget, log_run};

/// Why an operator's call changed nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// There is no such run, or it has expired.
    #[error("there is no run with this id, or it has expired")]
    NoSuchRun,
    /// The run is in another state, perhaps because of another call a moment ago.
    #[error("{why}")]
    WrongState {
        /// The run as it is now.
        run: Box<Run>,
        /// Which state the call needs.
        why: &'static str,
    },
    /// The delivery of the run has expired, so that its parameters cannot be mapped again.
    #[error("the delivery of this run is not stored any more")]
    NoDelivery,
    /// The configuration no longer has a hook or a rule for the run.
    #[error("{0}")]
    NotConfigured(&'static str),
    /// A store failed. The call may be repeated.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Gives an `unconfirmed` run the task that the operator found at Fabricate. Repeating the call is no mistake.
///
/// The decision is the journal's entry; [`settle`] then moves the run as it does for any other decision.
///
/// # Errors
/// - [`Refusal::NoSuchRun`]; [`Refusal::WrongState`] unless the run is `unconfirmed`, or has this task.
/// - [`Refusal::Store`] when a store fails before the decision.
pub async fn adopt<W: World>(
    world: &W,
    run_id: RunId,
    task_id: &TaskId,
    now: Timestamp,
) -> Result<Run, Refusal> {
    let mut state = RunState::load(world, run_id, now).await?;
    if !matches!(state.standing, JournalState::Unconfirmed { .. } | JournalState::Expired(_)) {
        return adopted(state, task_id);
    }
    let decision = Decision::Task { task_id: task_id.clone() };
    if append(world, run_id, state.next_entry, decision).await? == Appended::Ours {
        log_run(world, log::TASK_ADOPTED, &state.run);
        if let Err(error) = settle(world, &mut state.run, now, &Budget::new(0)).await {
            log_not_shown(world, run_id, &error);
        }
    }
    adopted(RunState::load(world, run_id, now).await?, task_id)
}

/// The answer where the run adopts nothing now: `Ok` if it has this task already.
fn adopted(state: RunState, task_id: &TaskId) -> Result<Run, Refusal> {
    match &state.standing {
        JournalState::Started { task_id: standing, .. } if standing == task_id => Ok(state.run),
        _ => Err(state.refuse("only an unconfirmed run adopts a task")),
    }
}

/// Ends an `unconfirmed` or `queued` run as `failed`. Repeating the call is no mistake.
///
/// # Errors
/// - [`Refusal::NoSuchRun`]; [`Refusal::WrongState`] when the run is in another state.
/// - [`Refusal::Store`] when a store fails before the decision.
pub async fn abandon<W: Inbox<EntryKey> + RunRecords + IdleHints + Clock + Log + Metrics>(
    world: &W,
    run_id: RunId,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<Run, Refusal> {
    let state = RunState::load(world, run_id, now).await?;
    abandon_loaded(world, state, reason, now).await
}

/// [`abandon`], of a run that was just loaded.
pub(super) async fn abandon_loaded<W: Inbox<EntryKey> + RunRecords + IdleHints + Clock + Log + Metrics>(
    world: &W,
    state: RunState,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<Run, Refusal> {
    match state.standing {
        JournalState::Unconfirmed { .. }
        | JournalState::Fresh
        | JournalState::Waiting { .. }
        | JournalState::Expired(_) => {}
        _ => return abandoned(state),
    }
    let mut run = state.run;
    run.abandon(state.attempts, reason, now);
    if close(world, state.next_entry, &run).await? == Appended::Theirs {
        return abandoned(RunState::load(world, run.run_id, now).await?);
    }
    if let Err(error) = show_end(world, &mut run, TRIES_WHILE_WAITED_FOR).await {
        log_not_shown(world, run.run_id, &error);
    }
    Ok(run)
}

/// The answer where nothing is abandoned now: `Ok` if the run was abandoned before.
fn abandoned(state: RunState) -> Result<Run, Refusal> {
    match state.standing {
        JournalState::Ended(run) if run.abandoned => Ok(*run),
        JournalState::UnderWay => Err(state.refuse("a start request is under way: look again in a moment")),
        _ => Err(state.refuse("only a queued or an unconfirmed run can be abandoned")),
    }
}

#[cfg(test)]
mod tests;
