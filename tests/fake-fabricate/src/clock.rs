//! The time of one server: monotonic, so that a corrected system clock ends no task early; it must
//! not wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use crate::host;

/// Says what time it is, in milliseconds since 1970, and can be put forward.
#[derive(Debug)]
pub(crate) struct Clock {
    started_ms: u64,
    /// As the host's monotonic time.
    started: Duration,
    skipped_ms: AtomicU64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { started_ms: host::unix_ms(), started: host::monotonic(), skipped_ms: AtomicU64::new(0) }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        let passed_ms = millis(host::monotonic().saturating_sub(self.started));
        self.started_ms + passed_ms + self.skipped_ms.load(Ordering::SeqCst)
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.skipped_ms.fetch_add(millis(by), Ordering::SeqCst);
    }
}

/// A duration in whole milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A time as the API writes it: RFC 3339 in UTC, whole seconds.
pub(crate) fn rfc3339(at_ms: u64) -> String {
    let seconds = i64::try_from(at_ms / 1_000).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_whole_seconds() {
        assert_eq!(rfc3339(1_705_314_600_999), "2024-01-15T10:30:00Z");
    }

    #[test]
    fn a_clock_put_forward_stays_forward() {
        let clock = Clock::new();
        let before_ms = clock.now_ms();
        clock.advance(Duration::from_hours(1));
        let passed_ms = clock.now_ms() - before_ms;
        assert!((3_600_000..3_660_000).contains(&passed_ms), "{passed_ms}");
    }
}
