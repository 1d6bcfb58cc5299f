//! How long R2 and KV keep records, and what follows from a journal whose entries may have been deleted.
//!
//! R2's lifecycle rules delete each object by its own age, up to a day late and in any order. The operator sets the rules
//! (`docs/operations.md`, "Retention"): this file states the numbers that the code relies on, and limits the harm to a run where the
//! rules say something else.

use super::{Journal, JournalState};
use crate::run::{Expiry, Run, Status};
use crate::timestamp::{HOUR_MS, Timestamp};

const DAY_MS: i64 = 24 * HOUR_MS;

/// How long R2 keeps deliveries, days: within that time a redelivery of an event finds its runs.
pub const DELIVERIES_KEPT_DAYS: i64 = 30;

/// How long R2 keeps journals and retries, days: seven more than deliveries, so that a delivery never outlives the
/// journals of its runs.
pub const JOURNALS_KEPT_DAYS: i64 = 37;

/// How long R2 keeps turns, days since they were last written. A run may have its turn for as long as its start may be undecided, and then
/// for the longest deadline.
pub const TURNS_KEPT_DAYS: i64 = 45;

/// How long KV keeps the `done/` record of a run, days since the run ended: at least as long as R2 keeps its delivery.
pub const DONE_KEPT_DAYS: i64 = 35;

/// [`DONE_KEPT_DAYS`] in milliseconds. A run that was accepted longer ago may have ended without a record of it.
pub const DONE_KEPT_MS: i64 = DONE_KEPT_DAYS * DAY_MS;

/// An empty journal justifies a first start only while the run is younger, milliseconds since it was accepted.
pub const FIRST_START_MS_MAX: i64 = 7 * DAY_MS;

/// A [`StartLater`](super::Decision::StartLater) or [`NoAnswer`](super::Decision::NoAnswer) entry justifies another start only while the
/// entry is younger, milliseconds: seven days, and the longest wait between two attempts, which is a day.
pub const NEXT_START_MS_MAX: i64 = 8 * DAY_MS;

/// A run whose start is undecided ends once the first entry of its journal is this old, milliseconds: seven days
/// before R2 deletes that entry. A run whose attempts follow each other as planned makes its last attempt 20 days after
/// its first at the latest ([`crate::hook::START_ATTEMPTS_MAX`] times the longest `Retry-After`).
pub const UNDECIDED_MS_MAX: i64 = 30 * DAY_MS;

const _: () = {
    assert!(DELIVERIES_KEPT_DAYS + 7 <= JOURNALS_KEPT_DAYS);
    assert!(DELIVERIES_KEPT_DAYS <= DONE_KEPT_DAYS);
    assert!(TURNS_KEPT_DAYS * DAY_MS > UNDECIDED_MS_MAX + crate::hook::DEADLINE_MAX_MS + 7 * DAY_MS);
    assert!(UNDECIDED_MS_MAX + 7 * DAY_MS <= JOURNALS_KEPT_DAYS * DAY_MS);
};

impl Journal {
    /// The state of `run`: as [`state`](Self::state), but [`JournalState::Expired`] where the journal no longer proves
    /// that another start is safe. That is where the journal is empty and the run is seven days old, and where the run's
    /// record shows more start attempts than the journal.
    #[must_use]
    pub fn state_for(&self, run: &Run, now: Timestamp) -> JournalState {
        let state = self.state(now);
        let may_start = matches!(state, JournalState::Fresh | JournalState::Waiting { .. });
        if may_start && self.has_lost_attempts(run) {
            return JournalState::Expired(Expiry::LostAttempts);
        }
        let old = now.since_ms(run.received_at) >= FIRST_START_MS_MAX;
        if state == JournalState::Fresh && old {
            return JournalState::Expired(Expiry::EmptyJournal);
        }
        state
    }

    /// Whether the run's record shows a start attempt that the journal lacks. Records copy attempts from the journal, so
    /// the entry did exist.
    fn has_lost_attempts(&self, run: &Run) -> bool {
        run.attempts > self.recorded_starts() || (self.entries.is_empty() && run.status != Status::Queued)
    }

    /// Whether the last entry is so old that it justifies no further start: later entries may have expired before it.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.entries.last().is_some_and(|last| now.since_ms(last.at) >= NEXT_START_MS_MAX)
    }

    /// Why a run in this state ends now; `None`: it goes on.
    #[must_use]
    pub fn expiry(&self, state: &JournalState, now: Timestamp) -> Option<Expiry> {
        match state {
            JournalState::Expired(expiry) => Some(*expiry),
            JournalState::Unconfirmed { .. } if self.is_undecided_too_long(now) => Some(Expiry::Undecided),
            JournalState::Waiting { .. } if self.is_undecided_too_long(now) => Some(Expiry::NeverStarted),
            JournalState::Waiting { .. } if self.is_overdue(now) => Some(Expiry::StaleAttempt),
            _ => None,
        }
    }

    fn is_undecided_too_long(&self, now: Timestamp) -> bool {
        let first = self.entries.first();
        first.is_some_and(|first| now.since_ms(first.at) >= UNDECIDED_MS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Decision, Entry, Recorded};
    use crate::run::tests::{at, queued_run};

    fn journal(decisions: &[Decision]) -> Journal {
        let recorded = |decision: &Decision| Recorded {
            entry: Entry { author: "a".into(), decision: decision.clone() },
            at: at(0),
        };
        Journal::new(decisions.iter().map(recorded).collect())
    }

    #[track_caller]
    fn check_empty(change: impl FnOnce(&mut Run), age_ms: i64, expected: &JournalState) {
        let mut run = queued_run();
        change(&mut run);
        assert_eq!(&journal(&[]).state_for(&run, at(age_ms)), expected);
    }

    #[test]
    fn an_empty_journal_is_fresh_for_a_young_run_without_an_attempt_alone() {
        check_empty(|_| {}, FIRST_START_MS_MAX - 1, &JournalState::Fresh);
        check_empty(|_| {}, FIRST_START_MS_MAX, &JournalState::Expired(Expiry::EmptyJournal));
        check_empty(|run| run.start_later(1, at(9)), 0, &JournalState::Expired(Expiry::LostAttempts));
        check_empty(|run| run.park(0, "HTTP 500", at(9)), 0, &JournalState::Expired(Expiry::LostAttempts));
        let attempted_and_old = |run: &mut Run| run.start_later(1, at(9));
        check_empty(attempted_and_old, FIRST_START_MS_MAX, &JournalState::Expired(Expiry::LostAttempts));
    }

    #[test]
    fn a_journal_with_an_entry_says_the_same_at_any_age() {
        let (mut run, wait) =
            (queued_run(), Decision::StartLater { not_before: at(9), reason: "HTTP 503".into() });
        run.start_later(1, at(9));
        let state = journal(&[Decision::Start, wait]).state_for(&run, at(FIRST_START_MS_MAX));
        assert_eq!(state, JournalState::Waiting { not_before: at(9) });
    }

    #[test]
    fn a_journal_with_fewer_attempts_than_the_record_has_expired() {
        let wait = Decision::StartLater { not_before: at(9), reason: "HTTP 503".into() };
        let mut run = queued_run();
        run.park(2, "HTTP 500", at(9));
        let state = journal(&[Decision::Start, wait]).state_for(&run, at(10));
        assert_eq!(state, JournalState::Expired(Expiry::LostAttempts));
    }

    #[track_caller]
    fn check_expiry(decisions: &[Decision], age_ms: i64, expected: Option<Expiry>) {
        let journal = journal(decisions);
        assert_eq!(journal.expiry(&journal.state(at(age_ms)), at(age_ms)), expected);
    }

    #[test]
    fn a_run_whose_start_is_undecided_for_thirty_days_ends() {
        let task_id = crate::fabricate::TaskId::try_from("t".to_owned()).unwrap();
        let no_answer = Decision::NoAnswer { reason: "HTTP 500".into(), not_before: None };
        let wait = Decision::StartLater { not_before: at(9), reason: "HTTP 503".into() };
        check_expiry(&[Decision::Start], UNDECIDED_MS_MAX - 1, None);
        check_expiry(&[Decision::Start], UNDECIDED_MS_MAX, Some(Expiry::Undecided));
        check_expiry(&[Decision::Start, no_answer], UNDECIDED_MS_MAX, Some(Expiry::Undecided));
        check_expiry(&[Decision::Start, wait.clone()], NEXT_START_MS_MAX - 1, None);
        check_expiry(&[Decision::Start, wait.clone()], NEXT_START_MS_MAX, Some(Expiry::StaleAttempt));
        check_expiry(&[Decision::Start, wait], UNDECIDED_MS_MAX, Some(Expiry::NeverStarted));
        check_expiry(&[Decision::Start, Decision::Task { task_id }], UNDECIDED_MS_MAX, None);
        check_expiry(&[], UNDECIDED_MS_MAX, None);
    }

    #[test]
    fn a_start_request_under_way_is_waited_for_at_any_age() {
        let recorded =
            |decision, millis| Recorded { entry: Entry { author: "a".into(), decision }, at: at(millis) };
        let wait = Decision::StartLater { not_before: at(9), reason: "HTTP 503".into() };
        let entries = vec![
            recorded(Decision::Start, 0),
            recorded(wait, 1),
            recorded(Decision::Start, UNDECIDED_MS_MAX),
        ];
        let (journal, now) = (Journal::new(entries), at(UNDECIDED_MS_MAX));
        assert_eq!(journal.expiry(&journal.state(now), now), None);
    }

    #[test]
    fn the_operations_page_states_the_same_numbers() {
        let page = include_str!("../../docs/operations.md");
        for (prefix, days) in [
            ("deliveries/", DELIVERIES_KEPT_DAYS),
            ("journal/", JOURNALS_KEPT_DAYS),
            ("retries/", JOURNALS_KEPT_DAYS),
            ("turns/", TURNS_KEPT_DAYS),
        ] {
            let rule = format!("{prefix} --expire-days {days}");
            assert!(page.contains(&rule), "the page lacks `{rule}`");
        }
        assert!(page.contains(&format!("{DONE_KEPT_DAYS} days")), "the page states how long KV keeps runs");
    }
}
