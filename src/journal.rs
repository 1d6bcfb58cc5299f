//! The journal: the create-only list of decisions about one run. What it says is so; KV only shows it.
//!
//! Entry k+1 has exactly one author, and whoever creates it has decided what comes next. This file reads a
//! journal; writing one is the business of `service/decide.rs`. A KV record never justifies a start or an end.

pub mod retention;

use crate::fabricate::TaskId;
use crate::mutation::{Mutation, makes};
use crate::run::Run;
use crate::timestamp::{MINUTE_MS, Timestamp};

use retention::GivenUp;

/// A start request is sent only this soon after its `start` entry was begun: later, others may take the run for
/// abandoned.
pub const START_FRESH_MS: i64 = 5 * MINUTE_MS;

/// A `start` entry this old without a successor means that nobody knows: its author died on the way.
pub const START_LOST_MS: i64 = 15 * MINUTE_MS;

/// The most entries a journal can have: two for each start attempt, an operator's decisions, the end.
pub const ENTRIES_MAX: u32 = 2 * crate::hook::START_ATTEMPTS_MAX + 8;

/// One decision.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// An attempt is under way; its author alone may send the start request.
    Start,
    /// The run has this task, never another.
    Task {
        /// The task.
        task_id: TaskId,
    },
    /// Definitely not started; next attempt not before the stated time.
    Retry {
        /// When at the earliest.
        not_before: Timestamp,
        /// Why it was not started.
        reason: String,
    },
    /// Sent, and nobody knows.
    NoAnswer {
        /// What was seen.
        reason: String,
        /// Where the hook allows a restart: when at the earliest.
        not_before: Option<Timestamp>,
    },
    /// The final state, whole; KV's `done/` record is a copy of it.
    End {
        /// The run as it ended.
        run: Box<Run>,
    },
}

/// A decision and who took it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Names the attempt to write, so that a put whose answer was lost can be told from another's.
    pub author: String,
    /// What was decided.
    pub decision: Decision,
}

/// An entry as it stands in the inbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The entry.
    pub entry: Entry,
    /// R2's own time of its creation: no clock in a body is believed.
    pub at: Timestamp,
}

/// What a journal says about its run.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// Nothing decided yet.
    Fresh,
    /// A start request is under way, or its outcome about to be entered.
    UnderWay,
    /// Not started; to be tried again.
    Waiting {
        /// When at the earliest.
        not_before: Timestamp,
    },
    /// Fabricate executes it.
    Started {
        /// As this task.
        task_id: TaskId,
        /// Since then.
        at: Timestamp,
    },
    /// Nobody knows whether it was started.
    Unconfirmed {
        /// What was seen.
        reason: String,
        /// Where the hook allows a restart: when at the earliest.
        not_before: Option<Timestamp>,
    },
    /// It ended so.
    Ended(Box<Run>),
    /// Entries of the journal have expired or may have, so that it does not prove that the run is to be started.
    /// Only [`Journal::standing_of`] says so.
    Expired(GivenUp),
}

/// All entries of one run, in order.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    entries: Vec<Recorded>,
}

impl Journal {
    /// From entries 1, 2, 3, … in order.
    #[must_use]
    pub fn new(entries: Vec<Recorded>) -> Self {
        Self { entries }
    }

    /// The place of the next entry.
    #[must_use]
    pub fn next_place(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// How many start requests were decided on.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        if makes(Mutation::AttemptsAreNotCounted) {
            return 0;
        }
        let starts = self.entries.iter().filter(|recorded| recorded.entry.decision == Decision::Start);
        u32::try_from(starts.count()).unwrap_or(u32::MAX)
    }

    /// Whether a start request is under way, or its outcome was never entered.
    #[must_use]
    pub fn ends_with_start(&self) -> bool {
        self.entries.last().is_some_and(|last| last.entry.decision == Decision::Start)
    }

    /// The state of the run, which follows from the last entry.
    ///
    /// An `end` counts as the last entry wherever it is, and else a `task` does. Entries expire one by one: where the
    /// first ones were deleted and others were entered in their place, later ones of the earlier journal may still be
    /// there for a day.
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> Standing {
        let is_end = |recorded: &&Recorded| matches!(recorded.entry.decision, Decision::End { .. });
        let is_task = |recorded: &&Recorded| matches!(recorded.entry.decision, Decision::Task { .. });
        let entries = &self.entries;
        let decisive = entries.iter().find(is_end).or_else(|| entries.iter().find(is_task));
        let Some(last) = decisive.or(entries.last()) else {
            return Standing::Fresh;
        };
        let lost_ms = match () {
            () if makes(Mutation::LostStartsStayUnderWay) => i64::MAX,
            () if makes(Mutation::StartsAreLostAtOnce) => 0,
            () => START_LOST_MS,
        };
        match &last.entry.decision {
            Decision::Start if now.since_ms(last.at) > lost_ms => Standing::Unconfirmed {
                reason: "the start request's outcome was never recorded".to_owned(),
                not_before: None,
            },
            Decision::Start => Standing::UnderWay,
            Decision::Task { task_id } => Standing::Started { task_id: task_id.clone(), at: last.at },
            Decision::Retry { not_before, .. } => Standing::Waiting { not_before: *not_before },
            Decision::NoAnswer { reason, not_before } => {
                Standing::Unconfirmed { reason: reason.clone(), not_before: *not_before }
            }
            Decision::End { run } => Standing::Ended(run.clone()),
        }
    }
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
    fn check(decisions: &[Decision], age_ms: i64, expected: &Standing) {
        assert_eq!(&journal(decisions).standing(at(age_ms)), expected);
    }

    #[test]
    fn the_last_entry_says_where_a_run_stands() {
        let task_id = TaskId::try_from("t".to_owned()).unwrap();
        let retry = Decision::Retry { not_before: at(9), reason: "HTTP 503".into() };
        let end = Decision::End { run: Box::new(queued_run()) };
        check(&[], 0, &Standing::Fresh);
        check(&[Decision::Start], START_LOST_MS, &Standing::UnderWay);
        check(&[Decision::Start, retry.clone()], 0, &Standing::Waiting { not_before: at(9) });
        check(
            &[Decision::Start, Decision::Task { task_id: task_id.clone() }],
            i64::MAX / 2,
            &Standing::Started { task_id: task_id.clone(), at: at(0) },
        );
        check(
            &[Decision::Start, Decision::NoAnswer { reason: "x".into(), not_before: None }],
            0,
            &Standing::Unconfirmed { reason: "x".into(), not_before: None },
        );
        check(&[Decision::Start, end.clone()], 0, &Standing::Ended(Box::new(queued_run())));
        let task = Decision::Task { task_id: task_id.clone() };
        let started = Standing::Started { task_id: task_id.clone(), at: at(0) };
        check(&[Decision::Start, task.clone(), Decision::Start], START_LOST_MS + 1, &started);
        check(&[task, end.clone(), retry.clone()], 0, &Standing::Ended(Box::new(queued_run())));
        check(&[end, retry.clone()], 0, &Standing::Ended(Box::new(queued_run())));
        let twice = journal(&[Decision::Start, retry.clone(), Decision::Start]);
        assert_eq!((twice.attempts(), twice.next_place()), (2, 4));
        let (none, once) = (journal(&[]), journal(&[Decision::Start, retry]));
        assert_eq!([none, once, twice].map(|journal| journal.ends_with_start()), [false, false, true]);
    }

    #[test]
    fn a_start_without_outcome_is_lost_after_a_quarter_of_an_hour() {
        let late = journal(&[Decision::Start]).standing(at(START_LOST_MS + 1));
        assert!(matches!(late, Standing::Unconfirmed { .. }));
    }
}
