//! Whole commands, in front of a Worker that the test makes.

mod decisions;
mod downloads;
mod following;

use seedhook::verify::rust_crypto::complete;
use serde_json::{Value, json};

use super::*;
use crate::host::HttpRequest;
use crate::testing::{Answer, TestHost};

const URL: &str = "http://127.0.0.1:8787";

/// Runs a command, which ends at once: nothing here waits.
fn operate(host: &TestHost, name: &str, words: &[&str]) -> Result<Exit> {
    let words = [words, &["--url", URL, "--token", "t"]].concat();
    complete(run(host, name, lexopt::Parser::from_args(words)))
}

/// The path and query of a request.
fn path(request: &HttpRequest) -> &str {
    request.url.strip_prefix(URL).unwrap()
}

/// A problem.
fn problem(status: u16) -> Answer {
    Answer::json(
        status,
        &json!({"type": "urn:seedhook:problem:not-ready", "title": "Not ready", "detail": "later"}),
    )
}

/// A page of `runs`, of which the last is the newest.
fn page(runs: &[Value], request: &HttpRequest) -> Answer {
    let query = path(request).split_once('?').map(|(_, query)| query).unwrap_or_default();
    let limit = query.split('&').find_map(|pair| pair.strip_prefix("limit="));
    let limit: usize = limit.map_or(50, |limit| limit.parse().unwrap());
    let newest: Vec<&Value> = runs.iter().rev().take(limit).collect();
    let cursor = (runs.len() > limit).then_some("next");
    Answer::json(200, &json!({"runs": newest, "cursor": cursor}))
}
