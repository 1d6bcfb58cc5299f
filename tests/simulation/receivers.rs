//! Simulated targets of notifications: they answer, are out of order for a while or for good, hang, ask for patience, or are gone.

use std::rc::Rc;

use seedhook::example_secrets::Exposure;
use seedhook::hook::subscription::RunEvent;
use seedhook::notify::{Request, Targets};
use seedhook::ports::{Notifier, Posted};
use seedhook::run::{NotificationState, Run, RunId};
use seedhook::timestamp::Timestamp;

use crate::breakage::Breakage;
use crate::chance::pick;
use crate::hooks::{CRM, OPS};
use crate::promises::Promise;
use crate::world::{Invocation, State, World};

const MINUTE_MS: i64 = 60_000;

/// How soon after its end a run is told to a target that answers, where nothing else fails, milliseconds: two sweeps, where the
/// operator has ended it.
const SOON_MS: i64 = 5 * MINUTE_MS;

/// A start without an outcome is unconfirmed after this, milliseconds.
const START_LOST_MS: i64 = 15 * MINUTE_MS;

/// What a target does in a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// It answers each message with a 2xx.
    Answers,
    /// While faults last, about half of its answers are something else.
    Flaky,
    /// It is out of order while faults last.
    Down,
    /// It is out of order for ever.
    Dead,
    /// It answers 410 from the first message on.
    Gone,
}

/// What a target does with one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Taken,
    /// It takes the message, and the answer is lost.
    TakenUnanswered,
    Hangs,
    Status(u16, Option<u32>),
}

/// A message that a target has taken.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    target: String,
    run_id: RunId,
    event: RunEvent,
    at_ms: i64,
}

/// The targets of a life.
pub(crate) struct Receivers {
    rng: fastrand::Rng,
    /// Of `ops`, and of `crm`.
    manners: [Manner; 2],
    taken: Vec<Taken>,
}

impl Receivers {
    /// One life in eight has targets; `None` in the others. Its dice are its own, so that all other lives are what they were without.
    pub(crate) fn draw(seed: u64, clean: bool) -> Option<Self> {
        let mut rng = fastrand::Rng::with_seed(seed.wrapping_mul(0xa076_1d64_78bd_642f) ^ 0x7e11);
        (rng.u8(..8) == 0).then(|| Self::of(rng, clean))
    }

    /// Targets of these dice.
    pub(crate) fn of(mut rng: fastrand::Rng, clean: bool) -> Self {
        let manners: &[Manner] = if clean {
            &[Manner::Answers, Manner::Answers, Manner::Answers, Manner::Gone, Manner::Dead]
        } else {
            &[Manner::Answers, Manner::Flaky, Manner::Flaky, Manner::Down, Manner::Gone, Manner::Dead]
        };
        let manners = [*pick(&mut rng, manners), *pick(&mut rng, manners)];
        Self { rng, manners, taken: Vec::new() }
    }

    /// Whether a target takes messages once the faults have stopped.
    pub(crate) fn is_willing(&self, target: &str) -> bool {
        !matches!(self.manner(target), Manner::Gone | Manner::Dead)
    }

    /// No target.
    pub(crate) fn none() -> Self {
        Self { rng: fastrand::Rng::with_seed(0), manners: [Manner::Answers; 2], taken: Vec::new() }
    }

    /// Whether each message is taken at the first attempt.
    pub(crate) fn are_well(&self) -> bool {
        self.manners == [Manner::Answers; 2]
    }

    /// Whether a target is out of order for ever, so that it takes days until it is given up.
    pub(crate) fn are_given_up(&self) -> bool {
        self.manners.contains(&Manner::Dead)
    }

    fn manner(&self, target: &str) -> Manner {
        self.manners[usize::from(target == CRM)]
    }

    fn fate(&mut self, target: &str, calm: bool) -> Fate {
        let failure = |rng: &mut fastrand::Rng| match rng.u8(..8) {
            0 | 1 => Fate::Hangs,
            2 => Fate::Status(302, None),
            3 => Fate::Status(429, Some(rng.u32(..4_000))),
            4 => Fate::Status(503, Some(30)),
            5 => Fate::TakenUnanswered,
            _ => Fate::Status(500, None),
        };
        match self.manner(target) {
            Manner::Gone => Fate::Status(410, None),
            Manner::Dead => Fate::Hangs,
            Manner::Down if !calm => failure(&mut self.rng),
            Manner::Flaky if !calm && self.rng.bool() => failure(&mut self.rng),
            _ => Fate::Taken,
        }
    }
}

#[derive(serde::Deserialize)]
struct Body {
    #[serde(rename = "type")]
    kind: String,
    data: Data,
}

#[derive(serde::Deserialize)]
struct Data {
    run_id: String,
}

/// The run and the event that a message is about. Its id is the run's, and the same over all attempts.
fn read_id(request: &Request) -> (RunId, RunEvent) {
    // Not as values: a result may be what none can hold.
    let body: Body = serde_json::from_str(&request.body).expect("a message about a run");
    let (run_id, kind) = (body.data.run_id, body.kind);
    let event = RunEvent::ALL.into_iter().find(|event| kind == format!("run.{}", event.as_str()));
    let event = event.expect("an event of a run");
    let id = request.headers.iter().find(|(name, _)| *name == "webhook-id").map(|(_, id)| id.as_str());
    assert_eq!(id, Some(format!("run_{run_id}_{}", event.as_str()).as_str()));
    (run_id.parse().expect("a run's id"), event)
}

impl State {
    /// A target gets a message, and may take it.
    fn receive(&mut self, on: &Invocation, request: &Request) -> (Fate, i64) {
        let target = if request.url.path() == "/crm" { CRM } else { OPS };
        let calm = self.calm;
        let fate = self.receivers.fate(target, calm);
        let is_taken = matches!(fate, Fate::Taken | Fate::TakenUnanswered)
            && !on.world.breaks(Breakage::MessagesAreLost);
        if !self.receive_alert(on, target, request, is_taken) {
            let (run_id, event) = read_id(request);
            self.judge_told(on, target, run_id, event);
            self.tell_of(on, run_id, |name| format!("{target} is told {name} {event:?}: {fate:?}"));
            if is_taken {
                let at_ms = on.now_ms();
                self.receivers.taken.push(Taken { target: target.to_owned(), run_id, event, at_ms });
            }
        }
        let answer_ms = match fate {
            Fate::Hangs | Fate::TakenUnanswered if on.world.breaks(Breakage::TargetsAreWaitedFor) => 600_000,
            Fate::Hangs | Fate::TakenUnanswered => i64::from(seedhook::service::notify::ANSWER_MS_MAX),
            Fate::Taken | Fate::Status(..) => self.receivers.rng.i64(20..300),
        };
        (fate, answer_ms)
    }

    /// Nobody is told of what the journal does not say, or has not said.
    fn judge_told(&mut self, on: &Invocation, target: &str, run_id: RunId, event: RunEvent) {
        let is_so = match event {
            RunEvent::Unconfirmed => self.journals.was_unconfirmed(run_id, on.now_ms() - START_LOST_MS),
            event => self.journals.has_ended_as(run_id, event),
        };
        if !is_so {
            let how = format!(
                "{on} tells {target} that {} is {event:?}, its journal {:?}",
                self.name(run_id),
                self.journals.last(run_id)
            );
            self.breaks(Promise::OnlyEndsAreTold, how);
        }
    }
}

impl Notifier for Invocation {
    fn targets(&self) -> &Targets {
        &self.world.targets
    }

    fn notifier_secret(&self, name: &str) -> Option<String> {
        crate::hooks::secret(name)
    }

    fn exposure(&self) -> Exposure {
        Exposure::Public
    }

    async fn post(&self, request: &Request, _: u32) -> Result<Posted, String> {
        self.posts.set(self.posts.get() + 1);
        let most = self.requests_max + seedhook::service::notify::REQUESTS;
        if self.posts.get() > most {
            let how = format!("{self} posts {} messages", self.posts.get());
            self.world.state.borrow_mut().breaks(Promise::WorkIsBounded, how);
        }
        let fate = self.post_to("message", |state| state.receive(self, request)).await;
        match fate {
            Fate::Taken => Ok(Posted { status: 204, retry_after: None }),
            Fate::Status(status, wait_s) => {
                Ok(Posted { status, retry_after: wait_s.map(|seconds| seconds.to_string()) })
            }
            Fate::Hangs | Fate::TakenUnanswered => Err("no answer within 5 s".to_owned()),
        }
    }
}

/// Judges the notifications of a run, as KV shows it in the end.
pub(crate) fn judge_notifications(
    state: &State,
    world: &World,
    run: &Run,
    breaks: &mut impl FnMut(Promise, String),
) {
    let Some(event) = run.event() else { return };
    let wanted = run.settings.notify.iter().filter(|subscription| subscription.on.contains(&event));
    for subscription in wanted {
        let target = &subscription.target;
        let Some(notification) = run.notifications.iter().find(|told| told.target == *target) else {
            breaks(Promise::EachEndIsTold, format!("{event:?} has no notification of {target}"));
            continue;
        };
        let taken = state.receivers.taken.iter().find(|taken| {
            taken.target == target.as_str() && taken.run_id == run.run_id && taken.event == event
        });
        let manner = state.receivers.manner(target.as_str());
        let is_told = match notification.state {
            NotificationState::Pending => false,
            NotificationState::Delivered => taken.is_some(),
            NotificationState::Failed => match manner {
                Manner::Gone | Manner::Dead => true,
                // Faults may last for longer than a target is asked.
                Manner::Down | Manner::Flaky => world.profile.weeks.is_some(),
                Manner::Answers => false,
            },
        };
        if !is_told {
            let how = format!("{event:?} is {:?} for {target}, who has {taken:?}", notification.state);
            breaks(Promise::EachEndIsTold, how);
        }
        if let (true, Some(taken), Some(at)) = (world.profile.clean, taken, run.finished_at)
            && taken.at_ms - at.as_millis() > SOON_MS
        {
            let late_ms = taken.at_ms - at.as_millis();
            breaks(Promise::TargetsDelayNobody, format!("{target} is told {late_ms} ms after the end"));
        }
    }
}

/// A run without its notifications, and without the time of its `open/` record, which attempts change: what must be the same in all
/// its records.
pub(crate) fn without_notifications(run: &Run) -> Run {
    Run { notifications: Vec::new(), written_at: None, ..run.clone() }
}

/// Whether an `open/` record may say that its run is final: targets are still to be told, and the end is durable.
pub(crate) fn may_be_open(state: &State, run: &Run) -> bool {
    run.has_pending_notifications()
        && run.event().is_some_and(|event| state.journals.has_ended_as(run.run_id, event))
}

/// When the next target is to be told, milliseconds, if nothing is left to be done before; `None`: something is left now.
pub(crate) fn told_later(world: &World, at_ms: i64) -> Option<i64> {
    let state = world.state.borrow();
    if world.executor.live() > 1 || state.senders > 0 {
        return None;
    }
    let mut first_ms = None;
    for run in state.journals.all_runs() {
        match state.records.open(run.run_id) {
            Some(open) => {
                let due_ms = open.notify_at().filter(|_| open.event().is_some())?.as_millis();
                first_ms = Some(first_ms.map_or(due_ms, |first_ms: i64| first_ms.min(due_ms)));
            }
            None if state.records.done(run.run_id).is_some() || world.may_lose_records() => {}
            None => return None,
        }
    }
    first_ms.filter(|due_ms| *due_ms > at_ms)
}

/// When the next target is to be told of an end, milliseconds.
pub(crate) fn next_told_ms(world: &World) -> Option<i64> {
    let state = world.state.borrow();
    let ended = state.journals.all_runs().filter_map(|run| {
        let open = state.records.open(run.run_id)?;
        open.notify_at().filter(|_| open.status.is_final())
    });
    ended.map(Timestamp::as_millis).min()
}

/// The targets of hooks that have any.
pub(crate) fn targets_of(receivers: Option<&Receivers>) -> Rc<Targets> {
    if receivers.is_some() { crate::hooks::targets() } else { Rc::default() }
}

impl Invocation {
    /// A request to a target: counted by itself.
    async fn post_to<T>(&self, what: &'static str, effect: impl FnOnce(&mut State) -> (T, i64)) -> T {
        self.world.executor.beside(self.exchange(what, effect)).await
    }
}
