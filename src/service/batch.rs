//! Taking in a batch whose items are claimed one by one, so that an event that comes again in another batch is known.
//!
//! The delivery is stored first, whole and once, in a claim without runs that lists the items to come; then each item is
//! claimed by a small object of its own, which has the item's runs and names that delivery. A crash in between leaves
//! items unclaimed, for the redelivery to claim. It starts nothing.

use std::cell::Cell;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::hook::Hook;
use crate::hook::delivery::{Delivery, DeliveryId};
use crate::ports::{Claim, DeliveryKey, ItemClaim, ItemKey, StoreError, World};
use crate::run::Run;
use crate::timestamp::Timestamp;

use super::accept::{TRIES_TO_CLAIM, show_accepted};
use super::decide::create_once;
use super::receive::{
    KnownRun, RECORDS_AT_ONCE, RETRIES_EACH_MAX, Received, duplicate, known_run, take_claim,
};

/// How many claims of items are read or written at once, of the six connections that a Worker may have.
const CLAIMS_AT_ONCE: usize = 6;

/// An item of the batch for which a rule holds, and the runs that it becomes if its claim is ours.
struct Item {
    key: ItemKey,
    runs: Vec<Run>,
}

/// What became of an item.
enum Outcome {
    /// It is claimed now, with these runs.
    New(Vec<Run>),
    /// It was claimed before. What its claim holds is read again when its turn comes, so that the parameters of a few
    /// items are in memory, and not those of 500.
    Known(ItemKey),
}

/// Takes in a batch: `runs` are all that it becomes if no item of it is known, each with its `item_id`, those of one item
/// next to each other. At most [`RUNS_MAX`](super::plan::RUNS_MAX).
///
/// # Errors
/// When a store fails. Items that are claimed by then stay claimed; the redelivery claims the rest, and answers with the
/// runs of all.
pub(super) async fn receive_batch<W: World>(
    world: &W,
    hook: &Hook,
    delivery: Delivery,
    runs: Vec<Run>,
    now: Timestamp,
) -> Result<Received, StoreError> {
    let items = by_item(hook, runs);
    let key = DeliveryKey::of(&hook.name, &delivery.delivery_id);
    let digests = items.iter().map(|item| item.key.digest.clone()).collect();
    let mut claim = Claim { author: super::author(world), delivery, runs: Vec::new(), items: digests };
    let outcomes = match take_claim(world, &key, &claim).await? {
        None => {
            let none_known = vec![false; items.len()];
            claim_items(world, items, none_known, &key, &claim.author).await
        }
        // Before its hook had ids for items, the batch was claimed with all its runs.
        Some((standing, at)) if !standing.runs.is_empty() => {
            return duplicate(world, hook, standing, at, now).await;
        }
        Some(_) => {
            // Most likely a redelivery: one read finds what two operations would.
            let known = find_items(world, &items).await?;
            let mut key = key;
            if known.contains(&false) {
                // What is claimed now must expire with its delivery, and the hourly pass looks for it among recent ones.
                key = key.of_attempt(&claim.author);
                let unclaimed = items.iter().zip(&known).filter(|(_, known)| !**known);
                claim.items = unclaimed.map(|(item, _)| item.key.digest.clone()).collect();
                take_claim(world, &key, &claim).await?;
            }
            claim_items(world, items, known, &key, &claim.author).await
        }
    };
    drop(claim);
    finish(world, hook, outcomes, now).await
}

fn by_item(hook: &Hook, runs: Vec<Run>) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut last: Option<DeliveryId> = None;
    for run in runs {
        match items.last_mut() {
            Some(item) if run.item_id == last => item.runs.push(run),
            _ => {
                last.clone_from(&run.item_id);
                let id = run.item_id.as_ref().unwrap_or(&run.delivery_id);
                items.push(Item { key: ItemKey::of(&hook.name, id), runs: vec![run] });
            }
        }
    }
    items
}

/// Which items are claimed already, in their order.
async fn find_items<W: World>(world: &W, items: &[Item]) -> Result<Vec<bool>, StoreError> {
    let reads = items.iter().map(|item| Box::pin(async { Ok(world.get_item(&item.key).await?.is_some()) }));
    stream::iter(reads).buffered(CLAIMS_AT_ONCE).try_collect().await
}

/// Claims the items that are not `known`, in the order of the items; after a failure no further claim is begun.
async fn claim_items<W: World>(
    world: &W,
    items: Vec<Item>,
    known: Vec<bool>,
    delivery: &DeliveryKey,
    author: &str,
) -> Vec<Result<Outcome, StoreError>> {
    let failure: Cell<Option<StoreError>> = Cell::new(None);
    let failure = &failure;
    let claims = items.into_iter().zip(known).map(|(item, known)| {
        Box::pin(async move {
            if known {
                return Ok(Outcome::Known(item.key));
            }
            if let Some(error) = failure.take() {
                failure.set(Some(error.clone()));
                return Err(error);
            }
            let claim =
                ItemClaim { author: author.to_owned(), delivery: delivery.digest.clone(), runs: item.runs };
            let outcome = claim_item(world, item.key, claim).await;
            if let Err(error) = &outcome {
                failure.set(Some(error.clone()));
            }
            outcome
        })
    });
    stream::iter(claims).buffered(CLAIMS_AT_ONCE).collect().await
}

async fn claim_item<W: World>(world: &W, key: ItemKey, claim: ItemClaim) -> Result<Outcome, StoreError> {
    let standing = create_once(
        world,
        TRIES_TO_CLAIM,
        async || world.create_item(&key, &claim).await,
        async || world.get_item(&key).await,
        |(standing, _)| standing.author == claim.author,
    );
    Ok(match standing.await? {
        None => Outcome::New(claim.runs),
        Some(_) => Outcome::Known(key),
    })
}

/// Shows the new runs, also where another item's claim failed, so that the next sweep starts them; heals the others.
async fn finish<W: World>(
    world: &W,
    hook: &Hook,
    outcomes: Vec<Result<Outcome, StoreError>>,
    now: Timestamp,
) -> Result<Received, StoreError> {
    let mut failed = None;
    let mut taken = Vec::new();
    for outcome in outcomes {
        match outcome {
            Ok(outcome) => taken.push(outcome),
            Err(error) => failed = Some(error),
        }
    }
    let new = taken.iter_mut().filter_map(|outcome| match outcome {
        Outcome::New(runs) => Some(runs),
        Outcome::Known(_) => None,
    });
    let shown = new.flatten().map(|run| Box::pin(show_accepted(world, run)));
    let shown = stream::iter(shown).buffer_unordered(RECORDS_AT_ONCE).collect::<Vec<_>>().await;
    if let Some(error) = failed {
        return Err(error);
    }
    shown.into_iter().collect::<Result<(), _>>()?;
    let is_new = taken.iter().any(|outcome| matches!(outcome, Outcome::New(_)));
    let retries_left = &Cell::new(RETRIES_EACH_MAX);
    let runs = taken.into_iter().map(|outcome| {
        Box::pin(async move {
            match outcome {
                Outcome::New(runs) => {
                    Ok(runs.into_iter().map(|run| KnownRun { run, starts: true, is_retry: false }).collect())
                }
                Outcome::Known(key) => known_item(world, hook, &key, now, retries_left).await,
            }
        })
    });
    let runs: Vec<Vec<KnownRun>> = stream::iter(runs).buffered(CLAIMS_AT_ONCE).try_collect().await?;
    let runs = runs.into_iter().flatten().collect();
    Ok(Received::of(runs, is_new))
}

/// The runs of an item that was claimed before; those that are not started now without their parameters.
async fn known_item<W: World>(
    world: &W,
    hook: &Hook,
    key: &ItemKey,
    now: Timestamp,
    retries_left: &Cell<usize>,
) -> Result<Vec<KnownRun>, StoreError> {
    let (claim, at) = world.get_item(key).await?.ok_or_else(|| StoreError::Unavailable {
        store: "R2",
        reason: "the claim of an item is gone".to_owned(),
    })?;
    let mut runs = Vec::new();
    for run in claim.runs {
        let mut known = known_run(world, hook, run, at, now, retries_left).await?;
        if !known.starts {
            known.run.params = Arc::default();
        }
        runs.push(known);
    }
    Ok(runs)
}

#[cfg(test)]
mod tests;
