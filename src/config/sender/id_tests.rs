//! The ids of events, by examples of every sender: `tests/vectors/ids/<sender>.json`.
//!
//! Each file has events of one object. Each event is delivered twice: first with `headers` and `body`, then with what the
//! sender changes in a redelivery (`again`). The signatures are invented; they only show which headers change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Sender, senders};
use crate::config::test_hook;
use crate::hook::Hook;
use crate::hook::event::Event;
use crate::request::RawRequest;
use crate::timestamp::Timestamp;
use crate::verify::Verified;

/// The id that a delivery gets where its sender states none.
const FRESH: &str = "fresh";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Examples {
    sender: String,
    /// The page that says what stays and what changes in a redelivery.
    source: String,
    /// The same in one sentence.
    redelivery: String,
    events: Vec<Example>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    what: String,
    headers: BTreeMap<String, String>,
    /// JSON, or a text with the very bytes.
    body: Value,
    again: Again,
    /// Nothing in the delivery names the event, so that each delivery is an event of its own.
    #[serde(default)]
    fresh: bool,
}

/// What a redelivery changes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Again {
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<Value>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/ids")
}

fn examples(sender: &Sender) -> Examples {
    let file = folder().join(format!("{}.json", sender.name));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// A hook of a sender with only the required fields.
fn hook(sender: &Sender) -> Hook {
    test_hook::hook(&json!({"verify": test_hook::verify_of(sender)}))
}

fn deliver(hook: &Hook, headers: &BTreeMap<String, String>, body: &Value) -> Event {
    let body = body.as_str().map_or_else(|| body.to_string(), ToOwned::to_owned);
    let headers = headers.iter().map(|(name, value)| (name.clone(), value.clone()));
    let url = "https://seedhook.example/hooks/h";
    let raw = RawRequest::new("POST", url, headers, body.into_bytes(), Timestamp::from_millis(0))
        .with_content_type(hook.content_type.as_deref());
    Event::parse(Verified::assume(raw), hook, FRESH).unwrap()
}

fn id(hook: &Hook, mut event: Event) -> String {
    event.assign_id(hook).unwrap();
    event.delivery.delivery_id.as_str().to_owned()
}

impl Example {
    fn first(&self, hook: &Hook) -> Event {
        deliver(hook, &self.headers, &self.body)
    }

    fn second(&self, hook: &Hook) -> Event {
        let mut headers = self.headers.clone();
        headers.extend(self.again.headers.clone());
        deliver(hook, &headers, self.again.body.as_ref().unwrap_or(&self.body))
    }
}

#[test]
fn every_sender_has_examples() {
    let files: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let names: BTreeSet<String> = senders().iter().map(|sender| sender.name.clone()).collect();
    assert_eq!(files, names);
    for sender in senders() {
        let examples = examples(sender);
        assert_eq!(examples.sender, sender.name);
        assert!(
            examples.source.starts_with("https://") && !examples.redelivery.is_empty(),
            "{}",
            sender.name
        );
        assert!(examples.events.len() > 1, "{}: two events show a difference", sender.name);
    }
}

#[test]
fn events_of_one_object_have_different_ids_and_redeliveries_the_same() {
    let mut wrong = Vec::new();
    for sender in senders() {
        let hook = hook(sender);
        let mut named: BTreeMap<String, String> = BTreeMap::new();
        for event in examples(sender).events {
            let (first, second) = (id(&hook, event.first(&hook)), id(&hook, event.second(&hook)));
            let place = format!("{}: {}", sender.name, event.what);
            if (first == FRESH) != event.fresh || (second == FRESH) != event.fresh {
                wrong.push(format!("{place}: `fresh` is {}, the ids are {first} and {second}", event.fresh));
            } else if first != second {
                wrong.push(format!("{place}: {first}, and {second} in its redelivery"));
            } else if !event.fresh
                && let Some(other) = named.insert(first.clone(), event.what.clone())
            {
                wrong.push(format!("{place}: {first}, as \"{other}\""));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_template_of_a_sender_has_an_example() {
    for sender in senders() {
        let hook = hook(sender);
        let events = examples(sender).events;
        let used: BTreeSet<usize> = events
            .iter()
            .filter_map(|event| {
                let event = event.first(&hook);
                hook.sender_id_templates.iter().position(|template| {
                    hook.expressions.evaluate_id(template, event.scope()).is_ok_and(|id| id.is_some())
                })
            })
            .collect();
        assert_eq!(used, (0..hook.sender_id_templates.len()).collect(), "{}", sender.name);
    }
}

#[test]
fn an_id_does_not_depend_on_the_headers_of_a_proxy() {
    for sender in senders() {
        let hook = hook(sender);
        for mut event in examples(sender).events {
            let direct = id(&hook, event.first(&hook));
            let added = [("cf-ray", "230b030023ae2822-SJC"), ("x-forwarded-for", "203.0.113.7")];
            event.headers.extend(added.map(|(name, value)| (name.to_owned(), value.to_owned())));
            assert_eq!(id(&hook, event.first(&hook)), direct, "{}: {}", sender.name, event.what);
        }
    }
}
