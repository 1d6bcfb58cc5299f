//! A hook: a configured endpoint `/hooks/{hook}` that says who may call it, which events count, and what to run.
//!
//! Everything here is pure: a hook is made from configuration and decides about deliveries. It stores and sends nothing.

pub mod admission;
pub mod archive_key;
pub mod concurrency;
pub mod delivery;
pub mod event;
pub mod event_ids;
pub mod mapping;
pub mod schedule;
pub mod subscription;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::expression::{Condition, Expressions, Template};
use crate::fabricate::Target;
use crate::request::RawRequest;
use crate::request::source::Source;
use crate::timestamp::{HOUR_MS, MINUTE_MS};
use crate::verify::Verification;
use crate::verify::answer::{AnswerTemplate, HandshakeSecrets, SenderReply};
use crate::verify::handshake::Handshake;
use archive_key::KeyTemplate;
use concurrency::ConcurrencyKey;
use event_ids::ItemIds;
use mapping::Params;
use schedule::Schedule;
use subscription::Subscription;

/// Default of `max_body_bytes`: much for an event, little for an isolate.
pub const BODY_BYTES_DEFAULT: u64 = 1024 * 1024;

/// The largest `max_body_bytes`: an isolate has 128 MB for all its requests together, and a parsed body takes many times its
/// size.
pub const BODY_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Default of `deadline`: 24 hours.
pub const DEADLINE_DEFAULT_MS: i64 = 24 * HOUR_MS;

/// The shortest deadline: less time than this can pass before the first sweep.
pub const DEADLINE_MIN_MS: i64 = MINUTE_MS;

/// The longest deadline: it must end long before the delivery and the journal expire.
pub const DEADLINE_MAX_MS: i64 = 7 * 24 * HOUR_MS;

/// Default of `start_attempts_max`: with the backoff, about a day of attempts.
pub const START_ATTEMPTS_DEFAULT: u32 = 8;

/// The largest `start_attempts_max`; it bounds the journal too.
pub const START_ATTEMPTS_MAX: u32 = 20;

/// The name of a hook: `[a-z0-9][a-z0-9-]{0,62}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HookName(String);

/// Why a text cannot be a [`HookName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a hook's name must be 1 to 63 of a-z, 0-9 and -, and must not begin with -")]
pub struct InvalidHookName;

impl HookName {
    /// The name as in the configuration and the URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for HookName {
    type Error = InvalidHookName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let allowed = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if allowed && (1..=63).contains(&text.len()) && !text.starts_with('-') {
            Ok(Self(text))
        } else {
            Err(InvalidHookName)
        }
    }
}

impl From<HookName> for String {
    fn from(name: HookName) -> Self {
        name.0
    }
}

impl std::fmt::Display for HookName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What to do with a start request that was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum OnUnconfirmed {
    /// Park the run as `unconfirmed` and show it to the operator.
    #[default]
    Park,
    /// Start again; use it for workflows that may run twice.
    Restart,
}

/// What to do when a sender redelivers an event whose run failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnRedelivery {
    /// Answer with the existing run.
    #[default]
    Ignore,
    /// Retry the run.
    RetryFailed,
}

/// What a new run does while another run of its key is started, or waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum WhenBusy {
    /// It waits. Runs of a key start in the order in which they were accepted.
    #[default]
    Wait,
    /// It waits, and ends every older run of the key that still waits.
    Replace,
    /// It ends at once.
    Skip,
}

/// How many runs may be in progress at Fabricate at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MaxRunning {
    /// Of the hook; `None`: no limit.
    pub hook: Option<u32>,
    /// Of the whole Worker; `None`: no limit.
    pub worker: Option<u32>,
}

/// The settings that a run copies from its hook, so that a later configuration does not change the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSettings {
    /// What to do when a start request was not answered.
    pub on_unconfirmed: OnUnconfirmed,
    /// How long the task may take after its start, milliseconds.
    pub deadline_ms: i64,
    /// The most attempts to start.
    pub start_attempts_max: u32,
    /// Where its files are stored in the files bucket.
    pub archive: KeyTemplate,
    /// What to do when a failed event is redelivered.
    pub on_redelivery: OnRedelivery,
    /// Who is notified of the run, and of what.
    pub notify: Vec<Subscription>,
    /// What a run with a key does while another run of the key is started, or waits.
    pub when_busy: WhenBusy,
    /// How long a run with a key waits for a newer one that replaces it, milliseconds; `None`: not at all.
    pub debounce_ms: Option<i64>,
    /// How many runs may be in progress at the same time.
    pub max_running: MaxRunning,
}

/// A rule of a hook: for which events to run which workflow with which parameters.
#[derive(Debug)]
pub struct Rule {
    /// For which events the rule holds; `None`: for every event.
    pub when: Option<Condition>,
    /// The workflow.
    pub target: Arc<Target>,
    /// The parameters.
    pub params: Params,
    /// The key of its runs, configured as `concurrency`: runs with the same key run one at a time. `None`: its runs have no key.
    pub concurrency: Option<ConcurrencyKey>,
    /// The settings of its runs.
    pub settings: Arc<RunSettings>,
}

/// A limit on the calls of a hook. The binding defines the rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// The name of a rate-limiting binding.
    pub binding: String,
    /// Which calls are counted together.
    pub by: RateKey,
}

/// Which calls a rate limit counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateKey {
    /// All calls of the hook.
    Hook,
    /// The calls from one network address.
    Sender,
}

/// What the sender of a delivery may see of its runs, by a signed link in the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Share {
    /// Nothing.
    #[default]
    #[serde(rename = "none")]
    Nothing,
    /// The status.
    Status,
    /// The status, and the archived files.
    Files,
}

/// A configured endpoint, without mistakes.
#[derive(Debug)]
pub struct Hook {
    /// The name.
    pub name: HookName,
    /// The known sender that its `verify` names; `None`: it describes its sender itself.
    pub sender: Option<String>,
    /// Who may call it.
    pub verify: Verification,
    /// When it runs by itself; `None`: never.
    pub schedule: Option<Schedule>,
    /// The handshakes that it answers.
    pub handshakes: Vec<Handshake>,
    /// The answers to accepted deliveries; the first one that fits the delivery is used. Otherwise seedhook lists the runs.
    pub answers: Vec<AnswerTemplate>,
    /// The id of an event, configured as `delivery_id`; `None`: the sender's templates decide.
    pub delivery_id_template: Option<Template>,
    /// Where the sender states the id of an event; the first template with a value decides.
    pub sender_id_templates: Vec<Template>,
    /// The list in the body whose items are separate events, configured as `each`; `None`: the body is one event.
    pub batch: Option<Source>,
    /// The ids of the items of a batch.
    pub item_ids: ItemIds,
    /// The real media type of bodies, where the sender states a wrong one.
    pub content_type: Option<String>,
    /// The limit on its calls; `None`: no limit.
    pub rate_limit: Option<RateLimit>,
    /// At least one rule. Each one that holds starts a run.
    pub rules: Vec<Rule>,
    /// Whether it answers 503, so that senders redeliver later.
    pub paused: bool,
    /// The largest body that it accepts, bytes.
    pub body_bytes_max: u64,
    /// What senders may see of their runs.
    pub share: Share,
    /// Whether deliveries that no rule counts are kept for some days, so that they can be run later.
    pub keeps_ignored: bool,
    /// After how long without a verified delivery its targets are told that it is silent, milliseconds; `None`: never.
    pub silence_ms: Option<i64>,
    /// The compiled expressions of all its rules.
    pub expressions: Expressions,
}

impl Hook {
    /// The configured answer to an accepted delivery; `None`: seedhook lists the runs.
    #[must_use]
    pub fn answer_to(&self, delivery: &RawRequest) -> Option<SenderReply> {
        let answer = self.answers.iter().find(|answer| answer.is_for(delivery))?;
        answer.fill(delivery, &HandshakeSecrets::default()).ok()
    }

    /// Whether anybody may call it: otherwise it has no address, and only its schedule starts runs.
    #[must_use]
    pub fn has_address(&self) -> bool {
        !self.verify.is_for_nobody()
    }

    /// Whether the sender offers its secret in a handshake.
    #[must_use]
    pub fn accepts_offered_secret(&self) -> bool {
        self.handshakes.iter().any(Handshake::offers_secret)
    }

    /// The methods that it answers, as the header `Allow` lists them.
    #[must_use]
    pub fn methods(&self) -> &'static str {
        let answers = |method: &str| self.handshakes.iter().any(|handshake| handshake.method == method);
        match (answers("GET"), answers("OPTIONS")) {
            (false, false) => "POST",
            (true, false) => "GET, POST",
            (false, true) => "POST, OPTIONS",
            (true, true) => "GET, POST, OPTIONS",
        }
    }
}

#[cfg(test)]
mod answer_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_and_bounded() {
        for good in ["a", "crm-deal-won", "0", &"a".repeat(63)] {
            assert!(HookName::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", "-a", "A", "a_b", "a.b", "a/b", "é", &"a".repeat(64)] {
            assert!(HookName::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
