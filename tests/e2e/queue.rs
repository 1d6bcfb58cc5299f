//! With a queue: sweeps hand the due runs on, and each batch is advanced in an invocation of its own.

use std::thread::sleep;
use std::time::Duration;

use seedhook::service::sweep::BATCH_RUNS_MAX;
use serde_json::{Value, json};

use crate::stage::{Stage, open_hook};

/// More than one batch holds.
const RUNS: usize = 30;

/// How long the local queue may take to deliver.
const DELIVERY: Duration = Duration::from_secs(4);

fn with_queue(hooks: &Value) -> Stage {
    Stage::with_config(hooks, |config| {
        config["queues"] = json!({
            "producers": [{"binding": "SWEEP_QUEUE", "queue": "sweep"}],
            "consumers": [{
                "queue": "sweep", "max_batch_size": 1, "max_batch_timeout": 0, "max_retries": 3,
                "dead_letter_queue": "sweep-dead",
            }],
        });
    })
}

#[test]
fn runs_are_followed_through_a_queue() {
    let mut stage = with_queue(&json!({"many": open_hook("no-files"), "files": open_hook("redirects")}));
    let mut runs: Vec<String> =
        (0..RUNS).map(|id| stage.post("many", &json!({"id": id}), &[]).run_id()).collect();
    runs.push(stage.post("files", &json!({"id": 1}), &[]).run_id());
    for run_id in &runs {
        stage.wait_until_started(run_id);
    }
    let is_final = |stage: &Stage, run_id: &String| stage.run(run_id)["status"] == "completed";
    for _ in 0..5 {
        stage.sweep_after(Duration::from_mins(2));
        sleep(DELIVERY);
        if runs.iter().all(|run_id| is_final(&stage, run_id)) {
            break;
        }
    }
    for run_id in &runs {
        assert_eq!(stage.run(run_id)["status"], "completed", "{}\n{}", stage.run(run_id), stage.log());
    }
    let run = stage.run(runs.last().unwrap());
    stage.assert_same_bytes(&run, &run["files"][0]);
    assert_eq!(stage.fabricate.starts_of("no-files").len(), RUNS, "each once");
    let log = stage.log();
    let sent =
        log.split(r#""enqueued":"#).skip(1).filter_map(|rest| rest.split([',', '}']).next()?.parse().ok());
    // A few may have ended before the first sweep, by what follows a webhook: more of them on a slow machine.
    let most: usize = sent.max().unwrap_or(0);
    assert!(most > RUNS / 2, "{log}");
    let batches = log.matches(r#""message":"queue batch finished""#).count();
    assert!(batches >= most.div_ceil(BATCH_RUNS_MAX), "{log}");
    assert!(!log.contains("Uncaught"), "{log}");
}

#[test]
fn a_run_that_cannot_be_read_is_told_and_keeps_no_other_waiting() {
    let mut stage = with_queue(&json!({"hook": open_hook("no-files")}));
    let [damaged, other] =
        ["damaged", "other"].map(|id| stage.post("hook", &json!({"id": id}), &[]).run_id());
    for run_id in [&damaged, &other] {
        stage.wait_until_started(run_id);
    }
    stage.kill_worker();
    stage.damage_kv(&damaged);
    stage.start_worker();
    stage.sweep_after(Duration::from_mins(2));
    stage.wait_for_log(r#""message":"queue batch finished""#, 1);
    let log = stage.log();
    assert_eq!(stage.run(&other)["status"], "completed", "{log}");
    let told = log.lines().find(|line| line.contains("open run left alone")).unwrap_or_default();
    assert!(told.contains(&damaged) && told.contains("cannot be read"), "{log}");
    // The batch does not come again for what will be as unreadable then.
    assert!(log.contains(r#""unreadable":1"#) && !log.contains(r#""again":true"#), "{log}");
}
