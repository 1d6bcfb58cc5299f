//! A client of the local Worker. Every request has a timeout, so that Ctrl-C ends `dev` soon.

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

/// The timeout of a request. Only a sweep that archives a large file takes longer on a local machine.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How many different limits lists are asked for, one every two seconds: by the time a limit is used again, the
/// Worker's cached answer has expired.
const LIST_LIMITS: usize = 8;

/// How often a thread checks whether to end.
const TICK: Duration = Duration::from_millis(100);

/// The address of the local Worker, and the operator's token.
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
        // The environment may name a proxy, which must not be used for this machine.
        let config = Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .build();
        Self { base: format!("http://127.0.0.1:{port}"), token: token.to_owned(), agent: config.into() }
    }

    /// The status of `GET /health`. `None` while the Worker does not answer.
    pub(super) fn health(&self) -> Option<u16> {
        let answer = self.agent.get(format!("{}/health", self.base)).call();
        answer.ok().map(|answer| answer.status().as_u16())
    }

    /// Whether it serves a page at `/`.
    pub(super) fn has_page(&self) -> bool {
        let answer = self.agent.get(format!("{}/", self.base)).call();
        answer.is_ok_and(|answer| answer.status().as_u16() == 200)
    }

    /// Sends a webhook. Returns the status and the body of the answer.
    pub(super) fn send(&self, delivery: &RawRequest) -> Result<(u16, Value)> {
        let request = self.agent.post(&delivery.url);
        let request = delivery.headers().fold(request, |request, (name, value)| request.header(name, value));
        let answer = request.send(&*delivery.body).context("the Worker did not answer the webhook")?;
        Ok((answer.status().as_u16(), json(answer)?))
    }

    /// A run with its files.
    pub(super) fn run(&self, run_id: &str) -> Result<Value> {
        self.operator(&format!("/api/runs/{run_id}"))
    }

    /// The newest runs, 50 or some more. `turn` counts the calls and changes the limit, because the Worker caches the
    /// answer to the same query for some seconds.
    pub(super) fn runs(&self, turn: usize) -> Result<Vec<Value>> {
        let limit = 50 + turn % LIST_LIMITS;
        match self.operator(&format!("/api/runs?limit={limit}"))?.get_mut("runs").map(Value::take) {
            Some(Value::Array(runs)) => Ok(runs),
            _ => bail!("GET /api/runs answered without runs"),
        }
    }

    /// Fires the cron trigger once.
    fn sweep(&self) -> Result<()> {
        let url = format!("{}/cdn-cgi/local/scheduled?cron=*/2+*+*+*+*", self.base);
        self.agent.get(url).call().map(drop).context("the cron trigger could not be fired")
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

/// The body as JSON, or as a JSON string if it is other text.
fn json(mut answer: Response<Body>) -> Result<Value> {
    let text = answer.body_mut().read_to_string().context("the body of an answer could not be read")?;
    Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Fires the cron trigger at an interval until it is dropped. Failures are ignored: the next one follows, and the runs
/// show what happened.
#[derive(Debug)]
pub(super) struct Cron {
    ends: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Cron {
    /// Starts firing.
    pub(super) fn start(worker: Worker, every: Duration) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let has_ended = Arc::clone(&ends);
        let thread = thread::spawn(move || {
            while !has_ended.load(Ordering::SeqCst) {
                let watch = Stopwatch::start();
                let _ = worker.sweep();
                while watch.elapsed() < every && !has_ended.load(Ordering::SeqCst) {
                    thread::sleep(TICK);
                }
            }
        });
        Self { ends, thread: Some(thread) }
    }
}

impl Drop for Cron {
    fn drop(&mut self) {
        // The thread is not joined, because a sweep may take ten seconds and Ctrl-C should not.
        self.ends.store(true, Ordering::SeqCst);
        drop(self.thread.take());
    }
}

/// The id of the first run in the answer to a webhook.
pub(super) fn accepted(status: u16, answer: &Value) -> Result<String> {
    let run_id = answer.pointer("/runs/0/run_id").and_then(Value::as_str);
    match (status, run_id) {
        (202, Some(run_id)) => Ok(run_id.to_owned()),
        _ => Err(anyhow!("the webhook was not accepted: {status} {answer}")),
    }
}
