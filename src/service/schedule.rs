//! Schedules: each due time of a hook becomes a delivery that nobody sent, claimed and started like any other.
//!
//! The claim decides that a time starts once, however many sweeps see it. The ledger in R2 (`sweeps/schedules`) remembers from when on
//! times are due: those before a sweep first saw the schedule are not, and of several that were missed only the latest is. A sweep
//! reads the ledger when its isolate knows of a time that may be due or of a hook that is gone, or knows nothing yet.

use serde_json::json;

use crate::config::Configuration;
use crate::config::hooks::Hooks;
use crate::hook::event::Event;
use crate::hook::schedule::Schedule;
use crate::hook::{Hook, HookName};
use crate::log;
use crate::ports::{ScheduleLedger, ScheduleMark, Schedules, StoreError, Version, World};
use crate::run::Tick;
use crate::timestamp::{HOUR_MS, MINUTE_MS, Timestamp};

use super::Budget;
use super::advance::start_new;
use super::receive::{Received, plan_delivery, store_delivery};

/// The most hooks whose times one sweep claims, and the most for which it fails to; the next sweep begins with those that were not
/// reached.
const CLAIMS_MAX: usize = 20;

/// A mark that is further in the future, milliseconds, comes from a clock that was wrong, and is forgotten.
const AHEAD_MS_MAX: i64 = 26 * HOUR_MS;

/// Claims and starts what the schedules of hooks say, with at most `requests` requests. Returns how many requests are left. Where no hook
/// has a schedule, it costs one read in the first sweep of an hour, if its isolate knows nothing yet.
pub async fn run_scheduled<W: World>(
    world: &W,
    configuration: &Configuration,
    tick: Tick,
    requests: u32,
) -> u32 {
    let hooks = &configuration.hooks;
    let hour = |moment: Timestamp| moment.as_millis().div_euclid(HOUR_MS);
    let is_hourly = hour(tick.now) != hour(tick.since);
    if (hooks.scheduled().next().is_none() && !is_hourly)
        || !may_change(world.known_schedules().borrow().as_ref(), hooks, tick.now)
    {
        return requests;
    }
    let budget = Budget::new(requests);
    if let Err(error) = Box::pin(run_due(world, hooks, tick.now, &budget)).await {
        world.log(log::SCHEDULES_NOT_READ, json!({"error": error.to_string()}));
    }
    budget.left()
}

/// Whether a time may be due, or a hook may be gone, as far as this isolate knows: no store is asked.
fn may_change(known: Option<&ScheduleLedger>, hooks: &Hooks, now: Timestamp) -> bool {
    known.is_none_or(|ledger| {
        hooks.scheduled().any(|hook| Due::of(hook, ledger, now) != Due::Nothing)
            || ledger.hooks.keys().any(|name| is_gone(hooks, name))
    })
}

/// Whether a hook has no schedule any more. One with a mistake may have its schedule again once that is mended.
fn is_gone(hooks: &Hooks, name: &HookName) -> bool {
    hooks.get(name).is_none_or(|read| read.is_ok_and(|hook| hook.schedule.is_none()))
}

/// Up to when no time of a hook's schedule is due any more; `None`: its mark is that of another schedule, or of a clock that was wrong.
fn known_until(hook: &Hook, ledger: &ScheduleLedger, now: Timestamp) -> Option<Timestamp> {
    let mark = ledger.hooks.get(&hook.name).filter(|mark| mark.schedule == identity(hook))?;
    Some(mark.until).filter(|until| *until <= now.plus_ms(AHEAD_MS_MAX))
}

fn identity(hook: &Hook) -> String {
    hook.schedule.as_ref().map(Schedule::identity).unwrap_or_default()
}

/// What is due of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Nothing,
    /// The schedule is new: times are due from now on.
    Begins,
    /// The latest time that has come and was not claimed.
    At(Timestamp),
}

impl Due {
    fn of(hook: &Hook, ledger: &ScheduleLedger, now: Timestamp) -> Self {
        // A paused hook makes up for the latest time when it goes on.
        let Some(schedule) = hook.schedule.as_ref().filter(|_| !hook.paused) else { return Self::Nothing };
        match known_until(hook, ledger, now) {
            // The sweep of a minute is not too late for the times of that minute.
            None => match schedule.last_until(now).filter(|due| now.since_ms(*due) < MINUTE_MS) {
                Some(due) => Self::At(due),
                None => Self::Begins,
            },
            Some(until) => match schedule.last_until(now) {
                Some(due) if due > until => Self::At(due),
                _ => Self::Nothing,
            },
        }
    }
}

async fn run_due<W: World>(
    world: &W,
    hooks: &Hooks,
    now: Timestamp,
    budget: &Budget,
) -> Result<(), StoreError> {
    let (mut ledger, version) = read(world).await?;
    let before = ledger.clone();
    // A hook that comes back begins anew.
    ledger.hooks.retain(|name, _| !is_gone(hooks, name));
    let due = note_new(&mut ledger, hooks, now);
    claim_all(world, &mut ledger, due, budget).await;
    if ledger == before {
        world.known_schedules().replace(Some(ledger));
        return Ok(());
    }
    ledger.author = super::author(world);
    // Where another sweep wrote it first, or the put fails, the next sweep finds the same times due, and their claims.
    let written = world.put_schedules(&ledger, version.as_ref()).await?;
    world.known_schedules().replace(written.then_some(ledger));
    Ok(())
}

/// Enters the schedules that are new. Returns the hooks with a time that is due, and that time: those first that were not claimed for
/// the longest, so that hooks whose times come often leave the others their turn.
fn note_new<'h>(ledger: &mut ScheduleLedger, hooks: &'h Hooks, now: Timestamp) -> Vec<(&'h Hook, Timestamp)> {
    let mut all = Vec::new();
    for hook in hooks.scheduled() {
        match Due::of(hook, ledger, now) {
            Due::Nothing => {}
            Due::Begins => mark(ledger, hook, now),
            Due::At(due) => {
                let until = known_until(hook, ledger, now).unwrap_or_else(|| {
                    // New, and due at once: until it is claimed, it stays due.
                    let until = due.plus_ms(-1);
                    mark(ledger, hook, until);
                    until
                });
                all.push((until, hook, due));
            }
        }
    }
    all.sort_by_key(|(until, ..)| *until);
    all.into_iter().map(|(_, hook, due)| (hook, due)).collect()
}

/// Claims the times of hooks, as many as a sweep may, and marks them.
async fn claim_all<W: World>(
    world: &W,
    ledger: &mut ScheduleLedger,
    due: Vec<(&Hook, Timestamp)>,
    budget: &Budget,
) {
    let (mut claimed, mut failed) = (0, 0);
    for (hook, due) in due {
        if claimed >= CLAIMS_MAX || failed >= CLAIMS_MAX {
            return;
        }
        match Box::pin(claim(world, hook, due, budget)).await {
            Ok(()) => {
                claimed += 1;
                mark(ledger, hook, due);
            }
            Err(error) => {
                failed += 1;
                let fields = json!({"hook": hook.name, "due": due, "error": error.to_string()});
                world.log(log::SCHEDULE_NOT_CLAIMED, fields);
            }
        }
    }
}

fn mark(ledger: &mut ScheduleLedger, hook: &Hook, until: Timestamp) {
    ledger.hooks.insert(hook.name.clone(), ScheduleMark { schedule: identity(hook), until });
}

/// Reads the ledger, or begins one.
async fn read<W: Schedules>(world: &W) -> Result<(ScheduleLedger, Option<Version>), StoreError> {
    let stored = world.get_schedules().await?;
    Ok(stored.map_or_else(Default::default, |(ledger, version)| (ledger, Some(version))))
}

/// Claims a due time, and starts its runs. A time that was claimed before is healed like a delivery that comes again.
async fn claim<W: World>(world: &W, hook: &Hook, due: Timestamp, budget: &Budget) -> Result<(), StoreError> {
    // The cron's time says what is due, and nothing about when the run is accepted and its next attempt is due.
    let now = world.now();
    let unusable =
        |reason: String| StoreError::Unreadable { key: format!("schedule of {}", hook.name), reason };
    let event = Event::scheduled(hook, due, now).map_err(|error| unusable(error.to_string()))?;
    let Ok(planned) = plan_delivery(world, hook, event, now) else {
        world.log(log::SCHEDULE_IGNORED, json!({"hook": hook.name, "due": due}));
        return Ok(());
    };
    let to_start = match store_delivery(world, hook, planned, now).await? {
        Received::Accepted { runs, to_start } => {
            let runs: Vec<_> = runs.iter().map(|run| run.run_id).collect();
            world.log(log::SCHEDULE_CLAIMED, json!({"hook": hook.name, "due": due, "runs": runs}));
            to_start
        }
        Received::Duplicate { to_start, .. } => to_start,
    };
    for mut run in to_start.into_iter().filter(|run| !run.status.is_final()) {
        let run_id = run.run_id;
        if let Err(error) = Box::pin(start_new(world, &mut run, now, budget)).await {
            world.log(log::RUN_NOT_STARTED, json!({"run_id": run_id, "error": error.to_string()}));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
