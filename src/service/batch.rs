//! Taking in a batch whose items are claimed one by one, so that an event that comes again in another batch is known.
//!
//! The delivery is stored first, whole and once, in a claim without runs that lists the items to come; then each item is
//! claimed by a small object of its own, which has the item's runs and names that delivery. A crash in between leaves
//! items unclaimed, for the redelivery to claim. It starts nothing.

use std::cell::Cell;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::hook::Hook;
use crate::hook::delivery::{Delivery, DeliveryId};
use crate::mutation::{Mutation, makes};
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
    /// It was claimed before, at this time.
    Known(ItemClaim, Timestamp),
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
            let none_known = items.iter().map(|_| None).collect();
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
            if known.iter().any(Option::is_none) {
                // What is claimed now must expire with its delivery, and the hourly pass looks for it among recent ones.
                key = key.of_attempt(&claim.author);
                let unclaimed = items.iter().zip(&known).filter(|(_, known)| known.is_none());
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

/// The claims that stand already, in the order of the items.
async fn find_items<W: World>(
    world: &W,
    items: &[Item],
) -> Result<Vec<Option<(ItemClaim, Timestamp)>>, StoreError> {
    let reads = items.iter().map(|item| Box::pin(world.get_item(&item.key)));
    stream::iter(reads).buffered(CLAIMS_AT_ONCE).try_collect().await
}

/// Claims the items that are not `known`, in the order of the items; after a failure no further claim is begun.
async fn claim_items<W: World>(
    world: &W,
    items: Vec<Item>,
    known: Vec<Option<(ItemClaim, Timestamp)>>,
    delivery: &DeliveryKey,
    author: &str,
) -> Vec<Result<Outcome, StoreError>> {
    let failure: Cell<Option<StoreError>> = Cell::new(None);
    let failure = &failure;
    let claims = items.into_iter().zip(known).map(|(item, known)| {
        Box::pin(async move {
            if let Some((claim, at)) = known {
                return Ok(Outcome::Known(claim, at));
            }
            if let Some(error) = failure.take() {
                failure.set(Some(error.clone()));
                return Err(error);
            }
            let claim =
                ItemClaim { author: author.to_owned(), delivery: delivery.digest.clone(), runs: item.runs };
            let outcome = claim_item(world, &item.key, claim).await;
            if let Err(error) = &outcome {
                failure.set(Some(error.clone()));
            }
            outcome
        })
    });
    stream::iter(claims).buffered(CLAIMS_AT_ONCE).collect().await
}

async fn claim_item<W: World>(world: &W, key: &ItemKey, claim: ItemClaim) -> Result<Outcome, StoreError> {
    let standing = create_once(
        world,
        TRIES_TO_CLAIM,
        async || Ok(world.create_item(key, &claim).await? || makes(Mutation::ItemsAreNotConditional)),
        async || world.get_item(key).await,
        |(standing, _)| standing.author == claim.author && !makes(Mutation::ClaimsAreNotReadBack),
    );
    Ok(match standing.await? {
        None => Outcome::New(claim.runs),
        Some((standing, at)) => Outcome::Known(standing, at),
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
        Outcome::Known(..) => None,
    });
    let shown = new.flatten().map(|run| Box::pin(show_accepted(world, run)));
    let shown = stream::iter(shown).buffer_unordered(RECORDS_AT_ONCE).collect::<Vec<_>>().await;
    if let Some(error) = failed.filter(|_| !makes(Mutation::FailedItemsAreAcknowledged)) {
        return Err(error);
    }
    shown.into_iter().collect::<Result<(), _>>()?;
    let is_new = taken.iter().any(|outcome| matches!(outcome, Outcome::New(_)));
    let retries_left = &Cell::new(RETRIES_EACH_MAX);
    let runs = taken.into_iter().flat_map(|outcome| match outcome {
        Outcome::New(runs) => runs.into_iter().map(|run| (run, None)).collect::<Vec<_>>(),
        Outcome::Known(claim, at) => claim.runs.into_iter().map(|run| (run, Some(at))).collect(),
    });
    let runs = runs.map(|(run, claimed_at)| {
        Box::pin(async move {
            match claimed_at {
                None => Ok(KnownRun { run, starts: true, is_retry: false }),
                Some(at) => known_run(world, hook, run, at, now, retries_left).await,
            }
        })
    });
    let runs: Vec<KnownRun> = stream::iter(runs).buffered(RECORDS_AT_ONCE).try_collect().await?;
    Ok(Received::of(runs, is_new))
}

#[cfg(test)]
mod tests;
