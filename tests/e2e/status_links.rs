//! A CI job that waits for its database with nothing but the answer to its webhook.

use serde_json::{Value, json};

use crate::stage::{Stage, open_hook};

/// How often the job asks: each answer is a change, or comes after 25 s. No sweep helps.
const ANSWERS_MAX: usize = 10;

#[test]
fn a_ci_job_waits_for_its_file_with_the_answer_alone() {
    let mut hook = open_hook("seed-account");
    hook["share"] = json!("files");
    hook["params"] = json!({"startDate": "2026-01-01", "rows": 10});
    let stage = Stage::with_hooks(&json!({"ci": hook}));
    let accepted = stage.post("ci", &json!({"id": "build-1"}), &[]).json();
    let url = accepted["runs"][0]["status_url"].as_str().unwrap().to_owned();
    let path_of = |url: &str| url.splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap();
    let (mut etag, mut run) = (String::new(), Value::Null);
    for _ in 0..ANSWERS_MAX {
        let headers = [("prefer", "wait=25"), ("if-none-match", etag.as_str())];
        let answer = stage.send("GET", &path_of(&url), &headers, b"");
        if answer.status == 304 {
            continue;
        }
        assert_eq!(answer.status, 200, "{}", stage.log());
        etag = answer.header("etag").unwrap().to_owned();
        run = answer.json();
        let status = run["status"].as_str().unwrap();
        if status == "completed" {
            break;
        }
        assert!(["queued", "in_progress", "archiving"].contains(&status), "{run}");
    }
    assert_eq!(run["status"], "completed", "{}", stage.log());
    let file = &run["files"][0];
    assert_eq!(file["state"], "archived", "{run}");
    let bytes = stage.send("GET", &path_of(file["url"].as_str().unwrap()), &[], b"");
    assert_eq!((bytes.status, bytes.body.len() as u64), (200, file["size"].as_u64().unwrap()));
    for secret in ["params", "delivery_id", "hook", "result"] {
        assert!(!run.to_string().contains(&format!("\"{secret}\"")), "{run}");
    }
}
