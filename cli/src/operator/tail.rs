//! `seedhook tail`: prints runs as they change, and deliveries that started nothing.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use serde_json::Value;

use super::arguments::{Arguments, with_query};
use super::runs::LIMIT_MAX;
use super::seen_runs::{SeenRuns, newest};
use crate::Exit;
use crate::address::is_local;
use crate::exit::Usage;
use crate::host::{Host, Interrupted};
use crate::run_text::{self, text};
use crate::table::plain;
use crate::worker::{Worker, WorkerError};

/// The time between two questions, seconds: of a Worker on this machine, and of any other.
const EVERY_S: (u32, u32) = (2, 60);

/// How many deliveries are remembered; the oldest are forgotten.
const REMEMBERED_MAX: usize = 10_000;

/// What the answers showed.
#[derive(Debug)]
struct Seen {
    runs: SeenRuns,
    /// Each delivery by its time, and what it was.
    deliveries: BTreeSet<(String, String)>,
}

/// Prints until Ctrl-C.
pub(super) async fn run<H: Host>(host: &H, worker: &Worker<'_, H>, arguments: &Arguments) -> Result<Exit> {
    let default = if is_local(&worker.address.url) { EVERY_S.0 } else { EVERY_S.1 };
    let every_s: u32 = match arguments.option("every") {
        None => default,
        Some(written) => match written.parse() {
            Ok(seconds @ 2..=3600) => seconds,
            _ => bail!(Usage(format!("--every must be 2 to 3600 seconds, got {written}"))),
        },
    };
    host.catch_interrupts()?;
    // The first question must succeed, so that a wrong token is an error. What is there is not printed.
    let hook = arguments.option("hook");
    let runs = SeenRuns::of(&newest(worker, hook).await?);
    let deliveries = deliveries(worker, arguments).await?.into_iter().map(|delivery| key_of(&delivery));
    let mut seen = Seen { runs, deliveries: deliveries.collect() };
    if !arguments.is_json {
        host.print_error("waiting for changes; Ctrl-C ends\n");
    }
    while host.sleep(every_s * 1000).await.is_ok() {
        match print_changes(host, worker, arguments, &mut seen).await {
            Err(error) if error.is::<Interrupted>() => break,
            Err(error) if error.is::<WorkerError>() => host.print_error(&format!("{error:#}\n")),
            other => other?,
        }
    }
    Ok(Exit::Interrupted)
}

/// Asks once, and prints what changed.
async fn print_changes<H: Host>(
    host: &H,
    worker: &Worker<'_, H>,
    arguments: &Arguments,
    seen: &mut Seen,
) -> Result<()> {
    let (runs, _) = newest(worker, arguments.option("hook")).await?;
    for run in runs.iter().rev().filter(|run| seen.runs.note(run)) {
        print(host, arguments, "run", run, &run_text::line(run))?;
    }
    for delivery in deliveries(worker, arguments).await?.iter().rev() {
        if !seen.deliveries.insert(key_of(delivery)) {
            continue;
        }
        let why = [text(delivery, "/reason"), text(delivery, "/problem")];
        let why = why.into_iter().find(|why| !why.is_empty()).unwrap_or_default();
        let line = format!(
            "{} a delivery was {} ({}): {why}",
            text(delivery, "/hook"),
            text(delivery, "/outcome"),
            delivery["status"],
        );
        print(host, arguments, "delivery", delivery, &line)?;
    }
    while seen.deliveries.len() > REMEMBERED_MAX {
        seen.deliveries.pop_first();
    }
    Ok(())
}

/// The last deliveries that started nothing, newest first; none if they are not wanted.
async fn deliveries<H: Host>(worker: &Worker<'_, H>, arguments: &Arguments) -> Result<Vec<Value>> {
    if arguments.has("no-deliveries") {
        return Ok(Vec::new());
    }
    let mut query = vec![("limit".to_owned(), LIMIT_MAX.to_owned())];
    query.extend(arguments.option("hook").map(|hook| ("hook".to_owned(), hook.to_owned())));
    let answer = worker.get(&with_query("/api/deliveries", &query)).await?;
    // Accepted ones are shown as their runs.
    let is_shown =
        |delivery: &&Value| !matches!(text(delivery, "/outcome"), "accepted" | "duplicate" | "retried");
    Ok(worker.list(&answer, "deliveries")?.iter().filter(is_shown).cloned().collect())
}

/// What tells a delivery from others. The oldest come first.
fn key_of(delivery: &Value) -> (String, String) {
    (text(delivery, "/at").to_owned(), delivery.to_string())
}

/// A line of text, or of JSON with the kind of what it shows.
fn print(host: &impl Host, arguments: &Arguments, kind: &str, value: &Value, line: &str) -> Result<()> {
    if arguments.is_json {
        return host.print_data(&format!("{}\n", serde_json::json!({ kind: value })));
    }
    host.print(&format!("{}\n", plain(line)))
}
