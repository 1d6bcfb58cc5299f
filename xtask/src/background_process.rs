//! A program that runs in the background while a command runs, and ends with it.
//!
//! Each leads a process group of its own, so that its children end with it, such as workerd under wrangler.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::clock::Stopwatch;
use crate::command::last_lines;

/// How often we check whether a program has ended.
const TICK: Duration = Duration::from_millis(50);

/// A running program. Dropping it ends the program and everything that the program started.
#[derive(Debug)]
pub(crate) struct BackgroundProcess {
    name: &'static str,
    process: Child,
    /// The file with everything that it prints.
    pub(crate) log: PathBuf,
}

impl BackgroundProcess {
    /// Starts a program. What it prints is written to `log`, and each line is passed to `on_line` as well.
    pub(crate) fn start(
        name: &'static str,
        command: &mut Command,
        log: PathBuf,
        on_line: impl Fn(&str) + Clone + Send + 'static,
    ) -> Result<Self> {
        if let Some(folder) = log.parent() {
            fs::create_dir_all(folder).with_context(|| format!("{} cannot be created", folder.display()))?;
        }
        let file = File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let mut process = command.spawn().with_context(|| format!("{name} cannot be started"))?;
        if let Some(output) = process.stdout.take() {
            copy_lines(output, file.try_clone()?, on_line.clone());
        }
        if let Some(errors) = process.stderr.take() {
            copy_lines(errors, file, on_line);
        }
        Ok(Self { name, process, log })
    }

    /// Returns an error with the last lines of its log if it has ended.
    pub(crate) fn must_be_up(&mut self) -> Result<()> {
        if let Some(status) = self.process.try_wait()? {
            // Our threads may still be copying its last lines.
            thread::sleep(TICK);
            bail!("{} ended ({status})\n{}", self.name, self.last_lines());
        }
        Ok(())
    }

    /// The last lines of its log, and where the whole log is.
    pub(crate) fn last_lines(&self) -> String {
        format!("{}\n(whole log: {})", last_lines(&self.printed(), 25), self.log.display())
    }

    /// Everything that it printed so far.
    pub(crate) fn printed(&self) -> String {
        match fs::read(&self.log) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => format!("{} cannot be read: {error}", self.log.display()),
        }
    }
}

impl Drop for BackgroundProcess {
    fn drop(&mut self) {
        end_group(&mut self.process);
        let _ = self.process.wait();
    }
}

/// Asks the process group to end, and kills it when it has not ended in time.
#[cfg(unix)]
fn end_group(process: &mut Child) {
    use nix::sys::signal::{Signal, killpg};

    /// How long the processes may take to end.
    const GRACE: Duration = Duration::from_secs(3);
    // The reverse of what std does to make a u32 of the pid_t.
    let id = process.id().cast_signed();
    let group = nix::unistd::Pid::from_raw(id);
    let watch = Stopwatch::start();
    let _ = killpg(group, Signal::SIGTERM);
    while watch.elapsed() < GRACE {
        // Without a wait the leader stays in the group as a zombie.
        let _ = process.try_wait();
        if killpg(group, None).is_err() {
            return;
        }
        thread::sleep(TICK);
    }
    let _ = killpg(group, Signal::SIGKILL);
}

/// Ends the process tree: Windows has no process groups of that kind.
#[cfg(not(unix))]
fn end_group(process: &mut Child) {
    let id = process.id().to_string();
    let _ = Command::new("taskkill").args(["/T", "/F", "/PID", &id]).stdout(Stdio::null()).status();
    let _ = process.kill();
}

fn copy_lines(from: impl Read + Send + 'static, mut log: File, on_line: impl Fn(&str) + Send + 'static) {
    thread::spawn(move || {
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let _ = log.write_all(&line);
            on_line(String::from_utf8_lossy(&line).trim_end());
            line.clear();
        }
    });
}
