//! How long R2 and KV keep what they hold, and what follows from a journal whose entries may have been deleted.
//!
//! R2's lifecycle rules delete each object by its own age, up to a day late and in any order. The rules are the
//! operator's (`docs/operations.md`, "Retention"): this file states the numbers that the code relies on, and how far it protects a
//! run whose rules say something else.

use super::{Decision, Journal, Standing};
use crate::run::{Run, Status};
use crate::timestamp::{HOUR_MS, Timestamp};

const DAY_MS: i64 = 24 * HOUR_MS;

/// How long deliveries are kept in R2, days: within that time a redelivery of an event finds its runs.
pub const DELIVERIES_KEPT_DAYS: i64 = 30;

/// How long journals and retries are kept in R2, days: seven more than deliveries, so that a delivery never outlives
/// the journals of its runs.
pub const JOURNALS_KEPT_DAYS: i64 = 37;

/// How long KV keeps the `done/` record of a run, days since it ended: at least as long as its delivery.
pub const DONE_KEPT_DAYS: i64 = 35;

/// [`DONE_KEPT_DAYS`] in milliseconds. A run that was accepted longer ago may have ended without a record of it.
pub const DONE_KEPT_MS: i64 = DONE_KEPT_DAYS * DAY_MS;

/// An empty journal justifies a first start only of a run that is younger, milliseconds since it was accepted.
pub const FIRST_START_MS_MAX: i64 = 7 * DAY_MS;

/// A `retry` or `no_answer` entry justifies another start only while it is younger, milliseconds: seven days, and the
/// longest wait between two attempts, which is a day.
pub const NEXT_START_MS_MAX: i64 = 8 * DAY_MS;

/// A run whose start is undecided ends once the first entry of its journal is this old, milliseconds: seven days
/// before R2 deletes that entry. A run whose attempts follow each other as planned makes its last one 20 days after its
/// first at the latest ([`crate::hook::START_ATTEMPTS_MAX`] times the longest `Retry-After`).
pub const UNDECIDED_MS_MAX: i64 = 30 * DAY_MS;

const _: () = {
    assert!(DELIVERIES_KEPT_DAYS + 7 <= JOURNALS_KEPT_DAYS);
    assert!(DELIVERIES_KEPT_DAYS <= DONE_KEPT_DAYS);
    assert!(UNDECIDED_MS_MAX + 7 * DAY_MS <= JOURNALS_KEPT_DAYS * DAY_MS);
};

/// Why a run ends without a task although nobody ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenUp {
    /// Its journal is empty, and it is [`FIRST_START_MS_MAX`] old.
    Old,
    /// Its record shows a start attempt that its journal lacks.
    Attempted,
    /// The last entry of its journal is [`NEXT_START_MS_MAX`] old, and another start was to follow.
    Overdue,
    /// Nobody knows whether it was started, and nobody decided within [`UNDECIDED_MS_MAX`].
    Undecided,
    /// It was certainly not started, and [`UNDECIDED_MS_MAX`] have passed since the first attempt.
    NotStarted,
}

impl GivenUp {
    /// The reason, for the run's `error.message`.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::Old => {
                "not started: the run is older than 7 days and its journal is empty, so that entries of an earlier \
                 start may have expired"
            }
            Self::Attempted => {
                "not started again: the record shows a start attempt that the journal lacks, because its entries \
                 have expired; whether the workflow ran is not known"
            }
            Self::Overdue => {
                "not started again: the last attempt is more than 8 days old, and its journal may have lost later \
                 entries, so another start could run the workflow twice"
            }
            Self::Undecided => {
                "nobody decided within 30 days; whether the workflow ran is not known, because the start request was \
                 never answered"
            }
            Self::NotStarted => "not started within 30 days of the first attempt",
        }
    }

    /// Whether the workflow may have run: then only the operator may retry the run, one run at a time.
    #[must_use]
    pub fn may_have_run(self) -> bool {
        self != Self::NotStarted
    }
}

impl Journal {
    /// The state of `run`. As [`standing`](Self::standing), but [`Standing::Expired`] where the journal no longer proves
    /// that another start is safe: it is empty, and the run is seven days old; or the run's record shows more start
    /// attempts than the journal.
    #[must_use]
    pub fn standing_of(&self, run: &Run, now: Timestamp) -> Standing {
        let standing = self.standing(now);
        let may_start = matches!(standing, Standing::Fresh | Standing::Waiting { .. });
        if may_start && self.has_lost_attempts(run) {
            return Standing::Expired(GivenUp::Attempted);
        }
        let old = now.since_ms(run.received_at) >= FIRST_START_MS_MAX;
        if standing == Standing::Fresh && old {
            return Standing::Expired(GivenUp::Old);
        }
        standing
    }

    /// Whether the record shows a start attempt that the journal lacks: that is copied from the journal, so that the
    /// entry was there.
    fn has_lost_attempts(&self, run: &Run) -> bool {
        let starts =
            self.entries.iter().filter(|recorded| recorded.entry.decision == Decision::Start).count();
        let shown = usize::try_from(run.attempts).unwrap_or(usize::MAX);
        shown > starts || (self.entries.is_empty() && run.status != Status::Queued)
    }

    /// Whether the last entry is so old that it justifies no further start: later ones may have expired before it.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.entries.last().is_some_and(|last| now.since_ms(last.at) >= NEXT_START_MS_MAX)
    }

    /// Why a run that stands so ends now, if it does.
    #[must_use]
    pub fn gives_up(&self, standing: &Standing, now: Timestamp) -> Option<GivenUp> {
        match standing {
            Standing::Expired(why) => Some(*why),
            Standing::Unconfirmed { .. } if self.is_undecided_too_long(now) => Some(GivenUp::Undecided),
            Standing::Waiting { .. } if self.is_undecided_too_long(now) => Some(GivenUp::NotStarted),
            Standing::Waiting { .. } if self.is_overdue(now) => Some(GivenUp::Overdue),
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
    use crate::journal::{Entry, Recorded};
    use crate::run::tests::{at, queued_run};

    fn journal(decisions: &[Decision]) -> Journal {
        let recorded = |decision: &Decision| Recorded {
            entry: Entry { author: "a".into(), decision: decision.clone() },
            at: at(0),
        };
        Journal::new(decisions.iter().map(recorded).collect())
    }

    #[track_caller]
    fn check_empty(change: impl FnOnce(&mut Run), age_ms: i64, expected: &Standing) {
        let mut run = queued_run();
        change(&mut run);
        assert_eq!(&journal(&[]).standing_of(&run, at(age_ms)), expected);
    }

    #[test]
    fn an_empty_journal_is_fresh_for_a_young_run_without_an_attempt_alone() {
        check_empty(|_| {}, FIRST_START_MS_MAX - 1, &Standing::Fresh);
        check_empty(|_| {}, FIRST_START_MS_MAX, &Standing::Expired(GivenUp::Old));
        check_empty(|run| run.start_later(1, at(9)), 0, &Standing::Expired(GivenUp::Attempted));
        check_empty(|run| run.parked(0, "HTTP 500", at(9)), 0, &Standing::Expired(GivenUp::Attempted));
        let attempted_and_old = |run: &mut Run| run.start_later(1, at(9));
        check_empty(attempted_and_old, FIRST_START_MS_MAX, &Standing::Expired(GivenUp::Attempted));
    }

    #[test]
    fn a_journal_with_an_entry_says_the_same_at_any_age() {
        let (mut run, wait) =
            (queued_run(), Decision::Retry { not_before: at(9), reason: "HTTP 503".into() });
        run.start_later(1, at(9));
        let standing = journal(&[Decision::Start, wait]).standing_of(&run, at(FIRST_START_MS_MAX));
        assert_eq!(standing, Standing::Waiting { not_before: at(9) });
    }

    #[test]
    fn a_journal_with_fewer_attempts_than_the_record_has_expired() {
        let wait = Decision::Retry { not_before: at(9), reason: "HTTP 503".into() };
        let mut run = queued_run();
        run.parked(2, "HTTP 500", at(9));
        let standing = journal(&[Decision::Start, wait]).standing_of(&run, at(10));
        assert_eq!(standing, Standing::Expired(GivenUp::Attempted));
    }

    #[track_caller]
    fn check_gives_up(decisions: &[Decision], age_ms: i64, expected: Option<GivenUp>) {
        let journal = journal(decisions);
        assert_eq!(journal.gives_up(&journal.standing(at(age_ms)), at(age_ms)), expected);
    }

    #[test]
    fn a_run_whose_start_is_undecided_for_thirty_days_ends() {
        let task_id = crate::fabricate::TaskId::try_from("t".to_owned()).unwrap();
        let no_answer = Decision::NoAnswer { reason: "HTTP 500".into(), not_before: None };
        let wait = Decision::Retry { not_before: at(9), reason: "HTTP 503".into() };
        check_gives_up(&[Decision::Start], UNDECIDED_MS_MAX - 1, None);
        check_gives_up(&[Decision::Start], UNDECIDED_MS_MAX, Some(GivenUp::Undecided));
        check_gives_up(&[Decision::Start, no_answer], UNDECIDED_MS_MAX, Some(GivenUp::Undecided));
        check_gives_up(&[Decision::Start, wait.clone()], NEXT_START_MS_MAX - 1, None);
        check_gives_up(&[Decision::Start, wait.clone()], NEXT_START_MS_MAX, Some(GivenUp::Overdue));
        check_gives_up(&[Decision::Start, wait], UNDECIDED_MS_MAX, Some(GivenUp::NotStarted));
        check_gives_up(&[Decision::Start, Decision::Task { task_id }], UNDECIDED_MS_MAX, None);
        check_gives_up(&[], UNDECIDED_MS_MAX, None);
    }

    #[test]
    fn a_start_request_under_way_is_waited_for_at_any_age() {
        let recorded =
            |decision, millis| Recorded { entry: Entry { author: "a".into(), decision }, at: at(millis) };
        let wait = Decision::Retry { not_before: at(9), reason: "HTTP 503".into() };
        let entries = vec![
            recorded(Decision::Start, 0),
            recorded(wait, 1),
            recorded(Decision::Start, UNDECIDED_MS_MAX),
        ];
        let (journal, now) = (Journal::new(entries), at(UNDECIDED_MS_MAX));
        assert_eq!(journal.gives_up(&journal.standing(now), now), None);
    }

    #[test]
    fn the_operations_page_states_the_same_numbers() {
        let page = include_str!("../../docs/operations.md");
        for (prefix, days) in [
            ("deliveries/", DELIVERIES_KEPT_DAYS),
            ("journal/", JOURNALS_KEPT_DAYS),
            ("retries/", JOURNALS_KEPT_DAYS),
        ] {
            let rule = format!("{prefix} --expire-days {days}");
            assert!(page.contains(&rule), "the page lacks `{rule}`");
        }
        assert!(page.contains(&format!("{DONE_KEPT_DAYS} days")), "the page states how long KV keeps runs");
    }
}
