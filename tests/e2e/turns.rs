//! Runs that wait for each other: one at a time in one database, whoever sends them, and also when the Worker is killed.

use std::collections::BTreeSet;
use std::thread::{scope, sleep};
use std::time::Duration;

use serde_json::{Value, json};

use crate::stage::{Stage, open_hook};

/// How many are sent at the same moment.
const DELIVERIES: usize = 24;

/// How many sweeps they may take: one for each run, and some more.
const SWEEPS_MAX: usize = 100;

/// How often the Worker is killed, each time a little later after a delivery.
const KILLS: usize = 12;

/// A hook whose runs have the key of their database.
fn keyed(changes: &Value) -> Value {
    let mut hook = open_hook("no-files");
    hook["concurrency"] = json!("{{ workspace }}/{{ database }}");
    hook.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    hook
}

/// Sweeps every two minutes until every run is final; the runs.
#[track_caller]
fn sweep_until_all_final(stage: &mut Stage, runs: &BTreeSet<String>) -> Vec<Value> {
    for _ in 0..SWEEPS_MAX {
        stage.sweep_after(Duration::from_mins(2));
        let shown: Vec<Value> = runs.iter().map(|run_id| stage.run(run_id)).collect();
        let is_final =
            |run: &Value| ["completed", "failed", "canceled"].iter().any(|word| run["status"] == *word);
        if shown.iter().all(is_final) {
            return shown;
        }
    }
    panic!("not all final after {SWEEPS_MAX} sweeps\n{}", stage.log());
}

#[test]
fn simultaneous_deliveries_over_three_hooks_of_one_key_run_one_at_a_time() {
    let hooks = json!({"one": keyed(&json!({})), "two": keyed(&json!({})), "three": keyed(&json!({}))});
    let mut stage = Stage::with_hooks(&hooks);
    let runs: BTreeSet<String> = scope(|threads| {
        let send = |id: usize| stage.post(["one", "two", "three"][id % 3], &json!({"id": id}), &[]).run_id();
        let sending: Vec<_> = (0..DELIVERIES).map(|id| threads.spawn(move || send(id))).collect();
        sending.into_iter().map(|sending| sending.join().unwrap()).collect()
    });
    assert_eq!(runs.len(), DELIVERIES);
    let ended = sweep_until_all_final(&mut stage, &runs);
    assert!(ended.iter().all(|run| run["status"] == "completed"), "{ended:?}");
    assert_eq!(stage.fabricate.starts_of("no-files").len(), DELIVERIES, "each once");
    assert_eq!(stage.fabricate.overlaps("acme", "sales-demo"), 0);
}

#[test]
fn the_next_run_goes_on_when_the_worker_is_killed_at_any_step() {
    let mut stage =
        Stage::with_hooks(&json!({"keyed": keyed(&json!({"on_unconfirmed": "park", "deadline": "1m"}))}));
    let mut runs = BTreeSet::new();
    for kill in 0..KILLS {
        for copy in 0..2 {
            runs.insert(stage.post("keyed", &json!({"id": format!("{kill} {copy}")}), &[]).run_id());
        }
        sleep(Duration::from_millis(30 * u64::try_from(kill).unwrap()));
        stage.kill_worker();
        stage.start_worker();
    }
    // A start that was cut off counts as lost after a quarter of an hour.
    for _ in 0..12 {
        stage.sweep_after(Duration::from_mins(20));
    }
    for _ in 0..SWEEPS_MAX {
        stage.sweep_after(Duration::from_mins(2));
    }
    for run_id in &runs {
        let run = stage.run(run_id);
        let is_over = ["completed", "failed", "unconfirmed"].iter().any(|word| run["status"] == *word);
        assert!(is_over, "{run}\n{}", stage.log());
    }
}

#[test]
fn the_next_run_starts_within_two_sweeps_after_the_one_before_has_ended() {
    let mut stage = Stage::with_hooks(&json!({"keyed": keyed(&json!({}))}));
    let first = stage.post("keyed", &json!({"id": 1}), &[]).run_id();
    stage.wait_until_started(&first);
    let second = stage.post("keyed", &json!({"id": 2}), &[]).run_id();
    let waiting = stage.run_until(&second, |run| run["waiting"]["behind"] != json!([]));
    assert_eq!(waiting["waiting"]["for"], "concurrency", "{waiting}");
    assert_eq!(waiting["waiting"]["behind"][0], json!(first), "{waiting}");
    assert_eq!(waiting["key"], "acme/sales-demo");
    let listed = stage.operator("/api/runs?status=queued").json();
    if let Some(brief) = listed["runs"].as_array().unwrap().first() {
        assert_eq!(brief["waiting"]["key"], "acme/sales-demo", "{brief}");
    }
    stage.sweep_until_final(&first);
    for _ in 0..2 {
        stage.sweep_after(Duration::from_mins(2));
    }
    assert_ne!(stage.run(&second)["status"], "queued", "{}", stage.log());
    assert_eq!(stage.fabricate.overlaps("acme", "sales-demo"), 0);
}

#[test]
fn ten_pushes_in_a_minute_start_the_newest_once() {
    let changes = json!({"when_busy": "replace", "debounce": "30s"});
    let mut stage = Stage::with_hooks(&json!({"preview": keyed(&changes)}));
    let runs: Vec<String> =
        (0..10).map(|id| stage.post("preview", &json!({"id": id}), &[]).run_id()).collect();
    // The debounce is real time: the clock of the Worker is not the cron's.
    sleep(Duration::from_secs(31));
    let all: BTreeSet<String> = runs.iter().cloned().collect();
    let ended = sweep_until_all_final(&mut stage, &all);
    let newest = runs.last().unwrap();
    for run in &ended {
        if run["run_id"] == json!(newest) {
            assert_eq!(run["status"], "completed", "{run}");
        } else {
            assert_eq!((&run["status"], &run["replaced_by"]), (&json!("canceled"), &json!(newest)), "{run}");
        }
    }
    assert_eq!(stage.fabricate.starts_of("no-files").len(), 1);
}

#[test]
fn a_run_that_does_not_wait_is_canceled_at_once() {
    let stage = Stage::with_hooks(&json!({"keyed": keyed(&json!({"when_busy": "skip"}))}));
    let first = stage.post("keyed", &json!({"id": 1}), &[]).run_id();
    stage.wait_until_started(&first);
    let second = stage.post("keyed", &json!({"id": 2}), &[]).run_id();
    let skipped = stage.run_until(&second, |run| run["status"] == "canceled");
    assert_eq!(skipped["skipped_for"], json!(first), "{skipped}");
}

#[test]
fn no_more_runs_are_in_progress_than_the_limit_allows() {
    let mut hook = open_hook("no-files");
    hook["max_running"] = json!(1);
    let mut stage = Stage::with_hooks(&json!({"limited": hook}));
    let runs: BTreeSet<String> =
        (0..6).map(|id| stage.post("limited", &json!({"id": id}), &[]).run_id()).collect();
    let ended = sweep_until_all_final(&mut stage, &runs);
    assert!(ended.iter().all(|run| run["status"] == "completed"), "{ended:?}");
    assert_eq!(stage.fabricate.overlaps("acme", "sales-demo"), 0);
}
