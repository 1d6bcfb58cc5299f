//! A sender of `senders.json`, as text for a reader.

use seedhook::config::sender::Sender;
use serde_json::{Map, Value};

use super::toml_text;
use super::verify_method::VerifyMethod;

/// An example of a topic. It does not exist.
const TOPIC_ARN: &str = "arn:aws:sns:us-east-1:123456789012:deals";

/// The description of a sender.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Description<'a>(pub(crate) &'a Sender);

impl<'a> Description<'a> {
    /// The ways in which its deliveries are verified.
    pub(super) fn methods(self) -> impl Iterator<Item = VerifyMethod<'a>> {
        self.0.verify.iter().map(VerifyMethod)
    }

    /// The fields that `verify` needs beside `scheme`.
    pub(super) fn needs(self) -> String {
        let secret = self.0.needs_secret().then_some("secret");
        secret.into_iter().chain(self.0.asks.iter().map(String::as_str)).collect::<Vec<_>>().join(", ")
    }

    /// The `verify` line to paste into a hook.
    pub(crate) fn line(self) -> String {
        let mut verify = self.credentials();
        verify.insert("scheme".to_owned(), Value::from(self.0.name.as_str()));
        format!("verify = {}", toml_text::inline(&verify))
    }

    /// The fields that `verify` needs, with examples of values: names of secrets that contain the sender's name.
    pub(super) fn credentials(self) -> Map<String, Value> {
        let name = self.0.name.to_uppercase().replace('-', "_");
        let mut fields = Map::new();
        if self.0.needs_secret() {
            let one = || Value::from(format!("{name}_SECRET"));
            let two = || vec![format!("{name}_SECRET_PRIMARY"), format!("{name}_SECRET_SECONDARY")].into();
            let secret = if self.methods().any(VerifyMethod::is_paired) { two() } else { one() };
            fields.insert("secret".to_owned(), secret);
        }
        for asked in &self.0.asks {
            let value = match asked.as_str() {
                "topic_arn" => TOPIC_ARN.to_owned(),
                asked => format!("{name}_{}", asked.to_uppercase()),
            };
            fields.insert(asked.clone(), value.into());
        }
        fields
    }

    /// The steps that connect it, for an example of an address and the secrets of [`Self::line`].
    pub(super) fn setup_steps(self) -> Vec<String> {
        let secret_names: Vec<String> = match self.credentials().get("secret") {
            Some(Value::Array(names)) => {
                names.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
            }
            one => one.and_then(Value::as_str).map(ToOwned::to_owned).into_iter().collect(),
        };
        self.0.setup_steps(&format!("https://seedhook.example/hooks/{}", self.0.name), &secret_names)
    }

    /// Where the event's id is, and whether it is signed. Of several, the first that is present counts.
    pub(super) fn ids(self) -> Vec<String> {
        let ids = self.0.delivery_id.iter().map(|template| {
            let signed = self.per_secret(|method| {
                if method.covers(template) { "signed".to_owned() } else { "not signed".to_owned() }
            });
            format!("`{}`: {signed}", bare(template))
        });
        let ids: Vec<String> = ids.collect();
        if ids.is_empty() { vec!["none: each delivery is a separate event".to_owned()] } else { ids }
    }

    /// The ids of an item, if the sender sends batches.
    pub(super) fn item_ids(self) -> Vec<String> {
        self.0.item_id.iter().map(|template| format!("`{}`", bare(template))).collect()
    }

    /// The handshakes that the sender makes, and their answers.
    pub(super) fn handshakes(self) -> Vec<String> {
        self.0.handshakes.iter().map(handshake).collect()
    }

    /// The answers to accepted deliveries. Empty for seedhook's default answer.
    pub(super) fn answers(self) -> Vec<String> {
        match &self.0.answer {
            Some(Value::Array(answers)) => answers.iter().filter_map(Value::as_object).map(answer).collect(),
            Some(one) => one.as_object().map(answer).into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// The optional fields of `verify`.
    pub(super) fn adjustable(self) -> Vec<&'static str> {
        ["tolerance", "url", "header", "signature_version"]
            .into_iter()
            .filter(|field| self.0.takes(field))
            .collect()
    }

    /// A text about each verification method, after the prefix of its secrets; only one if all are equal.
    pub(super) fn per_secret(self, text: impl Fn(VerifyMethod<'a>) -> String) -> String {
        let mut all: Vec<(Option<&str>, String)> =
            self.methods().map(|method| (method.text("secret_prefix"), text(method))).collect();
        if let [(_, first), rest @ ..] = all.as_slice()
            && rest.iter().all(|(_, text)| text == first)
        {
            all = vec![(None, first.clone())];
        }
        let count = all.len();
        let texts = all.into_iter().map(|(prefix, text)| match prefix {
            Some(prefix) => format!("with a secret `{prefix}…`: {text}"),
            None if count > 1 => format!("with any other: {text}"),
            None => text,
        });
        texts.collect::<Vec<_>>().join("; ")
    }
}

/// A template without its braces, if it is a single expression.
fn bare(template: &str) -> &str {
    let inner = template.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).map(str::trim);
    inner.filter(|inner| !inner.contains("{{") && !inner.contains("{%")).unwrap_or(template)
}

fn handshake(handshake: &Map<String, Value>) -> String {
    let text = |field: &str| handshake.get(field).and_then(Value::as_str);
    let content = content(handshake).unwrap_or_else(|| status(handshake).to_string());
    let headers = handshake.get("headers").and_then(Value::as_object).into_iter().flatten();
    let headers: Vec<String> =
        headers.map(|(name, value)| format!("`{name}: {}`", value.as_str().unwrap_or_default())).collect();
    let content = if headers.is_empty() { content } else { format!("{content} with {}", headers.join(", ")) };
    let visit = text("visit").map(|place| format!(", after a request to `{place}`")).unwrap_or_default();
    let method = text("method").unwrap_or("POST");
    format!("{method} with {} → {content}{visit}", conditions(handshake).join(", "))
}

/// An answer: "200", "200 with an empty body", "with `body.event`: 204".
fn answer(answer: &Map<String, Value>) -> String {
    let conditions = conditions(answer);
    let when =
        if conditions.is_empty() { String::new() } else { format!("with {}: ", conditions.join(", ")) };
    let content = content(answer).map(|content| format!(" with {content}")).unwrap_or_default();
    format!("{when}{}{content}", status(answer))
}

fn status(answer: &Map<String, Value>) -> u64 {
    answer.get("status").and_then(Value::as_u64).unwrap_or(200)
}

/// The conditions of `when`.
fn conditions(answer: &Map<String, Value>) -> Vec<String> {
    let conditions = answer.get("when").and_then(Value::as_object).into_iter().flatten();
    conditions
        .map(|(place, expected)| match expected {
            Value::Bool(true) => format!("`{place}`"),
            Value::Bool(false) => format!("no `{place}`"),
            Value::String(text) => format!("`{place}` = `{text}`"),
            other => format!("`{place}` = `{other}`"),
        })
        .collect()
}

/// The body of an answer, if it has one of its own.
fn content(answer: &Map<String, Value>) -> Option<String> {
    let text = |field: &str| answer.get(field).and_then(Value::as_str);
    match (text("text"), answer.get("json"), text("body")) {
        (Some(place), _, _) => Some(format!("`{place}`")),
        (None, Some(json), _) => Some(format!("`{json}`")),
        (None, None, Some("")) => Some("an empty body".to_owned()),
        (None, None, Some(body)) => Some(format!("the text `{body}`")),
        (None, None, None) => None,
    }
}
