//! The hourly pass over the inbox: a run that was accepted but never reached KV gets its record.
//!
//! Part of the first promise: it heals even when the sender never calls again.

use serde_json::json;

use crate::configuration::SWEEP_REQUESTS_DEFAULT;
use crate::journal::retention::FIRST_START_MS_MAX;
use crate::ports::{DeliveryKey, ItemKey, Level, Page, StoreError, World};
use crate::run::{Run, RunId, Tick};
use crate::timestamp::{HOUR_MS, Timestamp};

use super::Budget;
use super::accept::{CLAIM_YOUNG_MS, Healing, heal};
use super::advance::settle;
use super::archive::stale::clear_stale;

/// How far back claims are looked up: twice the pass's period, so that one missed pass loses nothing. Claims that are
/// older than seven days are never looked up: their journals may have expired.
const LOOK_BACK_MS: i64 = 2 * HOUR_MS;

const _: () = assert!(LOOK_BACK_MS <= FIRST_START_MS_MAX);

/// The most pages of 1,000 claims that one pass lists: 50,000 deliveries within their retention, and as many retries.
const PAGES_MAX: usize = 50;

/// The most runs that one pass looks up, and claims of items: each takes up to four operations, and the free plan allows 1,000 in an
/// invocation, of which the sweep needs some. More requests in a sweep mean the paid plan, and more operations.
const RUNS_MAX: usize = 150;

/// What accepts runs: a delivery, or the retry of a run.
enum Accepted {
    Delivery(DeliveryKey),
    Retry(RunId),
}

impl std::fmt::Display for Accepted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Delivery(key) => write!(f, "deliveries/{key}"),
            Self::Retry(run_id) => write!(f, "retries/{run_id}"),
        }
    }
}

/// Looks up the claims of the last two hours and heals what has no record. Says how many of the outbound requests are
/// left for the sweep.
pub async fn reconcile<W: World>(world: &W, tick: Tick, requests: u32) -> u32 {
    clear_stale(world, tick.now).await;
    let mut claims = match recent_claims(world, tick).await {
        Ok(claims) => claims,
        Err(error) => {
            world.log(Level::Warn, "reconcile cannot list the inbox", json!({"error": error.to_string()}));
            return requests;
        }
    };
    // Each claim is in reach of two passes: where one cannot look up all, the next begins at the other half.
    let half = if is_second_half(tick) { claims.len() / 2 } else { 0 };
    claims.rotate_left(half);
    let budget = Budget::new(requests);
    let runs_max = RUNS_MAX * usize::try_from(requests / SWEEP_REQUESTS_DEFAULT).unwrap_or(1).max(1);
    let (mut looked_up, mut healed) = (0, 0);
    for key in &claims {
        if looked_up >= runs_max {
            let message = "reconcile is full: a claim that it never reaches heals by its redelivery alone";
            world.log(Level::Warn, message, json!({"claims": claims.len(), "runs": looked_up}));
            break;
        }
        let (runs, healed_runs) = reconcile_claim(world, key, tick, &budget, runs_max - looked_up).await;
        looked_up += runs;
        healed += healed_runs;
    }
    if healed > 0 {
        world.log(Level::Warn, "reconcile healed runs", json!({"healed": healed, "runs": looked_up}));
    }
    budget.left()
}

/// The claims that are neither young nor out of reach.
async fn recent_claims<W: World>(world: &W, tick: Tick) -> Result<Vec<Accepted>, StoreError> {
    let deliveries = list_recent(world, tick, async |cursor| world.list_claims(cursor).await).await?;
    let retries = list_recent(world, tick, async |cursor| world.list_retries(cursor).await).await?;
    let claims = deliveries.into_iter().map(Accepted::Delivery);
    Ok(claims.chain(retries.into_iter().map(Accepted::Retry)).collect())
}

async fn list_recent<W: World, K>(
    world: &W,
    tick: Tick,
    list: impl AsyncFn(Option<&str>) -> Result<Page<(K, Timestamp)>, StoreError>,
) -> Result<Vec<K>, StoreError> {
    let mut keys = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let page = list(cursor.as_deref()).await?;
        let recent = page
            .items
            .into_iter()
            .filter(|(_, at)| (CLAIM_YOUNG_MS..LOOK_BACK_MS).contains(&tick.now.since_ms(*at)));
        keys.extend(recent.map(|(key, _)| key));
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(keys);
        }
    }
    world.log(Level::Error, "the inbox is too large to reconcile: shorten its retention", json!({}));
    Ok(keys)
}

/// What a claim accepted: each run, and when R2 took it; and the items of a batch whose claims have more.
async fn accepted_runs<W: World>(
    world: &W,
    claim: &Accepted,
) -> Result<(Vec<(Run, Timestamp)>, Vec<ItemKey>), StoreError> {
    Ok(match claim {
        Accepted::Delivery(key) => match world.get_claim(key).await? {
            Some((claim, at)) => {
                let item = |digest| ItemKey { hook: key.hook.clone(), digest };
                let runs = claim.runs.into_iter().map(|run| (run, at)).collect();
                (runs, claim.items.into_iter().map(item).collect())
            }
            None => (Vec::new(), Vec::new()),
        },
        Accepted::Retry(run_id) => {
            let retry = world.get_retry(*run_id).await?;
            (retry.map(|(retry, at)| (retry.run, at)).into_iter().collect(), Vec::new())
        }
    })
}

/// The runs of an item, if it was claimed with the delivery of `key` and not with another one, nor this very moment.
async fn runs_of_item<W: World>(
    world: &W,
    delivery: &Accepted,
    item: &ItemKey,
    now: Timestamp,
) -> Result<Vec<(Run, Timestamp)>, StoreError> {
    let Accepted::Delivery(delivery) = delivery else { return Ok(Vec::new()) };
    let found = world.get_item(item).await?;
    let own =
        found.filter(|(claim, at)| claim.delivery == delivery.digest && now.since_ms(*at) >= CLAIM_YOUNG_MS);
    Ok(own.into_iter().flat_map(|(claim, at)| claim.runs.into_iter().map(move |run| (run, at))).collect())
}

/// Heals the runs of one claim, and of its items up to `looks_max` look-ups; one that cannot be read is told and left
/// alone. Says how many it looked up and healed.
async fn reconcile_claim<W: World>(
    world: &W,
    key: &Accepted,
    tick: Tick,
    budget: &Budget,
    looks_max: usize,
) -> (usize, usize) {
    let (runs, mut items) = match accepted_runs(world, key).await {
        Ok(accepted) => accepted,
        Err(error) => {
            tell(world, key, &error);
            return (1, 0);
        }
    };
    let mut looked_up = runs.len().max(1);
    let mut healed = heal_runs(world, key, runs, tick, budget).await;
    // As with claims: a batch that is too large for one pass has its other half looked up by the next.
    let half = if is_second_half(tick) { items.len() / 2 } else { 0 };
    items.rotate_left(half);
    for item in &items {
        if looked_up >= looks_max {
            break;
        }
        match runs_of_item(world, key, item, tick.now).await {
            Ok(runs) => {
                looked_up += 1 + runs.len();
                healed += heal_runs(world, key, runs, tick, budget).await;
            }
            Err(error) => {
                looked_up += 1;
                tell(world, key, &error);
            }
        }
    }
    (looked_up, healed)
}

/// Heals runs and starts those that were lost. Says how many.
async fn heal_runs<W: World>(
    world: &W,
    key: &Accepted,
    runs: Vec<(Run, Timestamp)>,
    tick: Tick,
    budget: &Budget,
) -> usize {
    let mut healed = 0;
    for (run, at) in runs {
        match Box::pin(heal(world, run, at, tick.now)).await {
            Ok(Healing::Known(_)) => {}
            Ok(Healing::Healed(run)) => {
                healed += 1;
                if let Err(error) = Box::pin(settle(world, *run, tick.now, budget)).await {
                    tell(world, key, &error);
                }
            }
            Err(error) => tell(world, key, &error),
        }
    }
    healed
}

fn tell<W: World>(world: &W, key: &Accepted, error: &dyn std::fmt::Display) {
    let fields = json!({"claim": key.to_string(), "error": error.to_string()});
    world.log(Level::Warn, "reconcile cannot heal a claim", fields);
}

/// Whether this pass begins with the second half: passes come once an hour.
fn is_second_half(tick: Tick) -> bool {
    tick.now.as_millis() / HOUR_MS % 2 == 1
}
