//! The trace that a sender's `traceparent` names: where it shows, and whose header is not looked at.

use serde_json::{Value, json};

use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn header(trace_id: &str) -> String {
    format!("00-{trace_id}-00f067aa0ba902b7-01")
}

/// Sends an event with this `traceparent` to a hook.
fn send(stage: &Stage, hook: &str, token: &str, traceparent: &str, body: &Value) -> Got {
    let headers =
        [("content-type", "application/json"), ("authorization", token), ("traceparent", traceparent)];
    stage.send("POST", &format!("/hooks/{hook}"), &headers, &body.to_string())
}

/// The last line of the HTTP side that begins so; its fields.
#[track_caller]
fn logged(stage: &Stage, message: &str) -> Value {
    let log = stage.log.borrow();
    let fields = log.iter().rev().find_map(|(_, line)| line.strip_prefix(message));
    serde_json::from_str(fields.unwrap_or_else(|| panic!("{message}: {log:?}"))).unwrap()
}

#[track_caller]
fn run_of(stage: &Stage, got: &Got) -> Value {
    let run_id = got.json()["runs"][0]["run_id"].as_str().unwrap().to_owned();
    stage.operator("GET", &format!("/api/runs/{run_id}"), "").json()
}

#[test]
fn a_verified_senders_trace_is_in_the_log_in_the_run_and_in_its_start() {
    let stage = stage();
    let got = send(&stage, "signed", "Bearer s3cret", &header(TRACE), &json!({"id": 1}));
    check(&got, 202, "");
    assert_eq!(logged(&stage, "delivery accepted ")["trace_id"], TRACE);
    assert_eq!(run_of(&stage, &got)["trace_id"], TRACE);
    stage.finish_work();
    let started = stage.stores().traceparents.borrow()[0].clone().unwrap();
    assert!(started.starts_with(&format!("00-{TRACE}-")) && started.ends_with("-01"), "{started}");
    assert!(!started.contains("00f067aa0ba902b7"), "the span is seedhook's own: {started}");
}

#[test]
fn deliveries_that_start_nothing_are_logged_with_their_traces() {
    let stage = stage();
    let first = send(&stage, "open", "", &header(TRACE), &json!({"id": 1}));
    let other = TRACE.replace("4bf9", "aaaa");
    check(&send(&stage, "open", "", &header(&other), &json!({"id": 1})), 200, "");
    assert_eq!(logged(&stage, "delivery is a duplicate ")["trace_id"], other.as_str());
    assert_eq!(run_of(&stage, &first)["trace_id"], TRACE, "a run keeps the trace of its first delivery");
    check(&send(&stage, "picky", "", &header(TRACE), &json!({"id": 1})), 200, "");
    assert_eq!(logged(&stage, "delivery ignored ")["trace_id"], TRACE);
    let items = Value::from(vec![1; 501]);
    check(&send(&stage, "batch", "", &header(TRACE), &items), 413, "too-many-runs");
    assert_eq!(logged(&stage, "delivery rejected: more than 500 items or runs ")["trace_id"], TRACE);
}

#[test]
fn a_header_of_a_stranger_does_not_reach_the_log() {
    let stage = stage();
    check(&send(&stage, "signed", "Bearer wrong", &header(TRACE), &json!({"id": 1})), 401, "not-verified");
    let log = stage.log.borrow();
    assert!(!log.is_empty() && log.iter().all(|(_, line)| !line.contains("4bf9")), "{log:?}");
}

#[test]
fn a_header_that_is_not_valid_is_ignored() {
    let stage = stage();
    for (id, bad) in
        ["", "garbage", &header(&TRACE.to_uppercase()), &header(&"0".repeat(32))].into_iter().enumerate()
    {
        let got = send(&stage, "open", "", bad, &json!({"id": id}));
        check(&got, 202, "");
        assert_eq!(logged(&stage, "delivery accepted ").get("trace_id"), None, "{bad}");
        assert_eq!(run_of(&stage, &got).get("trace_id"), Some(&Value::Null), "{bad}");
    }
    stage.finish_work();
    assert_eq!(*stage.stores().traceparents.borrow(), [None, None, None, None]);
}

#[test]
fn a_retry_keeps_the_trace_of_the_run_or_takes_that_of_the_stored_delivery() {
    for forgotten in [false, true] {
        let stage = stage();
        let got = send(&stage, "mapped", "", &header(TRACE), &json!({"id": 1}));
        let old = run_of(&stage, &got)["run_id"].as_str().unwrap().to_owned();
        if forgotten {
            // As a run of an earlier version, which kept no trace.
            for run in stage.stores().done.borrow_mut().values_mut() {
                run.trace = None;
            }
            for (entry, _) in stage.stores().journals.borrow_mut().values_mut() {
                if let crate::journal::Decision::End { run } = &mut entry.decision {
                    run.trace = None;
                }
            }
        } else {
            for (_, claim) in stage.stores().claims.borrow_mut().iter_mut() {
                claim.delivery.headers.clear();
            }
        }
        let new = stage.operator("POST", &format!("/api/runs/{old}/retry"), "");
        assert_eq!((new.status, &new.json()["trace_id"]), (202, &json!(TRACE)), "{forgotten}");
    }
}
