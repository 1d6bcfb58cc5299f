//! `cargo xtask dev`: the Worker and a fake Fabricate on this machine, and a webhook becoming files before your eyes.
//!
//! It knows the Worker from outside alone, over HTTP. It never deploys, and without `--live` it asks no real Fabricate.

mod follow;
mod lines;
mod options;
mod sample;
mod servers;
mod settings;
mod story;
mod worker;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::children::{Interrupt, Interrupted};
use crate::{build, check, help, project, setup};
use options::Options;
use sample::Sample;
use servers::Servers;
use settings::Settings;
use story::Story;

const HELP: &str = "\
cargo xtask dev [options]

Builds the Worker, starts it with `wrangler dev` beside a fake Fabricate, sends a signed sample webhook, and shows
each step of its life until its files are archived. Then it stays up: send your own webhooks. Ctrl-C ends everything.
Makes .dev.vars from .dev.vars.example when there is none.

  --once               end after the first run; exit 0 only if it completed and all its files are archived
  --live               use the real Fabricate: FABRICATE_URL of wrangler.toml, FABRICATE_API_KEY of .dev.vars
  --port N             where the Worker listens (default 8787, or any free port when that is taken)
  --fabricate-port N   where the fake Fabricate listens (default 8788, or any free port when that is taken)
  --verbose            show what wrangler and Fabricate print
";

/// How often every open run is looked at. Deployed, the cron does it every two minutes; locally it never fires.
const SWEEP_EVERY: Duration = Duration::from_millis(2500);

/// Reads the arguments, runs until Ctrl-C or, with `--once`, until the first run is over.
pub(crate) fn run(arguments: lexopt::Parser) -> Result<ExitCode> {
    let Some(options) = Options::read(arguments)? else { return Ok(help(HELP)) };
    let report = check::read(&project::path("wrangler.toml"), "wrangler.toml")?;
    if !report.is_good {
        bail!("wrangler.toml has mistakes\n{}", report.text.trim_end());
    }
    let settings = Settings::read(&options)?;
    let sample = match Sample::find(&settings) {
        Ok(sample) => Some(sample),
        Err(error) if options.once => return Err(error.context("--once needs the sample webhook")),
        Err(error) => {
            println!("no sample webhook is sent: {error}");
            None
        }
    };
    let tools = setup::tools()?;
    build::worker(&tools, false)?;
    if !options.live {
        servers::compile_fabricate()?;
    }
    let interrupt = Interrupt::listen()?;
    let story = Story::new(options.verbose);
    let mut servers = Servers::start(&options, &settings, &tools, &story, &interrupt)?;
    let told = tell(&options, sample.as_ref(), &mut servers, &story, &interrupt);
    story.wait_for("ending wrangler and Fabricate");
    let told = told.map_err(|error| servers.explain(error));
    drop(servers);
    story.end();
    match told {
        // Ctrl-C is how one leaves a server; with --once it is a run that was not seen to its end.
        Err(error) if error.is::<Interrupted>() && !options.once => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error),
        Ok(()) => Ok(ExitCode::SUCCESS),
    }
}

/// The story: the sample's run from beginning to end, then every other run as it appears.
fn tell(
    options: &Options,
    sample: Option<&Sample<'_>>,
    servers: &mut Servers,
    story: &Story,
    interrupt: &Interrupt,
) -> Result<()> {
    let worker = servers.worker.clone();
    let _cron = worker::Cron::start(worker.clone(), SWEEP_EVERY);
    let mut seen = follow::known_runs(&worker)?;
    if let Some(sample) = sample {
        let run = follow::first_run(&worker, sample, servers, story, interrupt);
        let run = run.context("the sample webhook did not become files")?;
        follow::mark_seen(&mut seen, &run);
        story.say("");
        for line in lines::where_to_look(&run, (!options.once).then_some(&worker)) {
            story.say(&line);
        }
    }
    if options.once {
        return Ok(());
    }
    if sample.is_some() {
        story.say("\nSend the next one, from another terminal:\n");
        story.say(&format!("  {}", Sample::shell_line(&worker.base)));
    }
    story.say(
        "\nThe cron fires every few seconds; new runs are shown as they appear. Ctrl-C ends everything.",
    );
    follow::all_runs(&worker, &mut seen, servers, story, interrupt)
}
