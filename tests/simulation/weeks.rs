//! Lives that last for weeks: what R2's lifecycle rules and KV's TTL delete meanwhile, and when the Worker is off.
//!
//! Few lives are so long, and between two sweeps of one lie hours, so that they do not slow down the others.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use seedhook::journal::retention::{DELIVERIES_KEPT_DAYS, DONE_KEPT_DAYS, JOURNALS_KEPT_DAYS};
use seedhook::timestamp::Timestamp;

use crate::chance::pick;
use crate::life::{cron, is_still, sweeps};
use crate::world::World;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// How long KV keeps `done/` records, milliseconds.
pub(crate) const DONE_KEPT_MS: i64 = DONE_KEPT_DAYS * DAY_MS;

/// How much later than its rule says R2 deletes an object, milliseconds.
const LATE_MS_MAX: i64 = DAY_MS;

/// What a reconcile pass looks at is younger than this.
const RECENT_MS: i64 = 2 * HOUR_MS;

/// A cron invocation is ended after this.
const CRON_MS_MAX: i64 = 900_000;

/// What a seed decides about the weeks after the first faults.
#[derive(Debug, Clone)]
pub(crate) struct Weeks {
    /// How long they last, milliseconds.
    pub(crate) last_ms: i64,
    /// How long R2 keeps each kind of object, milliseconds.
    pub(crate) deliveries_ms: i64,
    pub(crate) journals_ms: i64,
    pub(crate) retries_ms: i64,
    /// No cron fires and no request is taken in this span, milliseconds from the beginning of the life.
    pub(crate) off: (i64, i64),
    /// Faults stop before they begin.
    pub(crate) calm: bool,
    /// The longest time between two sweeps, hours.
    sweep_hours_max: i64,
}

impl Weeks {
    /// Lifecycle rules as README states them, or with journals that expire before deliveries, or within days.
    ///
    /// Where journals live for days only, a start is not repeated because the record shows it. So nothing keeps the
    /// sweeps from writing records then.
    pub(crate) fn draw(rng: &mut fastrand::Rng, chaos_ms: i64) -> Self {
        let last_ms = rng.i64(5 * DAY_MS..60 * DAY_MS);
        let off = if rng.u8(..3) == 0 {
            let from_ms = rng.i64(0..chaos_ms);
            (from_ms, (from_ms + rng.i64(DAY_MS..45 * DAY_MS)).min(chaos_ms + last_ms))
        } else {
            (0, 0)
        };
        let as_stated = Self {
            last_ms,
            deliveries_ms: DELIVERIES_KEPT_DAYS * DAY_MS,
            journals_ms: JOURNALS_KEPT_DAYS * DAY_MS,
            retries_ms: JOURNALS_KEPT_DAYS * DAY_MS,
            off,
            calm: false,
            sweep_hours_max: 30,
        };
        let never_ms = 1_000 * DAY_MS;
        match rng.u8(..4) {
            0 | 1 => as_stated,
            2 => Self {
                deliveries_ms: *pick(rng, &[45 * DAY_MS, never_ms]),
                journals_ms: rng.i64(8 * DAY_MS..20 * DAY_MS),
                retries_ms: never_ms,
                ..as_stated
            },
            _ => Self {
                journals_ms: rng.i64(2 * DAY_MS..7 * DAY_MS),
                retries_ms: never_ms,
                off: (0, 0),
                calm: true,
                sweep_hours_max: 8,
                ..as_stated
            },
        }
    }

    /// Whether an object of this age is deleted: later than its rule says, each by a time of its own.
    fn has_deleted(kept_ms: i64, created: Timestamp, object: impl Hash, now: Timestamp) -> bool {
        let age_ms = now.since_ms(created);
        if age_ms < kept_ms {
            return false;
        }
        let mut hasher = std::hash::DefaultHasher::new();
        (created.as_millis(), object).hash(&mut hasher);
        let late_ms = i64::try_from(hasher.finish() % LATE_MS_MAX.unsigned_abs()).unwrap_or(0);
        age_ms >= kept_ms + late_ms
    }

    pub(crate) fn has_deleted_delivery(&self, created: Timestamp, now: Timestamp) -> bool {
        Self::has_deleted(self.deliveries_ms, created, 0, now)
    }

    pub(crate) fn has_deleted_retry(&self, created: Timestamp, now: Timestamp) -> bool {
        Self::has_deleted(self.retries_ms, created, 0, now)
    }

    pub(crate) fn has_deleted_entry(&self, place: u32, created: Timestamp, now: Timestamp) -> bool {
        Self::has_deleted(self.journals_ms, created, place, now)
    }
}

impl World {
    /// Whether the Worker is switched off.
    pub(crate) fn is_off(&self) -> bool {
        self.profile.weeks.as_ref().is_some_and(|weeks| self.is_within(weeks.off))
    }

    /// Whether a run may stay without a record: the reconcile passes that look at it failed as well, or the Worker was
    /// off. In short lives the faults stop before the last of these passes.
    pub(crate) fn may_lose_records(&self) -> bool {
        self.profile.weeks.is_some()
    }
}

/// Lets the weeks pass, with a sweep every few hours and a reconcile pass where there is a recent claim. Returns when
/// they end.
pub(crate) async fn pass(world: &Rc<World>, weeks: &Weeks, from_ms: i64) -> i64 {
    let mut at_ms = from_ms;
    let mut sweep_ms = from_ms;
    while at_ms < from_ms + weeks.last_ms {
        at_ms += HOUR_MS;
        world.executor.sleep_until(at_ms).await;
        if world.is_off() {
            continue;
        }
        if has_recent_claim(world) {
            let reconciling = cron(Rc::clone(world), "reconcile", at_ms, HOUR_MS, 1_000);
            world.executor.spawn(Box::pin(reconciling), at_ms + CRON_MS_MAX);
        }
        if at_ms < sweep_ms {
            continue;
        }
        sweep_ms = at_ms + HOUR_MS * world.state.borrow_mut().rng.i64(1..=weeks.sweep_hours_max);
        if is_still(world) {
            continue;
        }
        for delay_ms in sweeps(world) {
            let sweeping = cron(Rc::clone(world), "sweep", at_ms, HOUR_MS, delay_ms);
            world.executor.spawn(Box::pin(sweeping), at_ms + delay_ms + CRON_MS_MAX);
        }
    }
    at_ms
}

fn has_recent_claim(world: &World) -> bool {
    let (state, now) = (world.state.borrow(), world.now());
    let claims = state.journals.claims.iter().map(|claimed| claimed.at);
    let retries = state.journals.retries.iter().map(|retried| retried.at);
    claims.chain(retries).any(|at| now.since_ms(at) < RECENT_MS)
}
