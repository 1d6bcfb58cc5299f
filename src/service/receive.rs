//! Receiving a delivery: plan what it starts, claim it, show its runs. They are started after the answer.
//!
//! The claim is one create-only put: of any number of simultaneous redeliveries exactly one wins.

use std::cell::{Cell, RefCell};

use futures_util::future::join;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;

use crate::hook::Hook;
use crate::hook::OnRedelivery;
use crate::hook::delivery::Delivery;
use crate::hook::event::Event;
use crate::log;
use crate::ports::{
    Claim, Clock, DeliveryKey, IdleHints, Inbox, Log, Metrics, RunRecords, StoreError, WholeInbox, World,
};
use crate::run::Run;
use crate::timestamp::{SECOND_MS, Timestamp};
use crate::trace_context::TraceContext;

use super::Budget;
use super::accept::{CLAIM_YOUNG_MS, Healing, TRIES_TO_CLAIM, heal, new_run, show_new};
use super::advance::start_new;
use super::at_once::each_at_once;
use super::batch::receive_batch;
use super::create_once::create_once;
use super::follow::{FOLLOWED_MAX, Started};
use super::idle::wake_sweeps;
use super::plan::{RUNS_MAX, plan};
use super::redelivery::follow_retries;

/// How many records are written at the same time: a Worker may have six connections.
pub(super) const RECORDS_AT_ONCE: usize = 6;

/// How many runs of one delivery are started at the same time, with the six connections that a Worker may have.
const STARTS_AT_ONCE: usize = 4;

/// No further start is begun this long after the answer, milliseconds. The runtime ends an invocation 30 s after its
/// answer, a start may take 28 s, and a start that is cut off between its request and its entry would be unconfirmed.
const START_WINDOW_MS: i64 = SECOND_MS;

/// The most runs that one redelivery retries; a later one retries more. Each retry takes some ten of the free plan's 1,000
/// operations.
pub(super) const RETRIES_EACH_MAX: usize = 20;

/// The most runs of one delivery that are started after the answer; the sweeps start the others. Each is in memory, with
/// its parameters, until its turn.
pub const STARTED_MAX: usize = 40;

/// How many of the free plan's 50 outbound requests the starts of one delivery may take, one each.
const START_REQUESTS: u32 = 40;

/// What became of a delivery.
#[derive(Debug)]
pub enum Received {
    /// Stored; of a batch, at least one item was not known before.
    Accepted {
        /// The runs of the delivery, those of known items too.
        runs: Vec<Run>,
        /// The runs to start now ([`start_accepted`]).
        to_start: Vec<Run>,
    },
    /// Stored before.
    Duplicate {
        /// The runs of the first delivery as they are now; for a run that was retried for its sender, the last retry.
        runs: Vec<Run>,
        /// The runs to start now: those whose records were lost, and those that were retried.
        to_start: Vec<Run>,
        /// How many runs were retried because their hook says `on_redelivery = "retry_failed"`.
        retried: usize,
    },
}

/// Why a delivery starts nothing.
#[derive(Debug)]
pub enum Unplanned {
    /// No rule's `when` holds. The delivery, with its body where its hook keeps what it ignores.
    Ignored(Box<Delivery>),
    /// More items, or more runs, than one delivery may have ([`RUNS_MAX`]).
    TooMany(usize),
}

/// A delivery and the runs that it becomes, not stored yet.
#[derive(Debug)]
pub struct Planned {
    delivery: Delivery,
    runs: Vec<Run>,
}

impl Planned {
    /// About how many bytes the runs' parameters take in memory on wasm32.
    #[must_use]
    pub fn params_bytes(&self) -> u64 {
        self.runs.iter().map(Run::params_bytes).sum()
    }
}

/// Decides what a verified and parsed delivery becomes. Nothing is stored. The parsed body is freed on return.
///
/// # Errors
/// [`Unplanned`] when the delivery starts nothing.
pub fn plan_delivery(
    world: &impl Clock,
    hook: &Hook,
    mut event: Event,
    now: Timestamp,
) -> Result<Planned, Unplanned> {
    // Without a usable id the mapping fails visibly, and the delivery is kept.
    let id_problem = event.assign_id(hook).err().map(|error| error.to_string());
    event.keep_out_of_schedule();
    if event.item_count(hook) > RUNS_MAX {
        return Err(Unplanned::TooMany(RUNS_MAX));
    }
    let plans = plan(hook, &event, id_problem.as_deref());
    if plans.is_empty() {
        let kept = hook.keeps_ignored;
        return Err(Unplanned::Ignored(Box::new(if kept { event.into_delivery() } else { event.delivery })));
    }
    if plans.len() > RUNS_MAX {
        return Err(Unplanned::TooMany(RUNS_MAX));
    }
    let delivery = event.into_delivery();
    // Only a verified delivery becomes an event, so that no stranger's header is kept or logged.
    let trace = TraceContext::of_headers(&delivery.headers);
    let is_told_of = hook.rules.iter().any(|rule| !rule.settings.notify.is_empty());
    let address = is_told_of.then(|| delivery.worker_address()).flatten();
    let id = &delivery.delivery_id;
    let run = |plan| new_run(world, hook, plan, id, address.as_deref(), trace, now);
    let runs = plans.into_iter().map(run).collect();
    Ok(Planned { delivery, runs })
}

/// Stores a delivery. When it returns `Accepted` or `Duplicate`, the delivery is durable.
///
/// # Errors
/// `StoreError` when a store fails. The sender delivers again, and nothing is lost.
pub async fn store_delivery<W: WholeInbox + RunRecords + Clock + Log + Metrics>(
    world: &W,
    hook: &Hook,
    planned: Planned,
    now: Timestamp,
) -> Result<Received, StoreError> {
    let Planned { delivery, runs } = planned;
    if runs.iter().any(|run| run.item_id.is_some()) {
        return Box::pin(receive_batch(world, hook, delivery, runs, now)).await;
    }
    let key = DeliveryKey::of(&hook.name, &delivery.delivery_id);
    let claim = Claim { author: super::author(world), delivery, runs, items: Vec::new() };
    match take_claim(world, &key, &claim).await? {
        None => {
            let mut runs = claim.runs;
            drop(claim.delivery);
            let shown = runs.iter_mut().map(|run| show_new(world, run));
            stream::iter(shown).buffer_unordered(RECORDS_AT_ONCE).try_collect::<()>().await?;
            Ok(Received::Accepted { to_start: runs.clone(), runs })
        }
        Some((standing, at)) => Box::pin(duplicate(world, hook, standing, at, now)).await,
    }
}

/// Starts the runs that [`store_delivery`] accepted or healed, after the sender has its answer. The next sweep starts those
/// that are not reached, and those that fail. Returns the runs that are to be followed
/// ([`follow_started`](super::follow::follow_started)).
pub async fn start_accepted<W: World>(world: &W, mut runs: Vec<Run>, now: Timestamp) -> Started {
    let budget = Budget::new(START_REQUESTS);
    let began = world.now();
    for run in runs.extract_if(.., |run| run.status.is_final()) {
        budget.outbox().add_new(&run);
    }
    let follows = runs.len() <= FOLLOWED_MAX;
    let started = RefCell::new(Started::since(began));
    let start = async |mut run: Run| {
        if world.now().since_ms(began) > START_WINDOW_MS {
            return;
        }
        let run_id = run.run_id;
        match start_new(world, &mut run, now, &budget).await {
            Ok(_) if follows => started.borrow_mut().add(&run),
            Ok(_) => {}
            Err(error) => {
                let fields = json!({"run_id": run_id, "error": error.to_string()});
                world.log(log::RUN_NOT_STARTED, fields);
            }
        }
    };
    each_at_once(STARTS_AT_ONCE, runs.into_iter(), start).await;
    let mut started = started.into_inner();
    started.add_waiting(budget.outbox().take());
    started
}

/// Claims a delivery. `None`: this claim stands. `Some`: an earlier claim stands, with the time at which R2 created it.
///
/// Sweeps are woken meanwhile, because a new run needs that before it is shown, and its sender waits.
pub(super) async fn take_claim<W: Inbox<DeliveryKey> + IdleHints + Clock>(
    world: &W,
    key: &DeliveryKey,
    claim: &Claim,
) -> Result<Option<(Claim, Timestamp)>, StoreError> {
    // After a failure, the run's first put tries again.
    let (claimed, _) = join(create_once(world, key, claim, TRIES_TO_CLAIM), wake_sweeps(world)).await;
    claimed
}

/// The answer to a delivery whose claim stands since `at`.
pub(super) async fn duplicate<W: WholeInbox + RunRecords + Clock + Log + Metrics>(
    world: &W,
    hook: &Hook,
    claim: Claim,
    at: Timestamp,
    now: Timestamp,
) -> Result<Received, StoreError> {
    let retries_left = Cell::new(RETRIES_EACH_MAX);
    let mut runs = Vec::new();
    for run in claim.runs {
        runs.push(known_run(world, hook, run, at, now, &retries_left).await?);
    }
    Ok(Received::of(runs, false))
}

/// A run in the answer to a delivery.
pub(super) struct KnownRun {
    /// The run; where it was retried for its sender, the last retry.
    pub(super) run: Run,
    /// Whether the run is to be started now.
    pub(super) starts: bool,
    /// Whether the run was made now, as the retry of a failed one.
    pub(super) is_retry: bool,
}

/// Heals a run that was accepted at `at` and is delivered again, and retries it where its hook says so and `retries_left`
/// allows it.
pub(super) async fn known_run<W: WholeInbox + RunRecords + Clock + Log + Metrics>(
    world: &W,
    hook: &Hook,
    run: Run,
    at: Timestamp,
    now: Timestamp,
    retries_left: &Cell<usize>,
) -> Result<KnownRun, StoreError> {
    if now.since_ms(at) < CLAIM_YOUNG_MS {
        return Ok(KnownRun { run, starts: false, is_retry: false });
    }
    let follows = run.settings.on_redelivery == OnRedelivery::RetryFailed;
    match heal(world, run, at, now).await? {
        Healing::Known(run) if follows => {
            // Taken before it is used, because the runs of a batch are followed concurrently.
            let left = retries_left.get();
            retries_left.set(left.saturating_sub(1));
            let last = Box::pin(follow_retries(world, hook, *run, left > 0, now)).await?;
            if left > 0 && !last.is_new {
                retries_left.set(retries_left.get() + 1);
            }
            Ok(KnownRun { run: last.run, starts: last.starts, is_retry: last.is_new })
        }
        Healing::Known(run) => Ok(KnownRun { run: *run, starts: false, is_retry: false }),
        Healing::Healed(run) => Ok(KnownRun { run: *run, starts: true, is_retry: false }),
    }
}

impl Received {
    /// The outcome for a delivery with these runs; `is_new`: at least one of its items was claimed now.
    pub(super) fn of(known: Vec<KnownRun>, is_new: bool) -> Self {
        let retried = known.iter().filter(|known| known.is_retry).count();
        let to_start = known.iter().filter(|known| known.starts).map(|known| known.run.clone()).collect();
        let runs = known.into_iter().map(|known| known.run).collect();
        if is_new { Self::Accepted { runs, to_start } } else { Self::Duplicate { runs, to_start, retried } }
    }
}

#[cfg(test)]
mod tests;
