//! Time, chance and the log, as a Worker has them.

use std::time::Duration;

use serde_json::{Value, json};
use worker::{Date, Delay};

use super::Cloudflare;
use crate::log::{Level, Line};
use crate::ports::{Clock, Log};
use crate::redact::redact_queries;
use crate::timestamp::Timestamp;

/// The runtime's clock; it stands still between two I/O operations.
pub(super) struct WorkerClock;

impl Clock for WorkerClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(Date::now().as_millis()).unwrap_or(i64::MAX))
    }

    async fn sleep_ms(&self, millis: u32) {
        Delay::from(Duration::from_millis(millis.into())).await;
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
    fn log(&self, line: Line, fields: Value) {
        let mut text = json!({"level": line.level.as_str(), "message": line.message});
        if let (Value::Object(text), Value::Object(fields)) = (&mut text, fields) {
            text.extend(fields);
        }
        redact_queries(&mut text);
        match line.level {
            Level::Info => worker::console_log!("{text}"),
            Level::Warn => worker::console_warn!("{text}"),
            Level::Error => worker::console_error!("{text}"),
        }
    }
}

impl Clock for Cloudflare {
    fn now(&self) -> Timestamp {
        WorkerClock.now()
    }

    async fn sleep_ms(&self, millis: u32) {
        WorkerClock.sleep_ms(millis).await;
    }

    fn random(&self) -> [u8; 16] {
        WorkerClock.random()
    }
}

impl Log for Cloudflare {
    fn log(&self, line: Line, fields: Value) {
        WorkerLog.log(line, fields);
    }
}
