//! The Worker's processes: started, killed and started again over the state that is left, and what they print.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use super::Stage;

/// How long workerd may take to answer its first request.
const READY_TIMEOUT: Duration = Duration::from_secs(90);

impl Stage {
    /// Starts workerd over whatever state an earlier one left.
    #[expect(clippy::disallowed_methods, reason = "a test on a real machine has its clock")]
    pub(crate) fn start_worker(&mut self) {
        let wrangler = tool("SEEDHOOK_WRANGLER", "node_modules/wrangler/bin/wrangler.js");
        let log = File::options().create(true).append(true).open(self.log_path()).unwrap();
        let mut command = Command::new(Self::node());
        command
            .arg(wrangler)
            .args(["dev", "--ip", "127.0.0.1", "--show-interactive-dev-session=false", "--port"])
            .arg(self.port.to_string())
            .arg("--config")
            .arg(self.folder.path().join("wrangler.json"))
            .arg("--persist-to")
            .arg(self.folder.path().join("state"))
            .current_dir(self.folder.path())
            .env("CLOUDFLARE_CF_FETCH_ENABLED", "false")
            .env("WRANGLER_SEND_METRICS", "false")
            .env("WRANGLER_LOG_PATH", self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0);
        self.worker = Some(command.spawn().unwrap());
        let began = Instant::now();
        while self.client.get(format!("{}/health", self.base)).call().is_err() {
            assert!(began.elapsed() < READY_TIMEOUT, "workerd did not start:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Ends workerd and wrangler at once, wherever they are.
    pub(crate) fn kill_worker(&mut self) {
        let Some(mut worker) = self.worker.take() else { return };
        let group = format!("-{}", worker.id());
        let killed = Command::new("kill").args(["-KILL", "--", &group]).status();
        assert!(killed.is_ok_and(|status| status.success()), "kill {group}");
        worker.wait().unwrap();
    }

    /// Loses all of KV, while the Worker is down. R2 stays.
    pub(crate) fn lose_kv(&self) {
        fs::remove_dir_all(self.folder.path().join("state/v3/kv")).unwrap();
    }

    /// Makes what KV holds of a run unreadable, while the Worker is down. What its list says of it stays.
    pub(crate) fn damage_kv(&self, run_id: &str) {
        let mut damaged = 0;
        let mut folders = vec![self.folder.path().join("state/v3/kv")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.parent().is_some_and(|folder| folder.ends_with("blobs"))
                    && let record = fs::read_to_string(&path).unwrap()
                    && record.contains(run_id)
                {
                    fs::write(&path, " ".repeat(record.len())).unwrap();
                    damaged += 1;
                }
            }
        }
        assert!(damaged > 0, "KV holds nothing of {run_id}");
    }

    /// Loses all of R2, while the Worker is down. KV stays.
    pub(crate) fn lose_r2(&self) {
        fs::remove_dir_all(self.folder.path().join("state/v3/r2")).unwrap();
    }

    /// The process group of wrangler and workerd.
    pub(crate) fn group(&self) -> u32 {
        self.worker.as_ref().unwrap().id()
    }

    /// The program of a Node that is new enough for wrangler.
    pub(crate) fn node() -> PathBuf {
        tool("SEEDHOOK_NODE", "node_modules/node/bin/node")
    }

    /// Host and port of the Worker.
    pub(crate) fn base_address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What wrangler and the Worker have printed so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Waits until the log, which comes some time after an answer, says something so many times; how often it does then.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, text: &str, times: usize) -> usize {
        let said = || self.log().matches(text).count();
        for _ in 0..100 {
            if said() >= times {
                return said();
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{text}: {} times, not {times}\n{}", said(), self.log());
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("worker.log")
    }
}

/// The path of a tool that `cargo xtask test` names in a variable.
fn tool(variable: &str, default: &str) -> PathBuf {
    let given = std::env::var(variable).map(PathBuf::from);
    given.unwrap_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(default))
}

/// A port that nothing listens on, below those that a system gives to outgoing connections: one of these could take it
/// before the Worker does, or while it is down.
pub(super) fn free_port() -> u16 {
    static STAGES: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 10_000).unwrap();
    let mut ports = (0..10_000).map(|_| 20_000 + (first + STAGES.fetch_add(1, Ordering::Relaxed)) % 10_000);
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}
