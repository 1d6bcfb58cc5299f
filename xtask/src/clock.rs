//! The only code of xtask that reads the clock.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};

/// Measures how long something takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    #[expect(clippy::disallowed_methods, reason = "native code; the ban is for wasm32")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// The time since 1970.
#[expect(clippy::disallowed_methods, reason = "native code; the ban is for wasm32")]
pub(crate) fn unix_time() -> Result<Duration> {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    time.context("this machine's clock shows a time before 1970")
}
