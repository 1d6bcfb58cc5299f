//! The local Worker, seen from outside: the few requests that `dev` sends.
//!
//! Every request has a bound in time, so that Ctrl-C is never kept waiting for long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use seedhook::request::RawRequest;
use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::clock::Stopwatch;

/// No answer takes this long on one machine, but for a sweep that archives a large file.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// After so many lists the first question is put again: at one every two seconds, it is no longer remembered.
const LIST_TURNS: usize = 8;

/// How often a thread looks whether it is to end.
const TICK: Duration = Duration::from_millis(100);

/// Where it is, and the operator's token.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    /// `http://127.0.0.1:{port}`
    pub(super) base: String,
    /// The operator's token.
    pub(super) token: String,
    agent: Agent,
}

impl Worker {
    /// The Worker at a port of this machine.
    pub(super) fn new(port: u16, token: &str) -> Self {
        // No proxy: it is on this machine, whatever the environment says.
        let config = Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false)
            .timeout_global(Some(ANSWER_WITHIN))
            .build();
        Self { base: format!("http://127.0.0.1:{port}"), token: token.to_owned(), agent: config.into() }
    }

    /// The status of `GET /health`; `None` while nobody answers.
    pub(super) fn health(&self) -> Option<u16> {
        let answer = self.agent.get(format!("{}/health", self.base)).call();
        answer.ok().map(|answer| answer.status().as_u16())
    }

    /// Sends a webhook; the status and the body of the answer.
    pub(super) fn send(&self, delivery: &RawRequest) -> Result<(u16, Value)> {
        let request = self.agent.post(&delivery.url);
        let request = delivery.headers().fold(request, |request, (name, value)| request.header(name, value));
        let answer = request.send(&delivery.body).context("the Worker did not answer the webhook")?;
        Ok((answer.status().as_u16(), json(answer)?))
    }

    /// A run, whole.
    pub(super) fn run(&self, run_id: &str) -> Result<Value> {
        self.operator(&format!("/api/runs/{run_id}"))
    }

    /// The newest runs. `turn` counts the calls: the Worker answers the same question from memory for some seconds,
    /// so that the question is put a little differently each time.
    pub(super) fn runs(&self, turn: usize) -> Result<Vec<Value>> {
        let limit = 50 + turn % LIST_TURNS;
        match self.operator(&format!("/api/runs?limit={limit}"))?.get_mut("runs").map(Value::take) {
            Some(Value::Array(runs)) => Ok(runs),
            _ => bail!("GET /api/runs answered without runs"),
        }
    }

    /// Plays the cron.
    fn sweep(&self) -> Result<()> {
        let url = format!("{}/cdn-cgi/local/scheduled?cron=*/2+*+*+*+*", self.base);
        self.agent.get(url).call().map(drop).context("the cron could not be fired")
    }

    fn operator(&self, path: &str) -> Result<Value> {
        let request = self.agent.get(format!("{}{path}", self.base));
        let request = request.header("authorization", format!("Bearer {}", self.token));
        let answer = request.call().with_context(|| format!("the Worker did not answer GET {path}"))?;
        let status = answer.status().as_u16();
        let body = json(answer)?;
        if status != 200 {
            bail!("GET {path} was answered {status}: {body}");
        }
        Ok(body)
    }
}

/// The body; a text where it is no JSON.
fn json(mut answer: Response<Body>) -> Result<Value> {
    let text = answer.body_mut().read_to_string().context("an answer broke off")?;
    Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Fires the cron again and again until it is dropped. A failed try is followed by the next; what it means for a
/// run is seen at the run.
#[derive(Debug)]
pub(super) struct Cron {
    ends: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Cron {
    /// Begins.
    pub(super) fn start(worker: Worker, every: Duration) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ends);
        let thread = thread::spawn(move || {
            while !told.load(Ordering::SeqCst) {
                let watch = Stopwatch::start();
                let _ = worker.sweep();
                while watch.elapsed() < every && !told.load(Ordering::SeqCst) {
                    thread::sleep(TICK);
                }
            }
        });
        Self { ends, thread: Some(thread) }
    }
}

impl Drop for Cron {
    fn drop(&mut self) {
        // Not joined: a sweep may take its ten seconds, and Ctrl-C must not.
        self.ends.store(true, Ordering::SeqCst);
        drop(self.thread.take());
    }
}

/// The first run of a webhook's answer.
pub(super) fn accepted(status: u16, answer: &Value) -> Result<String> {
    let run_id = answer.pointer("/runs/0/run_id").and_then(Value::as_str);
    match (status, run_id) {
        (202, Some(run_id)) => Ok(run_id.to_owned()),
        _ => Err(anyhow!("the webhook was not accepted: {status} {answer}")),
    }
}
