//! `advance`: the one place that moves a run. A webhook, a sweep, the queue and an operator's decision only call it.
//!
//! Every step may run twice, at the same time and in different places: what must happen once is decided in the
//! journal first, and shown in KV after.

mod give_up;
mod start;

use crate::fabricate::{Health, KeyAnswer, StatusError, Task, TaskId, TaskStatus};
use crate::journal::{Decision, Journal, JournalState};
use crate::log;
use crate::ports::{
    Clock, EntryKey, Inbox, Metrics, Point, PointKind, PointOutcome, RunRecords, StoreError, World,
};
use crate::run::{Effect, Run, RunId, Status, Step, Summary, Tick};
use crate::timestamp::Timestamp;

use super::archive::archive_files;
use super::close::close_and_show;
use super::journals::{Appended, append, read_journal};
use super::kv_records::{TRIES, follow_end, show_open};
use super::run_state::align;
use super::{Budget, log_run, record_health, record_key_answer};
pub(super) use give_up::give_up;
use start::{give_way, start};

/// What an attempt to advance a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advanced {
    /// Nothing was due, or nothing had changed.
    Unchanged,
    /// Fabricate did not answer the poll as it should, and nothing changed.
    NotAnswered,
    /// KV has no record of the run: the run has ended, or KV is late.
    NotShown,
    /// The run moved, or its record was brought up to date.
    Moved,
    /// Fabricate rejects the API key (401), so that no other run can be polled either.
    KeyRefused,
    /// Fabricate rejects the API key for this workspace (403).
    WorkspaceRefused,
    /// No request was left, the circuit breaker is open, there was no memory for a large answer, or the budget is for ends
    /// and the run does not end yet ([`Budget::for_ends`]).
    OutOfBudget,
}

/// Does the next step of a listed run, if one is due.
///
/// # Errors
/// `StoreError` when KV or R2 fails. Nothing is lost: the next call goes on where this one stopped.
pub async fn advance<W: World>(
    world: &W,
    summary: &Summary,
    tick: Tick,
    budget: &Budget,
) -> Result<Advanced, StoreError> {
    match summary.next_step(tick) {
        Step::Wait => Ok(Advanced::Unchanged),
        Step::Settle | Step::Notify => Box::pin(settle_listed(world, summary.run_id, tick.now, budget)).await,
        Step::Poll(task_id) => poll(world, summary, task_id, tick.now, budget).await,
    }
}

/// [`settle`]s a run of the list by its `open/` record.
pub(super) async fn settle_listed<W: World>(
    world: &W,
    run_id: RunId,
    now: Timestamp,
    budget: &Budget,
) -> Result<Advanced, StoreError> {
    match world.get_open(run_id).await? {
        Some(run) if run.has_pending_notifications() && run.status.is_final() => {
            // Such a record is written only after the journal has the end.
            if follow_end(world, &run).await?.is_some() {
                budget.outbox().add_due(&run, true, now);
            }
            Ok(Advanced::Unchanged)
        }
        Some(mut run) => settle(world, &mut run, now, budget).await,
        None => Ok(Advanced::NotShown),
    }
}

/// Starts a run that this invocation has just accepted, or healed, and that is in the given state. If the run shows no attempt, its
/// journal was empty a moment ago and is not read: where another invocation was faster, the first entry is taken, and that
/// invocation goes on. Any other run is [`settle`]d.
///
/// # Errors
/// As [`advance`].
pub async fn start_new<W: World>(
    world: &W,
    run: &mut Run,
    now: Timestamp,
    budget: &Budget,
) -> Result<Advanced, StoreError> {
    if run.attempts == 0 && run.task.is_none() {
        start(world, run, &Journal::new(Vec::new()), now, budget).await
    } else {
        settle(world, run, now, budget).await
    }
}

/// Does what a run's journal says: starts the run, follows a decision, or closes the run. Where the run is started now, or
/// was, `run` has its task then.
///
/// # Errors
/// As [`advance`].
pub async fn settle<W: World>(
    world: &W,
    run: &mut Run,
    now: Timestamp,
    budget: &Budget,
) -> Result<Advanced, StoreError> {
    let mut journal = read_journal(world, run.run_id).await?;
    // A task in the record came from Fabricate: if the journal could not be written then, it is written now.
    if run.task.is_some() {
        journal = match enter_known_task(world, run, journal, now).await? {
            Some(journal) => journal,
            None => return Ok(Advanced::Unchanged),
        };
    }
    let attempts = journal.attempts();
    let standing = journal.state_for(run, now);
    if run.task.is_none()
        && let Some(why) = journal.expiry(&standing, now)
    {
        return give_up(world, run.clone(), &journal, why, now).await.map(|_| Advanced::Moved);
    }
    match &standing {
        JournalState::Ended(ended) => {
            if let Some(untold) = follow_end(world, ended).await? {
                budget.outbox().add_due(&untold, false, now);
            }
        }
        // An expired journal has a task here: the entries before it expired just now, and the next sweep enters it again.
        JournalState::UnderWay | JournalState::Expired(_) => return Ok(Advanced::Unchanged),
        JournalState::Waiting { not_before } if now < *not_before => {
            return give_way(world, run, &journal, now, budget).await;
        }
        JournalState::Fresh | JournalState::Waiting { .. } => {
            return start(world, run, &journal, now, budget).await;
        }
        JournalState::Started { .. } => {
            align(run, &standing, attempts, now);
            show_open(world, run, TRIES).await?;
        }
        JournalState::Unconfirmed { not_before, .. }
            if run.may_restart(attempts) && !journal.is_overdue(now) =>
        {
            if not_before.is_some_and(|not_before| now < not_before) {
                return Ok(Advanced::Unchanged);
            }
            return start(world, run, &journal, now, budget).await;
        }
        JournalState::Unconfirmed { .. } if run.status == Status::Unconfirmed => {
            budget.outbox().add_due(run, true, now);
            return Ok(Advanced::Unchanged);
        }
        JournalState::Unconfirmed { .. } => {
            align(run, &standing, attempts, now);
            show_open(world, run, TRIES).await?;
            log_run(world, log::START_UNCONFIRMED, run);
        }
    }
    Ok(Advanced::Moved)
}

/// Enters a task that the record has and the journal lacks: Fabricate named it while the journal could not be written, or
/// its entry has expired. `None`: the run has ended, or another invocation appended an entry first.
///
/// The entry of its end may have expired too. A `done/` record outlives a sweep that died before it removed `open/`, so
/// that record is read first.
pub(super) async fn enter_known_task<W: Inbox<EntryKey> + RunRecords + Clock>(
    world: &W,
    run: &Run,
    journal: Journal,
    now: Timestamp,
) -> Result<Option<Journal>, StoreError> {
    let known = matches!(journal.state(now), JournalState::Started { .. } | JournalState::Ended(_));
    let (false, Some(task)) = (known, &run.task) else {
        return Ok(Some(journal));
    };
    if let Some(done) = world.get_done(run.run_id).await? {
        follow_end(world, &done).await?;
        return Ok(None);
    }
    let decision = Decision::Task { task_id: task.id.clone() };
    match append(world, run.run_id, journal.next_entry_number(), decision).await? {
        Appended::Ours => read_journal(world, run.run_id).await.map(Some),
        Appended::Theirs => Ok(None),
    }
}

/// Polls a run's task. An unchanged task costs one request, and no read or write.
async fn poll<W: World>(
    world: &W,
    summary: &Summary,
    task_id: TaskId,
    now: Timestamp,
    budget: &Budget,
) -> Result<Advanced, StoreError> {
    if !budget.take(world) {
        return Ok(Advanced::OutOfBudget);
    }
    let asked = world.now();
    let answer = world.status(&task_id).await;
    write_point(world, summary, &answer, world.now().since_ms(asked));
    let health = Health::of_status(&answer);
    record_health(world, health);
    record_key_answer(world, summary.workspace(), KeyAnswer::of_status(&answer));
    match &answer {
        Err(StatusError::Unauthorized) => Ok(Advanced::KeyRefused),
        Err(StatusError::Forbidden) => Ok(Advanced::WorkspaceRefused),
        Err(StatusError::NoRoom) => Ok(Advanced::OutOfBudget),
        answer if summary.is_unchanged_by(answer, now) => Ok(match health {
            Health::Failing { .. } => Advanced::NotAnswered,
            Health::Well | Health::Unsure => Advanced::Unchanged,
        }),
        Ok(task) if task.status() == TaskStatus::Completed && !budget.admits(&task.files) => {
            Ok(Advanced::OutOfBudget)
        }
        _ => Box::pin(follow(world, summary, task_id, answer, now, budget)).await,
    }
}

/// Writes the data point of a status request, which took `duration_ms`.
fn write_point(
    world: &impl Metrics,
    summary: &Summary,
    answer: &Result<Task, StatusError>,
    duration_ms: i64,
) {
    let (outcome, status) = match answer {
        Ok(task) => match task.status() {
            TaskStatus::Completed => (PointOutcome::Completed, Some(200)),
            TaskStatus::Failed => (PointOutcome::Failed, Some(200)),
            TaskStatus::Canceled => (PointOutcome::Canceled, Some(200)),
            TaskStatus::InProgress => (PointOutcome::Unchanged, Some(200)),
        },
        Err(StatusError::Unauthorized) => (PointOutcome::Refused, Some(401)),
        Err(StatusError::Forbidden) => (PointOutcome::Refused, Some(403)),
        Err(StatusError::NotFound) => (PointOutcome::NotAnswered, Some(404)),
        Err(_) => (PointOutcome::NotAnswered, None),
    };
    let point = Point::of_listed(PointKind::Poll, outcome, summary);
    world.write_point(&Point { detail: status.into(), duration_ms, ..point });
}

/// Follows the answer about a run's task: shows it, archives its files, closes the run.
async fn follow<W: World>(
    world: &W,
    summary: &Summary,
    task_id: TaskId,
    answer: Result<Task, StatusError>,
    now: Timestamp,
    budget: &Budget,
) -> Result<Advanced, StoreError> {
    let Some(mut run) = world.get_open(summary.run_id).await? else {
        return Ok(Advanced::NotShown);
    };
    let journal = read_journal(world, run.run_id).await?;
    let at = match journal.state(now) {
        JournalState::Started { task_id: decided, at } if decided == task_id => at,
        // KV showed another task than the journal has.
        _ => return settle(world, &mut run, now, budget).await,
    };
    if run.task.as_ref().is_none_or(|task| task.id != task_id) {
        run.mark_started(task_id, journal.attempts(), at);
    }
    // The record may have been written before the last start.
    run.attempts = run.attempts.max(journal.attempts());
    let mut seen = match answer {
        Ok(task) => run.apply_task(task, now),
        Err(StatusError::NotFound) => run.apply_missing_task(now),
        Err(StatusError::TooLarge(reason)) => run.apply_oversized_answer(&reason, now),
        Err(error) => run.apply_poll_failure(&error.to_string(), now),
    };
    let mut learned = None;
    if seen == Effect::TaskCompleted {
        // Boxed: copying needs far more room than all else, and most steps copy nothing.
        let changed = Box::pin(archive_files(world, &mut run, now, budget)).await;
        learned = changed.then(|| Run { status: Status::Archiving, ..run.clone() });
        seen = run.apply_archive_pass(changed, now);
    }
    match seen {
        Effect::Unchanged | Effect::TaskCompleted => return Ok(Advanced::Unchanged),
        Effect::Changed if budget.is_for_ends() => return Ok(Advanced::OutOfBudget),
        Effect::Changed => show_open(world, &mut run, TRIES).await?,
        Effect::Ended => {
            let ended = close_and_show(world, journal.next_entry_number(), &mut run, now).await;
            if let (Err(_), Some(mut run)) = (&ended, learned) {
                // Otherwise each sweep would copy its files again, until its end can be entered.
                show_open(world, &mut run, TRIES).await?;
            }
            if ended? == Appended::Ours {
                budget.outbox().add_new(&run);
            }
        }
    }
    Ok(Advanced::Moved)
}

#[cfg(test)]
mod tests;
