//! Alerts: targets are told when a hook is silent, and when the Worker is unhealthy. At least once for each silence and each
//! episode that lasts, and never before the ledger says so.
//!
//! The watch comes with the sweeps. It compares what it sees with the ledger (R2 `notify/alerts`), writes what has changed, and only
//! then posts: so every attempt has the same id, and a watch that dies has decided or has not. As with runs, no attempt is
//! claimed: receivers ignore an id that they have seen. While nothing changes, nothing is written.

mod heard;
mod stored;

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::json;

use super::at_once::each_at_once;
use super::author;
use super::health::{HealthProblem, of_configuration};
use super::heartbeat::refusals;
use super::notify::{AT_ONCE, Effort, attempt};
use crate::config::Configuration;
use crate::hook::subscription::TargetName;
use crate::hook::{Hook, HookName};
use crate::log::{self, Line};
use crate::notify::Message;
use crate::notify::ledger::{Alert, Ledger, Problem, Seen, Subject, WATCHED_MAX, Watched};
use crate::ports::{
    AlertLedgers, Clock, Fabricate, HeardHooks, Heartbeat, Heartbeats, Log, Notifier, StoreError, Version,
};
use crate::run::{Attempted, NotificationState, Tick};
use crate::timestamp::{MINUTE_MS, Timestamp};

pub use heard::Heard;
use stored::{TRIES, remember, written_by_others};
pub(super) use stored::{known, read, update};

/// How often a sweep looks, milliseconds, where it knows of nothing to do.
const PERIOD_MS: i64 = 10 * MINUTE_MS;

/// The requests that a watch may make in any case: beside all those of a sweep, it stays below the free plan's 50.
const REQUESTS_MIN: u32 = 1;

/// Looks whether hooks are silent and the Worker is healthy, and tells targets, with at most `requests` requests. Where the
/// configuration has no target, it costs nothing. It looks in one sweep of ten minutes, and in each that knows of something to do.
pub async fn watch<W>(world: &W, configuration: &Configuration, tick: Tick, requests: u32)
where
    W: AlertLedgers + HeardHooks + Heartbeats + Fabricate + Notifier + Clock + Log,
{
    if world.targets().is_empty() || !is_time(world, configuration, tick) {
        return;
    }
    let effort = Effort::of_watch(requests.max(REQUESTS_MIN), tick.now, world.now());
    if let Err(error) = Box::pin(try_watch(world, configuration, &effort)).await {
        world.log(log::ALERTS_NOT_WATCHED, json!({"error": error.to_string()}));
    }
}

/// Whether to look: no store is asked.
fn is_time<W>(world: &W, configuration: &Configuration, tick: Tick) -> bool
where
    W: AlertLedgers + Heartbeats + Fabricate + Notifier + Clock,
{
    if tick.now.as_millis() / PERIOD_MS != tick.since.as_millis() / PERIOD_MS {
        return true;
    }
    let problems = problems(world, configuration, world.known_heartbeat().borrow().as_ref());
    match &*world.known_ledger().borrow() {
        Some(known) => known.ledger.is_due(tick.now) || known.ledger.lacks(&problems),
        None => !problems.is_empty(),
    }
}

async fn try_watch<W>(world: &W, configuration: &Configuration, effort: &Effort) -> Result<(), StoreError>
where
    W: AlertLedgers + HeardHooks + Heartbeats + Fabricate + Notifier + Clock + Log,
{
    let (ledger, version, begun) = decide(world, configuration, effort).await?;
    let due = due(&ledger, &begun, effort.now(world));
    if due.is_empty() {
        return Ok(());
    }
    let attempts = RefCell::new(Vec::new());
    each_at_once(AT_ONCE, due.into_iter(), |due| post(world, due, &attempts, effort)).await;
    let attempts = attempts.take();
    let record = |ledger: &mut Ledger| {
        for Made { due, attempted, at } in &attempts {
            ledger.record(&due.message.id, &due.target, attempted.clone(), *at);
        }
        effort.outcomes().record_in(ledger, world.targets());
    };
    let mut told = ledger.clone();
    record(&mut told);
    for made in &attempts {
        log_attempt(world, &told, made);
    }
    update(world, Some((ledger, version)), record).await
}

/// What there is to see.
async fn look<W>(world: &W, configuration: &Configuration) -> Result<Seen, StoreError>
where
    W: HeardHooks + Heartbeats + Fabricate + Notifier + Clock + Log,
{
    let mut hooks: Vec<Watched> =
        configuration.hooks.values().filter_map(|hook| watched(hook.ok()?)).collect();
    if hooks.len() > WATCHED_MAX {
        world.log(log::TOO_MANY_WATCHED, json!({"hooks": hooks.len()}));
        hooks.truncate(WATCHED_MAX);
    }
    if !hooks.is_empty() {
        let heard = world.list_heard().await?;
        for watched in &mut hooks {
            watched.heard_at = heard.iter().find(|(hook, _)| *hook == watched.hook).map(|(_, at)| *at);
        }
    }
    let heartbeat = world.get_heartbeat().await?.map(|(heartbeat, _)| heartbeat);
    let problems = problems(world, configuration, heartbeat.as_ref());
    world.known_heartbeat().replace(heartbeat);
    Ok(Seen { hooks, problems, told_of_health: told_of_health(world) })
}

/// A hook that is watched: it has a `silence`, and targets, whatever events of runs they want.
fn watched(hook: &Hook) -> Option<Watched> {
    let silence_ms = hook.silence_ms?;
    let subscriptions = hook.rules.iter().flat_map(|rule| &rule.settings.notify);
    let targets: BTreeSet<&TargetName> = subscriptions.map(|subscription| &subscription.target).collect();
    (!targets.is_empty()).then(|| Watched {
        hook: hook.name.clone(),
        silence_ms,
        heard_at: None,
        targets: targets.into_iter().cloned().collect(),
    })
}

fn told_of_health(world: &impl Notifier) -> Vec<TargetName> {
    let told = world.targets().iter().filter(|target| target.is_told_of_health);
    told.map(|target| target.name.clone()).collect()
}

/// What is wrong, as far as this heartbeat and this isolate know it; nothing where nobody is told. That R2 fails or a binding is
/// missing is not in it: then there is no ledger either.
fn problems<W: Fabricate + Notifier + Clock>(
    world: &W,
    configuration: &Configuration,
    heartbeat: Option<&Heartbeat>,
) -> Vec<Problem> {
    if told_of_health(world).is_empty() {
        return Vec::new();
    }
    let now = world.now();
    let gap = heartbeat.and_then(|heartbeat| heartbeat.gap);
    let refusals = refusals(world, heartbeat, now).into_iter().map(HealthProblem::refused);
    let found = of_configuration(configuration, &|name| world.usable_secret(name)).into_iter();
    let found = found.chain(refusals).chain(gap.map(|gap| HealthProblem::sweeps_were_missing(&gap)));
    found.map(|HealthProblem { id, detail, .. }| Problem { id, text: detail }).collect()
}

/// Brings the ledger in line with what there is to see. Returns it as it is stored, and the ids of the alerts that have begun.
///
/// The ledger is read first. So whoever writes has seen what is later than all that others have written.
async fn decide<W>(
    world: &W,
    configuration: &Configuration,
    effort: &Effort,
) -> Result<(Ledger, Option<Version>, Vec<String>), StoreError>
where
    W: AlertLedgers + HeardHooks + Heartbeats + Fabricate + Notifier + Clock + Log,
{
    for _ in 0..TRIES {
        let (before, version) = read(world).await?;
        let seen = look(world, configuration).await?;
        let mut ledger = before.clone();
        let begun = ledger.watch(&seen, effort.now(world));
        if ledger == before {
            remember(world, &ledger);
            return Ok((ledger, version, begun));
        }
        ledger.author = author(world);
        if let Some(version) = world.put_ledger(&ledger, version.as_ref()).await? {
            remember(world, &ledger);
            log_changes(world, &before, &ledger, &seen);
            return Ok((ledger, Some(version), begun));
        }
        // Another invocation has written it, perhaps only that a target fails.
    }
    Err(written_by_others(world))
}

/// An attempt that is due.
struct Due {
    target: TargetName,
    message: Message,
    hook: Option<HookName>,
    is_retry: bool,
}

/// An attempt that was made.
struct Made {
    due: Due,
    attempted: Attempted,
    at: Timestamp,
}

/// The attempts that are due: those of alerts that have begun, and those whose time has come. The Worker's health comes first.
fn due(ledger: &Ledger, begun: &[String], now: Timestamp) -> Vec<Due> {
    let (silent, unhealthy): (Vec<&Alert>, Vec<&Alert>) =
        ledger.alerts.iter().partition(|alert| alert.hook().is_some());
    let due = unhealthy.into_iter().chain(silent).flat_map(|alert| {
        let message = alert.message();
        let is_new = begun.contains(&message.id);
        let told = alert.told.iter().filter(move |told| told.is_due(now) || (is_new && told.is_pending()));
        told.map(move |told| Due {
            target: told.target.clone(),
            message: message.clone(),
            hook: alert.hook().cloned(),
            is_retry: told.attempts > 0,
        })
    });
    due.collect()
}

/// Makes an attempt, if there is effort left for it.
async fn post<W: Notifier + Clock>(world: &W, due: Due, made: &RefCell<Vec<Made>>, effort: &Effort) {
    let attempted = attempt(world, &due.target, effort, |_| due.message.clone()).await;
    let Some(attempted) = attempted else { return };
    let at = effort.now(world);
    effort.record(&due.target, &attempted, due.is_retry, at);
    made.borrow_mut().push(Made { due, attempted, at });
}

fn log_attempt(world: &impl Log, ledger: &Ledger, made: &Made) {
    let due = &made.due;
    let Some(told) = ledger.told(&due.message.id, &due.target) else { return };
    let line: Line = match told.state {
        NotificationState::Delivered => log::ALERT_DELIVERED,
        NotificationState::Pending => log::ALERT_NOT_DELIVERED,
        NotificationState::Failed => log::ALERT_GIVEN_UP,
    };
    let fields = json!({
        "event": due.message.event_type, "hook": due.hook, "target": due.target, "attempts": told.attempts,
        "error": told.error,
    });
    world.log(line, fields);
}

/// Logs which alerts have begun and ended.
fn log_changes(world: &impl Log, before: &Ledger, after: &Ledger, seen: &Seen) {
    let lacks = |ledger: &Ledger, alert: &Alert| {
        let same = |other: &Alert| other.hook() == alert.hook() && other.since == alert.since;
        !ledger.alerts.iter().any(same)
    };
    for alert in after.alerts.iter().filter(|alert| lacks(before, alert)) {
        match &alert.subject {
            Subject::Silent { hook, .. } => {
                world.log(log::HOOK_SILENT, json!({"hook": hook, "since": alert.since}));
            }
            Subject::Unhealthy { problems, .. } => {
                world.log(log::UNHEALTHY, json!({"problems": problems}));
            }
        }
    }
    for alert in before.alerts.iter().filter(|alert| lacks(after, alert)) {
        match alert.hook() {
            Some(hook) if seen.hooks.iter().any(|watched| watched.hook == *hook) => {
                world.log(log::HOOK_HEARD, json!({"hook": hook, "since": alert.since}));
            }
            None if seen.problems.is_empty() => world.log(log::HEALTHY, json!({"since": alert.since})),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
