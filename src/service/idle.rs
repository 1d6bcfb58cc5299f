//! Whether a sweep lists the open runs: while there are none, a hint in R2 spares it the list.
//!
//! KV's list is late, so that an empty list says nothing about the runs of the last minutes. The hint is made in two steps: a sweep
//! that finds nothing open leaves word of that (`quiet`), and a sweep [`CONFIRM_MS`] later, which finds nothing open either, turns
//! the same word into `idle`. An invocation that makes a run open deletes the hint first ([`wake_sweeps`]). R2 is strongly consistent,
//! so that a run is never open while sweeps are spared. The first sweep of each hour lists in any case.
//!
//! The hint decides nothing about a run. Without it, or where it cannot be read, a sweep lists.

use crate::ports::{Clock, IdleHint, IdleHints, StoreError, Version};
use crate::timestamp::{MINUTE_MS, Timestamp};

/// How old `quiet` is before an empty list makes it `idle`, milliseconds. A run that was opened before `quiet` is in that list: its
/// invocation relied on its last deletion for [`DELETED_FOR_MS`], its put took a minute or two, and KV's list is late by a minute,
/// rarely by a few.
const CONFIRM_MS: i64 = 10 * MINUTE_MS;

/// How long an isolate that deleted the hint need not delete it again, milliseconds: a `quiet` that was written since is confirmed
/// much later.
const DELETED_FOR_MS: i64 = MINUTE_MS;

/// Makes the next sweep list the open runs. To be called before each put of an `open/` record.
///
/// # Errors
/// `StoreError` when R2 fails. The hint may then say `idle`.
pub(super) async fn wake_sweeps<W: IdleHints + Clock>(world: &W) -> Result<(), StoreError> {
    let now = world.now();
    let is_recent = |at: Timestamp| (at..at.plus_ms(DELETED_FOR_MS)).contains(&now);
    if world.hint_deleted_at().get().is_some_and(is_recent) {
        return Ok(());
    }
    world.delete_hint().await?;
    world.hint_deleted_at().set(Some(now));
    Ok(())
}

/// The hint at the beginning of a sweep.
pub(super) struct SweepHint {
    /// `Err`: it could not be read, and is left as it is.
    stored: Result<Option<(IdleHint, Version)>, StoreError>,
    read_at: Timestamp,
}

impl SweepHint {
    /// Reads the hint.
    pub(super) async fn load<W: IdleHints + Clock>(world: &W) -> Self {
        let stored = world.get_hint().await;
        Self { stored, read_at: world.now() }
    }

    /// Whether nothing is open.
    pub(super) fn is_idle(&self) -> bool {
        matches!(&self.stored, Ok(Some((hint, _))) if hint.is_idle)
    }

    /// Records what the sweep found in a list that it began after it had read the hint: nothing at all, or else an open run, or a
    /// part of the list. A failure costs later sweeps a list. `true`: from now on sweeps are spared the list.
    pub(super) async fn record_list<W: IdleHints + Clock>(self, world: &W, found_nothing: bool) -> bool {
        let author = super::author(world);
        match self.stored {
            Ok(None) if found_nothing => {
                let quiet = IdleHint { author, is_idle: false };
                drop(world.put_hint(&quiet, None).await);
                false
            }
            Ok(Some((quiet, version)))
                if found_nothing && !quiet.is_idle && self.read_at.since_ms(version.at) >= CONFIRM_MS =>
            {
                let idle = IdleHint { author, is_idle: true };
                matches!(world.put_hint(&idle, Some(&version)).await, Ok(true))
            }
            // KV may leave a run out of a list: every list until the word is confirmed has to be empty.
            Ok(Some(_)) | Err(_) if !found_nothing => {
                drop(world.delete_hint().await);
                false
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
