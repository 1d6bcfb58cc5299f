//! Choosing the runs that one sweep advances: of all runs that are offered, those of the highest priority that fit.
//!
//! It serves the sixth promise twice: no more runs are in memory than one sweep advances, however many are open; and every
//! run has its turn within a bounded time, because the slots that decide priority ([`Summary::mark_ms`]) rotate.

use std::collections::BTreeMap;

use super::super::budget::COPY_REQUESTS_MAX;
use crate::run::{RunId, Status, Summary, Tick};

/// The runs of the highest priority among those that were offered.
#[derive(Debug)]
pub(super) struct FairQueue<T> {
    first: BTreeMap<Priority, (usize, T)>,
    weight: usize,
    weight_max: usize,
}

/// A later poll slot comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Priority {
    poll_slot_ms: i64,
    /// Random among runs of the same slot, because the first ones may use up the requests for files.
    tie_break: u32,
    run_id: RunId,
}

impl Priority {
    pub(super) fn of(run: &Summary, tick: Tick) -> Self {
        Self {
            poll_slot_ms: run.poll_slot_ms(tick),
            tie_break: run.run_id.tie_break(tick.now),
            run_id: run.run_id,
        }
    }
}

/// How many requests a run needs: one to poll its task, and where it archives files, enough for one file with all of its
/// redirects. With fewer, a run that needs several sweeps might never end.
pub(super) fn weight(run: &Summary) -> usize {
    if run.status == Status::Archiving { 1 + COPY_REQUESTS_MAX as usize } else { 1 }
}

impl<T> FairQueue<T> {
    /// An empty queue for runs of this weight together, or for a single run of any weight.
    pub(super) fn new(weight_max: usize) -> Self {
        Self { first: BTreeMap::new(), weight: 0, weight_max }
    }

    /// Adds a run, and removes those of the lowest priority that then exceed the weight.
    pub(super) fn offer(&mut self, priority: Priority, weight: usize, run: T) {
        if let Some((before, _)) = self.first.insert(priority, (weight, run)) {
            self.weight -= before;
        }
        self.weight += weight;
        while self.weight > self.weight_max && self.first.len() > 1 {
            let Some((_, (weight, _))) = self.first.pop_first() else { break };
            self.weight -= weight;
        }
    }

    /// The chosen runs, in the order of their priority.
    pub(super) fn take(self) -> Vec<T> {
        self.first.into_values().rev().map(|(_, run)| run).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::run::tests::{at, queued_run, started_run};
    use crate::run::{Run, Step};
    use crate::timestamp::{HOUR_MS, MINUTE_MS};

    const STEP_MS: i64 = 2 * MINUTE_MS;

    /// `count` copies of a run with different ids.
    fn runs(of: &Run, count: usize) -> Vec<Summary> {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut id = || RunId::new(at(0), rng.u128(..).to_le_bytes());
        (0..count).map(|_| Run { run_id: id(), ..of.clone() }.summary()).collect()
    }

    /// The most sweeps that pass between two queue of any of these runs, from `age_ms` on, every `step_ms`.
    fn longest_wait(runs: &[Summary], capacity: usize, age_ms: i64, step_ms: i64, sweeps: usize) -> usize {
        let mut last = vec![0; runs.len()];
        let mut longest = 0;
        for sweep in 1..=sweeps {
            let now = at(age_ms + i64::try_from(sweep).unwrap() * step_ms);
            let tick = Tick { now, since: now.plus_ms(-step_ms) };
            let mut queue = FairQueue::new(capacity);
            for (index, run) in runs.iter().enumerate().filter(|(_, run)| run.next_step(tick) != Step::Wait) {
                queue.offer(Priority::of(run, tick), weight(run), index);
            }
            for index in queue.take() {
                longest = longest.max(sweep - last[index]);
                last[index] = sweep;
            }
        }
        last.into_iter().map(|last| sweeps + 1 - last).max().unwrap().max(longest)
    }

    /// Sweeps in one full rotation: the power of two of minutes in which all would have their turn twice over.
    fn rotation(count: usize, capacity: usize, step_minutes: usize) -> usize {
        let minutes = (2 * count * step_minutes).div_ceil(capacity).next_power_of_two();
        minutes.div_ceil(step_minutes)
    }

    #[test]
    fn no_run_waits_longer_than_one_rotation() {
        // Each run is due in each sweep.
        for (count, sweeps) in [(41, 1_000), (700, 300), (1_000, 300), (20_000, 1_200)] {
            let longest = longest_wait(&runs(&queued_run(), count), 40, 0, STEP_MS, sweeps);
            let rotation = rotation(count, 40, 2);
            println!("{count} runs, 40 requests: at most {longest} sweeps, a rotation is {rotation}");
            assert!(longest <= rotation, "{count} runs: {longest} sweeps");
        }
    }

    #[test]
    fn the_crons_step_does_not_matter() {
        for minutes in [1, 2, 3, 5, 7, 10, 15, 30, 60, 1440] {
            let step_ms = i64::try_from(minutes).unwrap() * MINUTE_MS;
            let longest = longest_wait(&runs(&queued_run(), 300), 40, 0, step_ms, 200);
            let rotation = rotation(300, 40, minutes);
            assert!(
                longest <= rotation,
                "every {minutes} minutes: {longest} sweeps, a rotation is {rotation}"
            );
        }
    }

    #[test]
    fn where_all_fit_the_schedule_holds() {
        // 1,000 old runs need 134 requests in a sweep, on average.
        for (count, capacity) in [(10, 40), (250, 60), (1_000, 200)] {
            let longest = longest_wait(&runs(&started_run(), count), capacity, 2 * HOUR_MS, STEP_MS, 200);
            assert!(longest <= 8, "{count} runs: {longest} sweeps");
        }
    }

    #[test]
    fn old_runs_wait_no_longer_than_a_rotation_or_a_period() {
        for (count, at_most) in [(300, 16), (1_000, 64), (5_000, 256)] {
            let longest = longest_wait(&runs(&started_run(), count), 40, 2 * HOUR_MS, STEP_MS, 600);
            println!("{count} old runs: at most {longest} sweeps");
            assert!(longest <= at_most, "{count} runs: {longest} sweeps");
        }
    }

    #[test]
    fn a_deadline_comes_four_times_as_often_and_does_not_keep_the_others_out() {
        let mut late = started_run();
        Arc::make_mut(&mut late.settings).deadline_ms = 0;
        // As many runs of the same age that are not late.
        let runs = [runs(&late, 1_000), runs(&queued_run(), 1_000)].concat();
        let (mut urgent, mut others) = (0, 0);
        for sweep in 1..=500 {
            let now = at(sweep * STEP_MS);
            let tick = Tick { now, since: now.plus_ms(-STEP_MS) };
            let mut queue = FairQueue::new(40);
            for (index, run) in runs.iter().enumerate() {
                queue.offer(Priority::of(run, tick), 1, index);
            }
            for index in queue.take() {
                *if index < 1_000 { &mut urgent } else { &mut others } += 1;
            }
        }
        assert!(urgent > 3 * others && others > 500, "{urgent} and {others}");
    }

    #[test]
    fn no_more_runs_are_held_than_are_chosen() {
        let now = at(STEP_MS);
        let tick = Tick { now, since: at(0) };
        let mut queue = FairQueue::new(40);
        for run in runs(&queued_run(), 5_000) {
            queue.offer(Priority::of(&run, tick), 1, run);
            assert!(queue.first.len() <= 40);
        }
        assert_eq!(queue.take().len(), 40);
    }

    #[test]
    fn a_single_run_of_any_weight_fits() {
        let mut queue = FairQueue::new(1);
        let tick = Tick { now: at(STEP_MS), since: at(0) };
        for mut run in runs(&started_run(), 3) {
            run.status = Status::Archiving;
            queue.offer(Priority::of(&run, tick), weight(&run), run);
        }
        assert_eq!(queue.take().len(), 1);
    }
}
