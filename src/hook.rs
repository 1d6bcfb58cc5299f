//! What a hook is: a configured endpoint `/hooks/{hook}`, who may call it, which events count, what to run.
//!
//! Pure: a hook is made from configuration and judges deliveries; it stores and sends nothing.

pub mod admission;
pub mod archive_key;
pub mod delivery;
pub mod ids;
pub mod mapping;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::expression::{Condition, Expressions, Template};
use crate::fabricate::Target;
use crate::request::RawRequest;
use crate::request::source::Source;
use crate::timestamp::{HOUR_MS, MINUTE_MS};
use crate::verify::Verification;
use crate::verify::handshake::{Answer, Handshake, Reply, Secrets};
use archive_key::KeyTemplate;
use ids::ItemIds;
use mapping::Params;

/// How large a body a hook takes unless it says otherwise: generous for an event, small for an isolate.
pub const BODY_BYTES_DEFAULT: u64 = 1024 * 1024;

/// The most that `max_body_bytes` may say: an isolate has 128 MB for all its requests together, and a parsed body
/// takes many times its size.
pub const BODY_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// How long a run may take unless its hook says otherwise: 24 hours.
pub const DEADLINE_DEFAULT_MS: i64 = 24 * HOUR_MS;

/// The shortest deadline: below it, a sweep would not even have looked.
pub const DEADLINE_MIN_MS: i64 = MINUTE_MS;

/// The longest deadline: it must end well before the delivery and the journal expire.
pub const DEADLINE_MAX_MS: i64 = 7 * 24 * HOUR_MS;

/// How often a start is tried unless the hook says otherwise: with its backoff, about a day.
pub const START_ATTEMPTS_DEFAULT: u32 = 8;

/// The most attempts a hook may ask for; bounds the journal too.
pub const START_ATTEMPTS_MAX: u32 = 20;

/// A hook's name: `[a-z0-9][a-z0-9-]{0,62}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HookName(String);

/// Why a text cannot be a [`HookName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a hook's name is 1 to 63 of a-z, 0-9 and -, and does not begin with -")]
pub struct InvalidHookName;

impl HookName {
    /// The name as it stands in the configuration and the URL.
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

/// What to do with a start request whose answer never came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnconfirmed {
    /// Park the run as `unconfirmed` and show it to the operator.
    #[default]
    Park,
    /// Start again: this workflow may run twice.
    Restart,
}

/// What to do when a sender delivers an event again whose run failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnRedelivery {
    /// Nothing: it is told of the run that it has.
    #[default]
    Ignore,
    /// Retry the run.
    RetryFailed,
}

/// What a run keeps of its hook, so that a later change of configuration does not change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSettings {
    /// See [`OnUnconfirmed`].
    pub on_unconfirmed: OnUnconfirmed,
    /// How long its task may take, from its start on, milliseconds.
    pub deadline_ms: i64,
    /// How often a start is tried.
    pub start_attempts_max: u32,
    /// Where its files go in the files bucket.
    pub archive: KeyTemplate,
    /// See [`OnRedelivery`].
    pub on_redelivery: OnRedelivery,
}

/// One thing a hook may run: which events, which workflow, which parameters.
#[derive(Debug)]
pub struct Rule {
    /// Which events count; `None`: every one.
    pub when: Option<Condition>,
    /// What to run.
    pub target: Arc<Target>,
    /// With which parameters.
    pub params: Params,
    /// What its runs keep.
    pub settings: Arc<RunSettings>,
}

/// How often a hook may be called: how often is for the binding to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// The name of a rate-limiting binding.
    pub binding: String,
    /// What is counted.
    pub by: RateKey,
}

/// Whose calls are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateKey {
    /// All calls of the hook.
    Hook,
    /// Those from one address.
    Sender,
}

/// A configured endpoint without mistakes.
#[derive(Debug)]
pub struct Hook {
    /// Its name.
    pub name: HookName,
    /// Who may call.
    pub verify: Verification,
    /// What a sender asks beside its deliveries.
    pub handshakes: Vec<Handshake>,
    /// What the sender wants to hear when its delivery was taken: the first that is for the delivery counts. Where none
    /// is, seedhook answers with the runs.
    pub answers: Vec<Answer>,
    /// What names an event; `None`: what the sender states.
    pub delivery_id: Option<Template>,
    /// Where the sender states an event's id; the first that is there counts.
    pub stated_ids: Vec<Template>,
    /// The list in the body of which every item is an event; `None`: the body is one.
    pub each: Option<Source>,
    /// What names an item of such a list.
    pub item_ids: ItemIds,
    /// The media type that bodies really have, where the sender states another.
    pub content_type: Option<String>,
    /// How often it may be called.
    pub rate_limit: Option<RateLimit>,
    /// Every rule whose `when` holds starts a run; at least one rule.
    pub rules: Vec<Rule>,
    /// Answer 503, so that senders keep their events.
    pub paused: bool,
    /// The largest body it takes, bytes.
    pub body_bytes_max: u64,
    /// The compiled expressions of all its rules.
    pub expressions: Expressions,
}

impl Hook {
    /// What the sender wants to hear when this delivery was taken; `None`: seedhook's own answer, the runs.
    #[must_use]
    pub fn answer_to(&self, delivery: &RawRequest) -> Option<Reply> {
        let answer = self.answers.iter().find(|answer| answer.is_for(delivery))?;
        answer.fill(delivery, &Secrets::default()).ok()
    }

    /// Whether a handshake brings the secret.
    #[must_use]
    pub fn waits_for_its_secret(&self) -> bool {
        self.handshakes.iter().any(Handshake::brings_the_secret)
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
