//! The runs of a sweep's list that may have to wait for others: of each key, the run that may start, and those that end because a newer
//! one replaces them, or because they are too old to be started.
//!
//! It serves the sixth promise: 10,000 runs of one key are as many summaries in a list, of which a few are held and one is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::hook::WhenBusy;
use crate::journal::retention::FIRST_START_MS_MAX;
use crate::run::{GroupId, RunId, Step, Summary, Tick};

use super::super::Budget;
use super::fair_queue::{FairQueue, Priority};

/// The most keys for which one sweep asks whether the next run may start. Each takes some reads; where there are more, they take turns.
const STARTS_MAX: usize = 40;

/// The most runs that one sweep ends because newer ones replace them, because they do not wait, or because they have waited for too
/// long. Each is two KV writes.
const ENDS_MAX: usize = 40;

/// How many runs of a key are remembered that are not due.
const NOT_DUE_MAX: usize = 2;

/// How many runs one sweep asks of those that only `max_running` limits.
const STARTS_OF_LIMIT_MAX: usize = 8;

/// The runs that may have to wait, by group.
#[derive(Default)]
pub(super) struct Waiting {
    groups: BTreeMap<GroupId, Group>,
    /// Runs that end when they are asked, if they do not start.
    ends: Vec<Rc<Summary>>,
    /// All of them, by their ids alone.
    listed: BTreeSet<RunId>,
}

/// Runs that wait for each other.
#[derive(Default)]
struct Group {
    /// The oldest of those that are due: one of a key, a few of a limit.
    oldest: Vec<Rc<Summary>>,
    /// Some that wait for their next attempt: of a key that is the run which has the turn.
    not_due: Vec<Rc<Summary>>,
    /// The second-oldest that is due.
    next: Option<RunId>,
    /// The newest that replaces older ones.
    newest: Option<Rc<Summary>>,
}

impl Waiting {
    /// Adds a run of the list. Runs are offered oldest first.
    pub(super) fn offer(&mut self, run: Rc<Summary>, tick: Tick) {
        let Some(waits) = &run.waits else { return };
        self.listed.insert(run.run_id);
        // Its empty journal justifies no start any more. It must not stand in the way of those that came after it.
        if run.attempts == 0 && tick.now.since_ms(run.received_at) >= FIRST_START_MS_MAX {
            self.end(run);
            return;
        }
        let group = self.groups.entry(waits.group).or_default();
        let is_due = run.next_step(tick) != Step::Wait;
        if waits.when_busy == WhenBusy::Replace {
            let older = std::mem::take(&mut group.oldest).into_iter().chain(group.newest.take());
            // Those that wait for their next attempt, too.
            let older: Vec<_> = older.chain(std::mem::take(&mut group.not_due)).collect();
            (group.next, group.newest) = (None, Some(run));
            for older in older {
                self.end(older);
            }
        } else if !is_due {
            if group.not_due.len() < NOT_DUE_MAX {
                group.not_due.push(run);
            }
        } else if waits.when_busy == WhenBusy::Skip && self.ends.len() < ENDS_MAX {
            self.end(run);
        } else {
            let starts_max = if waits.key.is_empty() { STARTS_OF_LIMIT_MAX } else { 1 };
            if group.oldest.len() < starts_max {
                group.oldest.push(run);
            } else if group.next.is_none() {
                group.next = Some(run.run_id);
            }
        }
    }

    fn end(&mut self, run: Rc<Summary>) {
        if self.ends.len() < ENDS_MAX {
            self.ends.push(run);
        }
    }

    /// How many runs may start.
    pub(super) fn starts(&self) -> usize {
        let starts = |group: &Group| group.oldest.len() + usize::from(group.newest.is_some());
        self.groups.values().map(starts).sum::<usize>().min(STARTS_MAX)
    }

    /// The runs to ask: those that may start, then those that end; and the ids of all that were offered. What the list says of them
    /// is noted in the budget's memo.
    pub(super) fn into_steps(self, tick: Tick, budget: &Budget) -> (Vec<Rc<Summary>>, BTreeSet<RunId>) {
        let mut starts = FairQueue::new(STARTS_MAX);
        for (id, group) in self.groups {
            let newest = group.newest.as_ref().map(|newest| newest.run_id);
            budget.turns().note_list(id, group.next, newest);
            // A run that replaces the others is the one that starts; runs that came after it wait.
            let first = group.newest.filter(|newest| newest.next_step(tick) != Step::Wait);
            let starters = first.map_or(group.oldest, |first| vec![first]);
            for run in starters {
                starts.offer(Priority::of(&run, tick), 1, run);
            }
        }
        (starts.take().into_iter().chain(self.ends).collect(), self.listed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::run::Run;
    use crate::run::tests::{at, queued_run};

    /// A run with a key, accepted so many milliseconds after the others' beginning.
    fn run(key: &str, when_busy: WhenBusy, accepted_ms: i64) -> Run {
        let mut run = queued_run();
        (run.run_id, run.received_at) = (RunId::new(at(accepted_ms), [1; 16]), at(accepted_ms));
        run.key = (!key.is_empty()).then(|| key.to_owned());
        let settings = Arc::make_mut(&mut run.settings);
        settings.when_busy = when_busy;
        settings.max_running.hook = key.is_empty().then_some(2);
        run
    }

    /// The times at which the runs were accepted that are asked, in that order.
    fn steps(runs: &[Run]) -> Vec<i64> {
        steps_at(120_000, runs)
    }

    fn steps_at(now_ms: i64, runs: &[Run]) -> Vec<i64> {
        let (mut waiting, tick) = (Waiting::default(), Tick { now: at(now_ms), since: at(now_ms - 120_000) });
        for run in runs {
            waiting.offer(run.summary().into(), tick);
        }
        let (steps, _) = waiting.into_steps(tick, &Budget::new(40));
        steps.iter().map(|step| step.received_at.since_ms(at(0))).collect()
    }

    #[test]
    fn of_each_key_the_oldest_run_is_asked() {
        let runs: Vec<Run> = (0..10_000).map(|ms| run("key", WhenBusy::Wait, ms)).collect();
        assert_eq!(steps(&runs), [0]);
        let two = [run("a", WhenBusy::Wait, 1), run("b", WhenBusy::Wait, 2), run("a", WhenBusy::Wait, 3)];
        let mut asked = steps(&two);
        asked.sort_unstable();
        assert_eq!(asked, [1, 2]);
    }

    #[test]
    fn the_newest_that_replaces_is_asked_and_older_ones_end() {
        let runs: Vec<Run> = (0..5).map(|ms| run("key", WhenBusy::Replace, ms)).collect();
        assert_eq!(steps(&runs), [4, 0, 1, 2, 3]);
        let many: Vec<Run> = (0..10_000).map(|ms| run("key", WhenBusy::Replace, ms)).collect();
        assert_eq!(steps(&many).len(), 1 + ENDS_MAX);
        let mixed =
            [run("key", WhenBusy::Wait, 0), run("key", WhenBusy::Replace, 1), run("key", WhenBusy::Wait, 2)];
        assert_eq!(steps(&mixed), [1, 0]);
    }

    #[test]
    fn runs_that_are_too_old_to_start_end_and_keep_nobody_from_starting() {
        let now_ms = FIRST_START_MS_MAX + 1;
        let runs = [0, 1, 2, now_ms].map(|ms| run("key", WhenBusy::Wait, ms));
        assert_eq!(steps_at(now_ms, &runs), [2, 0, 1]);
        let many: Vec<Run> = (0..10_000).map(|ms| run("key", WhenBusy::Wait, ms)).collect();
        assert_eq!(steps_at(2 * now_ms, &many).len(), ENDS_MAX);
        let mut attempted = run("key", WhenBusy::Wait, 0);
        attempted.attempts = 1;
        assert_eq!(steps_at(now_ms, &[attempted, run("key", WhenBusy::Wait, 2)]), [0], "its journal decides");
    }

    #[test]
    fn a_run_that_waits_for_its_next_attempt_is_replaced_at_once() {
        let mut later = run("key", WhenBusy::Wait, 0);
        later.start_later(1, at(900_000));
        assert_eq!(steps(&[later.clone(), run("key", WhenBusy::Replace, 1)]), [1, 0]);
        assert_eq!(steps(&[later, run("key", WhenBusy::Wait, 1)]), [1]);
    }

    #[test]
    fn a_run_that_does_not_wait_is_asked_too() {
        assert_eq!(steps(&[run("key", WhenBusy::Wait, 0), run("key", WhenBusy::Skip, 1)]), [0, 1]);
    }

    #[test]
    fn a_few_are_asked_of_those_that_only_a_limit_holds_back() {
        let runs: Vec<Run> = (0..100).map(|ms| run("", WhenBusy::Wait, ms)).collect();
        let mut asked = steps(&runs);
        asked.sort_unstable();
        assert_eq!(asked, (0..8).collect::<Vec<_>>());
    }

    #[test]
    fn no_more_keys_are_asked_than_one_sweep_can() {
        let runs: Vec<Run> = (0..500).map(|ms| run(&ms.to_string(), WhenBusy::Wait, ms)).collect();
        assert_eq!(steps(&runs).len(), STARTS_MAX);
    }
}
