//! Which runs are retried, with what, and how often.

use std::sync::Arc;

use futures_util::FutureExt;
use serde_json::{Value, json};

use super::super::many::newest_of;
use super::super::queries::Query;
use super::super::retry_many::retry_many;
use super::*;
use crate::config::Configuration;
use crate::hook::delivery::{Delivery, StoredBody};
use crate::journal::Decision;
use crate::ports::{Claim, ItemClaim};
use crate::run::tests::{at, queued_run};
use crate::run::{FileState, Stage};
use crate::testing::{MemoryWorld, task_id};

/// A hook that makes twice the body's seats into rows; `changes` to that.
pub(in crate::service) fn hook(changes: &Value) -> Hook {
    let mut hook = json!({"workspace": "acme", "database": "sales-demo", "workflow": "seed",
        "verify": {"scheme": "none"}, "params": {"rows": "{{ body.seats * 2 }}"}});
    hook.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let vars = json!({"HOOKS": {"hook": hook}});
    Configuration::read(vars.as_object().unwrap()).hooks.into_values().next().unwrap().unwrap()
}

fn failed(stage: Stage) -> Run {
    let mut run = queued_run();
    run.fail(stage, "no", at(1));
    run
}

fn completed() -> Run {
    let mut run = queued_run();
    run.mark_started(task_id("task"), 1, at(0));
    let task = json!({"id": "task", "status": "completed"});
    run.apply_task(serde_json::from_value(task).unwrap(), at(1));
    run.apply_archive_pass(false, at(2));
    run
}

/// A run's journal, and its delivery, as the inbox has them.
fn stored(run: &Run, decisions: &[Decision]) -> MemoryWorld {
    let stores = MemoryWorld::with(run, decisions);
    let delivery = Delivery {
        hook: run.hook.clone(),
        delivery_id: run.delivery_id.clone(),
        received_at: at(0),
        headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
        query: std::collections::BTreeMap::new(),
        body: StoredBody::Text(Arc::new(r#"{"seats": 21}"#.to_owned())),
    };
    let claim = Claim { author: "a".into(), delivery, runs: vec![queued_run()], items: Vec::new() };
    stores.claims.borrow_mut().push((DeliveryKey::of(&run.hook, &run.delivery_id), claim));
    stores
}

fn ended(run: &Run) -> MemoryWorld {
    stored(run, &[Decision::End { run: Box::new(run.clone()) }])
}

fn retry_with(stores: &MemoryWorld, hook: &Hook, force: bool, now: Timestamp) -> Result<Retried, Refusal> {
    let hooks = |_: &HookName| Some(hook);
    retry(stores, &hooks, queued_run().run_id, force, now).now_or_never().unwrap()
}

/// What a first retry comes to: the new run's status, or the old one's where it is refused.
#[track_caller]
fn check(stores: &MemoryWorld, force: bool, expected: Result<Status, Status>) {
    let outcome = match retry_with(stores, &hook(&json!({})), force, at(10)) {
        Ok(retried) => Ok(retried.run.status),
        Err(Refusal::WrongState { run, .. }) => Err(run.status),
        Err(refusal) => panic!("{refusal}"),
    };
    assert_eq!(outcome, expected);
    assert_eq!(stores.retries.borrow().len(), usize::from(expected.is_ok()));
}

#[test]
fn what_failed_was_canceled_or_is_unconfirmed_is_retried() {
    let no_answer = Decision::NoAnswer { reason: "HTTP 500".into(), not_before: None };
    let queued = queued_run();
    let mut canceled = completed();
    canceled.status = Status::Canceled;
    check(&ended(&failed(Stage::Workflow)), false, Ok(Status::Queued));
    check(&ended(&canceled), false, Ok(Status::Queued));
    check(&ended(&completed()), false, Err(Status::Completed));
    check(&ended(&completed()), true, Ok(Status::Queued));
    check(&stored(&queued, &[]), true, Err(Status::Queued));
    check(&stored(&queued, &[Decision::Start]), true, Err(Status::Queued));
    check(&stored(&queued, &[Decision::Start, no_answer]), false, Ok(Status::Queued));
    let mut parked = queued_run();
    parked.park(1, "HTTP 500", at(1));
    // Its journal has expired.
    check(&stored(&parked, &[]), false, Ok(Status::Queued));
    let task = Decision::Task { task_id: task_id("task") };
    check(&stored(&queued, &[Decision::Start, task]), true, Err(Status::InProgress));
}

#[test]
fn an_unconfirmed_run_is_abandoned_first_and_only_if_it_can_be_retried() {
    let no_answer = Decision::NoAnswer { reason: "HTTP 500".into(), not_before: None };
    let decisions = [Decision::Start, no_answer.clone()];
    let stores = stored(&queued_run(), &decisions);
    retry_with(&stores, &hook(&json!({})), false, at(10)).unwrap();
    let old = queued_run().run_id;
    assert!(matches!(stores.last_decision(old), Some(Decision::End { run }) if run.abandoned));
    let stores = stored(&queued_run(), &decisions);
    stores.claims.borrow_mut().clear();
    assert_eq!(retry_with(&stores, &hook(&json!({})), false, at(10)), Err(Refusal::NoDelivery));
    assert_eq!(stores.last_decision(old), Some(no_answer));
}

#[test]
fn an_item_is_retried_from_the_delivery_that_its_own_claim_names() {
    let batch =
        hook(&json!({"each": "body", "item_id": "{{ item.id }}", "params": {"rows": "{{ item.seats }}"}}));
    let mut run = failed(Stage::Mapping);
    let item_id = crate::hook::delivery::DeliveryId::from("b");
    run.item_id = Some(item_id.clone());
    run.mapped_from = Some(MappedFrom { rule_index: 0, item_index: Some(1) });
    let stores = ended(&run);
    let (mut key, mut claim) = stores.claims.borrow_mut().remove(0);
    key.digest = "of-another-attempt".to_owned();
    claim.delivery.body =
        StoredBody::Text(Arc::new(r#"[{"id": "a", "seats": 1}, {"id": "b", "seats": 2}]"#.to_owned()));
    claim.runs.clear();
    stores.claims.borrow_mut().push((key.clone(), claim));
    assert_eq!(retry_with(&stores, &batch, false, at(10)), Err(Refusal::NoDelivery), "its claim has expired");
    let item = ItemClaim { author: "a".into(), delivery: key.digest, runs: vec![run.clone()] };
    stores.items.borrow_mut().push((ItemKey::of(&run.hook, &item_id), item));
    let retried = retry_with(&stores, &batch, false, at(10)).unwrap().run;
    assert_eq!((retried.params.get("rows"), &retried.item_id), (Some(&json!(2)), &Some(item_id)));
}

#[test]
fn the_delivery_is_mapped_with_what_the_hook_says_now() {
    let stores = ended(&failed(Stage::Mapping));
    let changed = json!({"params": {"label": "{{ body.seats }} seats", "id": "{{ delivery.id }}"},
        "when": "false", "deadline": "1h"});
    let new = retry_with(&stores, &hook(&changed), false, at(10)).unwrap().run;
    assert_eq!(json!(new.params), json!({"label": "21 seats", "id": "delivery"}));
    assert_eq!(new.settings.deadline_ms, 3_600_000);
    assert_eq!((new.retry_of, new.received_at), (Some(queued_run().run_id), at(10)));
    assert_eq!(stores.open.borrow()[&new.run_id].params, new.params);
    let still_wrong = json!({"params": {"rows": "{{ body.absent }}"}});
    let stores = ended(&failed(Stage::Mapping));
    let new = retry_with(&stores, &hook(&still_wrong), false, at(10)).unwrap();
    assert_eq!((new.run.error.unwrap().stage, new.starts), (Stage::Mapping, false));
    assert!(matches!(stores.last_decision(new.run.run_id), Some(Decision::End { .. })));
}

#[test]
fn a_run_is_retried_once_however_often_it_is_asked_for() {
    let (stores, hook) = (ended(&failed(Stage::Start)), hook(&json!({})));
    let first = retry_with(&stores, &hook, false, at(10)).unwrap();
    assert!(first.is_new && first.starts);
    let second = retry_with(&stores, &hook, false, at(20)).unwrap();
    assert_eq!((second.run.run_id, second.is_new, second.starts), (first.run.run_id, false, false));
    stores.claims.borrow_mut().clear();
    let third = retry_with(&stores, &hook, false, at(30)).unwrap();
    assert_eq!(third.run.run_id, first.run.run_id, "also when its delivery has expired");
}

#[test]
fn a_run_that_is_not_wanted_as_it_stands_is_left_alone() {
    #[track_caller]
    fn check(stores: &MemoryWorld, told: &str) {
        let (before, hook) = (stores.last_decision(queued_run().run_id), hook(&json!({})));
        let hooks = |_: &HookName| Some(&hook);
        let refused = retry_if(stores, &hooks, queued_run().run_id, &|_| false, at(10)).now_or_never();
        assert!(refused.unwrap().unwrap_err().to_string().contains(told));
        assert_eq!(stores.last_decision(queued_run().run_id), before);
        assert!(stores.retries.borrow().is_empty());
    }
    let no_answer = Decision::NoAnswer { reason: "HTTP 500".into(), not_before: None };
    check(&stored(&queued_run(), &[Decision::Start, no_answer]), "only a run that");
    check(&ended(&failed(Stage::Workflow)), "only a run that");
    check(&ended(&completed()), "?force=true");
}

#[test]
fn a_retry_that_never_reached_kv_is_healed_by_the_next_call() {
    let (stores, hook) = (ended(&failed(Stage::Start)), hook(&json!({})));
    stores.kv_fails.set(true);
    let lost = retry_with(&stores, &hook, false, at(10)).unwrap();
    stores.kv_fails.set(false);
    assert!(!stores.open.borrow().contains_key(&lost.run.run_id));
    let young = retry_with(&stores, &hook, false, at(20)).unwrap();
    assert!(!young.starts, "whoever made it may still be at it");
    let healed = retry_with(&stores, &hook, false, at(CLAIM_YOUNG_MS)).unwrap();
    assert_eq!((healed.run.run_id, healed.is_new, healed.starts), (lost.run.run_id, false, true));
    assert!(stores.open.borrow().contains_key(&lost.run.run_id));
}

#[test]
fn only_missing_files_are_archived_anew_and_nothing_is_started() {
    let mut old = queued_run();
    old.mark_started(task_id("task"), 1, at(0));
    let files = json!([{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]);
    let task = json!({"id": "task", "status": "completed", "files": files});
    old.apply_task(serde_json::from_value(task).unwrap(), at(1));
    old.files[0].state = FileState::Archived;
    old.files[0].key = Some("kept".into());
    old.files[1].state = FileState::Failed;
    old.files[1].bad_copies = 3;
    old.apply_archive_pass(true, at(2));
    assert!(old.lacks_files_only());
    let stores = ended(&old);
    stores.claims.borrow_mut().clear();
    let retried = retry_with(&stores, &hook(&json!({})), false, at(10)).unwrap();
    let new = retried.run;
    assert_eq!((new.status, retried.starts), (Status::InProgress, false));
    assert_eq!(stores.last_decision(new.run_id), Some(Decision::Task { task_id: task_id("task") }));
    let files: Vec<_> = new.files.iter().map(|file| (file.state, file.key.as_deref())).collect();
    assert_eq!(files, [(FileState::Archived, Some("kept")), (FileState::Pending, None)]);
    assert_eq!((new.files[1].bad_copies, new.retry_of), (0, Some(old.run_id)));
}

#[test]
fn what_the_configuration_has_no_rule_for_is_not_retried() {
    let stores = ended(&failed(Stage::Start));
    let none = |_: &HookName| None;
    let refused = retry(&stores, &none, queued_run().run_id, false, at(10)).now_or_never().unwrap();
    assert!(matches!(refused, Err(Refusal::NotConfigured(_))));
    let others = hook(&json!({"rules": [{"workflow": "a"}, {"workflow": "b"}]}));
    assert!(matches!(retry_with(&stores, &others, false, at(10)), Err(Refusal::NotConfigured(_))));
    assert!(stores.retries.borrow().is_empty());
}

#[test]
fn many_are_retried_newest_first_and_what_is_not_is_told() {
    let stores = MemoryWorld::default();
    let mut ids = Vec::new();
    for index in 0..4_u8 {
        let mut run = failed(Stage::Workflow);
        run.run_id = RunId::new(at(i64::from(index) * 1_000), [index; 16]);
        ids.insert(0, run.run_id);
        let one = ended(&run);
        stores.journals.borrow_mut().extend(one.journals.take());
        *stores.claims.borrow_mut() = one.claims.take();
        stores.done.borrow_mut().insert(run.run_id, run);
    }
    let hook = hook(&json!({}));
    let hooks = |_: &HookName| Some(&hook);
    let selection = Query { since: Some(at(1_000)), limit: 2, ..newest_of(Status::Failed) };
    let many = |selection: &Query| {
        retry_many(&stores, &hooks, selection.clone(), at(10_000)).now_or_never().unwrap().unwrap()
    };
    let given_up = |stores: &MemoryWorld| {
        let mut run = queued_run();
        run.run_id = RunId::new(at(5_000), [9; 16]);
        run.abandon(1, None, at(1));
        stores.journals.borrow_mut().extend(ended(&run).journals.take());
        stores.done.borrow_mut().insert(run.run_id, run.clone());
        run.run_id
    };
    let first = many(&selection);
    let retried = |many: &super::super::retry_many::Many| -> Vec<RunId> {
        many.retried.iter().map(|(old, _)| *old).collect()
    };
    assert_eq!(retried(&first), ids[..2]);
    assert_eq!(first.to_start.len(), 2);
    let after = crate::service::queries::Position::decode(&first.cursor.unwrap());
    let second = many(&Query { after, ..selection.clone() });
    assert_eq!((retried(&second), second.cursor), (ids[2..3].to_vec(), None), "the fourth is too old");
    let abandoned = given_up(&stores);
    let again = many(&selection);
    assert!(again.retried.is_empty() && again.to_start.is_empty());
    assert_eq!(
        again.skipped[0],
        (abandoned, "abandoned, and its workflow may have run: retry it with its own call".to_owned())
    );
    assert!(again.skipped[1].1.starts_with("retried before, as "));
}
