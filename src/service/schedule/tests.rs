//! Scheduled times: due once, made up for once, and cheap while nothing is due.

use serde_json::{Value, json};

use super::*;
use crate::fabricate::StartOutcome;
use crate::hook::HookName;
use crate::run::Status;
use crate::testing::{MemoryWorld, finish, task_id};

fn configuration(changes: &Value) -> Configuration {
    let mut hook = json!({"workspace": "w", "database": "d", "workflow": "f", "schedule": "0 3 * * *",
        "params": {"due": "{{ scheduled_at }}", "id": "{{ delivery.id }}"}});
    hook.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let configuration = Configuration::read(json!({"HOOKS": {"h": hook}}).as_object().unwrap());
    assert_eq!(configuration.mistakes().count(), 0);
    configuration
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Sweeps at this time, in an isolate that knows nothing yet if `is_new`. Returns the times that were started.
fn sweep(world: &MemoryWorld, configuration: &Configuration, now: &str, is_new: bool) -> Vec<String> {
    if is_new {
        world.known_schedules.take();
    }
    let before = world.open.borrow().len();
    world.starts.borrow_mut().push_back(StartOutcome::Started(task_id("t")));
    let now = at(now);
    finish(run_scheduled(world, configuration, Tick { now, since: now }, 40));
    world.starts.borrow_mut().clear();
    let open = world.open.borrow();
    let due = |run: &crate::run::Run| run.params["due"].as_str().unwrap().to_owned();
    let mut all: Vec<_> = open.values().map(due).collect();
    all.sort();
    all.split_off(before)
}

#[test]
fn a_time_starts_once_and_not_before_the_schedule_was_seen() {
    let (world, hooks) = (MemoryWorld::default(), configuration(&json!({})));
    assert!(sweep(&world, &hooks, "2026-11-29T10:00:00Z", true).is_empty());
    assert!(sweep(&world, &hooks, "2026-11-30T02:58:00Z", true).is_empty());
    let first = ["2026-11-30T03:00:00.000Z"];
    assert_eq!(sweep(&world, &hooks, "2026-11-30T03:00:00Z", true), first);
    assert!(sweep(&world, &hooks, "2026-11-30T03:00:00Z", true).is_empty());
    assert!(sweep(&world, &hooks, "2026-11-30T03:02:00Z", false).is_empty());
    let run = world.open.borrow().values().next().unwrap().clone();
    assert_eq!(run.delivery_id.as_str(), "schedule:2026-11-30T03:00:00.000Z");
    assert_eq!((run.status, run.params["id"].as_str()), (Status::InProgress, Some(run.delivery_id.as_str())));
}

#[test]
fn missed_times_are_made_up_for_once_by_the_latest() {
    let (world, hooks) = (MemoryWorld::default(), configuration(&json!({})));
    sweep(&world, &hooks, "2026-11-20T10:00:00Z", true);
    assert_eq!(sweep(&world, &hooks, "2026-11-25T09:00:00Z", true), ["2026-11-25T03:00:00.000Z"]);
    assert!(sweep(&world, &hooks, "2026-11-25T09:02:00Z", true).is_empty());
}

#[test]
fn a_clock_that_jumps_back_starts_nothing_again() {
    let (world, hooks) = (MemoryWorld::default(), configuration(&json!({})));
    sweep(&world, &hooks, "2026-11-20T10:00:00Z", true);
    sweep(&world, &hooks, "2026-11-22T03:00:00Z", true);
    assert!(sweep(&world, &hooks, "2026-11-21T04:00:00Z", true).is_empty());
    assert!(sweep(&world, &hooks, "2026-11-22T03:04:00Z", true).is_empty());
    assert_eq!(sweep(&world, &hooks, "2026-11-23T03:00:00Z", true), ["2026-11-23T03:00:00.000Z"]);
}

#[test]
fn another_schedule_begins_anew() {
    let world = MemoryWorld::default();
    sweep(&world, &configuration(&json!({})), "2026-11-20T10:00:00Z", true);
    let changed = configuration(&json!({"schedule": "0 9 * * *", "schedule_offset": "+01:00"}));
    assert!(sweep(&world, &changed, "2026-11-20T12:00:00Z", true).is_empty());
    assert_eq!(sweep(&world, &changed, "2026-11-21T08:00:00Z", true), ["2026-11-21T08:00:00.000Z"]);
}

#[test]
fn a_paused_hook_makes_up_for_the_latest_time_when_it_goes_on() {
    let (world, paused) = (MemoryWorld::default(), configuration(&json!({"paused": true})));
    sweep(&world, &configuration(&json!({})), "2026-11-20T10:00:00Z", true);
    assert!(sweep(&world, &paused, "2026-11-22T04:00:00Z", true).is_empty());
    let going_on = configuration(&json!({}));
    assert_eq!(sweep(&world, &going_on, "2026-11-22T10:00:00Z", true), ["2026-11-22T03:00:00.000Z"]);
}

#[test]
fn a_time_that_no_rule_wants_is_over() {
    let world = MemoryWorld::default();
    let hooks = configuration(&json!({"when": "scheduled_at.endswith('never')"}));
    sweep(&world, &hooks, "2026-11-20T10:00:00Z", true);
    assert!(sweep(&world, &hooks, "2026-11-21T03:00:00Z", true).is_empty());
    assert!(world.claims.borrow().is_empty());
    let log = world.log.take();
    assert!(log.contains(&"scheduled time ignored: no rule is for it".to_owned()), "{log:?}");
    sweep(&world, &hooks, "2026-11-21T03:02:00Z", true);
    assert!(world.log.take().is_empty());
}

#[test]
fn an_idle_sweep_reads_once_in_each_isolate_and_writes_nothing() {
    let (world, hooks) = (MemoryWorld::default(), configuration(&json!({})));
    sweep(&world, &hooks, "2026-11-20T10:00:00Z", true);
    world.calls.take();
    sweep(&world, &hooks, "2026-11-20T10:02:00Z", true);
    assert_eq!(world.calls.take(), ["R2 get"]);
    sweep(&world, &hooks, "2026-11-20T10:04:00Z", false);
    assert!(world.calls.take().is_empty());
    let none = Configuration::read(json!({}).as_object().unwrap());
    sweep(&world, &none, "2026-11-20T10:06:00Z", true);
    assert!(world.calls.take().is_empty(), "without a schedule it costs nothing");
}

#[test]
fn a_store_that_fails_costs_a_delay() {
    let (world, hooks) = (MemoryWorld::default(), configuration(&json!({})));
    sweep(&world, &hooks, "2026-11-20T10:00:00Z", true);
    world.inbox_fails.set(true);
    assert!(sweep(&world, &hooks, "2026-11-21T03:00:00Z", false).is_empty());
    world.inbox_fails.set(false);
    assert_eq!(sweep(&world, &hooks, "2026-11-21T03:02:00Z", false), ["2026-11-21T03:00:00.000Z"]);
}

#[test]
fn the_mark_of_a_clock_that_was_wrong_is_forgotten() {
    let (world, hooks) = (MemoryWorld::default(), configuration(&json!({})));
    sweep(&world, &hooks, "2031-11-20T10:00:00Z", true);
    assert!(sweep(&world, &hooks, "2026-11-20T10:00:00Z", true).is_empty());
    assert_eq!(sweep(&world, &hooks, "2026-11-21T03:00:00Z", true), ["2026-11-21T03:00:00.000Z"]);
    assert!(
        world
            .schedules
            .borrow()
            .as_ref()
            .unwrap()
            .0
            .hooks
            .contains_key(&HookName::try_from("h".to_owned()).unwrap())
    );
}
