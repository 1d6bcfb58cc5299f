//! Advancing many runs in one invocation: a few at the same time, within a budget, and no faster than Fabricate allows.
//!
//! A sweep and a batch from the queue use it alike. It serves the sixth promise: one run's failure stops no other; and
//! while Fabricate as a whole fails, all runs are left for a later sweep.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::json;

use crate::log;
use crate::ports::{Log, StoreError, World};
use crate::run::{Status, Step, Summary, Tick};
use crate::timestamp::{MINUTE_MS, Timestamp};

use super::super::Budget;
use super::super::advance::{Advanced, advance};
use super::super::at_once::each_at_once;
use super::Swept;

/// How many runs are advanced at the same time: each waits for one answer at a time, and for each file that it copies.
pub(super) const AT_ONCE: usize = 4;

/// A pass begins no further run after this time, milliseconds: the runtime ends a cron's or a queue's invocation after 15
/// minutes.
const PASS_MS_MAX: i64 = 10 * MINUTE_MS;

/// A pass begins no further file after this time, milliseconds.
const FILES_MS_MAX: i64 = 4 * MINUTE_MS;

/// A pass copies no file beyond this time, milliseconds.
const COPY_MS_MAX: i64 = 13 * MINUTE_MS;

/// How many connections a Worker may have at the same time.
const CONNECTIONS_MAX: usize = 6;

/// How many files a run may copy in one pass although other runs wait.
const FILES_EACH_MIN: u32 = 4;

/// The budget of a pass over `runs` runs, each with its share of files. One connection is for the records of copies; the
/// connections that the runs do not need let them copy more than one file each.
pub(super) fn budget(requests: u32, runs: usize, began: Timestamp) -> Budget {
    let files_each = requests / u32::try_from(runs.max(1)).unwrap_or(u32::MAX);
    let spare = CONNECTIONS_MAX - 1 - runs.clamp(1, AT_ONCE);
    Budget::new(requests).with_connections(spare as u64).for_files(
        files_each.max(FILES_EACH_MIN),
        began.plus_ms(FILES_MS_MAX),
        began.plus_ms(COPY_MS_MAX),
    )
}

/// Advances runs in the given order.
///
/// While the circuit breaker is open, the first request is a probe and goes alone: the others follow when it succeeds,
/// and wait for the next sweep when it fails.
pub(super) async fn pass<W: World>(world: &W, runs: &[Rc<Summary>], tick: Tick, budget: &Budget) -> Swept {
    let pass = Pass {
        world,
        tick,
        budget,
        began: world.now(),
        rejections: Rejections::default(),
        stopped: Cell::new(false),
        swept: Cell::new(Swept::default()),
    };
    let mut waiting = runs.iter();
    while !world.breaker().is_closed() {
        let Some(run) = waiting.next() else { break };
        Box::pin(pass.advance(run)).await;
    }
    each_at_once(AT_ONCE, waiting, |run| pass.advance(run)).await;
    pass.rejections.log(world);
    pass.swept.get()
}

struct Pass<'a, W> {
    world: &'a W,
    tick: Tick,
    budget: &'a Budget,
    began: Timestamp,
    rejections: Rejections,
    /// Fabricate failed in this pass or before it, or others probe it: it is not asked again in this pass.
    stopped: Cell<bool>,
    swept: Cell<Swept>,
}

impl<W: World> Pass<'_, W> {
    async fn advance(&self, run: &Summary) {
        let now = self.world.now();
        if self.world.breaker().is_open(now) {
            self.stopped.set(true);
        }
        // A parked run, and one that has ended, need no request to Fabricate.
        let needs_none = run.status == Status::Unconfirmed || run.status.is_final();
        let stopped = self.stopped.get() && !needs_none;
        if stopped || now.since_ms(self.began) >= PASS_MS_MAX {
            return self.count(|swept| swept.left += 1);
        }
        if self.rejections.covers(run, self.tick) {
            return;
        }
        match advance(self.world, run, self.tick, self.budget).await {
            Ok(done) => {
                self.rejections.record(run, done);
                self.count(|swept| {
                    swept.looked_at += 1;
                    swept.moved += usize::from(done == Advanced::Moved);
                    swept.left += usize::from(done == Advanced::OutOfBudget);
                });
            }
            Err(error) => {
                let fields = json!({"run_id": run.run_id, "hook": run.hook(), "error": error.to_string()});
                let unreadable = matches!(error, StoreError::Unreadable { .. });
                if unreadable {
                    self.world.log(log::OPEN_RUN_UNREADABLE, fields);
                } else {
                    self.world.log(log::RUN_NOT_ADVANCED, fields);
                }
                self.count(|swept| {
                    swept.looked_at += 1;
                    swept.failed += usize::from(!unreadable);
                    swept.unreadable += usize::from(unreadable);
                });
            }
        }
    }

    fn count(&self, change: impl FnOnce(&mut Swept)) {
        let mut swept = self.swept.get();
        change(&mut swept);
        self.swept.set(swept);
    }
}

/// What Fabricate rejected in this pass, and is not asked for again until the next.
///
/// A 401 is about the key, so that nothing more is asked. A 403 is about one workspace, because a key covers the workspaces
/// that existed when it was made; runs of other workspaces go on.
#[derive(Default)]
struct Rejections {
    key: Cell<bool>,
    workspaces: RefCell<BTreeSet<String>>,
}

impl Rejections {
    fn record(&self, run: &Summary, done: Advanced) {
        match done {
            Advanced::KeyRefused => self.key.set(true),
            Advanced::WorkspaceRefused => {
                self.workspaces.borrow_mut().insert(run.workspace().to_owned());
            }
            Advanced::Unchanged
            | Advanced::NotAnswered
            | Advanced::NotShown
            | Advanced::Moved
            | Advanced::OutOfBudget => {}
        }
    }

    /// Whether a poll of this run would be rejected.
    fn covers(&self, run: &Summary, tick: Tick) -> bool {
        let rejected = self.key.get() || self.workspaces.borrow().contains(run.workspace());
        rejected && matches!(run.next_step(tick), Step::Poll(_))
    }

    fn log(&self, world: &impl Log) {
        if self.key.get() {
            world.log(log::API_KEY_REJECTED, json!({}));
        }
        let workspaces = self.workspaces.borrow();
        if !workspaces.is_empty() {
            world.log(log::WORKSPACES_REJECTED, json!({"workspaces": workspaces.iter().collect::<Vec<_>>()}));
        }
    }
}
