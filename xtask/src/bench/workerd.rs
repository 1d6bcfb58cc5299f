//! A Worker under measurement: workerd with one module of `tests/bench/`, its stores in memory, on loopback.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::client::Client;
use crate::project;

/// What is measured.
#[derive(Debug, Clone)]
pub(super) enum Subject {
    /// A built Worker: the folder of its `index.js` and `index_bg.wasm`.
    Build(PathBuf),
    /// The shortest JavaScript Worker that visibly does the same.
    Peer,
}

/// A running workerd. Dropping it ends the process.
#[derive(Debug)]
pub(super) struct Workerd {
    process: Child,
    port: u16,
    /// The folder with its configuration and modules.
    folder: PathBuf,
}

impl Drop for Workerd {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Workerd {
    /// Starts a subject with these hooks and waits until it listens. Nothing of the Worker has run then.
    pub(super) fn start(subject: &Subject, hooks: &Value, secret: &str) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder = project::path(&format!("target/bench/{port}"));
        fs::create_dir_all(&folder)?;
        write_modules(subject, &folder)?;
        fs::write(folder.join("hooks.json"), hooks.to_string())?;
        fs::write(folder.join("config.capnp"), config(subject, port, secret))?;
        let program = project::path("node_modules/workerd/bin/workerd");
        let mut command = Command::new(program);
        command.arg("serve").arg(folder.join("config.capnp")).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(fs::File::create(folder.join("errors.txt"))?);
        let process =
            command.spawn().context("workerd cannot be started; `cargo xtask build` installs it")?;
        let mut workerd = Self { process, port, folder };
        for _ in 0..500 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(workerd);
            }
            if let Some(status) = workerd.process.try_wait()? {
                bail!("workerd ended ({status}): {}", workerd.errors());
            }
            thread::sleep(Duration::from_millis(10));
        }
        bail!("workerd does not listen after 5 s: {}", workerd.errors())
    }

    /// A connection to it.
    pub(super) fn connect(&self) -> Result<Client> {
        Client::connect(self.port)
    }

    /// What it has written to standard error.
    pub(super) fn errors(&self) -> String {
        fs::read_to_string(self.folder.join("errors.txt")).unwrap_or_default()
    }

    /// The processor time of all its threads so far (schedstat in proc(5)).
    pub(super) fn cpu(&self) -> Result<Duration> {
        let threads = format!("/proc/{}/task", self.process.id());
        let threads = fs::read_dir(threads).context("processor time can be measured on Linux only")?;
        let of_thread = |folder: PathBuf| {
            let text = fs::read_to_string(folder.join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        };
        Ok(Duration::from_nanos(threads.flatten().filter_map(|thread| of_thread(thread.path())).sum()))
    }
}

/// Writes the modules that the configuration embeds.
fn write_modules(subject: &Subject, folder: &Path) -> Result<()> {
    let module = |name: &str| {
        let path = project::path("tests/bench").join(name);
        fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))
    };
    let (main, built) = match subject {
        Subject::Build(built) => ("./index.js", Some(built)),
        Subject::Peer => ("./peer.js", None),
    };
    for name in ["stores.js", "instances.js", "peer.js"] {
        fs::write(folder.join(name), module(name)?)?;
    }
    fs::write(folder.join("host.js"), module("host.js")?.replace("WORKER", main))?;
    for name in built.iter().flat_map(|_| ["index.js", "index_bg.wasm"]) {
        let from = built.map(|built| built.join(name)).unwrap_or_default();
        fs::copy(&from, folder.join(name)).with_context(|| format!("{} cannot be read", from.display()))?;
    }
    Ok(())
}

/// workerd's configuration. Source: `workerd.capnp` of workerd.
fn config(subject: &Subject, port: u16, secret: &str) -> String {
    let mut text = Vec::new();
    let modules: &[&str] = match subject {
        Subject::Build(_) => &["host.js", "stores.js", "instances.js", "index.js"],
        Subject::Peer => &["host.js", "stores.js", "instances.js", "peer.js"],
    };
    let mut modules: Vec<String> =
        modules.iter().map(|name| format!("(name = \"{name}\", esModule = embed \"{name}\")")).collect();
    if matches!(subject, Subject::Build(_)) {
        modules.push("(name = \"index_bg.wasm\", wasm = embed \"index_bg.wasm\")".to_owned());
    }
    // Writing to a vector does not fail.
    let _ = write!(
        text,
        "using Workerd = import \"/workerd/workerd.capnp\";
const config :Workerd.Config = (
  services = [(name = \"main\", worker = .worker)],
  sockets = [(name = \"http\", address = \"127.0.0.1:{port}\", http = (), service = \"main\")],
);
const worker :Workerd.Worker = (
  modules = [{}],
  compatibilityDate = \"2026-11-01\",
  bindings = [
    (name = \"HOOKS\", json = embed \"hooks.json\"),
    (name = \"FABRICATE_URL\", text = \"https://fabricate.example\"),
    (name = \"SWEEP_REQUESTS\", text = \"2000\"),
    (name = \"FABRICATE_API_KEY\", text = \"bench-api-key\"),
    (name = \"OPERATOR_TOKEN\", text = \"bench-operator-token-of-32-bytes!\"),
    (name = \"BENCH_SECRET\", text = \"{secret}\"),
  ],
);
",
        modules.join(", ")
    );
    String::from_utf8_lossy(&text).into_owned()
}
