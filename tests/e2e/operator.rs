//! The operator's calls: only with the token, what they show, and what they decide.

use serde_json::{Value, json};

use crate::bench::written;
use crate::stage::{Answer, FABRICATE_KEY, OPERATOR_TOKEN, SECRET, Stage, open_hook};

#[test]
fn nothing_under_api_is_open() {
    let stage = Stage::with_hooks(&json!({"open": open_hook("no-files")}));
    for path in ["/api/runs", "/api/hooks", "/api/elsewhere", "/api/runs/x", "/api/"] {
        for header in ["", "Bearer", "Bearer wrong", &format!("Basic {OPERATOR_TOKEN}"), OPERATOR_TOKEN] {
            let answer = stage.send("GET", path, &[("authorization", header)], b"");
            assert_eq!(answer.status, 401, "{path} {header}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    assert_eq!(stage.operator("/api/elsewhere").status, 404);
    assert_eq!(stage.operator("/api/runs/x").status, 404);
    assert_eq!(stage.operator("/api/runs/0197f1a2-0000-7000-8000-000000000000").status, 404);
    for query in ["limit=0", "limit=x", "status=done", "hook=A", "cursor=x", "what=1"] {
        assert_eq!(stage.operator(&format!("/api/runs?{query}")).status, 400, "{query}");
    }
}

#[test]
fn without_a_token_the_api_is_closed_and_hooks_go_on() {
    let stage = Stage::without_operator(&json!({"open": open_hook("no-files")}));
    let answer = stage.send("GET", "/api/runs", &[("authorization", "Bearer ")], b"");
    assert_eq!(answer.status, 503);
    assert!(answer.json()["detail"].as_str().unwrap().contains("OPERATOR_TOKEN"));
    assert_eq!(stage.post("open", &json!({"id": 1}), &[]).status, 202);
    assert_eq!(stage.send("GET", "/health", &[], b"").status, 200);
}

#[test]
fn a_short_operator_token_opens_nothing() {
    let secrets = [("FABRICATE_API_KEY", FABRICATE_KEY), ("SECRET", SECRET), ("OPERATOR_TOKEN", "guess-me")];
    let stage = Stage::new(&json!({"open": open_hook("no-files")}), |_| (), &secrets);
    for path in ["/api/runs", "/api/hooks", "/api/elsewhere"] {
        let answer = stage.send("GET", path, &[("authorization", "Bearer guess-me")], b"");
        assert_eq!((answer.status, answer.header("retry-after").is_some()), (503, true), "{path}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(
            detail.contains("at least 32 characters") && detail.contains("openssl rand -hex 32"),
            "{detail}"
        );
    }
    assert_eq!(stage.post("open", &json!({"id": 1}), &[]).status, 202, "hooks go on");
    assert_eq!(stage.wait_for_log("the operator token is too short", 1), 1);
    assert!(!stage.log().contains("guess-me"), "{}", stage.log());
}

#[test]
fn failed_operator_calls_are_limited_where_a_limiter_is_bound() {
    let stage = Stage::with_config(&json!({"open": open_hook("no-files")}), |config| {
        let simple = json!({"limit": 3, "period": 60});
        config["ratelimits"] =
            json!([{"name": "OPERATOR_LIMITER", "namespace_id": "1002", "simple": simple}]);
    });
    let call =
        |token: &str| stage.send("GET", "/api/runs", &[("authorization", &format!("Bearer {token}"))], b"");
    let statuses: Vec<u16> = (0..8).map(|_| call("wrong").status).collect();
    assert!(statuses.starts_with(&[401]) && statuses.ends_with(&[429]), "{statuses:?}");
    let refused = call("wrong");
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("60")));
    assert_eq!(refused.json()["type"], "urn:seedhook:problem:too-many-attempts");
    assert_eq!(call(OPERATOR_TOKEN).status, 200, "who has the token is not limited");
}

const KV_METADATA: &str = include_str!("operator/kv_metadata.js");

#[test]
fn metadata_is_ascii_and_reads_as_it_was() {
    let mut stage = Stage::with_config(&json!({"open": open_hook("no-files")}), |config| {
        config["main"] = written("kv_metadata.js", KV_METADATA);
    });
    let id = "Xanthippe é 日本 🎉 \u{7f}\"\\";
    let run_id = stage.post("open", &json!({"id": id}), &[]).run_id();
    let run = stage.sweep_until_final(&run_id);
    assert_eq!((&run["delivery_id"], &run["status"]), (&json!(id), &json!("completed")));
    stage.wait_for_log("kv metadata", 2);
    let log = stage.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("kv metadata")).collect();
    let is_escaped =
        |line: &&str| line.is_ascii() && line.contains(r"Xanthippe \u00e9 \u65e5\u672c \ud83c\udf89");
    assert!(lines.iter().all(is_escaped), "{lines:?}");
    let listed = stage.operator("/api/runs?hook=open").json();
    assert_eq!(listed["runs"][0]["delivery_id"], json!(id), "{listed}");
}

#[test]
fn hooks_are_shown_without_secrets_and_with_their_mistakes() {
    let mut signed = open_hook("no-files");
    signed["verify"] = json!({"scheme": "standard-webhooks", "secret": ["SECRET", "MISSING"]});
    let stage = Stage::with_hooks(
        &json!({"broken": {"workflow": 7}, "open": open_hook("no-files"), "signed": signed}),
    );
    let answer = stage.operator("/api/hooks");
    let hooks = answer.json()["hooks"].clone();
    let states: Vec<&str> =
        hooks.as_array().unwrap().iter().map(|hook| hook["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["broken", "ready", "broken"]);
    assert!(hooks[0]["mistakes"].to_string().contains("HOOKS.broken.workflow"));
    assert!(hooks[2]["mistakes"].to_string().contains("MISSING is not set"));
    assert!(!String::from_utf8_lossy(&answer.body).contains(SECRET));
}

#[test]
fn lists_are_newest_first_filtered_and_paged() {
    let mut stage = Stage::with_hooks(&json!({"a": open_hook("no-files"), "b": open_hook("never-ends")}));
    let mut ids: Vec<String> = Vec::new();
    for (index, hook) in ["a", "b", "a", "b", "a"].iter().enumerate() {
        let run_id = stage.post(hook, &json!({"id": index}), &[]).run_id();
        stage.wait_until_started(&run_id);
        ids.insert(0, run_id);
    }
    stage.sweep_after(std::time::Duration::from_mins(2));
    let list = |query: &str| {
        let answer = stage.operator(&format!("/api/runs?{query}"));
        assert_eq!(answer.status, 200);
        answer.json()
    };
    let ids_of = |list: &Value| -> Vec<String> {
        let runs = list["runs"].as_array().unwrap();
        runs.iter().map(|run| run["run_id"].as_str().unwrap().to_owned()).collect()
    };
    let all = list("");
    assert_eq!(ids_of(&all), ids);
    assert_eq!(all["cursor"], Value::Null);
    assert!(all["runs"][0].get("params").is_none());
    assert_eq!(ids_of(&list("hook=b")), [ids[1].clone(), ids[3].clone()]);
    assert_eq!(ids_of(&list("status=completed")), [ids[0].clone(), ids[2].clone(), ids[4].clone()]);
    assert_eq!(ids_of(&list("status=in_progress")), [ids[1].clone(), ids[3].clone()]);
    let mut paged = Vec::new();
    let mut page = list("limit=2");
    for _ in 0..3 {
        paged.extend(ids_of(&page));
        let Some(cursor) = page["cursor"].as_str() else { break };
        page = list(&format!("limit=2&cursor={cursor}"));
    }
    assert_eq!(paged, ids);
}

/// Calls a decision of the operator.
#[track_caller]
fn decide(stage: &Stage, path: &str, body: &str) -> Answer {
    let token = format!("Bearer {OPERATOR_TOKEN}");
    let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
    stage.send("POST", &format!("/api/runs/{path}"), &headers, body.as_bytes())
}

/// A run whose start request was answered 500, although Fabricate has its task.
fn unconfirmed(stage: &Stage, id: u32) -> String {
    let run_id = stage.post("start-500", &json!({"id": id}), &[]).run_id();
    assert_eq!(stage.wait_until_started(&run_id)["status"], "unconfirmed");
    run_id
}

#[test]
fn an_unconfirmed_run_adopts_the_task_that_was_found_and_goes_on() {
    let mut stage = Stage::for_workflows(&["start-500"]);
    let run_id = unconfirmed(&stage, 1);
    let task_id = stage.fabricate.starts_of("start-500")[0].task_id.clone();
    for bad in [
        "",
        "{",
        "{}",
        r#"{"task_id": ""}"#,
        r#"{"task_id": ".."}"#,
        r#"{"task_id": "a b"}"#,
        r#"{"id": "a"}"#,
    ] {
        assert_eq!(decide(&stage, &format!("{run_id}/adopt"), bad).status, 400, "{bad}");
    }
    let body = json!({"task_id": task_id}).to_string();
    let adopted = decide(&stage, &format!("{run_id}/adopt"), &body);
    assert_eq!((adopted.status, &adopted.json()["status"]), (200, &json!("in_progress")));
    assert_eq!(decide(&stage, &format!("{run_id}/adopt"), &body).status, 200, "again is no mistake");
    for (what, body) in [("adopt", r#"{"task_id": "other"}"#), ("abandon", ""), ("retry", "")] {
        let late = decide(&stage, &format!("{run_id}/{what}"), body);
        assert_eq!((late.status, &late.json()["run"]["status"]), (409, &json!("in_progress")), "{what}");
        assert_eq!(late.json()["type"], "urn:seedhook:problem:wrong-state");
    }
    let run = stage.sweep_until_final(&run_id);
    assert_eq!((&run["status"], &run["task"]["id"]), (&json!("completed"), &json!(task_id)), "{run}");
    assert_eq!(stage.fabricate.starts_of("start-500").len(), 1);
    assert_eq!(decide(&stage, &format!("{run_id}/retry"), "").status, 409, "it is completed");
    assert_eq!(decide(&stage, &format!("{run_id}/retry?force=yes"), "").status, 400);
    assert_eq!(decide(&stage, &format!("{run_id}/retry?force=true"), "").status, 202);
}

#[test]
fn an_abandoned_run_is_failed_and_says_who_gave_it_up() {
    let mut stage = Stage::for_workflows(&["start-500"]);
    let run_id = unconfirmed(&stage, 1);
    let abandoned = decide(&stage, &format!("{run_id}/abandon"), r#"{"reason": "not needed"}"#);
    assert_eq!((abandoned.status, &abandoned.json()["status"]), (200, &json!("failed")));
    stage.sweep_after(std::time::Duration::from_hours(1));
    let run = stage.run(&run_id);
    assert_eq!(run["error"]["message"], "abandoned by the operator: not needed");
    assert_eq!((&run["status"], &run["error"]["stage"]), (&json!("failed"), &json!("start")));
    assert_eq!(stage.fabricate.starts()["start-500"].attempts, 1);
    let nobody = "0197f1a2-0000-7000-8000-000000000000";
    for what in ["adopt", "abandon", "retry"] {
        let body = r#"{"task_id": "a"}"#;
        let body = if what == "adopt" { body } else { "" };
        assert_eq!(decide(&stage, &format!("{nobody}/{what}"), body).status, 404, "{what}");
        assert_eq!(stage.operator(&format!("/api/runs/{run_id}/{what}")).status, 405, "{what}");
        assert_eq!(stage.send("POST", &format!("/api/runs/{run_id}/{what}"), &[], b"").status, 401);
    }
}

#[test]
fn clicks_at_the_same_moment_make_one_new_run() {
    let mut stage = Stage::for_workflows(&["fails"]);
    let run_id = stage.post("fails", &json!({"id": 1}), &[]).run_id();
    stage.wait_until_started(&run_id);
    stage.sweep_until_final(&run_id);
    let path = format!("{run_id}/retry");
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let clicks: Vec<_> = (0..4).map(|_| scope.spawn(|| decide(&stage, &path, ""))).collect();
        clicks.into_iter().map(|click| click.join().unwrap()).collect()
    });
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 202]);
    let ids: std::collections::BTreeSet<String> =
        answers.iter().map(|answer| answer.json()["run_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let new = ids.first().unwrap();
    assert_eq!(stage.wait_until_started(new)["retry_of"], json!(run_id));
    assert_eq!(stage.sweep_until_final(new)["status"], "failed");
    assert_eq!(stage.fabricate.starts_of("fails").len(), 2);
}

#[test]
fn missing_files_are_asked_for_again_without_a_new_start() {
    let mut stage = Stage::for_workflows(&["missing-file"]);
    let run_id = stage.post("missing-file", &json!({"id": 1}), &[]).run_id();
    stage.wait_until_started(&run_id);
    let old = stage.sweep_until_final(&run_id);
    assert_eq!(old["error"]["stage"], "archive");
    let answer = decide(&stage, &format!("{run_id}/retry"), "");
    assert_eq!((answer.status, &answer.json()["status"]), (202, &json!("in_progress")));
    let new = stage.sweep_until_final(answer.json()["run_id"].as_str().unwrap());
    assert_eq!(new["task"]["id"], old["task"]["id"]);
    assert_eq!(stage.fabricate.starts_of("missing-file").len(), 1);
    for (new, old) in new["files"].as_array().unwrap().iter().zip(old["files"].as_array().unwrap()) {
        assert_eq!((&new["state"], &new["key"]), (&old["state"], &old["key"]));
    }
    for file in new["files"].as_array().unwrap().iter().filter(|file| file["state"] == "archived") {
        stage.assert_same_bytes(&new, file);
    }
}

#[test]
fn many_are_retried_page_by_page() {
    let mut stage = Stage::for_workflows(&["fails", "no-files"]);
    let mut ids: Vec<String> = Vec::new();
    for id in 0..3 {
        ids.insert(0, stage.post("fails", &json!({"id": id}), &[]).run_id());
        stage.wait_until_started(&ids[0]);
    }
    for run_id in ids.clone() {
        stage.sweep_until_final(&run_id);
    }
    for bad in ["status=completed", "limit=51", "since=yesterday", "cursor=x", "what=1", "hook=A"] {
        assert_eq!(decide(&stage, &format!("retry?{bad}"), "").status, 400, "{bad}");
    }
    assert_eq!(decide(&stage, "retry?since=2100-01-01T00:00:00Z", "").json()["retried"], json!([]));
    let (mut retried, mut query) = (Vec::new(), "limit=2".to_owned());
    for _ in 0..3 {
        let page = decide(&stage, &format!("retry?status=failed&hook=fails&{query}"), "").json();
        let old = page["retried"].as_array().unwrap().iter();
        retried.extend(old.map(|one| one["run_id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["cursor"].as_str() else { break };
        query = format!("limit=2&cursor={cursor}");
    }
    assert_eq!(retried, ids);
    let again = decide(&stage, "retry", "").json();
    assert_eq!(
        (again["retried"].as_array().unwrap().len(), again["skipped"].as_array().unwrap().len()),
        (0, 3)
    );
}

#[test]
fn a_redelivery_retries_a_failed_run_where_its_hook_wants_it() {
    let mut hook = open_hook("fails");
    hook["on_redelivery"] = json!("retry_failed");
    let mut stage = Stage::with_hooks(&json!({"again": hook, "once": open_hook("fails")}));
    let mut failed = |hook: &str| {
        let run_id = stage.post(hook, &json!({"id": 1}), &[]).run_id();
        stage.wait_until_started(&run_id);
        stage.sweep_until_final(&run_id);
        run_id
    };
    let (again, once) = (failed("again"), failed("once"));
    // A claim younger than a minute is in good hands.
    std::thread::sleep(std::time::Duration::from_secs(61));
    let known = stage.post("once", &json!({"id": 1}), &[]);
    assert_eq!((known.status, known.run_id()), (200, once));
    let retried = stage.post("again", &json!({"id": 1}), &[]);
    assert_eq!((retried.status, &retried.json()["status"]), (202, &json!("retried")));
    assert_eq!(stage.wait_until_started(&retried.run_id())["retry_of"], json!(again));
    let known = stage.post("again", &json!({"id": 1}), &[]);
    assert_eq!((known.status, known.run_id()), (200, retried.run_id()), "it has not failed yet");
}
