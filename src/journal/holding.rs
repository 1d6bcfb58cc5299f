//! Whether a run still holds a turn or a slot: its journal decides, so that no crash leaves a key locked.

use super::retention::FIRST_START_MS_MAX;
use super::{Decision, Journal, JournalState};
use crate::run::Holder;
use crate::timestamp::{HOUR_MS, Timestamp};

/// A run without any journal entry holds its turn for so long after it was accepted, milliseconds. An empty journal justifies no first
/// start of an older run, and clocks differ by less than the hour that is added.
const UNSTARTED_MS_MAX: i64 = FIRST_START_MS_MAX + HOUR_MS;

impl Journal {
    /// Whether the run of this journal holds the turn that it took as `holder`: until it ends; or, where it is `unconfirmed`, until its
    /// deadline after that is over.
    #[must_use]
    pub fn holds(&self, holder: &Holder, now: Timestamp) -> bool {
        let Some(last) = self.entries.last() else {
            return now.since_ms(holder.run_id.created_at()) < UNSTARTED_MS_MAX;
        };
        match self.state(now) {
            JournalState::Ended(_) => false,
            // Without the entry that the turn was taken for, another start is about to be made.
            JournalState::Unconfirmed { .. } if self.next_entry_number() > holder.entry => {
                now.since_ms(last.at) < holder.deadline_ms
            }
            _ => true,
        }
    }

    /// Whether the run of this journal occupies the slot that it took as `holder`: it makes the attempt that it took the slot for, or is
    /// about to, or that attempt was its last one and was not certainly rejected. So a run that waits for its next attempt keeps no
    /// other from starting, and takes a slot anew for that attempt.
    #[must_use]
    pub fn occupies(&self, holder: &Holder, now: Timestamp) -> bool {
        let is_last_attempt = self.last_start().is_none_or(|last| holder.entry >= last);
        let is_over = matches!(self.state(now), JournalState::Waiting { .. });
        let is_ahead = holder.entry >= self.next_entry_number();
        self.holds(holder, now) && is_last_attempt && (is_ahead || !is_over)
    }

    /// The number of the last `start` entry.
    fn last_start(&self) -> Option<u32> {
        let later =
            self.entries.iter().rev().position(|recorded| recorded.entry.decision == Decision::Start)?;
        self.next_entry_number().checked_sub(u32::try_from(later).ok()?.saturating_add(1))
    }

    /// Whether no start request of the run can have taken effect: none was made, or Fabricate rejected each.
    #[must_use]
    pub fn is_certainly_not_started(&self) -> bool {
        let mut outcomes = self.entries.iter().map(|recorded| &recorded.entry.decision);
        let only_rejected =
            outcomes.all(|decision| matches!(decision, Decision::Start | Decision::StartLater { .. }));
        let rejected =
            |recorded: &&super::Recorded| matches!(recorded.entry.decision, Decision::StartLater { .. });
        only_rejected && super::count(self.entries.iter().filter(rejected)) == self.attempts()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Entry, Recorded};
    use crate::run::tests::{at, queued_run};
    use crate::testing::task_id;

    const DEADLINE_MS: i64 = 2 * HOUR_MS;

    fn journal(decisions: &[Decision]) -> Journal {
        let recorded = |decision: &Decision| Recorded {
            entry: Entry { author: "a".into(), decision: decision.clone() },
            at: at(0),
        };
        Journal::new(decisions.iter().map(recorded).collect())
    }

    fn later() -> Decision {
        Decision::StartLater { not_before: at(9), reason: "HTTP 503".into() }
    }

    fn no_answer() -> Decision {
        Decision::NoAnswer { reason: "HTTP 500".into(), not_before: None }
    }

    #[track_caller]
    fn check(decisions: &[Decision], entry: u32, age_ms: i64, expected: bool) {
        let holder = Holder { run_id: queued_run().run_id, entry, deadline_ms: DEADLINE_MS };
        assert_eq!(journal(decisions).holds(&holder, at(age_ms)), expected);
    }

    #[test]
    fn a_run_holds_its_turn_until_it_ends() {
        let end = Decision::End { run: Box::new(queued_run()) };
        for decisions in [&[][..], &[Decision::Start], &[Decision::Start, later()]] {
            check(decisions, 1, 1_000, true);
        }
        check(&[Decision::Start, Decision::Task { task_id: task_id("t") }], 1, 40 * 24 * HOUR_MS, true);
        check(&[Decision::Start, end.clone()], 1, 0, false);
        check(&[end], 1, 0, false);
    }

    #[test]
    fn a_parked_run_holds_its_turn_until_its_deadline_is_over() {
        check(&[Decision::Start, no_answer()], 1, DEADLINE_MS - 1, true);
        check(&[Decision::Start, no_answer()], 1, DEADLINE_MS, false);
        check(&[Decision::Start], 1, DEADLINE_MS, false);
        check(&[Decision::Start, no_answer()], 3, DEADLINE_MS, true);
    }

    #[test]
    fn a_run_that_never_began_holds_its_turn_for_seven_days() {
        check(&[], 1, UNSTARTED_MS_MAX - 1, true);
        check(&[], 1, UNSTARTED_MS_MAX, false);
    }

    #[test]
    fn a_run_occupies_a_slot_for_one_attempt() {
        let check = |decisions: &[Decision], entry: u32, expected: bool| {
            let holder = Holder { run_id: queued_run().run_id, entry, deadline_ms: DEADLINE_MS };
            assert_eq!(journal(decisions).occupies(&holder, at(1_000)), expected, "{decisions:?} {entry}");
        };
        check(&[], 1, true);
        check(&[Decision::Start], 1, true);
        check(&[Decision::Start, later()], 1, false);
        check(&[Decision::Start, later()], 3, true);
        check(&[Decision::Start, later(), Decision::Start], 1, false);
        check(&[Decision::Start, later(), Decision::Start], 3, true);
        check(&[Decision::Start, no_answer()], 1, true);
        check(&[Decision::Start, Decision::Task { task_id: task_id("t") }], 1, true);
        check(&[Decision::Start, Decision::End { run: Box::new(queued_run()) }], 1, false);
    }

    #[test]
    fn only_a_rejected_start_is_certainly_none() {
        let check = |decisions: &[Decision], expected| {
            assert_eq!(journal(decisions).is_certainly_not_started(), expected);
        };
        check(&[], true);
        check(&[Decision::Start, later()], true);
        check(&[Decision::Start], false);
        check(&[Decision::Start, later(), Decision::Start], false);
        check(&[Decision::Start, no_answer()], false);
        check(&[Decision::Start, no_answer(), Decision::Start, later()], false);
        check(&[Decision::Task { task_id: task_id("t") }], false);
    }
}
