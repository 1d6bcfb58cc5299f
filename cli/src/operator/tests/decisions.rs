//! `retry` and `abandon` of many runs.

use super::*;
use crate::testing::Network;
use crate::worker::WorkerError;

/// A Worker that fails after so many calls. Each call before retries one run and skips one.
fn failing_after(calls: usize) -> TestHost {
    let network = Network::new(move |request| {
        let done = path(request).split_once("cursor=").map_or(0, |(_, cursor)| cursor.parse().unwrap());
        if done == calls {
            return Ok(problem(503));
        }
        let number = done + 1;
        let retried = json!({"run_id": format!("r{number}"), "retry": {"run_id": format!("n{number}")}});
        let skipped = json!({"run_id": format!("s{number}"), "reason": "retried before"});
        Ok(Answer::json(
            200,
            &json!({"retried": [retried], "skipped": [skipped], "cursor": number.to_string()}),
        ))
    });
    TestHost { network: Some(network), ..TestHost::new() }
}

#[test]
fn what_was_done_before_an_error_is_said() {
    let host = failing_after(2);
    assert!(operate(&host, "retry", &["--all", "--yes"]).unwrap_err().is::<WorkerError>());
    assert_eq!(
        host.said(),
        "retried r1, as n1\nskipped s1: retried before\nretried r2, as n2\nskipped s2: retried before\n\
         2 retried, 2 skipped\nmore: --cursor '2', or --all\n"
    );
}

#[test]
fn what_was_done_before_an_error_is_one_document() {
    let host = failing_after(2);
    assert!(operate(&host, "retry", &["--all", "--yes", "--json"]).is_err());
    let said: Value = serde_json::from_str(&host.said()).unwrap();
    assert_eq!(said["retried"].as_array().unwrap().len(), 2);
    assert_eq!((&said["skipped"][1]["run_id"], &said["cursor"]), (&json!("s2"), &json!("2")));
}

#[test]
fn an_error_at_once_has_nothing_to_say() {
    for words in [&["--yes"] as &[&str], &["--yes", "--json"]] {
        let host = failing_after(0);
        assert!(operate(&host, "retry", words).is_err());
        assert_eq!(host.said(), "");
    }
}

#[test]
fn without_all_there_is_one_call() {
    let host = failing_after(9);
    assert_eq!(operate(&host, "retry", &["--yes"]).unwrap(), Exit::Good);
    assert_eq!(host.asked.borrow().len(), 1);
}
