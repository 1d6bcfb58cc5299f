//! The whole router, natively: each address and method, and what it answers.

mod access;
mod example_secrets;
mod files;
mod health;
mod heard;
mod ignored;
mod operator;
mod points;
mod reading;
mod status;
mod trace;
mod upgrade;
mod webhooks;

use serde_json::{Value, json};

use super::testing::{AUTHORIZATION, Got, Stage};
use crate::run::tests::{at, queued_run};

/// A run's id that no store has.
const NO_RUN: &str = "0197f1a2-0000-7000-8000-000000000000";

fn open_hook() -> Value {
    json!({"workspace": "acme", "database": "sales-demo", "workflow": "seed", "verify": {"scheme": "none"},
        "delivery_id": "{{ body.id }}"})
}

fn hook(change: impl FnOnce(&mut Value)) -> Value {
    let mut hook = open_hook();
    change(&mut hook);
    hook
}

fn stage() -> Stage {
    Stage::new(&json!({
        "open": open_hook(),
        "broken": {"workflow": 7},
        "paused": hook(|hook| hook["paused"] = json!(true)),
        "small": hook(|hook| hook["max_body_bytes"] = json!(1000)),
        "signed": hook(|hook| hook["verify"] = json!({"scheme": "bearer", "secret": "SECRET"})),
        "secretless": hook(|hook| hook["verify"] = json!({"scheme": "bearer", "secret": "NOT_SET"})),
        "limited": hook(|hook| hook["rate_limit"] = json!("HOOK_LIMIT")),
        "meta": hook(|hook| {
            hook["verify"] = json!({"scheme": "meta", "secret": "SECRET", "verify_token": "SECRET"});
        }),
        "notion": hook(|hook| hook["verify"] = json!({"scheme": "notion", "secret": "NOTION"})),
        "picky": hook(|hook| hook["when"] = json!("body.type == 'won'")),
        "keeper": hook(|hook| {
            hook["when"] = json!("body.type == 'won'");
            hook["keep_ignored"] = json!(true);
        }),
        "mapped": hook(|hook| hook["params"] = json!({"rows": "{{ body.seats }}"})),
        "batch": hook(|hook| hook["each"] = json!("body")),
        "created": hook(|hook| hook["answer"] = json!({"status": 201})),
        "shares-status": hook(|hook| hook["share"] = json!("status")),
        "shares-files": hook(|hook| hook["share"] = json!("files")),
        "silent": hook(|hook| hook["answer"] = json!({"status": 204})),
    }))
}

#[track_caller]
fn check(got: &Got, status: u16, problem: &str) {
    assert_eq!((got.status, got.problem().as_str()), (status, problem), "{got:?}");
    assert!(got.header("cache-control").is_some() && got.header("referrer-policy") == Some("no-referrer"));
    assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(got.header("retry-after").is_some(), matches!(status, 429 | 503), "{got:?}");
    assert_eq!(got.header("www-authenticate").is_some(), status == 401);
    assert_eq!(got.header("allow").is_some(), status == 405);
}

/// Each address with the methods that it takes, and what it answers the first of them.
#[test]
fn every_address_takes_its_methods_and_no_other() {
    let stage = stage();
    let run = queued_run();
    stage.stores().open.borrow_mut().insert(run.run_id, run.clone());
    let run = run.run_id;
    for (path, allowed, status) in [
        ("/health".to_owned(), "GET, HEAD", 200),
        ("/hooks/open".to_owned(), "POST", 202),
        (
            "/hooks/meta?hub.mode=subscribe&hub.challenge=1&hub.verify_token=s3cret".to_owned(),
            "GET, POST",
            200,
        ),
        (format!("/files/{run}/1?expires=1&signature=x"), "GET, HEAD", 403),
        (format!("/status/{run}?expires=1&signature=x"), "GET, HEAD", 403),
        ("/api/session".to_owned(), "GET, HEAD", 200),
        ("/api/overview".to_owned(), "GET, HEAD", 200),
        ("/api/runs".to_owned(), "GET, HEAD", 200),
        (format!("/api/runs/{run}"), "GET, HEAD", 200),
        (format!("/api/runs/{run}/timeline"), "GET, HEAD", 200),
        (format!("/api/runs/{run}/mapping"), "GET, HEAD", 409),
        (format!("/api/runs/{run}/delivery"), "GET, HEAD", 410),
        (format!("/api/runs/{run}/files/1"), "GET, HEAD", 404),
        (format!("/api/runs/{run}/files/1/link"), "POST", 404),
        (format!("/api/runs/{run}/adopt"), "POST", 409),
        (format!("/api/runs/{run}/retry"), "POST", 409),
        (format!("/api/runs/{run}/abandon"), "POST", 200),
        ("/api/runs/retry".to_owned(), "POST", 200),
        ("/api/runs/abandon".to_owned(), "POST", 200),
        ("/api/hooks".to_owned(), "GET, HEAD", 200),
        ("/api/deliveries".to_owned(), "GET, HEAD", 200),
        ("/api/hooks/keeper/ignored".to_owned(), "GET, HEAD", 200),
        ("/api/hooks/keeper/ignored/000000000000-0123456789abcdef".to_owned(), "GET, HEAD", 404),
        ("/api/hooks/keeper/ignored/000000000000-0123456789abcdef/run".to_owned(), "POST", 404),
        ("/api/hooks/open/preview".to_owned(), "POST", 200),
        ("/api/hooks/open/runs".to_owned(), "POST", 202),
    ] {
        let body = if path.ends_with("/adopt") { r#"{"task_id": "t"}"# } else { "{}" };
        let headers = [("authorization", AUTHORIZATION), ("content-type", "application/json")];
        let body = if path.ends_with("/link") { "" } else { body };
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "get"] {
            let got = stage.send(method, &path, &headers, body);
            if !allowed.split(", ").any(|name| name == method) {
                check(&got, 405, "wrong-method");
                assert_eq!(got.header("allow"), Some(allowed), "{method} {path}");
                assert_eq!(got.json()["detail"], format!("this address takes {allowed}"));
            } else if allowed.starts_with(method) {
                assert_eq!(got.status, status, "{method} {path}: {got:?}");
                // The runtime leaves the body out.
                if method == "GET" && allowed == "GET, HEAD" {
                    let head = stage.send("HEAD", &path, &headers, "");
                    assert_eq!((head.status, head.headers), (got.status, got.headers), "{path}");
                }
            }
        }
    }
}

#[test]
fn what_is_nowhere_is_not_found() {
    let stage = stage();
    for path in [
        "/",
        "/hooks",
        "/hooks/",
        "/hooks/a/b",
        "/health/",
        "/files/1",
        "/files/1/2/3",
        "/Health",
        "//health",
    ] {
        let kind = if path == "/hooks/" { "no-such-hook" } else { "no-such-page" };
        check(&stage.send("GET", path, &[], ""), 404, kind);
    }
    for path in ["/api", "/api/", "/api/elsewhere", "/api/runs/", "/api/hooks/open", "/api/runs/x/y"] {
        check(&stage.send("GET", path, &[], ""), 401, "no-token");
        let got = stage.operator("GET", path, "");
        assert_eq!(got.status, 404, "{path}");
    }
    check(&stage.operator("GET", "/api/runs/x", ""), 404, "no-such-run");
    check(&stage.operator("GET", "/api/runs/x/adopt", ""), 404, "no-such-run");
    check(&stage.operator("GET", &format!("/api/runs/{NO_RUN}"), ""), 404, "no-such-run");
    check(&stage.send("PUT", "/files/x/1", &[], ""), 405, "wrong-method");
    check(&stage.send("GET", "/files/x/1", &[], ""), 403, "bad-link");
}

#[test]
fn only_the_operator_gets_in() {
    let mut stage = stage();
    for header in ["", "Bearer", "Bearer wrong", "Basic an-operator-token-of-at-least-32-characters"] {
        let got = stage.send("GET", "/api/hooks", &[("authorization", header)], "");
        check(&got, 401, "no-token");
        assert_eq!(got.header("www-authenticate"), Some("Bearer"));
    }
    stage.limits.borrow_mut().insert("OPERATOR_LIMITER", 1);
    check(&stage.send("GET", "/api/hooks", &[], ""), 401, "no-token");
    let got = stage.send("GET", "/api/hooks", &[], "");
    check(&got, 429, "too-many-attempts");
    assert_eq!(got.header("retry-after"), Some("60"));
    check(&stage.operator("GET", "/api/hooks", ""), 200, "");
    stage.secrets.insert("OPERATOR_TOKEN", "short");
    check(&stage.send("GET", "/api/hooks", &[("authorization", "Bearer short")], ""), 503, "short-token");
    stage.secrets.remove("OPERATOR_TOKEN");
    check(&stage.operator("GET", "/api/hooks", ""), 503, "no-operator");
    check(&stage.send("GET", "/health", &[], ""), 200, "");
}

#[test]
fn it_is_healthy_with_bindings_key_and_configuration() {
    let healthy = stage();
    let got = healthy.send("GET", "/health", &[], "");
    assert_eq!(
        (got.status, got.body.as_str()),
        (200, r#"{"status":"ok"}"#),
        "one broken hook stops no other"
    );
    let mut stage = stage();
    stage.secrets.remove("FABRICATE_API_KEY");
    check(&stage.send("GET", "/health", &[], ""), 503, "not-ready");
    let mut stage = self::stage();
    stage.stores = None;
    check(&stage.send("GET", "/health", &[], ""), 503, "not-ready");
    check(&stage.post("open", "{}"), 503, "not-ready");
    check(&stage.operator("GET", "/api/runs", ""), 503, "not-ready");
    check(&stage.operator("GET", "/api/hooks", ""), 200, "");
    let unusable = Stage::new(&json!(7));
    check(&unusable.send("GET", "/health", &[], ""), 503, "not-ready");
}

#[test]
fn the_mistakes_of_a_hook_are_logged_once() {
    let stage = Stage::new(&json!({"good": open_hook(), "broken": {"workflow": 7}, "typo": hook(|hook| {
        hook["wehn"] = json!("true");
    })}));
    let logged = || {
        let log = stage.log.borrow();
        let lines = log.iter().filter(|(_, line)| line.starts_with("configuration mistake"));
        let count = |hook: &str| lines.clone().filter(|(_, line)| line.contains(hook)).count();
        (count("HOOKS.broken"), count("HOOKS.typo"), lines.clone().count())
    };
    stage.post("good", "{}");
    assert_eq!(logged(), (0, 0, 0), "no other hook is read");
    check(&stage.post("typo", "{}"), 503, "not-ready");
    check(&stage.post("typo", "{}"), 503, "not-ready");
    assert_eq!(logged(), (0, 1, 1));
    stage.isolate.log_hook_mistakes(&stage);
    let (broken, typo, all) = logged();
    assert!(broken > 1 && typo == 1 && all == broken + typo, "{:?}", stage.log.borrow());
    stage.isolate.log_hook_mistakes(&stage);
    check(&stage.post("broken", "{}"), 503, "not-ready");
    assert_eq!(logged(), (broken, typo, all));
}
