//! A run as its journal has it, for decisions about it: its KV record, brought in line with the journal.

use crate::journal::{Journal, JournalState};
use crate::log;
use crate::ports::{Clock, EntryKey, Inbox, Log, RunRecords, StoreError};
use crate::run::{Run, RunId, Status};
use crate::timestamp::Timestamp;

use super::advance::enter_known_task;
use super::journals::read_journal;
use super::operator::Refusal;

/// What is known of a run when a decision about it is made.
pub(super) struct RunState {
    /// The run, in line with its journal.
    pub(super) run: Run,
    /// What the journal says.
    pub(super) standing: JournalState,
    /// The number of the journal's next entry.
    pub(super) next_entry: u32,
    /// Start requests that were decided on.
    pub(super) attempts: u32,
}

impl RunState {
    /// Reads a run's journal, then its record. A task that only the record knows is entered in the journal first.
    ///
    /// # Errors
    /// - [`Refusal::NoSuchRun`] when neither journal nor record exists.
    /// - [`Refusal::Store`] when a store fails, or KV does not show the run yet: calling again is safe.
    pub(super) async fn load<W>(world: &W, run_id: RunId, now: Timestamp) -> Result<Self, Refusal>
    where
        W: Inbox<EntryKey> + RunRecords + Clock + Log,
    {
        let journal = read_journal(world, run_id).await?;
        let standing = journal.state(now);
        if let JournalState::Ended(run) = &standing {
            return Ok(Self {
                run: (**run).clone(),
                next_entry: journal.next_entry_number(),
                attempts: run.attempts,
                standing,
            });
        }
        let Some(run) = world.get_open(run_id).await? else {
            return match standing {
                JournalState::Fresh => Err(Refusal::NoSuchRun),
                // The run has begun: KV is late, or the hourly pass is about to restore its record.
                _ => {
                    Err(StoreError::Unavailable { store: "RUNS", reason: "not shown yet".to_owned() }.into())
                }
            };
        };
        if run.status.is_final() {
            // Its targets are not all told. The record was written after the end was entered, and that entry has expired.
            let (next_entry, attempts) = (journal.next_entry_number(), run.attempts);
            let standing = JournalState::Ended(Box::new(run.clone()));
            return Ok(Self { run, standing, next_entry, attempts });
        }
        let journal = match enter_known_task(world, &run, journal, now).await? {
            Some(journal) => journal,
            // Another invocation appended a decision.
            None => read_journal(world, run_id).await?,
        };
        let state = Self::of(run, &journal, now);
        let has_expired = matches!(state.standing, JournalState::Expired(_));
        if has_expired && state.run.task.is_some() {
            // The entry of its task expired just now: the next call enters it again.
            return Err(StoreError::Busy("INBOX").into());
        }
        if has_expired && let Some(done) = world.get_done(run_id).await? {
            // The run ended, and the entry that says so has expired.
            let standing = JournalState::Ended(Box::new(done.clone()));
            return Ok(Self { run: done, standing, ..state });
        }
        Ok(state)
    }

    fn of(mut run: Run, journal: &Journal, now: Timestamp) -> Self {
        let standing = journal.state_for(&run, now);
        // Of a journal that has expired, only the record still knows the attempts.
        let expired = matches!(standing, JournalState::Expired(_));
        let attempts = if expired { run.attempts } else { journal.attempts() };
        align(&mut run, &standing, attempts, now);
        Self { run, standing, next_entry: journal.next_entry_number(), attempts }
    }

    /// The refusal of a call that does not fit this state.
    pub(super) fn refuse(self, why: &'static str) -> Refusal {
        Refusal::WrongState { run: Box::new(self.run), why }
    }
}

/// Changes a run's record to what its journal says; nothing changes where they agree.
pub(super) fn align(run: &mut Run, standing: &JournalState, attempts: u32, now: Timestamp) {
    match standing {
        JournalState::Ended(ended) => *run = (**ended).clone(),
        JournalState::Started { task_id, at } => {
            run.unjournalled = false;
            // What the record knows of this task stays. A journal that expired and has its task again counts no attempts,
            // and its entry is younger than the task.
            let is_followed = matches!(run.status, Status::InProgress | Status::Archiving);
            if !is_followed || run.task.as_ref().is_none_or(|task| task.id != *task_id) {
                run.mark_started(task_id.clone(), attempts.max(run.attempts), *at);
            }
        }
        JournalState::Unconfirmed { reason, .. } if run.status != Status::Unconfirmed => {
            run.park(attempts, reason, now);
        }
        JournalState::Waiting { not_before } => run.start_later(attempts, *not_before),
        JournalState::Fresh
        | JournalState::UnderWay
        | JournalState::Unconfirmed { .. }
        | JournalState::Expired(_) => {}
    }
}

/// Logs that a decision is in the journal and not in KV yet. The decision stands: the next sweep shows it.
pub(super) fn log_not_shown(world: &impl Log, run_id: RunId, error: &StoreError) {
    let fields = serde_json::json!({"run_id": run_id, "error": error.to_string()});
    world.log(log::DECISION_NOT_SHOWN, fields);
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use serde_json::Value;

    use super::*;
    use crate::fabricate::JsonText;
    use crate::journal::Decision;
    use crate::run::tests::{at, queued_run};
    use crate::testing::{MemoryWorld, task_id};

    fn no_answer() -> Decision {
        Decision::NoAnswer { reason: "HTTP 500".into(), not_before: None }
    }

    fn wait() -> Decision {
        Decision::StartLater { not_before: at(9), reason: "HTTP 503".into() }
    }

    fn task(text: &str) -> Decision {
        Decision::Task { task_id: task_id(text) }
    }

    #[test]
    fn a_run_that_has_ended_and_is_open_for_its_targets_is_final_also_without_its_journal() {
        let mut run = queued_run();
        run.fail(crate::run::Stage::Start, "no", at(0));
        let world = MemoryWorld::with(&run, &[]);
        let state = RunState::load(&world, run.run_id, at(50)).now_or_never().unwrap().ok().unwrap();
        assert_eq!((state.standing, state.run), (JournalState::Ended(Box::new(run.clone())), run));
    }

    #[test]
    fn a_run_is_loaded_as_its_journal_has_it() {
        let load = |run: &Run, decisions: &[Decision]| {
            let world = MemoryWorld::with(run, decisions);
            RunState::load(&world, run.run_id, at(50)).now_or_never().unwrap().ok().unwrap().run
        };
        let queued = queued_run();
        let mut started = queued_run();
        started.mark_started(task_id("one"), 1, at(0));
        started.task.as_mut().unwrap().result = Value::from("seen").into();
        assert_eq!(
            load(&started, &[Decision::Start, task("one")]),
            started,
            "what is known of its task stays"
        );
        let other = load(&started, &[Decision::Start, task("another")]);
        assert_eq!(
            other.task.map(|task| (task.id, task.result)),
            Some((task_id("another"), JsonText::default()))
        );
        let parked = load(&queued, &[Decision::Start, no_answer()]);
        assert_eq!(
            (parked.status, parked.error.as_ref().map(|error| error.at)),
            (Status::Unconfirmed, Some(at(50)))
        );
        let mut before = queued_run();
        before.park(1, "HTTP 500", at(10));
        assert_eq!(load(&before, &[Decision::Start, no_answer()]), before, "also since when it is parked");
        let later = load(&queued, &[Decision::Start, wait()]);
        assert_eq!((later.status, later.not_before), (Status::Queued, Some(at(9))));
    }
}
