//! The senders that are known by name: what each proves, how it names an event, which handshakes it makes.
//!
//! They are data, in `senders.json`, in the words of the configuration itself. To add one, add it there.

use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::{Map, Value};

/// A sender as `senders.json` has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sender {
    /// Its name in `verify.scheme`.
    pub name: String,
    /// The page of its documentation that this follows.
    pub docs: String,
    /// What it proves, in the words of `verify`; of several, the first that takes the form of the secret.
    pub verify: Vec<Map<String, Value>>,
    /// What `verify` must say beside `secret`.
    #[serde(default)]
    pub asks: Vec<String>,
    /// What `verify` may say otherwise, beside `tolerance` and `url` where they mean something.
    #[serde(default)]
    pub adjusts: Vec<String>,
    /// The event's id, as templates; the first that has a value counts. None: it states none.
    #[serde(default)]
    pub delivery_id: Vec<String>,
    /// The id of an item where a body is a batch of events, as templates over `item`; the first that has a value counts.
    /// None: a batch is claimed as a whole.
    #[serde(default)]
    pub item_id: Vec<String>,
    /// Its handshakes, in the words of `handshake`.
    #[serde(default)]
    pub handshakes: Vec<Map<String, Value>>,
    /// What it wants to hear when a delivery was taken, in the words of `answer`: a table, or a list of them.
    #[serde(default)]
    pub answer: Option<Value>,
    /// The media type that its bodies really have, where it states another.
    #[serde(default)]
    pub content_type: Option<String>,
    /// What a user of it has to know.
    #[serde(default)]
    pub note: Option<String>,
}

impl Sender {
    /// Whether it shares a secret with us.
    #[must_use]
    pub fn needs_secret(&self) -> bool {
        self.verify.iter().any(|proof| scheme(proof) != "aws-sns")
    }

    /// Whether a hook may adjust `field`: only where it means something for this sender.
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

/// Every sender, in the order of the file. Read when the first hook asks for one.
pub fn senders() -> &'static [Sender] {
    static SENDERS: OnceLock<Vec<Sender>> = OnceLock::new();
    // That the file can be read is what the test below is for.
    SENDERS.get_or_init(|| serde_json::from_str(include_str!("senders.json")).unwrap_or_default())
}

/// A sender by its name.
#[must_use]
pub fn sender(name: &str) -> Option<&'static Sender> {
    senders().iter().find(|sender| sender.name == name)
}

/// Every name.
pub fn sender_names() -> impl Iterator<Item = &'static str> {
    senders().iter().map(|sender| sender.name.as_str())
}

#[cfg(test)]
mod id_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Configuration;
    use serde_json::json;
    use std::collections::BTreeSet;

    #[test]
    fn the_file_can_be_read_and_names_each_sender_once() {
        let read: Vec<Sender> = serde_json::from_str(include_str!("senders.json")).unwrap();
        let names: BTreeSet<&str> = read.iter().map(|sender| sender.name.as_str()).collect();
        assert_eq!(names.len(), read.len());
        for sender in senders() {
            assert!(sender.docs.starts_with("https://"), "{}", sender.name);
            let own = sender.note.iter().all(|note| note.ends_with('.') || note.ends_with('`'));
            assert!(own, "{}: a note is a sentence", sender.name);
        }
    }

    #[test]
    fn a_hook_for_each_sender_takes_four_lines() {
        for sender in senders() {
            let mut verify = json!({"scheme": sender.name});
            if sender.needs_secret() {
                verify["secret"] = json!("SECRET");
            }
            for asked in &sender.asks {
                let topic = "arn:aws:sns:us-east-1:123456789012:deals";
                verify[asked] = json!(if asked == "topic_arn" { topic } else { "VERIFY_TOKEN" });
            }
            let hook = json!({"workspace": "w", "database": "d", "workflow": "f", "verify": verify.clone()});
            let configuration = Configuration::read(json!({"HOOKS": {"h": hook}}).as_object().unwrap());
            let mistakes: Vec<String> = configuration.mistakes().map(ToString::to_string).collect();
            assert!(mistakes.is_empty(), "{}: {mistakes:?}", sender.name);
            let hook = configuration.hooks.values().next().unwrap().as_ref().unwrap();
            assert_eq!(
                hook.stated_ids.len(),
                sender.delivery_id.len(),
                "{}: an id cannot be read",
                sender.name
            );
            let batch =
                json!({"workspace": "w", "database": "d", "workflow": "f", "verify": verify, "each": "body"});
            let batch = Configuration::read(json!({"HOOKS": {"h": batch}}).as_object().unwrap());
            let batch = batch.hooks.values().next().unwrap().as_ref().unwrap();
            let names = |content_type| batch.names_items(Some(content_type));
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
    fn a_hook_adjusts_only_what_means_something_for_its_sender() {
        let takes = |name: &str, field: &str| sender(name).unwrap().takes(field);
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
