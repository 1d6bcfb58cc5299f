//! The turn: which of the runs with the same key may start, as the inbox holds it; and what a run waits for.
//!
//! Pure. `service/turns.rs` reads and writes turns, and [`Journal::holds`](crate::journal::Journal::holds) decides whether a holder
//! still holds one.

use super::{Run, RunId, Status, Summary};
use crate::digest::sha256_hex;
use crate::hook::concurrency::DEBOUNCE_TIMES_MAX;
use crate::hook::{HookName, WhenBusy};
use crate::timestamp::Timestamp;

/// Under what a turn is stored: the SHA-256 of its name, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TurnKey(String);

impl TurnKey {
    /// The turn of the runs with this key.
    #[must_use]
    pub fn of_key(key: &str) -> Self {
        Self(sha256_hex(format!("key {key}").as_bytes()))
    }

    /// One of the slots for runs in progress, of a hook or of the whole Worker.
    #[must_use]
    pub fn of_slot(hook: Option<&HookName>, slot: u32) -> Self {
        let of = hook.map_or_else(|| "worker".to_owned(), |hook| format!("hook {hook}"));
        Self(sha256_hex(format!("slot {of} {slot}").as_bytes()))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part of it that a summary has room for.
    #[must_use]
    pub fn group(&self) -> GroupId {
        GroupId::parse(self.0.get(..16).unwrap_or_default()).unwrap_or_default()
    }
}

/// Tells runs with different keys apart in a list: the first 64 bits of a [`TurnKey`]. Two keys with the same group only wait for each
/// other's sweeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct GroupId(u64);

impl GroupId {
    /// Reads 16 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 16).then(|| u64::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

impl std::fmt::Display for GroupId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The run that has a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// The run.
    pub run_id: RunId,
    /// The number of the `start` entry that it took the turn for. Until its journal has that entry, nobody else takes the turn.
    pub entry: u32,
    /// After how long without a decision a run that is `unconfirmed` holds the turn no longer, milliseconds.
    pub deadline_ms: i64,
}

/// What is stored of a key: changed by compare-and-set alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Turn {
    /// Names the attempt to write, so that no two turns have the same entity tag.
    pub author: String,
    /// The run that has the turn, or had it last.
    pub holder: Option<Holder>,
    /// A run that was seen to wait. While it does, only a sweep, which knows the oldest run, gives the turn away.
    pub waiting: Option<RunId>,
    /// The newest run that replaces older ones.
    pub newest: Option<RunId>,
    /// When the first of the runs came that the debounce has held back.
    pub burst_since: Option<Timestamp>,
}

impl Turn {
    /// The run that replaces this one: a newer one that said so.
    #[must_use]
    pub fn replacement_of(&self, run_id: RunId) -> Option<RunId> {
        self.newest.filter(|newest| *newest > run_id)
    }

    /// Enters a run that replaces older ones, if it is the newest. A burst goes on while each run comes within `debounce_ms` of the
    /// one before.
    pub fn register(&mut self, run: &Run) {
        if !run.replaces() || self.newest.is_some_and(|newest| newest >= run.run_id) {
            return;
        }
        let before = self.newest.replace(run.run_id);
        let Some(debounce_ms) = run.settings.debounce_ms else { return };
        let goes_on =
            before.is_some_and(|before| run.received_at.since_ms(before.created_at()) <= debounce_ms);
        if !goes_on || self.burst_since.is_none() {
            self.burst_since = Some(run.received_at);
        }
    }

    /// Before when a run must not start, because a newer one may come.
    #[must_use]
    pub fn debounced_until(&self, run: &Run) -> Option<Timestamp> {
        let debounce_ms = run.settings.debounce_ms.filter(|_| run.attempts == 0)?;
        let quiet = run.received_at.plus_ms(debounce_ms);
        let latest = self.burst_since.map(|since| since.plus_ms(DEBOUNCE_TIMES_MAX * debounce_ms));
        Some(latest.map_or(quiet, |latest| latest.min(quiet)))
    }
}

/// What a run waits for that is not started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WaitingFor {
    /// Another run of its key has to end.
    Concurrency,
    /// A newer run of its key may come.
    Debounce,
    /// The next attempt to start it is due later.
    Retry,
    /// As many runs as `max_running` allows are in progress.
    MaxRunning,
}

impl WaitingFor {
    /// What a queued run waits for first; `None`: nothing that is known.
    fn of(attempts: u32, not_before: Option<Timestamp>, has_key: bool, has_limit: bool) -> Option<Self> {
        match (attempts, not_before) {
            (1.., Some(_)) => Some(Self::Retry),
            (0, Some(_)) => Some(Self::Debounce),
            _ if has_key => Some(Self::Concurrency),
            _ => has_limit.then_some(Self::MaxRunning),
        }
    }
}

impl Summary {
    /// What the run waits for; `None`: it does not wait.
    pub(super) fn waiting_for(&self) -> Option<WaitingFor> {
        let has_key = self.waits.as_ref().is_some_and(|waits| !waits.key.is_empty());
        let waiting = WaitingFor::of(self.attempts, self.not_before, has_key, self.waits.is_some());
        waiting.filter(|_| self.status == Status::Queued)
    }
}

impl Run {
    /// What it waits for; `None`: it does not wait.
    #[must_use]
    pub fn waiting_for(&self) -> Option<WaitingFor> {
        let (has_key, has_limit) = (self.key.is_some(), self.waits_for_others());
        let waiting = WaitingFor::of(self.attempts, self.not_before, has_key, has_limit);
        waiting.filter(|_| self.status == Status::Queued)
    }

    /// Whether it ends older runs of its key that still wait.
    #[must_use]
    pub fn replaces(&self) -> bool {
        let settings = &self.settings;
        self.key.is_some() && (settings.when_busy == WhenBusy::Replace || settings.debounce_ms.is_some())
    }

    /// Whether it may have to wait for other runs before its start.
    #[must_use]
    pub fn waits_for_others(&self) -> bool {
        self.key.is_some() || self.is_limited()
    }

    /// Whether `max_running` of its hook or of the Worker limits it.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        let limits = self.settings.max_running;
        limits.hook.is_some() || limits.worker.is_some()
    }

    /// The runs among which one starts at a time, or a few.
    #[must_use]
    pub fn group(&self) -> Option<GroupId> {
        let limits = self.settings.max_running;
        match (&self.key, limits.hook, limits.worker) {
            (Some(key), ..) => Some(TurnKey::of_key(key).group()),
            (None, Some(_), _) => Some(TurnKey::of_slot(Some(&self.hook), 0).group()),
            (None, None, Some(_)) => Some(TurnKey::of_slot(None, 0).group()),
            (None, None, None) => None,
        }
    }

    /// Ends it because a newer run of its key came while it waited.
    pub fn replace(&mut self, by: RunId, now: Timestamp) {
        if !self.status.is_final() {
            self.replaced_by = Some(by);
            self.end(Status::Canceled, now);
            self.error = None;
        }
    }

    /// Ends it because an older run of its key was started, or waited.
    pub fn skip(&mut self, for_run: RunId, now: Timestamp) {
        if !self.status.is_final() {
            self.skipped_for = Some(for_run);
            self.end(Status::Canceled, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::tests::{at, queued_run};
    use super::*;

    fn run(received_ms: i64, debounce_ms: Option<i64>) -> Run {
        let mut run = queued_run();
        (run.run_id, run.received_at) = (RunId::new(at(received_ms), [1; 16]), at(received_ms));
        run.key = Some("key".to_owned());
        let settings = Arc::make_mut(&mut run.settings);
        (settings.when_busy, settings.debounce_ms) = (WhenBusy::Replace, debounce_ms);
        run
    }

    #[test]
    fn the_newest_run_that_replaces_others_is_known() {
        let mut turn = Turn::default();
        let (old, new) = (run(0, None), run(5, None));
        turn.register(&new);
        turn.register(&old);
        assert_eq!(
            (turn.replacement_of(old.run_id), turn.replacement_of(new.run_id)),
            (Some(new.run_id), None)
        );
        let mut waits = run(9, None);
        Arc::make_mut(&mut waits.settings).when_busy = WhenBusy::Wait;
        turn.register(&waits);
        assert_eq!(turn.newest, Some(new.run_id));
    }

    #[test]
    fn a_burst_is_held_back_ten_times_as_long_at_most() {
        let mut turn = Turn::default();
        for came_ms in (0..15).map(|number| number * 900) {
            turn.register(&run(came_ms, Some(1_000)));
        }
        assert_eq!(turn.debounced_until(&run(8_000, Some(1_000))), Some(at(9_000)));
        assert_eq!(turn.debounced_until(&run(12_600, Some(1_000))), Some(at(10_000)));
        turn.register(&run(13_700, Some(1_000)));
        assert_eq!(turn.debounced_until(&run(13_700, Some(1_000))), Some(at(14_700)), "another burst");
        assert_eq!(turn.debounced_until(&run(0, None)), None);
    }

    #[test]
    fn a_group_is_read_as_it_is_written() {
        let group = TurnKey::of_key("acme/sales").group();
        assert_eq!(GroupId::parse(&group.to_string()), Some(group));
        assert_ne!(group, TurnKey::of_key("acme/sale").group());
        assert_ne!(TurnKey::of_slot(None, 1), TurnKey::of_slot(None, 2));
    }
}
