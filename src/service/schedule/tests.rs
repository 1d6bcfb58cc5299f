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
    finish(run_scheduled(world, configuration, Tick { now, since: now.plus_ms(-2 * MINUTE_MS) }, 40));
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

/// Hooks `h00` to `h24` with a time each two minutes, and `zz` with one a day.
fn many(names: impl Iterator<Item = usize>) -> Configuration {
    let hook = |schedule: &str| {
        json!({"workspace": "w", "database": "d", "workflow": "f", "schedule": schedule,
            "params": {"due": "{{ scheduled_at }}"}})
    };
    let mut hooks: serde_json::Map<String, Value> =
        names.map(|number| (format!("h{number:02}"), hook("*/2 * * * *"))).collect();
    hooks.insert("zz".to_owned(), hook("30 9 * * *"));
    Configuration::read(json!({"HOOKS": hooks}).as_object().unwrap())
}

fn claimed(world: &MemoryWorld) -> Vec<String> {
    let mut hooks: Vec<_> =
        world.claims.borrow_mut().drain(..).map(|(key, _)| key.hook.to_string()).collect();
    hooks.sort();
    hooks
}

#[test]
fn frequent_schedules_leave_the_others_their_turn() {
    let (world, hooks) = (MemoryWorld::default(), many(0..25));
    sweep(&world, &hooks, "2026-11-29T09:27:00Z", true);
    assert!(claimed(&world).is_empty());
    sweep(&world, &hooks, "2026-11-29T09:28:00Z", true);
    assert_eq!(claimed(&world), (0..20).map(|number| format!("h{number:02}")).collect::<Vec<_>>());
    sweep(&world, &hooks, "2026-11-29T09:30:00Z", true);
    let second = claimed(&world);
    let left = ["h20", "h21", "h22", "h23", "h24", "zz"];
    assert!(second.len() == 20 && left.iter().all(|name| second.contains(&(*name).to_owned())), "{second:?}");
}

#[test]
fn a_time_of_the_minute_in_which_a_schedule_is_first_seen_is_due() {
    let (world, hooks) = (MemoryWorld::default(), configuration(&json!({})));
    let due = ["2026-11-29T03:00:00.000Z"];
    assert_eq!(sweep(&world, &hooks, "2026-11-29T03:00:00.250Z", true), due);
    assert!(sweep(&world, &hooks, "2026-11-29T03:02:00Z", true).is_empty());
    let late = MemoryWorld::default();
    assert!(sweep(&late, &hooks, "2026-11-29T03:01:00Z", true).is_empty());
    let (world, many) = (MemoryWorld::default(), many(0..25));
    sweep(&world, &many, "2026-11-29T09:28:00Z", true);
    assert_eq!(claimed(&world).len(), 20);
    sweep(&world, &many, "2026-11-29T09:29:00Z", true);
    assert_eq!(claimed(&world).len(), 5, "those that were not reached stay due");
}

#[test]
fn a_hook_that_was_gone_begins_anew() {
    let (world, hooks) = (MemoryWorld::default(), configuration(&json!({})));
    let back_at = |world: &MemoryWorld| sweep(world, &hooks, "2026-11-23T10:02:00Z", true);
    let none = Configuration::read(json!({}).as_object().unwrap());
    let other = many(0..1);
    let sender = json!({"workspace": "w", "database": "d", "workflow": "f", "verify": {"scheme": "none"}});
    let unscheduled = Configuration::read(json!({"HOOKS": {"h": sender}}).as_object().unwrap());
    for without in [&none, &other, &unscheduled] {
        sweep(&world, &hooks, "2026-11-21T10:00:00Z", true);
        sweep(&world, without, "2026-11-22T11:00:00Z", true);
        assert!(back_at(&world).is_empty());
        world.schedules.take();
    }
    sweep(&world, &hooks, "2026-11-21T10:00:00Z", true);
    let broken = Configuration::read(json!({"HOOKS": {"h": {"schedule": "0 3 * * *"}}}).as_object().unwrap());
    sweep(&world, &broken, "2026-11-22T11:00:00Z", true);
    assert_eq!(back_at(&world), ["2026-11-23T03:00:00.000Z"], "a mistake that is mended");
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
    assert!(world.calls.take().is_empty(), "without a schedule it costs nothing…");
    sweep(&world, &none, "2026-11-20T11:00:00Z", true);
    assert_eq!(
        world.calls.take(),
        ["R2 get", "R2 put"],
        "…but a read in an hour, after which marks are gone"
    );
    sweep(&world, &none, "2026-11-20T12:00:00Z", false);
    assert!(world.calls.take().is_empty());
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
