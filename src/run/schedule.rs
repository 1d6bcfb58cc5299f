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
const BACKOFF_FIRST_MS: i64 = 30 * SECOND_MS;
/// …up to this. Eight attempts then span about a day.
const BACKOFF_MAX_MS: i64 = 8 * HOUR_MS;

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
        let Some(started_at) = self.started_at else {
            return true;
        };
        let age_ms = tick.now.since_ms(started_at);
        let period_ms = match age_ms {
            ..YOUNG_MS => return true,
            YOUNG_MS..HOUR_MS => MIDDLE_PERIOD_MS,
            _ => OLD_PERIOD_MS,
        };
        let past_deadline = self.deadline_at.is_some_and(|deadline| tick.now >= deadline);
        let watched = self.missing.is_some() || self.status == Status::Archiving;
        let previous_ms = tick.since.since_ms(started_at);
        past_deadline || watched || age_ms / period_ms != previous_ms / period_ms
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

    #[test]
    fn polls_thin_out_with_age_whatever_the_crons_step() {
        assert_eq!(polled(2), [0, 2, 4, 6, 8, 10, 16, 20, 26, 30, 36, 40, 46, 50, 56, 60, 76, 90, 106, 120]);
        assert_eq!(
            polled(1),
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 75, 90, 105, 120]
        );
        assert_eq!(polled(30), [0, 30, 60, 90, 120]);
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
        assert_eq!(ceilings, [30, 120, 480, 1920, 7680, 28_800, 28_800, 28_800]);
        assert_eq!(backoff_ms(3, u32::MAX / 2, None) / SECOND_MS, 239);
        assert_eq!(backoff_ms(1, 0, None), SECOND_MS);
        assert_eq!(backoff_ms(1, 0, Some(HOUR_MS)), HOUR_MS);
        assert_eq!(backoff_ms(u32::MAX, u32::MAX, None), BACKOFF_MAX_MS);
    }
}
