//! The two servers of `dev`: the fake Fabricate, and the Worker under wrangler.
//!
//! It starts them and says when they are up; dropping them ends both, and everything that they started.

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, bail};

use super::options::Options;
use super::settings::Settings;
use super::story::Story;
use super::worker::Worker;
use crate::children::{Companion, Interrupt};
use crate::clock::Stopwatch;
use crate::command::last_lines;
use crate::setup::{Tools, npm};
use crate::{command, project};

/// wrangler's own default.
const WORKER_PORT: u16 = 8787;

/// The next one.
const FABRICATE_PORT: u16 = 8788;

/// What the fake Fabricate lets in. Not the key of `.dev.vars`: that may be a real one by now.
const LOCAL_KEY: &str = "local-fabricate-key";

/// How long a sample task takes: long enough to be seen in progress.
const TASK_SECONDS: &str = "3";

/// How long the sample's run may take with the fake Fabricate.
const LOCAL_RUN_WITHIN: Duration = Duration::from_secs(90);

/// How long it may take with a real one, where a workflow takes what it takes.
const REAL_RUN_WITHIN: Duration = Duration::from_hours(1);

/// How long a server may take to come up: the first start of workerd on a slow disk, and then some.
const UP_WITHIN: Duration = Duration::from_secs(90);

/// How often we ask whether it is up.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// What runs beside us.
#[derive(Debug)]
pub(super) struct Servers {
    /// The Worker's address.
    pub(super) worker: Worker,
    /// How long the sample's run may take.
    pub(super) patience: Duration,
    wrangler: Companion,
    fabricate: Option<Companion>,
}

/// Compiles the fake Fabricate, so that starting it takes no time.
pub(super) fn compile_fabricate() -> Result<()> {
    println!("compiling the fake Fabricate (a minute the first time)");
    command::run(&mut command::cargo(&["build", "--quiet", "--package", "fake-fabricate"]))
}

impl Servers {
    /// Starts both and waits until they answer.
    pub(super) fn start(
        options: &Options,
        settings: &Settings,
        tools: &Tools,
        story: &Story,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let port = free_port(options.port, WORKER_PORT, "--port")?;
        let fabricate_port = free_port(options.fabricate_port, FABRICATE_PORT, "--fabricate-port")?;
        let mut fabricate = None;
        let mut fabricate_url = None;
        if !options.live {
            let mut companion = start_fabricate(fabricate_port, story)?;
            fabricate_url = Some(wait_for_fabricate(&mut companion, story, interrupt)?);
            fabricate = Some(companion);
        }
        let mut wrangler = start_wrangler(port, fabricate_url.as_deref(), tools, story)?;
        let worker = Worker::new(port, &settings.operator_token);
        wait_for_worker(&worker, &mut wrangler, story, interrupt)?;
        let patience = if options.live { REAL_RUN_WITHIN } else { LOCAL_RUN_WITHIN };
        Ok(Self { worker, patience, wrangler, fabricate })
    }

    /// An error when one of them has ended.
    pub(super) fn must_be_up(&mut self) -> Result<()> {
        self.wrangler.must_be_up()?;
        self.fabricate.as_mut().map_or(Ok(()), Companion::must_be_up)
    }

    /// An error with what the servers last said; Ctrl-C needs no explanation.
    pub(super) fn explain(&self, error: Error) -> Error {
        if error.is::<crate::children::Interrupted>() {
            return error;
        }
        // Our own looking on is most of what wrangler says.
        let printed = self.wrangler.printed();
        let told = printed.lines().filter(|line| !line.starts_with("[wrangler:info] GET "));
        let last = last_lines(&told.collect::<Vec<_>>().join("\n"), 25);
        anyhow!("{error:#}\n\nwrangler's last lines (all of them: {}):\n{last}", shown(&self.wrangler))
    }
}

fn start_fabricate(port: u16, story: &Story) -> Result<Companion> {
    let mut fabricate = command::cargo(&["run", "--quiet", "--package", "fake-fabricate", "--"]);
    fabricate.args(["--port", &port.to_string(), "--key", LOCAL_KEY, "--task-seconds", TASK_SECONDS]);
    let teller = story.clone();
    Companion::start("Fabricate", &mut fabricate, project::path(".wrangler/dev/fabricate.log"), move |line| {
        teller.aside("Fabricate", line);
    })
}

/// Waits for its first line, which says where it listens.
fn wait_for_fabricate(fabricate: &mut Companion, story: &Story, interrupt: &Interrupt) -> Result<String> {
    story.wait_for("starting the fake Fabricate");
    let watch = Stopwatch::start();
    while watch.elapsed() < UP_WITHIN {
        let printed = fabricate.printed();
        let url =
            printed.lines().find_map(|line| line.split_once("listening on ").map(|(_, url)| url.trim()));
        if let Some(url) = url {
            story.done(&format!("Fabricate (a fake) at {url}, log in {}", shown(fabricate)));
            return Ok(url.to_owned());
        }
        fabricate.must_be_up()?;
        interrupt.sleep(ASK_EVERY)?;
    }
    bail!("the fake Fabricate did not come up\n{}", fabricate.last_lines())
}

fn start_wrangler(port: u16, fabricate_url: Option<&str>, tools: &Tools, story: &Story) -> Result<Companion> {
    let mut wrangler = Command::new(&tools.node.program);
    wrangler.arg(npm::wrangler()).args(["dev", "--ip", "127.0.0.1", "--port", &port.to_string()]);
    wrangler.args(["--persist-to", ".wrangler/state", "--show-interactive-dev-session=false"]);
    if let Some(url) = fabricate_url {
        // Both stand before what wrangler.toml and .dev.vars say.
        wrangler.args(["--var", &format!("FABRICATE_URL:{url}")]);
        wrangler.args(["--var", &format!("FABRICATE_API_KEY:{LOCAL_KEY}")]);
    }
    // Quiet, and without a question to anybody: no statistics, no look-up of where we are.
    wrangler.env("WRANGLER_SEND_METRICS", "false").env("CLOUDFLARE_CF_FETCH_ENABLED", "false");
    wrangler.env("PATH", tools.node.path()?).current_dir(project::root());
    let teller = story.clone();
    Companion::start("wrangler", &mut wrangler, project::path(".wrangler/dev/wrangler.log"), move |line| {
        teller.aside("wrangler", line);
    })
}

fn wait_for_worker(
    worker: &Worker,
    wrangler: &mut Companion,
    story: &Story,
    interrupt: &Interrupt,
) -> Result<()> {
    story.wait_for("starting the Worker");
    let watch = Stopwatch::start();
    let mut health = None;
    while watch.elapsed() < UP_WITHIN {
        wrangler.must_be_up()?;
        health = worker.health();
        if health == Some(200) {
            story.done(&format!("Worker at {}, log in {}", worker.base, shown(wrangler)));
            return Ok(());
        }
        interrupt.sleep(ASK_EVERY)?;
    }
    let said = health.map_or("no answer".to_owned(), |status| format!("status {status}"));
    bail!("the Worker did not come up: {said} at {}/health\n{}", worker.base, wrangler.last_lines())
}

fn shown(companion: &Companion) -> String {
    let log = companion.log.strip_prefix(project::root()).unwrap_or(&companion.log);
    log.display().to_string()
}

/// The port that was asked for, or the default, or any that is free when the default is taken.
fn free_port(asked: Option<u16>, default: u16, option: &str) -> Result<u16> {
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    match asked {
        Some(port) if is_free(port) => Ok(port),
        Some(port) => bail!("port {port} is taken; choose another with {option}"),
        None if is_free(default) => Ok(default),
        None => {
            let any = TcpListener::bind(("127.0.0.1", 0)).context("no port is free")?;
            Ok(any.local_addr()?.port())
        }
    }
}
