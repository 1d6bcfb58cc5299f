//! The journal: the create-only list of decisions about one run. The journal decides; KV only shows.
//!
//! Entry k+1 has exactly one author, and that author decided what comes next. This file reads a journal;
//! `service/journals.rs` writes one. A KV record alone never justifies a start or an end.

mod holding;
pub mod retention;

use crate::fabricate::TaskId;
use crate::run::{Expiry, Run};
use crate::timestamp::{MINUTE_MS, Timestamp};

/// The longest time between the moment at which a `start` entry is begun and its start request, milliseconds. After it,
/// another invocation may soon take the attempt for lost.
pub const START_FRESH_MS: i64 = 5 * MINUTE_MS;

/// The age from which on a `start` entry without a successor counts as lost, milliseconds: its author died, and nobody
/// knows whether the start request was sent.
pub const START_LOST_MS: i64 = 15 * MINUTE_MS;

/// The most entries that a journal can have: two for each start attempt, an operator's decisions, the end.
pub const ENTRIES_MAX: u32 = 2 * crate::hook::START_ATTEMPTS_MAX + 8;

/// One decision.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// An attempt to start the workflow begins. Only the entry's author may send the start request.
    Start,
    /// Fabricate executes the run as this task, and the run never has another.
    Task {
        /// The task.
        task_id: TaskId,
    },
    /// The workflow was certainly not started. The next attempt follows.
    StartLater {
        /// The earliest moment of the next attempt.
        not_before: Timestamp,
        /// Why it was not started.
        reason: String,
    },
    /// The start request was sent, and nobody knows whether it took effect.
    NoAnswer {
        /// What was seen instead of an answer.
        reason: String,
        /// The earliest moment of the next attempt; `None` where the hook allows none.
        not_before: Option<Timestamp>,
    },
    /// The run is final. KV's `done/` record is a copy of it.
    End {
        /// The run as it ended, with its whole result.
        run: Box<Run>,
    },
}

/// A decision and its author.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Names the attempt to write the entry, so that an author who lost the answer to its put recognises its own entry.
    pub author: String,
    /// The decision.
    pub decision: Decision,
}

/// An entry as it is in the inbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The entry.
    pub entry: Entry,
    /// When R2 created it, by R2's clock. No time that an author wrote is used.
    pub at: Timestamp,
}

/// What a journal says about its run.
#[derive(Debug, Clone, PartialEq)]
pub enum JournalState {
    /// The journal is empty: nothing is decided yet.
    Fresh,
    /// A start request is under way, or its outcome is about to be recorded.
    UnderWay,
    /// The workflow is not started, and the next attempt follows.
    Waiting {
        /// The earliest moment of the next attempt.
        not_before: Timestamp,
    },
    /// Fabricate executes the run.
    Started {
        /// The task.
        task_id: TaskId,
        /// When the task was recorded.
        at: Timestamp,
    },
    /// Nobody knows whether the workflow was started.
    Unconfirmed {
        /// What was seen instead of an answer.
        reason: String,
        /// The earliest moment of the next attempt; `None` where the hook allows none.
        not_before: Option<Timestamp>,
    },
    /// The run is final, as this run.
    Ended(Box<Run>),
    /// Entries have expired or may have, so that the journal does not prove that another start is safe. Only
    /// [`Journal::state_for`] returns it.
    Expired(Expiry),
}

/// All entries of one run, in order.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    entries: Vec<Recorded>,
}

impl Journal {
    /// A journal of entries 1, 2, 3, … in order.
    #[must_use]
    pub fn new(entries: Vec<Recorded>) -> Self {
        Self { entries }
    }

    /// The entries, in order.
    #[must_use]
    pub fn into_entries(self) -> Vec<Recorded> {
        self.entries
    }

    /// The number of the next entry; the first entry is 1.
    #[must_use]
    pub fn next_entry_number(&self) -> u32 {
        count(self.entries.iter()).saturating_add(1)
    }

    /// How many start requests were decided on.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.recorded_starts()
    }

    fn recorded_starts(&self) -> u32 {
        count(self.entries.iter().filter(|recorded| recorded.entry.decision == Decision::Start))
    }

    /// Whether a start request is under way, or its outcome was never recorded.
    #[must_use]
    pub fn ends_with_start(&self) -> bool {
        self.entries.last().is_some_and(|last| last.entry.decision == Decision::Start)
    }

    /// The state of the run, which follows from the last entry.
    ///
    /// An `end` counts as the last entry wherever it is, and else a `task` does. Entries expire one by one: where the
    /// first entries were deleted and others were recorded under their numbers, later entries of the earlier journal may
    /// still be there for a day.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> JournalState {
        let is_end = |recorded: &&Recorded| matches!(recorded.entry.decision, Decision::End { .. });
        let is_task = |recorded: &&Recorded| matches!(recorded.entry.decision, Decision::Task { .. });
        let entries = &self.entries;
        let decisive = entries.iter().find(is_end).or_else(|| entries.iter().find(is_task));
        let Some(last) = decisive.or(entries.last()) else {
            return JournalState::Fresh;
        };
        match &last.entry.decision {
            Decision::Start if now.since_ms(last.at) > START_LOST_MS => JournalState::Unconfirmed {
                reason: "the start request's outcome was never recorded".to_owned(),
                not_before: None,
            },
            Decision::Start => JournalState::UnderWay,
            Decision::Task { task_id } => JournalState::Started { task_id: task_id.clone(), at: last.at },
            Decision::StartLater { not_before, .. } => JournalState::Waiting { not_before: *not_before },
            Decision::NoAnswer { reason, not_before } => {
                JournalState::Unconfirmed { reason: reason.clone(), not_before: *not_before }
            }
            Decision::End { run } => JournalState::Ended(run.clone()),
        }
    }
}

/// The number of entries, which is at most [`ENTRIES_MAX`].
fn count<'a>(entries: impl Iterator<Item = &'a Recorded>) -> u32 {
    entries.fold(0, |count, _| count + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::{at, queued_run};

    fn journal(decisions: &[Decision]) -> Journal {
        Journal::new(
            decisions
                .iter()
                .map(|decision| Recorded {
                    entry: Entry { author: "a".into(), decision: decision.clone() },
                    at: at(0),
                })
                .collect(),
        )
    }

    #[track_caller]
    fn check(decisions: &[Decision], age_ms: i64, expected: &JournalState) {
        assert_eq!(&journal(decisions).state(at(age_ms)), expected);
    }

    #[test]
    fn the_last_entry_decides_the_state() {
        let task_id = TaskId::try_from("t".to_owned()).unwrap();
        let later = Decision::StartLater { not_before: at(9), reason: "HTTP 503".into() };
        let end = Decision::End { run: Box::new(queued_run()) };
        check(&[], 0, &JournalState::Fresh);
        check(&[Decision::Start], START_LOST_MS, &JournalState::UnderWay);
        check(&[Decision::Start, later.clone()], 0, &JournalState::Waiting { not_before: at(9) });
        check(
            &[Decision::Start, Decision::Task { task_id: task_id.clone() }],
            i64::MAX / 2,
            &JournalState::Started { task_id: task_id.clone(), at: at(0) },
        );
        check(
            &[Decision::Start, Decision::NoAnswer { reason: "x".into(), not_before: None }],
            0,
            &JournalState::Unconfirmed { reason: "x".into(), not_before: None },
        );
        check(&[Decision::Start, end.clone()], 0, &JournalState::Ended(Box::new(queued_run())));
        let task = Decision::Task { task_id: task_id.clone() };
        let started = JournalState::Started { task_id: task_id.clone(), at: at(0) };
        check(&[Decision::Start, task.clone(), Decision::Start], START_LOST_MS + 1, &started);
        check(&[task, end.clone(), later.clone()], 0, &JournalState::Ended(Box::new(queued_run())));
        check(&[end, later.clone()], 0, &JournalState::Ended(Box::new(queued_run())));
        let twice = journal(&[Decision::Start, later.clone(), Decision::Start]);
        assert_eq!((twice.attempts(), twice.next_entry_number()), (2, 4));
        let (none, once) = (journal(&[]), journal(&[Decision::Start, later]));
        assert_eq!([none, once, twice].map(|journal| journal.ends_with_start()), [false, false, true]);
    }

    #[test]
    fn a_start_without_outcome_is_lost_after_a_quarter_of_an_hour() {
        let late = journal(&[Decision::Start]).state(at(START_LOST_MS + 1));
        assert!(matches!(late, JournalState::Unconfirmed { .. }));
    }
}
