//! Notifying targets of the ends of runs, and of runs that are `unconfirmed`: at least once each, or the run shows why not.
//!
//! A run's notifications are decided with its end, in the journal's entry. The invocation that enters the end makes the first
//! attempt, once everything else is done (`notify/outbox.rs`). After a failure, or a crash, the sweeps make the next ones: the run's
//! `open/` record stays until every target is told or given up. No attempt is claimed, so that two invocations may make the same
//! one: receivers ignore an id that they have seen.

mod outbox;
mod outcomes;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use serde_json::json;

use super::at_once::each_at_once;
use super::kv_records::{TRIES, show_end, show_open};
use super::{http_text, with_trace};
use crate::fabricate::retry_after_ms;
use crate::hook::subscription::TargetName;
use crate::link::{LINK_SECRET, LinkSecret};
use crate::log::{self, Line};
use crate::notify::{Message, Target, UnusableTarget, run_message};
use crate::ports::{
    Clock, IdleHints, Log, Metrics, Notifier, Point, PointDetail, PointKind, PointOutcome, RunRecords,
};
use crate::run::{Attempted, GIVEN_UP_MS, NotificationState, Run};
use crate::timestamp::{SECOND_MS, Timestamp};

pub(super) use outbox::{Outbox, Waiting};
use outcomes::Outcomes;
pub(super) use outcomes::record_outcomes;

/// How long a target has to answer, milliseconds.
pub const ANSWER_MS_MAX: u32 = 5_000;

/// After so many failures of a target, an invocation does not ask it again.
const FAILURES_MAX: u32 = 2;

/// The most requests to targets of one invocation, beside those that its budget has left: with the 40 of `SWEEP_REQUESTS`, they
/// stay below the free plan's 50.
pub const REQUESTS: u32 = 8;

/// How many runs, or alerts, are attended to at the same time: a Worker may have six connections.
pub(super) const AT_ONCE: usize = 4;

/// How long a sweep notifies targets, milliseconds: no attempt begins after it.
const SWEEP_MS_MAX: i64 = 60 * SECOND_MS;

/// What an invocation may still do for targets, and which targets fail in it.
#[derive(Debug)]
pub(super) struct Effort {
    requests: Cell<u32>,
    /// No attempt begins after this, by the clock.
    until: Timestamp,
    /// When the invocation's work was due, and when it began by the clock: a sweep may come late, and attempts follow its time.
    due: Timestamp,
    began: Timestamp,
    failures: RefCell<BTreeMap<TargetName, u32>>,
    outcomes: Outcomes,
}

impl Effort {
    fn new(requests: u32, until: Timestamp, due: Timestamp, began: Timestamp) -> Self {
        let (failures, outcomes) = (RefCell::default(), Outcomes::default());
        Self { requests: Cell::new(requests), until, due, began, failures, outcomes }
    }

    /// After an answer: none begins after `until`.
    pub(super) fn after_answer(now: Timestamp, until: Timestamp) -> Self {
        Self::new(REQUESTS, until, now, now)
    }

    /// In a sweep that was due then, or a batch of the queue. `left` is what its budget has left.
    pub(super) fn of_sweep(left: u32, due: Timestamp, now: Timestamp) -> Self {
        Self::new(left.saturating_add(REQUESTS), now.plus_ms(SWEEP_MS_MAX), due, now)
    }

    /// The time of an attempt.
    pub(super) fn now(&self, world: &impl Clock) -> Timestamp {
        self.due.plus_ms(world.now().since_ms(self.began))
    }

    /// What a watch of alerts may do that was due then, with as many requests.
    pub(super) fn of_watch(requests: u32, due: Timestamp, now: Timestamp) -> Self {
        Self::new(requests, now.plus_ms(SWEEP_MS_MAX), due, now)
    }

    /// How many requests are left.
    pub(super) fn left(&self) -> u32 {
        self.requests.get()
    }

    /// What the attempts showed of targets.
    pub(super) fn outcomes(&self) -> &Outcomes {
        &self.outcomes
    }

    /// Whether nothing more can be done.
    pub(super) fn is_spent(&self, now: Timestamp) -> bool {
        self.requests.get() == 0 || now > self.until
    }

    /// Nothing more is to be done.
    fn spend(&self) {
        self.requests.set(0);
    }

    /// Takes one request to a target; `false` when none is left, or the target fails.
    fn take(&self, target: &TargetName, now: Timestamp) -> bool {
        let fails = self.failures.borrow().get(target).is_some_and(|failures| *failures >= FAILURES_MAX);
        if fails || self.is_spent(now) {
            return false;
        }
        self.requests.set(self.requests.get() - 1);
        true
    }

    /// Records an attempt that ended now. `is_retry`: another one failed before it.
    pub(super) fn record(&self, target: &TargetName, attempted: &Attempted, is_retry: bool, now: Timestamp) {
        self.outcomes.add(target, attempted, is_retry, now);
        let mut failures = self.failures.borrow_mut();
        match attempted {
            Attempted::Failed { .. } => *failures.entry(target.clone()).or_default() += 1,
            Attempted::Delivered | Attempted::Stopped(_) => drop(failures.remove(target)),
        }
    }
}

/// Notifies the targets of these runs that are due, as far as the effort goes, and records in KV what became of it.
pub(super) async fn notify<W>(world: &W, waiting: Vec<Waiting>, effort: &Effort)
where
    W: Notifier + RunRecords + IdleHints + Clock + Log + Metrics,
{
    each_at_once(AT_ONCE, waiting.into_iter(), |waiting| notify_run(world, waiting, effort)).await;
}

async fn notify_run<W>(world: &W, waiting: Waiting, effort: &Effort)
where
    W: Notifier + RunRecords + IdleHints + Clock + Log + Metrics,
{
    let Waiting { mut run, is_shown, is_new } = waiting;
    let mut changed = false;
    for index in 0..run.notifications.len() {
        let Some(notification) = run.notifications.get(index) else { break };
        let is_first = is_new && notification.is_pending() && notification.attempts == 0;
        if !is_first && !notification.is_due(effort.now(world)) {
            continue;
        }
        let (name, is_retry) = (notification.target.clone(), notification.attempts > 0);
        let asked = world.now();
        let Some(attempted) = attempt_run(world, &run, index, effort).await else { continue };
        effort.record(&name, &attempted, is_retry, world.now());
        if let Some(notification) = run.notifications.get_mut(index) {
            notification.record(attempted, effort.now(world));
        }
        report(world, &run, index, world.now().since_ms(asked));
        changed = true;
    }
    if !changed && is_shown {
        return;
    }
    let shown = if run.status.is_final() {
        show_end(world, &mut run, TRIES).await
    } else {
        show_open(world, &mut run, TRIES).await
    };
    if let Err(error) = shown {
        // Otherwise further messages would be sent again by each sweep, while KV takes no writes.
        effort.spend();
        let fields = json!({"run_id": run.run_id, "hook": run.hook, "error": error.to_string()});
        world.log(log::RUN_NOT_ADVANCED, fields);
    }
}

/// One attempt to notify a target of a run; `None`: there is no effort left for it.
async fn attempt_run<W: Notifier + Clock>(
    world: &W,
    run: &Run,
    index: usize,
    effort: &Effort,
) -> Option<Attempted> {
    let notification = run.notifications.get(index)?;
    let (event, since) = (notification.event, notification.since);
    let secret = |name: &str| world.usable_secret(name).ok();
    let unusable = match world.targets().get(&notification.target) {
        Ok(target) => target.unusable_secrets(&secret).next().map(|(_, _, error)| error),
        Err(UnusableTarget::Misconfigured) => Some(UnusableTarget::Misconfigured),
        Err(_) => None,
    };
    if let Some(error) = unusable {
        // It waits until the target is mended: that is no attempt.
        let is_given_up = effort.now(world).since_ms(since) >= GIVEN_UP_MS;
        return is_given_up.then(|| Attempted::Stopped(error.to_string()));
    }
    let message = |target: &Target| {
        let secret = world.usable_secret(LINK_SECRET).ok();
        let links = LinkSecret::new(secret.as_deref()).ok();
        run_message(run, event, since, target.include, links.as_ref(), world.now())
    };
    attempt(world, &notification.target, effort, message).await
}

/// One attempt to tell a target something; `None`: there is no effort left for it.
pub(super) async fn attempt<W: Notifier + Clock>(
    world: &W,
    name: &TargetName,
    effort: &Effort,
    message: impl FnOnce(&Target) -> Message,
) -> Option<Attempted> {
    let target = match world.targets().get(name) {
        Ok(target) => target,
        Err(error @ UnusableTarget::NotConfigured) => return Some(Attempted::Stopped(error.to_string())),
        Err(error) => return Some(failed(&error)),
    };
    if !effort.take(&target.name, world.now()) {
        return None;
    }
    Some(post(world, target, &message(target)).await)
}

/// Posts a message to a target, and says what its answer means.
async fn post<W: Notifier + Clock>(world: &W, target: &Target, message: &Message) -> Attempted {
    let secret = |name: &str| world.usable_secret(name).ok();
    let request = match target.request(message, &secret, world.now()) {
        Ok(request) => request,
        Err(error) => return failed(&error),
    };
    let posted = match world.post(&request, ANSWER_MS_MAX).await {
        Ok(posted) => posted,
        Err(reason) => return Attempted::Failed { reason, retry_after_ms: None },
    };
    let reason = http_text(posted.status);
    match posted.status {
        200..=299 => Attempted::Delivered,
        // The endpoint asks not to be called again (Standard Webhooks).
        410 => Attempted::Stopped(format!("{reason}: the endpoint is gone")),
        300..=399 => Attempted::Failed {
            reason: format!("{reason}: redirects are not followed"),
            retry_after_ms: None,
        },
        _ => {
            let retry_after = posted.retry_after.as_deref();
            let retry_after_ms = retry_after.and_then(|value| retry_after_ms(value, world.now()));
            Attempted::Failed { reason, retry_after_ms }
        }
    }
}

fn failed(error: &UnusableTarget) -> Attempted {
    Attempted::Failed { reason: error.to_string(), retry_after_ms: None }
}

/// Logs what came of an attempt, which took `duration_ms`, and writes its data point.
fn report(world: &(impl Log + Metrics), run: &Run, index: usize, duration_ms: i64) {
    let Some(notification) = run.notifications.get(index) else { return };
    let (line, outcome): (Line, PointOutcome) = match notification.state {
        NotificationState::Delivered => (log::NOTIFICATION_DELIVERED, PointOutcome::Told),
        NotificationState::Pending => (log::NOTIFICATION_NOT_DELIVERED, PointOutcome::Later),
        NotificationState::Failed => (log::NOTIFICATION_GIVEN_UP, PointOutcome::Failed),
    };
    let fields = json!({
        "run_id": run.run_id, "hook": run.hook, "target": notification.target, "event": notification.event,
        "attempts": notification.attempts, "error": notification.error,
    });
    world.log(line, with_trace(fields, run.trace));
    let (detail, attempts) = (PointDetail::Name(notification.target.as_str()), notification.attempts);
    let point = Point::of_run(PointKind::Notification, outcome, run);
    world.write_point(&Point { detail, duration_ms, attempts, ..point });
}

#[cfg(test)]
mod tests;
