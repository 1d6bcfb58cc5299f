//! Senders: they sign, repeat themselves at the same moment, call again after days, and insist until they hear 2xx.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Poll;

use seedhook::hook::Hook;
use seedhook::hook::event::Event as Parsed;
use seedhook::ports::Clock;
use seedhook::request::RawRequest;
use seedhook::run::{Run, RunId};
use seedhook::service::follow::follow_started;
use seedhook::service::receive::{Received, Unplanned, plan_delivery, start_accepted, store_delivery};
use seedhook::timestamp::Timestamp;
use seedhook::verify::VerifyContext;
use seedhook::verify::rust_crypto::RustCrypto;
use seedhook::verify::signer::UnsignedDelivery;

use crate::breakage::Breakage;
use crate::chance::REQUESTS;
use crate::executor::FOREVER;
use crate::hooks::secret;
use crate::journals::event_of;
use crate::parcel::Parcel;
use crate::promises::Promise;
use crate::reply::{Letter, Reply};
use crate::world::{Invocation, State, World};

/// How long an invocation may take to answer.
const ANSWER_MS_MAX: i64 = 120_000;
/// A redelivery this long after the claim heals what was lost, whatever the clocks say.
const HEALED_MS: i64 = 70_000;

/// Something that happened at a sender's.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) body: String,
    /// Its seats, unless they are left out and the mapping fails.
    seats: Option<u8>,
    /// How many rules hold for it.
    rules: usize,
    /// Somebody else sends it.
    forged: bool,
    /// The runs that a 2xx named.
    pub(crate) told: Option<Vec<RunId>>,
    pub(crate) acknowledged: bool,
}

impl Event {
    pub(crate) fn draw(rng: &mut fastrand::Rng, number: usize, is_open: bool, has_rules: bool) -> Self {
        let counts = rng.u8(..20) > 0;
        let seats = (rng.u8(..12) > 0).then(|| rng.u8(1..9));
        let kind = if counts { "won" } else { "lost" };
        let body = match seats {
            Some(seats) => format!(r#"{{"type":"{kind}","seats":{seats}}}"#),
            None => format!(r#"{{"type":"{kind}"}}"#),
        };
        // A rule's own `when` replaces the hook's; a field that is not there makes it false.
        let big = seats.is_some_and(|seats| seats > 4);
        let rules = if has_rules { usize::from(counts) + usize::from(big) } else { usize::from(counts) };
        let forged = !is_open && rng.u8(..20) == 0;
        let (id, told, acknowledged) = (format!("event{number}"), None, false);
        Self { id, body, seats, rules, forged, told, acknowledged }
    }

    /// How many runs it becomes.
    pub(crate) fn runs(&self) -> usize {
        if self.forged { 0 } else { self.rules }
    }

    /// Whether its parameters can be made.
    pub(crate) fn is_mapped(&self) -> bool {
        self.seats.is_some()
    }

    /// The event as an item of a batch: the same with its id.
    pub(crate) fn item(&self) -> String {
        self.body.replacen('{', &format!(r#"{{"id":"{}","#, self.id), 1)
    }
}

impl Parcel {
    /// The request that its sender makes; a forger's is signed with another secret.
    fn request(&self, hook: &Hook, now: Timestamp, forged: bool) -> RawRequest {
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", self.id.as_str())];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let body = self.body.clone().into_bytes();
        let delivery = RawRequest::new("POST", "https://seedhook.example/hooks/hook", headers, body, now);
        let secret = |name: &str| if forged { Some("whsec_Z3Vlc3NlZA==".to_owned()) } else { secret(name) };
        let context = VerifyContext { secret: &secret, certificate: None, crypto: &RustCrypto, now };
        hook.verify
            .sign(UnsignedDelivery { delivery, id: &self.id }, &context)
            .expect("a scheme that can be signed")
    }
}

/// Delivers a parcel until it is taken, as senders do; it gives up after a day or so.
pub(crate) async fn insist(world: Rc<World>, parcel: usize, first_ms: i64) {
    world.executor.sleep_until(first_ms).await;
    for attempt in 0..40 {
        let status = deliver(&world, parcel).await;
        if status < 500 {
            break;
        }
        let pause_ms = 5_000_i64.saturating_mul(1 << attempt.min(12)).min(1_800_000);
        world.executor.sleep_until(world.now_ms() + pause_ms).await;
    }
    world.state.borrow_mut().senders -= 1;
}

/// Delivers a parcel once; says what the sender hears.
pub(crate) async fn deliver(world: &Rc<World>, parcel: usize) -> u16 {
    if world.is_off() {
        return 503;
    }
    let letter = Rc::new(RefCell::new(Letter::default()));
    let on = world.invocation("hook", REQUESTS);
    let (patience_ms, hangs_up, answer_lost) = {
        let state = &mut *world.state.borrow_mut();
        let calm = state.calm || world.profile.clean;
        let patience_ms = if calm { ANSWER_MS_MAX } else { state.rng.i64(3_000..60_000) };
        (patience_ms, state.rng.bool(), !calm && state.rng.u8(..64) == 0)
    };
    let reply = Reply { world: Rc::clone(world), letter: Rc::clone(&letter) };
    let give_up_ms = world.now_ms() + patience_ms;
    let call = call(on, parcel, reply);
    let call = world.executor.spawn(Box::pin(call), world.now_ms() + ANSWER_MS_MAX);
    let mut asked = false;
    let heard = std::future::poll_fn(|cx| {
        if let Some(status) = letter.borrow().status {
            return Poll::Ready(Some(status));
        }
        if world.now_ms() >= give_up_ms {
            return Poll::Ready(None);
        }
        let task = world.executor.current();
        letter.borrow_mut().waiter = Some((task, cx.waker().clone()));
        if !std::mem::replace(&mut asked, true) {
            world.executor.wake_at(give_up_ms, task, cx.waker());
        }
        Poll::Pending
    })
    .await;
    match heard {
        Some(status) if !answer_lost => status,
        Some(_) => 503,
        None => {
            // The caller is gone: the runtime may or may not go on without it.
            if hangs_up {
                world.executor.kill(call);
            }
            503
        }
    }
}

/// One request to the hook, step by step as the edge takes it.
async fn call(on: Invocation, parcel: usize, reply: Reply) {
    let world = Rc::clone(&on.world);
    let hook = Rc::clone(&world.hook);
    let now = on.now();
    let raw = {
        let state = &mut *world.state.borrow_mut();
        let sent = &state.parcels[parcel];
        state.history.tell(
            world.now_ms(),
            || on.to_string(),
            || format!("receives {} {}", sent.id, sent.body),
        );
        let forged = sent.events.iter().any(|event| state.events[*event].forged)
            && !world.breaks(Breakage::ForgersKnowTheSecret);
        sent.request(&hook, Timestamp::from_millis(world.now_ms()), forged)
    };
    let context = VerifyContext { secret: &secret, certificate: None, crypto: &RustCrypto, now };
    let Ok(verified) = hook.verify.verify(raw, &context).await else {
        return refuse(&on, parcel, 401, &reply);
    };
    let received_ms = world.now_ms();
    let fresh_id = base16ct::lower::encode_string(&on.random());
    let Ok(parsed) = Parsed::parse(verified, &hook, &fresh_id) else {
        return refuse(&on, parcel, 400, &reply);
    };
    let received = match plan_delivery(&on, &hook, parsed, now) {
        Ok(planned) => store_delivery(&on, &hook, planned, now).await.map(Some),
        Err(Unplanned::Ignored(_)) => Ok(None),
        Err(Unplanned::TooMany(_)) => return refuse(&on, parcel, 413, &reply),
    };
    let (status, runs, to_start) = match received {
        Err(error) => {
            on.tell(&mut world.state.borrow_mut(), || format!("receive: {error}"));
            return refuse(&on, parcel, 503, &reply);
        }
        Ok(None) => (200, None, Vec::new()),
        Ok(Some(Received::Accepted { runs, to_start })) => {
            judge_healed(&on, parcel, received_ms - HEALED_MS);
            (202, Some(runs.iter().map(|run| run.run_id).collect()), to_start)
        }
        Ok(Some(Received::Duplicate { runs, to_start, retried })) => {
            judge_healed(&on, parcel, received_ms - HEALED_MS);
            let status = if retried > 0 { 202 } else { 200 };
            (status, Some(runs.iter().map(|run| run.run_id).collect()), to_start)
        }
    };
    answer(&on, parcel, status, runs, &reply);
    world.executor.end_at(world.executor.current(), world.now_ms() + world.after_answer_ms());
    let started = start_accepted(&on, to_start, now).await;
    follow_started(&on, started).await;
    on.finished.set(true);
}

/// A redelivery leaves no run of its events without a record, if the claim was made by `claimed_ms`.
fn judge_healed(on: &Invocation, parcel: usize, claimed_ms: i64) {
    let state = &mut *on.world.state.borrow_mut();
    let (records, claimed_at) = (&state.records, Timestamp::from_millis(claimed_ms));
    let lost = |run: &&Run| records.open(run.run_id).is_none() && records.done(run.run_id).is_none();
    let ids = state.parcels[parcel].events.iter().map(|event| state.events[*event].id.as_str());
    let mut runs = ids.flat_map(|id| state.journals.claimed_by(id, claimed_at));
    let found = runs.find(lost).map(|run| run.run_id);
    drop(runs);
    if let Some(run_id) = found {
        let how = format!("{on} leaves {} without a record", state.name(run_id));
        state.breaks(Promise::AcceptedIsDurable, how);
    }
}

/// Answers without anything to do after.
fn refuse(on: &Invocation, parcel: usize, status: u16, reply: &Reply) {
    answer(on, parcel, status, None, reply);
    on.finished.set(true);
}

/// Answers, and judges what a 2xx promises at this very moment.
fn answer(on: &Invocation, parcel: usize, status: u16, runs: Option<Vec<RunId>>, reply: &Reply) {
    let state = &mut *on.world.state.borrow_mut();
    on.tell(state, || format!("answers {status}"));
    // A retry is told in place of the run that it repeats.
    let runs: Option<Vec<RunId>> =
        runs.map(|runs| runs.into_iter().map(|run_id| state.journals.root(run_id)).collect());
    let mut broken = Vec::new();
    for event in state.parcels[parcel].events.clone() {
        state.judge_answer(on, event, status, runs.as_deref(), &mut broken);
    }
    for (promise, how) in broken {
        state.breaks(promise, how);
    }
    reply.send(status);
}

impl State {
    /// What an answer says of one of the events that it is for.
    fn judge_answer(
        &mut self,
        on: &Invocation,
        event: usize,
        status: u16,
        runs: Option<&[RunId]>,
        broken: &mut Vec<(Promise, String)>,
    ) {
        let sent = &mut self.events[event];
        let id = sent.id.as_str();
        let refused = (400..500).contains(&status);
        if refused != sent.forged && status != 503 {
            broken.push((Promise::OnlyTheSenderGetsIn, format!("{id} is answered {status}")));
        }
        if status < 300 && runs.is_none() && sent.runs() > 0 {
            broken.push((Promise::AcceptedIsDurable, format!("{id} is ignored")));
        }
        if let Some(runs) = runs
            && sent.runs() > 0
        {
            if self.journals.claims_of(id, None).is_empty() {
                broken.push((Promise::AcceptedIsDurable, format!("{id} is acknowledged, not stored")));
            }
            let own = |run_id: &&RunId| {
                self.journals
                    .accepted()
                    .flat_map(|accepted| accepted.runs)
                    .any(|run| run.run_id == **run_id && event_of(run) == id)
            };
            let runs: Vec<RunId> = runs.iter().filter(own).copied().collect();
            if let Some(told) = sent.told.as_ref().filter(|told| **told != runs) {
                broken.push((Promise::OneEventOneRun, format!("{id} was told {told:?}, and now {runs:?}")));
            }
            sent.told = Some(runs);
            sent.acknowledged = true;
        }
        if status == 200 && self.journals.has_claimed(id, on.number) {
            broken.push((
                Promise::OwnWritesAreKnown,
                format!("{on} takes its own claim of {id} for another's"),
            ));
        }
    }
}

/// Starts a sender for each copy of each parcel; some at the same moment, some later.
pub(crate) fn begin(world: &Rc<World>) {
    let mut copies = Vec::new();
    {
        let state = &mut *world.state.borrow_mut();
        let chaos_ms = world.profile.lasts_ms();
        let rng = &mut state.rng;
        for parcel in 0..state.parcels.len() {
            let first_ms = world.executor.now_ms() + rng.i64(0..50_000);
            // What a life costs is counted where no sweep comes upon a delivery that is being taken in.
            let widest_ms = if world.profile.clean { 5_000 } else { 90_000 };
            let spread_ms = [50, 5_000, widest_ms][rng.usize(..3)];
            for _ in 0..[1, 1, 1, 2, 4][rng.usize(..5)] {
                copies.push((parcel, first_ms + rng.i64(0..spread_ms)));
            }
            for _ in 0..[0, 0, 0, 0, 1, 3][rng.usize(..6)] {
                let later_ms = if rng.bool() { rng.i64(60_000..600_000) } else { rng.i64(0..chaos_ms) };
                let at_ms = first_ms + later_ms;
                // The same: between two sweeps.
                let between_ms = at_ms - at_ms % world.profile.cron_ms + world.profile.cron_ms / 2;
                copies.push((parcel, if world.profile.clean { between_ms } else { at_ms }));
            }
        }
        state.senders = copies.len();
    }
    for (parcel, at_ms) in copies {
        world.executor.spawn(Box::pin(insist(Rc::clone(world), parcel, at_ms)), FOREVER);
    }
}
