//! How a delivery becomes an event: its id, its credentials, and the way back from storage.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::config::Configuration;
use crate::config::test_hook::hook;
use crate::expression::{EVENT_SCOPE, Expressions};
use crate::timestamp::Timestamp;

fn parse_for(hook: &Hook, headers: &[(&str, &str)], body: &str) -> Result<Event, BodyError> {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let url = "https://seedhook.example/hooks/h?a=1&b=x%20y&a=2#c=3";
    let raw = RawRequest::new("POST", url, headers, body.into(), Timestamp::from_millis(0));
    Event::parse(Verified::assume(raw), hook, "fresh")
}

fn parse(headers: &[(&str, &str)], body: &str) -> Result<Event, BodyError> {
    parse_for(&hook(&json!({"verify": {"scheme": "none"}})), headers, body)
}

#[test]
fn the_id_is_from_the_sender_or_the_idempotency_key_or_fresh() {
    let github = hook(&json!({"verify": {"scheme": "github", "secret": "S"}}));
    let id = |headers: &[(&str, &str)]| {
        let mut event = parse_for(&github, headers, "{}").unwrap();
        event.assign_id(&github).unwrap();
        event.delivery.delivery_id.as_str().to_owned()
    };
    assert_eq!(id(&[("X-GitHub-Delivery", "g1"), ("Idempotency-Key", "i1")]), "g1");
    assert_eq!(id(&[("Idempotency-Key", "i1")]), "i1");
    assert_eq!(id(&[("Idempotency-Key", "")]), "fresh");
    assert_eq!(id(&[]), "fresh");
}

#[test]
fn credentials_are_neither_stored_nor_seen() {
    let event = parse(
        &[
            ("Authorization", "Bearer s3cret"),
            ("Cookie", "s3cret"),
            ("Proxy-Authorization", "s3cret"),
            ("X-Kept", "1"),
        ],
        "{}",
    )
    .unwrap();
    assert!(!format!("{:?}", event.scope()).contains("s3cret"));
    let stored = format!("{:?}", event.into_delivery());
    assert!(stored.contains("x-kept") && !stored.contains("s3cret"));
}

#[test]
fn a_header_or_parameter_that_is_the_secret_is_neither_stored_nor_seen() {
    let header = hook(&json!({"verify": {"scheme": "header", "header": "X-Key", "secret": "S"}}));
    let event = parse_for(&header, &[("x-key", "s3cret"), ("x-kept", "1")], "{}").unwrap();
    assert_eq!(event.delivery.headers.keys().collect::<Vec<_>>(), ["x-kept"]);
    let query = hook(&json!({"verify": {"scheme": "query", "parameter": "b", "secret": "S"}}));
    let event = parse_for(&query, &[], "{}").unwrap();
    assert_eq!(event.delivery.query, BTreeMap::from([("a".to_owned(), "1, 2".to_owned())]));
}

#[test]
fn an_event_that_the_operator_sends_has_a_new_id() {
    let github = hook(&json!({"verify": {"scheme": "github", "secret": "S"}}));
    let mut event = parse_for(&github, &[("X-GitHub-Delivery", "g1")], "{}").unwrap().sent_by_operator();
    event.assign_id(&github).unwrap();
    assert_eq!(event.delivery.delivery_id.as_str(), "fresh");
}

#[test]
fn a_stored_delivery_is_the_same_event_again() {
    let hook = hook(&json!({
        "verify": {"scheme": "github", "secret": "S"}, "params": {"hash": "{{ body_sha256 }}"},
    }));
    let headers = [("X-GitHub-Delivery", "g1"), ("Content-Type", "application/json"), ("X-Kept", "1")];
    let body = r#"{"seats": 5}"#;
    let mut event = parse_for(&hook, &headers, body).unwrap();
    event.assign_id(&hook).unwrap();
    let mut expressions = Expressions::new(EVENT_SCOPE);
    let all = "{{ [body, headers, query, hook, delivery.id, delivery.received_at, body_sha256] }}";
    let all = expressions.template(all).unwrap();
    let seen = |event: &Event| expressions.evaluate(&all, event.scope()).unwrap();
    let first = seen(&event);
    assert_eq!(first[6], sha256_hex(body.as_bytes()));
    let stored = event.into_delivery();
    let again = Event::from_stored(stored.clone(), &hook).unwrap();
    assert_eq!(seen(&again), first);
    assert_eq!(again.into_delivery(), stored);
}

/// A hook with a schedule, and a sender if it has a `verify`.
fn scheduled_hook(fields: &Value) -> Hook {
    let mut hook = json!({"workspace": "w", "database": "d", "workflow": "f", "schedule": "0 3 * * *"});
    hook.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let configuration = Configuration::read(json!({"HOOKS": {"h": hook}}).as_object().unwrap());
    configuration.hooks.into_values().next().unwrap().unwrap()
}

/// What expressions see of an event: its id, the time, the body.
fn seen(event: &Event) -> Value {
    let mut expressions = Expressions::new(EVENT_SCOPE);
    let all = "{{ [delivery.id, scheduled_at | default('none'), body] }}";
    let all = expressions.template(all).unwrap();
    expressions.evaluate(&all, event.scope()).unwrap()
}

fn by_hand(hook: &Hook, headers: &[(&str, &str)], body: &str) -> Event {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let raw = RawRequest::new("POST", "https://a.example/", headers, body.into(), at_five());
    Event::by_hand(hook, raw, "fresh").unwrap()
}

fn at_five() -> Timestamp {
    Timestamp::parse("2026-11-29T05:00:00Z").unwrap()
}

#[test]
fn what_is_started_by_hand_in_place_of_a_schedule_has_the_time_now_and_after_storage() {
    let now = at_five().to_string();
    let of_time = json!({"scheduled_at": now});
    let form = "application/x-www-form-urlencoded";
    let (alone, open) = (json!({}), json!({"verify": {"scheme": "none"}, "content_type": form}));
    for (fields, headers, body, expected) in [
        (&alone, vec![], "", json!(["schedule:by-hand:fresh", now, of_time])),
        (&alone, vec![("idempotency-key", "k")], "", json!(["schedule:by-hand:k", now, of_time])),
        (
            &alone,
            vec![("content-type", "application/json")],
            "[5]",
            json!(["schedule:by-hand:fresh", now, [5]]),
        ),
        (&open, vec![("content-type", form)], "", json!(["schedule:by-hand:fresh", now, of_time])),
        (&open, vec![("content-type", form)], "a=5", json!(["fresh", "none", {"a": "5"}])),
    ] {
        let hook = scheduled_hook(fields);
        let event = by_hand(&hook, &headers, body);
        assert_eq!(seen(&event), expected);
        let again = Event::from_stored(event.into_delivery(), &hook).unwrap();
        assert_eq!(seen(&again), expected, "read from the inbox");
    }
}

#[test]
fn a_key_never_passes_for_a_time_and_is_never_cut() {
    let hook = scheduled_hook(&json!({"verify": {"scheme": "none"}}));
    let mut event =
        by_hand(&hook, &[("idempotency-key", "schedule:x"), ("content-type", "application/json")], "1");
    event.keep_out_of_schedule();
    assert_eq!(seen(&event), json!(["sent:schedule:x", "none", 1]));
    let event = by_hand(&hook, &[("idempotency-key", &"k".repeat(500))], "");
    assert_eq!(seen(&event)[1], at_five().to_string());
    assert!(event.delivery.delivery_id.as_str().starts_with("schedule:by-hand:"), "{:?}", seen(&event));
}

#[test]
fn an_empty_request_previews_the_next_time_of_the_schedule() {
    let hook = scheduled_hook(&json!({}));
    let raw = |body: &str| RawRequest::new("POST", "", [], body.into(), at_five());
    let due = "2026-11-30T03:00:00.000Z";
    let event = Event::of_schedule(&hook, raw(""), "new").unwrap();
    assert_eq!(seen(&event), json!([format!("schedule:{due}"), due, {"scheduled_at": due}]));
    let with_sender = scheduled_hook(&json!({"verify": {"scheme": "github", "secret": "S"}}));
    assert!(
        Event::is_for_schedule(&with_sender, &raw("")) && !Event::is_for_schedule(&with_sender, &raw("1"))
    );
    assert!(Event::is_for_schedule(&hook, &raw("1")));
    let unscheduled = self::hook(&json!({"verify": {"scheme": "none"}}));
    assert!(!Event::is_for_schedule(&unscheduled, &raw("")));
}
