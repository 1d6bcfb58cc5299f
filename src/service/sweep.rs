//! The cron pass over all open runs: each due one is advanced, within a budget, and in turn.
//!
//! However many runs are open, a sweep reads their list once, page by page, and holds one page and those whose turn
//! it is (`turns`). Whose turn it is follows from each run and the cron's time alone, so that nothing is written
//! to remember it. Where a queue is bound, the due runs are handed on in batches, each of which is advanced in an
//! invocation of its own ([`advance_batch`]); the queue carries pokes, and a lost or repeated one does no harm.

mod pass;
mod turns;

use std::rc::Rc;

use serde_json::json;

use crate::mutation::{Mutation, makes};
use crate::ports::{Batch, Level, Queue, World};
use crate::run::{Status, Step, Summary, Tick};
use crate::timestamp::MINUTE_MS;

use super::Budget;
use pass::{budget, pass};
use turns::{Rank, Turns, weight};

/// The most pages of 1,000 open runs that one sweep lists.
const PAGES_MAX: usize = 50;

/// How many parked runs one sweep looks at: none costs a request, each some reads.
const PARKED_MAX: usize = 20;

/// The most runs that one sweep hands on.
const HANDED_ON_MAX: u32 = 10_000;

/// How many runs go in one batch. With a summary of at most 1,024 bytes each that is below the 64 KB that count as
/// one operation, and leaves requests for files of the 40 that an invocation may make on the free plan.
pub const BATCH_RUNS_MAX: usize = 25;

/// How many batches are sent at once: a queue takes 100, and 256 KB of them.
const BATCHES_AT_ONCE: usize = 8;

/// A batch that is older is dropped: the sweeps since then have sent their own. So what piled up in a queue during an
/// outage is not worked through after it.
const BATCH_MS_MAX: i64 = 10 * MINUTE_MS;

/// What the log says of a run of which something cannot be read.
const LEFT_ALONE: &str = "open run left alone";

/// What one sweep or batch did.
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
    /// Those of which something is stored that this version cannot read: they are left alone.
    pub unreadable: usize,
    /// Those left to a later sweep: no request or time remained, or Fabricate is failing.
    pub left: usize,
    /// Those handed on to the queue.
    pub handed_on: usize,
}

/// What is to become of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// It is done with.
    Done,
    /// A store failed, or no request was left: it should come once more.
    Again,
}

/// Advances the open runs that are due, as far as `requests` outbound requests go, and in turn where they do not.
pub async fn sweep<W: World>(world: &W, tick: Tick, requests: u32) -> Swept {
    let requests = world.pace().cap(requests);
    let (open, due) = due_runs(world, tick, requests).await;
    let swept = pass(world, &due, tick, &budget(requests, due.len(), world.now())).await;
    Swept { open, ..swept }
}

/// As [`sweep`], but hands the due runs on. What the queue does not take is advanced here.
pub async fn hand_on<W: World>(world: &W, queue: &impl Queue, tick: Tick, requests: u32) -> Swept {
    let (open, mut due) = due_runs(world, tick, world.pace().cap(HANDED_ON_MAX)).await;
    // A look at a parked run is not worth a message.
    let mut here: Vec<_> = due.extract_if(.., |run| run.status == Status::Unconfirmed).collect();
    let mut handed_on = 0;
    let mut waiting = due.into_iter();
    loop {
        let some: Vec<_> = waiting.by_ref().take(BATCH_RUNS_MAX * BATCHES_AT_ONCE).collect();
        if some.is_empty() {
            break;
        }
        let batches: Vec<Batch> =
            some.chunks(BATCH_RUNS_MAX).map(|runs| Batch { tick, runs: runs.to_vec() }).collect();
        match queue.send(&batches).await {
            Ok(()) => handed_on += some.len(),
            Err(error) => {
                let fields = json!({"runs": some.len(), "error": error.to_string()});
                world.log(Level::Warn, "the queue takes no runs, this sweep goes on with them", fields);
                here.extend(some);
                here.extend(waiting);
                break;
            }
        }
    }
    let requests = world.pace().cap(requests);
    here.truncate(PARKED_MAX + usize::try_from(requests).unwrap_or(usize::MAX));
    let swept = pass(world, &here, tick, &budget(requests, here.len(), world.now())).await;
    Swept { open, handed_on, ..swept }
}

/// Advances the runs of one batch from the queue, within what is left of its invocation's budget.
pub async fn advance_batch<W: World>(world: &W, batch: Batch, budget: &Budget) -> (Swept, Handled) {
    let Batch { tick, runs } = batch;
    let now = world.now().max(tick.now);
    if now.since_ms(tick.now) > BATCH_MS_MAX {
        return (Swept { left: runs.len(), ..Swept::default() }, Handled::Done);
    }
    // What is seen now is not dated as of the sweep. Whoever was due then still is.
    let tick = Tick { now, ..tick };
    let swept = pass(world, &runs, tick, budget).await;
    // Where Fabricate is failing, a later sweep asks anew: what comes again would only pile up. So would what cannot be
    // read, until it is mended.
    let again = swept.failed > 0 || (swept.left > 0 && world.pace().is_asking());
    (swept, if again { Handled::Again } else { Handled::Done })
}

/// The budget of an invocation for batches from the queue.
#[must_use]
pub fn batch_budget<W: World>(world: &W, requests: u32) -> Budget {
    budget(requests, BATCH_RUNS_MAX, world.now())
}

/// How many runs are open, and those whose turn it is, as many as `requests` allow; then some of the parked ones.
async fn due_runs<W: World>(world: &W, tick: Tick, requests: u32) -> (usize, Vec<Rc<Summary>>) {
    let mut turns = Turns::new(usize::try_from(requests).unwrap_or(usize::MAX));
    let mut parked = Turns::new(PARKED_MAX);
    let open = list(world, |run| {
        let rank = Rank::of(&run, tick);
        if run.status == Status::Unconfirmed {
            if makes(Mutation::ParkedRunsAreForgotten) {
                return;
            }
            parked.offer(rank, 1, run);
        } else if run.next_step(tick) != Step::Wait {
            turns.offer(rank, weight(&run), run);
        }
    })
    .await;
    let mut due = turns.take();
    due.extend(parked.take());
    (open, due)
}

/// Offers each open run, oldest first, one page at a time; says how many there are. An unreadable record is told and
/// left alone.
async fn list<W: World>(world: &W, mut offer: impl FnMut(Rc<Summary>)) -> usize {
    let mut open = 0;
    let mut cursor: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let page = match world.list_open(cursor.as_deref()).await {
            Ok(page) => page,
            Err(error) => {
                world.log(Level::Warn, "sweep cannot list open runs", json!({"error": error.to_string()}));
                return open;
            }
        };
        for item in page.items {
            match item {
                Ok(summary) => {
                    open += 1;
                    offer(summary);
                }
                Err(_) if makes(Mutation::UnreadableRecordsStopTheRest) => return open,
                Err(error) => {
                    world.log(Level::Error, LEFT_ALONE, json!({"error": error.to_string()}));
                }
            }
        }
        cursor = page.cursor;
        if cursor.is_none() || makes(Mutation::OnlyOnePageIsListed) {
            return open;
        }
    }
    world.log(Level::Error, "more open runs than one sweep lists", json!({"listed": open}));
    open
}

#[cfg(test)]
mod tests;
