//! `seedhook retry`, `adopt` and `abandon`: decisions about one run, or about the runs of a filter.

use anyhow::{Result, bail};
use seedhook::timestamp::Timestamp;
use serde_json::{Value, json};

use super::arguments::{Arguments, with_query};
use super::runs;
use crate::Exit;
use crate::exit::Usage;
use crate::host::{Host, print_json};
use crate::run_text::{self, text};
use crate::table::plain;
use crate::worker::Worker;

/// How often `--all` calls at most: 50,000 runs.
const CALLS_MAX: usize = 1_000;

/// Retries.
pub(super) async fn retry<H: Host>(host: &H, worker: &Worker<'_, H>, arguments: &Arguments) -> Result<Exit> {
    if arguments.value(0).is_none() {
        return many(host, worker, arguments, &RETRY).await;
    }
    let force = if arguments.has("force") { "?force=true" } else { "" };
    let call = worker.call("POST", &format!("{}/retry{force}", arguments.run_path()), None).await;
    // The API names its parameter, and the command line has an option.
    let (status, run) = call.map_err(|error| match error.to_string() {
        text if text.contains("?force=true") => anyhow::anyhow!(text.replace("?force=true", "--force")),
        _ => error,
    })?;
    let word = if status == 202 { "retried as" } else { "retried before, as" };
    said(host, worker, arguments, &run, word)
}

/// Adopts.
pub(super) async fn adopt<H: Host>(host: &H, worker: &Worker<'_, H>, arguments: &Arguments) -> Result<Exit> {
    let body = json!({"task_id": arguments.value(1)});
    let (_, run) = worker.call("POST", &format!("{}/adopt", arguments.run_path()), Some(&body)).await?;
    said(host, worker, arguments, &run, "adopted:")
}

/// Abandons.
pub(super) async fn abandon<H: Host>(
    host: &H,
    worker: &Worker<'_, H>,
    arguments: &Arguments,
) -> Result<Exit> {
    if arguments.value(0).is_none() {
        return many(host, worker, arguments, &ABANDON).await;
    }
    let path = format!("{}/abandon", arguments.run_path());
    let (_, run) = worker.call("POST", &path, reason(arguments).as_ref()).await?;
    said(host, worker, arguments, &run, "abandoned:")
}

fn reason(arguments: &Arguments) -> Option<Value> {
    arguments.option("reason").map(|reason| json!({"reason": reason}))
}

fn said<H: Host>(
    host: &H,
    worker: &Worker<'_, H>,
    arguments: &Arguments,
    run: &Value,
    word: &str,
) -> Result<Exit> {
    worker.must_be_run(run)?;
    if arguments.is_json {
        print_json(host, run)?;
    } else {
        let line = plain(&format!("{word} {}, {}", text(run, "/run_id"), run_text::status(run)));
        host.print(&(line + "\n"))?;
    }
    Ok(Exit::Good)
}

/// A decision about many runs.
struct Many {
    path: &'static str,
    /// The list in the answer, and the word for it.
    done: &'static str,
    status: &'static str,
}

const RETRY: Many = Many { path: "/api/runs/retry", done: "retried", status: "failed" };
const ABANDON: Many = Many { path: "/api/runs/abandon", done: "abandoned", status: "unconfirmed" };

async fn many<H: Host>(
    host: &H,
    worker: &Worker<'_, H>,
    arguments: &Arguments,
    decision: &'static Many,
) -> Result<Exit> {
    if arguments.has("force") {
        bail!(Usage("--force needs a run: npx seedhook retry RUN --force".to_owned()));
    }
    let mut query = arguments.query(Timestamp::from_millis(host.now_ms()))?;
    if !arguments.has("yes") {
        if query.iter().all(|(name, _)| name != "status") {
            query.push(("status".to_owned(), decision.status.to_owned()));
        }
        let (runs, cursor) = runs::page(worker, &query).await?;
        let more = if cursor.is_null() { "" } else { ", and there are more" };
        host.print_error(&(runs::lines(&runs, None).join("\n") + "\n\n"));
        bail!(Usage(format!("{} runs{more}: nothing is {} without --yes", runs.len(), decision.done)));
    }
    // What was done until then is still reported.
    host.catch_interrupts()?;
    let mut report = Report::new(decision, arguments.is_json);
    let result = report.decide(host, worker, arguments, query).await;
    if result.is_ok() || report.calls > 0 {
        report.end(host)?;
    }
    result.map(|()| Exit::Good)
}

/// What was decided, call after call.
struct Report {
    decision: &'static Many,
    is_json: bool,
    calls: usize,
    done: Vec<Value>,
    skipped: Vec<Value>,
    /// Where the next call begins; null after the last.
    cursor: Value,
}

impl Report {
    fn new(decision: &'static Many, is_json: bool) -> Self {
        let (done, skipped) = (Vec::new(), Vec::new());
        Self { decision, is_json, calls: 0, done, skipped, cursor: Value::Null }
    }

    /// Decides about the runs of a query, and with `--all` about those of the next ones. Each answer is printed as it comes.
    async fn decide<H: Host>(
        &mut self,
        host: &H,
        worker: &Worker<'_, H>,
        arguments: &Arguments,
        mut query: Vec<(String, String)>,
    ) -> Result<()> {
        for _ in 0..CALLS_MAX {
            host.sleep(0).await?;
            let path = with_query(self.decision.path, &query);
            let (_, answer) = worker.call("POST", &path, reason(arguments).as_ref()).await?;
            let done = worker.list(&answer, self.decision.done)?;
            let skipped = worker.list(&answer, "skipped")?;
            self.print(host, done, skipped)?;
            self.calls += 1;
            self.done.extend_from_slice(done);
            self.skipped.extend_from_slice(skipped);
            self.cursor = answer.get("cursor").cloned().unwrap_or_default();
            let Some(next) = self.cursor.as_str().filter(|_| arguments.has("all")) else { break };
            query.retain(|(name, _)| name != "cursor");
            query.push(("cursor".to_owned(), next.to_owned()));
        }
        Ok(())
    }

    fn print(&self, host: &impl Host, done: &[Value], skipped: &[Value]) -> Result<()> {
        if self.is_json {
            return Ok(());
        }
        for item in done {
            let as_new = text(item, "/retry/run_id");
            let as_new = if as_new.is_empty() { String::new() } else { format!(", as {as_new}") };
            let line = format!("{} {}{as_new}", self.decision.done, text(item, "/run_id"));
            host.print(&(plain(&line) + "\n"))?;
        }
        for item in skipped {
            let line = format!("skipped {}: {}", text(item, "/run_id"), text(item, "/reason"));
            host.print(&(plain(&line) + "\n"))?;
        }
        Ok(())
    }

    /// Prints the sums, or as JSON everything: one document, also where a later call failed.
    fn end(&self, host: &impl Host) -> Result<()> {
        let (done, skipped) = (&self.done, &self.skipped);
        if self.is_json {
            let all = json!({self.decision.done: done, "skipped": skipped, "cursor": self.cursor});
            return print_json(host, &all);
        }
        host.print(&format!("{} {}, {} skipped\n", done.len(), self.decision.done, skipped.len()))?;
        match self.cursor.as_str() {
            Some(cursor) => host.print(&format!("more: --cursor '{}', or --all\n", plain(cursor))),
            None => Ok(()),
        }
    }
}
