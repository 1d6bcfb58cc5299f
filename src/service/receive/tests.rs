//! What an accepted delivery costs, from its claim to its end.

use serde_json::json;

use super::*;
use crate::config::Configuration;
use crate::fabricate::{StartOutcome, Task};
use crate::request::RawRequest;
use crate::run::tests::at;
use crate::service::follow::follow_started;
use crate::testing::{MemoryWorld, finish, task_id};
use crate::verify::Verified;

/// Delivers an event with this id to a hook with one rule.
fn deliver(world: &MemoryWorld, id: &str) -> Received {
    let hook = json!({"workspace": "w", "database": "d", "workflow": "f", "verify": {"scheme": "none"},
        "delivery_id": format!("{id}{{{{ body.id }}}}")});
    let configuration = Configuration::read(json!({"HOOKS": {"h": hook}}).as_object().unwrap());
    let hook = configuration.hooks.into_values().next().unwrap().unwrap();
    let raw = RawRequest::new("POST", "", [], br#"{"id": 1}"#.to_vec(), world.now());
    let event = Event::parse(Verified::assume(raw), &hook, "fresh").unwrap();
    let planned = plan_delivery(world, &hook, event, world.now()).unwrap();
    finish(store_delivery(world, &hook, planned, world.now())).unwrap()
}

fn calls(world: &MemoryWorld) -> String {
    world.calls.take().join(", ")
}

#[test]
fn a_run_costs_3_kv_puts_4_r2_puts_and_few_reads() {
    let world = MemoryWorld::default();
    world.time_passes.set(true);
    let Received::Accepted { to_start, .. } = deliver(&world, "a") else { panic!("it is new") };
    assert_eq!(calls(&world), "R2 put, R2 delete, KV put", "the claim, the hint of sweeps, the run");
    world.starts.replace([StartOutcome::Started(task_id("task1"))].into());
    let started = finish(start_accepted(&world, to_start, world.now()));
    assert_eq!(calls(&world), "R2 put, start, R2 put, KV put");
    let task = |status| Ok(serde_json::from_value::<Task>(json!({"id": "task1", "status": status})).unwrap());
    world.answers.replace([task("in_progress"), task("completed")].into());
    finish(follow_started(&world, started));
    assert_eq!(calls(&world), "KV get, R2 get, R2 get, R2 get, R2 put, KV put, KV delete");
    assert_eq!(world.log.take(), ["run ended"]);
    deliver(&world, "b");
    assert_eq!(calls(&world), "R2 put, KV put", "the hint was deleted within the minute");
    assert!(matches!(deliver(&world, "b"), Received::Duplicate { .. }));
    assert_eq!(calls(&world), "R2 put, R2 get", "its put finds the claim");
}

#[test]
fn a_run_that_another_invocation_started_is_left_to_it() {
    let world = MemoryWorld::default();
    let Received::Accepted { to_start, .. } = deliver(&world, "a") else { panic!("it is new") };
    world.append(to_start[0].run_id, crate::journal::Decision::Start);
    world.calls.take();
    finish(start_accepted(&world, to_start, at(0)));
    assert_eq!(calls(&world), "R2 put, R2 get", "the entry, and whose it is");
}
