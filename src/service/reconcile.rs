//! The hourly pass over the inbox: a run that was accepted but has no KV record gets one.
//!
//! It serves the first promise: a run is healed even when its sender never delivers again.

use serde_json::json;

use crate::config::SWEEP_REQUESTS_DEFAULT;
use crate::journal::retention::FIRST_START_MS_MAX;
use crate::log;
use crate::ports::{DeliveryKey, Inbox, InboxLists, ItemKey, Log, Page, RetryKey, StoreError, World};
use crate::run::{Run, RunId, Tick};
use crate::timestamp::{HOUR_MS, Timestamp};

use super::Budget;
use super::accept::{CLAIM_YOUNG_MS, Healing, heal};
use super::advance::settle;
use super::archive::stale::clear_stale;

/// Claims of this age and younger are read, milliseconds: twice the pass's period, so that one missed pass loses nothing.
/// Claims that are older than seven days must never be read: their journals may have expired.
const LOOK_BACK_MS: i64 = 2 * HOUR_MS;

const _: () = assert!(LOOK_BACK_MS <= FIRST_START_MS_MAX);

/// The most pages of 1,000 that one pass lists: 50,000 deliveries within their retention, and as many retries.
const PAGES_MAX: usize = 50;

/// The most runs and claims of items that one pass reads: each takes up to four operations, and the free plan allows 1,000
/// in an invocation, of which the sweep needs some. A larger `SWEEP_REQUESTS` means the paid plan, and more operations.
const RUNS_MAX: usize = 150;

/// A record in the inbox that accepted runs.
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

/// Reads the claims of the last two hours and heals the runs that have no record. Returns how many outbound requests are
/// left for the sweep.
pub async fn reconcile<W: World>(world: &W, tick: Tick, requests: u32) -> u32 {
    clear_stale(world, tick.now).await;
    let mut claims = match recent_claims(world, tick).await {
        Ok(claims) => claims,
        Err(error) => {
            world.log(log::INBOX_NOT_LISTED, json!({"error": error.to_string()}));
            return requests;
        }
    };
    // Each claim is in reach of two passes. Where one pass cannot read all, the next begins at the other half.
    let half = if is_second_half(tick) { claims.len() / 2 } else { 0 };
    claims.rotate_left(half);
    let budget = Budget::new(requests);
    let runs_max = RUNS_MAX * usize::try_from(requests / SWEEP_REQUESTS_DEFAULT).unwrap_or(1).max(1);
    let (mut read, mut healed) = (0, 0);
    for key in &claims {
        if read >= runs_max {
            world.log(log::HOURLY_PASS_FULL, json!({"claims": claims.len(), "runs": read}));
            break;
        }
        let (runs, healed_runs) = reconcile_claim(world, key, tick, &budget, runs_max - read).await;
        read += runs;
        healed += healed_runs;
    }
    if healed > 0 {
        world.log(log::RUNS_HEALED, json!({"healed": healed, "runs": read}));
    }
    budget.left()
}

/// The claims that are old enough to be healed and young enough to be in reach.
async fn recent_claims<W: InboxLists + Log>(world: &W, tick: Tick) -> Result<Vec<Accepted>, StoreError> {
    let deliveries = list_recent(world, tick, async |cursor| world.list_claims(cursor).await).await?;
    let retries = list_recent(world, tick, async |cursor| world.list_retries(cursor).await).await?;
    let claims = deliveries.into_iter().map(Accepted::Delivery);
    Ok(claims.chain(retries.into_iter().map(Accepted::Retry)).collect())
}

async fn list_recent<W: Log, K>(
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
    world.log(log::INBOX_TOO_LARGE, json!({}));
    Ok(keys)
}

/// The runs that a claim accepted, each with the time at which R2 created the claim; and, of a batch, the items whose own
/// claims have runs.
async fn accepted_runs<W: Inbox<DeliveryKey> + Inbox<RetryKey>>(
    world: &W,
    claim: &Accepted,
) -> Result<(Vec<(Run, Timestamp)>, Vec<ItemKey>), StoreError> {
    Ok(match claim {
        Accepted::Delivery(key) => match world.get(key).await? {
            Some((claim, at)) => {
                let item = |digest| ItemKey { hook: key.hook.clone(), digest };
                let runs = claim.runs.into_iter().map(|run| (run, at)).collect();
                (runs, claim.items.into_iter().map(item).collect())
            }
            None => (Vec::new(), Vec::new()),
        },
        Accepted::Retry(run_id) => {
            let retry = world.get(&RetryKey(*run_id)).await?;
            (retry.map(|(retry, at)| (retry.run, at)).into_iter().collect(), Vec::new())
        }
    })
}

/// The runs of an item, if it was claimed with this delivery and is old enough to be healed.
async fn runs_of_item<W: Inbox<ItemKey>>(
    world: &W,
    delivery: &Accepted,
    item: &ItemKey,
    now: Timestamp,
) -> Result<Vec<(Run, Timestamp)>, StoreError> {
    let Accepted::Delivery(delivery) = delivery else { return Ok(Vec::new()) };
    let found = world.get(item).await?;
    let own =
        found.filter(|(claim, at)| claim.delivery == delivery.digest && now.since_ms(*at) >= CLAIM_YOUNG_MS);
    Ok(own.into_iter().flat_map(|(claim, at)| claim.runs.into_iter().map(move |run| (run, at))).collect())
}

/// Heals the runs of one claim and of its items, with at most `reads_max` reads. A claim that cannot be read is logged and
/// left alone. Returns how many records it read and how many runs it healed.
async fn reconcile_claim<W: World>(
    world: &W,
    key: &Accepted,
    tick: Tick,
    budget: &Budget,
    reads_max: usize,
) -> (usize, usize) {
    let (runs, mut items) = match accepted_runs(world, key).await {
        Ok(accepted) => accepted,
        Err(error) => {
            log_not_healed(world, key, &error);
            return (1, 0);
        }
    };
    let mut read = runs.len().max(1);
    let mut healed = heal_runs(world, key, runs, tick, budget).await;
    // As with claims: of a batch that is too large for one pass, the next pass reads the other half.
    let half = if is_second_half(tick) { items.len() / 2 } else { 0 };
    items.rotate_left(half);
    for item in &items {
        if read >= reads_max {
            break;
        }
        match runs_of_item(world, key, item, tick.now).await {
            Ok(runs) => {
                read += 1 + runs.len();
                healed += heal_runs(world, key, runs, tick, budget).await;
            }
            Err(error) => {
                read += 1;
                log_not_healed(world, key, &error);
            }
        }
    }
    (read, healed)
}

/// Heals runs and starts those that had no record. Returns how many it healed.
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
            Ok(Healing::Healed(mut run)) => {
                healed += 1;
                if let Err(error) = Box::pin(settle(world, &mut run, tick.now, budget)).await {
                    log_not_healed(world, key, &error);
                }
            }
            Err(error) => log_not_healed(world, key, &error),
        }
    }
    healed
}

fn log_not_healed(world: &impl Log, key: &Accepted, error: &StoreError) {
    let fields = json!({"claim": key.to_string(), "error": error.to_string()});
    world.log(log::CLAIM_NOT_HEALED, fields);
}

/// Whether this pass begins with the second half; passes come once an hour.
fn is_second_half(tick: Tick) -> bool {
    tick.now.as_millis() / HOUR_MS % 2 == 1
}
