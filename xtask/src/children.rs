//! Programs that stay up beside us, and end with us: on Ctrl-C, on an error, on success.
//!
//! A child is the first of a process group of its own, so that its children (workerd under wrangler) end with it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::clock::Stopwatch;
use crate::command::last_lines;

/// How often we look whether to go on.
const TICK: Duration = Duration::from_millis(50);

/// Ctrl-C was pressed, or we were told to end.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(crate) struct Interrupted;

/// Whether Ctrl-C was pressed.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on Ctrl-C, SIGTERM and SIGHUP are noted instead of ending us at once.
    pub(crate) fn listen() -> Result<Self> {
        let seen = Arc::new(AtomicBool::new(false));
        let handler = Arc::clone(&seen);
        ctrlc::set_handler(move || handler.store(true, Ordering::SeqCst))
            .context("Ctrl-C cannot be caught")?;
        Ok(Self(seen))
    }

    /// Whether it was pressed.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Waits, and ends at once with [`Interrupted`] on Ctrl-C.
    pub(crate) fn sleep(&self, time: Duration) -> Result<()> {
        let watch = Stopwatch::start();
        while !self.is_set() {
            if watch.elapsed() >= time {
                return Ok(());
            }
            thread::sleep(TICK.min(time));
        }
        Err(Interrupted.into())
    }
}

/// A program that runs beside us. Dropping it ends it and everything it started.
#[derive(Debug)]
pub(crate) struct Companion {
    name: &'static str,
    process: Child,
    /// Everything that it prints.
    pub(crate) log: PathBuf,
}

impl Companion {
    /// Starts it; what it prints goes to `log`, and each line to `tell` too.
    pub(crate) fn start(
        name: &'static str,
        command: &mut Command,
        log: PathBuf,
        tell: impl Fn(&str) + Clone + Send + 'static,
    ) -> Result<Self> {
        if let Some(folder) = log.parent() {
            fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        let file = File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let mut process = command.spawn().with_context(|| format!("{name} cannot be started"))?;
        if let Some(output) = process.stdout.take() {
            copy_lines(output, file.try_clone()?, tell.clone());
        }
        if let Some(errors) = process.stderr.take() {
            copy_lines(errors, file, tell);
        }
        Ok(Self { name, process, log })
    }

    /// An error when it has ended, with the last that it printed.
    pub(crate) fn must_be_up(&mut self) -> Result<()> {
        if let Some(status) = self.process.try_wait()? {
            // Its last lines are still on their way through our own threads.
            thread::sleep(TICK);
            bail!("{} ended ({status})\n{}", self.name, self.last_lines());
        }
        Ok(())
    }

    /// The last lines that it printed, and where to read all.
    pub(crate) fn last_lines(&self) -> String {
        format!("{}\n(all of it: {})", last_lines(&self.printed(), 25), self.log.display())
    }

    /// All that it printed.
    pub(crate) fn printed(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        end_group(&mut self.process);
        let _ = self.process.wait();
    }
}

/// Asks the whole group to end, and kills what has not ended in time.
#[cfg(unix)]
fn end_group(process: &mut Child) {
    use nix::sys::signal::{Signal, killpg};

    /// How long it has to end by itself.
    const GRACE: Duration = Duration::from_secs(3);
    let Ok(id) = i32::try_from(process.id()) else { return };
    let group = nix::unistd::Pid::from_raw(id);
    let watch = Stopwatch::start();
    let _ = killpg(group, Signal::SIGTERM);
    while watch.elapsed() < GRACE {
        // The first of the group has to be waited for, or it stays in it as a zombie.
        let _ = process.try_wait();
        if killpg(group, None).is_err() {
            return;
        }
        thread::sleep(TICK);
    }
    let _ = killpg(group, Signal::SIGKILL);
}

/// Windows has no groups of that kind: the tree is ended as it hangs together.
#[cfg(not(unix))]
fn end_group(process: &mut Child) {
    let id = process.id().to_string();
    let _ = Command::new("taskkill").args(["/T", "/F", "/PID", &id]).stdout(Stdio::null()).status();
    let _ = process.kill();
}

fn copy_lines(from: impl Read + Send + 'static, mut log: File, tell: impl Fn(&str) + Send + 'static) {
    thread::spawn(move || {
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let _ = log.write_all(&line);
            tell(String::from_utf8_lossy(&line).trim_end());
            line.clear();
        }
    });
}
