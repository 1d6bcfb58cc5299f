//! The heartbeat: a sweep that lists the open runs writes to R2 that it did, at most every [`HEARTBEAT_MS`]. From the heartbeat
//! follows whether sweeps are missing although runs are open.
//!
//! Nothing is written while sweeps are spared the list (`idle`). A heartbeat decides nothing about a run, and a failure to write
//! one fails no sweep.

use serde_json::json;

use crate::fabricate::KeyRefusal;
use crate::log;
use crate::ports::{Clock, Fabricate, Heartbeat, Heartbeats, IdleHints, Log, StoreError, SweepGap, Version};
use crate::timestamp::{MINUTE_MS, Timestamp};

/// How old the heartbeat is before the next sweep replaces it, milliseconds.
pub const HEARTBEAT_MS: i64 = 10 * MINUTE_MS;

/// How long nothing sweeps before that is a problem, milliseconds: three sweeps of the interval that `wrangler.toml` has.
pub const SILENT_MS: i64 = 6 * MINUTE_MS;

/// A heartbeat that is older, milliseconds, was not replaced when it was due.
const STALE_MS: i64 = HEARTBEAT_MS + SILENT_MS;

/// How long a heartbeat says that sweeps were missing, milliseconds: while they are, nothing can tell of it, and later several
/// sweeps can.
const GAP_KEPT_MS: i64 = 30 * MINUTE_MS;

/// What a sweep found in the list of open runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// When the sweep was due. Its own time would vary with its length, and so would the time between heartbeats.
    pub(super) at: Timestamp,
    pub(super) open: usize,
    /// From now on sweeps are spared the list: the last heartbeat for a while.
    pub(super) becomes_idle: bool,
}

/// Records that a sweep listed the open runs; `None`: a batch of the queue was advanced, which shows only whether Fabricate
/// accepts the key. A heartbeat that is younger than [`HEARTBEAT_MS`] is replaced only if a refusal came or went, or if no
/// other will follow.
pub(super) async fn record<W: Heartbeats + Fabricate + Clock + Log>(world: &W, found: Option<Found>) {
    if let Err(error) = try_record(world, found).await {
        world.log(log::HEARTBEAT_NOT_WRITTEN, json!({"error": error.to_string()}));
    }
}

async fn try_record<W: Heartbeats + Fabricate + Clock>(
    world: &W,
    found: Option<Found>,
) -> Result<(), StoreError> {
    let now = world.now();
    let known = world.known_heartbeat().borrow().clone();
    let known = known.filter(|known| now.since_ms(known.at) < HEARTBEAT_MS);
    if known.is_some_and(|known| next(world, Some(&known), found).is_none()) {
        return Ok(());
    }
    let stored = world.get_heartbeat().await?;
    let Some(heartbeat) = next(world, stored.as_ref().map(|(heartbeat, _)| heartbeat), found) else {
        world.known_heartbeat().replace(stored.map(|(heartbeat, _)| heartbeat));
        return Ok(());
    };
    let version: Option<Version> = stored.map(|(_, version)| version);
    // Another invocation may have written one: the next sweep reads it.
    let is_written = world.put_heartbeat(&heartbeat, version.as_ref()).await?;
    world.known_heartbeat().replace(is_written.then_some(heartbeat));
    Ok(())
}

/// The heartbeat that replaces another; `None`: the other one stays.
fn next<W: Fabricate + Clock>(
    world: &W,
    last: Option<&Heartbeat>,
    found: Option<Found>,
) -> Option<Heartbeat> {
    let now = world.now();
    let refusals = refusals(world, last, now);
    let has_changed = !is_same(&refusals, last.map_or(&[], |last| last.refusals.as_slice()));
    let Some(found) = found else {
        // It is not known how many runs are open, and the time stays that of a sweep.
        let last = last.filter(|_| has_changed)?;
        return Some(Heartbeat { author: super::author(world), refusals, ..last.clone() });
    };
    let is_due = last.is_none_or(|last| {
        found.at.since_ms(last.at) >= HEARTBEAT_MS || (found.becomes_idle && last.open > 0)
    });
    if !is_due && (!has_changed || found.open == 0) {
        return None;
    }
    // Where nothing is open, nothing waits for the key. The next start says whether it is accepted.
    let refusals = if found.open == 0 { Vec::new() } else { refusals };
    // A sweep may end after one that was due later.
    let at = last.map_or(found.at, |last| found.at.max(last.at));
    Some(Heartbeat { author: super::author(world), at, open: found.open, refusals, gap: gap(last, at) })
}

/// That sweeps were missing: until this one, or a while ago.
fn gap(last: Option<&Heartbeat>, at: Timestamp) -> Option<SweepGap> {
    let last = last?;
    if last.open > 0 && at.since_ms(last.at) > STALE_MS {
        return Some(SweepGap { from: last.at, until: at, open: last.open });
    }
    last.gap.filter(|gap| at.since_ms(gap.until) < GAP_KEPT_MS)
}

/// The refusals that hold: those of the heartbeat, and what this isolate heard since.
#[must_use]
pub fn refusals(world: &impl Fabricate, last: Option<&Heartbeat>, now: Timestamp) -> Vec<KeyRefusal> {
    let (stored, stored_at) =
        last.map_or((&[][..], Timestamp::from_millis(0)), |last| (&last.refusals, last.at));
    world.credentials().refusals(stored, stored_at, now)
}

/// Whether the same is refused. A refusal that came again is the same.
fn is_same(some: &[KeyRefusal], others: &[KeyRefusal]) -> bool {
    some.iter().map(|refusal| &refusal.workspace).eq(others.iter().map(|refusal| &refusal.workspace))
}

/// Whether sweeps go on, as far as the stores show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepState {
    /// They do, or none is needed because nothing is open.
    Well,
    /// A run was opened, and no sweep has listed it yet: a problem if it stays so for [`SILENT_MS`].
    Awaited,
    /// Runs were open when a sweep last listed them, and none has listed them for [`SILENT_MS`].
    Missing,
}

/// What the stores say about sweeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulse {
    /// The last heartbeat; `None`: there is none.
    pub heartbeat: Option<Heartbeat>,
    /// Whether sweeps go on.
    pub state: SweepState,
}

/// Reads the heartbeat and, only where it is old, whether sweeps are spared the list.
///
/// # Errors
/// `StoreError` when R2 fails.
pub async fn pulse<W: Heartbeats + IdleHints>(world: &W, now: Timestamp) -> Result<Pulse, StoreError> {
    let heartbeat = world.get_heartbeat().await?.map(|(heartbeat, _)| heartbeat);
    let is_recent = heartbeat.as_ref().is_some_and(|heartbeat| now.since_ms(heartbeat.at) <= STALE_MS);
    // The hint is deleted before a run is opened, and a sweep that lists writes the heartbeat when it is due.
    let state = if is_recent || world.get_hint().await?.is_some() {
        SweepState::Well
    } else if heartbeat.as_ref().is_some_and(|heartbeat| heartbeat.open > 0) {
        SweepState::Missing
    } else {
        SweepState::Awaited
    };
    Ok(Pulse { heartbeat, state })
}

#[cfg(test)]
mod tests;
