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
        let (Some(started_at), Some(period_ms)) = (self.started_at, self.poll_period_ms(tick.now)) else {
            return true;
        };
        // Runs that started together are not all due together.
        let offset_ms = self.run_id.spread(period_ms);
        let phase = |moment: Timestamp| (moment.since_ms(started_at) + offset_ms) / period_ms;
        phase(tick.now) != phase(tick.since)
    }

    /// How often the run's task is asked for, milliseconds; `None`: in each sweep.
    #[must_use]
    pub fn poll_period_ms(&self, now: Timestamp) -> Option<i64> {
        let past_deadline = self.deadline_at.is_some_and(|deadline| now >= deadline);
        if past_deadline || self.missing.is_some() || self.status == Status::Archiving {
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

    #[test]
    fn runs_that_started_together_are_due_at_different_times() {
        let now = at(2 * HOUR_MS);
        let tick = Tick { now, since: now.plus_ms(-MINUTE_MS) };
        let due = (0..1_500_u128).filter(|seed| {
            let mut run = started_run();
            run.run_id = RunId::new(at(0), (seed * 0x9e37_79b9_7f4a_7c15_f39c_c060).to_le_bytes());
            run.summary().next_step(tick) != Step::Wait
        });
        let due = due.count();
        assert!((50..150).contains(&due), "{due} of 1,500 in one of 15 minutes");
    }

    #[test]
    fn a_deadline_or_a_missing_task_is_looked_at_in_each_sweep() {
        let tick = |minute| Tick { now: at(minute * MINUTE_MS), since: at((minute - 2) * MINUTE_MS) };
        let mut run = started_run();
        assert_eq!(run.summary().next_step(tick(62)), Step::Wait);
        run.settings.deadline_ms = HOUR_MS;
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
