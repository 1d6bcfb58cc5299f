//! The operator's decisions about one run: it takes a task that was found, or it is given up.
//!
//! Each reads the journal first, enters its decision at the next place, and only then writes KV, as a copy. Whoever
//! loses the place has decided nothing.

use crate::fabricate::TaskId;
use crate::journal::{Decision, Journal, Standing};
use crate::mutation::{Mutation, makes};
use crate::ports::{Level, StoreError, World};
use crate::run::{Run, RunId, Status};
use crate::timestamp::Timestamp;

use super::advance::{enter_known_task, tell};
use super::decide::{Entered, enter, read_journal};
use super::record::{TRIES_AT_INTAKE, follow_end, put_open};

/// Why an operator's call changed nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// There is no such run, or it has expired.
    #[error("there is no run with this id, or it has expired")]
    NoSuchRun,
    /// The run stands elsewhere, perhaps since another call a moment ago.
    #[error("{why}")]
    WrongState {
        /// The run as it stands.
        run: Box<Run>,
        /// What it would have to be.
        why: &'static str,
    },
    /// The delivery of the run has expired: there is nothing to map anew.
    #[error("the delivery of this run is not stored any more")]
    NoDelivery,
    /// The configuration has no rule for the run any more.
    #[error("{0}")]
    NotConfigured(&'static str),
    /// A store failed; calling again is safe.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A run as its journal has it.
pub(super) struct Stand {
    /// Its record, brought in line with the journal.
    pub(super) run: Run,
    /// What the journal says.
    pub(super) standing: Standing,
    /// Where the next decision goes.
    place: u32,
    attempts: u32,
}

impl Stand {
    /// Refuses a call, and says how the run stands.
    pub(super) fn refuse(self, why: &'static str) -> Refusal {
        Refusal::WrongState { run: Box::new(self.run), why }
    }
}

/// An `unconfirmed` run takes the task that the operator found at Fabricate. Doing so again is no mistake.
///
/// # Errors
/// See [`Refusal`].
pub async fn adopt<W: World>(
    world: &W,
    run_id: RunId,
    task_id: &TaskId,
    now: Timestamp,
) -> Result<Run, Refusal> {
    let stand = look_up(world, run_id, now).await?;
    if !matches!(stand.standing, Standing::Unconfirmed { .. } | Standing::Expired(_)) {
        return adopted(stand, task_id);
    }
    let decision = Decision::Task { task_id: task_id.clone() };
    if !makes(Mutation::AdoptionsAreNotEntered)
        && enter(world, run_id, stand.place, decision).await? == Entered::Taken
    {
        return adopted(look_up(world, run_id, now).await?, task_id);
    }
    let mut run = stand.run;
    run.started(task_id.clone(), stand.attempts, now);
    show(world, &run, put_open(world, &mut run.clone(), TRIES_AT_INTAKE).await);
    tell(world, Level::Info, "the operator gave the run its task", &run);
    Ok(run)
}

/// Where there is nothing to adopt any more: whether the task is that one.
fn adopted(stand: Stand, task_id: &TaskId) -> Result<Run, Refusal> {
    match &stand.standing {
        Standing::Started { task_id: standing, .. } if standing == task_id => Ok(stand.run),
        _ => Err(stand.refuse("only an unconfirmed run adopts a task")),
    }
}

/// Ends an `unconfirmed` or `queued` run as `failed`. Doing so again is no mistake.
///
/// # Errors
/// See [`Refusal`].
pub async fn abandon<W: World>(
    world: &W,
    run_id: RunId,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<Run, Refusal> {
    let stand = look_up(world, run_id, now).await?;
    abandon_standing(world, stand, reason, now).await
}

/// [`abandon`], of a run that was just looked up.
pub(super) async fn abandon_standing<W: World>(
    world: &W,
    stand: Stand,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<Run, Refusal> {
    match stand.standing {
        Standing::Unconfirmed { .. } | Standing::Fresh | Standing::Waiting { .. } | Standing::Expired(_) => {}
        _ => return abandoned(stand),
    }
    let mut run = stand.run;
    run.abandon(stand.attempts, reason, now);
    let decision = Decision::End { run: Box::new(run.clone()) };
    if enter(world, run.run_id, stand.place, decision).await? == Entered::Taken
        && !makes(Mutation::LostAbandonsAreTold)
    {
        return abandoned(look_up(world, run.run_id, now).await?);
    }
    show(world, &run, follow_end(world, &run).await);
    tell(world, Level::Info, "the operator abandoned the run", &run);
    Ok(run)
}

/// Where there is nothing to abandon any more: whether that is so because it was.
fn abandoned(stand: Stand) -> Result<Run, Refusal> {
    match stand.standing {
        Standing::Ended(run) if run.abandoned => Ok(*run),
        Standing::UnderWay => Err(stand.refuse("a start request is under way: look again in a moment")),
        _ => Err(stand.refuse("only a queued or an unconfirmed run can be abandoned")),
    }
}

/// Reads a run's journal, then its record. A task that only the record knows is entered first.
pub(super) async fn look_up<W: World>(world: &W, run_id: RunId, now: Timestamp) -> Result<Stand, Refusal> {
    let journal = read_journal(world, run_id).await?;
    let standing = journal.standing(now);
    if let Standing::Ended(run) = &standing {
        return Ok(Stand {
            run: (**run).clone(),
            place: journal.next_place(),
            attempts: run.attempts,
            standing,
        });
    }
    let Some(run) = world.get_open(run_id).await? else {
        return match standing {
            Standing::Fresh => Err(Refusal::NoSuchRun),
            // It has begun: KV is late, or a reconcile pass is about to heal it.
            _ => Err(StoreError::Unavailable { store: "RUNS", reason: "not shown yet".to_owned() }.into()),
        };
    };
    let journal = match enter_known_task(world, &run, journal, now).await? {
        Some(journal) => journal,
        // Somebody was faster.
        None => read_journal(world, run_id).await?,
    };
    let stand = in_line(run, &journal, now);
    let has_expired = matches!(stand.standing, Standing::Expired(_));
    if has_expired && stand.run.task.is_some() {
        // The entries before its task's expired just now: the next call enters it anew.
        return Err(StoreError::Busy("INBOX").into());
    }
    if has_expired && let Some(done) = world.get_done(run_id).await? {
        // It ended, and the entry that says so has expired.
        let standing = Standing::Ended(Box::new(done.clone()));
        return Ok(Stand { run: done, standing, ..stand });
    }
    Ok(stand)
}

/// A record that says what the journal says.
fn in_line(mut run: Run, journal: &Journal, now: Timestamp) -> Stand {
    let standing = journal.standing_of(&run, now);
    let mut attempts = journal.attempts();
    match &standing {
        Standing::Ended(ended) => run = (**ended).clone(),
        Standing::Started { task_id, at } => {
            run.unjournalled = false;
            if run.task.as_ref().is_none_or(|task| task.id != *task_id) {
                run.started(task_id.clone(), attempts, *at);
            }
        }
        Standing::Unconfirmed { reason, .. } if run.status != Status::Unconfirmed => {
            run.parked(attempts, reason, now);
        }
        Standing::Waiting { not_before } => run.start_later(attempts, *not_before),
        // The record alone knows of them.
        Standing::Expired(_) => attempts = run.attempts,
        Standing::Fresh | Standing::UnderWay | Standing::Unconfirmed { .. } => {}
    }
    Stand { run, standing, place: journal.next_place(), attempts }
}

/// A decision stands whether or not KV shows it at once: the next sweep copies it.
fn show<W: World>(world: &W, run: &Run, shown: Result<(), StoreError>) {
    if let Err(error) = shown {
        let fields = serde_json::json!({"run_id": run.run_id, "error": error.to_string()});
        world.log(Level::Warn, "decided, but not shown yet: the next sweep shows it", fields);
    }
}

#[cfg(test)]
pub(crate) mod tests;
