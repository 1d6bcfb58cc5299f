//! The ids of events and of batch items.

use serde_json::{Value, json};

use crate::config::test_hook::hook;
use crate::digest::sha256_hex;
use crate::hook::Hook;
use crate::hook::event::Event;
use crate::request::RawRequest;
use crate::service::plan::plan;
use crate::timestamp::Timestamp;
use crate::verify::Verified;

fn of_sender(scheme: &str, each: Option<&str>) -> Hook {
    let mut changes = json!({"verify": {"scheme": scheme, "secret": "S"}});
    if let Some(each) = each {
        changes["each"] = json!(each);
    }
    hook(&changes)
}

/// An event with the id that its hook assigns, and the error of that.
fn event(hook: &Hook, content_type: &str, body: &Value) -> (Event, Option<String>) {
    let headers = [("content-type".to_owned(), content_type.to_owned())];
    let raw = RawRequest::new("POST", "", headers, body.to_string().into_bytes(), Timestamp::from_millis(0));
    let mut event = Event::parse(Verified::assume(raw), hook, "fresh").unwrap();
    let problem = event.assign_id(hook).err().map(|error| error.to_string());
    (event, problem)
}

/// The ids of the items for which the hook's rules hold, as a delivery of `body` is planned.
fn item_ids(hook: &Hook, body: &Value) -> Vec<String> {
    let (event, problem) = event(hook, "application/json", body);
    ids(hook, &event, problem.as_deref())
}

fn ids(hook: &Hook, event: &Event, problem: Option<&str>) -> Vec<String> {
    let plans = plan(hook, event, problem);
    plans.iter().map(|plan| plan.item_id.as_ref().map_or("-", |id| id.as_str()).to_owned()).collect()
}

/// Checks a delivery's id; `Err`: it is the body's SHA-256, and the operator sees what is wrong, if it is his own.
#[track_caller]
fn check(hook: &Hook, body: &Value, expected: Result<&str, Option<&str>>) {
    let (event, problem) = event(hook, "application/json", body);
    let id = event.delivery.delivery_id.as_str();
    match expected {
        Ok(expected) => assert_eq!((id, problem), (expected, None)),
        Err(expected) => {
            assert_eq!(id, sha256_hex(body.to_string().as_bytes()));
            let problem = problem.as_deref();
            assert!(
                expected.is_none() && problem.is_none()
                    || problem.is_some_and(|problem| problem.contains(expected.unwrap_or("?"))),
                "{problem:?}"
            );
        }
    }
}

#[test]
fn a_missing_id_is_new_and_a_failing_one_is_the_hash_of_the_body() {
    let stripe = of_sender("stripe", None);
    check(&stripe, &json!({"id": "evt_1"}), Ok("evt_1"));
    check(&stripe, &json!({"id": 7}), Ok("7"));
    for missing in [json!({}), json!({"id": null}), json!({"id": ""})] {
        check(&stripe, &missing, Ok("fresh"));
    }
    for unusable in [json!({"id": {"a": 1}}), json!({"id": [1]}), json!({"id": true})] {
        check(&stripe, &unusable, Err(None));
    }
    let long = "x".repeat(200 * 1024);
    check(&stripe, &json!({ "id": long }), Err(None));
}

#[test]
fn a_batch_whose_id_is_too_much_work_is_named_by_its_hash() {
    let id = |n: usize| format!("id-{n:08}-{}", "x".repeat(50));
    let batch =
        |count: usize, field: &str| -> Value { (0..count).map(|n| json!({ field: id(n) })).collect() };
    let [sendgrid, line] = ["sendgrid", "line"].map(|scheme| of_sender(scheme, None));
    check(&sendgrid, &batch(2, "sg_event_id"), Ok(&format!("{},{}", id(0), id(1))));
    check(&sendgrid, &batch(3_000, "sg_event_id"), Err(None));
    check(&line, &json!({"events": batch(4_000, "webhookEventId")}), Err(None));
}

#[test]
fn a_configured_id_without_a_value_is_an_error_and_the_same_for_each_redelivery() {
    let own = hook(&json!({"delivery_id": "{{ body.id }}"}));
    check(&own, &json!({"id": "a"}), Ok("a"));
    check(&own, &json!({}), Err(Some("a field is missing")));
    check(&own, &json!({"id": null}), Err(Some("missing, null or empty")));
    check(&own, &json!({"id": []}), Err(Some("neither a text nor a number")));
    let heavy =
        hook(&json!({"delivery_id": "{% for a in body.a %}{% for b in body.a %}x{% endfor %}{% endfor %}"}));
    check(&heavy, &json!({"a": vec![1; 500]}), Err(Some("more work")));
}

#[test]
fn notifications_without_an_id_are_new() {
    let graph = of_sender("microsoft-graph", Some("body.value"));
    let body = json!({"value": [{"id": "n1"}, {"resource": "drive"}, {"resource": "drive"}]});
    assert_eq!(item_ids(&graph, &body)[0], "n1");
    let (first, second) = (&item_ids(&graph, &body)[1], &item_ids(&graph, &body)[2]);
    assert_ne!(first, second);
}

#[test]
fn each_sender_of_batches_has_ids_for_its_items() {
    #[track_caller]
    fn check(scheme: &str, each: &str, item: &Value, other: &Value, expected: &str) {
        let hook = of_sender(scheme, Some(each));
        let body = |items: &[&Value]| {
            let path = each.trim_start_matches("body").trim_start_matches('.');
            path.rsplit('.')
                .filter(|part| !part.is_empty())
                .fold(json!(items), |inner, part| json!({ part: inner }))
        };
        let (first, again) = (item_ids(&hook, &body(&[item, other])), item_ids(&hook, &body(&[other, item])));
        assert_eq!(first[0], expected, "{scheme}");
        assert_eq!((&first[0], &first[1]), (&again[1], &again[0]), "{scheme}: re-batched");
        assert_ne!(first[0], first[1], "{scheme}: two events");
    }
    check("sendgrid", "body", &json!({"sg_event_id": "a"}), &json!({"sg_event_id": "b"}), "a");
    check("segment", "body", &json!({"messageId": "a"}), &json!({"messageId": "b"}), "a");
    check("line", "body.events", &json!({"webhookEventId": "a"}), &json!({"webhookEventId": "b"}), "a");
    check("gocardless", "body.events", &json!({"id": "EV1"}), &json!({"id": "EV2"}), "EV1");
    check("microsoft-graph", "body.value", &json!({"id": "a"}), &json!({"id": "b"}), "a");
    check("okta", "body.data.events", &json!({"uuid": "a"}), &json!({"uuid": "b"}), "a");
    let hubspot = |object: u32, attempt: u32| json!({"eventId": 1, "subscriptionId": 2, "portalId": 3, "occurredAt": 4, "objectId": object, "attemptNumber": attempt});
    check("hubspot", "body", &hubspot(5, 0), &hubspot(6, 0), "3/2/1/4/5//");
    let one = of_sender("hubspot", Some("body"));
    assert_eq!(item_ids(&one, &json!([hubspot(5, 0)])), item_ids(&one, &json!([hubspot(5, 1)])), "attempts");
    let adyen = |account: &str| {
        json!({"NotificationRequestItem": {"merchantAccountCode": account, "eventCode": "REPORT_AVAILABLE",
            "pspReference": "report.csv", "success": "true"}})
    };
    check("adyen", "body.notificationItems", &adyen("A"), &adyen("B"), "REPORT_AVAILABLE/A/report.csv/true");
}

#[test]
fn items_without_an_id_are_named_by_the_delivery_and_their_index() {
    let batch =
        hook(&json!({"each": "body.items", "item_id": "{{ item.id }}", "delivery_id": "{{ body.id }}"}));
    let body = json!({"id": "d1", "items": [{"id": "a"}, {}, {"id": null}, {"id": "a"}, {}]});
    assert_eq!(item_ids(&batch, &body), ["a", "d1#1", "d1#2", "d1#4"]);
}

#[test]
fn a_failing_id_of_an_item_is_its_hash_and_fails_no_run() {
    let batch = hook(&json!({"each": "body", "item_id": "{{ item.id }}"}));
    let (one, other) = (json!({"id": [1]}), json!({"id": [2]}));
    let (first, again) =
        (item_ids(&batch, &json!([one, other])), item_ids(&batch, &json!([other, one, one])));
    assert_eq!(first, [again[1].clone(), again[0].clone()]);
    assert!(first[0].starts_with("sha256:") && first[0] != first[1]);
    let (event, problem) = event(&batch, "application/json", &json!([one]));
    assert!(plan(&batch, &event, problem.as_deref()).iter().all(|plan| plan.params.is_ok()));
}

#[test]
fn the_id_of_an_item_does_not_depend_on_the_others() {
    let batch =
        hook(&json!({"each": "body", "item_id": "{{ item.id }}", "when": "range(5000) | list | length > 0"}));
    let body: Value = (0..500).map(|n| json!({ "id": n })).collect();
    assert_eq!(item_ids(&batch, &body)[7], "7");
    assert_eq!(item_ids(&batch, &json!([{"id": 7}])), ["7"]);
}

#[test]
fn items_for_which_no_rule_holds_have_no_claim() {
    let batch = hook(&json!({"each": "body", "item_id": "{{ item.id }}",
        "rules": [{"when": "item.n > 1"}, {"when": "item.n > 2", "workflow": "v"}]}));
    let body = json!([{"id": "a", "n": 1}, {"id": "b", "n": 2}, {"id": "c", "n": 3}, {"id": "a", "n": 3}]);
    assert_eq!(item_ids(&batch, &body), ["b", "c", "c", "a", "a"]);
}

#[test]
fn cloud_events_are_named_by_source_and_id_and_other_batches_are_claimed_whole() {
    let batch = hook(&json!({"each": "body"}));
    let cloud_event =
        |source: &str, id: &str| json!({"specversion": "1.0", "type": "t", "source": source, "id": id});
    let body = json!([cloud_event("/a", "1"), cloud_event("/b", "1"), cloud_event("/a", "1")]);
    let (event, problem) = event(&batch, "application/cloudevents-batch+json; charset=utf-8", &body);
    assert_eq!(ids(&batch, &event, problem.as_deref()), ["/a 1", "/b 1"]);
    assert_eq!(item_ids(&batch, &body), ["-", "-", "-"]);
}

#[test]
fn an_event_of_the_operator_is_new_with_all_its_items() {
    let batch = hook(&json!({"each": "body", "item_id": "{{ item.id }}"}));
    let (event, problem) = event(&batch, "application/json", &json!([{"id": "a"}]));
    assert_eq!(ids(&batch, &event.sent_by_operator(), problem.as_deref()), ["-"]);
}
