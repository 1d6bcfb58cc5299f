//! Operators: they adopt, abandon and retry at any moment, several at once, and repeat what was not answered.
//!
//! What they are answered is a promise of its own: [`Told`] holds it until the verdict.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use seedhook::fabricate::TaskId;
use seedhook::hook::HookName;
use seedhook::journal::Decision;
use seedhook::ports::Clock;
use seedhook::run::{Run, RunId, Status};
use seedhook::service::abandon_many::abandon_many;
use seedhook::service::follow::follow_started;
use seedhook::service::many::newest_of;
use seedhook::service::operator::{Refusal, abandon, adopt};
use seedhook::service::queries::Query;
use seedhook::service::receive::start_accepted;
use seedhook::service::retry::retry;
use seedhook::service::retry_many::retry_many;

use crate::chance::{REQUESTS, pick};
use crate::executor::FOREVER;
use crate::promises::Promise;
use crate::verdict::is_kept_retry;
use crate::world::{BEGINNING_MS, Invocation, State, World};

/// How long an operator waits for an answer.
const PATIENCE_MS: i64 = 60_000;
/// How often a call without an answer is made.
const CALLS_MAX: u32 = 6;

/// What an operator wants.
#[derive(Debug, Clone)]
enum Wish {
    Adopt(TaskId),
    Abandon,
    Retry { force: bool },
    RetryMany(Status),
    AbandonMany(Status),
}

/// What operators were answered.
#[derive(Default)]
pub(crate) struct Told {
    /// Runs that took a task.
    pub(crate) adopted: BTreeMap<RunId, TaskId>,
    /// Runs that were given up.
    pub(crate) abandoned: Vec<RunId>,
    /// Runs and their retries.
    pub(crate) retried: BTreeMap<RunId, RunId>,
}

/// Lets operators come now and then while the faults last.
pub(crate) fn begin(world: &Rc<World>) {
    if world.profile.clean || world.profile.operators == 0 {
        return;
    }
    for _ in 0..world.profile.operators {
        let at_ms = BEGINNING_MS + world.state.borrow_mut().rng.i64(0..world.profile.lasts_ms());
        world.executor.spawn(Box::pin(visit(Rc::clone(world), at_ms)), FOREVER);
    }
}

/// One look at a run, and what follows from it: one call, or some at the same moment.
async fn visit(world: Rc<World>, at_ms: i64) {
    world.executor.sleep_until(at_ms).await;
    if world.is_off() {
        return;
    }
    let calls = *pick(&mut world.state.borrow_mut().rng, &[1, 1, 2, 3]);
    for _ in 0..calls {
        let wish = world.state.borrow_mut().wish();
        let Some((run_id, wish)) = wish else { return };
        let delay_ms = world.state.borrow_mut().rng.i64(0..3_000);
        let calls = insist(Rc::clone(&world), run_id, wish, world.now_ms() + delay_ms);
        world.executor.spawn(Box::pin(calls), FOREVER);
    }
}

impl State {
    /// A run, and what an operator wants of it. Whether it may be so is for the core to say: his view may be old.
    fn wish(&mut self) -> Option<(RunId, Wish)> {
        let runs: Vec<RunId> = self.journals.all_runs().map(|run| run.run_id).collect();
        if runs.is_empty() {
            return None;
        }
        let parked = |run_id: &&RunId| {
            self.records.open(**run_id).is_some_and(|run| run.status == Status::Unconfirmed)
        };
        let parked: Vec<RunId> = runs.iter().filter(parked).copied().collect();
        // Mostly those that wait for him.
        let among = if parked.is_empty() || self.rng.u8(..4) == 0 { &runs } else { &parked };
        let run_id = *pick(&mut self.rng, among);
        let found = self.workflows.tasks.iter().rev().find(|job| job.run_id == Some(run_id));
        let found = found.map(|job| job.id.clone());
        let wish = match (self.rng.u8(..8), found) {
            (0..3, Some(task_id)) => Wish::Adopt(task_id),
            (0..4, _) => Wish::Abandon,
            (7, _) => Wish::RetryMany(*pick(
                &mut self.rng,
                &[Status::Failed, Status::Canceled, Status::Unconfirmed],
            )),
            (6, _) => Wish::AbandonMany(*pick(&mut self.rng, &[Status::Queued, Status::Unconfirmed])),
            _ => Wish::Retry { force: self.rng.u8(..8) == 0 },
        };
        Some((run_id, wish))
    }
}

/// Calls until there is an answer; gives up after some time.
async fn insist(world: Rc<World>, run_id: RunId, wish: Wish, at_ms: i64) {
    world.executor.sleep_until(at_ms).await;
    for _ in 0..CALLS_MAX {
        let answered = Rc::new(RefCell::new(false));
        let on = world.invocation("operator", REQUESTS);
        let call = call(on, run_id, wish.clone(), Rc::clone(&answered));
        world.executor.spawn(Box::pin(call), world.now_ms() + 2 * PATIENCE_MS);
        world.executor.sleep_until(world.now_ms() + PATIENCE_MS).await;
        if *answered.borrow() {
            return;
        }
    }
}

async fn call(on: Invocation, run_id: RunId, wish: Wish, answered: Rc<RefCell<bool>>) {
    let world = Rc::clone(&on.world);
    let (hook, now) = (Rc::clone(&world.hook), on.now());
    let hooks = |name: &HookName| (hook.name == *name).then_some(&*hook);
    {
        let state = &mut *world.state.borrow_mut();
        state.tell_of(&on, run_id, |name| format!("operator: {wish:?} {name}"));
    }
    let mut to_start = Vec::new();
    let outcome = match &wish {
        Wish::Adopt(task_id) => Box::pin(adopt(&on, run_id, task_id, now)).await.map(|run| {
            world.state.borrow_mut().heard_adopted(&on, &run, task_id);
        }),
        Wish::Abandon => Box::pin(abandon(&on, run_id, Some("simulated"), now)).await.map(|run| {
            world.state.borrow_mut().heard_abandoned(&on, &run);
        }),
        Wish::Retry { force } => Box::pin(retry(&on, &hooks, run_id, *force, now)).await.map(|retried| {
            world.state.borrow_mut().heard_retried(&on, run_id, &retried.run);
            to_start.extend(retried.starts.then_some(retried.run));
        }),
        Wish::AbandonMany(status) => {
            let selection = Query { limit: 2, ..newest_of(*status) };
            let many = Box::pin(abandon_many(&on, selection, Some("simulated"), now)).await;
            many.map_err(Refusal::from).map(|many| {
                for run in &many.abandoned {
                    world.state.borrow_mut().heard_abandoned(&on, run);
                }
            })
        }
        Wish::RetryMany(status) => {
            let selection = Query { limit: 2, ..newest_of(*status) };
            let many = Box::pin(retry_many(&on, &hooks, selection, now)).await;
            many.map_err(Refusal::from).map(|many| {
                for (old, new) in &many.retried {
                    world.state.borrow_mut().heard_retried(&on, *old, new);
                }
                to_start = many.to_start;
            })
        }
    };
    on.tell(&mut world.state.borrow_mut(), || format!("operator hears {outcome:?}"));
    if matches!(outcome, Err(Refusal::Store(_))) {
        on.finished.set(true);
        return;
    }
    *answered.borrow_mut() = true;
    world.executor.end_at(world.executor.current(), world.now_ms() + world.after_answer_ms());
    let started = start_accepted(&on, to_start, now).await;
    follow_started(&on, started).await;
    on.finished.set(true);
}

impl State {
    fn heard_adopted(&mut self, on: &Invocation, run: &Run, task_id: &TaskId) {
        let before = self.told.adopted.insert(run.run_id, task_id.clone());
        if before.is_some_and(|before| before != *task_id) || self.told.abandoned.contains(&run.run_id) {
            let how = format!("{on} gives {} another end", self.name(run.run_id));
            self.breaks(Promise::OperatorsDecide, how);
        }
    }

    fn heard_abandoned(&mut self, on: &Invocation, run: &Run) {
        if self.told.adopted.contains_key(&run.run_id) || run.status != Status::Failed {
            let how = format!("{on} abandons {}, which has a task", self.name(run.run_id));
            self.breaks(Promise::OperatorsDecide, how);
        }
        if !self.told.abandoned.contains(&run.run_id) {
            self.told.abandoned.push(run.run_id);
        }
    }

    pub(crate) fn heard_retried(&mut self, on: &Invocation, old: RunId, new: &Run) {
        let before = self.told.retried.insert(old, new.run_id);
        if before.is_some_and(|before| before != new.run_id) || new.retry_of != Some(old) {
            let how = format!("{on}: {} is retried as {before:?} and as {}", self.name(old), new.run_id);
            self.breaks(Promise::OneRetryEach, how);
        }
        if !is_kept_retry(self, old, new.run_id) {
            let how = format!("{on}: the retry of {} is told, not stored", self.name(old));
            self.breaks(Promise::AcceptedIsDurable, how);
        }
    }

    /// Whether a run may be retried at all as its journal stands; for a sender less may than for the operator.
    pub(crate) fn judge_retry(&mut self, on: &Invocation, old: RunId) {
        let ended = match self.journals.last(old) {
            Some(Decision::End { run }) => Some((**run).clone()),
            _ => None,
        };
        let Some(ended) = ended else {
            let how = format!("{on} retries {}, which has not ended", self.name(old));
            return self.breaks(Promise::RetriesFollowAnEnd, how);
        };
        // What the journal says, and not what somebody made of it.
        let unknown = self.told.abandoned.contains(&old) || ended.abandoned;
        if on.kind == "hook" && (unknown || ended.status != Status::Failed) {
            let how = format!("{on} retries {}, which its operator gave up", self.name(old));
            self.breaks(Promise::OperatorsDecide, how);
        }
    }
}
