//! The cron pass over all open runs: each due run is advanced, within a budget and fairly.
//!
//! A sweep reads the list of open runs once, page by page, and holds one page and the runs that it will advance
//! (`fair_queue`). Which runs those are follows from each run and the cron's time alone, so that nothing is written to
//! remember it. Where a queue is bound, the due runs are sent to it in batches, and each batch is advanced in an
//! invocation of its own ([`advance_batch`]). A lost or repeated batch does no harm.

mod fair_queue;
mod pass;
mod waiting;

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::json;

use crate::log;
use crate::ports::{Batch, Log, RunLists, World};
use crate::run::{RunId, Status, Step, Summary, Tick};
use crate::timestamp::MINUTE_MS;

use super::Budget;
use super::advance::{Advanced, settle_listed};
use super::follow::follow_on;
use super::heartbeat::{self, Found};
use super::idle::SweepHint;
use super::notify::{Effort, notify, record_outcomes};
use fair_queue::{FairQueue, Priority, weight};
use pass::{budget, pass};
use waiting::Waiting;

/// The most pages of 1,000 open runs that one sweep lists.
const PAGES_MAX: usize = 50;

/// The most parked runs that one sweep reads: none costs a request, each some reads.
const PARKED_MAX: usize = 20;

/// The most ended or parked runs whose records one sweep reads to notify their targets.
const UNTOLD_MAX: usize = 200;

/// The most runs that one sweep advances because others wait for them.
const HOLDERS_MAX: usize = 40;

/// How many of these records are read before their targets are notified, so that few are in memory.
const UNTOLD_AT_ONCE: usize = 10;

/// The most runs that one sweep sends to the queue.
const ENQUEUED_MAX: u32 = 10_000;

/// The most runs in one batch. With a summary of at most 1,024 bytes each, a batch is smaller than the 64 KB that count as
/// one operation, and leaves some of the free plan's 40 requests of an invocation for files.
pub const BATCH_RUNS_MAX: usize = 25;

/// The most batches in one send: a queue takes 100 messages and 256 KB.
const BATCHES_AT_ONCE: usize = 8;

/// A batch that is older, milliseconds, is dropped, because later sweeps have sent their own. So batches that piled up
/// during an outage are not worked through after it.
const BATCH_MS_MAX: i64 = 10 * MINUTE_MS;

/// What one sweep or batch did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Open runs listed.
    pub open: usize,
    /// Runs on which a step was tried.
    pub looked_at: usize,
    /// Runs that moved.
    pub moved: usize,
    /// Runs whose step failed; a later sweep tries again.
    pub failed: usize,
    /// Runs with a record that this version cannot read: they are left alone.
    pub unreadable: usize,
    /// Runs left to a later sweep: no request or time remained, or Fabricate is failing.
    pub left: usize,
    /// Runs that were sent to the queue.
    pub enqueued: usize,
    /// Outbound requests that a sweep has left to its invocation.
    pub requests_left: u32,
}

impl Swept {
    /// What two passes did together.
    fn and(self, other: Self) -> Self {
        Self {
            looked_at: self.looked_at + other.looked_at,
            moved: self.moved + other.moved,
            failed: self.failed + other.failed,
            unreadable: self.unreadable + other.unreadable,
            left: self.left + other.left,
            ..self
        }
    }
}

/// What the queue does with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// Acknowledge it.
    Done,
    /// Deliver it again: a store failed, or no request was left.
    Redeliver,
}

/// Advances the open runs that are due, with at most `requests` outbound requests. Where those do not suffice, each run
/// has its turn within a bounded number of sweeps (`fair_queue`).
///
/// While nothing is open, only `hourly` sweeps list; they are the first of an hour.
pub async fn sweep<W: World>(world: &W, tick: Tick, requests: u32, hourly: bool) -> Swept {
    let requests = world.breaker().cap(requests);
    let Due { open, found, mut runs, waiting, untold } = due_runs(world, tick, requests, hourly).await;
    leave_requests(&mut runs, waiting.starts(), requests);
    let budget = budget(requests, runs.len(), world.now());
    let swept = pass(world, &runs, tick, &budget).await;
    let swept = swept.and(start_waiting(world, waiting, tick, &budget).await);
    record_heartbeat(world, found).await;
    let requests_left = notify_due(world, &untold, tick, &budget).await;
    Swept { open, requests_left, ..swept }
}

/// As [`sweep`], but sends the due runs to the queue. Runs that the queue does not take are advanced here.
pub async fn enqueue_due<W: World>(world: &W, tick: Tick, requests: u32, hourly: bool) -> Swept {
    let Due { open, found, runs: mut due, waiting: for_others, untold } =
        due_runs(world, tick, world.breaker().cap(ENQUEUED_MAX), hourly).await;
    // A parked run costs only a read, which is not worth a message.
    let mut here: Vec<_> = due.extract_if(.., |run| run.status == Status::Unconfirmed).collect();
    let mut enqueued = 0;
    let mut waiting = due.into_iter();
    loop {
        let some: Vec<_> = waiting.by_ref().take(BATCH_RUNS_MAX * BATCHES_AT_ONCE).collect();
        if some.is_empty() {
            break;
        }
        let batches: Vec<Batch> = some
            .chunks(BATCH_RUNS_MAX)
            .map(|runs| Batch { tick, followed: None, runs: runs.to_vec() })
            .collect();
        match world.send(&batches, 0).await {
            Ok(()) => enqueued += some.len(),
            Err(error) => {
                let fields = json!({"runs": some.len(), "error": error.to_string()});
                world.log(log::QUEUE_FAILED, fields);
                here.extend(some);
                here.extend(waiting);
                break;
            }
        }
    }
    let requests = world.breaker().cap(requests);
    here.truncate(PARKED_MAX + usize::try_from(requests).unwrap_or(usize::MAX));
    let budget = budget(requests, here.len(), world.now());
    let swept = pass(world, &here, tick, &budget).await;
    let swept = swept.and(start_waiting(world, for_others, tick, &budget).await);
    record_heartbeat(world, found).await;
    let requests_left = notify_due(world, &untold, tick, &budget).await;
    Swept { open, enqueued, requests_left, ..swept }
}

/// Advances the runs of one batch from the queue, with what is left of the invocation's budget.
pub async fn advance_batch<W: World>(world: &W, batch: Batch, budget: &Budget) -> (Swept, Handled) {
    let Batch { tick, followed, runs } = batch;
    let now = world.now().max(tick.now);
    if now.since_ms(tick.now) > BATCH_MS_MAX {
        return (Swept { left: runs.len(), ..Swept::default() }, Handled::Done);
    }
    if let Some(followed) = followed {
        // A hint: a sweep comes in any case.
        let tick = Tick { now, since: tick.now };
        let swept = follow_on(world, &runs, followed, tick, budget).await;
        notify_due(world, &[], tick, budget).await;
        return (swept, Handled::Done);
    }
    // Results are dated now and not as of the sweep. A run that was due then is still due.
    let tick = Tick { now, ..tick };
    let swept = pass(world, &runs, tick, budget).await;
    Box::pin(heartbeat::record(world, None)).await;
    notify_due(world, &[], tick, budget).await;
    // While Fabricate is failing, and for runs that cannot be read, redelivered batches would only pile up.
    let redeliver = swept.failed > 0 || (swept.left > 0 && world.breaker().is_closed());
    (swept, if redeliver { Handled::Redeliver } else { Handled::Done })
}

/// The budget of an invocation for batches from the queue.
#[must_use]
pub fn batch_budget<W: World>(world: &W, requests: u32) -> Budget {
    budget(requests, BATCH_RUNS_MAX, world.now())
}

/// What a sweep has to do.
#[derive(Default)]
struct Due {
    /// How many runs are open.
    open: usize,
    /// What the heartbeat says of the list. `None`: there was no list, or only the hourly one of an idle Worker, which costs no
    /// write.
    found: Option<Found>,
    /// The runs to advance: as many due runs as the requests allow, then some parked runs.
    runs: Vec<Rc<Summary>>,
    /// Runs that may have to wait for others.
    waiting: Waiting,
    /// Runs whose targets are to be notified.
    untold: Vec<Rc<Summary>>,
}

/// Takes the runs of the lowest priority out of `runs`, so that a quarter of the requests at the most is left for `starts` runs that
/// wait for others. Otherwise polls could use up every sweep, and no waiting run would ever start.
fn leave_requests(runs: &mut Vec<Rc<Summary>>, starts: usize, requests: u32) {
    let requests = usize::try_from(requests).unwrap_or(usize::MAX);
    let left_max = requests.saturating_sub(starts.min((requests / 4).max(1))).max(1);
    let needs = |runs: &[Rc<Summary>]| runs.iter().map(|run| weight(run)).sum::<usize>();
    while runs.len() > 1 && needs(runs) > left_max {
        runs.pop();
    }
}

/// Starts, or ends, runs that waited for others, with what is left of the budget. It follows the polls, so that the run behind one that
/// has just ended starts in the same sweep. Its future is rarely needed, and in a box.
async fn start_waiting<W: World>(world: &W, waiting: Waiting, tick: Tick, budget: &Budget) -> Swept {
    let (runs, listed) = waiting.into_steps(tick, budget);
    if listed.is_empty() {
        return Swept::default();
    }
    let swept = Box::pin(pass(world, &runs, tick, budget)).await;
    swept.and(Box::pin(settle_holders(world, &runs, &listed, tick, budget)).await)
}

/// Advances the runs that others were found to wait for, where the list shows them as waiting too: an invocation took a turn for such a
/// run, or started it, and died before KV showed it. Nobody else would ask for that run while it is not the oldest.
async fn settle_holders<W: World>(
    world: &W,
    asked: &[Rc<Summary>],
    listed: &BTreeSet<RunId>,
    tick: Tick,
    budget: &Budget,
) -> Swept {
    let mut swept = Swept::default();
    let is_asked = |run_id: &RunId| asked.iter().any(|run| run.run_id == *run_id);
    let holders = budget.turns().holders();
    for run_id in holders.into_iter().filter(|id| listed.contains(id) && !is_asked(id)).take(HOLDERS_MAX) {
        swept.looked_at += 1;
        match Box::pin(settle_listed(world, run_id, tick.now, budget)).await {
            Ok(done) => swept.moved += usize::from(done == Advanced::Moved),
            Err(error) => {
                swept.failed += 1;
                let fields = json!({"run_id": run_id, "error": error.to_string()});
                world.log(log::RUN_NOT_ADVANCED, fields);
            }
        }
    }
    swept
}

async fn due_runs<W: World>(world: &W, tick: Tick, requests: u32, hourly: bool) -> Due {
    let hint = SweepHint::load(world).await;
    let is_idle = hint.is_idle();
    if is_idle && !hourly {
        return Due::default();
    }
    let mut due = FairQueue::new(usize::try_from(requests).unwrap_or(usize::MAX));
    let mut parked = FairQueue::new(PARKED_MAX);
    let mut untold = FairQueue::new(UNTOLD_MAX);
    let mut waiting = Waiting::default();
    let listed = list(world, |run| {
        let priority = Priority::of(&run, tick);
        if run.is_notification_due(tick.now) {
            untold.offer(priority, 1, run);
        } else if run.status == Status::Unconfirmed {
            parked.offer(priority, 1, run);
        } else if run.waits_for_others() {
            waiting.offer(run, tick);
        } else if run.next_step(tick) != Step::Wait {
            due.offer(priority, weight(&run), run);
        }
    })
    .await;
    let found_nothing = listed.is_whole && listed.is_empty();
    let becomes_idle = hint.record_list(world, found_nothing).await;
    let open = listed.open + listed.unreadable;
    // A list that failed shows that KV fails, and not that sweeps go on.
    let counts = if listed.is_whole { !(is_idle && found_nothing) } else { open > 0 };
    let found = counts.then_some(Found { at: tick.now, open, becomes_idle });
    let runs = due.take().into_iter().chain(parked.take()).collect();
    Due { open: listed.open, found, runs, waiting, untold: untold.take() }
}

/// Notifies the targets of the runs that this invocation has ended or parked, and then of those that were listed. Returns how many
/// requests are left. Its futures are rarely needed, and in boxes.
async fn notify_due<W: World>(world: &W, untold: &[Rc<Summary>], tick: Tick, budget: &Budget) -> u32 {
    let effort = Effort::of_sweep(budget.left(), tick.now, world.now());
    let mut chunks = untold.chunks(UNTOLD_AT_ONCE);
    loop {
        let waiting = budget.outbox().take();
        if !waiting.is_empty() {
            Box::pin(notify(world, waiting, &effort)).await;
        }
        let Some(chunk) = chunks.next().filter(|_| !effort.is_spent(world.now())) else { break };
        // The same budget, so that what a record turns out to need stays within it.
        Box::pin(pass(world, chunk, tick, budget)).await;
    }
    Box::pin(record_outcomes(world, &effort)).await;
    effort.left()
}

/// Records that the open runs were listed. Its future is rarely needed, and in a box.
async fn record_heartbeat<W: World>(world: &W, found: Option<Found>) {
    if found.is_some() {
        Box::pin(heartbeat::record(world, found)).await;
    }
}

/// What a sweep found in the list.
#[derive(Default)]
struct Listed {
    open: usize,
    unreadable: usize,
    /// Whether the list was read to its end.
    is_whole: bool,
}

impl Listed {
    fn is_empty(&self) -> bool {
        self.open + self.unreadable == 0
    }
}

/// Offers each open run, oldest first, one page at a time. An unreadable record is logged and left alone.
async fn list<W: RunLists + Log>(world: &W, mut offer: impl FnMut(Rc<Summary>)) -> Listed {
    let mut listed = Listed::default();
    let mut cursor: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let page = match world.list_open(cursor.as_deref()).await {
            Ok(page) => page,
            Err(error) => {
                world.log(log::OPEN_RUNS_NOT_LISTED, json!({"error": error.to_string()}));
                return listed;
            }
        };
        for item in page.items {
            match item {
                Ok(summary) => {
                    listed.open += 1;
                    offer(summary);
                }
                Err(error) => {
                    listed.unreadable += 1;
                    world.log(log::OPEN_RUN_UNREADABLE, json!({"error": error.to_string()}));
                }
            }
        }
        cursor = page.cursor;
        if cursor.is_none() {
            listed.is_whole = true;
            return listed;
        }
    }
    world.log(log::TOO_MANY_OPEN_RUNS, json!({"listed": listed.open}));
    listed
}

#[cfg(test)]
mod tests;
