//! Taking a delivery in: plan what it starts, claim it, show its runs; starting them comes after the answer.
//!
//! The claim is one create-only put: of any number of simultaneous redeliveries exactly one wins.

use std::cell::Cell;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;

use crate::hook::Hook;
use crate::hook::OnRedelivery;
use crate::hook::delivery::Delivery;
use crate::hook::event::Event;
use crate::mutation::{Mutation, makes};
use crate::ports::{Claim, DeliveryKey, Level, StoreError, World};
use crate::run::Run;
use crate::timestamp::{SECOND_MS, Timestamp};

use super::Budget;
use super::accept::{CLAIM_YOUNG_MS, Healing, TRIES_TO_CLAIM, heal, queued, show_accepted};
use super::advance::settle;
use super::at_once::each_at_once;
use super::batch::receive_batch;
use super::decide::create_once;
use super::plan::{RUNS_MAX, plan};
use super::redeliver::follow_retries;

/// How many records are written at once, of the six connections that a Worker may have.
pub(super) const RECORDS_AT_ONCE: usize = 6;

/// How many runs of one delivery are started at once, of the six connections that a Worker may have.
const STARTS_AT_ONCE: usize = 4;

/// No further start is begun this long after the answer. The runtime ends everything 30 s after it, and a start that
/// is cut off between its request and its entry would be unconfirmed: it may take 28 s.
const START_WINDOW_MS: i64 = SECOND_MS;

/// The most runs that one redelivery retries; a later one retries more. Each takes some ten operations of the free plan's
/// 1,000.
pub(super) const RETRIES_EACH_MAX: usize = 20;

/// The most runs of one delivery that are held to be started after the answer; the sweeps start the others. Each has its
/// parameters in memory until its turn.
pub const STARTED_MAX: usize = 40;

/// Outbound requests that starting the runs of one delivery may take: one each, of the free plan's 50.
const START_REQUESTS: u32 = 40;

/// What became of a delivery.
#[derive(Debug)]
pub enum Received {
    /// No rule's `when` held: nothing is stored.
    Ignored,
    /// More items, or more runs, than one delivery may have ([`RUNS_MAX`]): nothing is stored.
    TooMany(usize),
    /// Stored; of a batch, at least one item was not known before.
    Accepted {
        /// The runs of the delivery, those of known items too.
        runs: Vec<Run>,
        /// Those of them that are to be started now ([`start_accepted`]).
        to_start: Vec<Run>,
    },
    /// Stored before.
    Duplicate {
        /// The runs of the first delivery, as well as is known; of one that was retried for its sender the last retry.
        runs: Vec<Run>,
        /// Those of them that had been lost on the way, and those that were made now, to be started now.
        to_start: Vec<Run>,
        /// How many were retried now, as their hook wants it.
        retried: usize,
    },
}

/// A delivery with the runs that it becomes, to be stored.
#[derive(Debug)]
pub struct Planned {
    delivery: Delivery,
    runs: Vec<Run>,
}

impl Planned {
    /// About how many bytes the runs' parameters take on wasm32.
    #[must_use]
    pub fn params_bytes(&self) -> u64 {
        self.runs.iter().map(Run::params_bytes).sum()
    }
}

/// Decides what a verified and parsed delivery becomes, and stores nothing. What the event needed is gone afterwards.
///
/// # Errors
/// What becomes of a delivery that starts nothing: [`Received::Ignored`] or [`Received::TooMany`].
pub fn plan_delivery<W: World>(
    world: &W,
    hook: &Hook,
    mut event: Event,
    now: Timestamp,
) -> Result<Planned, Received> {
    // Without a usable id the mapping fails, and nothing is lost.
    let id_problem = event.assign_id(hook).err().map(|error| error.to_string());
    if event.item_count(hook) > RUNS_MAX {
        return Err(Received::TooMany(RUNS_MAX));
    }
    let plans = plan(hook, &event, id_problem.as_deref());
    if plans.is_empty() {
        return Err(Received::Ignored);
    }
    if plans.len() > RUNS_MAX {
        return Err(Received::TooMany(RUNS_MAX));
    }
    let delivery = event.into_delivery();
    let runs = plans.into_iter().map(|plan| queued(world, hook, plan, &delivery.delivery_id, now)).collect();
    Ok(Planned { delivery, runs })
}

/// Stores a delivery. When it returns `Accepted` or `Duplicate`, the delivery is durable.
///
/// # Errors
/// When a store fails: the sender is to try again, and loses nothing by it.
pub async fn store_delivery<W: World>(
    world: &W,
    hook: &Hook,
    planned: Planned,
    now: Timestamp,
) -> Result<Received, StoreError> {
    let Planned { delivery, runs } = planned;
    if runs.iter().any(|run| run.item_id.is_some()) && !makes(Mutation::BatchesAreClaimedWhole) {
        return Box::pin(receive_batch(world, hook, delivery, runs, now)).await;
    }
    let key = DeliveryKey::of(&hook.name, &delivery.delivery_id);
    let claim = Claim { author: super::author(world), delivery, runs, items: Vec::new() };
    match take_claim(world, &key, &claim).await? {
        None => {
            let mut runs = claim.runs;
            drop(claim.delivery);
            let shown = runs.iter_mut().map(|run| show_accepted(world, run));
            stream::iter(shown).buffer_unordered(RECORDS_AT_ONCE).try_collect::<()>().await?;
            Ok(Received::Accepted { to_start: runs.clone(), runs })
        }
        Some((standing, at)) => Box::pin(duplicate(world, hook, standing, at, now)).await,
    }
}

/// Starts the runs that [`store_delivery`] accepted or healed, after the sender has its answer. What is not reached, or
/// fails, the next sweep takes up.
pub async fn start_accepted<W: World>(world: &W, runs: Vec<Run>, now: Timestamp) {
    let budget = Budget::new(START_REQUESTS);
    let began = world.now();
    let waiting = runs.into_iter().filter(|run| !run.status.is_final());
    let start = async |run: Run| {
        if world.now().since_ms(began) > START_WINDOW_MS {
            return;
        }
        let run_id = run.run_id;
        if let Err(error) = settle(world, run, now, &budget).await {
            let fields = json!({"run_id": run_id, "error": error.to_string()});
            world.log(Level::Warn, "run not started, the next sweep tries again", fields);
        }
    };
    each_at_once(STARTS_AT_ONCE, waiting, start).await;
}

/// `None`: the claim is ours. `Some`: the one that stands, and when R2 took it.
pub(super) async fn take_claim<W: World>(
    world: &W,
    key: &DeliveryKey,
    claim: &Claim,
) -> Result<Option<(Claim, Timestamp)>, StoreError> {
    let claimed = create_once(
        world,
        TRIES_TO_CLAIM,
        async || Ok(world.create_claim(key, claim).await? || makes(Mutation::ClaimsAreNotConditional)),
        async || world.get_claim(key).await,
        |(standing, _)| standing.author == claim.author && !makes(Mutation::ClaimsAreNotReadBack),
    )
    .await;
    if makes(Mutation::FailedClaimsAreAcknowledged) { claimed.or(Ok(None)) } else { claimed }
}

/// The answer to a delivery whose claim stands since `at`.
pub(super) async fn duplicate<W: World>(
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

/// A run of the answer to a delivery.
pub(super) struct KnownRun {
    /// The run; of one that was retried for its sender the last retry.
    pub(super) run: Run,
    /// Whether it is to be started now.
    pub(super) starts: bool,
    /// Whether it was made now, as the retry of one that failed.
    pub(super) is_retry: bool,
}

/// What a redelivery makes of a run that was accepted at `at`: heals it, and retries it where its hook wants that and
/// `retries_left` allows it.
pub(super) async fn known_run<W: World>(
    world: &W,
    hook: &Hook,
    run: Run,
    at: Timestamp,
    now: Timestamp,
    retries_left: &Cell<usize>,
) -> Result<KnownRun, StoreError> {
    let young = now.since_ms(at) < CLAIM_YOUNG_MS && !makes(Mutation::YoungClaimsAreHealed);
    if young || makes(Mutation::RedeliveriesDoNotHeal) {
        return Ok(KnownRun { run, starts: false, is_retry: false });
    }
    let follows = run.settings.on_redelivery == OnRedelivery::RetryFailed;
    match heal(world, run, at, now).await? {
        Healing::Known(run) if follows => {
            // Taken before it is used: runs of a batch are looked at side by side.
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
    /// What became of a delivery with these runs; `is_new`: at least one of its items was claimed now.
    pub(super) fn of(known: Vec<KnownRun>, is_new: bool) -> Self {
        let retried = known.iter().filter(|known| known.is_retry).count();
        let to_start = known.iter().filter(|known| known.starts).map(|known| known.run.clone()).collect();
        let runs = known.into_iter().map(|known| known.run).collect();
        if is_new { Self::Accepted { runs, to_start } } else { Self::Duplicate { runs, to_start, retried } }
    }
}
