//! How an operation on the world outside goes: on its way, its effect, on its way back; and what may go wrong when.

use seedhook::ports::StoreError;

use crate::breakage::Breakage;
use crate::chance::{Profile, pick};
use crate::promises::Promise;
use crate::world::{Invocation, State};

/// Which of the things outside is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    Kv,
    R2,
    Fabricate,
}

/// When in an operation something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    After,
}

/// How one operation will go.
struct Plan {
    there_ms: i64,
    back_ms: i64,
    crash: Option<Moment>,
    fault: Option<Moment>,
}

impl State {
    fn plan(&mut self, profile: &Profile, port: Port, breaks: bool) -> Plan {
        let moment = |rng: &mut fastrand::Rng| if rng.bool() { Moment::Before } else { Moment::After };
        if self.calm || profile.clean {
            return Plan { there_ms: self.rng.i64(3..90), back_ms: 0, crash: None, fault: None };
        }
        let crash = self.chance(profile.crash).then(|| moment(&mut self.rng));
        let fault = (breaks && self.chance(profile.fault)).then(|| moment(&mut self.rng));
        let mut there_ms = self.rng.i64(3..150);
        if self.chance(profile.slow) {
            there_ms =
                if self.rng.u8(..6) == 0 { self.rng.i64(20_000..90_000) } else { self.rng.i64(500..20_000) };
        }
        let mut back_ms = if self.rng.u8(..8) == 0 { self.rng.i64(1..150) } else { 0 };
        if port != Port::Fabricate && self.chance(profile.stall) {
            let below_ms = *pick(&mut self.rng, &[300_000, 1_500_000, 1_500_000]);
            let stalled_ms = self.rng.i64(60_000..below_ms);
            *if self.rng.bool() { &mut there_ms } else { &mut back_ms } = stalled_ms;
        }
        Plan { there_ms, back_ms, crash, fault }
    }
}

/// The answers that an invocation may wait for at the same time.
const WAITING_MAX: u32 = 6;

/// An answer that is waited for.
struct Waiting<'a>(&'a Invocation);

impl<'a> Waiting<'a> {
    fn of(on: &'a Invocation) -> Self {
        on.waiting.set(on.waiting.get() + 1);
        if on.waiting.get() > WAITING_MAX {
            let how = format!("{on} waits for {} answers at a time", on.waiting.get());
            on.world.state.borrow_mut().breaks(Promise::WorkIsBounded, how);
        }
        Self(on)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get() - 1);
    }
}

impl Invocation {
    /// An operation of a store: on the way, its effect, on the way back; each may fail, or end the invocation.
    pub(crate) async fn operate<T>(
        &self,
        port: Port,
        what: &'static str,
        effect: impl FnOnce(&mut State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let world = &*self.world;
        let _waiting = Waiting::of(self);
        let plan = world.state.borrow_mut().plan(&world.profile, port, true);
        self.sleep(plan.there_ms).await;
        if plan.crash == Some(Moment::Before) {
            self.crash(what, Moment::Before).await;
        }
        let failed = || StoreError::Unavailable { store: what, reason: "simulated".to_owned() };
        let outage = world.profile.outages[usize::from(port == Port::R2)];
        let result = {
            let state = &mut *world.state.borrow_mut();
            let out = !state.calm && world.is_within(outage) && state.chance(0.9);
            if out || plan.fault == Some(Moment::Before) {
                self.tell(state, || format!("{what} FAILS"));
                Err(failed())
            } else {
                effect(state)
            }
        };
        if plan.crash == Some(Moment::After) {
            self.crash(what, Moment::After).await;
        }
        if plan.back_ms > 0 {
            self.sleep(plan.back_ms).await;
        }
        if plan.fault == Some(Moment::After) && result.is_ok() {
            self.tell(&mut world.state.borrow_mut(), || format!("{what}: took effect, but FAILS"));
            return Err(failed());
        }
        result
    }

    /// The same of R2, where something else may be waited for at the same time.
    pub(crate) async fn operate_beside<T>(
        &self,
        what: &'static str,
        effect: impl FnOnce(&mut State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.world.executor.beside(self.operate(Port::R2, what, effect)).await
    }

    /// An outbound request: its effect, then the time until its answer. The caller makes the faults.
    pub(crate) async fn request<T>(
        &self,
        what: &'static str,
        effect: impl FnOnce(&mut State) -> (T, i64),
    ) -> T {
        self.count_request();
        self.exchange(what, effect).await
    }

    /// The same, and not counted.
    pub(crate) async fn exchange<T>(
        &self,
        what: &'static str,
        effect: impl FnOnce(&mut State) -> (T, i64),
    ) -> T {
        let world = &*self.world;
        let _waiting = Waiting::of(self);
        let plan = world.state.borrow_mut().plan(&world.profile, Port::Fabricate, false);
        self.sleep(plan.there_ms).await;
        if plan.crash == Some(Moment::Before) {
            self.crash(what, Moment::Before).await;
        }
        let (result, answer_ms) = effect(&mut world.state.borrow_mut());
        if plan.crash == Some(Moment::After) {
            self.crash(what, Moment::After).await;
        }
        self.sleep(answer_ms).await;
        result
    }

    fn count_request(&self) {
        let twice = self.world.breaks(Breakage::RequestsAreRepeated);
        self.requests.set(self.requests.get() + 1 + u32::from(twice));
        let state = &mut *self.world.state.borrow_mut();
        state.tally.requests += 1;
        if self.requests.get() > self.requests_max {
            let how = format!("{self} makes request {} of {}", self.requests.get(), self.requests_max);
            state.breaks(Promise::WorkIsBounded, how);
        }
    }

    async fn crash(&self, what: &'static str, moment: Moment) {
        let when = if moment == Moment::Before { "before" } else { "after" };
        self.tell(&mut self.world.state.borrow_mut(), || format!("** CRASHES {when} {what}"));
        self.world.executor.crash().await;
    }
}
