//! Start requests: what is accepted, what is refused, and each way to answer otherwise.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::client::{Local, TASK, bearer, download_path, start_path};

fn seed() -> Value {
    json!({"startDate": "2024-01-01", "rows": 5})
}

/// How many tasks of a workflow were made.
fn count(local: &Local, workflow: &str) -> u64 {
    local.server.starts().get(workflow).map_or(0, |starts| starts.count)
}

fn post(local: &Local, path: &str, authorization: Option<&str>, body: &str) -> crate::client::Answer {
    local.send("POST", path, authorization, Some(body.as_bytes())).unwrap()
}

#[test]
fn a_start_is_answered_as_documented() {
    let local = Local::start();
    let answer = local.begin("seed-account", &seed());
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let body = answer.json();
    assert_eq!(body.as_object().unwrap().len(), 2);
    assert_eq!(body["status"], "in_progress");
    let id = body["task_id"].as_str().unwrap();
    assert_eq!((id.len(), &id[14..15]), (36, "4"), "a version 4 UUID: {id}");
    assert_eq!(local.server.starts_of("seed-account")[0].task_id, id);
}

#[test]
fn a_project_is_as_good_as_a_database_and_names_are_encoded() {
    let local = Local::start();
    for path in [
        "/api/v1/workspaces/acme/projects/sales-demo/workflows/seed-account",
        "/api/v1/workspaces/big%20corp%2Feu/databases/d%C3%A9mo%20db/workflows/seed-account",
        "/api/v1/workspaces/big%20corp%2feu/projects/d%c3%a9mo%20db/workflows/seed%2Daccount",
    ] {
        assert_eq!(post(&local, path, Some(&bearer()), &seed().to_string()).status, 200, "{path}");
    }
    let starts = local.server.starts_of("seed-account");
    assert_eq!((starts[0].place, starts[1].place, starts[2].place), ("projects", "databases", "projects"));
    assert_eq!((starts[1].workspace.as_str(), starts[1].database.as_str()), ("big corp/eu", "démo db"));
}

#[test]
fn only_the_key_gets_in() {
    let local = Local::with(|config| config.keys.push("second-key".to_owned()));
    let path = start_path("seed-account");
    let refused = [
        None,
        Some("Bearer wrong"),
        Some("Bearer test-key-471"),
        Some("Bearer test-key-47110"),
        Some("Basic test-key-4711"),
        Some("test-key-4711"),
        Some("Bearer"),
        Some(""),
    ];
    for authorization in refused {
        let answer = post(&local, &path, authorization, &seed().to_string());
        assert_eq!(answer.status, 401, "{authorization:?}");
        assert!(answer.error().contains("unauthorized"));
    }
    assert_eq!(local.server.starts().len(), 0, "nothing was even counted");
    for authorization in [bearer(), "bearer second-key".to_owned()] {
        assert_eq!(post(&local, &path, Some(&authorization), &seed().to_string()).status, 200);
    }
}

#[test]
fn any_names_and_parameters_are_taken_where_the_server_is_told_so() {
    let local = Local::with(|config| config.any_names = true);
    let ended = |path: &str, parameters: &Value| {
        let answer = post(&local, path, Some(&bearer()), &parameters.to_string());
        assert_eq!(answer.status, 200, "{path} {parameters}");
        let task_id = answer.json()["task_id"].as_str().unwrap().to_owned();
        local.server.advance(TASK);
        let task = local.look(&task_id);
        let files = task["files"].as_array().unwrap();
        for file in files {
            let bytes = local.get(&download_path(&task_id, file)).bytes().len();
            assert_eq!(file["size"], bytes, "{path}");
        }
        (task["status"].as_str().unwrap().to_owned(), files.len())
    };
    let completed = ("completed".to_owned(), 2);
    let other = "/api/v1/workspaces/preview/projects/web-shop/workflows/create-preview";
    assert_eq!(ended(other, &json!({"branch": "main", "deep": [{"a": null}]})), completed);
    assert_eq!(ended(other, &json!({})), completed);
    assert_eq!(ended(&start_path("seed-account"), &json!({"branch": "main"})), completed);
    assert_eq!(ended(&start_path("files"), &json!({"files": "all"})), completed);
    assert_eq!(
        ended(&start_path("fails"), &json!({})),
        ("failed".to_owned(), 0),
        "a known name keeps its meaning"
    );
    assert_eq!(post(&local, other, Some(&bearer()), "[]").status, 400);
    assert_eq!(post(&local, other, None, "{}").status, 401);
}

#[test]
fn an_unknown_name_is_named() {
    let local = Local::start();
    for (path, message) in [
        ("/api/v1/workspaces/acm/databases/sales-demo/workflows/fails", "workspace not found: acm"),
        ("/api/v1/workspaces/acme/databases/d%C3%A9mo%20db/workflows/fails", "database not found: démo db"),
        ("/api/v1/workspaces/acme/projects/sales/workflows/fails", "project not found: sales"),
        ("/api/v1/workspaces/acme/databases/sales-demo/workflows/Fails", "workflow not found: Fails"),
        ("/api/v1/workspaces/acme", "no such address: /api/v1/workspaces/acme"),
    ] {
        let answer = post(&local, path, Some(&bearer()), "{}");
        assert_eq!((answer.status, answer.error().as_str()), (404, message));
    }
}

#[test]
fn a_body_must_be_an_object() {
    let local = Local::start();
    for body in ["", "[]", "null", "\"x\"", "1", "{", "{} {}"] {
        let answer = post(&local, &start_path("fails"), Some(&bearer()), body);
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.error().contains("JSON object"));
    }
    assert_eq!(count(&local, "fails"), 0);
}

#[test]
fn a_body_may_have_one_mebibyte() {
    let local = Local::start();
    let body = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    assert_eq!(post(&local, &start_path("fails"), Some(&bearer()), &body(1 << 20)).status, 200);
    let answer = post(&local, &start_path("fails"), Some(&bearer()), &body((1 << 20) + 1));
    assert_eq!(answer.status, 413);
    assert!(answer.error().contains("body"));
}

#[test]
fn a_bad_parameter_is_named() {
    let local = Local::start();
    for (parameters, name) in [
        (json!({"rows": 5}), "startDate"),
        (json!({"startDate": "soon", "rows": 5}), "startDate"),
        (json!({"startDate": "2024-01-01", "rows": "5"}), "rows"),
        (json!({"startDate": "2024-01-01", "rows": 5, "label": 1}), "label"),
        (json!({"startDate": "2024-01-01", "rows": 5, "tables": [1]}), "tables"),
        (json!({"startDate": "2024-01-01", "rows": 5, "colour": "red"}), "colour"),
    ] {
        let answer = local.begin("seed-account", &parameters);
        assert_eq!(answer.status, 422, "{parameters}");
        assert!(answer.error().contains(name), "{}", answer.error());
    }
    assert_eq!((count(&local, "seed-account"), local.server.starts()["seed-account"].attempts), (0, 6));
}

#[test]
fn another_method_is_not_allowed() {
    let answer = Local::start().get(&start_path("fails"));
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    assert_eq!(answer.error(), "method not allowed: GET");
}

#[test]
fn a_name_must_be_utf8() {
    let local = Local::start();
    assert_eq!(post(&local, &start_path("%ff"), Some(&bearer()), "{}").status, 400);
    let answer = local.get("/api/v1/workflow_tasks/%ff");
    assert_eq!((answer.status, answer.error().contains("UTF-8")), (400, true));
}

#[test]
fn start_drops_starts_and_closes_the_connection() {
    let local = Local::start();
    local.try_begin("start-drops", &json!({})).unwrap_err();
    assert_eq!(count(&local, "start-drops"), 1);
    let request = local.server.requests().pop().unwrap();
    assert_eq!((request.status, request.note.contains("started")), (None, true));
    let task_id = local.server.starts_of("start-drops").pop().unwrap().task_id;
    assert_eq!(local.look(&task_id)["status"], "in_progress", "the task runs");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test runs natively and measures a pause")]
fn start_slow_starts_at_once_and_answers_late() {
    let local = Local::with(|config| config.slow_start = Duration::from_millis(300));
    let before = SystemTime::now();
    let task_id = local.task("start-slow", &json!({}));
    assert!(before.elapsed().unwrap() >= Duration::from_millis(300));
    let (start, request) =
        (local.server.starts_of("start-slow").remove(0), local.server.requests().remove(0));
    assert_eq!(start.task_id, task_id);
    assert!(start.at_ms - request.at_ms < 250, "the task began before the answer");
}

#[test]
fn a_caller_that_gives_up_is_recorded() {
    let local = Local::with(|config| config.slow_start = Duration::from_mins(10));
    let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_millis(200)));
    let agent: ureq::Agent = config.build().into();
    let address = format!("{}{}", local.server.url(), start_path("start-slow"));
    crate::client::send(&agent, "POST", &address, Some(&bearer()), Some(b"{}")).unwrap_err();
    drop(agent);
    for _ in 0..500 {
        if local.server.requests()[0].note.contains("hung up") {
            return assert_eq!(count(&local, "start-slow"), 1);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{:?}", local.server.requests());
}

#[test]
fn start_500_starts_all_the_same() {
    let local = Local::start();
    let answer = local.begin("start-500", &json!({}));
    assert_eq!((answer.status, answer.error().as_str()), (500, "something went wrong"));
    assert_eq!(count(&local, "start-500"), 1);
}

#[test]
fn start_no_task_id_starts_without_saying_which() {
    let local = Local::start();
    let answer = local.begin("start-no-task-id", &json!({}));
    assert_eq!((answer.status, answer.json()), (200, json!({"status": "in_progress"})));
    assert_eq!(count(&local, "start-no-task-id"), 1);
}

#[test]
fn start_503_never_starts() {
    let local = Local::start();
    for _ in 0..5 {
        assert_eq!(local.begin("start-503", &json!({})).status, 503);
    }
    assert_eq!((count(&local, "start-503"), local.server.starts()["start-503"].attempts), (0, 5));
}

#[test]
fn start_503_twice_counts_by_parameters() {
    let local = Local::start();
    let mut statuses = vec![];
    for n in [1, 1, 2, 1, 2, 2] {
        statuses.push(local.begin("start-503-twice", &json!({"n": n})).status);
    }
    assert_eq!(statuses, [503, 503, 503, 200, 503, 200]);
    assert_eq!(count(&local, "start-503-twice"), 2);
    assert_eq!(local.server.starts_with("start-503-twice", "n", &json!(1)), 1);
}

#[test]
fn start_429_says_when_to_come_back() {
    let local = Local::start();
    let answer = local.begin("start-429", &json!({}));
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("2")));
    assert!(answer.error().contains("too many"));
    assert_eq!(count(&local, "start-429"), 0);
    assert_eq!(local.begin("start-429", &json!({})).status, 200);
}

#[test]
fn start_html_answers_a_page() {
    let local = Local::start();
    let answer = local.begin("start-html", &json!({}));
    assert_eq!((answer.status, answer.header("content-type")), (502, Some("text/html; charset=utf-8")));
    assert!(String::from_utf8_lossy(answer.bytes()).contains("<h1>502 Bad Gateway</h1>"));
    assert_eq!(count(&local, "start-html"), 0);
}

#[test]
fn start_refuses_refuses() {
    let local = Local::start();
    let answer = local.begin("start-refuses", &json!({}));
    assert_eq!((answer.status, answer.error().contains("refuses")), (422, true));
    assert_eq!(count(&local, "start-refuses"), 0);
}

#[test]
fn start_redirects_leads_to_another_origin() {
    let local = Local::start();
    let answer = local.begin("start-redirects", &json!({}));
    assert_eq!(answer.status, 307);
    let moved = format!("{}/moved", local.server.storage_url());
    assert_eq!(answer.header("location"), Some(moved.as_str()));
    assert_eq!(count(&local, "start-redirects"), 0);
    assert_eq!(local.send("POST", &moved, None, Some(b"{}")).unwrap().status, 404, "nothing is there");
}
