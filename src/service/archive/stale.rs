//! Clearing away uploads that nobody carries on any more: their run ended otherwise, or is no more.

use serde_json::json;

use crate::ports::{Level, StoreError, World};
use crate::timestamp::{HOUR_MS, Timestamp};

/// Word of a copy that is older is nobody's: a file is tried at least every quarter of an hour, and given up after one.
const STALE_MS: i64 = 3 * HOUR_MS;

/// How many are cleared away in one pass.
const CLEARED_MAX: usize = 50;

/// Throws away stale uploads, some of those on the first page of the list. Each that is cleared makes room there.
pub(in crate::service) async fn clear_stale<W: World>(world: &W, now: Timestamp) {
    if let Err(error) = clear(world, now).await {
        let fields = json!({"error": error.to_string()});
        world.log(Level::Warn, "stale uploads not cleared away, the next pass tries again", fields);
    }
}

async fn clear<W: World>(world: &W, now: Timestamp) -> Result<(), StoreError> {
    let page = world.list_leases(None).await?;
    let is_stale = |at: Timestamp| now.since_ms(at) >= STALE_MS;
    let stale = page.items.into_iter().filter(|(_, at)| is_stale(*at)).take(CLEARED_MAX);
    for (copy, _) in stale {
        // It may have been carried on since it was listed.
        match world.get_lease(&copy).await? {
            Some((progress, version)) if is_stale(version.at) => {
                if let Some(upload) = progress.upload {
                    // One that is completed or gone cannot be aborted, and need not be.
                    let _ = world.abort_upload(&upload).await;
                }
                world.delete_lease(&copy).await?;
            }
            _ => {}
        }
    }
    Ok(())
}
