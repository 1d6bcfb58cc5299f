//! `seedhook dev`: runs the Worker and a local Fabricate on this machine, and shows what becomes of a webhook.
//!
//! It only uses the Worker's HTTP API. It never deploys, and uses no real Fabricate without `--live`.

mod follow;
mod lock;
mod options;
mod sample_webhook;
mod servers;
mod settings;

use anyhow::{Context, Result, bail};

use crate::address::encoded;
use crate::check::check_file;
use crate::config_file::ConfigFile;
use crate::host::{Host, Interrupted};
use crate::project::must_be_installed;
use crate::worker::Worker;
use crate::{Exit, help, run_text};
use follow::{Cron, Follower};
use options::Options;
use sample_webhook::SampleWebhook;
use servers::Servers;
use settings::Settings;

pub(crate) const HELP: &str = "\
npx seedhook dev [options]

Starts the Worker with `wrangler dev` beside a local Fabricate, sends a signed sample webhook, and shows each step of its
run until its files are archived. Then it keeps running, also if the sample failed: send your own webhooks, and watch them in
the dashboard, whose address it prints. Ctrl-C ends everything.
The sample is the one for the hook crm-deal-won, or else payload.json, for the first hook. Makes .dev.vars if it is missing.
The local Fabricate has every workspace, database and workflow that a hook names, and takes any parameters: after three seconds
a run has two small files. Workflows that are named otherwise: `fails`, `cancels` and `never-ends` do what they say.

  --once               end after the first run; exit 0 only if it completed and all its files are archived
  --live               use the real Fabricate: FABRICATE_URL of the configuration, FABRICATE_API_KEY of .dev.vars
  --open               open the dashboard in the browser
  --port N             the Worker's port (default 8787, or any free port if that is taken)
  --fabricate-port N   the local Fabricate's port (default 8788, or any free port if that is taken)
  --verbose            print the log of wrangler
";

/// The key of the local Fabricate. It is not the key of `.dev.vars`, which may be a real one.
pub const LOCAL_KEY: &str = "local-fabricate-key";

/// Reads the arguments, and runs until Ctrl-C or, with `--once`, until the first run ends.
pub(crate) async fn run(host: &impl Host, arguments: lexopt::Parser) -> Result<Exit> {
    let Some(options) = Options::read(arguments)? else { return help(host, HELP) };
    let file = ConfigFile::read(host, &ConfigFile::find(host, None)?)?;
    let settings = Settings::read(host, &file, &options)?;
    let report = check_file(host, &file)?;
    if !report.is_good() {
        bail!("the configuration has mistakes\n{}", report.text().trim_end());
    }
    must_be_installed(host, &file)?;
    let sample = match SampleWebhook::find(host, &settings) {
        Ok(sample) => Some(sample),
        Err(error) if options.once => return Err(error.context("--once needs the sample webhook")),
        Err(error) => {
            host.print(&format!("no sample webhook is sent: {error:#}\n"))?;
            None
        }
    };
    host.catch_interrupts()?;
    let result = serve(host, &options, &settings, sample.as_ref()).await;
    host.show_progress(None);
    match result {
        // Ctrl-C is the normal end of a server. With --once it means that the run was not followed to its end.
        Err(error) if error.is::<Interrupted>() && !options.once => Ok(Exit::Good),
        Err(error) => Err(error),
        Ok(()) => Ok(Exit::Good),
    }
}

/// Starts the servers, follows runs, and ends the servers.
async fn serve(
    host: &impl Host,
    options: &Options,
    settings: &Settings,
    sample: Option<&SampleWebhook<'_>>,
) -> Result<()> {
    let wrangler = host.wrangler().await?;
    let mut servers = Servers::start(host, options, settings, wrangler).await?;
    let result = follow_runs(host, options, sample, &servers).await;
    host.show_progress(Some("ending wrangler and Fabricate"));
    let result = result.map_err(|error| servers.explain(error));
    servers.stop().await;
    result
}

/// Follows the sample's run to its end, and then every other run.
async fn follow_runs<H: Host>(
    host: &H,
    options: &Options,
    sample: Option<&SampleWebhook<'_>>,
    servers: &Servers<'_, H>,
) -> Result<()> {
    let worker = &servers.worker;
    if !options.once {
        show_dashboard(host, worker, options.open).await?;
    }
    let mut follower = Follower::new(host, servers, Cron::new(host)).await?;
    if let Some(sample) = sample {
        let run = follower.first_run(sample).await.context("the sample webhook did not produce its files");
        match run {
            Ok(run) => {
                host.print("\n")?;
                for line in run_text::where_to_look(&run, (!options.once).then_some(&worker.address)) {
                    host.print(&format!("{line}\n"))?;
                }
            }
            Err(error) if options.once || error.is::<Interrupted>() => return Err(error),
            // Other webhooks may do better. Without the Worker there are none.
            Err(error) => {
                servers.must_be_up()?;
                host.print_error(&format!("✗ {error:#}\n"));
            }
        }
    }
    if options.once {
        return Ok(());
    }
    if let Some(sample) = sample {
        host.print("\nTo send another one, run this in a second terminal:\n\n")?;
        host.print(&format!("  {}\n", sample.shell_line(&worker.address.url)))?;
    }
    host.print("\nThe cron fires every few seconds, and new runs are shown here. Ctrl-C ends everything.\n")?;
    follower.all_runs().await
}

/// Prints where the dashboard is, and opens it in the browser where that is wanted. Prints nothing where the configuration
/// has no `[assets]`.
async fn show_dashboard<H: Host>(host: &H, worker: &Worker<'_, H>, is_opened: bool) -> Result<()> {
    if !worker.has_page().await {
        return Ok(());
    }
    let url = signed_in(&worker.address.url, &worker.address.token);
    host.print(&format!("✓ dashboard, signed in: {url}\n"))?;
    if is_opened && !host.open_in_browser(&url).await {
        host.print("  no browser could be opened: open the address by hand\n")?;
    }
    Ok(())
}

/// The dashboard's address with the token in its fragment, which a browser sends nowhere.
fn signed_in(base: &str, token: &str) -> String {
    format!("{base}/#token={}", encoded(token))
}

#[cfg(test)]
mod tests;
