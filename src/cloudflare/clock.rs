//! Time, chance and the log, as a Worker has them.

use serde_json::Value;

use super::io;
use crate::log::{Level, Line};
use crate::ports::{Clock, Log};
use crate::redact::redact_queries;
use crate::timestamp::Timestamp;

/// The runtime's clock; it stands still between two I/O operations.
pub(super) struct WorkerClock;

impl Clock for WorkerClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::cast_possible_truncation, reason = "whole milliseconds since 1970")]
        Timestamp::from_millis(js_sys::Date::now() as i64)
    }

    async fn sleep_ms(&self, millis: u32) {
        io::sleep_ms(millis).await;
    }

    #[expect(
        clippy::expect_used,
        reason = "crypto.getRandomValues is in every Worker; nothing is safe without"
    )]
    fn random(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("crypto.getRandomValues");
        bytes
    }
}

/// The Worker's log: one JSON object a line, so that `wrangler tail` and Workers Logs can filter by field. Here, in one
/// place for all lines, addresses lose their queries and user information.
pub(super) struct WorkerLog;

impl Log for WorkerLog {
    fn log(&self, line: Line, mut fields: Value) {
        redact_queries(&mut fields);
        let text = line.to_json(&fields);
        match line.level {
            Level::Info => io::log_info(&text),
            Level::Warn => io::log_warn(&text),
            Level::Error => io::log_error(&text),
        }
    }
}

/// Gives a type the Worker's clock and log.
macro_rules! forward_clock_and_log {
    ($type:ty) => {
        impl $crate::ports::Clock for $type {
            fn now(&self) -> $crate::timestamp::Timestamp {
                $crate::cloudflare::clock::WorkerClock.now()
            }

            async fn sleep_ms(&self, millis: u32) {
                $crate::cloudflare::clock::WorkerClock.sleep_ms(millis).await;
            }

            fn random(&self) -> [u8; 16] {
                $crate::cloudflare::clock::WorkerClock.random()
            }
        }

        impl $crate::ports::Log for $type {
            fn log(&self, line: $crate::log::Line, fields: serde_json::Value) {
                $crate::cloudflare::clock::WorkerLog.log(line, fields);
            }
        }
    };
}

pub(super) use forward_clock_and_log;
