//! When a run is due: from its status and age alone, so that waiting writes nothing.

use super::{Status, Summary};
use crate::fabricate::TaskId;
use crate::timestamp::{HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};

/// A run younger than this is polled in each sweep.
const YOUNG_MS: i64 = 10 * MINUTE_MS;
/// After that, and up to an hour of age, this often; then every [`OLD_PERIOD_MS`].
const MIDDLE_PERIOD_MS: i64 = 5 * MINUTE_MS;
/// How often a run older than an hour is polled.
const OLD_PERIOD_MS: i64 = 15 * MINUTE_MS;

/// Periods are doubled up to this where not all that is due can have its turn: the most that a run's random number
/// spreads over, 2^31 ms or 24 days.
const MARK_MS_MAX: i64 = 1 << 31;
/// How much earlier in the line stands a run that has passed its deadline, or whose task is missing.
const URGENT_TIMES: i64 = 4;

/// The first wait between two start requests is drawn below this; each further one below four times as much…
const BACKOFF_FIRST_MS: i64 = MINUTE_MS;
/// …up to this. Eight attempts then span 19 hours on average, and 38 at the most.
const BACKOFF_MAX_MS: i64 = 16 * HOUR_MS;

/// The moment of a sweep, and how far back the one before it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// Now.
    pub now: Timestamp,
    /// The previous sweep, as well as it is known.
    pub since: Timestamp,
}

/// What a run needs next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing yet.
    Wait,
    /// Read its journal and do what that says: start it, follow a decision, or close it.
    Settle,
    /// Ask Fabricate for its task, and archive the files of a completed one.
    Poll(TaskId),
}

impl Summary {
    /// What the run needs next; a pure function of what is known and the time.
    #[must_use]
    pub fn next_step(&self, tick: Tick) -> Step {
        match self.status {
            Status::Queued if self.not_before.is_some_and(|moment| moment > tick.now) => Step::Wait,
            Status::InProgress | Status::Archiving if !self.unjournalled => match &self.task_id {
                Some(task_id) if self.is_poll_due(tick) => Step::Poll(task_id.clone()),
                Some(_) => Step::Wait,
                None => Step::Settle,
            },
            _ => Step::Settle,
        }
    }

    fn is_poll_due(&self, tick: Tick) -> bool {
        self.poll_period_ms(tick.now).is_none_or(|period_ms| self.passes_mark(period_ms, tick))
    }

    /// How far ahead a run that is due stands where not all can have their turn, milliseconds.
    ///
    /// Its period is doubled as often as a mark of the doubled one, too, lies in this tick. So half of those that
    /// are due pass a mark of the double period, a quarter one of four times that, and so on, and whoever passes the
    /// widest comes first. Each run passes a mark of every width in its time, whatever the others do: all are
    /// polled less often, and none is forgotten. It follows from the run and the time alone: nothing is written.
    #[must_use]
    pub fn mark_ms(&self, tick: Tick) -> i64 {
        let mut mark_ms = self.poll_period_ms(tick.now).unwrap_or(MINUTE_MS);
        while 2 * mark_ms <= MARK_MS_MAX && self.passes_mark(2 * mark_ms, tick) {
            mark_ms *= 2;
        }
        if self.is_urgent(tick.now) { URGENT_TIMES * mark_ms } else { mark_ms }
    }

    /// Whether one of the run's marks, which lie `width_ms` apart, is in this tick.
    fn passes_mark(&self, width_ms: i64, tick: Tick) -> bool {
        let from = self.started_at.unwrap_or(self.received_at);
        // Runs that started together are not all due together.
        let offset_ms = self.run_id.spread(2 * MARK_MS_MAX);
        let phase = |moment: Timestamp| (moment.since_ms(from) + offset_ms).div_euclid(width_ms);
        phase(tick.now) != phase(tick.since)
    }

    fn is_urgent(&self, now: Timestamp) -> bool {
        self.missing.is_some() || self.deadline_at.is_some_and(|deadline| now >= deadline)
    }

    /// How often the run's task is asked for, milliseconds; `None`: in each sweep.
    fn poll_period_ms(&self, now: Timestamp) -> Option<i64> {
        if self.is_urgent(now) || self.status == Status::Archiving {
            return None;
        }
        match now.since_ms(self.started_at?) {
            ..YOUNG_MS => None,
            YOUNG_MS..HOUR_MS => Some(MIDDLE_PERIOD_MS),
            _ => Some(OLD_PERIOD_MS),
        }
    }
}

/// How long to wait after the `attempts`-th start request: exponential, capped, with full jitter.
///
/// `random` is uniform over its type. `asked_ms` is what Fabricate asked for, and the least that is waited.
#[must_use]
pub fn backoff_ms(attempts: u32, random: u32, asked_ms: Option<i64>) -> i64 {
    let doublings = 2 * attempts.saturating_sub(1).min(16);
    let ceiling_ms = BACKOFF_FIRST_MS.saturating_mul(1 << doublings).min(BACKOFF_MAX_MS);
    let jittered_ms = ceiling_ms * i64::from(random) / i64::from(u32::MAX);
    jittered_ms.max(SECOND_MS).max(asked_ms.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::RunId;
    use super::super::tests::{at, started_run};
    use super::*;

    /// The minutes of the first two hours at which a run is polled, by a sweep every `step` minutes.
    fn polled(step: i64) -> Vec<i64> {
        let summary = started_run().summary();
        (0..=120)
            .filter(|minute| minute % step == 0)
            .filter(|minute| {
                let now = at(minute * MINUTE_MS);
                let tick = Tick { now, since: now.plus_ms(-step * MINUTE_MS) };
                summary.next_step(tick) != Step::Wait
            })
            .collect()
    }

    /// The longest time between two polls while the run is between `from` and `to` minutes old.
    #[track_caller]
    fn check_gaps(step: i64, from: i64, to: i64, expected: i64) {
        let minutes = polled(step);
        let gaps = minutes.windows(2).filter(|pair| from <= pair[0] && pair[1] <= to);
        assert_eq!(gaps.map(|pair| pair[1] - pair[0]).max(), Some(expected), "every {step}: {minutes:?}");
    }

    #[test]
    fn polls_thin_out_with_age_whatever_the_crons_step() {
        check_gaps(1, 0, 9, 1);
        check_gaps(1, 15, 59, 5);
        check_gaps(1, 75, 120, 15);
        check_gaps(2, 0, 8, 2);
        check_gaps(2, 15, 59, 6);
        check_gaps(2, 75, 120, 16);
        assert_eq!(polled(30), [0, 30, 60, 90, 120]);
        assert!(polled(2).len() < 25, "{:?}", polled(2));
    }

    /// Those of so many runs that started together which are due.
    fn due(count: u128, tick: Tick) -> Vec<Summary> {
        let summaries = (0..count).map(|seed| {
            let mut run = started_run();
            run.run_id = RunId::new(at(0), (seed * 0x9e37_79b9_7f4a_7c15_f39c_c060).to_le_bytes());
            run.summary()
        });
        summaries.filter(|summary| summary.next_step(tick) != Step::Wait).collect()
    }

    #[test]
    fn runs_that_started_together_are_due_at_different_times() {
        let now = at(2 * HOUR_MS);
        let tick = Tick { now, since: now.plus_ms(-MINUTE_MS) };
        let due = due(1_500, tick).len();
        assert!((50..150).contains(&due), "{due} of 1,500 in one of 15 minutes");
    }

    #[test]
    fn of_those_that_are_due_half_stand_at_a_mark_twice_as_wide() {
        let now = at(2 * HOUR_MS);
        let tick = Tick { now, since: now.plus_ms(-MINUTE_MS) };
        let marks: Vec<i64> = due(30_000, tick).iter().map(|summary| summary.mark_ms(tick)).collect();
        for times in [1, 2, 4, 8] {
            let so_wide = marks.iter().filter(|mark_ms| **mark_ms >= times * OLD_PERIOD_MS).count();
            let expected = marks.len() / usize::try_from(times).unwrap();
            assert!(so_wide.abs_diff(expected) < 100, "{so_wide} of {} at {times} periods", marks.len());
        }
        assert!(marks.iter().all(|mark_ms| OLD_PERIOD_MS <= *mark_ms && *mark_ms <= MARK_MS_MAX));
    }

    #[test]
    fn a_run_past_its_deadline_stands_four_times_as_far_ahead() {
        let mut young = started_run();
        let now = at(5 * MINUTE_MS);
        let tick = Tick { now, since: now.plus_ms(-MINUTE_MS) };
        let mark_ms = young.summary().mark_ms(tick);
        Arc::make_mut(&mut young.settings).deadline_ms = 5 * MINUTE_MS;
        assert_eq!(young.summary().mark_ms(tick), 4 * mark_ms);
    }

    #[test]
    fn a_deadline_or_a_missing_task_is_looked_at_in_each_sweep() {
        let tick = |minute| Tick { now: at(minute * MINUTE_MS), since: at((minute - 2) * MINUTE_MS) };
        let mut run = started_run();
        assert_eq!(run.summary().next_step(tick(62)), Step::Wait);
        Arc::make_mut(&mut run.settings).deadline_ms = HOUR_MS;
        assert_ne!(run.summary().next_step(tick(62)), Step::Wait);
        let mut run = started_run();
        run.missed_task(at(0));
        assert_ne!(run.summary().next_step(tick(62)), Step::Wait);
    }

    #[test]
    fn backoff_grows_is_capped_and_spread() {
        let ceilings: Vec<i64> = (1..=8).map(|n| backoff_ms(n, u32::MAX, None) / SECOND_MS).collect();
        assert_eq!(ceilings, [60, 240, 960, 3840, 15_360, 57_600, 57_600, 57_600]);
        assert_eq!(backoff_ms(3, u32::MAX / 2, None) / SECOND_MS, 479);
        assert_eq!(backoff_ms(1, 0, None), SECOND_MS);
        assert_eq!(backoff_ms(1, 0, Some(HOUR_MS)), HOUR_MS);
        assert_eq!(backoff_ms(u32::MAX, u32::MAX, None), BACKOFF_MAX_MS);
    }
}
