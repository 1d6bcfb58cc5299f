//! Ctrl-C: noticed between two steps instead of ending the command at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use seedhook_cli::host::Interrupted;

use crate::clock::Stopwatch;

/// How often a sleep checks for Ctrl-C.
const TICK: Duration = Duration::from_millis(50);

/// Whether Ctrl-C was pressed.
#[derive(Debug)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on Ctrl-C, SIGTERM and SIGHUP are recorded and no longer end the process.
    pub(crate) fn listen() -> Result<Self> {
        let seen = Arc::new(AtomicBool::new(false));
        let handler = Arc::clone(&seen);
        ctrlc::set_handler(move || handler.store(true, Ordering::SeqCst))
            .context("the handler for Ctrl-C cannot be set")?;
        Ok(Self(seen))
    }

    /// Sleeps; returns [`Interrupted`] as soon as Ctrl-C is pressed.
    pub(crate) fn sleep(&self, time: Duration) -> Result<()> {
        let watch = Stopwatch::start();
        while !self.0.load(Ordering::SeqCst) {
            if watch.elapsed() >= time {
                return Ok(());
            }
            thread::sleep(TICK.min(time));
        }
        Err(Interrupted.into())
    }
}
