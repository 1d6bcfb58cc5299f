//! Lives of a hook that runs by its schedule: crons that are missing, doubled and late, clocks that jump, sweeps that fail and crash between
//! the claim of a time and the word of it. Their dice are their own.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use seedhook::config::Configuration;
use seedhook::fabricate::{CircuitBreaker, Credentials};
use seedhook::hook::schedule::SCHEDULE_ID;
use seedhook::ports::{ScheduleLedger, Schedules, StoreError, Version};
use seedhook::run::{Run, Status, Tick};
use seedhook::service::reconcile::reconcile;
use seedhook::service::schedule::run_scheduled;
use seedhook::service::sweep::sweep;
use seedhook::timestamp::Timestamp;
use serde_json::json;

use crate::breakage::Breakage;
use crate::chance::{Profile, REQUESTS};
use crate::executor::{Executor, FOREVER};
use crate::history::History;
use crate::hooks::read_configuration;
use crate::journals::Claimed;
use crate::life::{CRON_MS_MAX, sweeps};
use crate::operation::Port;
use crate::promises::Promise;
use crate::receivers::Receivers;
use crate::world::{BEGINNING_MS, Invocation, State, World};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// The time between two times of the schedule.
const PERIOD_MS: i64 = 30 * MINUTE_MS;
/// By how much a clock jumps at the most.
const JUMP_MS: i64 = 100 * MINUTE_MS;
/// So long after the faults, each time is started…
const CALM_MS: i64 = 6 * HOUR_MS;
/// …but for those that a clock that had jumped has taken, and those that are still to come.
const MARGIN_MS: i64 = 2 * HOUR_MS;
/// So long after the last time its run has ended.
const ENDS_MS: i64 = 20 * HOUR_MS;
/// The time between two sweeps in the end.
const LAST_STEP_MS: i64 = 10 * MINUTE_MS;

/// The ledger as it is stored.
#[derive(Default)]
pub(crate) struct Stored {
    ledger: Option<(ScheduleLedger, Version)>,
    /// From when on times are due: the earliest sweep that may have seen the schedule first.
    since: Option<Timestamp>,
}

fn configuration() -> Configuration {
    let hook = json!({
        "workspace": "acme", "database": "demo", "workflow": "seed", "schedule": "*/30 * * * *", "deadline": "1h",
        "params": {"event": "{{ delivery.id }}", "due": "{{ scheduled_at }}"},
    });
    let vars = json!({"HOOKS": {"hook": hook}});
    read_configuration(&vars)
}

/// One seed in 128 has a life of a schedule. Returns what it broke and its history; `None` in the others.
pub(crate) fn live(
    seed: u64,
    breakage: Option<Breakage>,
    keep_history: bool,
) -> Option<(Vec<(Promise, String)>, String)> {
    let mut rng = fastrand::Rng::with_seed(seed.wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ 0x5c4e);
    if rng.u8(..128) > 0 {
        return None;
    }
    let mut profile = Profile::draw(&mut rng);
    (profile.weeks, profile.key_refused, profile.strangers) = (None, (0, 0), false);
    profile.chaos_ms = rng.i64(2 * HOUR_MS..5 * HOUR_MS);
    let rate = profile.rate;
    let hook = configuration().hooks.into_values().next().expect("a hook").expect("no mistakes");
    let world = Rc::new(World {
        executor: Executor::new(BEGINNING_MS),
        state: RefCell::new(State::new(rng, Receivers::none(), History::new(keep_history))),
        profile,
        hook: Rc::new(hook),
        paces: std::array::from_fn(|_| CircuitBreaker::new(rate)),
        hint_deleted_at: std::array::from_fn(|_| std::cell::Cell::default()),
        credentials: std::array::from_fn(|_| Credentials::default()),
        known_heartbeat: std::array::from_fn(|_| RefCell::default()),
        known_ledger: std::array::from_fn(|_| RefCell::default()),
        known_schedules: std::array::from_fn(|_| RefCell::default()),
        targets: Rc::default(),
        breakage,
    });
    world.executor.spawn(Box::pin(course(Rc::clone(&world), Rc::new(configuration()))), FOREVER);
    while world.executor.turn() {}
    world.executor.clear();
    let mut state = world.state.borrow_mut();
    Some((std::mem::take(&mut state.broken), state.history.text()))
}

async fn course(world: Rc<World>, configuration: Rc<Configuration>) {
    let mut calm_ms = BEGINNING_MS + world.profile.chaos_ms;
    let last_ms = calm_ms + CALM_MS;
    let mut at_ms = BEGINNING_MS;
    while at_ms < last_ms {
        at_ms += world.profile.cron_ms;
        world.executor.sleep_until(at_ms).await;
        if at_ms >= calm_ms && !world.state.borrow().calm {
            world.state.borrow_mut().end_faults(at_ms);
            calm_ms = at_ms;
        }
        if !world.state.borrow().calm && world.state.borrow_mut().rng.u8(..40) == 0 {
            // No cron for a while.
            at_ms += world.state.borrow_mut().rng.i64(0..90) * MINUTE_MS;
            continue;
        }
        for delay_ms in sweeps(&world) {
            let step_ms = world.profile.cron_ms;
            let sweeping = cron(Rc::clone(&world), Rc::clone(&configuration), at_ms, step_ms, delay_ms);
            world.executor.spawn(Box::pin(sweeping), at_ms + delay_ms + CRON_MS_MAX);
        }
    }
    // The schedule is taken away: what it has started ends.
    let none = Rc::new(Configuration::read(&serde_json::Map::new()));
    while at_ms < last_ms + ENDS_MS
        && world.state.borrow().journals.all_runs().any(|run| is_open(&world, run))
    {
        at_ms += LAST_STEP_MS;
        cron(Rc::clone(&world), Rc::clone(&none), at_ms, LAST_STEP_MS, 0).await;
    }
    judge(&world, calm_ms + MARGIN_MS, last_ms - MARGIN_MS);
}

fn is_open(world: &World, run: &Run) -> bool {
    let state = world.state.borrow();
    state.records.done(run.run_id).is_none()
        && state.records.open(run.run_id).is_some_and(|open| open.status != Status::Unconfirmed)
}

/// One cron invocation, as the edge makes it, `step_ms` after the one before it.
async fn cron(world: Rc<World>, configuration: Rc<Configuration>, at_ms: i64, step_ms: i64, delay_ms: i64) {
    world.executor.sleep_until(at_ms + delay_ms).await;
    let on = world.invocation("sweep", REQUESTS);
    let jump_ms = {
        let state = &mut *world.state.borrow_mut();
        let jumps = !state.calm && !world.profile.clean && state.rng.u8(..32) == 0;
        if jumps { state.rng.i64(-JUMP_MS..JUMP_MS) / MINUTE_MS * MINUTE_MS } else { 0 }
    };
    if world.state.borrow_mut().rng.u8(..4) == 0 {
        // Another isolate begins in this place.
        world.known_schedules[on.place].take();
    }
    let tick = |now_ms: i64| {
        let now = Timestamp::from_millis(now_ms);
        Tick { now, since: now.plus_ms(-step_ms) }
    };
    let hourly = at_ms / HOUR_MS != (at_ms - step_ms) / HOUR_MS;
    let left = if hourly { reconcile(&on, tick(at_ms), REQUESTS).await } else { REQUESTS };
    let due = tick(at_ms + jump_ms);
    {
        let schedules = &mut world.state.borrow_mut().schedules;
        if schedules.ledger.is_none() {
            schedules.since = Some(schedules.since.map_or(due.now, |since| since.min(due.now)));
        }
    }
    let left = run_scheduled(&on, &configuration, due, left).await;
    sweep(&on, tick(at_ms), left, hourly).await;
    on.finished.set(true);
}

/// Judges which times were started: each once at the most, none that is not of the schedule or from before it was seen, and each of
/// those in calm.
fn judge(world: &World, from_ms: i64, until_ms: i64) {
    let state = &mut *world.state.borrow_mut();
    let mut times: BTreeMap<i64, usize> = BTreeMap::new();
    let mut found = Vec::new();
    for run in state.journals.all_runs() {
        let due = run.params.get("due").and_then(|due| Timestamp::parse(due.as_str()?));
        let due_ms = due.map_or(0, Timestamp::as_millis);
        *times.entry(due_ms).or_default() += 1;
        // The sweep of a minute is not too late for the times of that minute.
        let is_early =
            due.zip(state.schedules.since).is_none_or(|(due, since)| since.since_ms(due) >= MINUTE_MS);
        if due_ms % PERIOD_MS != 0 || is_early {
            found.push((
                Promise::ScheduledTimesStartOnce,
                format!("{} is for {due:?}", state.name(run.run_id)),
            ));
        }
        if is_forgotten(state, run, from_ms - MARGIN_MS - HOUR_MS) {
            found.push((Promise::EveryRunEnds, format!("{} does not end", state.name(run.run_id))));
        }
    }
    for (due_ms, count) in &times {
        if *count > 1 {
            found.push((Promise::ScheduledTimesStartOnce, format!("{due_ms} starts {count} times")));
        }
    }
    let first_ms = from_ms + (PERIOD_MS - from_ms.rem_euclid(PERIOD_MS));
    for due_ms in (first_ms..until_ms).step_by(usize::try_from(PERIOD_MS).unwrap_or(1)) {
        if !times.contains_key(&due_ms) {
            found.push((Promise::ScheduledTimesStartOnce, format!("{due_ms} does not start")));
        }
    }
    for (promise, how) in found {
        state.breaks(promise, how);
    }
}

/// Whether a run neither ends nor is parked. One that was never shown is restored by an hourly pass within two hours: those of an earlier
/// time may all have failed.
fn is_forgotten(state: &State, run: &Run, healed_from_ms: i64) -> bool {
    match state.records.open(run.run_id) {
        _ if state.records.done(run.run_id).is_some() => false,
        Some(open) => open.status != Status::Unconfirmed,
        // By R2's clock: that of the sweep may have jumped.
        None => {
            let has_run = |claimed: &&Claimed| claimed.claim.runs.iter().any(|own| own.run_id == run.run_id);
            let claimed = state.journals.claims.iter().find(has_run);
            claimed.is_some_and(|claimed| claimed.at.as_millis() >= healed_from_ms)
        }
    }
}

/// Whether a delivery is that of a scheduled time.
pub(crate) fn is_scheduled(world: &World, id: &str) -> bool {
    world.hook.schedule.is_some() && id.starts_with(SCHEDULE_ID)
}

impl Schedules for Invocation {
    async fn get_schedules(&self) -> Result<Option<(ScheduleLedger, Version)>, StoreError> {
        self.operate(Port::R2, "R2 get schedules", |state| Ok(state.schedules.ledger.clone())).await
    }

    async fn put_schedules(
        &self,
        ledger: &ScheduleLedger,
        expected: Option<&Version>,
    ) -> Result<bool, StoreError> {
        self.operate(Port::R2, "R2 put schedules", |state| {
            let etag = |version: &Version| version.etag.clone();
            let holds =
                state.schedules.ledger.as_ref().map(|(_, version)| etag(version)) == expected.map(etag);
            if holds {
                self.tell(state, || format!("R2 schedules := {:?}", ledger.hooks));
                let mut kept = ledger.clone();
                if self.world.breaks(Breakage::SchedulesAreAhead) {
                    for mark in kept.hooks.values_mut() {
                        mark.until = mark.until.plus_ms(PERIOD_MS);
                    }
                }
                let version = Version { etag: ledger.author.clone(), at: self.world.now() };
                state.schedules.ledger = Some((kept, version));
            }
            Ok(holds)
        })
        .await
    }

    fn known_schedules(&self) -> &RefCell<Option<ScheduleLedger>> {
        &self.world.known_schedules[self.place]
    }
}
