//! Whole runs of `dev`, in front of a Worker that the test makes.

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;

use anyhow::anyhow;
use seedhook::verify::rust_crypto::complete;
use serde_json::{Value, json};

use super::*;
use crate::exit::Usage;
use crate::host::HttpRequest;
use crate::testing::{Answer, Network, PROCESS_ID, TestHost};

const RUNNING: &str = ".wrangler/dev/running.json";

/// What the Worker of a test answers.
struct Server {
    /// To `GET /health`, by the number of the question; `None`: nothing.
    health: fn(usize) -> Option<Answer>,
    /// To the webhook.
    webhook: Value,
    /// The run with which the webhook's run ends.
    ended: Value,
    /// How many runs there are already.
    old_runs: usize,
}

const NEW: &str = "r9999";

fn healthy() -> Answer {
    Answer::json(200, &json!({"status": "ok"}))
}

fn unhealthy(kind: &str, detail: &str) -> Answer {
    Answer::json(503, &json!({"status": "unhealthy", "problems": [{"kind": kind, "detail": detail}]}))
}

fn run(id: &str, status: &str) -> Value {
    json!({"run_id": id, "status": status, "hook": "crm-deal-won", "files": [],
           "error": {"stage": "start", "message": "no such workflow"}})
}

impl Default for Server {
    fn default() -> Self {
        let webhook = json!({"status": "accepted", "runs": [{"run_id": NEW, "status": "queued"}]});
        Self { health: |_| Some(healthy()), webhook, ended: run(NEW, "completed"), old_runs: 0 }
    }
}

impl Server {
    fn network(self) -> Network {
        let (asked, sent) = (Cell::new(0), Cell::new(false));
        Network::new(move |request: &HttpRequest| {
            let path = request.url.split_once("//").and_then(|(_, rest)| rest.split_once('/')).unwrap().1;
            let (path, query) = path.split_once('?').unwrap_or((path, ""));
            match path {
                "health" => {
                    asked.update(|asked| asked + 1);
                    (self.health)(asked.get()).ok_or_else(|| anyhow!("nothing listens there"))
                }
                "hooks/crm-deal-won" => {
                    sent.set(true);
                    Ok(Answer::json(202, &self.webhook))
                }
                "api/runs" => {
                    let limit: usize = query.strip_prefix("limit=").unwrap().parse().unwrap();
                    let new = sent.get().then(|| self.ended.clone());
                    let old =
                        (0..self.old_runs).rev().map(|number| run(&format!("r{number:04}"), "completed"));
                    let runs: Vec<Value> = new.into_iter().chain(old).collect();
                    let cursor = (runs.len() > limit).then_some("c");
                    let page = runs.get(..limit).unwrap_or(&runs);
                    Ok(Answer::json(200, &json!({"runs": page, "cursor": cursor})))
                }
                path if path == format!("api/runs/{NEW}") => Ok(Answer::json(200, &self.ended)),
                _ => Ok(Answer::json(404, &json!({"title": "No such page"}))),
            }
        })
    }
}

/// A project, on a machine where Ctrl-C is pressed after 20 s.
fn project(server: Server) -> (tempfile::TempDir, TestHost) {
    let folder = tempfile::tempdir().unwrap();
    let host = TestHost::within(folder.path());
    crate::init::run(&host, lexopt::Parser::from_args([] as [&str; 0])).unwrap();
    let worker: PathBuf = folder.path().join("node_modules/seedhook/worker");
    fs::create_dir_all(&worker).unwrap();
    fs::write(worker.join("index.js"), "").unwrap();
    let host = TestHost {
        network: Some(server.network()),
        interrupted_after_ms: Some(20_000),
        ..TestHost::within(folder.path())
    };
    (folder, host)
}

fn dev(host: &TestHost, words: &[&str]) -> Result<Exit> {
    let result = complete(super::run(host, lexopt::Parser::from_args(words)));
    assert_eq!(host.started.get(), 0, "wrangler still runs");
    result
}

#[track_caller]
fn check_said(host: &TestHost, parts: &[&str]) {
    let said = host.said();
    for part in parts {
        assert!(said.contains(part), "{part}\n{said}");
    }
}

#[test]
fn the_sample_is_followed_and_then_all_runs() {
    let (_folder, host) = project(Server::default());
    assert_eq!(dev(&host, &[]).unwrap(), Exit::Good);
    check_said(
        &host,
        &["✓ Worker at http://127.0.0.1:8787", "✓ completed: no files", "new runs are shown here"],
    );
    assert!(!host.said().contains("SEEDHOOK_URL"), "{}", host.said());
    let (_folder, host) = project(Server::default());
    assert_eq!(dev(&host, &["--once"]).unwrap(), Exit::Good);
    assert!(!host.said().contains("new runs are shown here"));
}

#[test]
fn a_sample_that_fails_ends_only_once() {
    let server = || Server { ended: run(NEW, "failed"), ..Server::default() };
    let (_folder, host) = project(server());
    assert_eq!(dev(&host, &[]).unwrap(), Exit::Good);
    check_said(
        &host,
        &[
            "✗ the sample webhook did not produce its files: run r9999 ended as failed at stage start: no such workflow",
            "To send another one",
            "new runs are shown here",
        ],
    );
    assert!(!host.said().contains("crm-deal-won r9999"), "its end is said once\n{}", host.said());
    let (_folder, host) = project(server());
    let error = dev(&host, &["--once"]).unwrap_err();
    assert!(!error.is::<Interrupted>() && format!("{error:#}").contains("no such workflow"), "{error:#}");
}

#[test]
fn a_sample_that_is_not_accepted_ends_only_once() {
    let server = || Server { webhook: json!({"status": "ignored", "runs": []}), ..Server::default() };
    let (_folder, host) = project(server());
    assert_eq!(dev(&host, &[]).unwrap(), Exit::Good);
    check_said(&host, &["✗ the sample webhook did not produce its files: the webhook was not accepted"]);
    let (_folder, host) = project(server());
    assert!(dev(&host, &["--once"]).is_err());
}

#[test]
fn a_worker_that_is_not_healthy_is_up() {
    let stale: [fn(usize) -> Option<Answer>; 2] = [
        |_| Some(unhealthy("sweeps", "nothing swept")),
        |_| Some(Answer::json(503, &json!({"type": "urn:seedhook:problem:not-ready", "status": 503}))),
    ];
    for health in stale {
        let (_folder, host) = project(Server { health, ..Server::default() });
        assert_eq!(dev(&host, &["--once"]).unwrap(), Exit::Good, "{}", host.said());
        assert!(!host.said().contains("/health says"), "{}", host.said());
    }
    let (_folder, host) =
        project(Server { health: |_| Some(unhealthy("binding", "no FILES")), ..Server::default() });
    assert_eq!(dev(&host, &["--once"]).unwrap(), Exit::Good);
    check_said(&host, &["http://127.0.0.1:8787/health says: no FILES"]);
}

#[test]
fn an_answer_of_others_is_waited_out() {
    let late: fn(usize) -> Option<Answer> = |asked| match asked {
        1 => None,
        2 => Some(Answer::json(503, &json!("wrangler is starting"))),
        3 => Some(Answer::json(200, &json!("Hello World!"))),
        4 => Some(Answer::json(404, &json!({}))),
        _ => Some(healthy()),
    };
    let (_folder, host) = project(Server { health: late, ..Server::default() });
    assert_eq!(dev(&host, &["--once"]).unwrap(), Exit::Good);
    let never: fn(usize) -> Option<Answer> = |_| Some(Answer::json(503, &json!({"status": 503})));
    let (_folder, host) = project(Server { health: never, ..Server::default() });
    let host = TestHost { interrupted_after_ms: None, ..host };
    let error = dev(&host, &["--once"]).unwrap_err();
    assert!(error.to_string().contains("did not come up: status 503"), "{error:#}");
}

#[test]
fn ctrl_c_is_a_good_end_also_before_the_worker_is_up() {
    let (folder, host) = project(Server { health: |_| None, ..Server::default() });
    assert_eq!(dev(&host, &[]).unwrap(), Exit::Good);
    assert_eq!(fs::read_to_string(folder.path().join(RUNNING)).unwrap(), "");
    let (_folder, host) = project(Server { health: |_| None, ..Server::default() });
    assert!(dev(&host, &["--once"]).unwrap_err().is::<Interrupted>());
}

#[test]
fn an_old_run_is_not_the_one_of_the_sample() {
    for old_runs in [60, 250] {
        let webhook = json!({"challenge": "x"});
        let (_folder, host) = project(Server { webhook, old_runs, ..Server::default() });
        assert_eq!(dev(&host, &[]).unwrap(), Exit::Good);
        check_said(&host, &["accepted: 202, run r9999\n", "✓ completed: no files"]);
        assert!(!host.said().contains("crm-deal-won r0"), "an old run is shown\n{}", host.said());
    }
}

#[test]
fn there_is_one_dev_in_a_folder() {
    let (folder, host) = project(Server::default());
    let file = folder.path().join(RUNNING);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, r#"{"process": 7, "url": "http://127.0.0.1:8787"}"#).unwrap();
    let host = TestHost { processes: vec![7, PROCESS_ID], ..host };
    let error = dev(&host, &["--once"]).unwrap_err().to_string();
    assert!(
        error.starts_with("dev runs in this folder already, at http://127.0.0.1:8787 (process 7)"),
        "{error}"
    );
    assert!(fs::read_to_string(&file).unwrap().contains("\"process\": 7"), "it is left alone");
    // It is gone, was us, or is no entry.
    for text in [r#"{"process": 8}"#, r#"{"process": 100}"#, r#"{"process": 0}"#, "{", ""] {
        fs::write(&file, text).unwrap();
        assert_eq!(dev(&host, &["--once"]).unwrap(), Exit::Good, "{text}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "");
    }
}

#[test]
fn a_running_dev_says_so_in_its_folder() {
    let (folder, host) = project(Server::default());
    let file = folder.path().join(RUNNING);
    let seen = file.clone();
    let inner = Server::default().network();
    let network = Network::new(move |request| {
        let running: Value = serde_json::from_str(&fs::read_to_string(&seen)?)?;
        assert_eq!(running, json!({"process": PROCESS_ID, "url": "http://127.0.0.1:8787"}));
        inner.answer(request)
    });
    let host = TestHost { network: Some(network), ..host };
    assert_eq!(dev(&host, &["--once"]).unwrap(), Exit::Good);
}

#[test]
fn ports_that_cannot_be_had_are_said() {
    let (_folder, host) = project(Server::default());
    let host = TestHost { taken_ports: vec![8787, 9000], forbidden_ports: vec![80], ..host };
    let error = |port| dev(&host, &["--once", "--port", port]).unwrap_err().to_string();
    assert_eq!(error("9000"), "port 9000 is taken; choose another with --port");
    assert_eq!(
        error("80"),
        "port 80 cannot be used: this user may not listen there; choose another with --port"
    );
    assert_eq!(dev(&host, &["--once"]).unwrap(), Exit::Good);
    check_said(&host, &["SEEDHOOK_URL=http://127.0.0.1:49152 npx seedhook runs\n"]);
}

#[test]
fn options_are_checked_first() {
    let (_folder, host) = project(Server::default());
    assert!(dev(&host, &["--once", "--open"]).unwrap_err().is::<Usage>());
}

#[test]
fn any_token_fits_into_the_address() {
    let base = "http://127.0.0.1:8787";
    assert_eq!(signed_in(base, "local-token_1"), "http://127.0.0.1:8787/#token=local-token_1");
    assert_eq!(signed_in(base, "a+b&c#d e%"), "http://127.0.0.1:8787/#token=a%2Bb%26c%23d%20e%25");
}
