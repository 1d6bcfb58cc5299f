//! The host as Tokio and the operating system are it; it must not know what it is asked for.

use std::io::{self, Write as _};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use jiff::Timestamp;

static START: LazyLock<Instant> = LazyLock::new(now);

/// Where lines about requests go: stdout.
#[derive(Debug, Default)]
pub(crate) struct Lines(());

impl Lines {
    /// Prints a line. A closed stdout is not worth a failed request.
    #[expect(clippy::unused_self, reason = "the lines of Node are kept")]
    pub(crate) fn write(&self, line: &str) {
        let _ = writeln!(io::stdout(), "{line}");
    }
}

/// The system's clock, in milliseconds since 1970.
pub(crate) fn unix_ms() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default()
}

/// The time since some moment of this process, which no change of the system's clock moves.
pub(crate) fn monotonic() -> Duration {
    let start = *START;
    now().duration_since(start)
}

#[expect(clippy::disallowed_methods, reason = "this module runs natively, where it cannot panic")]
fn now() -> Instant {
    Instant::now()
}

/// Waits.
pub(crate) async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Runs what takes long on a thread of its own. `None` if it panicked.
pub(crate) async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}
