//! What a body says: from its bytes, as its content type has it, to the [`Document`] that expressions see.
//!
//! Pure, and bounded: no input makes it panic, recurse, or take more memory than its text and the index of a
//! [`Document`]. It verifies nothing: `verify` checks the sender over the raw bytes.
//!
//! | content type | becomes |
//! |---|---|
//! | `application/json`, `text/json`, any `…+json` | the document |
//! | `application/x-www-form-urlencoded`, `multipart/form-data` | an object of its fields ([`FIELDS_MAX`], [`PARTS_MAX`]) |
//! | a form whose only field is `payload`, `json` or `mandrill_events` and holds JSON | that document |
//! | `text/*`, `application/xml`, any `…+xml` | its text |
//! | none | the document, if it is JSON |
//!
//! Bytes that are not text in the body's charset become U+FFFD, and the rest arrives: a sender that cuts an emoji in two
//! loses that character, not its event. JSON is UTF-8 whatever its `charset` says (RFC 8259 section 8.1, RFC 9110
//! section 8.3.2); only where the bytes are not UTF-8 does a `charset` that is known decide.
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
mod multipart;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::document::{Document, ParseError};
use charset::Charset;
pub use cloud_event::{Attribute, CloudEvent, cloud_event};
pub use form::FIELDS_MAX;
use header_value::HeaderValue;
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

    /// The error of a document; `what` names it.
    fn of(what: &str, error: ParseError) -> Self {
        let text = format!("{what} {error}");
        match error {
            ParseError::Syntax { .. } => Self::Malformed(text),
            ParseError::TooDeep | ParseError::TooLarge => Self::TooComplex(text),
        }
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
/// [`BodyError`] when the body is not understood, or has too much in it.
pub fn read(
    content_type: Option<&str>,
    headers: &BTreeMap<String, String>,
    body: &[u8],
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
        Kind::Json => parse(json_text(label, body)?.into_owned(), "the body"),
        Kind::Form => form::read(charset(label)?, body),
        Kind::Multipart => multipart::read(&media, charset(label)?, body),
        Kind::Text => Ok(Document::of_text(charset(label)?.decode(without_mark(body)).into_owned())),
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

/// The text of a JSON body: UTF-8, or else what the `charset` says.
fn json_text<'b>(label: Option<&str>, body: &'b [u8]) -> Result<Cow<'b, str>, BodyError> {
    let body = without_mark(body);
    match std::str::from_utf8(body) {
        Ok(text) => Ok(Cow::Borrowed(text)),
        Err(_) => charset(label).map(|charset| charset.decode(body)),
    }
}

fn parse(text: String, what: &str) -> Result<Document, BodyError> {
    Document::parse(text).map_err(|error| BodyError::of(what, error))
}

fn read_untyped(body: &[u8]) -> Result<Document, BodyError> {
    let text = String::from_utf8_lossy(without_mark(body)).into_owned();
    parse(text, "the body").map_err(|error| match error {
        BodyError::Malformed(_) => BodyError::malformed(
            "the body has no content type and is not JSON: state what it is as the content type",
        ),
        other => other,
    })
}

fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}
