//! Status requests: the life of a task with each outcome.

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Local, TASK, bearer};

/// A new task, seen before and after its end.
#[track_caller]
fn check(workflow: &str, before: &str, after: &Value) {
    let local = Local::start();
    let task_id = local.task(workflow, &json!({}));
    local.server.advance(TASK.saturating_sub(Duration::from_mins(1)));
    let found = local.look(&task_id);
    assert_eq!(found["status"], before);
    assert_eq!(
        (&found["result"], &found["files"], &found["error"]),
        (&json!(null), &json!([]), &json!(null))
    );
    assert_eq!(found["completed_at"], json!(null));
    local.server.advance(Duration::from_mins(1));
    let mut found = local.look(&task_id);
    let shown = found.as_object_mut().unwrap();
    for file in shown["files"].as_array_mut().unwrap() {
        *file = file["name"].take();
    }
    shown.retain(|name, _| after.get(name).is_some());
    assert_eq!(&found, after);
}

#[test]
fn a_task_has_exactly_the_documented_fields() {
    let local = Local::start();
    let task_id = local.task("seed-account", &json!({"startDate": "2024-01-01", "rows": 5}));
    let answer = local.get(&format!("/api/v1/workflow_tasks/{task_id}"));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let task = answer.json();
    let names = sorted_names(&task);
    let documented = [
        "completed_at",
        "created_at",
        "error",
        "files",
        "id",
        "result",
        "started_at",
        "status",
        "workflow_id",
    ];
    assert_eq!(names, documented);
    assert_eq!(
        (task["id"].as_str(), &task["workflow_id"]),
        (Some(task_id.as_str()), &json!("wf-seed-account"))
    );
    local.server.advance(TASK);
    let task = local.look(&task_id);
    assert_eq!(task["result"], json!({"rows_processed": 5, "success": true}));
    let file = &task["files"][0];
    assert_eq!(sorted_names(file), ["content_type", "id", "name", "size"]);
    assert!(file["id"].is_u64() && file["size"].is_u64());
}

fn sorted_names(object: &Value) -> Vec<&str> {
    let mut names: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn the_end_of_a_task_is_its_duration_after_its_start() {
    let local = Local::start();
    let task_id = local.task("no-files", &json!({}));
    local.server.advance(TASK * 5);
    let task = local.look(&task_id);
    let time = |name: &str| task[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert_eq!(time("completed_at").as_second() - time("started_at").as_second(), 3600);
    assert_eq!(time("created_at"), time("started_at"));
}

#[test]
fn each_outcome_is_shown() {
    check("no-files", "in_progress", &json!({"status": "completed", "files": [], "error": null}));
    check(
        "fails",
        "in_progress",
        &json!({"status": "failed", "files": [], "result": null, "error": "Database connection failed"}),
    );
    check(
        "cancels",
        "in_progress",
        &json!({"status": "canceled", "files": [], "result": null, "error": null}),
    );
    check("never-ends", "in_progress", &json!({"status": "in_progress", "files": [], "completed_at": null}));
    check(
        "unknown-status",
        "paused",
        &json!({"status": "completed", "files": ["report.csv"], "error": null}),
    );
    check(
        "completed-with-error",
        "in_progress",
        &json!({"status": "completed", "files": ["report.csv"], "error": "2 of 5 tables could not be written"}),
    );
}

#[test]
fn a_large_result_arrives_whole() {
    let local = Local::start();
    let task_id = local.task("large-result", &json!({}));
    local.server.advance(TASK);
    let task = local.look(&task_id);
    assert_eq!(task["result"]["rows"].as_array().unwrap().len(), 5_000);
    assert!(task.to_string().len() > 380_000);
}

#[test]
fn a_result_is_any_text() {
    let local = Local::start();
    let parameters = json!({"before": "[1e400", "text": ",\"\\ud83d\"", "times": 2, "after": "]"});
    let task_id = local.task("result-text", &parameters);
    local.server.advance(TASK);
    let answer = local.get(&format!("/api/v1/workflow_tasks/{task_id}"));
    let body = String::from_utf8(answer.bytes().to_vec()).unwrap();
    assert!(body.contains(r#""result":[1e400,"\ud83d","\ud83d"],"#), "{body}");
}

#[test]
fn forgets_is_seen_once() {
    let local = Local::start();
    let task_id = local.task("forgets", &json!({}));
    local.server.advance(TASK);
    assert_eq!(local.look(&task_id)["status"], "in_progress", "also after its time");
    for _ in 0..2 {
        let answer = local.get(&format!("/api/v1/workflow_tasks/{task_id}"));
        assert_eq!((answer.status, answer.error()), (404, format!("task not found: {task_id}")));
    }
}

#[test]
fn an_unknown_task_is_not_found() {
    let local = Local::start();
    for id in ["550e8400-e29b-41d4-a716-446655440000", "abc"] {
        let answer = local.get(&format!("/api/v1/workflow_tasks/{id}"));
        assert_eq!((answer.status, answer.error()), (404, format!("task not found: {id}")));
    }
}

#[test]
fn a_status_needs_the_key() {
    let local = Local::start();
    let path = format!("/api/v1/workflow_tasks/{}", local.task("no-files", &json!({})));
    for authorization in [None, Some("Bearer x")] {
        assert_eq!(local.send("GET", &path, authorization, None).unwrap().status, 401);
    }
    assert_eq!(local.send("GET", &path, Some(&bearer()), None).unwrap().status, 200);
}
