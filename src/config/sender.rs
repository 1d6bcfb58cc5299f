//! The known senders: how each one is verified, where it states the id of an event, which handshakes it makes.
//!
//! They are data, in `senders.json`, written in the words of the configuration. To add a sender, add it there.

use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::{Map, Value};

/// An entry of `senders.json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sender {
    /// The name in `verify.scheme`.
    pub name: String,
    /// The page of its documentation that the entry follows.
    pub docs: String,
    /// Its proofs, in the words of `verify`. A secret belongs to the first one that takes its prefix.
    pub verify: Vec<Map<String, Value>>,
    /// Fields that `verify` must have beside `secret`.
    #[serde(default)]
    pub asks: Vec<String>,
    /// Fields of the proofs that `verify` may change, beside `tolerance` and `url` where these apply.
    #[serde(default)]
    pub adjusts: Vec<String>,
    /// Templates for the id of an event; the first one with a value decides. Empty: the sender states none.
    #[serde(default)]
    pub delivery_id: Vec<String>,
    /// Templates for the id of an item of a batch; the first one with a value decides. Empty: a batch is claimed as a whole.
    #[serde(default)]
    pub item_id: Vec<String>,
    /// Its handshakes, in the words of `handshake`.
    #[serde(default)]
    pub handshakes: Vec<Map<String, Value>>,
    /// The answer that it expects to an accepted delivery, in the words of `answer`: a table, or a list of tables.
    #[serde(default)]
    pub answer: Option<Value>,
    /// The real media type of its bodies, where it states a wrong one.
    #[serde(default)]
    pub content_type: Option<String>,
    /// A note for users of this sender.
    #[serde(default)]
    pub note: Option<String>,
    /// The steps that connect it to a hook. `{url}` stands for the hook's whole address, `{secret}` for the names of its secrets;
    /// [`setup_steps`](super::setup::setup_steps) fills them.
    pub setup: Vec<String>,
}

impl Sender {
    /// Whether its deliveries are verified with a secret.
    #[must_use]
    pub fn needs_secret(&self) -> bool {
        self.verify.iter().any(|proof| scheme(proof) != "aws-sns")
    }

    /// Whether a hook may set `field`, because it applies to this sender.
    #[must_use]
    pub fn takes(&self, field: &str) -> bool {
        self.verify.iter().any(|proof| match field {
            "tolerance" => proof.contains_key("timestamp") || matches!(scheme(proof), "jwt" | "aws-sns"),
            "url" => {
                let signed = proof.get("signed").and_then(Value::as_str).unwrap_or_default();
                signed.contains("{url") || proof.contains_key("url_claim")
            }
            _ => self.adjusts.iter().any(|adjustable| adjustable == field),
        })
    }
}

fn scheme(proof: &Map<String, Value>) -> &str {
    proof.get("scheme").and_then(Value::as_str).unwrap_or_default()
}

/// The entries, in a layout that [`entry`] relies on: the name is the first field, in a line of its own.
const SENDERS: &str = include_str!("senders.json");

/// The sender of a name. Only its own entry is parsed: all of them take longer than the rest of a new isolate's hook.
///
/// # Errors
/// When the entry is invalid. A test prevents that.
pub(super) fn read_sender(name: &str) -> serde_json::Result<Option<Sender>> {
    let Some(entry) = entry(name) else { return Ok(None) };
    let sender: Option<Sender> = serde_json::Deserializer::from_str(entry).into_iter().next().transpose()?;
    Ok(sender.filter(|sender| sender.name == name))
}

/// The text of the file from the sender's entry on.
fn entry(name: &str) -> Option<&'static str> {
    let opening = format!("  {{\n    \"name\": \"{name}\",\n");
    SENDERS.get(memchr::memmem::find(SENDERS.as_bytes(), opening.as_bytes())?..)
}

/// The sender of a name, from all of them.
#[must_use]
pub fn sender(name: &str) -> Option<&'static Sender> {
    senders().iter().find(|sender| sender.name == name)
}

/// Every sender, in the order of the file; parsed once. Empty if the file is invalid, which a test prevents.
#[must_use]
pub fn senders() -> &'static [Sender] {
    static PARSED: OnceLock<Vec<Sender>> = OnceLock::new();
    PARSED.get_or_init(|| serde_json::from_str(SENDERS).unwrap_or_default())
}

/// The names of all senders.
pub fn sender_names() -> impl Iterator<Item = &'static str> {
    senders().iter().map(|sender| sender.name.as_str())
}

#[cfg(test)]
mod id_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::test_hook;
    use serde_json::json;
    use std::collections::BTreeSet;

    #[test]
    fn the_file_is_valid_and_has_each_sender_once() {
        let read: Vec<Sender> = serde_json::from_str(SENDERS).unwrap();
        let names: BTreeSet<&str> = read.iter().map(|sender| sender.name.as_str()).collect();
        assert_eq!(names.len(), read.len());
        for sender in senders() {
            assert!(sender.docs.starts_with("https://"), "{}", sender.name);
            let own = sender.note.iter().all(|note| note.ends_with('.') || note.ends_with('`'));
            assert!(own, "{}: a note is a sentence", sender.name);
        }
    }

    #[test]
    fn an_entry_is_read_without_the_others() {
        for sender in senders() {
            let alone = read_sender(&sender.name).unwrap().unwrap_or_else(|| {
                panic!("{}: the name must be the first field, in a line of its own", sender.name)
            });
            assert_eq!(alone, *sender);
        }
        let injected = "github\",\n    \"docs\": \"https://docs.github.com";
        for unknown in ["", "git", "githubs", "hmac", "\n", injected] {
            assert_eq!(read_sender(unknown).unwrap(), None, "{unknown}");
        }
    }

    #[test]
    fn every_sender_makes_a_hook_without_mistakes() {
        for sender in senders() {
            let hook = test_hook::hook(&json!({"verify": test_hook::verify_of(sender)}));
            assert_eq!(
                hook.sender_id_templates.len(),
                sender.delivery_id.len(),
                "{}: an id cannot be read",
                sender.name
            );
            let batch = test_hook::hook(&json!({"verify": test_hook::verify_of(sender), "each": "body"}));
            let names = |content_type| batch.has_item_ids(Some(content_type));
            assert_eq!(names("application/json"), !sender.item_id.is_empty(), "{}", sender.name);
            assert!(
                names("application/cloudevents-batch+json"),
                "{}: an item's id cannot be read",
                sender.name
            );
            assert_eq!(hook.handshakes.len(), sender.handshakes.len(), "{}", sender.name);
            let answers = sender.answer.as_ref().map_or(0, |answer| answer.as_array().map_or(1, Vec::len));
            assert_eq!(hook.answers.len(), answers, "{}", sender.name);
        }
    }

    #[test]
    fn a_hook_may_set_only_fields_that_apply_to_its_sender() {
        let takes = |name: &str, field: &str| read_sender(name).unwrap().unwrap().takes(field);
        assert!(
            takes("stripe", "tolerance")
                && takes("messagebird", "tolerance")
                && takes("aws-sns", "tolerance")
        );
        assert!(!takes("github", "tolerance"));
        assert!(takes("twilio", "url") && takes("messagebird", "url") && !takes("stripe", "url"));
        assert!(takes("okta", "header") && !takes("gitlab", "header"));
    }
}
