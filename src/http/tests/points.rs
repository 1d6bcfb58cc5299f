//! The data points of deliveries: one for each request to a hook, however it is answered.

use super::*;

/// The only data point that a request caused on the HTTP side.
#[track_caller]
fn check_point(stage: &Stage, expected: &str) {
    assert_eq!(stage.points.take(), [expected]);
}

#[test]
fn every_answer_to_a_delivery_is_a_data_point() {
    let stage = stage();
    for (hook, body, expected) in [
        ("open", r#"{"id": 1}"#, "delivery accepted [202] open acme : 0 9 0"),
        ("open", r#"{"id": 1}"#, "delivery duplicate [200] open acme : 0 9 0"),
        ("created", r#"{"id": 1}"#, "delivery accepted [201] created acme : 0 9 0"),
        ("picky", "{}", "delivery ignored [200] picky acme : 0 2 0"),
        ("keeper", "{}", "delivery ignored [200] keeper acme : 0 2 0"),
        ("open", "{", "delivery rejected [400] open acme : 0 1 0"),
        ("small", &" ".repeat(1001), "delivery rejected [413] small acme : 0 0 0"),
        ("signed", "{}", "delivery rejected [401] signed acme : 0 2 0"),
        ("secretless", "{}", "delivery failed [503] secretless acme : 0 2 0"),
        ("broken", "{}", "delivery failed [503] broken  : 0 0 0"),
        ("paused", "{}", "delivery paused [503] paused acme : 0 2 0"),
        ("nobody-knows-it", "{}", "delivery rejected [404]   : 0 0 0"),
        ("..%2Fapi", "{}", "delivery rejected [404]   : 0 0 0"),
    ] {
        stage.post(hook, body);
        check_point(&stage, expected);
    }
    let waits = [("content-type", "application/json"), ("prefer", "wait=5")];
    stage.send("POST", "/hooks/open", &waits, r#"{"id": 3}"#);
    check_point(&stage, "delivery accepted [202] open acme : 5000 9 0");
    stage.limits.borrow_mut().insert("HOOK_LIMIT", 0);
    stage.post("limited", "{}");
    check_point(&stage, "delivery limited [429] limited acme : 0 0 0");
    stage.send("GET", "/hooks/open", &[], "");
    check_point(&stage, "delivery rejected [405] open acme : 0 0 0");
    stage.send("GET", "/hooks/meta?hub.mode=subscribe&hub.challenge=1&hub.verify_token=s3cret", &[], "");
    check_point(&stage, "delivery handshake [200] meta acme : 0 0 0");
    stage.stores().inbox_fails.set(true);
    stage.post("open", r#"{"id": 2}"#);
    check_point(&stage, "delivery failed [503] open acme : 0 9 0");
}

#[test]
fn what_the_operator_does_is_no_delivery() {
    let stage = stage();
    stage.operator("GET", "/api/runs", "");
    stage.operator("POST", "/api/hooks/open/preview", "{}");
    stage.send("GET", "/health", &[], "");
    assert!(stage.points.take().is_empty());
}
