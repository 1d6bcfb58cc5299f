//! The simulated world: what all invocations share, and one invocation's handle on it.
//!
//! It decides nothing about runs; it fails, is slow and crashes as the seed's [`Profile`] says.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use seedhook::fabricate::{CircuitBreaker, Credentials};
use seedhook::hook::Hook;
use seedhook::log::{Level, Line};
use seedhook::notify::Targets;
use seedhook::ports::{Clock, Heartbeat, KnownLedger, Log, Metrics, Point, ScheduleLedger};
use seedhook::records::Record;
use seedhook::run::RunId;
use seedhook::timestamp::Timestamp;
use serde_json::Value;

use crate::archive::Bucket;
use crate::breakage::Breakage;
use crate::chance::Profile;
use crate::executor::Executor;
use crate::history::History;
use crate::journals::Journals;
use crate::kv::Records;
use crate::operator::Told;
use crate::parcel::Parcel;
use crate::promises::Promise;
use crate::sender::Event;
use crate::strangers::Strangers;
use crate::workflows::Workflows;

/// When lives begin.
pub(crate) const BEGINNING_MS: i64 = 1_764_000_000_000;

/// A world.
pub(crate) struct World {
    pub(crate) executor: Executor,
    pub(crate) state: RefCell<State>,
    pub(crate) profile: Profile,
    pub(crate) hook: Rc<Hook>,
    /// One in each place: all that runs there shares an isolate.
    pub(crate) paces: [CircuitBreaker; crate::chance::PLACES],
    /// When the hint of sweeps was last deleted, in each place.
    pub(crate) hint_deleted_at: [Cell<Option<Timestamp>>; crate::chance::PLACES],
    /// Whether Fabricate accepted the key lately, in each place.
    pub(crate) credentials: [Credentials; crate::chance::PLACES],
    /// The heartbeat that each place last read or wrote.
    pub(crate) known_heartbeat: [RefCell<Option<Heartbeat>>; crate::chance::PLACES],
    /// The ledger of alerts that each place last read or wrote.
    pub(crate) known_ledger: [RefCell<Option<KnownLedger>>; crate::chance::PLACES],
    /// The ledger of schedules that each place last read or wrote.
    pub(crate) known_schedules: [RefCell<Option<ScheduleLedger>>; crate::chance::PLACES],
    /// Who is told of runs.
    pub(crate) targets: Rc<Targets>,
    /// What is deliberately wrong with it.
    pub(crate) breakage: Option<Breakage>,
}

/// What changes in it.
pub(crate) struct State {
    pub(crate) rng: fastrand::Rng,
    /// Faults have stopped, and KV has converged.
    pub(crate) calm: bool,
    pub(crate) events: Vec<Event>,
    /// What their senders post.
    pub(crate) parcels: Vec<Parcel>,
    pub(crate) records: Records,
    pub(crate) journals: Journals,
    pub(crate) hint: crate::idle::Hint,
    pub(crate) heartbeat: crate::heartbeat::Stored,
    pub(crate) turns: crate::turns::Stored,
    pub(crate) schedules: crate::schedules::Stored,
    /// How often a list of open runs left one out.
    pub(crate) left_out: u32,
    pub(crate) workflows: Workflows,
    pub(crate) bucket: Bucket,
    pub(crate) told: Told,
    pub(crate) receivers: crate::receivers::Receivers,
    pub(crate) alerts: crate::alerts::Alerts,
    pub(crate) history: History,
    pub(crate) tally: Tally,
    /// Invocations that were dropped on the way: crashed, cut, or left by their caller.
    pub(crate) dropped: Vec<usize>,
    /// What stands in the stores that this version cannot read.
    pub(crate) strangers: Strangers,
    /// A month has passed since the faults stopped.
    pub(crate) outlived: bool,
    /// Senders that are not done yet.
    pub(crate) senders: usize,
    /// What was broken, and how.
    pub(crate) broken: Vec<(Promise, String)>,
}

/// What was written, in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) kv_puts: u32,
    pub(crate) kv_deletes: u32,
    pub(crate) inbox_creates: u32,
    pub(crate) files: u32,
    pub(crate) requests: u32,
}

/// One invocation of the Worker, or the simulation's own hand where `kind` says so.
pub(crate) struct Invocation {
    pub(crate) world: Rc<World>,
    pub(crate) kind: &'static str,
    pub(crate) number: usize,
    pub(crate) place: usize,
    /// Outbound requests made, and how many may be.
    pub(crate) requests: Cell<u32>,
    pub(crate) requests_max: u32,
    /// Messages posted to targets.
    pub(crate) posts: Cell<u32>,
    /// Answers that are waited for now.
    pub(crate) waiting: Cell<u32>,
    /// Pages of open runs that it listed.
    pub(crate) lists: Cell<u32>,
    /// It came to its own end, and was not dropped on the way.
    pub(crate) finished: Cell<bool>,
}

impl World {
    pub(crate) fn now_ms(&self) -> i64 {
        self.executor.now_ms()
    }

    /// The time that R2 and Fabricate go by.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms())
    }

    pub(crate) fn breaks(&self, breakage: Breakage) -> bool {
        self.breakage == Some(breakage)
    }

    /// What is left to an invocation after its answer (`waitUntil`), milliseconds.
    pub(crate) fn after_answer_ms(&self) -> i64 {
        if self.breaks(Breakage::InvocationsEndEarly) {
            return 3_000;
        }
        let state = &mut *self.state.borrow_mut();
        let early = !state.calm && !self.profile.clean && state.rng.u8(..4) == 0;
        if early { state.rng.i64(0..30_000) } else { 30_000 }
    }

    /// Whether `span`, in milliseconds from the beginning, is now.
    pub(crate) fn is_within(&self, span: (i64, i64)) -> bool {
        let passed_ms = self.now_ms() - BEGINNING_MS;
        span.0 <= passed_ms && passed_ms < span.1
    }

    /// An invocation in a random place; its number is the one its task is about to get.
    pub(crate) fn invocation(self: &Rc<Self>, kind: &'static str, requests_max: u32) -> Invocation {
        let mut state = self.state.borrow_mut();
        let place = state.rng.usize(..crate::chance::PLACES);
        let number = state.history.next_invocation();
        Invocation {
            world: Rc::clone(self),
            kind,
            number,
            place,
            requests: Cell::new(0),
            requests_max,
            posts: Cell::new(0),
            waiting: Cell::new(0),
            lists: Cell::new(0),
            finished: Cell::new(false),
        }
    }
}

impl State {
    /// Empty stores, and nobody who delivers.
    pub(crate) fn new(rng: fastrand::Rng, receivers: crate::receivers::Receivers, history: History) -> Self {
        Self {
            rng,
            calm: false,
            events: Vec::new(),
            parcels: Vec::new(),
            records: Records::default(),
            journals: Journals::default(),
            hint: crate::idle::Hint::default(),
            heartbeat: crate::heartbeat::Stored::default(),
            turns: crate::turns::Stored::default(),
            schedules: crate::schedules::Stored::default(),
            left_out: 0,
            workflows: Workflows::default(),
            bucket: Bucket::default(),
            told: Told::default(),
            receivers,
            alerts: crate::alerts::Alerts::default(),
            history,
            tally: Tally::default(),
            dropped: Vec::new(),
            strangers: Strangers::default(),
            senders: 0,
            outlived: false,
            broken: Vec::new(),
        }
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.rng.f64() < probability
    }

    /// Tells that a promise is broken.
    pub(crate) fn breaks(&mut self, promise: Promise, how: String) {
        self.history.tell_broken(promise, &how);
        self.broken.push((promise, how));
    }

    /// From now on nothing fails, and KV shows what was written.
    pub(crate) fn end_faults(&mut self, at_ms: i64) {
        self.calm = true;
        self.history.tell(at_ms, || "-----".to_owned(), || "faults stop, KV converges".to_owned());
    }

    pub(crate) fn name(&self, run_id: RunId) -> String {
        self.journals.name(run_id)
    }

    /// Adds a line about a run to the history.
    pub(crate) fn tell_of(&mut self, on: &Invocation, run_id: RunId, text: impl FnOnce(String) -> String) {
        let Self { history, journals, .. } = self;
        history.tell(on.now_ms(), || on.to_string(), || text(journals.name(run_id)));
    }
}

/// A record as it is once it was written and read.
pub(crate) fn through_json<T: Record>(record: &T) -> Option<T> {
    T::from_json(&record.to_json().ok()?).ok()
}

impl Invocation {
    pub(crate) fn now_ms(&self) -> i64 {
        self.world.now_ms()
    }

    /// Adds a line to the history.
    pub(crate) fn tell(&self, state: &mut State, text: impl FnOnce() -> String) {
        state.history.tell(self.now_ms(), || self.to_string(), text);
    }

    pub(crate) async fn sleep(&self, millis: i64) {
        self.world.executor.sleep_until(self.now_ms() + millis).await;
    }

    /// The same, where something else may be waited for at the same time.
    pub(crate) async fn sleep_beside(&self, millis: i64) {
        self.world.executor.beside(self.sleep(millis)).await;
    }
}

impl Drop for Invocation {
    fn drop(&mut self) {
        if !self.finished.get() {
            let state = &mut *self.world.state.borrow_mut();
            self.tell(state, || "** ends here".to_owned());
            state.dropped.push(self.number);
        }
    }
}

impl std::fmt::Display for Invocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = char::from(b'A' + u8::try_from(self.place).unwrap_or(0));
        write!(f, "{}{}@{place}", self.kind, self.number)
    }
}

impl Clock for Invocation {
    fn now(&self) -> Timestamp {
        let profile = &self.world.profile;
        let jumped = self.now_ms() >= BEGINNING_MS + profile.jump_ms;
        self.world.now().plus_ms(profile.skew_ms[self.place][usize::from(jumped)])
    }

    async fn sleep_ms(&self, millis: u32) {
        self.sleep_beside(i64::from(millis)).await;
    }

    fn random(&self) -> [u8; 16] {
        self.world.state.borrow_mut().rng.u128(..).to_le_bytes()
    }
}

/// Nobody looks at them: they decide nothing.
impl Metrics for Invocation {
    fn write_point(&self, _: &Point<'_>) {}
}

impl Log for Invocation {
    fn log(&self, line: Line, fields: Value) {
        let state = &mut *self.world.state.borrow_mut();
        state.strangers.hear(line.level, &fields);
        self.tell(state, || match line.level {
            Level::Info => format!("     log: {} {fields}", line.message),
            Level::Warn | Level::Error => format!("     log {:?}: {} {fields}", line.level, line.message),
        });
    }
}
