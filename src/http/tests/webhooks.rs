//! What senders are answered.

use std::rc::Rc;

use serde_json::json;

use super::*;
use crate::http::request::Arrived;
use crate::http::request_body::in_flight::BYTES_MAX;
use crate::http::testing::arriving;
use crate::journal::Decision;
use crate::run::RunId;
use crate::timestamp::HOUR_MS;

const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn every_rejection_is_a_problem() {
    let stage = stage();
    let post = |hook: &str, content_type: &str, body: &str| {
        stage.send("POST", &format!("/hooks/{hook}"), &[("content-type", content_type)], body)
    };
    check(&stage.post("nobody", "{}"), 404, "no-such-hook");
    check(&stage.post("..%2Fapi", "{}"), 404, "no-such-hook");
    check(&stage.post("broken", "{}"), 503, "not-ready");
    check(&stage.post("paused", "{}"), 503, "paused");
    assert_eq!(stage.post("paused", "{}").header("retry-after"), Some("300"));
    check(&post("open", "application/json", "{"), 400, "malformed-body");
    check(&post("open", "application/json", &"[".repeat(100_000)), 413, "complex-body");
    check(&post("open", "application/pdf", "{}"), 415, "unsupported-type");
    check(&post("small", "application/json", &" ".repeat(1001)), 413, "too-large");
    let compressed = stage.send("POST", "/hooks/open", &[JSON, ("content-encoding", "gzip")], "{}");
    check(&compressed, 415, "unsupported-encoding");
    assert_eq!(compressed.header("accept-encoding"), Some("identity"));
    let stated = stage.send("POST", "/hooks/small", &[JSON, ("content-length", "1001")], "{}");
    check(&stated, 413, "too-large");
    assert_eq!(stated.json()["detail"], "the body has more than 1000 bytes");
    check(&stage.post("batch", &format!("[{}1]", "1,".repeat(500))), 413, "too-many-runs");
    assert!(stage.stores().claims.borrow().is_empty(), "nothing is stored");
}

#[test]
fn only_the_sender_gets_in_and_learns_nothing_else() {
    let stage = stage();
    let send = |hook: &str, token: &str| {
        stage.send("POST", &format!("/hooks/{hook}"), &[JSON, ("authorization", token)], r#"{"id": 1}"#)
    };
    let rejected = send("signed", "Bearer wrong");
    check(&rejected, 401, "not-verified");
    assert_eq!(rejected.header("www-authenticate"), Some("Webhook"));
    check(&send("secretless", "Bearer s3cret"), 503, "not-ready");
    check(&send("signed", "Bearer s3cret"), 202, "");
    let log = stage.log.borrow();
    assert!(
        log.iter().any(|(_, line)| line.starts_with("hook closed") && line.contains("NOT_SET")),
        "{log:?}"
    );
    assert!(log.iter().all(|(_, line)| !line.contains("s3cret")), "{log:?}");
}

#[test]
fn a_hook_is_called_no_more_often_than_its_limit_allows() {
    let stage = stage();
    check(&stage.post("limited", r#"{"id": 1}"#), 503, "not-ready");
    stage.limits.borrow_mut().insert("HOOK_LIMIT", 1);
    check(&stage.post("limited", r#"{"id": 1}"#), 202, "");
    check(&stage.post("limited", r#"{"id": 1}"#), 429, "too-often");
}

#[test]
fn a_delivery_is_accepted_once_and_its_runs_are_started_after_the_answer() {
    let stage = stage();
    let accepted = stage.post("open", r#"{"id": "e1"}"#);
    assert_eq!(accepted.header("content-type"), Some("application/json"));
    let run_id = accepted.json()["runs"][0]["run_id"].as_str().unwrap().to_owned();
    let run = format!(r#"{{"run_id":"{run_id}","status":"queued","status_url":"/api/runs/{run_id}"}}"#);
    assert_eq!((accepted.status, accepted.body), (202, format!(r#"{{"status":"accepted","runs":[{run}]}}"#)));
    let last_decision = || stage.stores().last_decision(run_id.parse().unwrap());
    assert_eq!(last_decision(), None, "the sender does not wait for the start");
    stage.finish_work();
    assert!(matches!(last_decision(), Some(Decision::NoAnswer { .. })));
    let again = stage.post("open", r#"{"id": "e1"}"#);
    assert_eq!((again.status, again.body), (200, format!(r#"{{"status":"duplicate","runs":[{run}]}}"#)));
    let ignored = stage.post("picky", r#"{"id": "e2"}"#);
    assert_eq!((ignored.status, ignored.body.as_str()), (200, r#"{"status":"ignored","runs":[]}"#));
    let unmapped = stage.post("mapped", r#"{"id": "e3"}"#);
    let failed = &unmapped.json()["runs"][0];
    assert_eq!((unmapped.status, &failed["status"]), (202, &json!("failed")));
    assert_eq!(failed["error"], json!({"stage": "mapping"}), "the reason is for the operator");
}

#[test]
fn a_sender_may_wait_and_sees_its_task() {
    let stage = stage();
    let accepted = stage.post("open", r#"{"id": "e1"}"#);
    let run_id: RunId = accepted.json()["runs"][0]["run_id"].as_str().unwrap().parse().unwrap();
    let started = crate::run::tests::started_run().task;
    stage.stores().open.borrow_mut().get_mut(&run_id).unwrap().task = started;
    for (prefer, applied) in [
        ("wait=10", Some("wait=10")),
        ("respond-async, Wait=\"99\"", Some("wait=25")),
        ("wait=x", None),
        ("return=minimal", None),
    ] {
        let waited = stage.send("POST", "/hooks/open", &[JSON, ("prefer", prefer)], r#"{"id": "e1"}"#);
        assert_eq!((waited.status, waited.header("preference-applied")), (200, applied), "{prefer}");
        assert_eq!(waited.json()["runs"][0]["task_id"] == "task", applied.is_some(), "{prefer}");
    }
}

#[test]
fn a_hook_may_state_its_own_answer() {
    let stage = stage();
    let created = stage.post("created", r#"{"id": 1}"#);
    assert_eq!((created.status, created.header("content-type")), (201, Some("application/json")));
    assert_eq!(created.json()["status"], "accepted");
    let silent = stage.post("silent", r#"{"id": 1}"#);
    assert_eq!((silent.status, silent.body.as_str(), silent.header("content-type")), (204, "", None));
}

#[test]
fn a_delivery_that_cannot_be_stored_is_not_acknowledged() {
    let mut stage = stage();
    stage.stores().kv_fails.set(true);
    let got = stage.post("open", r#"{"id": 1}"#);
    check(&got, 503, "not-ready");
    assert!(!got.body.contains("kv"), "no internals: {}", got.body);
    let stored = stage.log.borrow().iter().filter(|(_, line)| line.contains("delivery not stored")).count();
    assert_eq!(stored, 1, "logged once");
    stage.secrets.remove("FABRICATE_API_KEY");
    check(&stage.post("open", r#"{"id": 2}"#), 503, "not-ready");
    assert_eq!(stage.stores().claims.borrow().len(), 1, "without the key nothing is accepted");
}

#[test]
fn handshakes_are_answered_also_by_a_paused_hook_and_rejected_without_the_token() {
    let stage = stage();
    let ask = |token: &str, challenge: &str| {
        let query = format!("hub.mode=subscribe&hub.challenge={challenge}&hub.verify_token={token}");
        stage.send("GET", &format!("/hooks/meta?{query}"), &[], "")
    };
    let answered = ask("s3cret", "12");
    assert_eq!((answered.status, answered.body.as_str()), (200, "12"));
    assert_eq!(answered.header("content-type"), Some("text/plain; charset=utf-8"));
    check(&ask("wrong", "12"), 403, "bad-handshake");
    check(&ask("s3cret", &"1".repeat(5000)), 400, "bad-handshake");
}

#[test]
fn the_first_token_of_a_handshake_is_kept_and_shown() {
    let mut stage = stage();
    let bring = |stage: &Stage, token: &str| {
        stage.post("notion", &format!(r#"{{"verification_token": "{token}"}}"#)).status
    };
    let shown = |stage: &Stage| {
        let hooks = stage.operator("GET", "/api/hooks", "").json()["hooks"].clone();
        let notion = hooks.as_array().unwrap().iter().find(|hook| hook["hook"] == "notion").unwrap();
        notion["verification_token"].clone()
    };
    assert_eq!(shown(&stage), json!(null));
    assert_eq!((bring(&stage, "secret_first"), bring(&stage, "secret_second")), (200, 200));
    assert_eq!(shown(&stage), "secret_first");
    let ignored = stage.log.borrow().iter().filter(|(_, line)| line.contains("token ignored")).count();
    assert_eq!(ignored, 1);
    futures_util::FutureExt::now_or_never(crate::ports::Clock::sleep_ms(&stage, HOUR_MS.try_into().unwrap()));
    assert_eq!(bring(&stage, "secret_later"), 200);
    assert_eq!(shown(&stage), "secret_later", "its hour is over");
    stage.secrets.insert("NOTION", "secret_later");
    assert_eq!(shown(&stage), json!(null), "it is set");
}

#[test]
fn a_body_that_stops_or_breaks_off_or_finds_no_room_is_not_taken() {
    let stage = stage();
    let send = |body| stage.send_body("POST", "/hooks/open", &[JSON], body);
    let silent = send(arriving([]));
    check(&silent, 408, "body-timeout");
    assert!(silent.json()["detail"].as_str().unwrap().contains("no byte of the body came for 30 s"));
    let broken = send(arriving([Arrived::Bytes(1), Arrived::BrokenOff]));
    check(&broken, 400, "unreadable-body");
    let mut lease = stage.isolate.in_flight.lease(crate::run::tests::at(0)).unwrap();
    lease.hold(BYTES_MAX / 2).unwrap();
    let mut others = Vec::new();
    while let Ok(lease) = stage.isolate.in_flight.lease(crate::run::tests::at(0)) {
        others.push(lease);
    }
    check(&send(arriving([Arrived::End])), 503, "busy");
    drop((lease, others));
    check(&stage.post("open", r#"{"id": 1}"#), 202, "");
    // The answer does not end the lease: it counts the run until that is started.
    assert!(stage.isolate.in_flight.bytes() > 0);
    stage.work.borrow_mut().clear();
    assert_eq!(stage.isolate.in_flight.bytes(), 0);
    assert_eq!(Rc::strong_count(stage.stores.as_ref().unwrap()), 1);
}
