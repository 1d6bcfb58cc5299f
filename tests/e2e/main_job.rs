//! The main job: a signed webhook becomes a workflow run whose files lie in R2.

use std::thread;

use fake_fabricate::Origin;
use serde_json::{Value, json};

use crate::stage::{Stage, open_hook};

/// The hook of the README.
fn crm() -> Value {
    json!({
        "workspace": "acme", "database": "sales-demo", "workflow": "seed-account",
        "verify": {"scheme": "standard-webhooks", "secret": ["SECRET"]},
        "when": "body.type == 'deal.won' and body.data.amount >= 1000",
        "params": {
            "startDate": "{{ body.data.closed_at[:10] }}", "rows": "{{ body.data.seats * 10 }}",
            "label": "Demo for {{ body.data.account.name }}", "tables": ["accounts", "orders"],
        },
    })
}

fn deal() -> Value {
    json!({"type": "deal.won", "data": {
        "amount": 4800, "seats": 15, "closed_at": "2026-11-20T16:04:00Z", "account": {"name": "Initech"},
    }})
}

#[test]
fn a_signed_webhook_becomes_a_run_whose_files_are_in_r2() {
    let mut stage = Stage::with_hooks(&json!({"crm-deal-won": crm()}));
    let answer = stage.post_signed("crm-deal-won", "msg_1", &deal());
    assert_eq!(answer.status, 202);
    let accepted = answer.json();
    assert_eq!(accepted["status"], "accepted");
    assert_eq!(accepted["runs"][0]["status"], "queued");
    let run_id = answer.run_id();
    assert_eq!(accepted["runs"][0]["status_url"], json!(format!("/api/runs/{run_id}")));

    let run = stage.wait_until_started(&run_id);
    assert_eq!(run["status"], "in_progress");
    let params = json!({
        "startDate": "2026-11-20", "rows": 150, "label": "Demo for Initech", "tables": ["accounts", "orders"],
    });
    assert_eq!(run["params"], params);
    let starts = stage.fabricate.starts_of("seed-account");
    assert_eq!(starts.len(), 1);
    assert_eq!(json!(starts[0].params), params);

    let run = stage.sweep_until_final(&run_id);
    assert_eq!(run["status"], "completed", "{run}");
    assert_eq!(run["task"]["result"], json!({"rows_processed": 150, "success": true}));
    assert_eq!(run["files"].as_array().unwrap().len(), 2);
    for file in run["files"].as_array().unwrap() {
        assert_eq!(file["state"], "archived");
        assert!(file["key"].as_str().unwrap().starts_with("crm-deal-won/20"), "{file}");
        stage.assert_same_bytes(&run, file);
    }
}

#[test]
fn sixty_simultaneous_redeliveries_start_one_workflow() {
    let stage = Stage::with_hooks(&json!({"one": open_hook("no-files"), "two": open_hook("no-files")}));
    for hook in ["one", "two"] {
        let answers: Vec<_> = thread::scope(|scope| {
            let send = || stage.post(hook, &json!({"id": "same"}), &[]);
            let sending: Vec<_> = (0..60).map(|_| scope.spawn(send)).collect();
            sending.into_iter().map(|sending| sending.join().unwrap()).collect()
        });
        let run_id = answers[0].run_id();
        assert!(answers.iter().all(|answer| answer.run_id() == run_id));
        let accepted = answers.iter().filter(|answer| answer.status == 202).count();
        let known =
            answers.iter().filter(|answer| answer.status == 200 && answer.json()["status"] == "duplicate");
        assert_eq!((accepted, known.count()), (1, 59));
        stage.wait_until_started(&run_id);
    }
    stage.sweep();
    assert_eq!(stage.fabricate.starts_of("no-files").len(), 2, "one for each hook");
}

#[test]
fn each_end_of_a_task_is_its_runs_end() {
    let names = ["no-files", "fails", "cancels", "completed-with-error", "unknown-status", "large-result"];
    let hooks: Value = names
        .iter()
        .map(|name| ((*name).to_owned(), open_hook(name)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let mut stage = Stage::with_hooks(&hooks);
    let mut end = |hook: &str| {
        let run_id = stage.post(hook, &json!({"id": 1}), &[]).run_id();
        stage.wait_until_started(&run_id);
        stage.sweep_until_final(&run_id)
    };
    assert_eq!(end("no-files")["status"], "completed");
    let failed = end("fails");
    assert_eq!((&failed["status"], &failed["error"]["stage"]), (&json!("failed"), &json!("workflow")));
    assert_eq!(failed["error"]["message"], "Database connection failed");
    assert_eq!(end("cancels")["status"], "canceled");
    assert_eq!(end("completed-with-error")["error"]["stage"], "workflow");
    assert_eq!(end("unknown-status")["status"], "completed");
    let large = end("large-result");
    assert!(large["task"]["result"].to_string().len() > 300_000, "kept whole, though not in KV");
}

#[test]
fn a_senders_trace_goes_on_at_fabricate_and_not_at_its_storage() {
    let mut stage = Stage::for_workflows(&["redirects"]);
    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let header = format!("00-{trace_id}-00f067aa0ba902b7-01");
    let answer = stage.post("redirects", &json!({"id": "1"}), &[("traceparent", &header)]);
    let run = stage.sweep_until_final(&answer.run_id());
    assert_eq!((&run["status"], &run["trace_id"]), (&json!("completed"), &json!(trace_id)));
    let asked = stage.fabricate.requests();
    let traced = |is: &dyn Fn(&fake_fabricate::Request) -> bool| -> Vec<Option<String>> {
        asked
            .iter()
            .filter(|asked| is(asked))
            .map(|asked| asked.headers.get("traceparent").cloned())
            .collect()
    };
    let at =
        |origin| move |asked: &fake_fabricate::Request| asked.origin == origin && asked.file_id.is_some();
    let starts = traced(&|asked| asked.method == "POST");
    let own = starts[0].clone().unwrap();
    assert!(own.starts_with(&format!("00-{trace_id}-")) && own.ends_with("-01") && own != header, "{own}");
    assert_eq!(starts, [Some(own.clone())]);
    assert_eq!(traced(&at(Origin::Api)), [Some(own)], "the download");
    assert_eq!(traced(&at(Origin::Storage)), [None]);
    stage.wait_for_log(&format!(r#""trace_id":"{trace_id}""#), 2);
}
