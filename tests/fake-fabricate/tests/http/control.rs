//! The control calls, the methods that do the same, and the record.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use fake_fabricate::{Config, Fault, Faults, Server};
use serde_json::{Value, json};

use crate::client::{KEY, Local, bearer, download_path, start_path};

fn statuses(local: &Local, path: &str) -> Vec<u16> {
    (0..4).map(|_| local.get(path).status).collect()
}

#[test]
fn injected_faults_last_as_long_as_they_say() {
    let local = Local::start();
    let (task_id, files) = local.ended("many-files", &json!({}));
    let faults = r#"{"start": {"status": 503, "times": 1, "retry_after": 7},
        "status": {"status": 500, "times": 3}, "download": {"status": 502}}"#;
    assert_eq!(local.control("PUT", "/faults", faults).status, 200);
    let answer = local.begin("fails", &json!({}));
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("7")));
    assert!(answer.error().contains("injected"));
    assert!(local.server.starts_of("fails").is_empty(), "nothing was started");
    assert_eq!(local.begin("fails", &json!({})).status, 200);
    assert_eq!(statuses(&local, &format!("/api/v1/workflow_tasks/{task_id}")), [500, 500, 500, 200]);
    assert_eq!(statuses(&local, &download_path(&task_id, &files[0])), [502; 4]);
    assert_eq!(local.control("GET", "/faults", "").json()["download"], json!({"status": 502}));
    local.control("DELETE", "/faults", "");
    assert_eq!(statuses(&local, &download_path(&task_id, &files[0])), [200; 4]);
}

#[test]
fn faults_replace_those_before() {
    let local = Local::start();
    let task = format!("/api/v1/workflow_tasks/{}", local.task("fails", &json!({})));
    local.server.set_faults(Faults { status: Some(Fault::times(500, 9)), ..Faults::default() }).unwrap();
    assert_eq!(local.get(&task).status, 500);
    local.server.set_faults(Faults { start: Some(Fault::times(418, 1)), ..Faults::default() }).unwrap();
    assert_eq!((local.get(&task).status, local.begin("fails", &json!({})).status), (200, 418));
    local.server.set_faults(Faults { start: Some(Fault::times(418, 1)), ..Faults::default() }).unwrap();
    local.server.clear_faults();
    assert_eq!(local.begin("fails", &json!({})).status, 200);
}

#[test]
fn faults_that_cannot_be_are_refused() {
    let local = Local::start();
    for body in [
        "",
        "[1]",
        r#"{"starts": {"status": 500}}"#,
        r#"{"start": {"times": 1}}"#,
        r#"{"status": {"status": 99}}"#,
    ] {
        let answer = local.send("PUT", "/control/faults", None, Some(body.as_bytes())).unwrap();
        assert_eq!(answer.status, 400, "{body}");
        assert!(!answer.error().is_empty());
    }
    let fault = Some(Fault::times(600, 1));
    local.server.set_faults(Faults { start: fault, ..Faults::default() }).unwrap_err();
    assert_eq!(local.begin("fails", &json!({})).status, 200, "none is in force");
}

#[test]
fn a_server_that_is_down_answers_nobody_but_control() {
    let local = Local::start();
    let task = format!("/api/v1/workflow_tasks/{}", local.task("fails", &json!({})));
    local.control("PUT", "/faults", r#"{"down": true}"#);
    for address in [task.clone(), "/".to_owned(), format!("{}/x", local.server.storage_url())] {
        local.send("GET", &address, Some(&bearer()), None).unwrap_err();
        assert_eq!(local.server.requests().pop().unwrap().status, None, "{address}");
    }
    local.try_begin("fails", &json!({})).unwrap_err();
    assert_eq!(local.server.starts_of("fails").len(), 1);
    local.control("DELETE", "/faults", "");
    assert_eq!(local.get(&task).status, 200);
}

#[test]
fn keys_are_refused_until_undone() {
    let local = Local::start();
    let task = format!("/api/v1/workflow_tasks/{}", local.task("fails", &json!({})));
    local.control("POST", "/key", "");
    assert_eq!((local.get(&task).status, local.begin("fails", &json!({})).status), (401, 401));
    local.control("DELETE", "/key", "");
    assert_eq!(local.get(&task).status, 200);
    local.server.refuse_keys(true);
    assert_eq!(local.get(&task).status, 401);
    local.server.refuse_keys(false);
    assert_eq!(local.get(&task).status, 200);
}

#[test]
fn forgotten_tasks_are_unknown() {
    let local = Local::start();
    let first = local.task("fails", &json!({}));
    local.control("POST", "/forget", "");
    assert_eq!(local.get(&format!("/api/v1/workflow_tasks/{first}")).status, 404);
    let second = local.task("fails", &json!({}));
    assert_eq!(local.look(&second)["status"], "in_progress");
    local.server.forget_tasks();
    assert_eq!(local.get(&format!("/api/v1/workflow_tasks/{second}")).status, 404);
    assert_eq!(local.server.starts_of("fails").len(), 2, "the starts are remembered");
}

#[test]
fn the_record_tells_what_was_asked() {
    let local = Local::start();
    let (task_id, files) = local.ended("many-files", &json!({}));
    local.get(&download_path(&task_id, &files[0]));
    local.send("POST", &start_path("fails"), Some("Bearer other"), Some(b"{}")).unwrap();
    local.send("GET", "/nowhere", None, None).unwrap();
    let found = local.control("GET", "/requests", "").json();
    let shown: Vec<_> = found.as_array().unwrap().iter().map(summary).collect();
    let file_id = files[0]["id"].to_string();
    assert_eq!(
        shown,
        [
            json!(["api", "POST", "many-files", null, null, true, true, 200]),
            json!(["api", "GET", null, task_id, null, true, true, 200]),
            json!(["api", "GET", null, task_id, file_id, true, true, 200]),
            json!(["api", "POST", "fails", null, null, true, false, 401]),
            json!(["api", "GET", null, null, null, false, false, 401]),
        ]
    );
    assert_eq!(found[0]["path"], start_path("many-files"));
    assert_eq!(found[0]["note"], format!("task {task_id} started: many-files"));
    assert_eq!(found[0]["headers"]["content-type"], "application/json");
    let length = local.get(&download_path(&task_id, &files[0])).bytes().len();
    assert_eq!(found[2]["sent_bytes"], length);
    assert!(found[2]["at_ms"].as_u64() > found[0]["at_ms"].as_u64());
    assert!(!found.to_string().contains(KEY) && !found.to_string().contains("Bearer"));
    assert_eq!(local.server.requests().len(), 6);
    local.control("DELETE", "/requests", "");
    assert_eq!(local.control("GET", "/requests", "").json(), json!([]));
}

fn summary(request: &Value) -> Value {
    let fields =
        ["origin", "method", "workflow", "task_id", "file_id", "authorization", "authorized", "status"];
    fields.iter().map(|field| request[field].clone()).collect()
}

#[test]
fn the_starts_are_told_per_workflow() {
    let local = Local::start();
    let seed = |rows: u64| json!({"startDate": "2024-01-01", "rows": rows});
    let first = local.task("seed-account", &seed(1));
    local.task("seed-account", &seed(2));
    local.task("seed-account", &seed(2));
    local.begin("start-503", &json!({}));
    let found = local.control("GET", "/starts", "").json();
    assert_eq!((&found["seed-account"]["count"], &found["seed-account"]["attempts"]), (&json!(3), &json!(3)));
    assert_eq!(found["start-503"], json!({"attempts": 1, "count": 0, "starts": []}));
    let start = &found["seed-account"]["starts"][0];
    assert_eq!((&start["params"], &start["task_id"]), (&seed(1), &json!(first)));
    assert_eq!(
        (&start["workspace"], &start["database"], &start["place"]),
        (&json!("acme"), &json!("sales-demo"), &json!("databases"))
    );
    assert_eq!(local.server.starts_with("seed-account", "rows", &json!(2)), 2);
    local.control("DELETE", "/starts", "");
    assert_eq!(local.control("GET", "/starts", "").json(), json!({}));
}

#[test]
fn cleared_starts_begin_anew() {
    let local = Local::start();
    assert_eq!(local.begin("start-429", &json!({})).status, 429);
    local.server.clear_starts();
    assert_eq!(local.begin("start-429", &json!({})).status, 429);
    assert_eq!(local.begin("start-429", &json!({})).status, 200);
}

#[test]
fn the_hash_is_that_of_the_whole_file() {
    let local = Local::start();
    let (task_id, listed) = local.ended("cut-short", &json!({}));
    let path = format!("/tasks/{task_id}/files/{}/sha256", listed[0]["id"]);
    let expected = fake_fabricate::files::expected("cut-short", &json!({})).unwrap()[0].content().sha256();
    assert_eq!(local.control("GET", &path, "").json(), json!({"sha256": expected}));
    for path in [format!("/tasks/{task_id}/files/1/sha256"), "/tasks/x/files/y/sha256".to_owned()] {
        assert_eq!(local.control("GET", &path, "").status, 404);
    }
}

#[test]
fn a_server_that_is_dropped_is_gone() {
    let local = Local::start();
    local.task("fails", &json!({}));
    let host = local.server.url().trim_start_matches("http://").to_owned();
    let mut open = TcpStream::connect(&host).unwrap();
    open.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(open, "GET /control/faults HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert_eq!(open.read(&mut [0]).unwrap(), 1, "it is accepted");
    let _runtime = local.stop();
    open.read_to_end(&mut vec![]).unwrap();
    let refused = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        TcpStream::connect(&host).is_err()
    });
    assert!(refused, "no other is accepted");
}

#[test]
fn a_server_needs_a_key_and_a_free_port() {
    let local = Local::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(Server::start(Config::new(" "))).unwrap_err();
    let mut config = Config::new(KEY);
    config.port = local.server.url().rsplit(':').next().unwrap().parse().unwrap();
    runtime.block_on(Server::start(config)).unwrap_err();
}

#[test]
fn a_task_may_take_no_time() {
    let local = Local::with(|config| config.task_duration = Duration::ZERO);
    assert_eq!(local.look(&local.task("no-files", &json!({})))["status"], "completed");
}
