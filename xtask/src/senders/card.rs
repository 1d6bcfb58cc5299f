//! All about one sender, in words; of several proofs, what differs is told for each.
//!
//! It makes text from `senders.json` and knows no sender by name.

use seedhook::config::sender::Sender;
use serde_json::{Map, Value};

use super::proof::Proof;
use super::toml;

/// A topic that does not exist, as an example.
const TOPIC_ARN: &str = "arn:aws:sns:us-east-1:123456789012:deals";

/// What is known of a sender, in words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Card<'a>(pub(super) &'a Sender);

impl<'a> Card<'a> {
    /// The ways in which it proves who it is.
    pub(super) fn proofs(self) -> impl Iterator<Item = Proof<'a>> {
        self.0.verify.iter().map(Proof)
    }

    /// What `verify` must say beside `scheme`.
    pub(super) fn needs(self) -> String {
        let secret = self.0.needs_secret().then_some("secret");
        secret.into_iter().chain(self.0.asks.iter().map(String::as_str)).collect::<Vec<_>>().join(", ")
    }

    /// What `verify` says, with names of secrets that fit the sender's.
    pub(super) fn verify(self) -> Map<String, Value> {
        let mut verify = Map::new();
        verify.insert("scheme".to_owned(), Value::from(self.0.name.as_str()));
        verify.extend(self.credentials());
        verify
    }

    /// The line to paste.
    pub(super) fn line(self) -> String {
        format!("verify = {}", toml::inline(&self.verify()))
    }

    /// What a hook has to bring: secrets by their names, and what else is asked for.
    pub(super) fn credentials(self) -> Map<String, Value> {
        let name = self.0.name.to_uppercase().replace('-', "_");
        let mut fields = Map::new();
        if self.0.needs_secret() {
            let one = || Value::from(format!("{name}_SECRET"));
            let two = || vec![format!("{name}_SECRET_PRIMARY"), format!("{name}_SECRET_SECONDARY")].into();
            let secret = if self.proofs().any(Proof::is_paired) { two() } else { one() };
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

    /// What proves it.
    pub(super) fn how(self) -> String {
        self.by_secret(Proof::how)
    }

    /// What the secret is.
    pub(super) fn secret(self) -> String {
        self.by_secret(Proof::secret)
    }

    /// How old a delivery may be.
    pub(super) fn tolerance(self) -> String {
        self.by_secret(Proof::tolerance)
    }

    /// Where the event's id stands, and whether it is signed: of several, the first that is there counts.
    pub(super) fn ids(self) -> Vec<String> {
        let ids = self.0.delivery_id.iter().map(|template| {
            let signed = self.by_secret(|proof| {
                if proof.covers(template) { "signed".to_owned() } else { "not signed".to_owned() }
            });
            format!("`{}`: {signed}", bare(template))
        });
        let ids: Vec<String> = ids.collect();
        if ids.is_empty() { vec!["none: each delivery is an event of its own".to_owned()] } else { ids }
    }

    /// What names an item of a batch, where the sender sends batches.
    pub(super) fn item_ids(self) -> Vec<String> {
        self.0.item_id.iter().map(|template| format!("`{}`", bare(template))).collect()
    }

    /// What it asks beside its deliveries, and what it is answered.
    pub(super) fn handshakes(self) -> Vec<String> {
        self.0.handshakes.iter().map(handshake).collect()
    }

    /// What the sender is answered when its delivery was taken; empty where that is seedhook's own answer.
    pub(super) fn answers(self) -> Vec<String> {
        match &self.0.answer {
            Some(Value::Array(answers)) => answers.iter().filter_map(Value::as_object).map(answer).collect(),
            Some(one) => one.as_object().map(answer).into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// What a hook may say otherwise.
    pub(super) fn adjustable(self) -> Vec<&'static str> {
        ["tolerance", "url", "header", "signature_version"]
            .into_iter()
            .filter(|field| self.0.takes(field))
            .collect()
    }

    /// What is so of each proof, told once where it is the same.
    fn by_secret(self, words: impl Fn(Proof<'a>) -> String) -> String {
        let mut all: Vec<(Option<&str>, String)> =
            self.proofs().map(|proof| (proof.text("secret_prefix"), words(proof))).collect();
        if let [(_, first), rest @ ..] = all.as_slice()
            && rest.iter().all(|(_, words)| words == first)
        {
            all = vec![(None, first.clone())];
        }
        let count = all.len();
        let told = all.into_iter().map(|(prefix, words)| match prefix {
            Some(prefix) => format!("with a secret `{prefix}…`: {words}"),
            None if count > 1 => format!("with any other: {words}"),
            None => words,
        });
        told.collect::<Vec<_>>().join("; ")
    }
}

/// A template that is one expression, without its braces.
pub(super) fn bare(template: &str) -> &str {
    let inner = template.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).map(str::trim);
    inner.filter(|inner| !inner.contains("{{") && !inner.contains("{%")).unwrap_or(template)
}

fn handshake(handshake: &Map<String, Value>) -> String {
    let text = |field: &str| handshake.get(field).and_then(Value::as_str);
    let content = match content(handshake) {
        Some(content) => content,
        None => status(handshake).to_string(),
    };
    let headers = handshake.get("headers").and_then(Value::as_object).into_iter().flatten();
    let headers: Vec<String> =
        headers.map(|(name, value)| format!("`{name}: {}`", value.as_str().unwrap_or_default())).collect();
    let content = if headers.is_empty() { content } else { format!("{content} with {}", headers.join(", ")) };
    let visit = text("visit").map(|place| format!(", after a visit to `{place}`")).unwrap_or_default();
    let method = text("method").unwrap_or("POST");
    format!("{method} with {} → {content}{visit}", signs(handshake).join(", "))
}

/// "200", "200 with an empty body", "with `body.event`: 204".
fn answer(answer: &Map<String, Value>) -> String {
    let signs = signs(answer);
    let when = if signs.is_empty() { String::new() } else { format!("with {}: ", signs.join(", ")) };
    let content = content(answer).map(|content| format!(" with {content}")).unwrap_or_default();
    format!("{when}{}{content}", status(answer))
}

fn status(answer: &Map<String, Value>) -> u64 {
    answer.get("status").and_then(Value::as_u64).unwrap_or(200)
}

/// What tells the requests that an answer is for.
fn signs(answer: &Map<String, Value>) -> Vec<String> {
    let signs = answer.get("when").and_then(Value::as_object).into_iter().flatten();
    signs
        .map(|(place, sign)| match sign {
            Value::Bool(true) => format!("`{place}`"),
            Value::Bool(false) => format!("no `{place}`"),
            Value::String(text) => format!("`{place}` = `{text}`"),
            other => format!("`{place}` = `{other}`"),
        })
        .collect()
}

/// The body that an answer states.
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
