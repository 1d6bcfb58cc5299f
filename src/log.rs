//! Every line that the Worker logs: its level and its message, in one table.
//!
//! `docs/operations.md` lists the fields of each line, what it means and what to do; a test compares both. A field never
//! holds a secret, a body, a parameter's value or the query of an address.

use serde_json::Value;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Something happened as it should.
    Info,
    /// Something failed, and a later attempt may succeed.
    Warn,
    /// The operator must act.
    Error,
}

impl Level {
    /// Its name in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// A kind of log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Its level.
    pub level: Level,
    /// What happened; it is readable without the fields.
    pub message: &'static str,
}

impl Line {
    /// The text of a line: one JSON object, so that `wrangler tail` and Workers Logs can filter by field. `fields` is an
    /// object; it has neither `level` nor `message`.
    #[must_use]
    pub fn to_json(self, fields: &Value) -> String {
        let (level, message) = (self.level.as_str(), Value::from(self.message));
        let fields = fields.to_string();
        let fields = fields.strip_prefix('{').unwrap_or("}");
        let comma = if fields == "}" { "" } else { "," };
        format!(r#"{{"level":"{level}","message":{message}{comma}{fields}"#)
    }
}

macro_rules! lines {
    ($($level:ident $name:ident = $message:literal;)*) => {
        $(
            #[doc = concat!("`", $message, "`")]
            pub const $name: Line = Line { level: Level::$level, message: $message };
        )*

        /// Every line.
        pub const ALL: &[Line] = &[$($name),*];
    };
}

lines! {
    Info DELIVERY_ACCEPTED = "delivery accepted";
    Info DELIVERY_IGNORED = "delivery ignored";
    Info DELIVERY_DUPLICATE = "delivery is a duplicate";
    Info DELIVERY_RETRIED = "delivery is a duplicate: its failed runs are retried";
    Info DELIVERY_TOO_MANY = "delivery rejected: more than 500 items or runs";
    Warn DELIVERY_NOT_VERIFIED = "delivery rejected: not verified";
    Error DELIVERY_NOT_STORED = "delivery not stored, the sender is asked to try again";
    Error IGNORED_NOT_KEPT = "ignored delivery not kept, the sender is asked to try again";
    Warn RECENT_NOT_STORED = "list of refused and ignored deliveries not stored";
    Error HOOK_CLOSED = "hook closed: its secret cannot be used";
    Warn BODY_NO_ROOM = "request body rejected: the bodies in flight fill this isolate's share";
    Error API_KEY_NOT_SET = "FABRICATE_API_KEY is not set";
    Error LIMITER_MISSING = "rate-limiting binding is missing: add [[ratelimits]] to wrangler.toml";
    Warn LIMITER_FAILED = "rate limit not counted";
    Info HANDSHAKE_ANSWERED = "handshake answered";
    Warn SUBSCRIPTION_NOT_CONFIRMED = "subscription not confirmed, the sender is asked to try again";
    Error TOKEN_NOT_STORED = "handshake's token not stored, the sender is asked to try again";
    Warn TOKEN_IGNORED = "handshake token ignored: the first token is kept for one hour";
    Warn CERTIFICATE_NOT_FETCHED = "certificate of SNS not fetched";
    Warn ACCESS_KEYS_NOT_FETCHED = "keys of Cloudflare Access not fetched";
    Info WORKFLOW_STARTED = "workflow started";
    Warn WORKFLOW_NOT_STARTED = "workflow not started, will be tried again";
    Warn START_NOT_ANSWERED = "start not answered, will be sent again";
    Error START_UNCONFIRMED = "start is unconfirmed: see at Fabricate whether the workflow runs";
    Info RUN_ENDED = "run ended";
    Error RUN_FAILED = "run failed";
    Info NOTIFICATION_DELIVERED = "notification delivered";
    Warn NOTIFICATION_NOT_DELIVERED = "notification not delivered, will be tried again";
    Error NOTIFICATION_GIVEN_UP = "notification given up: the run shows why its target was not told";
    Warn TARGETS_NOT_RECORDED = "targets that fail not recorded, the next attempt tries again";
    Warn HOOK_SILENT = "hook is silent";
    Info HOOK_HEARD = "silent hook is heard again";
    Error UNHEALTHY = "seedhook is unhealthy: its targets are told";
    Info HEALTHY = "seedhook is healthy again";
    Info ALERT_DELIVERED = "alert delivered";
    Warn ALERT_NOT_DELIVERED = "alert not delivered, will be tried again";
    Error ALERT_GIVEN_UP = "alert given up: its target was not told";
    Warn ALERTS_NOT_WATCHED = "alerts not watched, a later sweep tries again";
    Error TOO_MANY_WATCHED = "more hooks with silence than are watched";
    Warn HEARD_NOT_RECORDED = "delivery not recorded for the silence of its hook, the next one is";
    Info RUN_RETRIED = "run retried";
    Info TASK_ADOPTED = "operator gave the run its task";
    Warn RUN_NOT_RETRIED = "run not retried";
    Warn RUN_NOT_ABANDONED = "run not abandoned";
    Warn RETRY_NOT_SHOWN = "retry accepted, but not shown in KV yet";
    Warn REDELIVERY_NOT_RETRIED = "redelivered run not retried";
    Warn DECISION_NOT_SHOWN = "decision not shown in KV, the next sweep shows it";
    Warn RUN_NOT_STARTED = "run not started, the next sweep tries again";
    Info RUN_WAITED = "run starts after it waited for others";
    Info SCHEDULE_CLAIMED = "scheduled time accepted";
    Info SCHEDULE_IGNORED = "scheduled time ignored: no rule is for it";
    Warn SCHEDULE_NOT_CLAIMED = "scheduled time not stored, the next sweep tries again";
    Warn SCHEDULES_NOT_READ = "schedules not read or written, the next sweep tries again";
    Info SWEEP_FINISHED = "sweep finished";
    Info BATCH_FINISHED = "queue batch finished";
    Warn RUN_NOT_ADVANCED = "run not advanced, the next sweep tries again";
    Error OPEN_RUN_UNREADABLE = "open run left alone: its record cannot be read";
    Error LISTED_RUN_UNREADABLE = "run left out of a list: its record cannot be read";
    Warn OPEN_RUNS_NOT_LISTED = "sweep cannot list open runs";
    Warn HEARTBEAT_NOT_WRITTEN = "heartbeat of sweeps not written, the next sweep tries again";
    Error TOO_MANY_OPEN_RUNS = "more open runs than one sweep can list";
    Warn FABRICATE_FAILING = "Fabricate is failing: nothing is asked until a probe succeeds, and every run is kept";
    Error API_KEY_REJECTED = "Fabricate rejects the API key (401): every run is kept, and none is polled until the key is replaced";
    Error WORKSPACES_REJECTED = "Fabricate rejects the API key for some workspaces (403): their runs are kept until the key covers them";
    Warn QUEUE_FAILED = "queue takes no runs, this sweep advances them itself";
    Warn RUN_NOT_HANDED_ON = "followed run not handed to the queue, the next sweep goes on";
    Error BATCH_UNREADABLE = "queue message cannot be read";
    Warn RUNS_HEALED = "hourly pass healed runs";
    Warn CLAIM_NOT_HEALED = "hourly pass cannot heal a claim";
    Warn INBOX_NOT_LISTED = "hourly pass cannot list the inbox";
    Warn HOURLY_PASS_FULL = "hourly pass is full: a claim that it does not reach is healed only by its redelivery";
    Error INBOX_TOO_LARGE = "inbox too large for the hourly pass: shorten its retention";
    Warn UPLOADS_NOT_DISCARDED = "stale uploads not discarded, the next hourly pass tries again";
    Error FILE_NOT_READ = "file not read from R2";
    Error STORE_FAILED = "store failed";
    Error CONFIGURATION_MISTAKE = "configuration mistake";
    Error OPERATOR_TOKEN_TOO_SHORT = "every call under /api/ with a token is answered 503: the operator token is too short";
    Warn READ_TOKEN_TOO_SHORT = "the read token opens nothing: it is too short";
    Error EXAMPLE_SECRET = "secret refused: it still has the value of .dev.vars.example, which everybody can read";
    Error BINDING_MISSING = "binding is missing: add it to wrangler.toml";
    Error RESPONSE_NOT_MADE = "response not made";
    Error INSTANCE_REPLACED = "wasm instance replaced after a trap";
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_is_one_object() {
        let line = Line { level: Level::Warn, message: "a \"word\"" };
        let text = |fields| line.to_json(&fields);
        assert_eq!(
            text(json!({"hook": "h", "runs": []})),
            r#"{"level":"warn","message":"a \"word\"","hook":"h","runs":[]}"#
        );
        for none in [json!({}), json!(null)] {
            assert_eq!(text(none), r#"{"level":"warn","message":"a \"word\""}"#);
        }
    }

    #[test]
    fn the_entry_logs_as_the_table_says() {
        let Line { level, message } = INSTANCE_REPLACED;
        let expected = format!(r#"{{ level: "{}", message: "{message}" }}"#, level.as_str());
        assert!(include_str!("cloudflare/entry.js").contains(&expected), "{expected}");
    }
}
