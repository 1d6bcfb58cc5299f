//! Follows runs and tells what happens to them.
//!
//! It only looks: nothing here moves a run but the cron beside it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value;

use super::lines::{self, text};
use super::sample::Sample;
use super::servers::Servers;
use super::story::Story;
use super::worker::{self, Worker};
use crate::children::Interrupt;
use crate::clock::Stopwatch;

/// How often the sample's run is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// How often all runs are looked at.
const LIST_EVERY: Duration = Duration::from_secs(2);

/// The status of each run that was told.
pub(super) type Seen = BTreeMap<String, String>;

/// The runs of earlier days: they are no news.
pub(super) fn known_runs(worker: &Worker) -> Result<Seen> {
    let runs = worker.runs(0)?;
    Ok(runs.iter().map(|run| (text(run, "/run_id").to_owned(), text(run, "/status").to_owned())).collect())
}

/// Remembers a run as told.
pub(super) fn mark_seen(seen: &mut Seen, run: &Value) {
    seen.insert(text(run, "/run_id").to_owned(), text(run, "/status").to_owned());
}

/// Sends the sample and tells its run's life to its end; an error unless that is a good one.
pub(super) fn first_run(
    worker: &Worker,
    sample: &Sample<'_>,
    servers: &mut Servers,
    story: &Story,
    interrupt: &Interrupt,
) -> Result<Value> {
    story.wait_for("sending the sample webhook");
    let (id, delivery) = sample.delivery(&worker.base)?;
    let (status, answer) = worker.send(&delivery)?;
    let run_id = worker::accepted(status, &answer)?;
    story.done(&format!("webhook {id} sent and accepted: {status}, run {run_id}"));
    let watch = Stopwatch::start();
    let mut last = Value::Null;
    while watch.elapsed() < servers.patience {
        servers.must_be_up()?;
        let run = worker.run(&run_id)?;
        for line in lines::news(&last, &run) {
            story.done(&line);
        }
        if lines::is_good(&run) {
            return Ok(run);
        }
        if lines::is_over(&run) {
            bail!("run {run_id} ended as {}\n{run:#}", lines::status(&run));
        }
        if text(&run, "/status") != text(&last, "/status") {
            story.wait_for(lines::awaited(&run));
        }
        last = run;
        interrupt.sleep(LOOK_EVERY)?;
    }
    bail!("run {run_id} is still {} after {} s", text(&last, "/status"), servers.patience.as_secs())
}

/// Tells every change of every run, until Ctrl-C.
pub(super) fn all_runs(
    worker: &Worker,
    seen: &mut Seen,
    servers: &mut Servers,
    story: &Story,
    interrupt: &Interrupt,
) -> Result<()> {
    story.wait_for("waiting for webhooks");
    for turn in 1.. {
        servers.must_be_up()?;
        // A change of the code restarts the Worker; one unanswered look is no reason to end.
        for run in worker.runs(turn).unwrap_or_default().iter().rev() {
            let status = text(run, "/status");
            let run_id = text(run, "/run_id");
            if seen.get(run_id).map(String::as_str) != Some(status) {
                story.say(&format!("{} {run_id}: {}", text(run, "/hook"), lines::status(run)));
                mark_seen(seen, run);
            }
        }
        interrupt.sleep(LIST_EVERY)?;
    }
    Ok(())
}
