//! The operator's calls, and the words of their problems.

use serde_json::json;

use super::*;
use crate::journal::Decision;
use crate::testing::MemoryWorld;

#[track_caller]
fn check_detail(got: &Got, status: u16, detail: &str) {
    assert_eq!((got.status, got.json()["detail"].as_str().unwrap()), (status, detail));
}

#[test]
fn a_call_without_parameters_says_so() {
    let stage = stage();
    let run = queued_run();
    stage.stores().open.borrow_mut().insert(run.run_id, run.clone());
    for (method, path) in [
        ("GET", "/api/session".to_owned()),
        ("GET", "/api/hooks".to_owned()),
        ("GET", format!("/api/runs/{}", run.run_id)),
        ("GET", format!("/api/runs/{}/timeline", run.run_id)),
        ("POST", format!("/api/runs/{}/abandon", run.run_id)),
    ] {
        let got = stage.operator(method, &format!("{path}?x=1"), "");
        check(&got, 400, "bad-query");
        check_detail(&got, 400, "unknown parameter `x`: this call takes no parameters");
        assert_eq!(stage.operator(method, &format!("{path}?"), "").status, 200, "{path}");
    }
}

#[test]
fn a_wrong_query_says_which_parameter_what_it_got_and_what_it_takes() {
    let stage = stage();
    let known =
        "this call takes `status`, `hook`, `since`, `until`, `delivery_id`, `task_id`, `limit` and `cursor`";
    for (query, detail) in [
        ("limit=0", "`limit` must be 1 to 200, got `0`".to_owned()),
        ("limit=x", "`limit` must be 1 to 200, got `x`".to_owned()),
        ("limit=", "`limit` must be 1 to 200, got ``".to_owned()),
        ("hook=A", "`hook` must be 1 to 63 of a-z, 0-9 and -, not beginning with -, got `A`".to_owned()),
        ("cursor=x", "`cursor` must be the `cursor` of an earlier answer, got `x`".to_owned()),
        ("what=1", format!("unknown parameter `what`: {known}")),
        (&"é".repeat(65), format!("unknown parameter `{}…`: {known}", "é".repeat(64))),
    ] {
        let got = stage.operator("GET", &format!("/api/runs?{query}"), "");
        check(&got, 400, "bad-query");
        check_detail(&got, 400, &detail);
    }
    let status = stage.operator("GET", "/api/runs?status=done", "");
    let names = "queued, in_progress, archiving, completed, failed, canceled, unconfirmed";
    check_detail(&status, 400, &format!("`status` must be one of {names}, got `done`"));
    let retry = |query: &str| stage.operator("POST", &format!("/api/runs/retry?{query}"), "");
    check_detail(&retry("limit=51"), 400, "`limit` must be 1 to 50, got `51`");
    let status = "`status` must be one of failed, canceled, unconfirmed, got `completed`";
    check_detail(&retry("status=completed"), 400, status);
    let since = "`since` must be a time such as 2026-11-25T00:00:00Z, got `yesterday`";
    check_detail(&retry("since=yesterday"), 400, since);
    let force = stage.operator("POST", &format!("/api/runs/{NO_RUN}/retry?force=yes"), "");
    check_detail(&force, 400, "`force` must be true or false, got `yes`");
}

#[test]
fn a_wrong_body_says_what_is_wrong() {
    let stage = stage();
    for (body, words) in [
        ("", "missing field `task_id`"),
        ("{", "EOF"),
        ("[\"t\"]", "the body must be a JSON object, or empty"),
        (r#"{"task_id": "a b"}"#, "`task_id`: a task id is 1 to 128 printable ASCII characters"),
        (r#"{"id": "a"}"#, "unknown field `id`, expected `task_id`"),
    ] {
        let got = stage.operator("POST", &format!("/api/runs/{NO_RUN}/adopt"), body);
        check(&got, 400, "bad-body");
        let detail = got.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(words), "{body}: {detail}");
    }
    let large = " ".repeat(16 * 1024 + 1);
    check(&stage.operator("POST", &format!("/api/runs/{NO_RUN}/adopt"), &large), 413, "too-large");
}

#[test]
fn lists_have_the_runs_in_brief_and_one_run_is_whole() {
    let stage = stage();
    let run = queued_run();
    stage.stores().open.borrow_mut().insert(run.run_id, run.clone());
    let brief = format!(
        r#"{{"run_id":"{}","hook":"hook","delivery_id":"delivery","status":"queued","workspace":"acme","database":"sales-demo","workflow":"seed","task":null,"error":null,"attempts":0,"retry_of":null,"received_at":"2023-11-14T22:13:20.000Z","started_at":null,"finished_at":null}}"#,
        run.run_id
    );
    let listed = stage.operator("GET", "/api/runs?limit=1&status=queued&hook=hook", "");
    assert_eq!((listed.status, listed.body), (200, format!(r#"{{"runs":[{brief}],"cursor":null}}"#)));
    let none = stage.operator("GET", "/api/runs?hook=another", "");
    assert_eq!(none.body, r#"{"runs":[],"cursor":null}"#);
    let whole = stage.operator("GET", &format!("/api/runs/{}", run.run_id), "");
    let expected = serde_json::to_string(&run.view()).unwrap();
    assert_eq!((whole.status, whole.body), (200, expected));
}

#[test]
fn an_unconfirmed_run_is_adopted_or_abandoned_and_any_other_is_shown() {
    let mut stage = stage();
    let run = queued_run();
    let no_answer = Decision::NoAnswer { reason: "HTTP 500".into(), not_before: None };
    stage.stores = Some(MemoryWorld::with(&run, &[Decision::Start, no_answer]).into());
    let call =
        |what: &str, body: &str| stage.operator("POST", &format!("/api/runs/{}/{what}", run.run_id), body);
    for _ in 0..2 {
        let adopted = call("adopt", r#"{"task_id": "found"}"#);
        assert_eq!(
            (adopted.status, &adopted.json()["task"]["id"]),
            (200, &json!("found")),
            "again is no mistake"
        );
    }
    let late = call("abandon", "");
    check(&late, 409, "wrong-state");
    assert_eq!(late.json()["run"]["status"], "in_progress");
    let names: Vec<String> = late.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["type", "title", "status", "detail", "run"]);
    check(&stage.operator("POST", &format!("/api/runs/{NO_RUN}/abandon"), ""), 404, "no-such-run");
}

#[test]
fn a_failed_run_is_retried_once_and_each_call_has_the_new_run() {
    let stage = stage();
    let old = stage.post("mapped", r#"{"id": "e1"}"#).json()["runs"][0]["run_id"].clone();
    let path = format!("/api/runs/{}/retry", old.as_str().unwrap());
    let new = stage.operator("POST", &path, "");
    assert_eq!((new.status, &new.json()["retry_of"]), (202, &old));
    let again = stage.operator("POST", &path, "");
    assert_eq!((again.status, &again.json()["run_id"]), (200, &new.json()["run_id"]));
    let many = stage.operator("POST", "/api/runs/retry?limit=1", "").json();
    let names: Vec<&String> = many.as_object().unwrap().keys().collect();
    assert_eq!(names, ["retried", "skipped", "cursor"]);
    stage.stores().claims.borrow_mut().clear();
    let new = new.json()["run_id"].as_str().unwrap().to_owned();
    check(&stage.operator("POST", &format!("/api/runs/{new}/retry"), ""), 410, "no-delivery");
    let mut unknown = queued_run();
    unknown.fail(crate::run::Stage::Start, "no", crate::run::tests::at(1));
    let end = Decision::End { run: Box::new(unknown.clone()) };
    let mut stage = self::stage();
    stage.stores = Some(MemoryWorld::with(&unknown, &[end]).into());
    let path = format!("/api/runs/{}/retry", unknown.run_id);
    check(&stage.operator("POST", &path, ""), 409, "not-configured");
}

#[test]
fn hooks_are_shown_without_secrets_and_with_their_mistakes() {
    let stage = Stage::new(&json!({
        "a": {"workflow": 7},
        "b": hook(|hook| hook["when"] = json!("body.x")),
        "c": hook(|hook| {
            hook["verify"] = json!({"scheme": "bearer", "secret": "MISSING"});
            hook["paused"] = json!(true);
        }),
        "d": hook(|hook| hook["paused"] = json!(true)),
    }));
    let got = stage.operator("GET", "/api/hooks", "");
    let hooks = got.json()["hooks"].clone();
    let states: Vec<&str> =
        hooks.as_array().unwrap().iter().map(|hook| hook["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["broken", "ready", "broken", "paused"]);
    let names: Vec<&String> = hooks[0].as_object().unwrap().keys().collect();
    assert_eq!(names, ["hook", "state", "mistakes"]);
    let b = r#"{"hook":"b","state":"ready","url":"/hooks/b","verify":{"scheme":"none","secret":[]},"sender":null,"setup":["Give the sender the address https://seedhook.example/hooks/b, for requests with the method POST.","Nothing proves who calls: anybody who knows the address may send events."],"share":"none","keep_ignored":false,"silence_seconds":null,"verification_token":null,"max_body_bytes":1048576,"rules":[{"when":"body.x","target":{"workspace":"acme","database":"sales-demo","workflow":"seed"},"on_unconfirmed":"park","on_redelivery":"ignore","deadline_seconds":86400,"archive":"{{ hook }}/{{ date }}/{{ run_id }}/{{ file.id }}-{{ file.name }}","notify":[]}],"mistakes":[]}"#;
    assert!(got.body.contains(b), "{}", got.body);
    assert_eq!(hooks[2]["mistakes"][0]["path"], "HOOKS.c.verify.secret");
    assert!(got.body.ends_with(r#""mistakes":[]}"#), "{}", got.body);
}

#[test]
fn hooks_say_how_to_connect_their_sender_and_what_they_share() {
    let mut hooks = json!({
        "a": hook(|hook| hook["verify"] = json!({"scheme": "hubspot", "secret": ["NEW", "OLD"]})),
        "b": hook(|hook| hook["verify"] = json!({"scheme": "header", "secret": "B", "header": "x-b"})),
    });
    for (name, share) in [("a", "status"), ("b", "files")] {
        hooks[name]["share"] = json!(share);
    }
    let shown = Stage::new(&hooks).operator("GET", "/api/hooks", "").json()["hooks"].clone();
    assert_eq!([&shown[0]["sender"], &shown[1]["sender"]], [&json!("hubspot"), &json!(null)]);
    assert_eq!([&shown[0]["share"], &shown[1]["share"]], ["status", "files"]);
    let steps = |index: usize| shown[index]["setup"].to_string();
    let both = "`npx wrangler secret put NEW` and `npx wrangler secret put OLD`.";
    assert!(
        steps(0).contains(both) && steps(0).contains(" https://seedhook.example/hooks/a."),
        "{}",
        steps(0)
    );
    assert!(steps(1).contains("The sender sends the secret in the header `x-b`."), "{}", steps(1));
}

#[test]
fn a_preview_takes_the_senders_authorization_and_starts_nothing() {
    let stage = stage();
    let preview = |own: &str| {
        let headers = [
            ("authorization", AUTHORIZATION),
            ("x-sender-authorization", own),
            ("content-type", "application/json"),
        ];
        stage.send("POST", "/api/hooks/signed/preview", &headers, r#"{"id": "e1"}"#)
    };
    let got = preview("Bearer s3cret");
    assert_eq!(
        (got.status, got.body.as_str()),
        (
            200,
            r#"{"hook":"signed","paused":false,"verification":{"scheme":"bearer","verified":true},"outcome":"accepted","delivery_id":"e1","delivery_id_error":null,"items":null,"runs":[{"starts":true,"target":{"workspace":"acme","database":"sales-demo","workflow":"seed"},"when":null,"params":{},"error":null,"request":{"method":"POST","url":"https://fabricate.tonic.ai/api/v1/workspaces/acme/databases/sales-demo/workflows/seed","body":{}},"rule":0}]}"#
        )
    );
    assert_eq!(preview("Bearer wrong").json()["verification"]["verified"], false);
    assert!(stage.stores().claims.borrow().is_empty() && stage.work.borrow().is_empty());
    check(&stage.operator("POST", "/api/hooks/nobody/preview", "{}"), 404, "no-such-hook");
    check(&stage.operator("POST", "/api/hooks/broken/preview", "{}"), 503, "not-ready");
}

#[test]
fn what_a_schedule_starts_is_previewed_and_started_by_hand_without_a_body() {
    let stage = Stage::new(&json!({"nightly": {
        "workspace": "acme", "database": "sales-demo", "workflow": "seed", "schedule": "0 3 * * *",
        "params": {"day": "{{ scheduled_at[:10] }}"},
    }}));
    check(&stage.post("nightly", "{}"), 404, "no-such-hook");
    let shown = stage.operator("GET", "/api/hooks", "").json()["hooks"][0].clone();
    assert_eq!(shown["setup"], json!(["Nobody calls this hook: its schedule starts its runs."]));
    assert_eq!(shown["schedule"]["offset"], "+00:00");
    let preview = stage.operator("POST", "/api/hooks/nightly/preview", "").json();
    assert_eq!(preview["scheduled_at"], "2023-11-15T03:00:00.000Z");
    assert_eq!(preview["runs"][0]["params"]["day"]["value"], "2023-11-15");
    let started = stage.operator("POST", "/api/hooks/nightly/runs", "");
    assert_eq!(started.status, 202);
    let path = format!("/api/runs/{}", started.json()["runs"][0]["run_id"].as_str().unwrap());
    let run = stage.operator("GET", &path, "").json();
    assert_eq!((&run["status"], &run["params"]["day"]), (&json!("queued"), &json!("2023-11-14")));
    let mapping = stage.operator("GET", &format!("{path}/mapping"), "").json();
    assert_eq!((&mapping["is_current"], &mapping["error"]), (&json!(true), &json!(null)));
}

#[test]
fn what_the_operator_starts_by_hand_is_new_each_time() {
    let stage = stage();
    let start = || {
        let headers = [("authorization", AUTHORIZATION), ("content-type", "application/json")];
        stage.send("POST", "/api/hooks/paused/runs", &headers, r#"{"id": "e1"}"#)
    };
    let (first, second) = (start(), start());
    assert_eq!((first.status, second.status), (202, 202), "a paused hook takes what the operator sends");
    assert_ne!(first.json()["runs"][0]["run_id"], second.json()["runs"][0]["run_id"]);
}
