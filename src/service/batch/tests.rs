//! What a batch stores, how much of it at once, and what a second delivery finds.

use serde_json::{Value, json};

use super::super::receive::{Planned, Unplanned, plan_delivery, store_delivery};
use super::*;
use crate::config::Configuration;
use crate::hook::event::Event;
use crate::request::RawRequest;
use crate::run::tests::at;
use crate::testing::{MemoryWorld, finish};
use crate::verify::Verified;

fn hook(changes: &Value) -> Hook {
    let mut hook = json!({"workspace": "w", "database": "d", "workflow": "f", "verify": {"scheme": "none"},
        "each": "body", "when": "item.n is not defined or item.n > 0", "delivery_id": "{{ body_sha256 }}"});
    hook.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let configuration = Configuration::read(json!({"HOOKS": {"h": hook}}).as_object().unwrap());
    configuration.hooks.into_values().next().unwrap().unwrap()
}

fn by_items() -> Hook {
    hook(&json!({"item_id": "{{ item.id }}"}))
}

fn items(ids: impl IntoIterator<Item = usize>) -> Value {
    Value::from(ids.into_iter().map(|id| json!({ "id": id })).collect::<Vec<_>>())
}

fn deliver(stores: &MemoryWorld, hook: &Hook, body: &Value, now: i64) -> Result<Received, StoreError> {
    let planned = plan(stores, hook, body, now).unwrap();
    finish(store_delivery(stores, hook, planned, at(now)))
}

fn plan(stores: &MemoryWorld, hook: &Hook, body: &Value, now: i64) -> Result<Planned, Unplanned> {
    let raw = RawRequest::new("POST", "", [], body.to_string().into_bytes(), at(now));
    let event = Event::parse(Verified::assume(raw), hook, "fresh").unwrap();
    plan_delivery(stores, hook, event, at(now))
}

fn run_ids(received: Result<Received, StoreError>) -> (bool, Vec<crate::run::RunId>, usize) {
    let (is_new, runs, to_start) = match received {
        Ok(Received::Accepted { runs, to_start }) => (true, runs, to_start),
        Ok(Received::Duplicate { runs, to_start, .. }) => (false, runs, to_start),
        other => panic!("{other:?}"),
    };
    (is_new, runs.iter().map(|run| run.run_id).collect(), to_start.len())
}

#[test]
fn an_event_that_comes_again_in_another_batch_starts_nothing() {
    let (stores, hook) = (MemoryWorld::default(), by_items());
    let (is_new, first, starts) = run_ids(deliver(&stores, &hook, &items([1, 2]), 0));
    assert_eq!((is_new, first.len(), starts), (true, 2, 2));
    let (is_new, second, starts) = run_ids(deliver(&stores, &hook, &items([2, 3]), 1));
    assert_eq!((is_new, second.len(), second[0], starts), (true, 2, first[1], 1));
    let (is_new, again, starts) = run_ids(deliver(&stores, &hook, &items([1, 2]), 2));
    assert_eq!((is_new, again, starts), (false, first, 0));
    assert_eq!((stores.claims.borrow().len(), stores.items.borrow().len()), (2, 3), "objects in the inbox");
}

#[test]
fn a_batch_of_500_is_stored_once_and_claimed_six_at_a_time() {
    let (stores, hook) = (MemoryWorld::default(), by_items());
    let (is_new, runs, _) = run_ids(deliver(&stores, &hook, &items(0..500), 0));
    assert_eq!((is_new, runs.len(), stores.items_at_once.most.get()), (true, 500, 6));
    let claims = stores.claims.borrow();
    let [(key, claim)] = claims.as_slice() else { panic!("one delivery") };
    assert_eq!((claim.runs.len(), claim.items.len()), (0, 500));
    for (_, item) in stores.items.borrow().iter() {
        assert_eq!(item.delivery, key.digest);
        assert!(crate::records::Record::to_json(item).unwrap().len() < 2_000, "a claim of an item is small");
    }
}

#[test]
fn more_items_than_500_are_refused_and_not_dropped() {
    for hook in [by_items(), hook(&json!({}))] {
        let stores = MemoryWorld::default();
        let body =
            Value::from((0..501).map(|n| json!({"id": n, "n": usize::from(n == 500)})).collect::<Vec<_>>());
        assert!(matches!(plan(&stores, &hook, &body, 0), Err(Unplanned::TooMany(500))));
        assert!(stores.claims.borrow().is_empty());
    }
}

#[test]
fn a_redelivery_claims_what_the_first_could_not_and_answers_with_all() {
    let (stores, hook) = (MemoryWorld::default(), by_items());
    stores.items_max.set(Some(8));
    assert!(deliver(&stores, &hook, &items(0..20), 0).is_err());
    assert_eq!((stores.items.borrow().len(), stores.open.borrow().len()), (8, 8), "claimed, and shown");
    stores.items_max.set(None);
    let (is_new, runs, starts) = run_ids(deliver(&stores, &hook, &items(0..20), 1));
    assert_eq!((is_new, runs.len(), starts), (true, 20, 12));
    let (is_new, again, _) = run_ids(deliver(&stores, &hook, &items(0..20), 2));
    assert_eq!((is_new, again), (false, runs));
    let claims = stores.claims.borrow();
    let [(first, _), (second, claim)] = claims.as_slice() else { panic!("one delivery for each attempt") };
    assert_eq!(claim.items.len(), 12, "the hourly pass looks for what this attempt claimed");
    let items = stores.items.borrow();
    let of = |key: &DeliveryKey| items.iter().filter(|(_, item)| item.delivery == key.digest).count();
    assert_eq!((of(first), of(second)), (8, 12), "each expires with its delivery");
}

#[test]
fn a_batch_that_was_claimed_whole_before_its_hook_had_ids_for_items_stays_so() {
    let stores = MemoryWorld::default();
    let (_, whole, _) = run_ids(deliver(&stores, &hook(&json!({})), &items([1, 2]), 0));
    let (is_new, again, _) = run_ids(deliver(&stores, &by_items(), &items([1, 2]), 1));
    assert_eq!((is_new, again), (false, whole));
    assert!(stores.items.borrow().is_empty());
}

#[test]
fn items_that_do_not_count_store_nothing() {
    let stores = MemoryWorld::default();
    let body = json!([{"id": 1, "n": 0}]);
    assert!(matches!(plan(&stores, &by_items(), &body, 0), Err(Unplanned::Ignored(_))));
    run_ids(deliver(&stores, &by_items(), &json!([{"id": 1, "n": 0}, {"id": 2}]), 1));
    assert_eq!(stores.items.borrow().len(), 1);
}
