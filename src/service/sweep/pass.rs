//! Advancing many runs in one invocation: a few at once, within a budget, and no further than Fabricate allows.
//!
//! The same for a sweep and for a batch from the queue. It serves the sixth promise: one run's failure stops no
//! other; and where Fabricate as a whole fails, all are left as they are for a later sweep.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::json;

use crate::ports::{Level, StoreError, World};
use crate::run::{Status, Step, Summary, Tick};
use crate::timestamp::{MINUTE_MS, Timestamp};

use super::super::Budget;
use super::super::advance::{Advanced, advance};
use super::super::at_once::each_at_once;
use super::{LEFT_ALONE, Swept};

/// How many runs are advanced at once: each waits for one answer at a time, and for each file that it copies.
pub(super) const AT_ONCE: usize = 4;

/// A pass takes up no further run after this: an invocation of a cron or a queue is ended after 15 minutes.
const PASS_MS_MAX: i64 = 10 * MINUTE_MS;

/// And it begins no further file after this…
const FILES_MS_MAX: i64 = 4 * MINUTE_MS;

/// …and copies none beyond this.
const COPY_MS_MAX: i64 = 13 * MINUTE_MS;

/// How many connections a Worker may have at a time.
const CONNECTIONS_MAX: usize = 6;

/// How many files a run may copy in one pass although others wait.
const FILES_EACH_MIN: u32 = 4;

/// A budget of so many requests for so many runs, each with its share of files. One connection is for word of copies
/// under way; what the runs leave of the others lets them copy more than one file each.
pub(super) fn budget(requests: u32, runs: usize, began: Timestamp) -> Budget {
    let files_each = requests / u32::try_from(runs.max(1)).unwrap_or(u32::MAX);
    let spare = CONNECTIONS_MAX - 1 - runs.clamp(1, AT_ONCE);
    Budget::new(requests).with_connections(spare as u64).for_files(
        files_each.max(FILES_EACH_MIN),
        began.plus_ms(FILES_MS_MAX),
        began.plus_ms(COPY_MS_MAX),
    )
}

/// Advances these runs, the first in line first.
///
/// After a stop the first request is a probe, which goes alone: the others follow when it succeeds, and wait for the
/// next sweep when it does not.
pub(super) async fn pass<W: World>(world: &W, runs: &[Rc<Summary>], tick: Tick, budget: &Budget) -> Swept {
    let pass = Pass {
        world,
        tick,
        budget,
        began: world.now(),
        refusals: Refusals::default(),
        stopped: Cell::new(false),
        swept: Cell::new(Swept::default()),
    };
    let mut waiting = runs.iter();
    while !world.pace().is_asking() {
        let Some(run) = waiting.next() else { break };
        Box::pin(pass.advance(run)).await;
    }
    each_at_once(AT_ONCE, waiting, |run| pass.advance(run)).await;
    pass.refusals.tell(world);
    pass.swept.get()
}

struct Pass<'a, W> {
    world: &'a W,
    tick: Tick,
    budget: &'a Budget,
    began: Timestamp,
    refusals: Refusals,
    /// Fabricate failed in this pass, or had before, or is probed by others: it is not asked until the next.
    stopped: Cell<bool>,
    swept: Cell<Swept>,
}

impl<W: World> Pass<'_, W> {
    async fn advance(&self, run: &Summary) {
        let now = self.world.now();
        if self.world.pace().is_stopped(now) {
            self.stopped.set(true);
        }
        // Looking at a parked run asks nothing of Fabricate.
        let stopped = self.stopped.get() && run.status != Status::Unconfirmed;
        if stopped || now.since_ms(self.began) >= PASS_MS_MAX {
            return self.count(|swept| swept.left += 1);
        }
        if self.refusals.cover(run, self.tick) {
            return;
        }
        match advance(self.world, run, self.tick, self.budget).await {
            Ok(done) => {
                self.refusals.take(run, done);
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
                    self.world.log(Level::Error, LEFT_ALONE, fields);
                } else {
                    self.world.log(Level::Warn, "run not advanced, next sweep tries again", fields);
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

/// Whom Fabricate refused in this pass: it is not asked again for them until the next.
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
