//! `CloudEvents` 1.0 over HTTP: reads the event in the same form from each mode of the binding.
//!
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md>. A body that is no
//! `CloudEvent` is not an error. Handshakes are in `verify/handshake.rs`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::percent_decode_str;

use crate::document::{Content, Document, Element};

/// The attributes that every event has.
const REQUIRED: [&str; 4] = ["id", "source", "specversion", "type"];

/// The most attributes of an event. Real ones have about ten; an envelope with more than this is not read as an event.
const ATTRIBUTES_MAX: usize = 128;

/// The event that a delivery, or an item of a batch, carries.
#[derive(Debug)]
pub struct CloudEvent<'d> {
    /// Names and values without the data, in the order in which they were sent.
    pub attributes: Vec<(Cow<'d, str>, Attribute<'d>)>,
    /// The payload of the event; absent where it has none.
    pub data: Option<Attribute<'d>>,
}

/// The value of an attribute.
#[derive(Debug)]
pub enum Attribute<'d> {
    /// A text, or a number or boolean as it was written.
    Text(Cow<'d, str>),
    /// A value of the body.
    Element(Element<'d>),
    /// The document that was decoded from `data_base64`.
    Decoded(Document),
}

/// Reads the event of a delivery; `None` where it is no `CloudEvent`. Names in `headers` are in lower case.
///
/// - Binary mode: attributes from the `ce-` headers, `datacontenttype` from `content-type`, and `body` is the data.
/// - Structured mode: attributes and `data` from the envelope, which is `body`. `data_base64` is decoded and parsed by
///   `datacontenttype`; where [`read`](super::read) does not support that type, it stays as it is.
/// - Batched mode: the body is a list of envelopes; pass one item as `body`.
///
/// Attributes are texts, as in headers, so numbers and booleans of an envelope become texts.
#[must_use]
pub fn cloud_event<'d>(headers: &'d BTreeMap<String, String>, body: Element<'d>) -> Option<CloudEvent<'d>> {
    let content_type = headers.get("content-type").map(String::as_str);
    let is_envelope = content_type.is_some_and(|text| {
        text.trim_start().get(..23).is_some_and(|start| start.eq_ignore_ascii_case("application/cloudevents"))
    });
    let event = if is_envelope { from_envelope(body)? } else { from_headers(headers, content_type, body)? };
    let stated = |name: &&str| event.text(name).is_some_and(|text| !text.is_empty());
    REQUIRED.iter().all(stated).then_some(event)
}

impl CloudEvent<'_> {
    /// The text of an attribute, by its name.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        let (_, attribute) = self.attributes.iter().find(|(found, _)| found == name)?;
        match attribute {
            Attribute::Text(text) => Some(text),
            Attribute::Element(element) => element.as_text(),
            Attribute::Decoded(_) => None,
        }
    }
}

fn from_headers<'d>(
    headers: &'d BTreeMap<String, String>,
    content_type: Option<&'d str>,
    body: Element<'d>,
) -> Option<CloudEvent<'d>> {
    if !headers.contains_key("ce-specversion") {
        return None;
    }
    let mut attributes = Vec::new();
    for (header, value) in headers {
        let name = header.strip_prefix("ce-").unwrap_or_default();
        // Other names are not attributes. These two are taken from the body and the content type.
        if is_attribute(name) && name != "data" && name != "datacontenttype" {
            attributes.push((Cow::Borrowed(name), Attribute::Text(Cow::Owned(decode(value)))));
        }
    }
    if let Some(content_type) = content_type {
        let stated = Attribute::Text(Cow::Borrowed(content_type));
        attributes.push((Cow::Borrowed("datacontenttype"), stated));
    }
    // Without a content type and a body there is no data. With a content type, null is data.
    let has_data = content_type.is_some() || !body.is_null();
    let data = has_data.then_some(Attribute::Element(body));
    (attributes.len() <= ATTRIBUTES_MAX).then_some(CloudEvent { attributes, data })
}

fn from_envelope(body: Element<'_>) -> Option<CloudEvent<'_>> {
    if !body.is_object() || body.count() > ATTRIBUTES_MAX {
        return None;
    }
    let mut event = CloudEvent { attributes: Vec::new(), data: body.get("data").map(Attribute::Element) };
    for (name, value) in body.members() {
        event.attributes.retain(|(found, _)| found != name);
        let attribute = match value.content() {
            Content::Null => continue,
            Content::Bool(truth) => Attribute::Text(Cow::Borrowed(if truth { "true" } else { "false" })),
            Content::Number(digits) => Attribute::Text(Cow::Borrowed(digits)),
            Content::Text(_) | Content::List | Content::Object => Attribute::Element(value),
        };
        if name != "data" {
            event.attributes.push((Cow::Borrowed(name), attribute));
        }
    }
    if let Some(data) = decode_data(&event) {
        event.attributes.retain(|(name, _)| name != "data_base64");
        event.data = Some(Attribute::Decoded(data));
    }
    Some(event)
}

/// Decodes `data_base64`; `None` without a `datacontenttype`, because then its type is unknown.
fn decode_data(event: &CloudEvent<'_>) -> Option<Document> {
    let content_type = event.text("datacontenttype")?;
    let bytes = BASE64.decode(event.text("data_base64")?).ok()?;
    super::read(Some(content_type), &BTreeMap::new(), &bytes.into()).ok()
}

/// Section "naming conventions" of the specification: lower-case letters and digits.
fn is_attribute(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// Section 3.1.3.2 of the binding: quotes first, as older senders write them, then one round of percent-decoding.
/// Bytes that are not UTF-8 become U+FFFD.
fn decode(value: &str) -> String {
    let value = value.trim();
    let unquoted = match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
        Some(quoted) => {
            let mut characters = quoted.chars();
            let unescape = || match characters.next()? {
                '\\' => characters.next(),
                other => Some(other),
            };
            std::iter::from_fn(unescape).collect()
        }
        None => value.to_owned(),
    };
    percent_decode_str(&unquoted).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;
    use serde_json::{Map, Value, json};

    /// The event as expressions see it.
    fn value(event: CloudEvent<'_>) -> Value {
        let shown = |attribute: Attribute<'_>| match attribute {
            Attribute::Text(text) => json!(text),
            Attribute::Element(element) => element.to_value(),
            Attribute::Decoded(document) => document.root().to_value(),
        };
        let data = event.data.map(|data| (Cow::Borrowed("data"), data));
        let members = event.attributes.into_iter().chain(data);
        Value::Object(members.map(|(name, held)| (name.into_owned(), shown(held))).collect::<Map<_, _>>())
    }

    fn event_in(headers: &BTreeMap<String, String>, body: &Value) -> Option<Value> {
        let body = Document::parse(body.to_string()).unwrap();
        cloud_event(headers, body.root()).map(value)
    }

    const BINARY: &[(&str, &str)] = &[
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "A-1"),
        ("ce-source", "/deals"),
        ("ce-type", "deal.won"),
    ];

    fn event(headers: &[(&str, &str)], body: &[u8]) -> Option<Value> {
        let headers: BTreeMap<String, String> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let body =
            read(headers.get("content-type").map(String::as_str), &headers, &body.to_vec().into()).unwrap();
        cloud_event(&headers, body.root()).map(value)
    }

    fn structured(body: &Value) -> Option<Value> {
        event(&[("content-type", "application/cloudevents+json; charset=utf-8")], body.to_string().as_bytes())
    }

    fn with(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
        let kept = BINARY.iter().filter(|(name, _)| !more.iter().any(|(other, _)| name == other));
        kept.chain(more.iter().filter(|(_, value)| *value != "-")).copied().collect()
    }

    #[test]
    fn an_event_is_the_same_in_each_mode() {
        let expected = json!({
            "specversion": "1.0", "id": "A-1", "source": "/deals", "type": "deal.won", "subject": "Euro €",
            "sequence": "5", "sampled": "true", "datacontenttype": "application/json", "data": {"seats": 3},
        });
        let more =
            [("ce-subject", "Euro%20%E2%82%AC"), ("ce-sequence", "5"), ("ce-sampled", "true"), ("x-y", "z")];
        assert_eq!(event(&with(&more), br#"{"seats":3}"#), Some(expected.clone()));
        let envelope = json!({
            "specversion": "1.0", "id": "A-1", "source": "/deals", "type": "deal.won", "subject": "Euro €",
            "sequence": 5, "sampled": true, "time": null, "datacontenttype": "application/json",
            "data": {"seats": 3},
        });
        assert_eq!(structured(&envelope), Some(expected.clone()));
        let mut encoded = envelope.clone();
        encoded.as_object_mut().unwrap().remove("data");
        encoded["data_base64"] = json!(BASE64.encode(br#"{"seats":3}"#));
        assert_eq!(structured(&encoded), Some(expected.clone()));
        let headers =
            BTreeMap::from([("content-type".to_owned(), "Application/CloudEvents-Batch+JSON".to_owned())]);
        assert_eq!(event_in(&headers, &envelope), Some(expected));
        assert_eq!(event_in(&headers, &json!([envelope])), None);
    }

    #[test]
    fn an_event_needs_every_required_attribute() {
        for name in ["ce-specversion", "ce-id", "ce-source", "ce-type"] {
            assert_eq!(event(&with(&[(name, "-")]), b"{}"), None, "{name}");
            assert_eq!(event(&with(&[(name, "")]), b"{}"), None, "{name}");
        }
        let envelope = json!({"specversion": "1.0", "id": "1", "source": "/", "type": "t"});
        assert!(structured(&envelope).is_some());
        for name in REQUIRED {
            for wrong in [json!(null), json!(""), json!({})] {
                let mut envelope = envelope.clone();
                envelope[name] = wrong;
                assert_eq!(structured(&envelope), None, "{name}");
            }
        }
        assert_eq!(structured(&json!("text")), None);
        assert_eq!(event(&[("content-type", "application/json")], b"{}"), None);
    }

    #[test]
    fn a_header_is_unquoted_and_decoded_once() {
        #[track_caller]
        fn check(value: &'static str, expected: Option<&str>) {
            let subject = event(&with(&[("ce-subject", value)]), b"{}").map(|event| event["subject"].clone());
            assert_eq!(subject, expected.map(|text| json!(text)), "{value}");
        }
        check("plain", Some("plain"));
        check("Euro%20%e2%82%ac%20%F0%9F%98%80", Some("Euro € 😀"));
        check("%2541", Some("%41"));
        check(r#""a \"b\" \\ %22""#, Some(r#"a "b" \ ""#));
        check("100%", Some("100%"));
        check("a%C0%A0", Some("a\u{fffd}\u{fffd}"));
    }

    #[test]
    fn headers_cannot_set_the_data() {
        let posing =
            [("ce-data", "x"), ("ce-datacontenttype", "text/x"), ("ce-data_base64", "eA=="), ("ce-", "y")];
        assert_eq!(event(&with(&posing), b"1"), event(BINARY, b"1"));
        let bare = [("content-type", "-")];
        assert_eq!(event(&with(&[posing.as_slice(), &bare].concat()), b""), event(&with(&bare), b""));
    }

    #[test]
    fn the_last_of_two_equal_attributes_counts() {
        let headers =
            BTreeMap::from([("content-type".to_owned(), "application/cloudevents+json".to_owned())]);
        let event = |more: &str| {
            let body = format!(r#"{{"specversion":"1.0","id":"a","source":"/","type":"t",{more}}}"#);
            let body = Document::parse(body).unwrap();
            cloud_event(&headers, body.root()).map(value).map(|event| event["id"].clone())
        };
        assert_eq!(event(r#""id":"b""#), Some(json!("b")));
        assert_eq!(event(r#""id":null"#), None);
    }

    #[test]
    fn an_event_may_have_no_data() {
        let bare = event(&with(&[("content-type", "-")]), b"").unwrap();
        assert_eq!(bare.get("data"), None);
        assert_eq!(event(BINARY, b"null").unwrap().get("data"), Some(&json!(null)));
        let envelope = json!({"specversion": "1.0", "id": "1", "source": "/", "type": "t"});
        assert_eq!(structured(&envelope).unwrap().get("data"), None);
        let mut explicit = envelope;
        explicit["data"] = json!(null);
        assert_eq!(structured(&explicit).unwrap().get("data"), Some(&json!(null)));
    }

    #[test]
    fn data_of_an_unknown_type_stays_encoded() {
        for content_type in [json!(null), json!("image/png"), json!("application/json")] {
            let envelope = json!({
                "specversion": "1.0", "id": "1", "source": "/", "type": "t", "datacontenttype": content_type,
                "data_base64": "/w==",
            });
            let event = structured(&envelope).unwrap();
            assert_eq!((event.get("data"), &event["data_base64"]), (None, &json!("/w==")));
        }
    }
}
