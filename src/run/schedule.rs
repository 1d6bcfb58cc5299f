//! When a run is due. It follows from the run's status and age alone, so that waiting writes nothing.

use super::{Status, Summary};
use crate::fabricate::TaskId;
use crate::timestamp::{HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};

/// A run younger than this is polled in each sweep, milliseconds.
const YOUNG_MS: i64 = 10 * MINUTE_MS;
/// How often a run is polled after that and up to an age of an hour, milliseconds.
const MIDDLE_PERIOD_MS: i64 = 5 * MINUTE_MS;
/// How often a run older than an hour is polled, milliseconds.
const OLD_PERIOD_MS: i64 = 15 * MINUTE_MS;

/// The longest [poll slot](Summary::poll_slot_ms), milliseconds: 24 days.
const POLL_SLOT_MS_MAX: i64 = 1 << 31;
/// How many times as long the poll slot is of a run that has passed its deadline, or whose task is missing.
const URGENT_TIMES: i64 = 4;

/// The first wait between two start requests is a random time below this, milliseconds; each further one is below four
/// times as much…
const BACKOFF_FIRST_MS: i64 = MINUTE_MS;
/// …up to this. Eight attempts then span 19 hours on average, and 38 at the most.
const BACKOFF_MAX_MS: i64 = 16 * HOUR_MS;

/// The moment of a sweep and of the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// When this sweep is due.
    pub now: Timestamp,
    /// When the previous sweep was due, as far as is known.
    pub since: Timestamp,
}

/// What a run needs next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing is due yet.
    Wait,
    /// Read the run's journal and do what it says: start the run, follow a decision, or close the run.
    Settle,
    /// Notify the targets of a run that has ended.
    Notify,
    /// Ask Fabricate for this task, and archive its files once it is completed.
    Poll(TaskId),
}

impl Summary {
    /// What the run needs next; a pure function of the summary and the time.
    #[must_use]
    pub fn next_step(&self, tick: Tick) -> Step {
        match self.status {
            Status::Queued if self.not_before.is_some_and(|moment| moment > tick.now) => Step::Wait,
            Status::InProgress | Status::Archiving if !self.unjournalled => match &self.task_id {
                Some(task_id) if self.is_poll_due(tick) => Step::Poll(task_id.clone()),
                Some(_) => Step::Wait,
                None => Step::Settle,
            },
            status if status.is_final() => match self.not_before {
                Some(due) if due <= tick.now => Step::Notify,
                Some(_) => Step::Wait,
                None => Step::Settle,
            },
            _ => Step::Settle,
        }
    }

    /// Whether an attempt to notify a target is due, of a run that has ended or is parked.
    #[must_use]
    pub fn is_notification_due(&self, now: Timestamp) -> bool {
        let is_told_of = self.status.is_final() || self.status == Status::Unconfirmed;
        is_told_of && self.not_before.is_some_and(|due| due <= now)
    }

    /// The moment from which on every sweep advances the run, because a start or an end is due; `None`: only its task can end it, or
    /// it may have to wait for other runs, however long these take.
    #[must_use]
    pub fn settled_by(&self) -> Option<Timestamp> {
        match self.status {
            Status::Queued if self.waits.is_some() => None,
            Status::Queued => Some(self.not_before.unwrap_or(self.received_at)),
            Status::InProgress => self.deadline_at,
            _ => None,
        }
    }

    fn is_poll_due(&self, tick: Tick) -> bool {
        self.poll_period_ms(tick.now).is_none_or(|period_ms| self.begins_slot(period_ms, tick))
    }

    /// The length of the longest poll slot that begins in this tick, milliseconds. Where a sweep cannot poll every run that
    /// is due, runs with a longer slot come first.
    ///
    /// A run's time is divided into slots of its poll period, into slots of twice that, of four times that, and so on. A run
    /// is due when a slot of its period begins. At the same moment a slot of twice the length begins for half of the due
    /// runs, one of four times the length for a quarter, and so on. Each run in turn gets to the front: all are polled less
    /// often, and none is forgotten. The slots follow from the run and the time alone, so nothing is written.
    #[must_use]
    pub fn poll_slot_ms(&self, tick: Tick) -> i64 {
        let mut slot_ms = self.poll_period_ms(tick.now).unwrap_or(MINUTE_MS);
        while 2 * slot_ms <= POLL_SLOT_MS_MAX && self.begins_slot(2 * slot_ms, tick) {
            slot_ms *= 2;
        }
        if self.is_urgent(tick.now) { URGENT_TIMES * slot_ms } else { slot_ms }
    }

    /// Whether one of the run's slots of `slot_ms` begins in this tick.
    fn begins_slot(&self, slot_ms: i64, tick: Tick) -> bool {
        let from = self.started_at.unwrap_or(self.received_at);
        // Runs that started together are not all due together.
        let offset_ms = self.run_id.spread(2 * POLL_SLOT_MS_MAX);
        let phase = |moment: Timestamp| (moment.since_ms(from) + offset_ms).div_euclid(slot_ms);
        phase(tick.now) != phase(tick.since)
    }

    fn is_urgent(&self, now: Timestamp) -> bool {
        self.missing.is_some() || self.deadline_at.is_some_and(|deadline| now >= deadline)
    }

    /// How often the run is polled, milliseconds; `None`: in each sweep.
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

/// How long to wait after the `attempts`-th start request, milliseconds: exponential, capped, with full jitter.
///
/// `random` must be uniform over its type. `asked_ms` is the `Retry-After` of Fabricate, and the wait is not shorter.
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
    fn polls_become_rarer_with_age_at_any_interval_of_the_sweep() {
        check_gaps(1, 0, 9, 1);
        check_gaps(1, 15, 59, 5);
        check_gaps(1, 75, 120, 15);
        check_gaps(2, 0, 8, 2);
        check_gaps(2, 15, 59, 6);
        check_gaps(2, 75, 120, 16);
        assert_eq!(polled(30), [0, 30, 60, 90, 120]);
        assert!(polled(2).len() < 25, "{:?}", polled(2));
    }

    /// The runs that are due, of `count` runs that started together.
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
    fn of_those_that_are_due_half_begin_a_slot_twice_as_long() {
        let now = at(2 * HOUR_MS);
        let tick = Tick { now, since: now.plus_ms(-MINUTE_MS) };
        let slots: Vec<i64> = due(30_000, tick).iter().map(|summary| summary.poll_slot_ms(tick)).collect();
        for times in [1, 2, 4, 8] {
            let as_long = slots.iter().filter(|slot_ms| **slot_ms >= times * OLD_PERIOD_MS).count();
            let expected = slots.len() / usize::try_from(times).unwrap();
            assert!(as_long.abs_diff(expected) < 100, "{as_long} of {} at {times} periods", slots.len());
        }
        assert!(slots.iter().all(|slot_ms| OLD_PERIOD_MS <= *slot_ms && *slot_ms <= POLL_SLOT_MS_MAX));
    }

    #[test]
    fn a_run_past_its_deadline_has_a_slot_four_times_as_long() {
        let mut young = started_run();
        let now = at(5 * MINUTE_MS);
        let tick = Tick { now, since: now.plus_ms(-MINUTE_MS) };
        let slot_ms = young.summary().poll_slot_ms(tick);
        Arc::make_mut(&mut young.settings).deadline_ms = 5 * MINUTE_MS;
        assert_eq!(young.summary().poll_slot_ms(tick), 4 * slot_ms);
    }

    #[test]
    fn a_run_past_its_deadline_or_with_a_missing_task_is_polled_in_each_sweep() {
        let tick = |minute| Tick { now: at(minute * MINUTE_MS), since: at((minute - 2) * MINUTE_MS) };
        let mut run = started_run();
        assert_eq!(run.summary().next_step(tick(62)), Step::Wait);
        Arc::make_mut(&mut run.settings).deadline_ms = HOUR_MS;
        assert_ne!(run.summary().next_step(tick(62)), Step::Wait);
        let mut run = started_run();
        run.apply_missing_task(at(0));
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
