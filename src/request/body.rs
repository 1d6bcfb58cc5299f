//! Parses a body by its content type into the [`Document`] that expressions see.
//!
//! It is pure and bounded: no input makes it panic, recurse, or use more memory than the text of the body and the index
//! of a [`Document`]. It verifies nothing: `verify` checks the sender over the raw bytes.
//!
//! | content type | becomes |
//! |---|---|
//! | `application/json`, `text/json`, any `…+json` | the document |
//! | `application/x-www-form-urlencoded`, `multipart/form-data` | an object of its fields ([`FIELDS_MAX`], [`PARTS_MAX`]) |
//! | a form whose only field is `payload`, `json` or `mandrill_events` and holds JSON | that document |
//! | `text/*`, `application/xml`, any `…+xml` | its text |
//! | missing | the document, if the body is JSON |
//!
//! Bytes that are not text in the body's charset become U+FFFD: a sender that cuts an emoji in two loses that character,
//! not its event. JSON is UTF-8, even if `charset` names another one (RFC 8259 section 8.1, RFC 9110 section 8.3.2). A
//! known `charset` is used only where the bytes are not UTF-8.
//!
//! Standards leave open, and this module decides:
//! - If a JSON object has a key twice, the last value counts, as in `JSON.parse`. Signatures are over the bytes, so no
//!   party between the sender and seedhook can use the difference.
//! - One byte order mark before JSON, text or XML is skipped: RFC 8259 section 8.1 allows that, and .NET writes one.
//! - A name that a form has several times becomes a list. `a[]` and `a[b]` are plain names: PHP, Rails and qs read
//!   brackets differently, and `body['a[b]']` reads the name as it was sent.

mod charset;
mod cloud_event;
mod form;
mod header_value;
mod multipart;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::RawBody;
use crate::document::{Document, ParseError};
use charset::Charset;
pub use cloud_event::{Attribute, CloudEvent, cloud_event};
pub use form::FIELDS_MAX;
use header_value::HeaderValue;
pub use multipart::{FILE_BYTES_MAX, PART_HEADER_BYTES_MAX, PARTS_MAX};

/// Why a body is rejected; the caller must act. The texts quote nothing of the body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The content type or charset is not supported.
    #[error("send JSON, a form, text or XML in UTF-8, and state which as the content type")]
    UnsupportedType,
    /// The body is not what its content type says.
    #[error("{0}")]
    Malformed(String),
    /// The body is well-formed and exceeds a bound.
    #[error("{0}")]
    TooComplex(String),
}

impl BodyError {
    fn malformed(text: impl Into<String>) -> Self {
        Self::Malformed(text.into())
    }

    /// The error of a document, which `what` names in the text.
    fn from_document(what: &str, error: ParseError) -> Self {
        let text = format!("{what} {error}");
        match error {
            ParseError::Syntax { .. } => Self::Malformed(text),
            ParseError::TooDeep | ParseError::TooLarge => Self::TooComplex(text),
        }
    }
}

/// How a body is parsed.
enum Kind {
    Json,
    Form,
    Multipart,
    Text,
}

/// Parses a body by its content type. Names in `headers` are in lower case. A `CloudEvent` without data has an empty body,
/// which becomes null.
///
/// # Errors
/// [`BodyError`] when the content type is not supported, the body does not match it, or the body exceeds a bound.
pub fn read(
    content_type: Option<&str>,
    headers: &BTreeMap<String, String>,
    body: &RawBody,
) -> Result<Document, BodyError> {
    if body.is_empty() && headers.contains_key("ce-specversion") {
        return Ok(Document::null());
    }
    let Some(content_type) = content_type else {
        return read_untyped(body);
    };
    let media = HeaderValue::parse(content_type).ok_or(BodyError::UnsupportedType)?;
    let label = media.parameter("charset");
    let label = label.as_deref();
    match kind(&media.value).ok_or(BodyError::UnsupportedType)? {
        Kind::Json => parse(json_text(label, body)?, "the body"),
        Kind::Form => form::read(charset(label)?, body),
        Kind::Multipart => multipart::read(&media, charset(label)?, body),
        Kind::Text => Ok(Document::from_text(text(charset(label)?, body))),
    }
}

fn kind(media: &str) -> Option<Kind> {
    match media {
        "application/json" | "text/json" => Some(Kind::Json),
        "application/x-www-form-urlencoded" => Some(Kind::Form),
        "multipart/form-data" => Some(Kind::Multipart),
        "application/xml" => Some(Kind::Text),
        _ if media.ends_with("+json") => Some(Kind::Json),
        _ if media.ends_with("+xml") || media.starts_with("text/") => Some(Kind::Text),
        _ => None,
    }
}

fn charset(label: Option<&str>) -> Result<Charset, BodyError> {
    label.map_or(Ok(Charset::Utf8), |label| Charset::from_label(label).ok_or(BodyError::UnsupportedType))
}

/// The text of a JSON body: UTF-8, or else decoded by `charset`.
fn json_text(label: Option<&str>, body: &RawBody) -> Result<Arc<String>, BodyError> {
    match body {
        RawBody::Text(_) => Ok(text(Charset::Utf8, body)),
        RawBody::Bytes(_) => charset(label).map(|charset| text(charset, body)),
    }
}

/// The text of a body without its byte order mark. It is copied only where it has one, or is not UTF-8.
fn text(charset: Charset, body: &RawBody) -> Arc<String> {
    let bytes = without_mark(body);
    match body {
        RawBody::Text(text) if bytes.len() == body.len() && charset == Charset::Utf8 => Arc::clone(text),
        _ => Arc::new(charset.decode(bytes).into_owned()),
    }
}

fn parse(text: Arc<String>, what: &str) -> Result<Document, BodyError> {
    Document::parse(text).map_err(|error| BodyError::from_document(what, error))
}

fn read_untyped(body: &RawBody) -> Result<Document, BodyError> {
    parse(text(Charset::Utf8, body), "the body").map_err(|error| match error {
        BodyError::Malformed(_) => BodyError::malformed(
            "the body has no content type and is not JSON: state what it is as the content type",
        ),
        other => other,
    })
}

fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}
