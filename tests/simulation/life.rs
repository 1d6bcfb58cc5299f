//! One life: a world from a seed, deliveries and sweeps through its chaos, the calm after it, and the verdict.

use std::cell::RefCell;
use std::rc::Rc;

use seedhook::fabricate::CircuitBreaker;
use seedhook::hook::{Hook, OnRedelivery};
use seedhook::journal::Decision;
use seedhook::journal::retention::UNDECIDED_MS_MAX;
use seedhook::run::{Run, Status, Tick};
use seedhook::service::reconcile::reconcile;
use seedhook::service::sweep::{enqueue_due, sweep};
use seedhook::timestamp::Timestamp;

use crate::breakage::Breakage;
use crate::chance::{Profile, REQUESTS};
use crate::executor::{Executor, FOREVER};
use crate::history::History;
use crate::hooks::{BATCH_HOOKS, HOOKS, TURN_HOOKS};
use crate::idle::judge_sweep;
use crate::parcel::Parcel;
use crate::promises::Promise;
use crate::receivers::{Receivers, next_told_ms, targets_of, told_later};
use crate::sender::{Event, begin, deliver};
use crate::turns::has_turns;
use crate::verdict::judge;
use crate::world::{BEGINNING_MS, Invocation, State, World};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// A cron invocation is ended after this…
pub(crate) const CRON_MS_MAX: i64 = 15 * MINUTE_MS;
/// …and after this where operations take minutes: what must not happen twice does not rest on the limit.
const CRON_MS_MAX_STALLED: i64 = 50 * MINUTE_MS;
/// Reconcile passes come at this minute of each hour, so that one comes in calm within two hours of any claim.
const RECONCILE_MS: i64 = 50 * MINUTE_MS;
/// Word of a copy that nobody carries on is cleared away after this, by the next pass.
const STALE_MS: i64 = 3 * HOUR_MS;
/// A run that is not final so long after the faults have stopped never will be: the longest wait for a try is 16 h.
const CALM_MS_MAX: i64 = 24 * HOUR_MS;
/// Where runs wait for each other, it takes so much longer: each run has its deadline, and each may be parked for as long.
const ONE_BY_ONE_MS: i64 = 24 * HOUR_MS;
/// A target that never answers is given up so long after the end of a run.
const GIVEN_UP_MS: i64 = 5 * 24 * HOUR_MS;
/// A run that was parked has ended so long after the faults have stopped.
const OUTLIVED_MS: i64 = UNDECIDED_MS_MAX + HOUR_MS;
/// How many sweeps tell a target at the most: an attempt each, and one each to follow the run's end.
const ATTEMPTS_MAX: usize = 40;
/// How many sweeps the quiet at the end is watched for.
const QUIET_SWEEPS: i64 = 2;

/// What came of a life.
pub(crate) struct Ended {
    pub(crate) broken: Vec<(Promise, String)>,
    /// Empty unless it was to be kept.
    pub(crate) history: String,
    /// How the runs ended, for statistics.
    pub(crate) ends: Vec<Status>,
}

/// Lives the life of `seed`; the same each time, with or without its history.
pub(crate) fn live(seed: u64, hooks: &[Rc<Hook>], breakage: Option<Breakage>, keep_history: bool) -> Ended {
    let mut rng = fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut profile = Profile::draw(&mut rng);
    let mut batches = batches(seed);
    if let Some(rng) = &mut batches {
        profile.hook = HOOKS + rng.usize(..BATCH_HOOKS);
    }
    let mut turns = turns(seed).filter(|_| batches.is_none());
    if let Some(rng) = &mut turns {
        profile.hook = HOOKS + BATCH_HOOKS + rng.usize(..TURN_HOOKS);
    }
    let receivers = Receivers::draw(seed, profile.clean);
    let with_targets = if receivers.is_some() { HOOKS + BATCH_HOOKS + TURN_HOOKS } else { 0 };
    let hook = Rc::clone(&hooks[profile.hook + with_targets]);
    let targets = targets_of(receivers.as_ref());
    let mut count = [1, 1, 1, 1, 1, 2, 3][rng.usize(..7)];
    if let Some(rng) = &mut batches {
        count = rng.usize(1..=4);
    }
    if let Some(rng) = &mut turns {
        count = rng.usize(2..=5);
    }
    let draw = |number| Event::draw(&mut rng, number, hook.verify.is_open(), hook.rules.len() > 1);
    let events: Vec<Event> = (1..=count).map(draw).collect();
    let parcels = match &mut batches {
        Some(rng) => Parcel::batches(rng, &events),
        None => events.iter().enumerate().map(Parcel::of).collect(),
    };
    let receivers = receivers.unwrap_or_else(Receivers::none);
    let state = State { events, parcels, ..State::new(rng, receivers, History::new(keep_history)) };
    let paces = std::array::from_fn(|_| CircuitBreaker::new(profile.rate));
    let world = Rc::new(World {
        executor: Executor::new(BEGINNING_MS),
        state: RefCell::new(state),
        profile,
        hook,
        paces,
        hint_deleted_at: std::array::from_fn(|_| std::cell::Cell::default()),
        credentials: std::array::from_fn(|_| seedhook::fabricate::Credentials::default()),
        known_heartbeat: std::array::from_fn(|_| RefCell::default()),
        known_ledger: std::array::from_fn(|_| RefCell::default()),
        known_schedules: std::array::from_fn(|_| RefCell::default()),
        targets,
        breakage,
    });
    run(&world);
    let ends = judge(&world);
    let state = &mut *world.state.borrow_mut();
    let (mut broken, mut history) = (std::mem::take(&mut state.broken), state.history.text());
    if let Some((breaches, text)) = crate::watches::live(seed, hooks, breakage, keep_history) {
        broken.extend(breaches);
        history.extend(["\n\n", text.as_str()]);
    }
    if let Some((breaches, text)) = crate::schedules::live(seed, breakage, keep_history) {
        broken.extend(breaches);
        history.extend(["\n\n", text.as_str()]);
    }
    Ended { broken, history, ends }
}

/// One life in sixteen is about batches. Its dice are its own, so that all other lives are what they were without.
fn batches(seed: u64) -> Option<fastrand::Rng> {
    let mut rng = fastrand::Rng::with_seed(seed.wrapping_mul(0xd6e8_feb8_6659_fd93) ^ 0xba7c);
    (rng.u8(..16) == 0).then_some(rng)
}

/// One life in 24 is about runs that wait for each other.
fn turns(seed: u64) -> Option<fastrand::Rng> {
    let mut rng = fastrand::Rng::with_seed(seed.wrapping_mul(0x94d0_49bb_1331_11eb) ^ 0x7042);
    (rng.u8(..24) == 0).then_some(rng)
}

fn run(world: &Rc<World>) {
    begin(world);
    crate::operator::begin(world);
    world.executor.spawn(Box::pin(course(Rc::clone(world))), FOREVER);
    while world.executor.turn() {}
    world.executor.clear();
}

/// What happens from outside: cron, the end of the faults, and a look at the quiet.
async fn course(world: Rc<World>) {
    let mut chaos_ends_ms = BEGINNING_MS + world.profile.chaos_ms;
    let mut at_ms = BEGINNING_MS;
    let mut minute_ms = 0;
    let mut weeks = world.profile.weeks.clone();
    let given_up = world.state.borrow().receivers.are_given_up();
    let calm_ms_max = if given_up { CALM_MS_MAX + GIVEN_UP_MS } else { CALM_MS_MAX };
    let calm_ms_max = calm_ms_max + if has_turns(&world.hook) { ONE_BY_ONE_MS } else { 0 };
    let cron_ms_max = if world.profile.stall > 0.0 { CRON_MS_MAX_STALLED } else { CRON_MS_MAX };
    loop {
        at_ms += world.profile.cron_ms;
        world.executor.sleep_until(at_ms).await;
        if at_ms >= chaos_ends_ms
            && let Some(weeks) = weeks.take()
        {
            if weeks.calm {
                world.state.borrow_mut().end_faults(at_ms);
            }
            at_ms = crate::weeks::pass(&world, &weeks, at_ms).await;
            chaos_ends_ms = at_ms;
        }
        if at_ms >= chaos_ends_ms && !world.state.borrow().calm {
            world.state.borrow_mut().end_faults(at_ms);
        }
        if world.state.borrow().calm && is_quiet(&world) {
            break;
        }
        if at_ms > chaos_ends_ms + calm_ms_max {
            return;
        }
        if world.state.borrow().calm
            && let Some(due_ms) = told_later(&world, at_ms)
        {
            // The sweeps before would do nothing.
            at_ms += (due_ms - at_ms) / world.profile.cron_ms * world.profile.cron_ms;
            continue;
        }
        if world.is_off() {
            continue;
        }
        let passed_ms = at_ms - BEGINNING_MS - RECONCILE_MS;
        if passed_ms >= minute_ms {
            minute_ms += HOUR_MS * (1 + (passed_ms - minute_ms) / HOUR_MS);
            // What a life costs is only stated for passes that do not meet.
            let delay_ms = if world.profile.clean { 30_000 } else { 1_000 };
            let reconciling = cron(Rc::clone(&world), "reconcile", at_ms, world.profile.cron_ms, delay_ms);
            world.executor.spawn(Box::pin(reconciling), at_ms + cron_ms_max);
        }
        if is_still(&world) {
            continue;
        }
        for delay_ms in sweeps(&world) {
            let sweeping = cron(Rc::clone(&world), "sweep", at_ms, world.profile.cron_ms, delay_ms);
            world.executor.spawn(Box::pin(sweeping), at_ms + delay_ms + cron_ms_max);
        }
    }
    if world.profile.weeks.is_some() {
        outlive(&world, at_ms).await;
    } else {
        quiet(&world, at_ms).await;
    }
}

/// When after the appointed time sweeps begin: one, or none, or two at the same time.
pub(crate) fn sweeps(world: &World) -> Vec<i64> {
    let state = &mut *world.state.borrow_mut();
    if state.calm || world.profile.clean {
        return vec![state.rng.i64(0..2_000)];
    }
    let count = match state.rng.u8(..20) {
        0 => 0,
        1..4 => 2,
        _ => 1,
    };
    let delay_ms = |rng: &mut fastrand::Rng| if rng.u8(..16) == 0 { 60_000 } else { 2_000 };
    (0..count)
        .map(|_| {
            let below_ms = delay_ms(&mut state.rng);
            state.rng.i64(0..below_ms)
        })
        .collect()
}

/// One cron invocation, `step_ms` after the one before it.
pub(crate) async fn cron(world: Rc<World>, kind: &'static str, at_ms: i64, step_ms: i64, delay_ms: i64) {
    world.executor.sleep_until(at_ms + delay_ms).await;
    let requests = if world.state.borrow().calm { REQUESTS } else { world.profile.requests };
    let on = world.invocation(kind, requests);
    cron_pass(&on, at_ms, step_ms).await;
}

async fn cron_pass(on: &Invocation, at_ms: i64, step_ms: i64) {
    let now = Timestamp::from_millis(at_ms);
    let tick = Tick { now, since: now.plus_ms(-step_ms) };
    if on.kind == "reconcile" {
        Box::pin(reconcile(on, tick, on.requests_max)).await;
    } else {
        let (began_ms, hourly) = (on.now_ms(), at_ms / HOUR_MS != (at_ms - step_ms) / HOUR_MS);
        let swept = if on.world.profile.queue {
            enqueue_due(on, tick, on.requests_max, hourly).await
        } else {
            sweep(on, tick, on.requests_max, hourly).await
        };
        judge_sweep(on, began_ms);
        if swept.looked_at > 0 {
            on.tell(&mut on.world.state.borrow_mut(), || format!("{swept:?}"));
        }
        // A reconcile pass may end while a sweep is between two writes.
        if on.world.profile.clean {
            on.world.state.borrow_mut().judge_closed();
        }
    }
    on.finished.set(true);
}

/// Whether nothing is left to happen: everybody is done, and every run is final or parked.
fn is_quiet(world: &World) -> bool {
    let state = world.state.borrow();
    let settled = |run: &Run| match state.records.open(run.run_id) {
        Some(open) => {
            let unsure =
                matches!(state.journals.last(run.run_id), Some(Decision::Start | Decision::NoAnswer { .. }));
            unsure
                && open.status == Status::Unconfirmed
                && !open.may_restart(open.attempts)
                && !open.has_pending_notifications()
        }
        None => state.records.done(run.run_id).is_some() || world.may_lose_records(),
    };
    let undeleted =
        |run: &Run| world.breaks(Breakage::DeletesAreLost) && state.records.done(run.run_id).is_some();
    world.executor.live() == 1
        && state.senders == 0
        && state.journals.all_runs().all(|run| settled(run) || undeleted(run))
}

/// Whether every list of open runs has been empty for so long that no place can see any, and sweeps know it: a sweep would
/// see nothing.
pub(crate) fn is_still(world: &World) -> bool {
    let state = world.state.borrow();
    if !state.calm && !state.hint.is_idle() {
        return false;
    }
    let seen_ms = if state.calm { 0 } else { world.profile.seen_ms_max() };
    world.executor.live() <= state.senders + 1 && state.records.is_still(world.now_ms() - seen_ms)
}

/// A month after the last faults, runs that were parked have ended.
async fn outlive(world: &Rc<World>, mut at_ms: i64) {
    at_ms += OUTLIVED_MS;
    for _ in 0..QUIET_SWEEPS {
        at_ms += world.profile.cron_ms;
        idle(world, "sweep", at_ms).await;
    }
    // Those that have just ended are told.
    for _ in 0..ATTEMPTS_MAX {
        let Some(due_ms) = next_told_ms(world) else { break };
        at_ms = due_ms.max(at_ms) + world.profile.cron_ms;
        idle(world, "sweep", at_ms).await;
    }
    world.state.borrow_mut().outlived = true;
}

/// Sweeps, a reconcile pass and redeliveries of days later change nothing any more.
async fn quiet(world: &Rc<World>, mut at_ms: i64) {
    let before = world.state.borrow().tally;
    for _ in 0..QUIET_SWEEPS {
        at_ms += world.profile.cron_ms;
        idle(world, "sweep", at_ms).await;
    }
    idle(world, "reconcile", at_ms).await;
    let after = world.state.borrow().tally;
    if after != before {
        let how = format!("{before:?} became {after:?}");
        world.state.borrow_mut().breaks(Promise::IdleWritesNothing, how);
    }
    if !world.state.borrow().bucket.uploads.list().is_empty() {
        at_ms += STALE_MS;
        idle(world, "reconcile", at_ms).await;
        let left = world.state.borrow().bucket.uploads.list();
        if !left.is_empty() {
            world
                .state
                .borrow_mut()
                .breaks(Promise::NothingIsLeftBehind, format!("word of copies: {left:?}"));
        }
    }
    let count = world.state.borrow().parcels.len();
    // A redelivery that retries is no idle one.
    let retries =
        world.hook.rules.iter().any(|rule| rule.settings.on_redelivery == OnRedelivery::RetryFailed);
    if retries || world.state.borrow_mut().rng.u8(..4) > 0 {
        return;
    }
    for parcel in 0..count {
        at_ms += world.state.borrow_mut().rng.i64(HOUR_MS..60 * HOUR_MS);
        world.executor.sleep_until(at_ms).await;
        deliver(world, parcel).await;
        at_ms = world.now_ms();
    }
    let after = world.state.borrow().tally;
    if after != before {
        let how = format!("a late redelivery: {before:?} became {after:?}");
        world.state.borrow_mut().breaks(Promise::IdleWritesNothing, how);
    }
}

async fn idle(world: &Rc<World>, kind: &'static str, at_ms: i64) {
    world.executor.sleep_until(at_ms).await;
    let on = world.invocation(kind, REQUESTS);
    cron_pass(&on, at_ms, world.profile.cron_ms).await;
}
