//! `seedhook tail`: prints runs as they change, and deliveries that started nothing.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use serde_json::Value;

use super::arguments::Arguments;
use crate::Exit;
use crate::address::{encoded, is_local};
use crate::exit::Usage;
use crate::host::{Host, Interrupted};
use crate::run_text::{self, text};
use crate::table::plain;
use crate::worker::{Worker, WorkerError};

/// The time between two questions, seconds: of a Worker on this machine, and of any other.
const EVERY_S: (u32, u32) = (2, 60);

/// How many different limits lists are asked for: the Worker caches an answer for some seconds.
const LIST_LIMITS: usize = 8;

/// How many runs and deliveries are remembered; the oldest are forgotten.
const REMEMBERED_MAX: usize = 10_000;

/// What was printed.
#[derive(Debug, Default)]
struct Seen {
    /// The last status of each run.
    runs: BTreeMap<String, String>,
    deliveries: BTreeSet<String>,
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
    let mut seen = Seen::default();
    // The first question must succeed, so that a wrong token is an error.
    questions(host, worker, arguments, &mut seen, 0).await?;
    if !arguments.is_json {
        host.print_error("waiting for changes; Ctrl-C ends\n");
    }
    for turn in 1.. {
        if host.sleep(every_s * 1000).await.is_err() {
            break;
        }
        match questions(host, worker, arguments, &mut seen, turn).await {
            Err(error) if error.is::<Interrupted>() => break,
            Err(error) if error.is::<WorkerError>() => host.print_error(&format!("{error:#}\n")),
            other => other?,
        }
    }
    Ok(Exit::Interrupted)
}

/// Asks once. The first time, what is there is remembered and not printed.
async fn questions<H: Host>(
    host: &H,
    worker: &Worker<'_, H>,
    arguments: &Arguments,
    seen: &mut Seen,
    turn: usize,
) -> Result<()> {
    let hook = arguments.option("hook").map(|hook| format!("&hook={}", encoded(hook))).unwrap_or_default();
    let runs = worker.get(&format!("/api/runs?limit={}{hook}", 50 + turn % LIST_LIMITS)).await?;
    for run in worker.list(&runs, "runs")?.iter().rev() {
        let id = text(run, "/run_id").to_owned();
        let status = text(run, "/status").to_owned();
        if seen.runs.insert(id, status.clone()).is_none_or(|before| before != status) && turn > 0 {
            print(host, arguments, "run", run, &run_text::line(run))?;
        }
    }
    while seen.runs.len() > REMEMBERED_MAX {
        seen.runs.pop_first();
    }
    if arguments.has("no-deliveries") {
        return Ok(());
    }
    let deliveries = worker.get(&format!("/api/deliveries?limit=50{hook}")).await?;
    for delivery in worker.list(&deliveries, "deliveries")?.iter().rev() {
        // Accepted ones are shown as their runs.
        if matches!(text(delivery, "/outcome"), "accepted" | "duplicate" | "retried") {
            continue;
        }
        if seen.deliveries.insert(delivery.to_string()) && turn > 0 {
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
    }
    while seen.deliveries.len() > REMEMBERED_MAX {
        seen.deliveries.pop_first();
    }
    Ok(())
}

/// A line of text, or of JSON with the kind of what it shows.
fn print(host: &impl Host, arguments: &Arguments, kind: &str, value: &Value, line: &str) -> Result<()> {
    if arguments.is_json {
        return host.print_data(&format!("{}\n", serde_json::json!({ kind: value })));
    }
    host.print(&format!("{}\n", plain(line)))
}
