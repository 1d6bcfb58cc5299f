//! Data points, as the built Worker hands them to Workers Analytics Engine.

use serde_json::{Value, json};

use crate::bench::written;
use crate::stage::{Stage, open_hook};

const MODULE: &str = include_str!("metrics/dataset.js");

/// Cloudflare's limit for one invocation.
const POINTS_MAX: usize = 250;

fn stage(throws: bool) -> Stage {
    let mut batch = open_hook("seed-account");
    batch["each"] = json!("body");
    batch["params"] = json!({"rows": "{{ item.missing }}"});
    batch.as_object_mut().unwrap().remove("delivery_id");
    let mut seed = open_hook("seed-account");
    seed["params"] = json!({"startDate": "2026-11-20", "rows": 5});
    let hooks = json!({"seed": seed, "fails": open_hook("fails"), "batch": batch});
    let module = MODULE.replace("THROWS", &throws.to_string());
    Stage::with_config(&hooks, |config| config["main"] = written("metrics.js", &module))
}

/// The data points so far.
fn points(stage: &Stage) -> Vec<Value> {
    let log = stage.log();
    let points = log.lines().filter_map(|line| line.split_once("data point "));
    points.map(|(_, point)| serde_json::from_str(point).unwrap()).collect()
}

/// The blobs of each point, joined by `|`, in the order of the alphabet.
fn blobs(points: &[Value]) -> Vec<String> {
    let text = |blob: &Value| blob.as_str().unwrap().to_owned();
    let joined = |point: &Value| {
        let blobs = point["blobs"].as_array().unwrap();
        blobs.iter().map(text).collect::<Vec<_>>().join("|")
    };
    let mut all: Vec<String> = points.iter().map(joined).collect();
    all.sort();
    all.dedup();
    all
}

#[test]
fn each_step_of_a_run_is_a_data_point_in_the_documented_layout() {
    let mut stage = stage(false);
    let completed = stage.post("seed", &json!({"id": "payload-word"}), &[]).run_id();
    stage.sweep_until_final(&completed);
    let failed = stage.post("fails", &json!({"id": 1}), &[]).run_id();
    stage.sweep_until_final(&failed);
    stage.post("nobody", &json!({}), &[]);
    stage.wait_for_log("delivery|rejected|404".replace('|', r#"",""#).as_str(), 1);
    let points = points(&stage);
    let seen = blobs(&points);
    for expected in [
        "delivery|accepted|202|acme|",
        "delivery|rejected|404||",
        "start|started||acme|seed-account",
        "poll|completed|200|acme|seed-account",
        "file|archived||acme|seed-account",
        "end|completed||acme|seed-account",
        "end|failed|workflow|acme|fails",
    ] {
        assert!(seen.iter().any(|blobs| blobs == expected), "{expected}: {seen:#?}");
    }
    for point in &points {
        let doubles = point["doubles"].as_array().unwrap();
        assert!(doubles.len() == 3 && doubles.iter().all(Value::is_number), "{point}");
        let (kind, index) = (&point["blobs"][0], &point["indexes"]);
        let is_known = [json!(["seed"]), json!(["fails"])].contains(index);
        assert!(is_known || (*index == json!([""]) && kind == "delivery"), "{point}");
        if is_known && (kind == "file" || kind == "delivery") {
            assert!(doubles[1].as_f64().unwrap() > 0.0, "bytes: {point}");
        }
        if kind == "end" || kind == "start" {
            assert_eq!(doubles[2], 1, "attempts: {point}");
        }
    }
    assert!(!points.iter().any(|point| point.to_string().contains("payload-word")));
}

#[test]
fn an_invocation_writes_no_more_points_than_it_may() {
    let stage = stage(false);
    let items: Vec<Value> = (0..POINTS_MAX + 50).map(|id| json!({"id": id})).collect();
    let answer = stage.post("batch", &Value::from(items), &[]);
    assert_eq!(answer.status, 202);
    // Each run of the batch ended in the invocation that accepted it.
    assert!(answer.json()["runs"].as_array().unwrap().iter().all(|run| run["status"] == "failed"));
    stage.wait_for_log("data point", POINTS_MAX);
    stage.post("seed", &json!({"id": 1}), &[]);
    stage.wait_for_log(r#""delivery","accepted","202""#, 1);
    let points = points(&stage);
    let of_batch = points.iter().filter(|point| point["indexes"] == json!(["batch"])).count();
    assert_eq!(of_batch, POINTS_MAX);
    assert!(points.iter().any(|point| point["indexes"] == json!(["seed"])), "another one has its own");
}

#[test]
fn a_dataset_that_throws_fails_nothing() {
    let mut stage = stage(true);
    let run_id = stage.post("seed", &json!({"id": 1}), &[]).run_id();
    assert_eq!(stage.sweep_until_final(&run_id)["status"], "completed");
    assert!(points(&stage).len() > 3);
}
