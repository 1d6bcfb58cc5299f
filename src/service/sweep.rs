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

/// What one sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Open runs listed.
    pub open: usize,
    /// Those that were looked at.
    pub looked_at: usize,
    /// Those that moved.
    pub moved: usize,
    /// Those whose step failed; they stay due.
    pub failed: usize,
}

/// Advances every open run that is due, as far as `requests` outbound requests go.
///
/// More due runs than requests: then all runs that Fabricate executes take turns, due by age or not, so that none
/// waits longer than one full rotation.
pub async fn sweep<W: World>(world: &W, tick: Tick, budget: &Budget, requests: u32) -> Swept {
    let (open, mut runs) = list(world).await;
    let capacity = usize::try_from(requests).unwrap_or(usize::MAX);
    let is_due = |run: &Summary| run.next_step(tick) != Step::Wait;
    let due = runs.iter().filter(|run| is_due(run)).count();
    let overloaded = due > capacity;
    runs.retain(|run| is_due(run) || (overloaded && run.status == Status::InProgress));
    let start = rotation(tick.now, runs.len(), capacity);
    runs.rotate_left(start);
    runs.truncate(capacity);

    let began = world.now();
    let refusals = Refusals::default();
    let swept = Cell::new(Swept { open, ..Swept::default() });
    stream::iter(&runs)
        .for_each_concurrent(AT_ONCE, |run| async {
            if world.now().since_ms(began) < SWEEP_MS_MAX && !refusals.cover(run, tick) {
                let done = advance_one(world, run, tick, budget, &refusals).await;
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
                break;
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

/// Where a sweep begins among `count` runs when it can take up `capacity` of them.
///
/// The runs fall into as many parts as sweeps are needed, and the minute says whose turn it is. A number of parts
/// that has no factor in common with 60 lets every part have its turn whatever the cron's step, be it one minute
/// or an hour. Parts are smaller than the capacity, so that neighbours overlap and a run that moves up in the list
/// is not missed.
fn rotation(now: Timestamp, count: usize, capacity: usize) -> usize {
    if count <= capacity {
        return 0;
    }
    let least = (count * 11).div_ceil(capacity.max(1) * 10);
    let coprime = |parts: &usize| [2, 3, 5].iter().all(|factor| !parts.is_multiple_of(*factor));
    // Among any seven numbers in a row, one has none of the three factors.
    let parts = (least..least + 7).find(coprime).unwrap_or(least);
    let minute = usize::try_from(now.as_millis() / MINUTE_MS).unwrap_or(0);
    (minute % parts) * count / parts
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

    /// How many sweeps pass, with a cron of every `step` minutes, until each of `count` runs had its turn.
    fn sweeps_until_all_had_their_turn(count: usize, capacity: usize, step: i64) -> usize {
        let mut waiting: BTreeSet<usize> = (0..count).collect();
        for sweep in 1..10_000 {
            let now = Timestamp::from_millis((28_000_001 + sweep * step) * MINUTE_MS);
            let start = rotation(now, count, capacity);
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
    fn a_sweep_that_can_take_all_begins_at_the_oldest() {
        assert_eq!(rotation(Timestamp::from_millis(7 * MINUTE_MS), 40, 40), 0);
        assert_eq!(rotation(Timestamp::from_millis(7 * MINUTE_MS), 0, 40), 0);
    }
}
