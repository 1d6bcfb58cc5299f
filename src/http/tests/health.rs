//! `GET /health`: when it is 503, and who learns why.

use super::*;
use crate::fabricate::KeyRefusal;
use crate::ports::{Heartbeat, IdleHint, Version};
use crate::timestamp::MINUTE_MS;

/// The kinds of the problems that an operator sees, and the status.
#[track_caller]
fn ill(stage: &Stage) -> (u16, Vec<String>) {
    let got = stage.operator("GET", "/health", "");
    let shown = got.json();
    assert_eq!(shown["status"], if got.status == 200 { "ok" } else { "unhealthy" });
    assert_eq!(got.header("retry-after").is_some(), got.status == 503);
    let kinds = shown["problems"].as_array().unwrap().iter();
    (got.status, kinds.map(|problem| problem["kind"].as_str().unwrap().to_owned()).collect())
}

#[test]
fn an_operator_sees_what_is_wrong() {
    let well = stage();
    assert_eq!(ill(&well), (200, vec![]));
    assert_eq!(
        well.operator("GET", "/health", "").json(),
        json!({"status": "ok", "version": env!("CARGO_PKG_VERSION"), "problems": [],
               "sweeps": {"last_at": null, "open": null}})
    );
    let mut stage = stage();
    stage.secrets.remove("FABRICATE_API_KEY");
    assert_eq!(ill(&stage), (503, vec!["credentials".to_owned()]));
    stage.stores = None;
    assert_eq!(ill(&stage), (503, vec!["credentials".to_owned(), "binding".to_owned()]));
    assert_eq!(ill(&Stage::new(&json!(7))), (503, vec!["configuration".to_owned()]));
    let stage = self::stage();
    stage.stores().heartbeat_fails.set(true);
    assert_eq!(ill(&stage), (503, vec!["store".to_owned()]));
    check(&stage.send("GET", "/health", &[], ""), 503, "not-ready");
}

#[test]
fn a_wrong_token_is_as_none_and_counts() {
    let stage = stage();
    stage.limits.borrow_mut().insert("OPERATOR_LIMITER", 1);
    for _ in 0..3 {
        let got = stage.send("GET", "/health", &[("authorization", "Bearer wrong")], "");
        assert_eq!((got.status, got.body.as_str()), (200, r#"{"status":"ok"}"#));
        stage.send("GET", "/health", &[], "");
    }
    let got = stage.send("GET", "/api/hooks", &[("authorization", "Bearer wrong")], "");
    check(&got, 429, "too-many-attempts");
}

/// A heartbeat of that minute.
fn heartbeat(stage: &Stage, minute: i64, open: usize, refusals: Vec<KeyRefusal>) {
    let heartbeat = Heartbeat { author: "x".into(), at: at(minute * MINUTE_MS), open, refusals, gap: None };
    let version = Version { etag: "x".into(), at: heartbeat.at };
    stage.stores().heartbeat.replace(Some((heartbeat, version)));
}

#[test]
fn it_is_unhealthy_while_fabricate_refuses_the_key() {
    for (workspace, status) in [(None, "(401)"), (Some("sales".to_owned()), "`sales` (403)")] {
        let stage = stage();
        heartbeat(&stage, 0, 1, vec![KeyRefusal { workspace, since: at(0), last_at: at(0) }]);
        assert_eq!(ill(&stage), (503, vec!["credentials".to_owned()]));
        check(&stage.send("GET", "/health", &[], ""), 503, "not-ready");
        let shown = stage.operator("GET", "/health", "").json();
        assert!(shown["problems"][0]["detail"].as_str().unwrap().contains(status), "{shown}");
        assert_eq!(shown["sweeps"]["open"], 1);
        heartbeat(&stage, 0, 1, Vec::new());
        assert_eq!(ill(&stage).0, 503, "R2 is read every 30 s");
        stage.pass_ms(30_000);
        assert_eq!(ill(&stage).0, 200);
    }
}

#[test]
fn it_is_unhealthy_where_nothing_sweeps() {
    let stage = stage();
    heartbeat(&stage, 0, 2, Vec::new());
    stage.pass_ms(16 * MINUTE_MS);
    assert_eq!(ill(&stage), (200, vec![]));
    stage.pass_ms(MINUTE_MS);
    assert_eq!(ill(&stage), (503, vec!["sweeps".to_owned()]));
    // Nothing was open: a run may have been opened a moment ago.
    heartbeat(&stage, 0, 0, Vec::new());
    let states = [0, 1, 5, 1].map(|minutes| {
        stage.pass_ms(minutes * MINUTE_MS + 30_000);
        stage.send("GET", "/health", &[], "").status
    });
    assert_eq!(states, [200, 200, 503, 503], "it is awaited for six minutes");
    stage.pass_ms(60 * MINUTE_MS);
    assert_eq!(ill(&stage), (200, vec![]), "it may have been idle since the last call");
    stage.pass_ms(7 * MINUTE_MS);
    assert_eq!(ill(&stage), (503, vec!["sweeps".to_owned()]));
    stage.stores().hint.replace(Some((
        IdleHint { author: "x".into(), is_idle: true },
        Version { etag: "x".into(), at: at(0) },
    )));
    stage.pass_ms(MINUTE_MS);
    assert_eq!(ill(&stage), (200, vec![]), "nothing is open");
}

#[test]
fn a_flood_of_calls_reads_r2_once() {
    let stage = stage();
    for _ in 0..100 {
        stage.send("GET", "/health", &[], "");
    }
    let stores = stage.stores();
    assert_eq!((stores.heartbeat_calls.get(), stores.hint_calls.get()), ([1, 0], [1, 0, 0]));
}

#[test]
fn a_secret_of_a_target_that_is_not_set_or_cannot_be_used_is_a_problem_of_the_configuration() {
    let mut stage = Stage::with_vars(&json!({"NOTIFY": {
        "ops": {"url_secret": "OPS_URL", "format": "slack"},
        "crm": {"url": "https://example.com", "secret": "CRM_KEY"},
    }}));
    stage.secrets.insert("CRM_KEY", "c2hvcnQ=");
    let shown = stage.operator("GET", "/health", "").json();
    let details: Vec<&str> =
        shown["problems"].as_array().unwrap().iter().map(|found| found["detail"].as_str().unwrap()).collect();
    assert_eq!(
        details,
        [
            "NOTIFY.crm.secret: the secret CRM_KEY must have at least 24 bytes; make one with `openssl rand -base64 32`",
            "NOTIFY.ops.url_secret: the secret OPS_URL is not set",
        ]
    );
    assert_eq!(shown["problems"][1]["remedy"], "run `npx wrangler secret put OPS_URL`");
    assert_eq!(ill(&stage), (503, vec!["configuration".to_owned(); 2]));
    stage.secrets.insert("OPS_URL", "https://hooks.example.com/x");
    stage.secrets.insert("CRM_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
    assert_eq!(ill(&stage), (200, vec![]));
}
