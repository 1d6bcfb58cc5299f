//! Bad days: Fabricate, storage or the Worker itself fails, and nothing is lost or done twice.

use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use crate::stage::{Stage, now_ms, open_hook};

const HOUR: Duration = Duration::from_hours(1);

/// Longer than a failing Fabricate is left alone.
const PAUSE: Duration = Duration::from_secs(31);

#[test]
fn a_start_is_repeated_only_where_it_certainly_did_not_happen() {
    let workflows = [
        "start-503-twice",
        "start-refuses",
        "start-drops",
        "start-500",
        "start-html",
        "start-no-task-id",
        "start-redirects",
        // Last, for nobody is started for as long as it asks for.
        "start-429",
    ];
    let mut stage = Stage::for_workflows(&workflows);
    let runs: Vec<(&str, String)> =
        workflows.iter().map(|hook| (*hook, stage.post(hook, &json!({"id": 1}), &[]).run_id())).collect();
    sleep(Duration::from_secs(3));
    stage.sweep_after(HOUR);
    // The probe may have been the second 503: then nothing is asked for a while.
    sleep(PAUSE);
    for _ in 0..3 {
        stage.sweep_after(HOUR);
    }
    for (hook, run_id) in &runs {
        let run = stage.run(run_id);
        let expected = match *hook {
            "start-503-twice" | "start-429" => "completed",
            "start-refuses" => "failed",
            _ => "unconfirmed",
        };
        assert_eq!(run["status"], expected, "{hook}: {run}");
        if expected == "unconfirmed" {
            assert_eq!(run["error"]["stage"], "start", "{run}");
            assert_eq!(stage.fabricate.starts()[*hook].attempts, 1, "{hook} is not started again");
        }
    }
    let refused = stage.run(&runs[1].1);
    assert_eq!(refused["error"]["stage"], "start");
}

#[test]
fn a_start_without_an_answer_in_twenty_seconds_is_unconfirmed() {
    let stage = Stage::for_workflows(&["start-slow"]);
    let run_id = stage.post("start-slow", &json!({"id": 1}), &[]).run_id();
    sleep(Duration::from_secs(23));
    let run = stage.run(&run_id);
    assert_eq!(run["status"], "unconfirmed", "{run}");
    assert!(run["error"]["message"].as_str().unwrap().contains("no answer within 20 s"), "{run}");
}

#[test]
fn a_hook_that_may_run_twice_is_started_again() {
    let mut hook = open_hook("start-500");
    hook["on_unconfirmed"] = json!("restart");
    let mut stage = Stage::with_hooks(&json!({"again": hook}));
    let run_id = stage.post("again", &json!({"id": 1}), &[]).run_id();
    sleep(Duration::from_secs(2));
    stage.sweep_after(HOUR);
    assert!(stage.fabricate.starts()["start-500"].attempts > 1, "{}", stage.run(&run_id));
}

#[test]
fn an_outage_of_fabricate_delays_and_loses_nothing() {
    let mut stage = Stage::for_workflows(&["no-files", "redirects"]);
    let started = stage.post("redirects", &json!({"id": 1}), &[]).run_id();
    stage.wait_until_started(&started);
    stage.fabricate.refuse_keys(true);
    stage.sweep_after(Duration::from_mins(2));
    assert_eq!(stage.run(&started)["status"], "in_progress", "a refused key keeps every run");
    let queued = stage.post("no-files", &json!({"id": 2}), &[]).run_id();
    sleep(Duration::from_secs(2));
    assert_eq!(stage.run(&queued)["status"], "queued");
    stage.fabricate.refuse_keys(false);
    stage.fabricate.set_faults(serde_json::from_value(json!({"status": {"status": 502}})).unwrap()).unwrap();
    stage.sweep_after(HOUR);
    assert_eq!(stage.run(&started)["status"], "in_progress");
    stage
        .fabricate
        .set_faults(serde_json::from_value(json!({"download": {"status": 503, "times": 1}})).unwrap())
        .unwrap();
    stage.sweep_after(Duration::from_mins(15));
    assert_eq!(stage.run(&started)["status"], "archiving");
    assert_eq!(stage.sweep_until_final(&started)["status"], "completed");
    assert_eq!(stage.sweep_until_final(&queued)["status"], "completed");
    assert_eq!(stage.fabricate.starts_of("no-files").len(), 1);
}

#[test]
fn a_failing_fabricate_is_probed_once_a_sweep_and_followed_again_when_it_is_well() {
    let mut stage = Stage::for_workflows(&["no-files"]);
    let runs: Vec<String> =
        (0..12).map(|id| stage.post("no-files", &json!({"id": id}), &[]).run_id()).collect();
    for run_id in &runs {
        stage.wait_until_started(run_id);
    }
    stage.fabricate.set_faults(serde_json::from_value(json!({"status": {"status": 502}})).unwrap()).unwrap();
    let polls = |stage: &Stage| {
        let requests = stage.fabricate.requests();
        requests.iter().filter(|request| request.path.contains("/workflow_tasks/")).count()
    };
    let before = polls(&stage);
    stage.sweep_after(Duration::from_mins(2));
    assert!((5..=8).contains(&(polls(&stage) - before)), "{} polls", polls(&stage) - before);
    let before = polls(&stage);
    stage.sweep_after(Duration::from_mins(2));
    assert_eq!(polls(&stage), before, "left alone");
    sleep(PAUSE);
    stage.sweep_after(Duration::from_mins(2));
    assert_eq!(polls(&stage), before + 1, "a probe");
    assert_eq!(stage.wait_for_log("Fabricate is failing", 2), 2, "{}", stage.log());
    stage.fabricate.clear_faults();
    sleep(PAUSE);
    stage.sweep_after(Duration::from_mins(2));
    for run_id in &runs {
        assert_eq!(stage.run(run_id)["status"], "completed");
    }
}

#[test]
fn a_task_that_fabricate_forgets_fails_its_run_after_a_while() {
    let mut stage = Stage::for_workflows(&["never-ends"]);
    let run_id = stage.post("never-ends", &json!({"id": 1}), &[]).run_id();
    stage.wait_until_started(&run_id);
    stage.fabricate.forget_tasks();
    let run = stage.sweep_until_final(&run_id);
    assert_eq!((&run["status"], &run["error"]["stage"]), (&json!("failed"), &json!("poll")), "{run}");
}

#[test]
fn a_deadline_ends_what_does_not_end_by_itself() {
    let mut hook = open_hook("never-ends");
    hook["deadline"] = json!("10m");
    let mut stage = Stage::with_hooks(&json!({"late": hook}));
    let run_id = stage.post("late", &json!({"id": 1}), &[]).run_id();
    stage.wait_until_started(&run_id);
    let run = stage.sweep_until_final(&run_id);
    assert_eq!(run["error"]["stage"], "poll", "{run}");
}

#[test]
fn storage_that_is_missing_is_answered_503_and_nothing_is_started() {
    for binding in ["INBOX", "FILES"] {
        let stage = Stage::with_config(&json!({"open": open_hook("no-files")}), |config| {
            config["r2_buckets"].as_array_mut().unwrap().retain(|bucket| bucket["binding"] != binding);
        });
        let answer = stage.post("open", &json!({"id": 1}), &[]);
        assert_eq!(answer.status, 503, "{binding}");
        assert!(answer.header("retry-after").is_some());
        assert_eq!(stage.send("GET", "/health", &[], b"").status, 503);
        assert!(stage.fabricate.starts().is_empty());
    }
}

#[test]
fn a_worker_killed_at_any_moment_loses_nothing_and_starts_nothing_twice() {
    let mut stage = Stage::for_workflows(&["redirects"]);
    let mut runs = Vec::new();
    // From right after the answer to well after everything is written.
    for (index, pause_ms) in [0, 30, 150, 600, 1_500].into_iter().enumerate() {
        let answer = stage.post("redirects", &json!({"id": index}), &[]);
        assert_eq!(answer.status, 202);
        runs.push(answer.run_id());
        sleep(Duration::from_millis(pause_ms));
        stage.kill_worker();
        stage.start_worker();
    }
    for run_id in &runs {
        // A run that died between its start's entry and the answer is known to be unknown after 15 minutes.
        for _ in 0..20 {
            stage.sweep_after(Duration::from_mins(2));
            stage.kill_worker();
            stage.start_worker();
            if stage.run(run_id)["status"] != "queued" && stage.run(run_id)["status"] != "in_progress" {
                break;
            }
        }
    }
    let mut unconfirmed = 0;
    for run_id in &runs {
        let run = stage.run(run_id);
        match run["status"].as_str().unwrap() {
            "completed" => stage.assert_same_bytes(&run, &run["files"][0]),
            "unconfirmed" => unconfirmed += 1,
            other => panic!("{other}: {run}"),
        }
    }
    let starts = stage.fabricate.starts_of("redirects").len();
    assert!(
        starts <= runs.len() && starts + unconfirmed >= runs.len(),
        "{starts} starts, {unconfirmed} unconfirmed"
    );
}

#[test]
fn a_claim_whose_record_was_lost_is_healed_by_the_hourly_pass() {
    let mut stage = Stage::for_workflows(&["no-files"]);
    let run_id = stage.post("no-files", &json!({"id": 1}), &[]).run_id();
    stage.wait_until_started(&run_id);
    stage.kill_worker();
    stage.lose_kv();
    stage.start_worker();
    stage.sweep();
    let minutes_to_the_hour = 60 - (now_ms() / 60_000) % 60;
    stage.sweep_after(Duration::from_secs(minutes_to_the_hour * 60 + 61));
    let run = stage.sweep_until_final(&run_id);
    assert_eq!(run["status"], "completed", "copied from its journal, not started anew: {run}");
    assert_eq!(stage.fabricate.starts_of("no-files").len(), 1);
}
