//! What is shown of deliveries, handshakes, batches and scheduled times.

use serde_json::json;

use super::*;
use crate::config::Configuration;
use crate::timestamp::Timestamp;
use crate::verify::rust_crypto::{RustCrypto, complete};
use crate::verify::signer::UnsignedDelivery;

const NOW: Timestamp = Timestamp::from_millis(1_760_000_000_000);

fn configuration(hook: &Value) -> Configuration {
    let base = json!({"workspace": "w", "database": "d", "workflow": "f",
        "verify": {"scheme": "slack", "secret": "S"}});
    let mut base = base.as_object().unwrap().clone();
    base.extend(hook.as_object().unwrap().clone());
    Configuration::read(json!({"HOOKS": {"h": base}}).as_object().unwrap())
}

/// The preview of a body, and of the same when it is signed.
fn previews(hook: &Value, body: &str) -> [Value; 2] {
    let configuration = configuration(hook);
    let hook = configuration.hooks.values().next().unwrap().unwrap();
    let secret = |_: &str| Some("s3cret".to_owned());
    let context = VerifyContext { secret: &secret, certificate: None, crypto: &RustCrypto, now: NOW };
    let headers = [("content-type".to_owned(), "application/json".to_owned())];
    let request = RawRequest::new("POST", "https://a.example/hooks/h", headers, body.into(), NOW);
    let signed = hook.verify.sign(UnsignedDelivery { delivery: request.clone(), id: "i" }, &context).unwrap();
    let shown = |request| {
        serde_json::to_value(complete(preview(hook, configuration.fabricate.as_ref(), &request, &context)))
            .unwrap()
    };
    [shown(request), shown(signed)]
}

#[test]
fn it_says_whether_a_delivery_is_verified_and_shows_what_should_have_been_signed() {
    let [unsigned, signed] = previews(&json!({}), "{}");
    assert_eq!(unsigned["verification"]["reason"], "x-slack-signature is missing");
    assert_eq!(signed["verification"], json!({"scheme": "slack", "verified": true}));
    let configuration = configuration(&json!({}));
    let hook = configuration.hooks.values().next().unwrap().unwrap();
    let headers = [
        ("x-slack-signature", format!("v0={}", "0".repeat(64))),
        ("x-slack-request-timestamp", "1760000000".to_owned()),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value));
    let request = RawRequest::new("POST", "https://a.example/hooks/h", headers, b"{}".to_vec(), NOW);
    let secret = |_: &str| Some("s3cret".to_owned());
    let context = VerifyContext { secret: &secret, certificate: None, crypto: &RustCrypto, now: NOW };
    let shown = serde_json::to_value(complete(preview(hook, None, &request, &context))).unwrap();
    assert_eq!(shown["verification"]["signed_text"], "v0:1760000000:{}");
    assert!(!shown.to_string().contains("s3cret"));
}

#[test]
fn each_rule_tells_what_it_saw_and_what_it_would_send() {
    let hook = json!({"rules": [
        {"when": "body.seats > 3", "params": {"rows": "{{ body.seats * 10 }}", "plan": "pro", "none": "{{ body.none }}"}},
        {"when": "body.seats > 3 and body.absent == 1", "workflow": "other"},
        {"params": {"x": "{{ body.absent }}"}},
    ]});
    let [_, shown] = previews(&hook, r#"{"event_id": "e1", "seats": 5, "none": null}"#);
    assert_eq!((&shown["outcome"], &shown["delivery_id"]), (&json!("accepted"), &json!("e1")));
    let [first, second, third] = shown["runs"].as_array().unwrap().as_slice() else { panic!("three rules") };
    assert_eq!(first["when"]["values"], json!({"body.seats": 5}));
    assert_eq!(first["params"]["rows"], json!({"value": 50, "type": "number"}));
    assert_eq!(first["params"]["none"], json!({"value": null, "type": "null"}));
    assert_eq!(first["request"]["body"], json!({"rows": 50, "plan": "pro", "none": null}));
    assert_eq!(
        first["request"]["url"],
        "https://fabricate.tonic.ai/api/v1/workspaces/w/databases/d/workflows/f"
    );
    assert_eq!((&second["starts"], &second["when"]["holds"]), (&json!(false), &json!(false)));
    assert_eq!(second["when"]["values"]["body.absent"], json!({"missing": true}));
    assert_eq!(third["starts"], true, "its run would fail, and be kept");
    assert!(third["error"].as_str().unwrap().starts_with("params.x: `{{ body.absent }}`"), "{third}");
}

#[test]
fn without_a_body_the_next_time_of_the_schedule_is_shown() {
    let hook = json!({"schedule": "0 3 * * *", "schedule_offset": "-03:30",
        "params": {"day": "{{ scheduled_at[:10] }}"}, "concurrency": "{{ database }}/{{ scheduled_at[:10] }}"});
    let [unsigned, _] = previews(&hook, "");
    let due = "2025-10-10T06:30:00.000Z";
    let shown = json!({"cron": "0 3 * * *", "offset": "-03:30",
        "next": [due, "2025-10-11T06:30:00.000Z", "2025-10-12T06:30:00.000Z"]});
    assert_eq!((&unsigned["schedule"], &unsigned["scheduled_at"]), (&shown, &json!(due)));
    assert_eq!(unsigned["delivery_id"], format!("schedule:{due}"));
    let [run] = unsigned["runs"].as_array().unwrap().as_slice() else { panic!("one rule") };
    assert_eq!(run["request"]["body"], json!({"day": "2025-10-10"}));
    assert_eq!((&run["key"], &run["error"]), (&json!("d/2025-10-10"), &json!(null)));
    let [of_sender, _] = previews(&hook, "{}");
    assert!(of_sender.get("scheduled_at").is_none(), "{of_sender}");
    assert!(of_sender["runs"][0]["error"].as_str().unwrap().starts_with("params.day: "), "{of_sender}");
}

#[test]
fn a_hook_without_a_sender_shows_what_the_operator_would_start_with_a_body() {
    let hook = json!({"workspace": "w", "database": "d", "workflow": "f", "schedule": "0 3 * * *",
        "params": {"day": "{{ scheduled_at[:10] }}", "rows": "{{ body.rows }}"}});
    let configuration = Configuration::read(json!({"HOOKS": {"h": hook}}).as_object().unwrap());
    let hook = configuration.hooks.values().next().unwrap().unwrap();
    let request = |body: &str| {
        let headers = [("content-type".to_owned(), "application/json".to_owned())];
        RawRequest::new("POST", "https://a.example/hooks/h", headers, body.into(), NOW)
    };
    let context = VerifyContext { secret: &|_| None, certificate: None, crypto: &RustCrypto, now: NOW };
    let shown = |body| serde_json::to_value(complete(preview(hook, None, &request(body), &context))).unwrap();
    let by_hand = shown(r#"{"rows": 5}"#);
    assert_eq!(by_hand["scheduled_at"], NOW.to_string());
    assert_eq!(by_hand["runs"][0]["params"]["day"]["value"], "2025-10-09");
    assert_eq!(by_hand["runs"][0]["params"]["rows"]["value"], 5);
    assert_eq!(
        (&by_hand["verification"]["verified"], &by_hand["outcome"]),
        (&json!(false), &json!("accepted"))
    );
    assert!(shown("")["runs"][0]["error"].as_str().unwrap().starts_with("params.rows: "));
}

#[test]
fn what_is_no_event_is_told_too() {
    let [_, handshake] = previews(&json!({}), r#"{"type": "url_verification", "challenge": "c"}"#);
    assert_eq!((&handshake["outcome"], &handshake["handshake"]["body"]), (&json!("handshake"), &json!("c")));
    let [_, broken] = previews(&json!({}), "{");
    assert_eq!(broken["outcome"], "not parsed");
    let [_, ignored] = previews(&json!({"when": "false"}), "{}");
    assert_eq!((&ignored["outcome"], &ignored["runs"][0]["params"]), (&json!("ignored"), &Value::Null));
    let batch = json!({"each": "body", "params": {"id": "{{ item.id }}"}});
    let [_, batch] = previews(&batch, r#"[{"id": 1}, {"id": 2}]"#);
    assert_eq!((&batch["items"], &batch["runs"][1]["params"]["id"]["value"]), (&json!(2), &json!(2)));
}
