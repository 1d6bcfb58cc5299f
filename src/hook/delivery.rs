//! One HTTP attempt of a sender: as it arrived, and, once verified, as the event it tells of.
//!
//! Credentials end here: what is stored and what expressions see has none.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::HookName;
use super::expression::Scope;
use super::verify::{Scheme, Verified};
use crate::timestamp::Timestamp;

/// Headers that prove who calls, and so are neither stored nor shown to expressions.
const CREDENTIAL_HEADERS: &[&str] = &["authorization", "proxy-authorization", "cookie"];

/// The longest delivery id that is kept as it is, characters; its digest covers all of it.
const DELIVERY_ID_CHARS_MAX: usize = 512;

/// What a sender calls an event; redeliveries share it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
        hex::encode(Sha256::digest(&self.0))
    }
}

impl From<&str> for DeliveryId {
    fn from(text: &str) -> Self {
        if text.chars().count() <= DELIVERY_ID_CHARS_MAX {
            Self(text.to_owned())
        } else {
            Self(format!("sha256:{}", hex::encode(Sha256::digest(text))))
        }
    }
}

impl std::fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A delivery as it arrived: nothing about it is believed yet.
#[derive(Debug, Clone)]
pub struct RawDelivery {
    headers: BTreeMap<String, String>,
    query: BTreeMap<String, String>,
    /// The body's bytes, up to the hook's limit.
    pub body: Vec<u8>,
    /// When it arrived.
    pub received_at: Timestamp,
}

impl RawDelivery {
    /// From an HTTP request; `query` is what follows the `?`.
    pub fn new(
        headers: impl IntoIterator<Item = (String, String)>,
        query: &str,
        body: Vec<u8>,
        received_at: Timestamp,
    ) -> Self {
        let headers = headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        let query = url::form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        Self { headers, query, body, received_at }
    }

    /// A header by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// Why a verified delivery is not understood. The caller must act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Neither `application/json` nor `…+json`.
    #[error("the content type must be application/json")]
    UnsupportedType,
    /// The body is not what its content type says.
    #[error("the body is not JSON: {0}")]
    NotJson(String),
}

/// What a verified delivery says happened.
#[derive(Debug)]
pub struct Event {
    /// The delivery, without credentials.
    pub delivery: Delivery,
    body: Value,
    body_sha256: String,
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
        String::from_utf8(bytes)
            .map_or_else(|error| Self::Base64(BASE64.encode(error.as_bytes())), Self::Text)
    }
}

impl Event {
    /// Parses a verified delivery; `fresh_id` names it where the sender does not.
    ///
    /// # Errors
    /// When the body is not understood.
    pub fn parse(
        verified: Verified,
        hook: &HookName,
        scheme: Scheme,
        fresh_id: &str,
    ) -> Result<Self, ParseError> {
        let raw = verified.into_inner();
        check_content_type(raw.header("content-type"))?;
        let body =
            serde_json::from_slice(&raw.body).map_err(|error| ParseError::NotJson(error.to_string()))?;
        let stated_id = scheme
            .delivery_id_header()
            .and_then(|name| raw.header(name))
            .or_else(|| raw.header("idempotency-key"))
            .filter(|id| !id.is_empty());
        let delivery_id = DeliveryId::from(stated_id.unwrap_or(fresh_id));
        let body_sha256 = hex::encode(Sha256::digest(&raw.body));
        let mut headers = raw.headers;
        headers.retain(|name, _| !CREDENTIAL_HEADERS.contains(&name.as_str()));
        let delivery = Delivery {
            hook: hook.clone(),
            delivery_id,
            received_at: raw.received_at,
            headers,
            query: raw.query,
            body: raw.body.into(),
        };
        Ok(Self { delivery, body, body_sha256 })
    }

    /// What expressions see of it.
    #[must_use]
    pub fn scope(&self) -> Scope {
        let delivery = &self.delivery;
        Scope::new(&json!({
            "body": self.body,
            "headers": delivery.headers,
            "query": delivery.query,
            "hook": delivery.hook,
            "delivery": {"id": delivery.delivery_id, "received_at": delivery.received_at},
            "body_sha256": self.body_sha256,
        }))
    }
}

/// A body without a content type is taken for JSON; what it is shows when it is parsed.
fn check_content_type(header: Option<&str>) -> Result<(), ParseError> {
    let Some(header) = header else { return Ok(()) };
    let essence = header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = essence == "application/json" || essence.ends_with("+json");
    json.then_some(()).ok_or(ParseError::UnsupportedType)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hook::verify::Verification;

    fn parse(headers: &[(&str, &str)], body: &str) -> Result<Event, ParseError> {
        let now = Timestamp::from_millis(0);
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let raw = RawDelivery::new(headers, "a=1&b=x%20y", body.as_bytes().to_vec(), now);
        let open = Verification { scheme: Scheme::None, secret_names: Vec::new() };
        let verified = open.verify(raw, |_| None, now).unwrap();
        Event::parse(verified, &HookName::try_from("h".to_owned()).unwrap(), Scheme::Github, "fresh")
    }

    #[test]
    fn json_of_any_kind_is_parsed_and_nothing_else() {
        for content_type in
            ["application/json", "Application/JSON; charset=utf-8", "application/cloudevents+json"]
        {
            assert!(parse(&[("Content-Type", content_type)], "{}").is_ok(), "{content_type}");
        }
        assert!(parse(&[], "[1]").is_ok());
        for content_type in ["text/plain", "application/xml", "application/jsonp", ""] {
            let error = parse(&[("Content-Type", content_type)], "{}").unwrap_err();
            assert_eq!(error, ParseError::UnsupportedType, "{content_type}");
        }
        for body in ["", "{", "{}x", "\u{feff}{}", &"[".repeat(100_000)] {
            assert!(matches!(parse(&[], body), Err(ParseError::NotJson(_))));
        }
    }

    #[test]
    fn the_id_is_the_senders_else_the_idempotency_key_else_fresh() {
        let id =
            |headers: &[(&str, &str)]| parse(headers, "{}").unwrap().delivery.delivery_id.as_str().to_owned();
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
    fn a_body_that_is_no_text_is_kept_too() {
        assert_eq!(Body::from(vec![0xff, 0]), Body::Base64("/wA=".into()));
    }
}
