//! The cron pass over all open runs: each due one is advanced, within a budget, and in turn.
//!
//! Where a sweep goes on follows from the cron time alone, so that nothing is written to remember it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};
use serde_json::json;

use crate::ports::{Level, World};
use crate::run::{Status, Step, Summary, Tick};
use crate::timestamp::{MINUTE_MS, Timestamp};

use super::Budget;
use super::advance::{Advanced, advance};

/// How many runs are advanced at once: each waits for one answer at a time, and Workers allow six.
const AT_ONCE: usize = 4;

/// The most pages of 1,000 open runs that one sweep lists.
const PAGES_MAX: usize = 50;

/// A sweep takes up no further run after this: a cron invocation is ended after 15 minutes.
const SWEEP_MS_MAX: i64 = 10 * MINUTE_MS;

/// And it begins no further file after this: one file may take ten minutes.
const FILES_MS_MAX: i64 = 4 * MINUTE_MS;

/// How many files a run may copy in one sweep although others wait.
const FILES_EACH_MIN: u32 = 4;

/// How many parked runs one sweep looks at.
const PARKED_MAX: usize = 20;

/// Even where all runs fit, sweeps begin at different ones: whoever comes first may use up the requests for files.
const ROTATION_MIN: usize = 7;

/// What one sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Open runs listed.
    pub open: usize,
    /// Those that were looked at.
    pub looked_at: usize,
    /// Those that moved.
    pub moved: usize,
    /// Those whose step failed; a later sweep tries again.
    pub failed: usize,
}

/// Advances every open run that is due, as far as `requests` outbound requests go.
///
/// Where the runs need more polls than that, due times no longer say whose turn it is: all that Fabricate executes
/// take turns, so that none waits longer than one full rotation.
pub async fn sweep<W: World>(world: &W, tick: Tick, requests: u32) -> Swept {
    let (open, runs) = list(world).await;
    let (parked, runs): (Vec<_>, Vec<_>) =
        runs.into_iter().partition(|run| run.status == Status::Unconfirmed);
    let capacity = usize::try_from(requests).unwrap_or(usize::MAX);
    let (mut runs, tick) = choose(runs, tick, capacity);
    let files_each = requests / u32::try_from(runs.len().max(1)).unwrap_or(u32::MAX);
    // A parked run costs no request, only a look into its journal.
    runs.extend(take_turns(parked, tick.now, PARKED_MAX, |_| 1));

    let began = world.now();
    let budget = Budget::new(requests).for_files(files_each.max(FILES_EACH_MIN), began.plus_ms(FILES_MS_MAX));
    let refusals = Refusals::default();
    let swept = Cell::new(Swept { open, ..Swept::default() });
    stream::iter(&runs)
        .for_each_concurrent(AT_ONCE, |run| async {
            if world.now().since_ms(began) < SWEEP_MS_MAX && !refusals.cover(run, tick) {
                let done = advance_one(world, run, tick, &budget, &refusals).await;
                let mut so_far = swept.get();
                so_far.looked_at += 1;
                so_far.moved += usize::from(done == Some(Advanced::Moved));
                so_far.failed += usize::from(done.is_none());
                swept.set(so_far);
            }
        })
        .await;
    refusals.tell(world);
    swept.get()
}

/// The runs whose turn it is, and the tick by which they are due.
fn choose(mut runs: Vec<Summary>, tick: Tick, capacity: usize) -> (Vec<Summary>, Tick) {
    let overloaded = demand_permille(&runs, tick) > capacity.saturating_mul(800);
    // Since the beginning of time, whatever waits for its period has been due.
    let tick = if overloaded { Tick { since: Timestamp::from_millis(0), ..tick } } else { tick };
    runs.retain(|run| run.next_step(tick) != Step::Wait);
    let runs = take_turns(runs, tick.now, capacity, |run| match run.status {
        // Its task is asked for, and then at least one file.
        Status::Archiving => 2,
        _ => 1,
    });
    (runs, tick)
}

/// How many requests these runs need in each sweep, in thousandths: one that is due every tenth sweep needs 100.
fn demand_permille(runs: &[Summary], tick: Tick) -> usize {
    let interval_ms = tick.now.since_ms(tick.since).max(1);
    let demand = |run: &Summary| match run.poll_period_ms(tick.now) {
        Some(period_ms) => (1_000 * interval_ms / period_ms).min(1_000),
        None if run.next_step(tick) == Step::Wait => 0,
        None => 1_000,
    };
    usize::try_from(runs.iter().map(demand).sum::<i64>()).unwrap_or(usize::MAX)
}

/// As many of the runs as fit into `capacity`, at least one, beginning with those whose turn it is.
fn take_turns(
    mut runs: Vec<Summary>,
    now: Timestamp,
    capacity: usize,
    weight: impl Fn(&Summary) -> usize,
) -> Vec<Summary> {
    let needed: usize = runs.iter().map(&weight).sum();
    let start = rotation(now, runs.len(), needed, capacity);
    runs.rotate_left(start);
    let mut taken = 0;
    let fitting = runs.iter().take_while(|run| {
        taken += weight(run);
        taken <= capacity
    });
    let count = fitting.count().max(1);
    runs.truncate(count);
    runs
}

async fn advance_one<W: World>(
    world: &W,
    run: &Summary,
    tick: Tick,
    budget: &Budget,
    refusals: &Refusals,
) -> Option<Advanced> {
    match advance(world, run, tick, budget).await {
        Ok(done) => {
            refusals.take(run, done);
            Some(done)
        }
        Err(error) => {
            let fields = json!({"run_id": run.run_id, "hook": run.hook(), "error": error.to_string()});
            world.log(Level::Warn, "run not advanced, next sweep tries again", fields);
            None
        }
    }
}

/// All open runs, oldest first; an unreadable record is told and left alone.
async fn list<W: World>(world: &W) -> (usize, Vec<Summary>) {
    let mut runs = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let page = match world.list_open(cursor.as_deref()).await {
            Ok(page) => page,
            Err(error) => {
                world.log(Level::Warn, "sweep cannot list open runs", json!({"error": error.to_string()}));
                return (runs.len(), runs);
            }
        };
        for item in page.items {
            match item {
                Ok(summary) => runs.push(summary),
                Err(error) => {
                    world.log(Level::Error, "open run left alone", json!({"error": error.to_string()}));
                }
            }
        }
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    if cursor.is_some() {
        world.log(Level::Error, "more open runs than one sweep lists", json!({"listed": runs.len()}));
    }
    (runs.len(), runs)
}

/// Where a sweep begins among `count` runs that together need `needed` requests of a `capacity`.
///
/// The runs fall into as many parts as sweeps are needed, and the minute says whose turn it is. A number of parts
/// that has no factor in common with 60 lets every part have its turn whatever the cron's step, be it one minute
/// or an hour. Parts are smaller than the capacity, so that neighbours overlap and a run that moves up in the list
/// is not missed.
fn rotation(now: Timestamp, count: usize, needed: usize, capacity: usize) -> usize {
    if count == 0 {
        return 0;
    }
    let least = (needed * 11).div_ceil(capacity.max(1) * 10).max(ROTATION_MIN);
    let coprime = |parts: &usize| [2, 3, 5].iter().all(|factor| !parts.is_multiple_of(*factor));
    // Among any seven numbers in a row, one has none of the three factors.
    let parts = (least..least + 7).find(coprime).unwrap_or(least);
    let minute = usize::try_from(now.as_millis() / MINUTE_MS).unwrap_or(0);
    (minute % parts) * count / parts % count
}

/// Whom Fabricate refused in this sweep: it is not asked again for them until the next.
///
/// A 401 speaks of the key, so nothing more is asked; a 403 of one workspace (a key covers those that existed when
/// it was made), so the others go on.
#[derive(Default)]
struct Refusals {
    key: Cell<bool>,
    workspaces: RefCell<BTreeSet<String>>,
}

impl Refusals {
    fn take(&self, run: &Summary, done: Advanced) {
        match done {
            Advanced::KeyRefused => self.key.set(true),
            Advanced::WorkspaceRefused => {
                self.workspaces.borrow_mut().insert(run.workspace().to_owned());
            }
            Advanced::Unchanged | Advanced::Moved | Advanced::OutOfBudget => {}
        }
    }

    /// Whether asking for this run is useless.
    fn cover(&self, run: &Summary, tick: Tick) -> bool {
        let refused = self.key.get() || self.workspaces.borrow().contains(run.workspace());
        refused && matches!(run.next_step(tick), Step::Poll(_))
    }

    fn tell<W: World>(&self, world: &W) {
        if self.key.get() {
            let message =
                "Fabricate refuses the API key (401): every run is kept, none is followed until it is mended";
            world.log(Level::Error, message, json!({}));
        }
        let workspaces = self.workspaces.borrow();
        if !workspaces.is_empty() {
            let message = "the API key does not cover workspaces (403): their runs are kept until it does";
            world.log(Level::Error, message, json!({"workspaces": workspaces.iter().collect::<Vec<_>>()}));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::RunId;
    use crate::run::tests::{at, started_run};
    use crate::timestamp::HOUR_MS;

    /// How many sweeps pass, with a cron of every `step` minutes, until each of `count` runs had its turn.
    fn sweeps_until_all_had_their_turn(count: usize, capacity: usize, step: i64) -> usize {
        let mut waiting: BTreeSet<usize> = (0..count).collect();
        for sweep in 1..10_000 {
            let now = Timestamp::from_millis((28_000_001 + sweep * step) * MINUTE_MS);
            let start = rotation(now, count, count, capacity);
            for index in 0..capacity {
                waiting.remove(&((start + index) % count));
            }
            if waiting.is_empty() {
                return usize::try_from(sweep).unwrap();
            }
        }
        usize::MAX
    }

    #[test]
    fn every_run_has_its_turn_within_one_rotation_whatever_the_crons_step() {
        for step in [1, 2, 3, 5, 10, 15, 30, 60, 1440] {
            for (count, capacity, at_most) in [(41, 40, 7), (100, 40, 7), (1000, 40, 29), (20_000, 40, 551)] {
                let sweeps = sweeps_until_all_had_their_turn(count, capacity, step);
                assert!(sweeps <= at_most, "{count} runs, every {step} minutes: {sweeps} sweeps");
            }
        }
    }

    #[test]
    fn runs_that_fit_begin_with_another_one_each_time() {
        let starts = (0..7).map(|minute| rotation(Timestamp::from_millis(minute * MINUTE_MS), 14, 14, 40));
        assert_eq!(starts.collect::<Vec<_>>(), [0, 2, 4, 6, 8, 10, 12]);
        assert_eq!(rotation(Timestamp::from_millis(7 * MINUTE_MS), 0, 0, 40), 0);
    }

    /// How many sweeps pass between two polls of any of `count` runs that are two hours old.
    fn longest_wait(count: usize, capacity: u32) -> usize {
        let started_together: Vec<Summary> = (0..count)
            .map(|index| {
                let mut run = started_run();
                let random = (index as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
                run.run_id = RunId::new(at(0), random.to_le_bytes());
                run.summary()
            })
            .collect();
        let mut last_polled = std::collections::HashMap::new();
        let mut longest = 0;
        for sweep in 0..400_usize {
            let now = at(2 * HOUR_MS + i64::try_from(sweep).unwrap() * 2 * MINUTE_MS);
            let tick = Tick { now, since: now.plus_ms(-2 * MINUTE_MS) };
            let polled = choose(started_together.clone(), tick, capacity as usize).0;
            assert!(polled.len() <= capacity as usize);
            for run in polled {
                let before = last_polled.insert(run.run_id, sweep).unwrap_or(0);
                longest = longest.max(sweep - before);
            }
        }
        assert_eq!(last_polled.len(), count, "every run was polled");
        longest
    }

    #[test]
    fn old_runs_wait_no_longer_than_a_rotation_or_two_periods() {
        for (count, at_most) in [(10, 8), (100, 16), (300, 16), (1_000, 30)] {
            let longest = longest_wait(count, 40);
            assert!(longest <= at_most, "{count} runs: {longest} sweeps");
        }
    }
}
