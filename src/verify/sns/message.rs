//! A message of Amazon SNS: the fields of its JSON that are signed, or that describe the signature.
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html#http-header>
//!
//! Any caller can send a message, so only the texts of known fields are kept, borrowed from the body where they have no
//! escapes. Other fields are skipped; that takes one byte of memory for each level of nesting. This file verifies nothing.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use crate::verify::error::ProofError;

/// The largest message that is read, bytes. SNS takes 256 KiB of text
/// (<https://docs.aws.amazon.com/general/latest/gr/sns.html>). Written as JSON, each byte of it becomes six at the most
/// (`\u001f`), and the other fields take a few thousand.
const MESSAGE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The text of a field; `None` where the field is missing or null.
type Field<'a> = Option<Text<'a>>;

/// Where a message says that it comes from; read before its certificate is fetched.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Origin<'a> {
    #[serde(borrow)]
    pub(super) topic_arn: Field<'a>,
    #[serde(borrow, rename = "SigningCertURL")]
    pub(super) certificate_url: Field<'a>,
}

/// The fields that are signed, and those that describe the signature.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Message<'a> {
    #[serde(borrow, rename = "Type")]
    kind: Field<'a>,
    #[serde(borrow, rename = "MessageId")]
    id: Field<'a>,
    #[serde(borrow)]
    pub(super) topic_arn: Field<'a>,
    #[serde(borrow)]
    subject: Field<'a>,
    #[serde(borrow, rename = "Message")]
    text: Field<'a>,
    #[serde(borrow)]
    pub(super) timestamp: Field<'a>,
    #[serde(borrow)]
    token: Field<'a>,
    #[serde(borrow, rename = "SubscribeURL")]
    subscribe_url: Field<'a>,
    #[serde(borrow, rename = "SignatureVersion")]
    pub(super) version: Field<'a>,
    #[serde(borrow)]
    pub(super) signature: Field<'a>,
    #[serde(borrow, rename = "SigningCertURL")]
    pub(super) certificate_url: Field<'a>,
}

impl<'a> Origin<'a> {
    /// # Errors
    /// [`ProofError`] when the body is not a message of SNS, or too large.
    pub(super) fn read(body: &'a [u8]) -> Result<Self, ProofError> {
        read(body)
    }
}

impl<'a> Message<'a> {
    /// # Errors
    /// [`ProofError`] when the body is not a message of SNS, or too large.
    pub(super) fn read(body: &'a [u8]) -> Result<Self, ProofError> {
        read(body)
    }

    /// The signed text: name, line feed, value and line feed of each field, sorted by name. An absent `Subject` is left out.
    ///
    /// # Errors
    /// [`ProofError`] when `Type` is unknown or another field is missing.
    pub(super) fn signed_text(&self) -> Result<String, ProofError> {
        let message = ("Message", &self.text);
        let message_id = ("MessageId", &self.id);
        let end = [("Timestamp", &self.timestamp), ("TopicArn", &self.topic_arn), ("Type", &self.kind)];
        let [timestamp, topic_arn, kind] = end;
        let fields = match self.kind.as_deref() {
            Some("Notification") => {
                vec![message, message_id, ("Subject", &self.subject), timestamp, topic_arn, kind]
            }
            Some("SubscriptionConfirmation" | "UnsubscribeConfirmation") => {
                let (address, token) = (("SubscribeURL", &self.subscribe_url), ("Token", &self.token));
                vec![message, message_id, address, timestamp, token, topic_arn, kind]
            }
            _ => return Err(ProofError::new("Type is not one that SNS signs")),
        };
        let mut text = String::new();
        for (name, field) in fields {
            match field.as_deref() {
                Some(value) => text.extend([name, "\n", value, "\n"]),
                None if name == "Subject" => {}
                None => return Err(ProofError::new(format!("{name} is missing"))),
            }
        }
        Ok(text)
    }
}

/// The content type is ignored: SNS sends its JSON as text/plain.
fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ProofError> {
    if body.len() > MESSAGE_BYTES_MAX {
        let reason =
            format!("the body has more than {MESSAGE_BYTES_MAX} bytes, the most of a message of SNS");
        return Err(ProofError::too_complex(reason));
    }
    let begins_object = body.trim_ascii_start().starts_with(b"{");
    let message = if begins_object { serde_json::from_slice(body).ok() } else { None };
    message.ok_or_else(|| ProofError::new("the body is not a message of SNS"))
}

/// The text of a JSON field. Serde always copies an `Option<Cow<str>>`; this type borrows.
#[derive(Debug)]
pub(super) struct Text<'a>(Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Texts).map(Text)
    }
}

struct Texts;

impl<'de> Visitor<'de> for Texts {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: Result<&str, &str>) {
        let text = Message::read(body.as_bytes()).and_then(|message| message.signed_text());
        let text = text.map_err(|failure| failure.to_string());
        assert_eq!(text.as_deref().map_err(String::as_str), expected, "{body}");
    }

    #[test]
    fn known_fields_are_signed_in_order() {
        check(
            r#" {"Type": "Notification", "MessageId": "1", "TopicArn": "t", "Message": "a\u000ab", "Timestamp": "z", "Subject": "s"}"#,
            Ok("Message\na\nb\nMessageId\n1\nSubject\ns\nTimestamp\nz\nTopicArn\nt\nType\nNotification\n"),
        );
        check(
            r#"{"Type": "Notification", "MessageId": "1", "TopicArn": "t", "Message": "m", "Timestamp": "z", "Subject": null}"#,
            Ok("Message\nm\nMessageId\n1\nTimestamp\nz\nTopicArn\nt\nType\nNotification\n"),
        );
        check(
            r#"{"Type": "UnsubscribeConfirmation", "MessageId": "1", "TopicArn": "t", "Message": "m", "Timestamp": "z",
                "SubscribeURL": "u", "Token": "k"}"#,
            Ok(
                "Message\nm\nMessageId\n1\nSubscribeURL\nu\nTimestamp\nz\nToken\nk\nTopicArn\nt\nType\nUnsubscribeConfirmation\n",
            ),
        );
    }

    #[test]
    fn a_missing_field_is_named() {
        check(r#"{"Type": "Notification", "MessageId": "1"}"#, Err("Message is missing"));
        check(r#"{"Type": "Other"}"#, Err("Type is not one that SNS signs"));
        check("{}", Err("Type is not one that SNS signs"));
    }

    #[test]
    fn another_body_is_rejected() {
        let rejected = Err("the body is not a message of SNS");
        for body in ["", "null", "[]", "{", "{} {}", r#"{"Type": 1}"#, r#"{"Type": "a", "Type": "b"}"#] {
            check(body, rejected);
        }
        check(&format!("[{}]", r#"{"":0},"#.repeat(1000)), rejected);
    }

    #[test]
    fn a_text_without_escapes_is_borrowed() {
        let message = Message::read(br#"{"Message": "plain", "Token": "\u0061"}"#).unwrap();
        assert!(matches!(message.text, Some(Text(Cow::Borrowed("plain")))));
        assert!(matches!(message.token, Some(Text(Cow::Owned(_)))));
    }

    #[test]
    fn unknown_fields_are_skipped_at_any_depth() {
        let deep =
            format!(r#"{{"x": {}1{}, "Type": "Other"}}"#, r#"{"y":["#.repeat(50_000), "]}".repeat(50_000));
        check(&deep, Err("Type is not one that SNS signs"));
    }

    #[test]
    fn a_message_has_2_mib_and_no_more() {
        let body = |bytes: usize| format!(r#"{{"Type":"Other"{}}}"#, " ".repeat(bytes - 16));
        check(&body(MESSAGE_BYTES_MAX), Err("Type is not one that SNS signs"));
        let reason = "the body has more than 2097152 bytes, the most of a message of SNS";
        check(&body(MESSAGE_BYTES_MAX + 1), Err(reason));
    }
}
