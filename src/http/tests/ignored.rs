//! Deliveries that started nothing: what the operator sees of them, and what is kept of them.

use serde_json::{Value, json};

use super::*;
use crate::http::recent::SHARDS;
use crate::http::recent::ring::OF_HOOK_MAX;
use crate::service::kept::KEPT_MS;
use crate::timestamp::MINUTE_MS;

fn listed(stage: &Stage, query: &str) -> Vec<Value> {
    let got = stage.operator("GET", &format!("/api/deliveries{query}"), "");
    assert_eq!(got.status, 200, "{got:?}");
    got.json()["deliveries"].as_array().unwrap().clone()
}

fn reasons(stage: &Stage, query: &str) -> Vec<String> {
    let text = |delivery: &Value, field: &str| delivery[field].as_str().unwrap_or("-").to_owned();
    let all = listed(stage, query);
    all.iter().map(|delivery| format!("{} {}", text(delivery, "hook"), text(delivery, "problem"))).collect()
}

#[test]
fn the_operator_sees_why_a_webhook_started_nothing() {
    let stage = stage();
    stage.pass_ms(5_000);
    let headers = [
        ("authorization", "Bearer wrong-s3cret"),
        ("content-type", "application/json"),
        ("content-length", "8"),
        ("x-secret", "s3cret"),
    ];
    stage.send("POST", "/hooks/signed?token=s3cret", &headers, r#"{"id":7}"#);
    stage.pass_ms(1);
    stage.send("POST", "/hooks/picky", &[("idempotency-key", "e-7")], r#"{"type":"lost"}"#);
    stage.pass_ms(1);
    stage.post("no-such-hook", "{}");
    stage.post("open", "{}");
    let all = listed(&stage, "");
    assert_eq!(all.len(), 3, "an accepted delivery is a run: {all:?}");
    assert_eq!(
        all[2],
        json!({"at": at(5_000).to_string(), "hook": "signed", "outcome": "refused", "status": 401,
               "problem": "not-verified", "reason": all[2]["reason"], "content_type": "application/json", "bytes": 8,
               "header_names": ["authorization", "content-type", "content-length", "x-secret"],
               "delivery_id": null, "kept": null})
    );
    assert!(all[2]["reason"].as_str().unwrap().contains("authorization"), "{all:?}");
    assert_eq!(
        all[1],
        json!({"at": at(5_001).to_string(), "hook": "picky", "outcome": "ignored", "status": 200, "problem": null,
               "reason": "no rule's `when` holds", "content_type": null, "bytes": null,
               "header_names": ["idempotency-key"], "delivery_id": all[1]["delivery_id"], "kept": null})
    );
    assert!(all[1]["delivery_id"].is_string(), "{all:?}");
    assert_eq!(reasons(&stage, "?outcome=refused"), ["no-such-hook no-such-hook", "signed not-verified"]);
    assert_eq!(reasons(&stage, "?hook=picky"), ["picky -"]);
    assert_eq!(listed(&stage, "?limit=1").len(), 1);
    assert!(!format!("{all:?}").contains("s3cret"), "{all:?}");
    for query in ["?outcome=accepted", "?limit=0", "?limit=201", "?hook=A", "?until=1"] {
        check(&stage.operator("GET", &format!("/api/deliveries{query}"), ""), 400, "bad-query");
    }
}

#[test]
fn an_isolate_stores_its_list_at_most_once_a_minute() {
    let stage = stage();
    let stored =
        || -> usize { stage.stores().http.recent.borrow().values().map(|(list, _)| list.len()).sum() };
    let refuse_after = |ms: i64| {
        stage.pass_ms(ms);
        check(&stage.post("stray", "{}"), 404, "no-such-hook");
        let planned = stage.work.borrow().len();
        stage.finish_work();
        planned
    };
    assert_eq!(refuse_after(0), 1, "the first one at once");
    assert_eq!(stored(), 1);
    assert_eq!(refuse_after(30_000), 0, "too early, and too long to wait");
    assert_eq!(listed(&stage, "").len(), 2, "what is not stored yet is listed");
    assert_eq!(refuse_after(12_000), 1, "an invocation may wait so long");
    assert_eq!((stored(), stage.stores().slept.take()), (3, vec![18_000]));
    assert_eq!(refuse_after(1_000), 0, "another invocation has waited");
    stage.pass_ms(MINUTE_MS + 17_000);
    stage.operator("GET", "/api/session", "");
    stage.finish_work();
    assert_eq!(stored(), 4, "any later request stores it");
    stage.pass_ms(MINUTE_MS);
    stage.operator("GET", "/api/session", "");
    assert!(stage.work.borrow().is_empty(), "nothing is pending");
}

#[test]
fn what_cannot_be_stored_stays_for_the_next_minute() {
    let stage = stage();
    stage.stores().http.recent_fails.set(true);
    stage.post("stray", "{}");
    stage.finish_work();
    assert!(stage.stores().log.borrow().iter().any(|line| line.starts_with("list of refused")));
    check(&stage.operator("GET", "/api/deliveries", ""), 503, "not-ready");
    stage.stores().http.recent_fails.set(false);
    assert_eq!(listed(&stage, "").len(), 1);
    stage.pass_ms(MINUTE_MS);
    stage.operator("GET", "/api/session", "");
    stage.finish_work();
    let lists = stage.stores().http.recent.borrow();
    assert_eq!(lists.values().map(|(list, _)| list.len()).sum::<usize>(), 1);
    assert!(lists.keys().all(|shard| *shard < SHARDS));
}

#[test]
fn a_flood_of_strangers_stays_bounded() {
    let stage = stage();
    stage.post("picky", "{}");
    for number in 0..2_000 {
        stage.post(&format!("stray-{number}"), "{}");
    }
    assert_eq!(listed(&stage, "?outcome=refused").len(), OF_HOOK_MAX);
    assert_eq!(listed(&stage, "?outcome=ignored").len(), 1);
}

fn keep(stage: &Stage, body: &str) -> String {
    assert_eq!(stage.post("keeper", body).json(), json!({"status": "ignored", "runs": []}));
    listed(stage, "?hook=keeper")[0]["kept"].as_str().unwrap().to_owned()
}

#[test]
fn an_ignored_delivery_is_kept_where_its_hook_says_so() {
    let stage = stage();
    stage.pass_ms(1_000);
    let kept = keep(&stage, r#"{"type":"lost","id":1}"#);
    stage.post("picky", "{}");
    assert_eq!(stage.stores().kept.borrow().len(), 1);
    let list = stage.operator("GET", "/api/hooks/keeper/ignored", "").json();
    let expires_at = at(1_000 + KEPT_MS).to_string();
    let shown = json!({"kept": kept, "received_at": at(1_000).to_string(), "expires_at": expires_at});
    assert_eq!(list, json!({"kept": [shown], "cursor": null}));
    let delivery = stage.operator("GET", &format!("/api/hooks/keeper/ignored/{kept}"), "").json();
    assert_eq!(delivery["body"], json!({"text": r#"{"type":"lost","id":1}"#}));
    let run = format!("/api/hooks/keeper/ignored/{kept}/run");
    assert_eq!(
        stage.operator("POST", &run, "").json()["status"],
        "ignored",
        "the condition still does not hold"
    );
    assert_eq!(stage.stores().kept.borrow().len(), 1, "what the operator runs is not kept once more");
    stage.pass_ms(KEPT_MS);
    assert_eq!(stage.operator("GET", "/api/hooks/keeper/ignored", "").json()["kept"], json!([]));
    check(&stage.operator("GET", &format!("/api/hooks/keeper/ignored/{kept}"), ""), 404, "no-such-delivery");
    check(&stage.operator("POST", &run, ""), 404, "no-such-delivery");
}

#[test]
fn a_kept_delivery_runs_once_the_condition_was_mended() {
    let mut stage = stage();
    let kept = keep(&stage, r#"{"type":"lost"}"#);
    stage.isolate = Stage::new(&json!({"keeper": open_hook()})).isolate;
    let run = || stage.operator("POST", &format!("/api/hooks/keeper/ignored/{kept}/run"), "");
    let first = run();
    assert_eq!((first.status, first.json()["status"].clone()), (202, json!("accepted")));
    let again = run();
    assert_eq!((again.status, again.json()["status"].clone()), (200, json!("duplicate")));
    assert_eq!(again.json()["runs"], first.json()["runs"]);
    assert_eq!(stage.stores().claims.borrow().len(), 1);
}

#[test]
fn without_its_store_an_ignored_delivery_is_refused() {
    let stage = stage();
    stage.stores().inbox_fails.set(true);
    check(&stage.post("keeper", "{}"), 503, "not-ready");
    assert_eq!(stage.post("picky", "{}").status, 200);
    assert!(stage.log.borrow().iter().any(|(_, line)| line.starts_with("ignored delivery not kept")));
}

#[test]
fn kept_deliveries_are_listed_in_pages() {
    let stage = stage();
    for number in 0..3 {
        stage.pass_ms(1);
        keep(&stage, &format!(r#"{{"id":{number}}}"#));
    }
    let page = |query: &str| stage.operator("GET", &format!("/api/hooks/keeper/ignored{query}"), "").json();
    let first = page("?limit=2");
    assert_eq!(first["kept"].as_array().unwrap().len(), 2);
    assert_eq!(first["kept"][0]["received_at"], at(3).to_string());
    let rest = page(&format!("?limit=2&cursor={}", first["cursor"].as_str().unwrap()));
    assert_eq!((rest["kept"].as_array().unwrap().len(), &rest["cursor"]), (1, &Value::Null));
    check(&stage.operator("GET", "/api/hooks/keeper/ignored?limit=0", ""), 400, "bad-query");
    check(&stage.operator("GET", "/api/hooks/keeper/ignored?cursor=x", ""), 400, "bad-query");
    check(&stage.operator("GET", "/api/hooks/KEEPER/ignored", ""), 404, "no-such-hook");
    check(&stage.operator("GET", "/api/hooks/keeper/ignored/x", ""), 404, "no-such-delivery");
}
