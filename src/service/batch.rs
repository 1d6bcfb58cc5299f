//! Receiving a batch whose items are claimed one by one, so that an event is recognised when it comes in another batch.
//!
//! The delivery is stored first, once, in a claim without runs that lists the items to come. Then each item is claimed by a
//! small object, which has the item's runs and names that delivery. After a crash in between, the redelivery claims the
//! items that are left. Nothing is started here.

use std::cell::Cell;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::hook::Hook;
use crate::hook::delivery::{Delivery, DeliveryId};
use crate::ports::{
    Claim, Clock, DeliveryKey, Inbox, ItemClaim, ItemKey, Log, Metrics, RunRecords, StoreError, WholeInbox,
};
use crate::run::Run;
use crate::timestamp::Timestamp;

use super::accept::{TRIES_TO_CLAIM, show_new};
use super::create_once::create_once;
use super::receive::{
    KnownRun, RECORDS_AT_ONCE, RETRIES_EACH_MAX, Received, duplicate, known_run, take_claim,
};

/// How many claims of items are read or written at the same time: a Worker may have six connections.
const CLAIMS_AT_ONCE: usize = 6;

/// An item of the batch for which a rule holds, and the runs that it becomes if it is claimed now.
struct Item {
    key: ItemKey,
    runs: Vec<Run>,
}

/// The outcome for one item.
enum Outcome {
    /// Claimed now, with these runs.
    New(Vec<Run>),
    /// Claimed before. Its claim is read again when its turn comes, so that the parameters of a few items are in memory
    /// and not those of 500.
    Known(ItemKey),
}

/// Receives a batch. `runs` are those of all its items, each with its `item_id`, those of one item next to each other, at
/// most [`RUNS_MAX`](super::plan::RUNS_MAX).
///
/// # Errors
/// `StoreError` when a store fails. Items that are claimed by then stay claimed; the redelivery claims the rest, and its
/// answer has the runs of all.
pub(super) async fn receive_batch<W: WholeInbox + RunRecords + Clock + Log + Metrics>(
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
        // The batch was claimed with all its runs, before its hook had ids for items.
        Some((standing, at)) if !standing.runs.is_empty() => {
            return duplicate(world, hook, standing, at, now).await;
        }
        Some(_) => {
            // Most likely a redelivery, where one read finds each claim and a put would be wasted.
            let known = find_items(world, &items).await?;
            let mut key = key;
            if known.contains(&false) {
                // An item must expire with its delivery, and the hourly pass looks among recent deliveries.
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

/// Whether each item is claimed already, in the order of the items.
async fn find_items<W: Inbox<ItemKey>>(world: &W, items: &[Item]) -> Result<Vec<bool>, StoreError> {
    let reads = items.iter().map(|item| Box::pin(async { Ok(world.get(&item.key).await?.is_some()) }));
    stream::iter(reads).buffered(CLAIMS_AT_ONCE).try_collect().await
}

/// Claims the items that are not `known`, in their order. After a failure no further claim is begun.
async fn claim_items<W: Inbox<ItemKey> + Clock>(
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

async fn claim_item<W: Inbox<ItemKey> + Clock>(
    world: &W,
    key: ItemKey,
    claim: ItemClaim,
) -> Result<Outcome, StoreError> {
    let standing = create_once(world, &key, &claim, TRIES_TO_CLAIM).await?;
    Ok(if standing.is_none() { Outcome::New(claim.runs) } else { Outcome::Known(key) })
}

/// Shows the new runs, also where another item's claim failed, so that the next sweep starts them; heals the others.
async fn finish<W: WholeInbox + RunRecords + Clock + Log + Metrics>(
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
    let shown = new.flatten().map(|run| Box::pin(show_new(world, run)));
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

/// The runs of an item that was claimed before. Only those that are started now have their parameters.
async fn known_item<W: WholeInbox + RunRecords + Clock + Log + Metrics>(
    world: &W,
    hook: &Hook,
    key: &ItemKey,
    now: Timestamp,
    retries_left: &Cell<usize>,
) -> Result<Vec<KnownRun>, StoreError> {
    let (claim, at) = world.get(key).await?.ok_or_else(|| StoreError::Unavailable {
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
