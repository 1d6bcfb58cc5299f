//! Following started runs in the invocation that started them, so that a short workflow's files are in R2 seconds after its
//! webhook and not at the next sweep. It takes the same step as a sweep: [`advance`].
//!
//! An invocation lives 30 s after its answer and may be ended anywhere in them: nothing here decides anything, and a sweep
//! goes on where this stops. Only ends are written ([`Budget::for_ends`]), so that a followed run never costs a write more
//! than a swept one. Where a queue is bound, a run that is still open goes on through it, with growing delays.

use std::cell::Cell;
use std::rc::Rc;

use futures_util::future::join;
use serde_json::json;

use crate::log;
use crate::ports::{Batch, Clock, Log, Queue, World};
use crate::run::{Run, Step, Summary, Tick};
use crate::timestamp::{SECOND_MS, Timestamp};

use super::Budget;
use super::advance::{Advanced, advance};
use super::at_once::each_at_once;
use super::notify::{self, Effort, Waiting};
use super::sweep::Swept;

/// The most runs of one invocation that are followed: of a larger delivery, none is. Each has its own connection.
pub const FOLLOWED_MAX: usize = 3;

/// When a run is polled, milliseconds after the starts of its invocation: less and less often, because the longer a workflow
/// takes, the less a second matters.
const POLLS_MS: [i64; 6] =
    [SECOND_MS, 2 * SECOND_MS, 4 * SECOND_MS, 8 * SECOND_MS, 15 * SECOND_MS, 25 * SECOND_MS];

/// No poll is begun this long after the answer, milliseconds: its answer and the end's three writes take 2 s.
const LAST_POLL_MS: i64 = 26 * SECOND_MS;

/// No file is begun this long after the answer, milliseconds.
const LAST_FILE_MS: i64 = 20 * SECOND_MS;

/// No file is copied beyond this time after the answer, milliseconds: the end's three writes follow.
const COPY_UNTIL_MS: i64 = 26 * SECOND_MS;

/// No target is asked this long after the answer, milliseconds: its answer takes 5 s, and the record of it two writes.
const LAST_NOTIFICATION_MS: i64 = 22 * SECOND_MS;

/// The most bytes of one run's files: at 3 MB a second they take the 6 s between [`LAST_FILE_MS`] and [`COPY_UNTIL_MS`]. A copy
/// that is known to be smaller has no lease either.
const FILES_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The most files of one run.
const FILES_MAX: u32 = 8;

/// How many outbound requests all runs of one invocation may take: six polls each, and a download with a redirect for most
/// files. With three starts and a request while the sender is verified, that is 40 of the free plan's 50.
const REQUESTS: u32 = 36;

/// After how long the queue delivers a run that is still open, seconds…
const FIRST_DELAY_S: u32 = 30;

/// …and after how long again, while it is unchanged; then only the sweeps poll it. A message is three of the free plan's 10,000
/// operations of a day.
const NEXT_DELAYS_S: [u32; 3] = [60, 120, 240];

/// The runs that an invocation started, to be followed.
#[derive(Debug)]
pub struct Started {
    runs: Vec<Rc<Summary>>,
    /// The runs that ended, or were parked, as they were accepted or started.
    waiting: Vec<Waiting>,
    answered_at: Timestamp,
}

impl Started {
    /// Nothing to follow yet, after the answer at `answered_at`.
    pub(super) fn since(answered_at: Timestamp) -> Self {
        Self { runs: Vec::new(), waiting: Vec::new(), answered_at }
    }

    /// Adds the runs whose targets are to be notified.
    pub(super) fn add_waiting(&mut self, waiting: Vec<Waiting>) {
        self.waiting.extend(waiting);
    }

    /// Adds a run if Fabricate executes it and the journal says so.
    pub(super) fn add(&mut self, run: &Run) {
        let summary = run.summary();
        let tick = Tick { now: self.answered_at, since: self.answered_at };
        if matches!(summary.next_step(tick), Step::Poll(_)) {
            self.runs.push(Rc::new(summary));
        }
    }
}

/// Polls the runs until they end, or the invocation is about to, and notifies targets. A failure ends it: the sweeps go on.
pub async fn follow_started<W: World>(world: &W, started: Started) {
    let Started { runs, waiting, answered_at } = started;
    let effort = Effort::after_answer(world.now(), answered_at.plus_ms(LAST_NOTIFICATION_MS));
    let notified = async {
        if !waiting.is_empty() {
            Box::pin(notify::notify(world, waiting, &effort)).await;
        }
    };
    join(notified, follow_runs(world, runs, answered_at, &effort)).await;
    Box::pin(notify::record_outcomes(world, &effort)).await;
}

async fn follow_runs<W: World>(world: &W, runs: Vec<Rc<Summary>>, answered_at: Timestamp, effort: &Effort) {
    if !world.breaker().take_followed(runs.len(), world.now(), answered_at.plus_ms(COPY_UNTIL_MS)) {
        return;
    }
    let follower = Follower {
        world,
        budget: Budget::new(REQUESTS)
            .for_files(FILES_MAX, answered_at.plus_ms(LAST_FILE_MS), answered_at.plus_ms(COPY_UNTIL_MS))
            .for_ends(FILES_BYTES_MAX),
        answered_at,
        began: world.now(),
        stopped: Cell::new(false),
        effort,
    };
    each_at_once(FOLLOWED_MAX, runs.iter(), |run| follower.follow(run)).await;
}

struct Follower<'a, W> {
    world: &'a W,
    budget: Budget,
    answered_at: Timestamp,
    began: Timestamp,
    /// Fabricate is failing, or refuses the key: it is not asked again.
    stopped: Cell<bool>,
    effort: &'a Effort,
}

impl<W: World> Follower<'_, W> {
    async fn follow(&self, run: &Rc<Summary>) {
        let mut last = Advanced::Unchanged;
        for after_ms in POLLS_MS {
            let due = self.began.plus_ms(after_ms);
            if due.since_ms(self.answered_at) > LAST_POLL_MS {
                break;
            }
            let wait_ms = due.since_ms(self.world.now()).max(0);
            self.world.sleep_ms(u32::try_from(wait_ms).unwrap_or(0)).await;
            let now = self.world.now();
            let late = now.since_ms(self.answered_at) > LAST_POLL_MS;
            if late || self.stopped.get() || !self.world.breaker().is_closed() {
                return;
            }
            let Some(done) = step(self.world, run, Tick { now, since: self.began }, &self.budget).await
            else {
                return;
            };
            last = done;
            match done {
                Advanced::Unchanged | Advanced::NotShown => {}
                Advanced::Moved => return self.notify().await,
                Advanced::OutOfBudget => break,
                Advanced::NotAnswered | Advanced::KeyRefused | Advanced::WorkspaceRefused => {
                    return self.stopped.set(true);
                }
            }
        }
        match last {
            Advanced::Unchanged => hand_on(self.world, run, 0, FIRST_DELAY_S).await,
            // Its files are too large for this invocation, and not for one of the queue's.
            Advanced::OutOfBudget => hand_on(self.world, run, 0, 0).await,
            _ => {}
        }
    }
}

impl<W: World> Follower<'_, W> {
    /// Notifies the targets of what has ended.
    async fn notify(&self) {
        let waiting = self.budget.outbox().take();
        if !waiting.is_empty() {
            Box::pin(notify::notify(self.world, waiting, self.effort)).await;
        }
    }
}

/// One step of a run; `None`: a store failed, which is logged.
async fn step<W: World>(world: &W, run: &Summary, tick: Tick, budget: &Budget) -> Option<Advanced> {
    let done = advance(world, run, tick, budget).await;
    done.map_err(|error| {
        let fields = json!({"run_id": run.run_id, "hook": run.hook(), "error": error.to_string()});
        world.log(log::RUN_NOT_ADVANCED, fields);
    })
    .ok()
}

/// Sends a run to the queue, which has had it `followed` times before. A message that is lost costs only time.
async fn hand_on<W: Queue + Clock + Log>(world: &W, run: &Rc<Summary>, followed: u8, delay_s: u32) {
    if !world.has_queue() {
        return;
    }
    let now = world.now();
    let message =
        Batch { tick: Tick { now, since: now }, followed: Some(followed), runs: vec![Rc::clone(run)] };
    if let Err(error) = world.send(&[message], delay_s).await {
        let fields = json!({"run_id": run.run_id, "error": error.to_string()});
        world.log(log::RUN_NOT_HANDED_ON, fields);
    }
}

/// Advances a run that the queue delivers for the `followed`-th time after the first, and sends it again while it is unchanged.
pub(super) async fn follow_on<W: World>(
    world: &W,
    runs: &[Rc<Summary>],
    followed: u8,
    tick: Tick,
    budget: &Budget,
) -> Swept {
    let mut swept = Swept::default();
    for run in runs {
        if !world.breaker().is_closed() {
            swept.left += 1;
            continue;
        }
        swept.looked_at += 1;
        let done = step(world, run, tick, budget).await;
        swept.failed += usize::from(done.is_none());
        swept.moved += usize::from(done == Some(Advanced::Moved));
        swept.left += usize::from(done == Some(Advanced::OutOfBudget));
        if let (Some(Advanced::Unchanged), Some(delay_s)) = (done, NEXT_DELAYS_S.get(usize::from(followed))) {
            hand_on(world, run, followed + 1, *delay_s).await;
        }
    }
    swept
}

#[cfg(test)]
mod tests;
