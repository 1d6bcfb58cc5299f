//! Notifying targets over a world in memory: what is asked, how often, and what KV shows afterwards.

use std::rc::Rc;
use std::sync::Arc;

use futures_util::FutureExt;
use serde_json::json;

use super::*;
use crate::config::Configuration;
use crate::hook::subscription::{RunEvent, Subscription};
use crate::ports::Posted;
use crate::run::Stage;
use crate::run::tests::{at, queued_run};
use crate::testing::MemoryWorld;
use crate::timestamp::MINUTE_MS;

fn world() -> MemoryWorld {
    let target = |name: &str| json!({"url": format!("https://{name}.example"), "format": "slack"});
    let vars = json!({"NOTIFY": {"ops": target("ops"), "crm": target("crm")}});
    let targets = Configuration::read(vars.as_object().unwrap()).targets;
    let mut world = MemoryWorld::default();
    world.targets = Rc::into_inner(targets).unwrap();
    world
}

/// A run that failed now, and whose hook notifies these targets.
fn failed_run(number: u8, targets: &[&str]) -> Run {
    let mut run = queued_run();
    run.run_id = crate::run::RunId::new(at(0), [number; 16]);
    run.written_at = Some(at(-MINUTE_MS));
    let subscription = |name: &&str| Subscription {
        target: TargetName::try_from((*name).to_owned()).unwrap(),
        on: RunEvent::ALL.to_vec(),
    };
    Arc::make_mut(&mut run.settings).notify = targets.iter().map(subscription).collect();
    run.fail(Stage::Start, "no", at(0));
    run
}

fn notify_new(world: &MemoryWorld, runs: &[Run]) -> Effort {
    let outbox = Outbox::default();
    for run in runs {
        outbox.add_new(run);
    }
    let effort = Effort::of_sweep(0, at(0), at(0));
    notify(world, outbox.take(), &effort).now_or_never().unwrap();
    effort
}

fn posted(world: &MemoryWorld) -> Vec<String> {
    world.posted.borrow().iter().map(|request| request.url.host_str().unwrap().to_owned()).collect()
}

#[test]
fn a_run_is_done_once_its_targets_are_told() {
    let world = world();
    let run = failed_run(1, &["crm", "ops"]);
    notify_new(&world, std::slice::from_ref(&run));
    assert_eq!(posted(&world), ["crm.example", "ops.example"]);
    assert!(world.open.borrow().is_empty());
    let done = world.done.borrow()[&run.run_id].clone();
    assert!(done.notifications.iter().all(|told| told.state == NotificationState::Delivered));
    assert_eq!(world.writes.get(), 2, "one record written, one removed");
}

#[test]
fn a_run_stays_open_while_a_target_is_not_told() {
    let world = world();
    world.target_answers.borrow_mut().push_back(Err("no answer within 5 s".into()));
    let run = failed_run(1, &["crm", "ops"]);
    notify_new(&world, std::slice::from_ref(&run));
    assert_eq!(posted(&world), ["crm.example", "ops.example"], "the other target does not wait");
    let open = world.open.borrow()[&run.run_id].clone();
    assert_eq!(open.summary().not_before, Some(at(5_000)));
    assert!(world.done.borrow().is_empty());
    assert_eq!(
        world.log.take(),
        ["notification not delivered, will be tried again", "notification delivered"]
    );
}

#[test]
fn a_target_that_fails_is_asked_twice_in_an_invocation() {
    let world = world();
    for _ in 0..10 {
        world.target_answers.borrow_mut().push_back(Ok(Posted { status: 500, retry_after: None }));
    }
    let runs: Vec<Run> = (1..=9).map(|number| failed_run(number, &["ops"])).collect();
    notify_new(&world, &runs);
    assert_eq!(posted(&world).len(), 2);
    assert_eq!(world.writes.get(), 2, "runs for which nothing was tried stay as they were shown");
}

#[test]
fn an_invocation_has_a_bound_on_requests() {
    let world = world();
    let runs: Vec<Run> = (1..=20).map(|number| failed_run(number, &["ops"])).collect();
    let effort = notify_new(&world, &runs);
    assert_eq!(posted(&world).len(), REQUESTS as usize);
    assert!(effort.is_spent(at(0)));
}

#[test]
fn a_target_that_is_gone_or_not_configured_is_given_up() {
    let world = world();
    let gone = Posted { status: 410, retry_after: None };
    world.target_answers.borrow_mut().push_back(Ok(gone));
    let run = failed_run(1, &["old", "ops"]);
    notify_new(&world, std::slice::from_ref(&run));
    assert_eq!(posted(&world), ["ops.example"]);
    let done = world.done.borrow()[&run.run_id].clone();
    let errors: Vec<_> = done.notifications.iter().map(|told| told.error.clone().unwrap()).collect();
    assert_eq!(errors, ["the configuration has no target of this name", "HTTP 410: the endpoint is gone"]);
}

#[test]
fn an_answer_says_when_to_ask_again() {
    let world = world();
    let busy = Posted { status: 429, retry_after: Some("3600".into()) };
    world.target_answers.borrow_mut().push_back(Ok(busy));
    let run = failed_run(1, &["ops"]);
    notify_new(&world, std::slice::from_ref(&run));
    assert_eq!(world.open.borrow()[&run.run_id].notify_at(), Some(at(60 * MINUTE_MS)));
}

#[test]
fn the_outbox_has_a_bound_in_runs_and_in_bytes() {
    let outbox = Outbox::default();
    for number in 0..=255 {
        outbox.add_new(&failed_run(number, &["ops"]));
    }
    assert_eq!(outbox.take().len(), 200);
    let mut large = failed_run(1, &["ops"]);
    Arc::make_mut(&mut large.params).insert("text".into(), "x".repeat(3 * 1024 * 1024).into());
    for _ in 0..3 {
        outbox.add_new(&large);
    }
    assert_eq!(outbox.take().len(), 1);
}

#[test]
fn the_secrets_of_the_example_sign_no_message_of_a_deployed_worker() {
    let vars = json!({"NOTIFY": {"crm": {"url": "https://crm.example", "secret": "CRM_SECRET"}}});
    let mut world = world();
    let targets = Configuration::read(vars.as_object().unwrap()).targets;
    world.targets = Rc::into_inner(targets).unwrap();
    world.target_secrets = [
        ("CRM_SECRET", "whsec_bG9jYWwtZGV2ZWxvcG1lbnQtc2VjcmV0"),
        ("LINK_SECRET", "local-link-secret-of-32-bytes-or-more"),
    ]
    .into();
    let run = failed_run(1, &["crm"]);
    notify_new(&world, std::slice::from_ref(&run));
    assert_eq!((posted(&world).len(), world.usable_secret(LINK_SECRET).is_ok()), (0, false), "as if not set");
    world.exposure.set(crate::example_secrets::Exposure::Local);
    notify_new(&world, &[run]);
    assert_eq!((posted(&world).len(), world.usable_secret(LINK_SECRET).is_ok()), (1, true));
}
