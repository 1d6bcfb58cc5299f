//! Discarding uploads that no run resumes any more, because the run has ended or expired.

use serde_json::json;

use crate::log;
use crate::ports::{CopyLeases, FileStore, Log, StoreError};
use crate::timestamp::{HOUR_MS, Timestamp};

/// A record of a copy that is older than this, milliseconds, is stale: a file is tried at least every quarter of an hour, and
/// given up after an hour.
const STALE_MS: i64 = 3 * HOUR_MS;

/// The most uploads that one pass discards.
const DISCARDED_MAX: usize = 50;

/// Discards stale uploads of the first page of the list; each makes room there for the next pass.
pub(in crate::service) async fn clear_stale<W: CopyLeases + FileStore + Log>(world: &W, now: Timestamp) {
    if let Err(error) = clear(world, now).await {
        let fields = json!({"error": error.to_string()});
        world.log(log::UPLOADS_NOT_DISCARDED, fields);
    }
}

async fn clear<W: CopyLeases + FileStore>(world: &W, now: Timestamp) -> Result<(), StoreError> {
    let page = world.list_leases(None).await?;
    let is_stale = |at: Timestamp| now.since_ms(at) >= STALE_MS;
    let stale = page.items.into_iter().filter(|(_, at)| is_stale(*at)).take(DISCARDED_MAX);
    for (copy, _) in stale {
        // The copy may have been resumed since it was listed.
        match world.get_lease(&copy).await? {
            Some((progress, version)) if is_stale(version.at) => {
                if let Some(upload) = progress.upload {
                    // An upload that is completed or gone cannot be aborted, and need not be.
                    let _ = world.abort_upload(&upload).await;
                }
                world.delete_lease(&copy).await?;
            }
            _ => {}
        }
    }
    Ok(())
}
