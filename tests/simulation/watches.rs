//! Lives of alerts: hooks with `silence` that are delivered to and fall silent, an API key that is refused now and then, and watches
//! that fail and crash between their decision and its messages. Their dice are their own.

use std::cell::RefCell;
use std::rc::Rc;

use seedhook::config::Configuration;
use seedhook::fabricate::{CircuitBreaker, Credentials, KeyAnswer};
use seedhook::hook::{Hook, HookName};
use seedhook::ports::Clock;
use seedhook::run::Tick;
use seedhook::service::alerts::{Heard, watch};
use seedhook::timestamp::Timestamp;
use serde_json::{Value, json};

use crate::alerts::{Alerts, HOOKS, judge, name};
use crate::breakage::Breakage;
use crate::chance::{PLACES, Profile, REQUESTS, pick};
use crate::executor::{Executor, FOREVER};
use crate::history::History;
use crate::hooks::{CRM, OPS, notify, read_configuration};
use crate::life::CRON_MS_MAX;
use crate::promises::Promise;
use crate::receivers::Receivers;
use crate::world::{BEGINNING_MS, State, World};

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// How long deliveries go on after the faults, milliseconds.
const CALM_MS: i64 = 6 * HOUR_MS;
/// How long the life goes on after them: the longest silence, what is added to it, and an hour in which nothing is left to do.
const SILENT_MS: i64 = 5 * HOUR_MS;
/// Nothing is written in the last hour.
const IDLE_MS: i64 = HOUR_MS;

fn configuration() -> Configuration {
    let hook = |silence_ms: i64| {
        json!({
            "workspace": "acme", "database": "demo", "workflow": "seed", "verify": {"scheme": "none"},
            "silence": format!("{}h", silence_ms / HOUR_MS), "notify": [OPS, CRM],
        })
    };
    let hooks: serde_json::Map<String, Value> =
        HOOKS.iter().map(|(name, silence_ms)| ((*name).to_owned(), hook(*silence_ms))).collect();
    let vars = json!({"HOOKS": hooks, "NOTIFY": notify()});
    read_configuration(&vars)
}

/// One seed in 32 has a life of alerts. Returns what it broke and its history; `None` in the others.
pub(crate) fn live(
    seed: u64,
    hooks: &[Rc<Hook>],
    breakage: Option<Breakage>,
    keep_history: bool,
) -> Option<(Vec<(Promise, String)>, String)> {
    let mut rng = fastrand::Rng::with_seed(seed.wrapping_mul(0x8ebc_6af0_9c88_c6e3) ^ 0xa1e7);
    if rng.u8(..32) > 0 {
        return None;
    }
    let mut profile = Profile::draw(&mut rng);
    profile.weeks = None;
    profile.chaos_ms = if profile.clean { HOUR_MS } else { rng.i64(2 * HOUR_MS..9 * HOUR_MS) };
    let calm_ms = BEGINNING_MS + profile.chaos_ms;
    let receivers = Receivers::of(fastrand::Rng::with_seed(rng.u64(..)), profile.clean);
    let rate = profile.rate;
    let mut state = State::new(rng, receivers, History::new(keep_history));
    state.alerts = Alerts::of_life(calm_ms);
    let world = Rc::new(World {
        executor: Executor::new(BEGINNING_MS),
        state: RefCell::new(state),
        profile,
        hook: Rc::clone(&hooks[0]),
        paces: std::array::from_fn(|_| CircuitBreaker::new(rate)),
        hint_deleted_at: std::array::from_fn(|_| std::cell::Cell::default()),
        credentials: std::array::from_fn(|_| Credentials::default()),
        known_heartbeat: std::array::from_fn(|_| RefCell::default()),
        known_ledger: std::array::from_fn(|_| RefCell::default()),
        known_schedules: std::array::from_fn(|_| RefCell::default()),
        targets: crate::hooks::targets(),
        breakage,
    });
    world.executor.spawn(Box::pin(course(Rc::clone(&world))), FOREVER);
    while world.executor.turn() {}
    world.executor.clear();
    let mut state = world.state.borrow_mut();
    Some((std::mem::take(&mut state.broken), state.history.text()))
}

/// What one life's deliveries and sweeps share.
struct Course {
    configuration: Configuration,
    heard: RefCell<[Rc<Heard>; PLACES]>,
    /// When each place last swept.
    swept: RefCell<[Option<Timestamp>; PLACES]>,
}

async fn course(world: Rc<World>) {
    let course = Rc::new(Course {
        configuration: configuration(),
        heard: RefCell::default(),
        swept: RefCell::default(),
    });
    let calm_ms = BEGINNING_MS + world.profile.chaos_ms;
    let last_ms = calm_ms + CALM_MS;
    for (hook, silence_ms) in HOOKS {
        let delivering = deliveries(Rc::clone(&world), Rc::clone(&course), name(hook), silence_ms, last_ms);
        world.executor.spawn(Box::pin(delivering), FOREVER);
    }
    world.executor.spawn(Box::pin(refusals(Rc::clone(&world), last_ms)), FOREVER);
    let mut at_ms = BEGINNING_MS;
    let mut idle = None;
    while at_ms < last_ms + SILENT_MS + IDLE_MS {
        at_ms += world.profile.cron_ms;
        world.executor.sleep_until(at_ms).await;
        if at_ms >= calm_ms && !world.state.borrow().calm {
            world.state.borrow_mut().end_faults(at_ms);
        }
        if idle.is_none() && at_ms >= last_ms + SILENT_MS {
            idle = Some(world.state.borrow().alerts.writes_if_done());
        }
        for delay_ms in crate::life::sweeps(&world) {
            let sweeping = sweep(Rc::clone(&world), Rc::clone(&course), at_ms, delay_ms);
            world.executor.spawn(Box::pin(sweeping), at_ms + delay_ms + CRON_MS_MAX);
        }
    }
    let state = &mut *world.state.borrow_mut();
    if let Some(Some(before)) = idle
        && state.alerts.writes != before
    {
        let how =
            format!("the ledger is written {} times though nothing happens", state.alerts.writes - before);
        state.breaks(Promise::IdleWritesNothing, how);
    }
    judge(state, at_ms);
}

/// One sweep, as far as it watches.
async fn sweep(world: Rc<World>, course: Rc<Course>, at_ms: i64, delay_ms: i64) {
    world.executor.sleep_until(at_ms + delay_ms).await;
    let on = world.invocation("sweep", REQUESTS);
    if world.state.borrow_mut().rng.u8(..16) == 0 {
        // Another isolate begins in this place.
        world.known_ledger[on.place].take();
        world.known_heartbeat[on.place].take();
        course.heard.borrow_mut()[on.place] = Rc::default();
        course.swept.borrow_mut()[on.place] = None;
    }
    let now = Timestamp::from_millis(at_ms);
    let last = course.swept.borrow_mut()[on.place].replace(now).filter(|last| *last < now);
    let tick = Tick { now, since: last.unwrap_or(now.plus_ms(-world.profile.cron_ms)) };
    watch(&on, &course.configuration, tick, REQUESTS).await;
    on.finished.set(true);
}

/// The deliveries of a hook: a few, a pause, a few more; at last none.
async fn deliveries(world: Rc<World>, course: Rc<Course>, hook: HookName, silence_ms: i64, last_ms: i64) {
    let mut at_ms = BEGINNING_MS;
    loop {
        at_ms += {
            let rng = &mut world.state.borrow_mut().rng;
            match rng.u8(..8) {
                0 => rng.i64(silence_ms..3 * silence_ms),
                1 | 2 => rng.i64(silence_ms / 2..silence_ms * 9 / 8),
                _ => rng.i64(1..silence_ms / 6),
            }
        };
        if at_ms >= last_ms {
            return;
        }
        world.executor.sleep_until(at_ms).await;
        let delivering = deliver(Rc::clone(&world), Rc::clone(&course), hook.clone(), silence_ms);
        // What goes on after the answer.
        world.executor.spawn(Box::pin(delivering), at_ms + 30 * SECOND_MS);
    }
}

async fn deliver(world: Rc<World>, course: Rc<Course>, hook: HookName, silence_ms: i64) {
    let on = world.invocation("delivery", REQUESTS);
    let heard = Rc::clone(&course.heard.borrow()[on.place]);
    if heard.is_recorded(&hook, silence_ms, on.now()) {
        let state = &mut *world.state.borrow_mut();
        on.tell(state, || format!("{hook} is delivered to, as it was lately"));
        state.alerts.deliveries.push((hook, on.now_ms()));
    } else if heard.take(&hook, silence_ms, on.now()) {
        heard.record(&on, &hook).await;
    }
    on.finished.set(true);
}

/// When Fabricate refuses the key, as R2 knows it.
async fn refusals(world: Rc<World>, last_ms: i64) {
    let mut at_ms = BEGINNING_MS;
    loop {
        at_ms += world.state.borrow_mut().rng.i64(MINUTE_MS..4 * HOUR_MS);
        if at_ms >= last_ms {
            return;
        }
        world.executor.sleep_until(at_ms).await;
        let state = &mut *world.state.borrow_mut();
        let sales = || Some("sales".to_owned());
        let known = [vec![], vec![], vec![None], vec![sales()], vec![None, sales()]];
        let refused = pick(&mut state.rng, &known).clone();
        state.heartbeat.refuse(&refused, world.now(), state.rng.u64(..));
        if refused.contains(&None) {
            // One place has heard it.
            let place = state.rng.usize(..PLACES);
            world.credentials[place].record("sales", KeyAnswer::KeyRefused, world.now());
        }
        state.history.tell(at_ms, || "fabricate".to_owned(), || format!("refuses {refused:?}"));
        state.alerts.refused.push((at_ms, refused));
    }
}
