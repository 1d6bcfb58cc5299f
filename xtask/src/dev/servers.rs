//! The two servers of `dev`: the fake Fabricate, and the Worker under wrangler.

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, bail};

use super::options::Options;
use super::progress::Progress;
use super::settings::Settings;
use super::worker::Worker;
use crate::background_process::BackgroundProcess;
use crate::clock::Stopwatch;
use crate::command::last_lines;
use crate::interrupt::{Interrupt, Interrupted};
use crate::setup::{Tools, npm};
use crate::{command, project};

/// The Worker's default port, which is wrangler's too.
const WORKER_PORT: u16 = 8787;

/// The fake Fabricate's default port.
const FABRICATE_PORT: u16 = 8788;

/// The key of the fake Fabricate. It is not the key of `.dev.vars`, which may be a real one.
const LOCAL_KEY: &str = "local-fabricate-key";

/// How long the fake Fabricate takes for a task: long enough to be seen in progress.
const TASK_SECONDS: &str = "3";

/// How long the sample's run may take with the fake Fabricate.
const FAKE_RUN_WITHIN: Duration = Duration::from_secs(90);

/// How long the sample's run may take with the real Fabricate, where a workflow can take long.
const REAL_RUN_WITHIN: Duration = Duration::from_hours(1);

/// How long a server may take to start. The first start of workerd on a slow disk takes most of it.
const UP_WITHIN: Duration = Duration::from_secs(90);

/// The time between two checks whether a server is up.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// The running servers. Dropping them ends both and everything that they started.
#[derive(Debug)]
pub(super) struct Servers {
    /// The client of the Worker.
    pub(super) worker: Worker,
    /// How long the sample's run may take.
    pub(super) run_within: Duration,
    wrangler: BackgroundProcess,
    fabricate: Option<BackgroundProcess>,
}

/// Compiles the fake Fabricate, so that it starts quickly.
pub(super) fn compile_fabricate() -> Result<()> {
    println!("compiling the fake Fabricate (a minute the first time)");
    command::run(&mut command::cargo(&["build", "--quiet", "--package", "fabricate"]))
}

impl Servers {
    /// Starts both servers and waits until they answer.
    pub(super) fn start(
        options: &Options,
        settings: &Settings,
        tools: &Tools,
        progress: &Progress,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let port = free_port(options.port, WORKER_PORT, "--port")?;
        let fabricate_port = free_port(options.fabricate_port, FABRICATE_PORT, "--fabricate-port")?;
        let mut fabricate = None;
        let mut fabricate_url = None;
        if !options.live {
            let mut process = start_fabricate(fabricate_port, progress)?;
            fabricate_url = Some(wait_for_fabricate(&mut process, progress, interrupt)?);
            fabricate = Some(process);
        }
        let mut wrangler = start_wrangler(port, fabricate_url.as_deref(), tools, progress)?;
        let worker = Worker::new(port, &settings.operator_token);
        wait_for_worker(&worker, &mut wrangler, progress, interrupt)?;
        let run_within = if options.live { REAL_RUN_WITHIN } else { FAKE_RUN_WITHIN };
        Ok(Self { worker, run_within, wrangler, fabricate })
    }

    /// Returns an error if one of them has ended.
    pub(super) fn must_be_up(&mut self) -> Result<()> {
        self.wrangler.must_be_up()?;
        self.fabricate.as_mut().map_or(Ok(()), BackgroundProcess::must_be_up)
    }

    /// Adds wrangler's last lines to an error other than Ctrl-C.
    pub(super) fn explain(&self, error: Error) -> Error {
        if error.is::<Interrupted>() {
            return error;
        }
        // Most lines are about our own queries.
        let printed = self.wrangler.printed();
        let lines = printed.lines().filter(|line| !line.starts_with("[wrangler:info] GET "));
        let last = last_lines(&lines.collect::<Vec<_>>().join("\n"), 25);
        anyhow!("{error:#}\n\nwrangler's last lines (whole log: {}):\n{last}", shown(&self.wrangler))
    }
}

fn start_fabricate(port: u16, progress: &Progress) -> Result<BackgroundProcess> {
    let mut fabricate = command::cargo(&["run", "--quiet", "--package", "fabricate", "--"]);
    fabricate.args(["--port", &port.to_string(), "--key", LOCAL_KEY, "--task-seconds", TASK_SECONDS]);
    let output = progress.clone();
    BackgroundProcess::start(
        "Fabricate",
        &mut fabricate,
        project::path(".wrangler/dev/fabricate.log"),
        move |line| {
            output.log_line("Fabricate", line);
        },
    )
}

/// Waits for the line with the address at which it listens.
fn wait_for_fabricate(
    fabricate: &mut BackgroundProcess,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<String> {
    progress.wait_for("starting the fake Fabricate");
    let watch = Stopwatch::start();
    while watch.elapsed() < UP_WITHIN {
        let printed = fabricate.printed();
        let url =
            printed.lines().find_map(|line| line.split_once("listening on ").map(|(_, url)| url.trim()));
        if let Some(url) = url {
            progress.done(&format!("Fabricate (a fake) at {url}, log in {}", shown(fabricate)));
            return Ok(url.to_owned());
        }
        fabricate.must_be_up()?;
        interrupt.sleep(ASK_EVERY)?;
    }
    bail!("the fake Fabricate did not come up\n{}", fabricate.last_lines())
}

fn start_wrangler(
    port: u16,
    fabricate_url: Option<&str>,
    tools: &Tools,
    progress: &Progress,
) -> Result<BackgroundProcess> {
    let mut wrangler = Command::new(&tools.node.program);
    wrangler.arg(npm::wrangler()).args(["dev", "--ip", "127.0.0.1", "--port", &port.to_string()]);
    wrangler.args(["--persist-to", ".wrangler/state", "--show-interactive-dev-session=false"]);
    if let Some(url) = fabricate_url {
        // These override wrangler.toml and .dev.vars.
        wrangler.args(["--var", &format!("FABRICATE_URL:{url}")]);
        wrangler.args(["--var", &format!("FABRICATE_API_KEY:{LOCAL_KEY}")]);
    }
    // wrangler sends no statistics, and does not ask Cloudflare where this machine is.
    wrangler.env("WRANGLER_SEND_METRICS", "false").env("CLOUDFLARE_CF_FETCH_ENABLED", "false");
    wrangler.env("PATH", tools.node.path()?).current_dir(project::root());
    let output = progress.clone();
    BackgroundProcess::start(
        "wrangler",
        &mut wrangler,
        project::path(".wrangler/dev/wrangler.log"),
        move |line| {
            output.log_line("wrangler", line);
        },
    )
}

fn wait_for_worker(
    worker: &Worker,
    wrangler: &mut BackgroundProcess,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<()> {
    progress.wait_for("starting the Worker");
    let watch = Stopwatch::start();
    let mut health = None;
    while watch.elapsed() < UP_WITHIN {
        wrangler.must_be_up()?;
        health = worker.health();
        if health == Some(200) {
            progress.done(&format!("Worker at {}, log in {}", worker.base, shown(wrangler)));
            return Ok(());
        }
        interrupt.sleep(ASK_EVERY)?;
    }
    let answer = health.map_or("no answer".to_owned(), |status| format!("status {status}"));
    bail!("the Worker did not come up: {answer} at {}/health\n{}", worker.base, wrangler.last_lines())
}

fn shown(process: &BackgroundProcess) -> String {
    let log = process.log.strip_prefix(project::root()).unwrap_or(&process.log);
    log.display().to_string()
}

/// The given port; or the default, or any free port if the default is taken.
fn free_port(given: Option<u16>, default: u16, option: &str) -> Result<u16> {
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    match given {
        Some(port) if is_free(port) => Ok(port),
        Some(port) => bail!("port {port} is taken; choose another with {option}"),
        None if is_free(default) => Ok(default),
        None => {
            let any = TcpListener::bind(("127.0.0.1", 0)).context("no port is free")?;
            Ok(any.local_addr()?.port())
        }
    }
}
