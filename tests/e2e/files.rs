//! Files arrive whole, however Fabricate serves them and whatever it calls them.

use serde_json::{Value, json};

use crate::stage::Stage;

fn run_to_its_end(stage: &mut Stage, hook: &str) -> Value {
    let run_id = stage.post(hook, &json!({"id": 1}), &[]).run_id();
    stage.wait_until_started(&run_id);
    stage.sweep_until_final(&run_id)
}

#[test]
fn files_arrive_whole_however_they_are_served() {
    let workflows = [
        "big-file",
        "no-length",
        "redirects",
        "redirect-relative",
        "slow",
        "zero-bytes",
        "many-files",
        "odd-names",
    ];
    let mut stage = Stage::for_workflows(&workflows);
    for workflow in workflows {
        let run = run_to_its_end(&mut stage, workflow);
        assert_eq!(run["status"], "completed", "{run}");
        let files = run["files"].as_array().unwrap();
        assert!(!files.is_empty());
        for file in files {
            stage.assert_same_bytes(&run, file);
        }
    }
    let asked = stage.fabricate.requests();
    let mut elsewhere =
        asked.iter().filter(|request| request.origin == fake_fabricate::Origin::Storage).peekable();
    assert!(elsewhere.peek().is_some());
    assert!(elsewhere.all(|request| !request.authorization), "the key stays at Fabricate");
}

#[test]
fn hostile_names_stay_within_the_runs_own_folder() {
    let mut stage = Stage::for_workflows(&["odd-names"]);
    let run = run_to_its_end(&mut stage, "odd-names");
    let folder = format!("/{}/", run["run_id"].as_str().unwrap());
    for file in run["files"].as_array().unwrap() {
        let key = file["key"].as_str().unwrap();
        let (_, name) = key.split_once(&folder).unwrap();
        assert!(!name.contains('/') && !name.contains("..") && key.len() <= 1024, "{key}");
        let answer = stage.operator(file["url"].as_str().unwrap());
        let disposition = answer.header("content-disposition").unwrap();
        assert!(disposition.starts_with("attachment; filename=\""), "{disposition}");
        assert!(answer.header("x-csv").is_none() && answer.header("x").is_none());
    }
}

#[test]
fn a_file_that_does_not_arrive_whole_fails_its_run_and_says_so() {
    let mut stage = Stage::for_workflows(&["cut-short", "wrong-size", "redirect-loop", "missing-file"]);
    for (workflow, word) in [
        ("cut-short", "1 of 1 files"),
        ("wrong-size", "2 of 2 files"),
        ("redirect-loop", "more than 3 redirects"),
        ("missing-file", "1 of 3 files not archived"),
    ] {
        let run = run_to_its_end(&mut stage, workflow);
        assert_eq!((&run["status"], &run["error"]["stage"]), (&json!("failed"), &json!("archive")), "{run}");
        assert!(run["error"]["message"].as_str().unwrap().contains(word), "{run}");
        for file in run["files"].as_array().unwrap() {
            if file["state"] == "archived" {
                stage.assert_same_bytes(&run, file);
            } else {
                assert_eq!(file["state"], "failed");
                assert!(file["error"].is_string() && file["key"].is_null());
                assert_eq!(
                    stage.operator(file["url"].as_str().unwrap()).status,
                    404,
                    "no part of it is shown"
                );
            }
        }
    }
}
