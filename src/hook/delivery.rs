//! One HTTP attempt of a sender: as it arrived, and, once verified, as the event it tells of.
//!
//! Credentials end here: what is stored and what expressions see has none.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::ids::Named;
use super::{Hook, HookName};
use crate::digest::{sha256_hex, sha256_hex_of};
use crate::document::{Document, Element};
use crate::expression::{Lazy, Scope, ScopeValue};
use crate::request::RawRequest;
use crate::request::body::{self, Attribute, BodyError, CloudEvent};
use crate::request::source::Source;
use crate::timestamp::Timestamp;
use crate::verify::Verified;

/// Headers that prove who calls, and so are neither stored nor shown to expressions.
const CREDENTIAL_HEADERS: &[&str] = &["authorization", "proxy-authorization", "cookie"];

/// The longest delivery id that is kept as it is, characters; its digest covers all of it.
const DELIVERY_ID_CHARS_MAX: usize = 512;

/// A text of which at most one character in so many is a control character is kept as a text.
const CONTROL_SHARE_MAX: usize = 15;

/// What a sender calls an event; redeliveries share it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryId(String);

impl DeliveryId {
    /// The id as the sender wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// SHA-256 of the id in hex: what it is claimed under, so that any id makes a safe object key.
    #[must_use]
    pub fn digest(&self) -> String {
        sha256_hex(self.0.as_bytes())
    }
}

impl From<&str> for DeliveryId {
    fn from(text: &str) -> Self {
        if text.chars().count() <= DELIVERY_ID_CHARS_MAX {
            Self(text.to_owned())
        } else {
            Self(format!("sha256:{}", sha256_hex(text.as_bytes())))
        }
    }
}

impl std::fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a verified delivery says happened.
#[derive(Debug)]
pub struct Event {
    /// The delivery, without credentials.
    pub delivery: Delivery,
    body: Arc<Lazy>,
    body_sha256: String,
    scope: Scope,
    /// Whether its id is the operator's to say.
    by_hand: bool,
}

impl Delivery {
    /// Shows what expressions see as `delivery`.
    fn show<T>(&self, to: impl FnOnce(ScopeValue<'_>) -> T) -> T {
        let received_at = self.received_at.to_string();
        to(ScopeValue::Fields(&[("id", self.delivery_id.as_str()), ("received_at", &received_at)]))
    }
}

/// A delivery as it is kept in the inbox, whole but for its credentials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// The hook it came to.
    pub hook: HookName,
    /// What the sender calls the event.
    pub delivery_id: DeliveryId,
    /// When this attempt arrived.
    pub received_at: Timestamp,
    /// Header names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The query's parameters.
    pub query: BTreeMap<String, String>,
    /// The body's bytes.
    pub body: Body,
}

/// A body that can be kept in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    /// UTF-8 text, as almost every body is.
    Text(String),
    /// Anything else.
    Base64(String),
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        // JSON writes a control character in six bytes: a text that is full of them is shorter in Base64.
        let control = bytes.iter().filter(|byte| matches!(byte, 0..b'\t' | 0x0e..b' ')).count();
        match String::from_utf8(bytes) {
            Ok(text) if control * CONTROL_SHARE_MAX <= text.len() => Self::Text(text),
            Ok(text) => Self::Base64(BASE64.encode(text)),
            Err(error) => Self::Base64(BASE64.encode(error.as_bytes())),
        }
    }
}

impl From<Body> for Vec<u8> {
    fn from(body: Body) -> Self {
        match body {
            Body::Text(text) => text.into_bytes(),
            // Nothing but the conversion above writes it.
            Body::Base64(text) => BASE64.decode(text).unwrap_or_default(),
        }
    }
}

impl Event {
    /// Parses a verified delivery; `fresh_id` names it where nothing else does.
    ///
    /// # Errors
    /// When the body is not understood.
    pub fn parse(verified: Verified, hook: &Hook, fresh_id: &str) -> Result<Self, BodyError> {
        let raw = verified.into_inner();
        let document = raw.document()?;
        let id = raw.header("idempotency-key").filter(|id| !id.is_empty());
        let delivery_id = DeliveryId::from(id.unwrap_or(fresh_id));
        let body_sha256 = sha256_hex(&raw.body);
        let body = Lazy::new(document);
        let (mut headers, mut query) = (raw.headers, raw.query);
        let own: Vec<&str> = hook.verify.credential_headers().collect();
        headers
            .retain(|name, _| !CREDENTIAL_HEADERS.contains(&name.as_str()) && !own.contains(&name.as_str()));
        for name in hook.verify.credential_query() {
            query.remove(name);
        }
        let delivery = Delivery {
            hook: hook.name.clone(),
            delivery_id,
            received_at: raw.received_at,
            headers,
            query,
            body: raw.body.into(),
        };
        // `event` is undefined where there is none, so that a condition on it is false.
        let event = body::cloud_event(&delivery.headers, body.document().root());
        let event = event.map(|event| ("event", shown(event, &body)));
        let scope = delivery.show(|shown| {
            let others = [
                ("body", ScopeValue::Element(&body, 0)),
                ("body_sha256", ScopeValue::Text(&body_sha256)),
                ("delivery", shown),
                ("headers", ScopeValue::Headers(&delivery.headers)),
                ("hook", ScopeValue::Text(delivery.hook.as_str())),
                ("query", ScopeValue::Texts(&delivery.query)),
            ];
            Scope::named(others.into_iter().chain(event))
        });
        Ok(Self { delivery, body, body_sha256, scope, by_hand: false })
    }

    /// The event of a stored delivery, read as its hook reads bodies now; its id stays.
    ///
    /// # Errors
    /// When the body is not understood.
    pub fn of_stored(stored: Delivery, hook: &Hook) -> Result<Self, BodyError> {
        let Delivery { delivery_id, query, headers, body, received_at, .. } = stored;
        let raw = RawRequest::new("POST", "", headers, body.into(), received_at)
            .with_content_type(hook.content_type.as_deref());
        let mut event = Self::parse(Verified::by_operator(raw), hook, delivery_id.as_str())?;
        event.delivery.delivery_id = delivery_id;
        event.delivery.query = query;
        event.scope = event.delivery.show(|shown| {
            event.scope.with("delivery", shown).with("query", ScopeValue::Texts(&event.delivery.query))
        });
        Ok(event)
    }

    /// The same by hand: a payload that the operator sends again is a new event, unless an `Idempotency-Key` says that it
    /// is not.
    #[must_use]
    pub fn by_hand(self) -> Self {
        Self { by_hand: true, ..self }
    }

    /// Takes the id that its hook or its sender gives it. Where an expression fails otherwise than for a missing field,
    /// and wherever the hook's own has no usable value, that is the body's SHA-256: the same for each redelivery.
    ///
    /// # Errors
    /// The expression and the reason, when the hook's own expression has no usable value.
    pub fn take_id(&mut self, hook: &Hook) -> Result<(), String> {
        if self.by_hand {
            return Ok(());
        }
        let (id, problem) = match hook.own_id(&self.scope) {
            Some(Named::Id(id)) => (id, None),
            Some(Named::Unusable(reason)) => (self.content_id(), Some(reason)),
            Some(Named::Unnamed) => (self.content_id(), Some("a field is missing, null or empty".to_owned())),
            None => match hook.stated_id(&self.scope) {
                Named::Id(id) => (id, None),
                Named::Unusable(_) => (self.content_id(), None),
                Named::Unnamed => return Ok(()),
            },
        };
        self.delivery.delivery_id = id;
        self.scope = self.delivery.show(|shown| self.scope.with("delivery", shown));
        problem.map_or(Ok(()), |problem| Err(format!("delivery_id: {problem}")))
    }

    fn content_id(&self) -> DeliveryId {
        DeliveryId::from(self.body_sha256.as_str())
    }

    /// What names the item at `index` of its batch, of which expressions see `scope`. `None`: items have no ids of their
    /// own here, and the batch is claimed as a whole.
    ///
    /// An item without an id is named by the delivery's id and its place in the batch, and so is new where the delivery
    /// is. Where the expression fails otherwise, the item's SHA-256 is its id.
    #[must_use]
    pub(crate) fn item_id(&self, hook: &Hook, scope: &Scope, index: usize) -> Option<DeliveryId> {
        let each = hook.each.as_ref()?;
        let content_type = self.delivery.headers.get("content-type").map(String::as_str);
        // What is sent by hand is a new event, and so is each item of it.
        if self.by_hand || !hook.names_items(content_type) {
            return None;
        }
        Some(match hook.item_id(&scope.for_id()) {
            Named::Id(id) => id,
            Named::Unnamed => DeliveryId::from(format!("{}#{index}", self.delivery.delivery_id).as_str()),
            Named::Unusable(_) => {
                let item = self.items(each).get(index).map(|item| self.body.document().element(*item));
                let digest = sha256_hex_of(|to| item.map_or(Ok(()), |item| item.write_canonical(to)));
                DeliveryId::from(format!("sha256:{digest}").as_str())
            }
        })
    }

    /// The delivery, without what the expressions needed.
    #[must_use]
    pub fn into_delivery(self) -> Delivery {
        self.delivery
    }

    /// What expressions see of it.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// What expressions see of one item of its batch; a batch of `CloudEvents` has one in each.
    pub(crate) fn scope_of(&self, item: u32) -> Scope {
        let scope = self.scope.with("item", ScopeValue::Element(&self.body, item));
        match body::cloud_event(&self.delivery.headers, self.body.document().element(item)) {
            Some(event) => scope.with("event", shown(event, &self.body)),
            None => scope,
        }
    }

    /// How many items its batch has; an event that is none is one.
    #[must_use]
    pub fn item_count(&self, hook: &Hook) -> usize {
        hook.each.as_ref().map_or(1, |each| self.items(each).len())
    }

    /// The items of a batch by their indexes in the body: what stands at `each`, or that alone where it is no list.
    pub(crate) fn items(&self, each: &Source) -> Vec<u32> {
        match each.value_in(self.body.document().root()) {
            Some(list) if list.is_list() => list.items().map(Element::index).collect(),
            Some(item) => vec![item.index()],
            None => Vec::new(),
        }
    }
}

/// A `CloudEvent` of a body as expressions see it.
fn shown<'d>(event: CloudEvent<'d>, body: &'d Arc<Lazy>) -> ScopeValue<'d> {
    let given = |held: Attribute<'d>| match held {
        Attribute::Text(Cow::Borrowed(text)) => ScopeValue::Text(text),
        Attribute::Text(Cow::Owned(text)) => ScopeValue::Document(Arc::new(Document::of_text(text))),
        Attribute::Element(element) => ScopeValue::Element(body, element.index()),
        Attribute::Decoded(document) => ScopeValue::Document(Arc::new(document)),
    };
    let data = event.data.map(|data| (Cow::Borrowed("data"), data));
    ScopeValue::Object(
        event.attributes.into_iter().chain(data).map(|(name, held)| (name, given(held))).collect(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::Configuration;
    use crate::expression::{EVENT_SCOPE, Expressions};

    fn hook(verify: &Value) -> Hook {
        let hook = json!({"workspace": "w", "database": "d", "workflow": "f", "verify": verify});
        let vars = json!({"HOOKS": {"h": hook}});
        Configuration::read(vars.as_object().unwrap()).hooks.into_values().next().unwrap().unwrap()
    }

    fn parse_for(hook: &Hook, headers: &[(&str, &str)], body: &str) -> Result<Event, BodyError> {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let url = "https://seedhook.example/hooks/h?a=1&b=x%20y&a=2#c=3";
        let raw = RawRequest::new("POST", url, headers, body.into(), Timestamp::from_millis(0));
        Event::parse(Verified::by_operator(raw), hook, "fresh")
    }

    fn parse(headers: &[(&str, &str)], body: &str) -> Result<Event, BodyError> {
        parse_for(&hook(&json!({"scheme": "none"})), headers, body)
    }

    #[test]
    fn the_id_is_the_senders_else_the_idempotency_key_else_fresh() {
        let github = hook(&json!({"scheme": "github", "secret": "S"}));
        let id = |headers: &[(&str, &str)]| {
            let mut event = parse_for(&github, headers, "{}").unwrap();
            event.take_id(&github).unwrap();
            event.delivery.delivery_id.as_str().to_owned()
        };
        assert_eq!(id(&[("X-GitHub-Delivery", "g1"), ("Idempotency-Key", "i1")]), "g1");
        assert_eq!(id(&[("Idempotency-Key", "i1")]), "i1");
        assert_eq!(id(&[("Idempotency-Key", "")]), "fresh");
        assert_eq!(id(&[]), "fresh");
        assert_ne!(DeliveryId::from("x".repeat(600).as_str()), DeliveryId::from("x".repeat(601).as_str()));
    }

    #[test]
    fn credentials_are_neither_stored_nor_seen() {
        let event = parse(
            &[
                ("Authorization", "Bearer s3cret"),
                ("Cookie", "s3cret"),
                ("Proxy-Authorization", "s3cret"),
                ("X-Kept", "1"),
            ],
            "{}",
        )
        .unwrap();
        let stored = serde_json::to_string(&event.delivery).unwrap();
        assert!(stored.contains("x-kept") && !stored.contains("s3cret"));
        assert!(!format!("{:?}", event.scope()).contains("s3cret"));
    }

    #[test]
    fn what_proves_the_caller_is_neither_stored_nor_seen() {
        let header = hook(&json!({"scheme": "header", "header": "X-Key", "secret": "S"}));
        let event = parse_for(&header, &[("x-key", "s3cret"), ("x-kept", "1")], "{}").unwrap();
        assert_eq!(event.delivery.headers.keys().collect::<Vec<_>>(), ["x-kept"]);
        let query = hook(&json!({"scheme": "query", "parameter": "b", "secret": "S"}));
        let event = parse_for(&query, &[], "{}").unwrap();
        assert_eq!(event.delivery.query, BTreeMap::from([("a".to_owned(), "1, 2".to_owned())]));
    }

    #[test]
    fn a_payload_sent_again_by_hand_is_a_new_event() {
        let github = hook(&json!({"scheme": "github", "secret": "S"}));
        let mut event = parse_for(&github, &[("X-GitHub-Delivery", "g1")], "{}").unwrap().by_hand();
        event.take_id(&github).unwrap();
        assert_eq!(event.delivery.delivery_id.as_str(), "fresh");
    }

    #[test]
    fn a_body_that_is_no_text_is_kept_too() {
        assert_eq!(Body::from(vec![0xff, 0]), Body::Base64("/wA=".into()));
        assert!(matches!(Body::from(vec![1; 100]), Body::Base64(_)), "six times as long as JSON");
        assert!(matches!(Body::from(b"a line\r\n\tand another\x1b".to_vec()), Body::Text(_)));
        for bytes in [vec![0xff, 0], vec![1; 100], b"text".to_vec(), Vec::new()] {
            assert_eq!(Vec::from(Body::from(bytes.clone())), bytes);
        }
    }

    #[test]
    fn a_stored_delivery_is_the_same_event_again() {
        let hook = hook(&json!({"scheme": "github", "secret": "S"}));
        let headers = [("X-GitHub-Delivery", "g1"), ("Content-Type", "application/json"), ("X-Kept", "1")];
        let mut event = parse_for(&hook, &headers, r#"{"seats": 5}"#).unwrap();
        event.take_id(&hook).unwrap();
        let again = Event::of_stored(event.delivery.clone(), &hook).unwrap();
        assert_eq!(again.delivery, event.delivery);
        let mut expressions = Expressions::new(EVENT_SCOPE);
        let all = "{{ [body, headers, query, hook, delivery.id, delivery.received_at, body_sha256] }}";
        let all = expressions.template(all).unwrap();
        let seen = |event: &Event| expressions.evaluate(&all, event.scope()).unwrap();
        assert_eq!(seen(&again), seen(&event));
    }
}
