//! The hourly pass over the inbox: a run that was accepted but never reached KV gets its record.
//!
//! Part of the first promise: it heals even when the sender never calls again.

use serde_json::json;

use crate::ports::{Level, World};
use crate::run::Tick;
use crate::timestamp::HOUR_MS;

use super::Budget;
use super::advance::settle;
use super::receive::{CLAIM_YOUNG_MS, Healing, heal};

/// How far back claims are looked up: twice the pass's period, so that one missed pass loses nothing. It must stay
/// far below the inbox's retention: a claim that outlived its journal could start its workflow again.
const LOOK_BACK_MS: i64 = 2 * HOUR_MS;

/// The most pages of 1,000 claims that one pass lists: 50,000 deliveries within their retention.
const PAGES_MAX: usize = 50;

/// The most claims that one pass looks up: each takes up to three reads, and the free plan allows 1,000 operations
/// an invocation, of which the sweep needs some.
const LOOKUPS_MAX: usize = 250;

/// Looks up the claims of the last two hours and heals what has no record.
pub async fn reconcile<W: World>(world: &W, tick: Tick, budget: &Budget) {
    let mut cursor: Option<String> = None;
    let (mut looked_up, mut healed) = (0, 0);
    for _ in 0..PAGES_MAX {
        let page = match world.list_claims(cursor.as_deref()).await {
            Ok(page) => page,
            Err(error) => {
                world.log(
                    Level::Warn,
                    "reconcile cannot list the inbox",
                    json!({"error": error.to_string()}),
                );
                return;
            }
        };
        for (key, at) in page.items {
            let age_ms = tick.now.since_ms(at);
            if !(CLAIM_YOUNG_MS..LOOK_BACK_MS).contains(&age_ms) {
                continue;
            }
            if looked_up == LOOKUPS_MAX {
                world.log(
                    Level::Warn,
                    "reconcile is full, the rest waits an hour",
                    json!({"claims": looked_up}),
                );
                return;
            }
            looked_up += 1;
            healed += reconcile_claim(world, &key, tick, budget).await;
        }
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    if cursor.is_some() {
        world.log(Level::Error, "the inbox is too large to reconcile: shorten its retention", json!({}));
    }
    if healed > 0 {
        world.log(Level::Warn, "reconcile healed runs", json!({"runs": healed, "claims": looked_up}));
    }
}

/// Heals the runs of one claim; one that cannot be read is told and left alone. Says how many it healed.
async fn reconcile_claim<W: World>(
    world: &W,
    key: &crate::ports::DeliveryKey,
    tick: Tick,
    budget: &Budget,
) -> usize {
    let tell = |error: &dyn std::fmt::Display| {
        let fields = json!({"delivery": key.to_string(), "error": error.to_string()});
        world.log(Level::Warn, "reconcile cannot heal a delivery", fields);
    };
    let claim = match world.get_claim(key).await {
        Ok(Some((claim, _))) => claim,
        Ok(None) => return 0,
        Err(error) => {
            tell(&error);
            return 0;
        }
    };
    let mut healed = 0;
    for run in claim.runs {
        match heal(world, run, tick.now).await {
            Ok(Healing::Known(_)) => {}
            Ok(Healing::Healed(run)) => {
                healed += 1;
                if let Err(error) = settle(world, *run, tick.now, budget).await {
                    tell(&error);
                }
            }
            Err(error) => tell(&error),
        }
    }
    healed
}
