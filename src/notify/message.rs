//! A message: what happened, for programs and for people. Each format writes it in its own way.

use serde::Serialize;
use serde_json::value::RawValue;

use super::target::Format;
use super::{discord, slack, teams};
use crate::timestamp::Timestamp;

/// The longest text of a fact, characters; longer ones are cut.
const FACT_CHARS_MAX: usize = 200;

/// The longest reason, characters; longer ones are cut.
const REASON_CHARS_MAX: usize = 600;

/// How a message is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// All is well.
    Good,
    /// Somebody may want to look.
    Notice,
    /// Somebody must act.
    Bad,
}

/// What happened.
#[derive(Debug, Clone)]
pub struct Message {
    /// Names what happened, the same over all attempts and targets: receivers ignore an id that they have seen. At most 128
    /// characters of `a-z`, `0-9`, `-` and `_`.
    pub id: String,
    /// `run.completed`, `run.failed`, `run.canceled`, `run.unconfirmed`, `hook.silent`, `seedhook.unhealthy` or `seedhook.test`.
    pub event_type: &'static str,
    /// When it happened.
    pub at: Timestamp,
    /// What happened, for programs: a JSON object.
    pub data: Box<RawValue>,
    /// What happened, for people: one line.
    pub title: String,
    /// Why, for people.
    pub reason: Option<String>,
    /// What else people want to know, each with its label; at most ten.
    pub facts: Vec<(&'static str, String)>,
    /// Where people see more.
    pub link: Option<String>,
    /// How it is to be taken.
    pub severity: Severity,
    /// The W3C trace context that the request continues.
    pub traceparent: Option<String>,
}

/// A message for programs, in the order that Standard Webhooks recommends.
#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    timestamp: Timestamp,
    data: &'a RawValue,
}

impl Message {
    /// The body of a request, as JSON.
    #[must_use]
    pub fn body(&self, format: Format) -> String {
        match format {
            Format::StandardWebhooks => {
                let event = Event { kind: self.event_type, timestamp: self.at, data: &self.data };
                serde_json::to_string(&event).unwrap_or_default()
            }
            Format::Slack => slack::body(self).to_string(),
            Format::Discord => discord::body(self).to_string(),
            Format::Teams => teams::body(self).to_string(),
        }
    }

    /// Its facts, cut.
    pub(super) fn short_facts(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.facts.iter().take(10).map(|(label, text)| (*label, cut(text, FACT_CHARS_MAX)))
    }

    /// Its reason, cut.
    pub(super) fn short_reason(&self) -> Option<String> {
        self.reason.as_deref().map(|reason| cut(reason, REASON_CHARS_MAX))
    }
}

/// Cuts a text to at most `chars_max` characters, of which the last says that it was cut.
pub(super) fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    text.chars().take(chars_max.saturating_sub(1)).chain(['…']).collect()
}

/// Puts a backslash before each of the `special` characters, so that a text from outside shows as it is.
pub(super) fn escaped(text: &str, special: &[char]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if special.contains(&character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
