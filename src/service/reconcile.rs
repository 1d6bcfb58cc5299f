//! The hourly pass over the inbox: a run that was accepted but never reached KV gets its record.
//!
//! Part of the first promise: it heals even when the sender never calls again.

use serde_json::json;

use crate::configuration::SWEEP_REQUESTS_DEFAULT;
use crate::journal::retention::FIRST_START_MS_MAX;
use crate::mutation::{Mutation, makes};
use crate::ports::{DeliveryKey, Level, Page, StoreError, World};
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

/// The most runs that one pass looks up: each takes up to four operations, and the free plan allows 1,000 in an
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
    if makes(Mutation::NothingIsReconciled) {
        return requests;
    }
    // Each claim is in reach of two passes: where one cannot look up all, the next begins at the other half.
    let second_half = tick.now.as_millis() / HOUR_MS % 2 == 1;
    let half = if second_half { claims.len() / 2 } else { 0 };
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
        let (runs, healed_runs) = reconcile_claim(world, key, tick, &budget).await;
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

/// The runs that a claim accepted, and when R2 took it.
async fn accepted_runs<W: World>(
    world: &W,
    claim: &Accepted,
) -> Result<Option<(Vec<Run>, Timestamp)>, StoreError> {
    Ok(match claim {
        Accepted::Delivery(key) => world.get_claim(key).await?.map(|(claim, at)| (claim.runs, at)),
        Accepted::Retry(run_id) => world.get_retry(*run_id).await?.map(|(retry, at)| (vec![retry.run], at)),
    })
}

/// Heals the runs of one claim; one that cannot be read is told and left alone. Says how many it looked up and healed.
async fn reconcile_claim<W: World>(world: &W, key: &Accepted, tick: Tick, budget: &Budget) -> (usize, usize) {
    let tell = |error: &dyn std::fmt::Display| {
        let fields = json!({"claim": key.to_string(), "error": error.to_string()});
        world.log(Level::Warn, "reconcile cannot heal a claim", fields);
    };
    let (runs, at) = match accepted_runs(world, key).await {
        Ok(Some(accepted)) => accepted,
        Ok(None) => return (1, 0),
        Err(error) => {
            tell(&error);
            return (1, 0);
        }
    };
    let mut healed = 0;
    let count = runs.len();
    for run in runs {
        match Box::pin(heal(world, run, at, tick.now)).await {
            Ok(Healing::Known(_)) => {}
            Ok(Healing::Healed(run)) => {
                healed += 1;
                if let Err(error) = Box::pin(settle(world, *run, tick.now, budget)).await {
                    tell(&error);
                }
            }
            Err(error) => tell(&error),
        }
    }
    (count, healed)
}
