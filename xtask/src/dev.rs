//! `cargo xtask dev`: runs the Worker and a fake Fabricate on this machine, and shows what becomes of a webhook.
//!
//! It only uses the Worker's HTTP API. It never deploys, and uses no real Fabricate without `--live`.

mod dashboard;
mod follow;
mod options;
mod progress;
mod run_text;
mod sample_webhook;
mod servers;
mod settings;
mod worker;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::interrupt::{Interrupt, Interrupted};
use crate::terminal::help;
use crate::{build, check, project, setup};
use options::Options;
use progress::Progress;
use sample_webhook::SampleWebhook;
use servers::Servers;
use settings::Settings;

const HELP: &str = "\
cargo xtask dev [options]

Builds the Worker, starts it with `wrangler dev` beside a fake Fabricate, sends a signed sample webhook, and shows each
step of its run until its files are archived. Then it keeps running: send your own webhooks, and watch them in the
dashboard, whose address it prints. Ctrl-C ends everything.
Creates .dev.vars from .dev.vars.example if it is missing.

  --once               end after the first run; exit 0 only if it completed and all its files are archived
  --live               use the real Fabricate: FABRICATE_URL of wrangler.toml, FABRICATE_API_KEY of .dev.vars
  --open               open the dashboard in the browser
  --port N             the Worker's port (default 8787, or any free port if that is taken)
  --fabricate-port N   the fake Fabricate's port (default 8788, or any free port if that is taken)
  --verbose            print the logs of wrangler and Fabricate
";

/// The time between two sweeps. Deployed, the cron fires every two minutes; `wrangler dev` never fires it.
const SWEEP_EVERY: Duration = Duration::from_millis(2500);

/// Reads the arguments, and runs until Ctrl-C or, with `--once`, until the first run ends.
pub(crate) fn run(arguments: lexopt::Parser) -> Result<ExitCode> {
    let Some(options) = Options::read(arguments)? else { return Ok(help(HELP)) };
    let report = check::read(&project::path("wrangler.toml"), "wrangler.toml")?;
    if !report.is_good {
        bail!("wrangler.toml has mistakes\n{}", report.text.trim_end());
    }
    let settings = Settings::read(&options)?;
    let sample = match SampleWebhook::find(&settings) {
        Ok(sample) => Some(sample),
        Err(error) if options.once => return Err(error.context("--once needs the sample webhook")),
        Err(error) => {
            println!("no sample webhook is sent: {error:#}");
            None
        }
    };
    let tools = setup::tools()?;
    build::all(&tools, false)?;
    if !options.live {
        servers::compile_fabricate()?;
    }
    let interrupt = Interrupt::listen()?;
    let progress = Progress::new(options.verbose);
    let mut servers = Servers::start(&options, &settings, &tools, &progress, &interrupt)?;
    let result = follow_runs(&options, sample.as_ref(), &mut servers, &progress, &interrupt);
    progress.wait_for("ending wrangler and Fabricate");
    let result = result.map_err(|error| servers.explain(error));
    drop(servers);
    progress.end();
    match result {
        // Ctrl-C is the normal end of a server. With --once it means that the run was not followed to its end.
        Err(error) if error.is::<Interrupted>() && !options.once => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error),
        Ok(()) => Ok(ExitCode::SUCCESS),
    }
}

/// Follows the sample's run to its end, and then every other run.
fn follow_runs(
    options: &Options,
    sample: Option<&SampleWebhook<'_>>,
    servers: &mut Servers,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<()> {
    let worker = servers.worker.clone();
    if !options.once {
        dashboard::show(&worker, options.open, progress);
    }
    let _cron = worker::Cron::start(worker.clone(), SWEEP_EVERY);
    let mut seen = follow::known_runs(&worker)?;
    if let Some(sample) = sample {
        let run = follow::first_run(&worker, sample, servers, progress, interrupt);
        let run = run.context("the sample webhook did not produce its files")?;
        follow::mark_seen(&mut seen, &run);
        progress.say("");
        for line in run_text::where_to_look(&run, (!options.once).then_some(&worker)) {
            progress.say(&line);
        }
    }
    if options.once {
        return Ok(());
    }
    if sample.is_some() {
        progress.say("\nTo send another one, run this in a second terminal:\n");
        progress.say(&format!("  {}", SampleWebhook::shell_line(&worker.base)));
    }
    progress.say("\nThe cron fires every few seconds, and new runs are shown here. Ctrl-C ends everything.");
    follow::all_runs(&worker, &mut seen, servers, progress, interrupt)
}
