//! The response to each kind of request, and what is good.

use seedhook::config::Configuration;
use serde_json::{Value, json};

use super::*;
use seedhook::verify::rust_crypto::RustCrypto;

fn hook(fields: &Value) -> Hook {
    let mut hook = json!({
        "workspace": "w", "database": "d", "workflow": "f",
        "verify": {"scheme": "github", "secret": "S"},
        "when": "body.seats > 3",
        "params": {"rows": "{{ body.seats * 10 }}", "name": "{{ body.name }}"},
    });
    hook.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let vars = json!({"HOOKS": {"h": hook}});
    Configuration::read(vars.as_object().unwrap()).hooks.into_values().next().unwrap().unwrap()
}

fn response(fields: &Value, method: &str, query: &str, body: &str) -> ExpectedResponse {
    let headers = [("content-type".to_owned(), "application/json".to_owned())];
    let (url, now) = (format!("http://localhost/hooks/h?{query}"), Timestamp::from_millis(0));
    let request = RawRequest::new(method, &url, headers, body.into(), now);
    let secret = |name: &str| (name != "UNSET").then(|| "s3cret".to_owned());
    ExpectedResponse::to(
        &hook(fields),
        request,
        &VerifyContext { secret: &secret, certificate: None, crypto: &RustCrypto, now },
    )
}

#[track_caller]
fn check(fields: &Value, body: &str, expected: &str, is_good: bool) {
    let response = response(fields, "POST", "", body);
    assert_eq!((response.to_string().as_str(), response.is_good), (expected, is_good));
}

#[test]
fn a_run_with_all_its_parameters_is_good_verified_or_not() {
    let open = json!({"verify": {"scheme": "none"}});
    check(&open, r#"{"seats": 5, "name": "n"}"#, "The Worker would answer 202: accepted, 1 run", true);
    check(
        &json!({}),
        r#"{"seats": 5, "name": "n"}"#,
        "The Worker would answer 401: not verified\n\
         If verified, it would answer 202: accepted, 1 run",
        true,
    );
    check(
        &json!({"verify": {"scheme": "github", "secret": "UNSET"}}),
        r#"{"seats": 1}"#,
        "The Worker would answer 503: not verified\n\
         If verified, it would answer 200: ignored, no run",
        false,
    );
}

#[test]
fn a_request_that_starts_nothing_or_fails_is_not_good() {
    let open = json!({"verify": {"scheme": "none"}});
    check(&open, r#"{"seats": 1}"#, "The Worker would answer 200: ignored, no run", false);
    check(
        &open,
        r#"{"seats": 5}"#,
        "The Worker would answer 202: accepted, but the run would fail at stage mapping",
        false,
    );
    let two = json!({"verify": {"scheme": "none"}, "rules": [{"params": {}}, {}]});
    check(
        &two,
        r#"{"seats": 5}"#,
        "The Worker would answer 202: accepted, but 1 of 2 runs would fail at stage mapping",
        false,
    );
    check(&two, r#"{"seats": 5, "name": 1}"#, "The Worker would answer 202: accepted, 2 runs", true);
    let paused = json!({"verify": {"scheme": "none"}, "paused": true});
    check(&paused, r#"{"seats": 5, "name": 1}"#, "The Worker would answer 503: the hook is paused", false);
    let small = json!({"verify": {"scheme": "none"}, "max_body_bytes": 3});
    check(&small, "1234", "The Worker would answer 413: the body must have at most 3 bytes, got 4", false);
    assert!(response(&open, "POST", "", "{").to_string().contains("would answer 400: "));
    assert_eq!(
        response(&open, "GET", "", "").to_string(),
        "The Worker would answer 405: the hook accepts POST, got GET"
    );
}

#[test]
fn a_handshake_is_good_and_shows_its_answer() {
    let meta = json!({"verify": {"scheme": "meta", "secret": "S", "verify_token": "T"}});
    let asked = |token: &str| format!("hub.mode=subscribe&hub.challenge=12&hub.verify_token={token}");
    let shown = response(&meta, "GET", &asked("s3cret"), "");
    assert_eq!(shown.to_string(), "The Worker would answer 200: the answer to a handshake: 12");
    assert!(shown.is_good && shown.is_verified());
    let wrong = response(&meta, "GET", &asked("x"), "");
    assert_eq!(wrong.to_string(), "The Worker would answer 403: the handshake's token is wrong");
    assert!(!wrong.is_good);
    let slack = json!({"verify": {"scheme": "slack", "secret": "S"}});
    let shown = response(&slack, "POST", "", r#"{"type": "url_verification", "challenge": "c"}"#);
    assert!(shown.is_good && !shown.is_verified());
    assert!(shown.to_string().ends_with("200: the answer to a handshake (--sign shows it)"), "{shown}");
}

/// What a hook with a schedule and these fields makes of a body.
fn scheduled(fields: &Value, body: &str) -> ExpectedResponse {
    let mut hook = json!({"workspace": "w", "database": "d", "workflow": "f", "schedule": "0 3 * * *",
        "params": {"day": "{{ scheduled_at[:10] }}"}});
    hook.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let hooks = Configuration::read(json!({"HOOKS": {"h": hook}}).as_object().unwrap()).hooks;
    let hook = hooks.into_values().next().unwrap().unwrap();
    let headers = [("content-type".to_owned(), "application/json".to_owned())];
    let now = Timestamp::from_millis(0);
    let request = RawRequest::new("POST", "http://localhost/hooks/h", headers, body.into(), now);
    let secret = |_: &str| Some("s3cret".to_owned());
    let context = VerifyContext { secret: &secret, certificate: None, crypto: &RustCrypto, now };
    ExpectedResponse::to(&hook, request, &context)
}

#[track_caller]
fn check_scheduled(fields: &Value, body: &str, expected: &str, is_good: bool) {
    let response = scheduled(fields, body);
    assert_eq!((response.to_string().as_str(), response.is_good), (expected, is_good));
    assert!(!response.is_verified());
}

#[test]
fn a_hook_without_a_sender_is_called_by_nobody_and_started_by_its_schedule() {
    const NOBODY: &str = "The Worker would answer 404: nobody can call it; its schedule starts it\n";
    let accepted = format!("{NOBODY}By its schedule, at 1970-01-01T03:00:00.000Z: accepted, 1 run");
    check_scheduled(&json!({}), "", &accepted, true);
    let by_hand = format!("{NOBODY}By hand, with this payload: accepted, 1 run");
    check_scheduled(&json!({}), "{}", &by_hand, true);
    let params = json!({"params": {"rows": "{{ body.rows }}"}});
    let failing = format!(
        "{NOBODY}By its schedule, at 1970-01-01T03:00:00.000Z: accepted, but the run would fail at stage mapping"
    );
    check_scheduled(&params, "", &failing, false);
    let paused =
        format!("{NOBODY}By its schedule, at 1970-01-01T03:00:00.000Z: nothing, because the hook is paused");
    check_scheduled(&json!({"paused": true}), "", &paused, false);
}

#[test]
fn without_a_payload_a_hook_with_both_shows_what_its_schedule_starts() {
    let both = json!({"verify": {"scheme": "github", "secret": "S"}});
    check_scheduled(
        &both,
        "",
        "There is no payload, so this is what the schedule starts\n\
         By its schedule, at 1970-01-01T03:00:00.000Z: accepted, 1 run",
        true,
    );
    let of_sender = scheduled(&both, "{}").to_string();
    assert!(of_sender.starts_with("The Worker would answer 401: not verified\n"), "{of_sender}");
}

#[test]
fn the_hooks_own_answer_replaces_the_default() {
    let own = json!({"verify": {"scheme": "none"}, "answer": {"status": 204}});
    check(&own, r#"{"seats": 5, "name": 1}"#, "The Worker would answer 204: accepted, 1 run", true);
}
