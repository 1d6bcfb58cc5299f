//! Deliveries that a hook ignored and keeps, so that they can be run once its condition was mended.
//!
//! Running one is receiving it again, under its own id: [`super::receive`] decides, so that an event becomes runs once, however often
//! it is run or delivered.

use crate::hook::HookName;
use crate::hook::delivery::Delivery;
use crate::ports::{Clock, Inbox, Kept, KeptId, KeptKey, KeptLists, Page, StoreError};
use crate::timestamp::{HOUR_MS, Timestamp};

use super::accept::TRIES_TO_CLAIM;
use super::create_once::create_once;

/// How long an ignored delivery is kept, milliseconds: 7 days.
pub const KEPT_MS: i64 = 7 * 24 * HOUR_MS;

/// When a kept delivery expires.
#[must_use]
pub fn expires_at(id: &KeptId) -> Timestamp {
    id.received_at().plus_ms(KEPT_MS)
}

/// Keeps an ignored delivery. When it returns, the delivery is stored.
///
/// # Errors
/// `StoreError` when R2 fails.
pub async fn keep<W: Inbox<KeptKey> + Clock>(world: &W, delivery: Delivery) -> Result<KeptId, StoreError> {
    let id = KeptId::new(delivery.received_at, &delivery.delivery_id);
    let key = KeptKey { hook: delivery.hook.clone(), id: id.clone() };
    let kept = Kept { author: super::author(world), delivery };
    // Another attempt of the same millisecond has stored the same delivery.
    create_once(world, &key, &kept, TRIES_TO_CLAIM).await?;
    Ok(id)
}

/// Reads a kept delivery; `None`: there is none, or it has expired.
///
/// # Errors
/// `StoreError` when R2 fails.
pub async fn get_kept<W: Inbox<KeptKey>>(
    world: &W,
    key: &KeptKey,
    now: Timestamp,
) -> Result<Option<Delivery>, StoreError> {
    if now >= expires_at(&key.id) {
        return Ok(None);
    }
    Ok(world.get(key).await?.map(|(kept, _)| kept.delivery))
}

/// Lists what a hook keeps, newest first, up to what has expired. It costs one list of R2.
///
/// # Errors
/// `StoreError` when R2 fails.
pub async fn list_kept<W: KeptLists>(
    world: &W,
    hook: &HookName,
    after: Option<&KeptId>,
    limit: u32,
    now: Timestamp,
) -> Result<Page<KeptId>, StoreError> {
    let mut page = world.list_kept(hook, after, limit).await?;
    let listed = page.items.len();
    page.items.retain(|id| now < expires_at(id));
    // What follows is older still.
    page.cursor = page.cursor.filter(|_| page.items.len() == listed);
    Ok(page)
}
