//! The dashboard in a browser: runs, deliveries and hooks of every kind, and the scripts of `tests/browser/` over them.
//!
//! `cargo xtask test browser` runs it, with a browser's path in `SEEDHOOK_BROWSER`; no other test run does.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::stage::{FABRICATE_KEY, LINK_SECRET, OPERATOR_TOKEN, SECRET, Stage, open_hook};

const READ_TOKEN: &str = "a-read-token-of-at-least-32-characters";

/// How many sweeps the runs may need until those that end have ended.
const SWEEPS_MAX: u32 = 60;

/// So many runs that a list has a second page.
const MANY: usize = 55;

/// What a script of an attacker would set, and what turns the direction of a text.
const HOSTILE: &str =
    "\u{202e}<script>window.hostile = 1</script><img src=x onerror='window.hostile = 2'>\"'><b>";

/// Hooks whose only run ends by itself: the hook's name, which is its workflow's, and the run's status.
const ENDS: &[(&str, &str)] = &[
    ("start-refuses", "failed"),
    ("fails", "failed"),
    ("forgets", "failed"),
    ("missing-file", "failed"),
    ("cancels", "canceled"),
    ("odd-names", "completed"),
    ("large-result", "completed"),
    ("start-drops", "unconfirmed"),
];

#[test]
#[ignore = "needs a browser: cargo xtask test browser"]
fn the_dashboard_shows_and_decides_in_a_browser() {
    let browser = std::env::var("SEEDHOOK_BROWSER").unwrap_or_default();
    assert!(!browser.is_empty(), "SEEDHOOK_BROWSER is not set: cargo xtask test browser sets it");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let secrets = [
        ("FABRICATE_API_KEY", FABRICATE_KEY),
        ("SECRET", SECRET),
        ("OPERATOR_TOKEN", OPERATOR_TOKEN),
        ("READ_TOKEN", READ_TOKEN),
        ("LINK_SECRET", LINK_SECRET),
    ];
    let served = root.join("build/dashboard");
    let change = |config: &mut Value| {
        config["assets"] = json!({"directory": served});
        config["vars"]["SWEEP_REQUESTS"] = json!(9_000);
        // Nobody listens there.
        config["vars"]["NOTIFY"] = json!({"ops": {"url": "http://localhost:9/", "secret": "SECRET"}});
    };
    let mut stage = Stage::new(&hooks(), change, &secrets);
    let world = world(&mut stage);
    let scripts = ["pages", "session", "decisions", "live"];
    let scripts = scripts.map(|name| root.join(format!("tests/browser/{name}.test.mjs")));
    let mut node = Command::new(Stage::node());
    // One at a time: they share the Worker, and the machine may have two cores.
    node.args(["--test", "--test-concurrency=1"]).args(scripts).current_dir(root);
    node.env("SEEDHOOK_BROWSER", browser).env("SEEDHOOK_WORLD", world.to_string());
    let status = node.status().unwrap();
    assert!(
        status.success(),
        "{status}: what failed is above; pictures are in target/browser/\n{}",
        stage.log()
    );
}

fn hooks() -> Value {
    let mut hooks: Map<String, Value> =
        ENDS.iter().map(|(name, _)| ((*name).to_owned(), open_hook(name))).collect();
    let mut add = |name: &str, workflow: &str, fields: Value| {
        let mut hook = open_hook(workflow);
        for (field, value) in fields.as_object().unwrap() {
            hook[field] = value.clone();
        }
        hooks.insert(name.to_owned(), hook);
    };
    let params = json!({
        "startDate": "{{ body.data.closed_at[:10] }}", "rows": "{{ body.data.seats * 10 }}",
        "label": "Demo for {{ body.data.account.name }}",
    });
    let verify = json!({"scheme": "standard-webhooks", "secret": ["SECRET"]});
    let crm = json!({"verify": verify, "when": "body.type == 'deal.won' and body.data.amount >= 1000", "params": params});
    add("crm-deal-won", "seed-account", crm);
    add("ci", "seed-account", json!({"share": "files", "params": {"startDate": "2026-01-01", "rows": 10}}));
    add("unmapped", "no-files", json!({"params": {"rows": "{{ body.seats * 10 }}"}}));
    add("hostile", "no-files", json!({"params": {"label": "{{ body.label }}"}}));
    add("waits", "start-503", json!({}));
    add("runs-on", "never-ends", json!({}));
    add("many", "no-files", json!({}));
    add("closed", "no-files", json!({"paused": true}));
    hooks["fails"]["notify"] = json!(["ops"]);
    // Standard Webhooks has a header that names the event.
    hooks["crm-deal-won"].as_object_mut().unwrap().remove("delivery_id");
    hooks.insert("broken".into(), json!({"workflow": 7, "note": HOSTILE}));
    hooks.into()
}

/// Sends deliveries of every kind. Returns what the scripts need to know, `World` in `tests/browser/stage.mjs`.
fn world(stage: &mut Stage) -> Value {
    let mut runs = Map::new();
    let mut deal = json!({"type": "deal.won", "data": {
        "amount": 4800, "seats": 15, "closed_at": "2026-11-20T16:04:00Z", "account": {"name": "Initech"},
    }});
    runs.insert("completed".into(), stage.post_signed("crm-deal-won", "msg_1", &deal).run_id().into());
    assert_eq!(stage.post("crm-deal-won", &deal, &[("webhook-id", "forged")]).status, 401);
    deal["data"]["amount"] = json!(5);
    assert_eq!(stage.post_signed("crm-deal-won", "msg_2", &deal).json()["status"], "ignored");
    assert_eq!(stage.post("crm-deal-one", &deal, &[]).status, 404);
    assert_eq!(stage.post("closed", &json!({"id": 1}), &[]).status, 503);
    for id in 0..MANY {
        stage.post("many", &json!({"id": id}), &[]).run_id();
    }
    for (name, _) in ENDS {
        runs.insert((*name).into(), stage.post(name, &json!({"id": 1}), &[]).run_id().into());
    }
    let mut send = |name: &str, body: Value| {
        runs.insert(name.to_owned(), stage.post(name, &body, &[]).run_id().into());
    };
    send("unmapped", json!({"id": "no seats", "note": HOSTILE}));
    send("hostile", json!({"id": HOSTILE, "label": HOSTILE, HOSTILE: HOSTILE, "html": "</script></pre>"}));
    send("waits", json!({"id": 1}));
    send("runs-on", json!({"id": 1}));
    // The scripts decide about these.
    for name in ["to-adopt", "to-abandon"] {
        let run_id = stage.post("start-drops", &json!({"id": name}), &[]).run_id();
        runs.insert(name.into(), run_id.into());
    }
    let runs = Value::Object(runs);
    let parked = [("to-adopt", "unconfirmed"), ("to-abandon", "unconfirmed")];
    let ends: Vec<(&str, &str)> = ENDS.iter().copied().chain(parked).collect();
    sweep_until(stage, &runs, &ends);
    let starts = stage.fabricate.starts_of("start-drops");
    json!({
        "base": format!("http://{}", stage.base_address()),
        "token": OPERATOR_TOKEN, "readToken": READ_TOKEN, "aheadMs": stage.ahead_ms(),
        "runs": runs, "taskToAdopt": starts.last().unwrap().task_id,
    })
}

/// Sweeps until each of these runs has its status.
fn sweep_until(stage: &mut Stage, runs: &Value, ends: &[(&str, &str)]) {
    let mut missing = Vec::new();
    for _ in 0..SWEEPS_MAX {
        stage.sweep_after(Duration::from_mins(2));
        missing.clear();
        for (name, status) in ends.iter().chain(&[("completed", "completed")]) {
            let run = stage.run(runs[*name].as_str().unwrap());
            if run["status"] != *status {
                missing.push(format!("{name} is {} and not {status}", run["status"]));
            }
        }
        if missing.is_empty() {
            return;
        }
    }
    panic!("after {SWEEPS_MAX} sweeps: {missing:?}\n{}", stage.log());
}
