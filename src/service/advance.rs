//! `advance`: the one place that moves a run. Everything else pokes it.
//!
//! Every step may run twice, at the same time and in different places: what must happen once is decided in the
//! journal first (`decide.rs`), and copied to KV after.

mod give_up;
mod start;

use crate::fabricate::{Health, StatusError, Task, TaskId};
use crate::journal::{Decision, Journal, JournalState};
use crate::mutation::{Mutation, makes};
use crate::ports::{Level, StoreError, World};
use crate::run::{Effect, Run, RunId, Status, Step, Summary, Tick};
use crate::timestamp::Timestamp;

use super::Budget;
use super::archive::archive_files;
use super::decide::{Entered, enter, read_journal};
use super::record::{TRIES, end, follow_end, put_open};
pub(super) use give_up::give_up;
use start::start;

/// What the log says of a start that nobody knows about.
const UNCONFIRMED: &str = "start is unconfirmed: see at Fabricate whether the workflow runs";

/// What came of a poke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advanced {
    /// Nothing was due, or nothing had changed.
    Unchanged,
    /// The run moved, or its record was brought up to date.
    Moved,
    /// Fabricate takes no request with this key (401): asking on is useless.
    KeyRefused,
    /// Fabricate takes no request for this workspace with this key (403).
    WorkspaceRefused,
    /// No request was left for it, Fabricate is not to be asked now, or there was no room for a large answer.
    OutOfBudget,
}

/// Does the next step of a listed run, if one is due.
///
/// # Errors
/// When a store fails. Nothing is lost by it: the next poke goes on where this one stopped.
pub async fn advance<W: World>(
    world: &W,
    summary: &Summary,
    tick: Tick,
    budget: &Budget,
) -> Result<Advanced, StoreError> {
    match summary.next_step(tick) {
        Step::Wait => Ok(Advanced::Unchanged),
        Step::Settle => Box::pin(settle_listed(world, summary.run_id, tick.now, budget)).await,
        Step::Poll(task_id) => poll(world, summary, task_id, tick.now, budget).await,
    }
}

async fn settle_listed<W: World>(
    world: &W,
    run_id: RunId,
    now: Timestamp,
    budget: &Budget,
) -> Result<Advanced, StoreError> {
    match world.get_open(run_id).await? {
        Some(run) => settle(world, run, now, budget).await,
        // Listed but gone: the list was late.
        None => Ok(Advanced::Unchanged),
    }
}

/// Does what a run's journal says: starts it, follows a decision, or closes it.
///
/// # Errors
/// As [`advance`].
pub async fn settle<W: World>(
    world: &W,
    mut run: Run,
    now: Timestamp,
    budget: &Budget,
) -> Result<Advanced, StoreError> {
    let mut journal = read_journal(world, run.run_id).await?;
    // A task that KV knows came from Fabricate: where the journal could not be written then, it is now.
    if run.task.is_some() && !makes(Mutation::UnenteredTasksStaySo) {
        journal = match enter_known_task(world, &run, journal, now).await? {
            Some(journal) => journal,
            None => return Ok(Advanced::Unchanged),
        };
    }
    let attempts = journal.attempts();
    let standing = journal.state_for(&run, now);
    if run.task.is_none()
        && let Some(why) = journal.expiry(&standing, now)
    {
        return give_up(world, run, &journal, why, now).await.map(|_| Advanced::Moved);
    }
    let believed = makes(Mutation::KvJustifiesStarts) && run.status == Status::Queued;
    match if believed { JournalState::Fresh } else { standing } {
        JournalState::Ended(_) if makes(Mutation::EndsAreNotFollowed) => {}
        JournalState::Ended(ended) => follow_end(world, &ended).await?,
        // An expired one has a task here: the entries before that expired just now, and the next sweep enters it anew.
        JournalState::UnderWay | JournalState::Expired(_) => return Ok(Advanced::Unchanged),
        JournalState::Waiting { not_before } if now < not_before && !makes(Mutation::WaitsAreSkipped) => {
            return Ok(Advanced::Unchanged);
        }
        JournalState::Fresh | JournalState::Waiting { .. } => {
            return start(world, &mut run, &journal, now, budget).await;
        }
        JournalState::Started { task_id, at } => {
            run.unjournalled = false;
            // What the record knows of this task stays. A journal that expired and has its task again counts no
            // attempts, and its entry is younger than the task.
            let is_followed = matches!(run.status, Status::InProgress | Status::Archiving);
            if !is_followed || run.task.as_ref().is_none_or(|task| task.id != task_id) {
                run.mark_started(task_id, attempts.max(run.attempts), at);
            }
            put_open(world, &mut run, TRIES).await?;
        }
        JournalState::Unconfirmed { not_before, .. }
            if run.may_restart(attempts) && !journal.is_overdue(now) =>
        {
            return match not_before {
                Some(not_before) if now < not_before => Ok(Advanced::Unchanged),
                _ => start(world, &mut run, &journal, now, budget).await,
            };
        }
        JournalState::Unconfirmed { .. } if run.status == Status::Unconfirmed => {
            return Ok(Advanced::Unchanged);
        }
        JournalState::Unconfirmed { reason, .. } => {
            run.park(attempts, &reason, now);
            put_open(world, &mut run, TRIES).await?;
            tell(world, Level::Error, UNCONFIRMED, &run);
        }
    }
    Ok(Advanced::Moved)
}

/// Enters a task that the record has and the journal lacks: Fabricate named it while the journal could not be written, or
/// its entry has expired. `None`: the run has ended, or somebody was faster.
///
/// The entry of its end may have expired too. A `done/` record outlives a sweep that died before it removed `open/`, so
/// that record is asked first.
pub(super) async fn enter_known_task<W: World>(
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
    match enter(world, run.run_id, journal.next_entry_number(), decision).await? {
        Entered::Mine => read_journal(world, run.run_id).await.map(Some),
        Entered::Taken => Ok(None),
    }
}

/// Asks for a run's task. An unchanged one costs this one request, and no read or write.
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
    let answer = world.status(&task_id).await;
    hear(world, Health::of_status(&answer));
    match &answer {
        Err(StatusError::Unauthorized) => Ok(Advanced::KeyRefused),
        Err(StatusError::Forbidden) => Ok(Advanced::WorkspaceRefused),
        Err(StatusError::NoRoom) => Ok(Advanced::OutOfBudget),
        answer if summary.is_unchanged_by(answer, now) => Ok(Advanced::Unchanged),
        _ => Box::pin(follow(world, summary, task_id, answer, now, budget)).await,
    }
}

/// Does what an answer about a run's task says: shows it, archives its files, closes the run.
async fn follow<W: World>(
    world: &W,
    summary: &Summary,
    task_id: TaskId,
    answer: Result<Task, StatusError>,
    now: Timestamp,
    budget: &Budget,
) -> Result<Advanced, StoreError> {
    let Some(mut run) = world.get_open(summary.run_id).await? else {
        return Ok(Advanced::Unchanged);
    };
    let journal = read_journal(world, run.run_id).await?;
    let at = match journal.state(now) {
        JournalState::Started { task_id: decided, at } if decided == task_id => at,
        _ if makes(Mutation::KvJustifiesTasks) => now,
        // KV showed something else than what is so.
        _ => return settle(world, run, now, budget).await,
    };
    if run.task.as_ref().is_none_or(|task| task.id != task_id) {
        run.mark_started(task_id, journal.attempts(), at);
    }
    let mut seen = match answer {
        Ok(task) => run.apply_task(task, now),
        Err(StatusError::NotFound) => run.apply_missing_task(now),
        Err(StatusError::TooLarge(reason)) => run.apply_oversized_answer(&reason, now),
        Err(error) => run.apply_poll_failure(&error.to_string(), now),
    };
    let mut learned = None;
    if seen == Effect::TaskCompleted {
        // In a box: copying needs far more room than all else, and most steps copy nothing.
        let changed = Box::pin(archive_files(world, &mut run, now, budget)).await;
        learned = changed.then(|| Run { status: Status::Archiving, ..run.clone() });
        seen = run.apply_archive_pass(changed, now);
    }
    match seen {
        Effect::Unchanged | Effect::TaskCompleted => return Ok(Advanced::Unchanged),
        Effect::Changed => put_open(world, &mut run, TRIES).await?,
        Effect::Ended => {
            tell(world, Level::Info, "run ended", &run);
            let ended = end(world, journal.next_entry_number(), &run, now).await;
            if let (Err(_), Some(mut run)) = (&ended, learned) {
                // Or each sweep would ask for its files anew, until its end can be entered.
                put_open(world, &mut run, TRIES).await?;
            }
            ended?;
        }
    }
    Ok(Advanced::Moved)
}

/// Tells the pace what an answer says of Fabricate, and the operator where nothing more is asked because of it.
fn hear<W: World>(world: &W, health: Health) {
    if world.pace().hear(health, world.now()) {
        let message = "Fabricate is failing: nothing is asked until a probe succeeds, and every run is kept";
        world.log(Level::Warn, message, serde_json::json!({}));
    }
}

pub(super) fn tell<W: World>(world: &W, level: Level, message: &str, run: &Run) {
    world.log(level, message, fields(run));
}

/// Ids and states alone: what Fabricate says may quote a parameter's value, and what a mapping says an expression.
fn fields(run: &Run) -> serde_json::Value {
    serde_json::json!({
        "run_id": run.run_id, "hook": run.hook, "status": run.status, "attempts": run.attempts,
        "task_id": run.task.as_ref().map(|task| &task.id),
        "stage": run.error.as_ref().map(|error| error.stage),
        "error": run.error.as_ref().and_then(|error| http_status(&error.message)),
    })
}

/// The HTTP status in a reason, without the words that came with it.
fn http_status(reason: &str) -> Option<&str> {
    let at = reason.rfind("HTTP ")?;
    reason.get(at..at + 8)
}

#[cfg(test)]
mod tests;
