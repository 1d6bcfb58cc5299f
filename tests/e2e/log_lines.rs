//! Every line that the Worker logs in the life of a few deliveries: it is JSON, `docs/operations.md` lists it with each of its
//! fields, and it has no secret and no word of a payload.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::log_table;
use crate::stage::{FABRICATE_KEY, LINK_SECRET, OPERATOR_TOKEN, SECRET, Stage, now_ms, open_hook, sign};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const STRANGERS_TRACE: &str = "aaaa2f3577b34da6a3ce929d0e0e4736";

/// Words of payloads, and of what Fabricate says of them.
const WORDS: [&str; 4] = ["planted-account", "planted-seats", "planted-type", "Database connection"];

fn hooks() -> Value {
    let mut signed = open_hook("seed-account");
    signed["verify"] = json!({"scheme": "standard-webhooks", "secret": ["SECRET"]});
    signed["when"] = json!("body.type == 'won'");
    signed["params"] = json!({
        "startDate": "2026-11-20", "rows": "{{ body.seats * 10 }}", "label": "{{ body.account }}",
    });
    signed.as_object_mut().unwrap().remove("delivery_id");
    let mut fails = open_hook("fails");
    fails["notify"] = json!(["ops"]);
    json!({"signed": signed, "fails": fails})
}

/// Sends an event to the signed hook, in a trace.
fn post(stage: &Stage, id: &str, signed_as: &str, trace_id: &str, event: &Value) -> crate::stage::Answer {
    let timestamp = (now_ms() / 1_000).to_string();
    let signature = sign(signed_as, &timestamp, &event.to_string());
    let headers = [
        ("webhook-id", id),
        ("webhook-timestamp", &timestamp),
        ("webhook-signature", &signature),
        ("traceparent", &format!("00-{trace_id}-00f067aa0ba902b7-01")),
    ];
    stage.post("signed", event, &headers)
}

/// The Worker's lines; wrangler prints others, and colours.
fn lines(log: &str) -> Vec<Map<String, Value>> {
    let lines = log.lines().filter_map(|line| Some(&line[line.find(r#"{"level":"#)?..]));
    let text = |line: &str| line.split('\u{1b}').next().unwrap().to_owned();
    let parsed =
        lines.map(|line| serde_json::from_str(&text(line)).unwrap_or_else(|error| panic!("{error}: {line}")));
    parsed.collect()
}

#[track_caller]
fn check_documented(lines: &[Map<String, Value>]) {
    let rows = log_table::rows();
    for line in lines {
        let (level, message) = (line["level"].as_str().unwrap(), line["message"].as_str().unwrap());
        let row = rows.iter().find(|row| row.message == message && row.level == level);
        let row = row.unwrap_or_else(|| panic!("docs/operations.md does not list {line:?}"));
        for name in line.keys().filter(|name| !["level", "message"].contains(&name.as_str())) {
            assert!(row.fields.contains(name), "docs/operations.md does not list `{name}` of {line:?}");
        }
    }
}

#[test]
fn every_line_is_documented_and_holds_no_secret_and_no_payload() {
    // Nobody listens there.
    let nobody = json!({"url": "http://localhost:9/planted-account", "secret": "SECRET"});
    let mut stage = Stage::with_config(&hooks(), |config| config["vars"]["NOTIFY"] = json!({"ops": nobody}));
    let event =
        |kind: &str, seats: Value| json!({"type": kind, "seats": seats, "account": "planted-account"});
    let won = event("won", json!(5));
    let accepted = post(&stage, "m1", "m1", TRACE, &won);
    assert_eq!(accepted.status, 202);
    assert_eq!(post(&stage, "m1", "m1", TRACE, &won).status, 200, "a duplicate");
    assert_eq!(post(&stage, "m2", "another", STRANGERS_TRACE, &won).status, 401);
    assert_eq!(post(&stage, "m3", "m3", TRACE, &event("planted-type", json!(5))).status, 200, "ignored");
    assert_eq!(post(&stage, "m4", "m4", TRACE, &event("won", json!("planted-seats"))).status, 202);
    assert_eq!(stage.sweep_until_final(&accepted.run_id())["status"], "completed");
    let failed = stage.post("fails", &json!({"id": "planted-account"}), &[]).run_id();
    assert_eq!(stage.sweep_until_final(&failed)["error"]["message"], "Database connection failed");
    stage.sweep();
    stage.wait_for_log(r#""message":"run failed""#, 2);
    stage.wait_for_log(r#""message":"notification not delivered, will be tried again""#, 1);

    let log = stage.log();
    let lines = lines(&log);
    assert_eq!(lines.len(), log.matches(r#""message":""#).count(), "each line is found: {log}");
    check_documented(&lines);
    let messages: BTreeSet<&str> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
    for expected in [
        "delivery accepted",
        "delivery is a duplicate",
        "delivery ignored",
        "delivery rejected: not verified",
        "run ended",
        "run failed",
        "sweep finished",
    ] {
        assert!(messages.contains(expected), "{expected}: {messages:?}");
    }
    for secret in [SECRET, SECRET.trim_start_matches("whsec_"), OPERATOR_TOKEN, FABRICATE_KEY, LINK_SECRET] {
        assert!(!log.contains(secret), "{secret}");
    }
    for line in lines.iter().map(|line| json!(line).to_string()) {
        for word in WORDS.iter().chain(&[STRANGERS_TRACE]) {
            assert!(!line.contains(word), "{word}: {line}");
        }
    }
    let traced = lines.iter().filter(|line| line.get("trace_id") == Some(&json!(TRACE)));
    let traced: BTreeSet<&str> = traced.map(|line| line["message"].as_str().unwrap()).collect();
    let expected =
        ["delivery accepted", "delivery ignored", "delivery is a duplicate", "run ended", "run failed"];
    assert_eq!(traced, expected.into());
}
