//! Follows runs and prints their changes. Only the cron advances a run.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value;

use super::progress::Progress;
use super::run_text::{self, text};
use super::sample_webhook::SampleWebhook;
use super::servers::Servers;
use super::worker::{self, Worker};
use crate::clock::Stopwatch;
use crate::interrupt::Interrupt;

/// The time between two queries of the sample's run.
const QUERY_EVERY: Duration = Duration::from_millis(300);

/// The time between two lists of all runs.
const LIST_EVERY: Duration = Duration::from_secs(2);

/// The last printed status of each run, by its id.
pub(super) type Seen = BTreeMap<String, String>;

/// The runs that exist at the start. Their status is not printed.
pub(super) fn known_runs(worker: &Worker) -> Result<Seen> {
    let runs = worker.runs(0)?;
    Ok(runs.iter().map(|run| (text(run, "/run_id").to_owned(), text(run, "/status").to_owned())).collect())
}

/// Records a run's status as printed.
pub(super) fn mark_seen(seen: &mut Seen, run: &Value) {
    seen.insert(text(run, "/run_id").to_owned(), text(run, "/status").to_owned());
}

/// Sends the sample and prints the changes of its run.
///
/// # Errors
/// When the run does not complete with all files archived, or takes too long.
pub(super) fn first_run(
    worker: &Worker,
    sample: &SampleWebhook<'_>,
    servers: &mut Servers,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<Value> {
    progress.wait_for("sending the sample webhook");
    let (id, delivery) = sample.delivery(&worker.base)?;
    let (status, answer) = worker.send(&delivery)?;
    let run_id = worker::accepted(status, &answer)?;
    progress.done(&format!("webhook {id} sent and accepted: {status}, run {run_id}"));
    let watch = Stopwatch::start();
    let mut last = Value::Null;
    while watch.elapsed() < servers.run_within {
        servers.must_be_up()?;
        let run = worker.run(&run_id)?;
        for line in run_text::changes(&last, &run) {
            progress.done(&line);
        }
        if run_text::is_good(&run) {
            return Ok(run);
        }
        if run_text::is_over(&run) {
            bail!("run {run_id} ended as {}\n{run:#}", run_text::status(&run));
        }
        if text(&run, "/status") != text(&last, "/status") {
            progress.wait_for(run_text::awaited(&run));
        }
        last = run;
        interrupt.sleep(QUERY_EVERY)?;
    }
    bail!("run {run_id} is still {} after {} s", text(&last, "/status"), servers.run_within.as_secs())
}

/// Prints each change of any run's status, until Ctrl-C.
pub(super) fn all_runs(
    worker: &Worker,
    seen: &mut Seen,
    servers: &mut Servers,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<()> {
    progress.wait_for("waiting for webhooks");
    for turn in 1.. {
        servers.must_be_up()?;
        // A change of the code restarts the Worker, which does not answer until it is up again.
        for run in worker.runs(turn).unwrap_or_default().iter().rev() {
            let status = text(run, "/status");
            let run_id = text(run, "/run_id");
            if seen.get(run_id).map(String::as_str) != Some(status) {
                progress.say(&format!("{} {run_id}: {}", text(run, "/hook"), run_text::status(run)));
                mark_seen(seen, run);
            }
        }
        interrupt.sleep(LIST_EVERY)?;
    }
    Ok(())
}
