//! The two servers of `dev`: the local Fabricate, and the Worker under wrangler.

use anyhow::{Error, Result, anyhow, bail};

use super::options::Options;
use super::settings::Settings;
use super::{LOCAL_KEY, lock};
use crate::address::{Address, LOCAL_URL};
use crate::host::{FabricateOptions, Host, Interrupted, ProcessState, Program};
use crate::worker::{Health, Worker};

/// The Worker's default port, which is wrangler's too. It is the one of [`LOCAL_URL`].
const WORKER_PORT: u16 = 8787;

/// The local Fabricate's default port.
const FABRICATE_PORT: u16 = 8788;

/// How long the local Fabricate takes for a task, milliseconds: long enough to be seen in progress.
const TASK_MS: u32 = 3_000;

/// How long the sample's run may take with the local Fabricate, milliseconds.
const LOCAL_RUN_WITHIN_MS: i64 = 90_000;

/// How long the sample's run may take with the real Fabricate, where a workflow can take long, milliseconds.
const REAL_RUN_WITHIN_MS: i64 = 60 * 60 * 1_000;

/// How long the Worker may take to start, milliseconds. In this repository wrangler builds it first; the first start of workerd
/// on a slow disk takes most of a minute.
const UP_WITHIN_MS: i64 = 120_000;

/// The time between two checks whether a server is up, milliseconds.
const ASK_EVERY_MS: u32 = 200;

/// How many lines of a log an error shows.
const LINES_SHOWN: usize = 25;

const WRANGLER_LOG: &str = ".wrangler/dev/wrangler.log";
const FABRICATE_LOG: &str = ".wrangler/dev/fabricate.log";

/// The running servers.
pub(super) struct Servers<'h, H> {
    /// The client of the Worker.
    pub(super) worker: Worker<'h, H>,
    /// How long the sample's run may take, milliseconds.
    pub(super) run_within_ms: i64,
    host: &'h H,
    wrangler: u32,
}

impl<'h, H: Host> Servers<'h, H> {
    /// Starts both servers and waits until they answer.
    pub(super) async fn start(
        host: &'h H,
        options: &Options,
        settings: &Settings,
        wrangler: Vec<String>,
    ) -> Result<Self> {
        // Before the ports, because the one that runs has them.
        lock::must_be_alone(host)?;
        let port = free_port(host, options.port, WORKER_PORT, "--port").await?;
        let address =
            Address { url: format!("http://127.0.0.1:{port}"), token: settings.operator_token.clone() };
        lock::take(host, &address.url)?;
        let wrangler = match start_both(host, options, wrangler, port).await {
            Ok(wrangler) => wrangler,
            Err(error) => {
                lock::release(host);
                return Err(error);
            }
        };
        let run_within_ms = if options.live { REAL_RUN_WITHIN_MS } else { LOCAL_RUN_WITHIN_MS };
        let mut servers = Self { worker: Worker::new(host, address), run_within_ms, host, wrangler };
        match servers.wait_for_worker().await {
            Ok(()) => Ok(servers),
            Err(error) => {
                servers.stop().await;
                Err(error)
            }
        }
    }

    /// Returns an error if the Worker has ended.
    pub(super) fn must_be_up(&self) -> Result<()> {
        let ProcessState { ended, printed } = self.host.process(self.wrangler);
        match ended {
            Some(how) => bail!("wrangler ended ({how})\n{}", last_lines(&printed)),
            None => Ok(()),
        }
    }

    /// Adds wrangler's last lines to an error other than Ctrl-C.
    pub(super) fn explain(&self, error: Error) -> Error {
        if error.is::<Interrupted>() {
            return error;
        }
        // Most lines are about our own queries.
        let printed = self.host.process(self.wrangler).printed;
        let lines: Vec<&str> =
            printed.lines().filter(|line| !line.starts_with("[wrangler:info] GET ")).collect();
        anyhow!("{error:#}\n\nwrangler's last lines:\n{}", last_lines(&lines.join("\n")))
    }

    /// Ends what was started.
    pub(super) async fn stop(&mut self) {
        self.host.stop(self.wrangler).await;
        lock::release(self.host);
    }

    async fn wait_for_worker(&self) -> Result<()> {
        self.host.show_progress(Some("starting the Worker"));
        let start_ms = self.host.now_ms();
        let mut answer = "no answer".to_owned();
        while self.host.now_ms() - start_ms < UP_WITHIN_MS {
            self.must_be_up()?;
            match self.worker.health().await {
                Some(health) if health.is_seedhook() => return self.say_where(&health),
                Some(health) => answer = format!("status {}", health.status),
                None => {}
            }
            self.host.sleep(ASK_EVERY_MS).await?;
        }
        let printed = last_lines(&self.host.process(self.wrangler).printed);
        bail!("the Worker did not come up: {answer} at {}/health\n{printed}", self.worker.address.url)
    }

    /// Prints where the Worker is, and what it lacks. It is up, even if it says that it is not healthy: nothing has swept since
    /// the last `dev` ended, and what Fabricate answered then is still noted.
    fn say_where(&self, health: &Health) -> Result<()> {
        let url = &self.worker.address.url;
        self.host.print(&format!("✓ Worker at {url}, log in {WRANGLER_LOG}\n"))?;
        for problem in health.problems(&["configuration", "binding", "store"]) {
            self.host.print(&format!("  {url}/health says: {problem}\n"))?;
        }
        if *url != LOCAL_URL {
            self.host.print(&format!(
                "  other commands need its address: SEEDHOOK_URL={url} npx seedhook runs\n"
            ))?;
        }
        Ok(())
    }
}

/// Starts the local Fabricate, unless the real one is wanted, and wrangler. Returns wrangler's process.
async fn start_both<H: Host>(host: &H, options: &Options, wrangler: Vec<String>, port: u16) -> Result<u32> {
    let mut fabricate_url = None;
    if !options.live {
        let port = free_port(host, options.fabricate_port, FABRICATE_PORT, "--fabricate-port").await?;
        host.show_progress(Some("starting the local Fabricate"));
        let options = FabricateOptions {
            port,
            key: LOCAL_KEY.to_owned(),
            task_ms: TASK_MS,
            log: FABRICATE_LOG.to_owned(),
        };
        let url = host.serve_fabricate(&options).await?;
        host.print(&format!("✓ local Fabricate at {url}, log in {FABRICATE_LOG}\n"))?;
        fabricate_url = Some(url);
    }
    host.start(&wrangler_dev(wrangler, port, fabricate_url.as_deref(), options), WRANGLER_LOG)
}

fn wrangler_dev(
    mut words: Vec<String>,
    port: u16,
    fabricate_url: Option<&str>,
    options: &Options,
) -> Program {
    let port = port.to_string();
    let arguments = ["dev", "--ip", "127.0.0.1", "--port", &port, "--persist-to", ".wrangler/state"];
    words.extend(arguments.map(ToOwned::to_owned));
    words.push("--show-interactive-dev-session=false".to_owned());
    if let Some(url) = fabricate_url {
        // These override the configuration and .dev.vars.
        for variable in [format!("FABRICATE_URL:{url}"), format!("FABRICATE_API_KEY:{LOCAL_KEY}")] {
            words.extend(["--var".to_owned(), variable]);
        }
    }
    // wrangler sends no statistics, and does not ask Cloudflare where this machine is.
    let env = [("WRANGLER_SEND_METRICS", "false"), ("CLOUDFLARE_CF_FETCH_ENABLED", "false")];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    Program { words, env, is_shown: options.verbose, ..Program::default() }
}

fn last_lines(printed: &str) -> String {
    let lines: Vec<&str> = printed.lines().collect();
    let first = lines.len().saturating_sub(LINES_SHOWN);
    format!("{}\n(whole log: {WRANGLER_LOG})", lines.get(first..).unwrap_or_default().join("\n"))
}

/// The given port; or the default, or any free port if the default is taken.
async fn free_port(host: &impl Host, given: Option<u16>, default: u16, option: &str) -> Result<u16> {
    let wanted = given.unwrap_or(default);
    match host.free_port(wanted).await {
        Ok(Some(port)) => return Ok(port),
        Ok(None) if given.is_some() => bail!("port {wanted} is taken; choose another with {option}"),
        Err(error) if given.is_some() => {
            bail!("port {wanted} cannot be used: {error:#}; choose another with {option}")
        }
        _ => {}
    }
    host.free_port(0).await?.ok_or_else(|| anyhow!("no port is free"))
}
