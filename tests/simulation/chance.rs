//! What a seed decides before a life begins: how bad its world is, where, and for how long.

use crate::hooks::HOOKS;
use crate::weeks::Weeks;

/// In how many places invocations run, each with its own view of KV and its own clock.
pub(crate) const PLACES: usize = 3;

/// Outbound requests that an invocation may make unless the seed says less.
pub(crate) const REQUESTS: u32 = 40;

/// One life in so many that have faults lasts for weeks.
const WEEKS_ONE_IN: u8 = 24;

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;

/// One world's character.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent throw of the dice")]
pub(crate) struct Profile {
    /// Nothing fails, nothing is late: what a life costs is counted.
    pub(crate) clean: bool,
    /// Which of the hook configurations.
    pub(crate) hook: usize,
    /// How far behind KV may be, by place.
    pub(crate) lag_ms: [i64; PLACES],
    /// How long a place keeps what it has read of KV, also that there was nothing.
    pub(crate) cached_ms: i64,
    /// How wrong the clock is, by place: until it jumps, and after.
    pub(crate) skew_ms: [[i64; 2]; PLACES],
    /// When the clocks jump.
    pub(crate) jump_ms: i64,
    /// When Fabricate restarts, and forgets all tasks.
    pub(crate) restart_ms: Option<i64>,
    /// How often an operation crashes its invocation, before or after it took effect.
    pub(crate) crash: f64,
    /// How often a store's operation fails, before or after it took effect.
    pub(crate) fault: f64,
    /// How often an operation takes seconds or more.
    pub(crate) slow: f64,
    /// How often an operation takes minutes.
    pub(crate) stall: f64,
    /// How often Fabricate does not simply accept a start, or answer a poll.
    pub(crate) unruly: f64,
    /// How long all this goes on.
    pub(crate) chaos_ms: i64,
    /// The time between two sweeps.
    pub(crate) cron_ms: i64,
    /// Outbound requests that a sweep may make while faults last; with few, only what is bounded is shown.
    pub(crate) requests: u32,
    /// Requests to Fabricate that a place may make in a minute.
    pub(crate) rate: Option<u32>,
    /// Sweeps hand their runs on to a queue.
    pub(crate) queue: bool,
    /// KV lists come in pages of this size.
    pub(crate) page: usize,
    /// When each of KV, R2 and Fabricate is out of order as a whole.
    pub(crate) outages: [(i64, i64); 3],
    /// Some objects of the journals cannot be written for ten minutes or more, where nothing else fails or is late…
    pub(crate) stuck: bool,
    /// …or are written only after this: late enough that others take the start for lost.
    pub(crate) hangs_ms: Option<(i64, i64)>,
    /// The hint of sweeps often cannot be deleted.
    pub(crate) hint_stuck: bool,
    /// When Fabricate refuses the key.
    pub(crate) key_refused: (i64, i64),
    /// Records pass through their JSON on the way to and from the stores.
    pub(crate) wire: bool,
    /// How often operators come while faults last.
    pub(crate) operators: usize,
    /// How many files a task may yield, each as often as it stands here.
    pub(crate) files: [usize; 6],
    /// Records of another version stand in KV and in the inbox.
    pub(crate) strangers: bool,
    /// The life goes on for weeks, so that what is stored expires.
    pub(crate) weeks: Option<Weeks>,
}

impl Profile {
    pub(crate) fn draw(rng: &mut fastrand::Rng) -> Self {
        let clean = rng.u8(..10) == 0;
        let mut calm_half = |values: &[f64]| if clean { 0.0 } else { *pick(rng, values) };
        let crash = calm_half(&[0.0, 0.0, 0.005, 0.03]);
        let fault = calm_half(&[0.0, 0.01, 0.05]);
        let slow = calm_half(&[0.0, 0.01, 0.03]);
        let stall = calm_half(&[0.0, 0.0, 0.0, 0.02, 0.08]);
        let unruly = calm_half(&[0.0, 0.2, 0.2, 0.5]);
        let chaos_ms = *pick(rng, &[12, 12, 12, 30, 30, 60, 105]) * MINUTE_MS;
        let lags: &[i64] = match rng.u8(..4) {
            _ if clean => &[0],
            0 | 1 => &[0, 60, 180],
            2 => &[0, 180, 600],
            _ => &[0, 600, 1_200],
        };
        let lag_ms = std::array::from_fn(|_| *pick(rng, lags) * SECOND_MS);
        let cached_ms = if clean { 0 } else { *pick(rng, &[0, 0, 60_000]) };
        let skewed = !clean && rng.bool();
        let mut skew = || if skewed { rng.i64(-4_000..=4_000) } else { 0 };
        let skew_ms = std::array::from_fn(|_| [skew(), skew()]);
        let jump_ms = rng.i64(0..chaos_ms);
        let restart_ms = (!clean && rng.u8(..24) == 0).then(|| rng.i64(0..chaos_ms));
        let span = |rng: &mut fastrand::Rng, one_in: u8| match rng.u8(..one_in) {
            0 if !clean => {
                let from_ms = rng.i64(0..chaos_ms);
                (from_ms, from_ms + rng.i64(MINUTE_MS..40 * MINUTE_MS))
            }
            _ => (0, 0),
        };
        let prompt = stall + fault == 0.0 && lag_ms.iter().all(|lag_ms| *lag_ms <= 3 * MINUTE_MS);
        let stuck = !clean && prompt && rng.u8(..3) == 0;
        let weeks = (!clean && rng.u8(..WEEKS_ONE_IN) == 0).then(|| Weeks::draw(rng, chaos_ms));
        // In a long life, the key or Fabricate may be out of order for weeks.
        let for_weeks = |rng: &mut fastrand::Rng, span: (i64, i64)| match &weeks {
            Some(weeks) if rng.u8(..4) == 0 => (span.0, span.0 + rng.i64(0..weeks.last_ms)),
            _ => span,
        };
        let [kv, r2, fabricate] = std::array::from_fn(|_| span(rng, 8));
        let outages = [kv, r2, for_weeks(rng, fabricate)];
        let key_refused = span(rng, 20);
        let key_refused = for_weeks(rng, key_refused);
        Self {
            clean,
            hook: rng.usize(..HOOKS),
            lag_ms,
            cached_ms,
            skew_ms,
            jump_ms,
            restart_ms,
            crash,
            fault,
            slow,
            stall,
            unruly,
            chaos_ms,
            cron_ms: if clean { 2 } else { *pick(rng, &[2, 2, 2, 1, 5]) } * MINUTE_MS,
            requests: if clean { REQUESTS } else { *pick(rng, &[REQUESTS, REQUESTS, REQUESTS, 5, 2, 1]) },
            rate: (!clean && rng.u8(..16) == 0).then_some(5),
            queue: !clean && rng.u8(..5) == 0,
            page: *pick(rng, &[1_000, 1_000, 1_000, 1, 2]),
            outages,
            stuck,
            hangs_ms: (stall > 0.0 && rng.bool()).then_some((13 * MINUTE_MS, 22 * MINUTE_MS)),
            hint_stuck: !clean && jump_ms % 4 == 0,
            key_refused,
            wire: rng.u8(..32) == 0,
            operators: *pick(rng, &[0, 0, 2, 6]),
            files: if !clean && rng.u8(..40) == 0 { [0, 5, 5, 7, 7, 9] } else { [0, 0, 0, 1, 1, 2] },
            strangers: rng.u8(..32) == 0,
            weeks,
        }
    }
}

impl Profile {
    /// When the last delivery and the last operator come, milliseconds from the beginning.
    pub(crate) fn lasts_ms(&self) -> i64 {
        self.chaos_ms + self.weeks.as_ref().map_or(0, |weeks| weeks.last_ms)
    }

    /// How long a place may go on seeing what KV said.
    pub(crate) fn seen_ms_max(&self) -> i64 {
        self.cached_ms + self.lag_ms.iter().max().copied().unwrap_or(0)
    }
}

/// One of `values`, each as likely as the others.
pub(crate) fn pick<'a, T>(rng: &mut fastrand::Rng, values: &'a [T]) -> &'a T {
    &values[rng.usize(..values.len())]
}
