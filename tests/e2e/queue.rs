//! With a queue: sweeps hand the due runs on, and each batch is advanced in an invocation of its own.

use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use crate::stage::{Stage, open_hook};

/// More than one batch holds.
const RUNS: usize = 30;

/// How long the local queue may take to deliver.
const DELIVERY: Duration = Duration::from_secs(4);

#[test]
fn runs_are_followed_through_a_queue() {
    let hooks = json!({"many": open_hook("no-files"), "files": open_hook("redirects")});
    let mut stage = Stage::with_config(&hooks, |config| {
        config["queues"] = json!({
            "producers": [{"binding": "SWEEP_QUEUE", "queue": "sweep"}],
            "consumers": [{
                "queue": "sweep", "max_batch_size": 1, "max_batch_timeout": 0, "max_retries": 3,
                "dead_letter_queue": "sweep-dead",
            }],
        });
    });
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
    stage.wait_for_log(r#""handed_on":31"#, 1);
    let log = stage.log();
    let batches = log.matches(r#""message":"batch""#).count();
    assert!(batches >= 2, "{log}");
    assert!(!log.contains("Uncaught"), "{log}");
}
