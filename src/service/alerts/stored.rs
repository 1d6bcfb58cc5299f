//! The ledger as it is stored, and what this isolate knows of it.

use super::author;
use crate::notify::ledger::Ledger;
use crate::ports::{AlertLedgers, Clock, KnownLedger, StoreError, Version};
use crate::timestamp::{MINUTE_MS, Timestamp};

/// How often a change is tried where others write at the same time.
pub(super) const TRIES: u32 = 3;

/// How old what an isolate knows may be, milliseconds, before it reads again.
const KNOWN_FOR_MS: i64 = 10 * MINUTE_MS;

/// Reads the ledger; an empty one without a version where none is stored.
pub(in crate::service) async fn read<W: AlertLedgers>(
    world: &W,
) -> Result<(Ledger, Option<Version>), StoreError> {
    let stored = world.get_ledger().await?;
    Ok(stored.map_or_else(Default::default, |(ledger, version)| (ledger, Some(version))))
}

/// Changes the ledger. Where another invocation has written it, it is read and changed again. What changes nothing is not written.
/// `known` is the ledger and its version, if they were just read or written.
///
/// # Errors
/// `StoreError` when R2 fails, or others have written three times.
pub(in crate::service) async fn update<W: AlertLedgers + Clock>(
    world: &W,
    mut known: Option<(Ledger, Option<Version>)>,
    change: impl Fn(&mut Ledger),
) -> Result<(), StoreError> {
    for _ in 0..TRIES {
        let (before, version) = match known.take() {
            Some(known) => known,
            None => read(world).await?,
        };
        let mut ledger = before.clone();
        change(&mut ledger);
        if ledger == before {
            remember(world, &ledger);
            return Ok(());
        }
        ledger.author = author(world);
        if world.put_ledger(&ledger, version.as_ref()).await?.is_some() {
            remember(world, &ledger);
            return Ok(());
        }
    }
    Err(written_by_others(world))
}

pub(super) fn remember<W: AlertLedgers + Clock>(world: &W, ledger: &Ledger) {
    world.known_ledger().replace(Some(KnownLedger { ledger: ledger.clone(), at: world.now() }));
}

/// What this isolate has known of the ledger for ten minutes at the most.
pub(in crate::service) fn known(world: &impl AlertLedgers, now: Timestamp) -> Option<Ledger> {
    let known = world.known_ledger().borrow();
    let known = known.as_ref().filter(|known| now.since_ms(known.at) < KNOWN_FOR_MS);
    known.map(|known| known.ledger.clone())
}

pub(super) fn written_by_others(world: &impl AlertLedgers) -> StoreError {
    world.known_ledger().take();
    StoreError::Unavailable { store: "INBOX", reason: "notify/alerts is written by others".to_owned() }
}
