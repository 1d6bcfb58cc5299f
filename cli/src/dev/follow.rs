//! Follows runs and prints their changes. Only the cron advances a run.

use anyhow::{Result, anyhow, bail};
use serde_json::Value;

use super::sample_webhook::SampleWebhook;
use super::servers::Servers;
use crate::host::Host;
use crate::operator::seen_runs::{SeenRuns, newest};
use crate::run_text::{self, text};
use crate::table::plain;

/// The time between two queries of the sample's run, milliseconds.
const QUERY_EVERY_MS: u32 = 300;

/// The time between two lists of all runs, milliseconds.
const LIST_EVERY_MS: u32 = 2_000;

/// How often a list is asked for a new run.
const ASKED_MAX: usize = 20;

/// The time between two sweeps, milliseconds. Deployed, the cron fires every two minutes; `wrangler dev` never fires it.
const SWEEP_EVERY_MS: i64 = 2_500;

/// Fires the cron trigger when it is due.
#[derive(Debug)]
pub(super) struct Cron {
    due_ms: i64,
}

impl Cron {
    /// Due at once.
    pub(super) fn new(host: &impl Host) -> Self {
        Self { due_ms: host.now_ms() }
    }
}

/// Follows the runs of a Worker.
pub(super) struct Follower<'a, 'h, H> {
    host: &'h H,
    servers: &'a Servers<'h, H>,
    cron: Cron,
    /// The runs whose status was printed.
    seen: SeenRuns,
}

impl<'a, 'h, H: Host> Follower<'a, 'h, H> {
    /// The runs that exist now are not printed.
    pub(super) async fn new(host: &'h H, servers: &'a Servers<'h, H>, cron: Cron) -> Result<Self> {
        let seen = SeenRuns::of(&newest(&servers.worker, None).await?);
        Ok(Self { host, servers, cron, seen })
    }

    /// Sends the sample and prints the changes of its run.
    ///
    /// # Errors
    /// When the run does not complete with all files archived, or takes too long.
    pub(super) async fn first_run(&mut self, sample: &SampleWebhook<'_>) -> Result<Value> {
        let (host, worker) = (self.host, &self.servers.worker);
        // After Ctrl-C nothing is sent.
        host.sleep(0).await?;
        host.show_progress(Some("sending the sample webhook"));
        let (id, delivery) = sample.delivery(host, &worker.address.url)?;
        let (status, answer) = worker.send(&delivery).await?;
        let run_id = match accepted(status, &answer)? {
            Some(run_id) => run_id,
            None => self.new_run().await?,
        };
        // A payload with an id of its own is an event that starts once.
        let what =
            if text(&answer, "/status") == "duplicate" { "answered as a duplicate" } else { "accepted" };
        host.print(&format!("✓ webhook {id} sent and {what}: {status}, run {run_id}\n"))?;
        let start_ms = host.now_ms();
        let mut last = Value::Null;
        while host.now_ms() - start_ms < self.servers.run_within_ms {
            self.servers.must_be_up()?;
            self.sweep_if_due().await;
            let run = worker.get(&format!("/api/runs/{run_id}")).await?;
            for line in run_text::changes(&last, &run) {
                host.print(&format!("✓ {}\n", plain(&line)))?;
            }
            self.seen.note(&run);
            if run_text::is_good(&run) {
                return Ok(run);
            }
            if run_text::is_over(&run) {
                bail!("run {run_id} ended as {}\n{run:#}", run_text::status(&run));
            }
            if text(&run, "/status") != text(&last, "/status") {
                host.show_progress(Some(&run_text::awaited(&run)));
            }
            last = run;
            host.sleep(QUERY_EVERY_MS).await?;
        }
        let seconds = self.servers.run_within_ms / 1000;
        bail!("run {run_id} is still {} after {seconds} s", text(&last, "/status"))
    }

    /// The run of a webhook whose answer names none, because its sender wants another answer.
    async fn new_run(&self) -> Result<String> {
        for _ in 0..ASKED_MAX {
            let (runs, _) = newest(&self.servers.worker, None).await?;
            if let Some(new) = runs.iter().find(|run| self.seen.is_new(run)) {
                return Ok(text(new, "/run_id").to_owned());
            }
            self.host.sleep(QUERY_EVERY_MS).await?;
        }
        bail!("the webhook was accepted, and started no run; had it been sent before?")
    }

    /// Prints each change of any run's status, until Ctrl-C.
    pub(super) async fn all_runs(&mut self) -> Result<()> {
        self.host.show_progress(Some("waiting for webhooks"));
        loop {
            self.servers.must_be_up()?;
            self.sweep_if_due().await;
            // A change of the configuration restarts the Worker, which does not answer until it is up again.
            let (runs, _) = newest(&self.servers.worker, None).await.unwrap_or_default();
            for run in runs.iter().rev().filter(|run| self.seen.note(run)) {
                self.host.print(&format!("{}\n", plain(&run_text::line(run))))?;
            }
            self.host.sleep(LIST_EVERY_MS).await?;
        }
    }

    /// A failure is ignored: the next sweep follows, and the runs show what happened.
    async fn sweep_if_due(&mut self) {
        if self.host.now_ms() >= self.cron.due_ms {
            let _ = self.servers.worker.sweep().await;
            self.cron.due_ms = self.host.now_ms() + SWEEP_EVERY_MS;
        }
    }
}

/// The id of the first run in the answer to a webhook; `None` where the answer is one that the sender wants.
fn accepted(status: u16, answer: &Value) -> Result<Option<String>> {
    let run_id = answer.pointer("/runs/0/run_id").and_then(Value::as_str);
    match run_id {
        Some(run_id) => Ok(Some(run_id.to_owned())),
        None if (200..300).contains(&status) && text(answer, "/status") != "ignored" => Ok(None),
        None => Err(anyhow!("the webhook was not accepted: {status} {answer}")),
    }
}
