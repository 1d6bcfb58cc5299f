//! What the operator reads of runs, and who may.

use serde_json::json;

use super::*;
use crate::fabricate::Task;
use crate::journal::Decision;
use crate::run::{Run, RunId, Stage as Failed};
use crate::testing::task_id;

/// A run that was accepted so many seconds after the beginning, and has failed or waits.
fn run_at(seconds: i64, has_failed: bool) -> Run {
    let mut run = queued_run();
    run.run_id = RunId::new(at(seconds * 1_000), [1; 16]);
    if has_failed {
        run.fail(Failed::Start, "no", at(seconds * 1_000));
    }
    run
}

#[test]
fn a_list_has_the_statuses_and_the_time_that_are_asked_for() {
    let stage = stage();
    let mut runs = [run_at(1, true), run_at(2, false), run_at(3, true)];
    runs[2].task = Some(Task::just_started(task_id("t-3")));
    for run in &runs {
        let records = if run.status.is_final() { &stage.stores().done } else { &stage.stores().open };
        records.borrow_mut().insert(run.run_id, run.clone());
    }
    let listed = |query: &str| -> Vec<usize> {
        let list = stage.operator("GET", &format!("/api/runs?{query}"), "").json();
        let ids =
            list["runs"].as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap().to_owned());
        ids.map(|id| runs.iter().position(|run| run.run_id.to_string() == id).unwrap()).collect()
    };
    let time = |seconds: i64| at(seconds * 1_000).to_string();
    assert_eq!(listed(""), [2, 1, 0]);
    assert_eq!(listed("status=failed"), [2, 0]);
    assert_eq!(listed("task_id=t-3"), [2]);
    assert_eq!(listed("task_id=t-9"), [0_usize; 0]);
    assert_eq!(listed("status=failed,queued"), [2, 1, 0]);
    assert_eq!(listed("status=queued,in_progress"), [1]);
    assert_eq!(listed(&format!("since={}", time(2))), [2, 1], "from that time on");
    assert_eq!(listed(&format!("until={}", time(3))), [1, 0], "before that time");
    assert_eq!(listed(&format!("since={}&until={}", time(1), time(2))), [0]);
    for (query, words) in [
        ("status=failed,", "got ``"),
        ("status=failed,done", "got `done`"),
        ("until=tomorrow", "`until` must be a time such as 2026-11-25T00:00:00Z, got `tomorrow`"),
    ] {
        let got = stage.operator("GET", &format!("/api/runs?{query}"), "");
        check(&got, 400, "bad-query");
        assert!(got.json()["detail"].as_str().unwrap().contains(words), "{got:?}");
    }
}

#[test]
fn the_runs_of_a_delivery_are_found_without_a_list() {
    let stage = stage();
    let id_of = |got: &Got| got.json()["runs"][0]["run_id"].as_str().unwrap().to_owned();
    let open = id_of(&stage.post("open", r#"{"id": "e1"}"#));
    let failed = id_of(&stage.post("mapped", r#"{"id": "e1"}"#));
    stage.post("open", r#"{"id": "e2"}"#);
    let retry = stage.operator("POST", &format!("/api/runs/{failed}/retry"), "").json();
    let retry = retry["run_id"].as_str().unwrap().to_owned();
    let listed = |query: &str| -> Vec<String> {
        let list = stage.operator("GET", &format!("/api/runs?delivery_id={query}"), "").json();
        let runs = list["runs"].as_array().unwrap().iter();
        runs.map(|run| run["run_id"].as_str().unwrap().to_owned()).collect()
    };
    stage.stores().lists.set(0);
    let mut all = listed("e1");
    assert_eq!(stage.stores().lists.get(), 0);
    let mut expected = vec![open.clone(), failed.clone(), retry.clone()];
    all.sort();
    expected.sort();
    assert_eq!(all, expected);
    assert_eq!(listed("e1&hook=open"), [open]);
    assert_eq!(listed("e1&status=failed").len(), 2, "the retry could not be mapped, either");
    assert_eq!(listed("e3"), Vec::<String>::new());
    let page = stage.operator("GET", "/api/runs?delivery_id=e1&limit=2", "").json();
    let cursor = page["cursor"].as_str().unwrap();
    assert_eq!(listed(&format!("e1&limit=2&cursor={cursor}")).len(), 1);
}

#[test]
fn the_overview_has_every_status_and_the_hours_that_are_asked_for() {
    let stage = stage();
    let run = run_at(1, false);
    stage.stores().open.borrow_mut().insert(run.run_id, run.clone());
    let got = stage.operator("GET", "/api/overview?hours=2", "").json();
    assert_eq!(got["hours"].as_array().unwrap().len(), 2);
    assert_eq!(
        got["totals"],
        json!({"queued": 1, "in_progress": 0, "archiving": 0, "completed": 0, "failed": 0, "canceled": 0,
            "unconfirmed": 0})
    );
    assert_eq!(got["oldest_open"]["run_id"], run.run_id.to_string());
    assert_eq!((&got["success_rate"], &got["is_complete"]), (&json!(null), &json!(true)));
    assert_eq!(stage.operator("GET", "/api/overview", "").json()["hours"].as_array().unwrap().len(), 24);
    for query in ["hours=0", "hours=169", "hours=x", "days=1"] {
        check(&stage.operator("GET", &format!("/api/overview?{query}"), ""), 400, "bad-query");
    }
}

#[test]
fn a_run_that_the_caller_has_is_not_sent_again() {
    let stage = stage();
    let run = run_at(1, false);
    stage.stores().open.borrow_mut().insert(run.run_id, run.clone());
    let get = |headers: &[(&str, &str)]| {
        let headers = [&[("authorization", AUTHORIZATION)], headers].concat();
        stage.send("GET", &format!("/api/runs/{}", run.run_id), &headers, "")
    };
    let first = get(&[]);
    let etag = first.header("etag").unwrap().to_owned();
    for known in [etag.clone(), format!("\"x\", W/{etag}"), "*".to_owned()] {
        let same = get(&[("if-none-match", &known)]);
        assert_eq!((same.status, same.body.as_str(), same.header("etag")), (304, "", Some(etag.as_str())));
    }
    assert_eq!(get(&[("if-none-match", "\"x\"")]).status, 200);
    let waited = get(&[("if-none-match", &etag), ("prefer", "wait=5")]);
    assert_eq!((waited.status, waited.header("preference-applied")), (304, Some("wait=5")));
    assert_eq!(stage.now_ms(), 6_000, "three looks");
    let changed = run_at(1, true);
    stage.stores().open.borrow_mut().remove(&run.run_id);
    stage.stores().done.borrow_mut().insert(run.run_id, changed);
    let other = get(&[("if-none-match", &etag), ("prefer", "wait=25")]);
    assert_eq!((other.status, &other.json()["status"]), (200, &json!("failed")));
    assert_ne!(other.header("etag"), Some(etag.as_str()));
    assert_eq!(stage.now_ms(), 6_000, "a change is not waited for");
    assert_eq!(get(&[("prefer", "wait=25")]).status, 200);
    let etag = other.header("etag").unwrap();
    assert_eq!(get(&[("if-none-match", etag), ("prefer", "wait=25")]).status, 304);
    assert_eq!(stage.now_ms(), 6_000, "a final run does not change");
}

#[test]
fn the_delivery_of_a_run_is_shown_without_credentials() {
    let stage = stage();
    let headers = [("content-type", "application/json"), ("authorization", "Bearer s3cret"), ("x-a", "A")];
    let posted = stage.send("POST", "/hooks/signed?q=1", &headers, r#"{"id": "e1"}"#).json();
    let path = format!("/api/runs/{}/delivery", posted["runs"][0]["run_id"].as_str().unwrap());
    let got = stage.operator("GET", &path, "").json();
    assert_eq!(
        got,
        json!({"hook": "signed", "delivery_id": "e1", "received_at": at(0).to_string(),
            "headers": {"content-type": "application/json", "x-a": "A"}, "query": {"q": "1"},
            "body": {"text": r#"{"id": "e1"}"#}})
    );
    stage.stores().claims.borrow_mut().clear();
    check(&stage.operator("GET", &path, ""), 410, "no-delivery");
    check(&stage.operator("GET", &format!("/api/runs/{NO_RUN}/delivery"), ""), 404, "no-such-run");
}

#[test]
fn it_is_shown_how_parameters_were_made() {
    let hooks = |when: &str, rows: &str| {
        json!({"h": hook(|hook| {
            hook["when"] = json!(when);
            hook["params"] = json!({"rows": rows, "fixed": [1, {"x": "{{ body.id }}"}]});
        })})
    };
    let mut stage = Stage::new(&hooks("body.seats > 1", "{{ body.seats * 10 }}"));
    let id = stage.post("h", r#"{"id": "e1", "seats": 3}"#).json()["runs"][0]["run_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/runs/{id}/mapping");
    let explained = json!({"rule": 0,
        "when": {"expression": "body.seats > 1", "holds": true, "error": null, "values": {"body.seats": 3}},
        "expressions": {"rows": "{{ body.seats * 10 }}", "fixed": [1, {"x": "{{ body.id }}"}]},
        "params": {"rows": 30, "fixed": [1, {"x": "e1"}]}, "error": null, "is_current": true});
    assert_eq!(stage.operator("GET", &path, "").json(), explained);
    let mut change = |vars: Value| {
        let stores = stage.stores.take();
        stage = Stage::new(&vars);
        stage.stores = stores;
        stage.operator("GET", &path, "")
    };
    let changed = change(hooks("body.seats > 5", "{{ body.seats * 20 }}")).json();
    assert_eq!((&changed["params"]["rows"], &changed["is_current"]), (&json!(60), &json!(false)));
    assert_eq!(changed["when"]["holds"], false, "the run was accepted all the same");
    let broken = change(hooks("true", "{{ body.nothing }}")).json();
    assert_eq!((&broken["params"], &broken["is_current"]), (&json!(null), &json!(false)));
    assert!(broken["error"].as_str().unwrap().contains("params.rows"), "{broken}");
    check(&change(json!({"other": open_hook()})), 409, "not-configured");
}

#[test]
fn a_key_that_cannot_be_evaluated_is_a_mapping_that_fails() {
    let stage = Stage::new(&json!({"keyed": hook(|hook| hook["concurrency"] = json!("{{ body.region }}"))}));
    let posted = stage.post("keyed", r#"{"id": "e1"}"#).json();
    let path = format!("/api/runs/{}/mapping", posted["runs"][0]["run_id"].as_str().unwrap());
    let mapping = stage.operator("GET", &path, "").json();
    assert_eq!((&mapping["params"], &mapping["is_current"]), (&json!(null), &json!(false)));
    assert!(mapping["error"].as_str().unwrap().starts_with("concurrency: "), "{mapping}");
}

#[test]
fn a_run_says_what_it_waits_for_while_it_does() {
    let stage = Stage::new(&json!({"keyed": hook(|hook| hook["concurrency"] = json!("{{ database }}"))}));
    let post =
        |body: &str| stage.post("keyed", body).json()["runs"][0]["run_id"].as_str().unwrap().to_owned();
    let get = |run: &str| stage.operator("GET", &format!("/api/runs/{run}"), "").json();
    let first = post(r#"{"id": "e1"}"#);
    assert!(get(&first).get("waiting").is_none(), "nobody is in its way");
    stage.finish_work();
    let second = post(r#"{"id": "e2"}"#);
    stage.finish_work();
    let waiting = json!({"for": "concurrency", "key": "sales-demo", "behind": [first], "not_before": null});
    assert_eq!(get(&second)["waiting"], waiting);
    let listed = stage.operator("GET", "/api/runs?status=queued", "").json();
    let waiting = json!({"for": "concurrency", "key": "sales-demo", "not_before": null});
    assert_eq!(listed["runs"][0]["waiting"], waiting);
    let first: RunId = first.parse().unwrap();
    let end = Decision::End { run: Box::new(queued_run()) };
    stage.stores().append(first, end);
    assert!(get(&second).get("waiting").is_none(), "the next sweep starts it");
}

#[test]
fn many_runs_are_abandoned_in_one_call() {
    let stage = stage();
    let ids = ["e1", "e2", "e3"].map(|id| {
        let posted = stage.post("open", &json!({"id": id}).to_string()).json();
        posted["runs"][0]["run_id"].as_str().unwrap().to_owned()
    });
    check(&stage.operator("POST", "/api/runs/abandon?status=failed", ""), 400, "bad-query");
    let abandon = |query: &str| {
        let got =
            stage.operator("POST", &format!("/api/runs/abandon?{query}"), r#"{"reason": "not needed"}"#);
        assert_eq!(got.status, 200, "{got:?}");
        got.json()
    };
    assert_eq!(
        abandon(""),
        json!({"abandoned": [], "skipped": [], "cursor": null}),
        "`unconfirmed` by default"
    );
    let first = abandon("status=queued&limit=2");
    assert_eq!(first["abandoned"].as_array().unwrap().len(), 2);
    assert_eq!(first["abandoned"][0]["status"], "failed");
    let message = first["abandoned"][0]["error"]["message"].as_str().unwrap();
    assert!(message.contains("not needed"), "{message}");
    let rest = abandon(&format!("status=queued&cursor={}", first["cursor"].as_str().unwrap()));
    assert_eq!((rest["abandoned"].as_array().unwrap().len(), &rest["cursor"]), (1, &json!(null)));
    for id in ids {
        assert_eq!(stage.operator("GET", &format!("/api/runs/{id}"), "").json()["status"], "failed");
    }
}

#[test]
fn a_reader_reads_everything_and_decides_nothing() {
    const READER: &str = "a-read-token-of-at-least-32-characters";
    let mut stage = stage();
    stage.secrets.insert("READ_TOKEN", READER);
    let id = stage.post("open", r#"{"id": "e1"}"#).json()["runs"][0]["run_id"].as_str().unwrap().to_owned();
    let call = |method: &str, path: &str| {
        stage.send(method, path, &[("authorization", &format!("Bearer {READER}"))], "{}")
    };
    assert_eq!(
        call("GET", "/api/session").json(),
        json!({"role": "reader", "version": "0.1.0", "links": true, "signed_in_by": "token", "user": null})
    );
    assert_eq!(stage.operator("GET", "/api/session", "").json()["role"], "operator");
    for path in [
        "/api/runs",
        &format!("/api/runs/{id}"),
        &format!("/api/runs/{id}/timeline"),
        &format!("/api/runs/{id}/mapping"),
        &format!("/api/runs/{id}/delivery"),
        "/api/overview",
        "/api/hooks",
    ] {
        assert_eq!(call("GET", path).status, 200, "{path}");
    }
    assert_eq!(call("POST", "/api/hooks/open/preview").status, 200);
    for path in ["adopt", "abandon", "retry"].map(|what| format!("/api/runs/{id}/{what}")) {
        check(&call("POST", &path), 403, "read-only");
    }
    for path in ["/api/runs/retry", "/api/runs/abandon?status=queued", "/api/hooks/open/runs"] {
        check(&call("POST", path), 403, "read-only");
    }
    assert_eq!(stage.operator("GET", &format!("/api/runs/{id}"), "").json()["status"], "queued");
    stage.secrets.insert("READ_TOKEN", "short");
    check(&stage.send("GET", "/api/runs", &[("authorization", "Bearer short")], ""), 401, "no-token");
}
