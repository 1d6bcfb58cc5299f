//! Results of tasks: small and large, kept byte for byte or left out with a reason, and no other run harmed by one.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::stage::{Stage, open_hook};

/// A row with a comma before it, spelled as no tree of values would write it again.
const ROW: &str = r#",{"id": 1.00, "note": "seeded with its orders, invoices \ud83d and payments"   }"#;

/// A hook whose task's result is `before`, `text` so many times, `after` so many times.
fn hook(before: &str, text: &str, times: usize, after: &str, after_times: usize) -> Value {
    let mut hook = open_hook("result-text");
    hook["params"] =
        json!({"before": before, "text": text, "times": times, "after": after, "after_times": after_times});
    hook
}

/// The result in a run's view, as it stands there.
fn result_of(view: &str) -> &str {
    let (_, rest) = view.split_once(r#""result":"#).unwrap();
    rest.rsplit_once("}}").map_or(rest, |(result, _)| result)
}

/// The view as JSON that `serde_json` reads.
fn parse(view: &str) -> Value {
    serde_json::from_str(&view.replace("1e400", "1").replace(r"\\ud83d", "").replace(r"\ud83d", "")).unwrap()
}

/// Sweeps until a run is completed; its view.
#[track_caller]
fn completed(stage: &mut Stage, run_id: &str) -> String {
    for _ in 0..20 {
        let view = String::from_utf8(stage.operator(&format!("/api/runs/{run_id}")).body).unwrap();
        if parse(&view)["status"] == "completed" {
            return view;
        }
        stage.sweep_after(Duration::from_mins(2));
    }
    panic!("{run_id} is not completed\n{}", stage.log());
}

#[test]
fn results_come_back_byte_for_byte_or_are_left_out_and_no_run_is_lost() {
    let rows = |bytes: usize| hook("[1e400", ROW, bytes / ROW.len(), "]", 1);
    let mut hooks = Map::new();
    hooks.insert("small".into(), rows(200_000));
    hooks.insert("in-r2".into(), rows(700_000));
    hooks.insert("deep".into(), hook("", "[", 10_000, "]", 10_000));
    hooks.insert("not-json".into(), hook("", "NaN", 1, "", 0));
    hooks.insert("largest".into(), hook("[0", &ROW.repeat(12), 100_000 * 20 / 95, "]", 1));
    for number in 0..6 {
        hooks.insert(format!("rows-{number}"), rows(7_900_000));
    }
    hooks.insert("plain".into(), open_hook("no-files"));
    let mut stage = Stage::with_hooks(&hooks.clone().into());
    let mut runs: Vec<(String, String)> = Vec::new();
    for name in hooks.keys() {
        // Beside the large ones, runs that are as usual.
        let copies = if name == "plain" { 20 } else { 1 };
        for id in 0..copies {
            let run_id = stage.post(name, &json!({"id": id}), &[]).run_id();
            runs.push((name.clone(), run_id));
        }
    }
    for (_, run_id) in &runs {
        stage.wait_until_started(run_id);
    }
    for (name, run_id) in &runs {
        let view = completed(&mut stage, run_id);
        let run = parse(&view);
        let reason = run["task"]["result_omitted"]["reason"].as_str();
        match name.as_str() {
            "plain" => assert_eq!(run["task"]["result"]["success"], true),
            "small" | "in-r2" => {
                let bytes = if name == "small" { 200_000 } else { 700_000 };
                let mut expected = "[1e400".to_owned();
                (0..bytes / ROW.len()).for_each(|_| write!(expected, "{ROW}").unwrap());
                expected.push(']');
                assert!(result_of(&view) == expected, "{name}: {} bytes", result_of(&view).len());
                assert_eq!(reason, None);
            }
            "deep" => assert!(reason.unwrap().contains("120 levels"), "{run}"),
            "not-json" => assert!(reason.unwrap().contains("not valid JSON"), "{run}"),
            _ => {
                assert!(reason.unwrap().contains("more than 1048576 bytes"), "{run}");
                assert!(run["task"]["result_omitted"]["bytes"].as_u64().unwrap() > 7_800_000, "{run}");
                assert_eq!(run["task"]["result"], json!(null));
                assert_eq!(run["files"][0]["state"], "archived", "{name} has its file");
            }
        }
    }
    assert!(!stage.log().contains("RuntimeError"), "{}", stage.log());
}
