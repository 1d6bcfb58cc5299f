//! What senders are answered: section by section of the contract, and nothing more than that.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::stage::{SECRET, Stage, now_ms, open_hook, sign};

fn hooks() -> Value {
    let mut signed = open_hook("no-files");
    signed["verify"] = json!({"scheme": "standard-webhooks", "secret": "SECRET"});
    signed.as_object_mut().unwrap().remove("delivery_id");
    let mut small = open_hook("no-files");
    small["max_body_bytes"] = json!(1000);
    let mut mapped = open_hook("seed-account");
    mapped["when"] = json!("body.type == 'won'");
    mapped["params"] = json!({"startDate": "2024-01-01", "rows": "{{ body.seats }}"});
    let mut paused = open_hook("no-files");
    paused["paused"] = json!(true);
    let mut secretless = open_hook("no-files");
    secretless["verify"] = json!({"scheme": "bearer", "secret": "NOT_SET"});
    let mut two = open_hook("no-files");
    two["rules"] = json!([{"when": "body.a"}, {"when": "body.b", "workflow": "fails"}]);
    json!({
        "signed": signed, "small": small, "mapped": mapped, "paused": paused, "secretless": secretless,
        "broken": {"workflow": 7}, "open": open_hook("no-files"), "two": two,
    })
}

#[track_caller]
fn check_problem(answer: &crate::stage::Answer, status: u16, kind: &str) {
    assert_eq!(answer.status, status, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let problem = answer.json();
    assert_eq!(problem["type"], format!("urn:seedhook:problem:{kind}"));
    assert_eq!(problem["status"], status);
    assert!(problem["title"].is_string() && problem["detail"].is_string());
    assert_eq!(answer.header("retry-after").is_some(), status == 503);
}

#[test]
fn every_refusal_is_a_problem_that_says_what_to_do() {
    let stage = Stage::with_hooks(&hooks());
    let post = |hook: &str, content_type: &str, body: &[u8]| {
        stage.send("POST", &format!("/hooks/{hook}"), &[("content-type", content_type)], body)
    };
    check_problem(&stage.post("nobody", &json!({}), &[]), 404, "no-such-hook");
    check_problem(&stage.post("..%2Fapi", &json!({}), &[]), 404, "no-such-hook");
    check_problem(&stage.send("GET", "/elsewhere", &[], b""), 404, "no-such-page");
    let wrong_method = stage.send("GET", "/hooks/open", &[], b"");
    check_problem(&wrong_method, 405, "wrong-method");
    assert_eq!(wrong_method.header("allow"), Some("POST"));
    check_problem(&stage.send("PROPFIND", "/health", &[], b""), 405, "wrong-method");
    check_problem(&post("open", "application/json", b"{"), 400, "malformed-body");
    check_problem(&post("open", "application/json", b"\xff"), 400, "malformed-body");
    check_problem(&post("open", "application/json", "[".repeat(100_000).as_bytes()), 413, "complex-body");
    let fields = "a=1&".repeat(100_000);
    check_problem(&post("open", "application/x-www-form-urlencoded", fields.as_bytes()), 413, "complex-body");
    check_problem(&post("open", "application/json", b""), 400, "malformed-body");
    check_problem(&post("open", "application/pdf", b"{}"), 415, "unsupported-type");
    let gzip = [("content-type", "application/json"), ("content-encoding", "gzip")];
    check_problem(&stage.send("POST", "/hooks/open", &gzip, b"{}"), 415, "unsupported-encoding");
    check_problem(&post("small", "application/json", &[b' '; 1001]), 413, "too-large");
    check_problem(&stage.post("paused", &json!({}), &[]), 503, "paused");
    check_problem(&stage.post("broken", &json!({}), &[]), 503, "not-ready");
    check_problem(&stage.post("secretless", &json!({}), &[("authorization", "Bearer ")]), 503, "not-ready");
    assert_eq!(stage.post("open", &json!({"id": "x"}), &[]).status, 202, "the others go on");
    assert_eq!(stage.fabricate.starts_of("seed-account").len(), 0);
}

#[test]
fn a_chunked_body_over_the_limit_is_cut_while_it_is_read() {
    let stage = Stage::with_hooks(&hooks());
    let address = stage.base_address();
    let mut stream = TcpStream::connect(&address).unwrap();
    let head = format!(
        "POST /hooks/small HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    for _ in 0..20 {
        // The Worker may have answered and closed by then.
        let _ = stream.write_all(format!("64\r\n{}\r\n", " ".repeat(100)).as_bytes());
    }
    let _ = stream.write_all(b"0\r\n\r\n");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[test]
fn only_the_sender_gets_in() {
    let stage = Stage::with_hooks(&hooks());
    let body = json!({"a": 1});
    let now = (now_ms() / 1_000).to_string();
    let old = (now_ms() / 1_000 - 301).to_string();
    let good = sign("m", &now, &body.to_string());
    let send = |id: Option<&str>, timestamp: &str, signatures: &[&str]| {
        let mut headers = vec![("webhook-timestamp", timestamp)];
        headers.extend(id.map(|id| ("webhook-id", id)));
        headers.extend(signatures.iter().map(|signature| ("webhook-signature", *signature)));
        stage.post("signed", &body, &headers)
    };
    check_problem(&send(None, &now, &[&good]), 401, "not-verified");
    check_problem(&send(Some("m"), &now, &[]), 401, "not-verified");
    check_problem(&send(Some("other"), &now, &[&good]), 401, "not-verified");
    check_problem(&send(Some("m"), &now, &["v1,AAAA"]), 401, "not-verified");
    check_problem(&send(Some("m"), &now, &[&good, &good]), 401, "not-verified");
    check_problem(&send(Some("m"), &now, &["v1,AAAA", &good]), 401, "not-verified");
    check_problem(&send(Some("m"), &old, &[&sign("m", &old, &body.to_string())]), 401, "not-verified");
    assert_eq!(send(Some("m"), &now, &[&good]).status, 202);
    assert_eq!(send(Some("m"), &now, &[&good]).status, 200, "a replay within the tolerance is a duplicate");
    stage.wait_for_log(r#""message":"delivery accepted""#, 1);
    let told = stage.log();
    assert!(!told.contains(SECRET) && !told.contains("fabricate-key"), "no secret in the log");
}

#[test]
fn what_does_not_count_is_ignored_and_what_cannot_be_mapped_is_kept() {
    let stage = Stage::with_hooks(&hooks());
    for body in [json!({"id": 1, "type": "lost"}), json!({"id": 1})] {
        let answer = stage.post("mapped", &body, &[]);
        assert_eq!((answer.status, answer.json()), (200, json!({"status": "ignored", "runs": []})));
    }
    let answer = stage.post("mapped", &json!({"id": 1, "type": "won", "secretish": "s3cr3t"}), &[]);
    assert_eq!(answer.status, 202);
    let told = answer.json();
    assert_eq!(told["runs"][0]["status"], "failed");
    assert_eq!(told["runs"][0]["error"], json!({"stage": "mapping"}), "the sender sees the stage alone");
    let run = stage.run(&answer.run_id());
    assert_eq!(run["error"]["stage"], "mapping");
    let message = run["error"]["message"].as_str().unwrap();
    assert!(message.contains("params.rows: `{{ body.seats }}`"), "{message}");
    stage.wait_for_log(&answer.run_id(), 1);
    assert!(!stage.log().contains("s3cr3t"), "no value of a body in the log");
    let again = stage.post("mapped", &json!({"id": 1, "type": "won"}), &[]);
    assert_eq!((again.status, again.run_id()), (200, answer.run_id()));
}

#[test]
fn every_rule_that_holds_starts_a_run_and_a_sender_may_wait_for_it() {
    let stage = Stage::with_hooks(&hooks());
    let answer = stage.post("two", &json!({"id": 1, "a": true, "b": true}), &[("prefer", "wait=10")]);
    assert_eq!(answer.status, 202);
    assert_eq!(answer.header("preference-applied"), Some("wait=10"));
    let runs = answer.json()["runs"].clone();
    assert_eq!(runs.as_array().unwrap().len(), 2);
    for run in runs.as_array().unwrap() {
        assert_eq!(run["status"], "in_progress", "{run}");
        assert!(run["task_id"].is_string());
    }
    let again = stage.post("two", &json!({"id": 1, "a": true}), &[]);
    assert_eq!(again.json()["runs"].as_array().unwrap().len(), 2, "the first delivery's runs");
    let waited = stage.post("two", &json!({"id": 1, "a": true}), &[("prefer", "wait=5")]);
    assert_eq!(waited.json()["runs"][0]["task_id"], runs[0]["task_id"]);
}
