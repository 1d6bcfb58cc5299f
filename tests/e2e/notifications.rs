//! Targets are told of what became of runs: over HTTP, signed, again and again until they answer.

mod receiver;

use std::time::Duration;

use serde_json::{Value, json};

use crate::stage::{SECRET, Stage, open_hook};
use receiver::{Receiver, Told};

const MINUTE: Duration = Duration::from_mins(1);

/// A Worker whose hook `ci` runs this workflow, and that notifies these targets.
fn stage(workflow: &str, targets: &Value) -> Stage {
    let mut hook = open_hook(workflow);
    hook["params"] = json!({"startDate": "2026-01-01", "rows": 10});
    hook["notify"] = targets.as_object().unwrap().keys().cloned().collect();
    Stage::with_config(&json!({"ci": hook}), |config| config["vars"]["NOTIFY"] = targets.clone())
}

fn target(receiver: &Receiver) -> Value {
    // The sweeps of a test skip hours: that is told too.
    let (url, address) = (receiver.url(), "127.0.0.1");
    json!({"url": url, "secret": "SECRET", "allow_addresses": [address], "unhealthy": false})
}

fn accepted(stage: &Stage, body: &Value) -> String {
    let answer = stage.post("ci", body, &[]);
    answer.json()["runs"][0]["run_id"].as_str().unwrap_or_else(|| panic!("{}", stage.log())).to_owned()
}

fn notification<'a>(run: &'a Value, target: &str) -> &'a Value {
    let all = run["notifications"].as_array().unwrap();
    all.iter().find(|notification| notification["target"] == target).unwrap()
}

/// Checks the signature as Standard Webhooks specifies, and returns the message.
#[track_caller]
fn verified(told: &Told) -> Value {
    let header = |name: &str| told.headers[name].clone();
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    let expected = crate::stage::sign(&id, &timestamp, &told.body);
    assert_eq!(header("webhook-signature"), expected);
    let age_s = i64::try_from(crate::stage::now_ms() / 1_000).unwrap() - timestamp.parse::<i64>().unwrap();
    assert!(age_s.abs() < 300, "the receiver's clock is real: {age_s} s");
    serde_json::from_str(&told.body).unwrap()
}

#[test]
fn an_end_is_told_at_once_and_signed() {
    let receiver = Receiver::start();
    let mut ops = target(&receiver);
    ops["include"] = json!(["files"]);
    let stage = stage("seed-account", &json!({"ops": ops}));
    let run_id = accepted(&stage, &json!({"id": "build-1"}));
    let told = receiver.wait_for(1);
    let message = verified(&told[0]);
    assert_eq!(told[0].headers["webhook-id"], format!("run_{run_id}_completed"));
    assert_eq!(told[0].headers["content-type"], "application/json");
    let data = &message["data"];
    assert_eq!((&message["type"], &data["run_id"]), (&json!("run.completed"), &json!(run_id)));
    assert!(data.get("params").is_none() && data["task"].get("result").is_none(), "only what is asked for");
    let url = data["files"][0]["url"].as_str().unwrap();
    let path = url.splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap();
    assert!(url.starts_with("http://") && url.contains("signature="), "{url}");
    assert_eq!(stage.send("GET", &path, &[], b"").status, 200, "the link needs no token");
    let run = stage.run_until(&run_id, |run| run["notifications"][0]["state"] == "delivered");
    let ops = notification(&run, "ops");
    assert_eq!(
        (&run["status"], &ops["state"], &ops["attempts"]),
        (&json!("completed"), &json!("delivered"), &json!(1))
    );
    stage.sweep();
    assert_eq!(receiver.told().len(), 1, "once is enough");
}

#[test]
fn a_target_that_fails_is_told_for_three_days_with_one_id() {
    let (receiver, other) = (Receiver::start(), Receiver::start());
    receiver.answer_with(500);
    let mut stage = stage("seed-account", &json!({"crm": target(&other), "ops": target(&receiver)}));
    let run_id = accepted(&stage, &json!({"id": "build-1"}));
    other.wait_for(1);
    receiver.wait_for(1);
    let run = stage.run_until(&run_id, |run| run["notifications"][1]["attempts"] == 1);
    assert_eq!(run["status"], "completed", "its end is shown although a target is not told");
    let listed = stage.operator("/api/runs?status=completed").json();
    assert_eq!(listed["runs"][0]["run_id"], json!(run_id), "{listed}");
    for hours in [0, 1, 3, 6, 12, 16, 24] {
        stage.sweep_after(Duration::from_hours(hours) + 6 * MINUTE);
    }
    let failed = receiver.told();
    assert!((6..=9).contains(&failed.len()), "{} attempts", failed.len());
    receiver.answer_with(204);
    stage.sweep_after(Duration::from_hours(24));
    let told = receiver.told();
    let ids: Vec<_> = told.iter().map(|told| told.headers["webhook-id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == format!("run_{run_id}_completed")), "{ids:?}");
    for message in &told {
        verified(message);
    }
    assert_eq!((told.len(), other.told().len()), (failed.len() + 1, 1));
    let run = stage.run(&run_id);
    assert_eq!(notification(&run, "ops")["state"], "delivered", "{run}");
    assert_eq!(notification(&run, "crm")["state"], "delivered");
}

#[test]
fn targets_on_a_bad_day() {
    let (gone, redirects, large, hangs, fine) =
        (Receiver::start(), Receiver::start(), Receiver::start(), Receiver::start(), Receiver::start());
    gone.answer_with(410);
    redirects.answer_with(302);
    large.answer_without_end();
    hangs.answer_never();
    let targets = json!({
        "fine": target(&fine), "gone": target(&gone), "hangs": target(&hangs), "large": target(&large),
        "redirects": target(&redirects),
    });
    let stage = stage("fails", &targets);
    let run_id = accepted(&stage, &json!({"id": "build-1"}));
    let run = stage.run_until(&run_id, |run| {
        let all = run["notifications"].as_array().unwrap();
        all.len() == 5 && all.iter().all(|notification| notification["attempts"] == 1)
    });
    let how = |target: &str| notification(&run, target)["state"].as_str().unwrap().to_owned();
    assert_eq!(run["status"], "failed", "{run}");
    assert_eq!(how("fine"), "delivered");
    assert_eq!(how("large"), "delivered", "the body of an answer is not read");
    assert_eq!(how("gone"), "failed", "a 410 is the last word");
    assert_eq!(how("redirects"), "pending");
    assert_eq!(notification(&run, "hangs")["error"], "no answer within 5 s");
    let error = notification(&run, "redirects")["error"].as_str().unwrap();
    assert_eq!(error, "HTTP 302: redirects are not followed");
    assert!(redirects.told().iter().all(|told| told.path == "/hook"), "nobody follows it");
    for line in stage.log().lines().filter(|line| line.contains("\"message\":\"notification")) {
        assert!(!line.contains("127.0.0.1") && !line.contains(SECRET), "{line}");
    }
}

#[test]
fn a_worker_that_is_killed_between_an_end_and_its_message_tells_of_it_later() {
    let receiver = Receiver::start();
    // The first attempt hangs, so that the Worker dies in it.
    receiver.answer_never();
    let mut stage = stage("seed-account", &json!({"ops": target(&receiver)}));
    let run_id = accepted(&stage, &json!({"id": "build-1"}));
    receiver.wait_for(1);
    stage.kill_worker();
    stage.start_worker();
    receiver.answer_with(200);
    stage.sweep_after(2 * MINUTE);
    stage.sweep_after(2 * MINUTE);
    let told = receiver.wait_for(2);
    assert_eq!(told[0].headers["webhook-id"], told[1].headers["webhook-id"]);
    let run = stage.run(&run_id);
    assert_eq!(notification(&run, "ops")["state"], "delivered", "{run}");
}
