//! What a body says: from its bytes, as its content type has it, to the JSON that expressions see.
//!
//! Pure, and bounded whatever the bytes are: no input makes it panic, recurse deeply or build more than a small
//! multiple of the body. It believes nobody: who sent the body is `verify`'s business, and comes before this.
//!
//! | content type | becomes |
//! |---|---|
//! | `application/json`, `text/json`, any `…+json` | the document |
//! | `application/x-www-form-urlencoded`, `multipart/form-data` | an object of its fields ([`FIELDS_MAX`], [`PARTS_MAX`]) |
//! | a form whose only field is `payload`, `json` or `mandrill_events` and holds JSON | that document |
//! | `text/*`, `application/xml`, any `…+xml` | its text |
//! | none | the document, if it is JSON |
//!
//! Decided here, since standards leave it open:
//! - Of a key that a JSON object has twice the last counts, as in `JSON.parse`. Signatures are over the bytes, so
//!   nobody between the sender and here reads the object differently.
//! - One byte order mark before JSON, text or XML is passed over: RFC 8259 section 8.1 allows it, .NET writes it.
//! - A name that a form has several times becomes a list. `a[]` and `a[b]` are plain names: what brackets mean
//!   differs between PHP, Rails and qs, and `body['a[b]']` reads them as they were sent.

mod charset;
mod cloud_event;
mod form;
mod header_value;
mod json;
mod multipart;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use charset::Charset;
pub use cloud_event::cloud_event;
pub use form::FIELDS_MAX;
use header_value::HeaderValue;
pub use json::{DEPTH_MAX, NODES_MAX};
pub use multipart::{FILE_BYTES_MAX, PART_HEADER_BYTES_MAX, PARTS_MAX};

/// Why a body is not understood; the caller must act. The texts quote nothing of the body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// A content type or a charset that is not read here.
    #[error("send JSON, a form, text or XML in UTF-8, and state which as the content type")]
    UnsupportedType,
    /// The body is not what its content type says.
    #[error("{0}")]
    Malformed(String),
    /// The body is well-formed, and has more in it than is taken.
    #[error("{0}")]
    TooComplex(String),
}

impl BodyError {
    fn malformed(text: impl Into<String>) -> Self {
        Self::Malformed(text.into())
    }
}

/// How a body is to be read.
enum Kind {
    Json,
    Form,
    Multipart,
    Text,
}

/// Reads a body as its content type says. Header names are in lower case.
///
/// The body of a `CloudEvent` without data is empty, and null.
///
/// # Errors
/// When the body is not understood, or has too much in it.
pub fn read(
    content_type: Option<&str>,
    headers: &BTreeMap<String, String>,
    body: &[u8],
) -> Result<Value, BodyError> {
    if body.is_empty() && headers.contains_key("ce-specversion") {
        return Ok(Value::Null);
    }
    let Some(content_type) = content_type else {
        return read_untyped(body);
    };
    let media = HeaderValue::parse(content_type).ok_or(BodyError::UnsupportedType)?;
    let charset = match media.parameter("charset") {
        Some(label) => Charset::from_label(&label).ok_or(BodyError::UnsupportedType)?,
        None => Charset::Utf8,
    };
    match kind(&media.value).ok_or(BodyError::UnsupportedType)? {
        Kind::Json => json::read(&decode(charset, body)?, "the body"),
        Kind::Form => form::read(charset, body),
        Kind::Multipart => multipart::read(&media, charset, body),
        Kind::Text => Ok(Value::String(decode(charset, body)?.into_owned())),
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

fn read_untyped(body: &[u8]) -> Result<Value, BodyError> {
    let is_no_json = || {
        BodyError::malformed(
            "the body has no content type and is not JSON: state what it is as the content type",
        )
    };
    let text = decode(Charset::Utf8, body).map_err(|_| is_no_json())?;
    json::read(&text, "the body").map_err(|error| match error {
        BodyError::Malformed(_) => is_no_json(),
        other => other,
    })
}

fn decode(charset: Charset, body: &[u8]) -> Result<Cow<'_, str>, BodyError> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    charset.decode(body).ok_or_else(|| BodyError::malformed("the body is not UTF-8: send it in UTF-8"))
}
