//! A hook that runs by itself, over three days of the cron's time with crons that are missing and doubled.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use crate::stage::{Stage, now_ms, open_hook};

const HOUR_MS: u64 = 3_600_000;

#[test]
fn three_days_with_missing_and_doubled_crons_start_each_time_that_a_cron_saw_once() {
    let mut hook = open_hook("no-files");
    let fields = hook.as_object_mut().unwrap();
    fields.remove("verify");
    fields.remove("delivery_id");
    hook["schedule"] = json!("0 */6 * * *");
    hook["params"] = json!({"event": "{{ scheduled_at }}"});
    let mut stage = Stage::with_hooks(&json!({"fresh": hook}));
    assert_eq!(stage.post("fresh", &json!({}), &[]).status, 404, "nobody can call it");
    stage.sweep();
    let began_ms = now_ms();
    let six_hours = |ms: u64| ms / (6 * HOUR_MS);
    let mut seen = BTreeSet::new();
    for hour in 1..=72_u64 {
        // No cron for ten hours in the second night.
        if (30..40).contains(&hour) {
            continue;
        }
        stage.sweep_after(Duration::from_hours(if hour == 40 { 11 } else { 1 }));
        if hour % 3 == 0 {
            stage.sweep();
        }
        let now_ms = now_ms() + stage.ahead_ms();
        seen.insert(six_hours(now_ms));
    }
    seen.remove(&six_hours(began_ms));
    for _ in 0..4 {
        stage.sweep_after(Duration::from_mins(2));
    }
    let starts = stage.fabricate.starts_of("no-files");
    let started: Vec<&str> = starts.iter().map(|start| start.params["event"].as_str().unwrap()).collect();
    let once: BTreeSet<&str> = started.iter().copied().collect();
    assert_eq!(once.len(), started.len(), "each once: {started:?}");
    assert_eq!(once.len(), seen.len(), "each that a cron saw: {started:?}\n{}", stage.log());
    let runs = stage.operator("/api/runs?hook=fresh&limit=50").json();
    for run in runs["runs"].as_array().unwrap() {
        assert!(run["delivery_id"].as_str().unwrap().starts_with("schedule:"), "{run}");
    }
}
