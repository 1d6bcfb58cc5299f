//! The text that a sender signs, as a template: `{timestamp}.{body}`. It assembles bytes and compares none.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::signed_bytes::SignedBytes;
use crate::digest::{sha256, sha256_hex};
use crate::request::body::FIELDS_MAX;
use crate::request::source::{Source, View};

/// A template of the signed text, over the raw bytes of the delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignedText {
    written: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Body,
    BodySha256,
    /// The 32 bytes of the body's SHA-256.
    BodySha256Bytes,
    Timestamp,
    Id,
    Method,
    Url,
    /// The URL with `HubSpot`'s list of percent-encoded characters decoded.
    UrlDecoded,
    /// A form's fields, sorted by name, as `name` `value` without anything in between (Twilio).
    Form,
    Value(Source),
}

const NAMES: &str = "{body}, {body_sha256}, {body_sha256_bytes}, {timestamp}, {id}, {method}, {url}, {url_decoded}, {form}, \
                     {headers.NAME}, {query.NAME} and {body.PATH}";

/// Why a template is rejected. Each text continues "`signed` …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignedTextError {
    #[error("has a {{ without a }}")]
    OpenBrace,
    #[error("has an unknown {{{0}}}: there are {NAMES}")]
    UnknownName(String),
    #[error("covers nothing of the delivery: use {NAMES}")]
    CoversNothing,
}

/// The values of the template's names for one delivery.
#[derive(Debug, Clone, Copy)]
pub(super) struct SignedValues<'a> {
    pub(super) view: View<'a>,
    pub(super) url: &'a str,
    pub(super) timestamp: &'a str,
    pub(super) id: &'a str,
}

impl SignedText {
    /// Reads a template. A name is written in single or double braces.
    ///
    /// # Errors
    /// [`SignedTextError`].
    pub(crate) fn parse(written: &str) -> Result<Self, SignedTextError> {
        let mut pieces = Vec::new();
        let doubled = written.replace("{{", "{").replace("}}", "}");
        let mut rest = doubled.as_str();
        while let Some((text, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or(SignedTextError::OpenBrace)?;
            pieces.push(Piece::Text(text.to_owned()));
            pieces.push(Piece::named(name.trim())?);
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        pieces.retain(|piece| *piece != Piece::Text(String::new()));
        let signed = Self { written: written.to_owned(), pieces };
        if signed.pieces.iter().all(|piece| matches!(piece, Piece::Text(_) | Piece::Method | Piece::Url)) {
            return Err(SignedTextError::CoversNothing);
        }
        Ok(signed)
    }

    /// The template as configured.
    pub(super) fn as_str(&self) -> &str {
        &self.written
    }

    pub(crate) fn has_timestamp(&self) -> bool {
        self.pieces.contains(&Piece::Timestamp)
    }

    pub(crate) fn has_id(&self) -> bool {
        self.pieces.contains(&Piece::Id)
    }

    /// The literal text after `{id}`; `None` where there is none.
    pub(super) fn after_id(&self) -> Option<&str> {
        let next = self.pieces.iter().skip_while(|piece| **piece != Piece::Id).nth(1)?;
        match next {
            Piece::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it covers the whole body, at least where that is a form.
    pub(crate) fn has_whole_body(&self) -> bool {
        let whole = [Piece::Body, Piece::BodySha256, Piece::BodySha256Bytes, Piece::Form];
        whole.iter().any(|piece| self.pieces.contains(piece))
    }

    /// Whether it covers the whole body of any type.
    pub(super) fn has_body_of_any_type(&self) -> bool {
        let any = [Piece::Body, Piece::BodySha256, Piece::BodySha256Bytes];
        any.iter().any(|piece| self.pieces.contains(piece))
    }

    /// Whether it covers the address that was called.
    pub(super) fn has_url(&self) -> bool {
        self.pieces.contains(&Piece::Url) || self.pieces.contains(&Piece::UrlDecoded)
    }

    /// Whether it has `{selector}`.
    pub(super) fn has_value(&self, selector: &str) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Value(source) if source.as_str() == selector))
    }

    pub(super) fn has_form(&self) -> bool {
        self.pieces.contains(&Piece::Form)
    }

    /// A source in it whose value is present but not a text. Such a value would add nothing to the signed text, like an absent
    /// one, so a caller could replace one with the other.
    pub(super) fn unreadable(&self, view: View<'_>) -> Option<&Source> {
        self.pieces.iter().find_map(|piece| match piece {
            Piece::Value(source) if source.is_unreadable(view) => Some(source),
            _ => None,
        })
    }

    /// The signed bytes. An absent value adds nothing. The body is not copied.
    pub(super) fn assemble<'a>(&'a self, values: SignedValues<'a>) -> SignedBytes<'a> {
        let delivery = values.view.delivery;
        let mut message = SignedBytes::default();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => message.push(text.as_bytes()),
                Piece::Body => message.push(&*delivery.body),
                Piece::BodySha256 => message.push_text(sha256_hex(&delivery.body)),
                Piece::BodySha256Bytes => message.push(sha256(&delivery.body).to_vec()),
                Piece::Timestamp => message.push_text(values.timestamp),
                Piece::Id => message.push_text(values.id),
                Piece::Method => message.push_text(&delivery.method),
                Piece::Url => message.push_text(values.url),
                Piece::UrlDecoded => message.push_text(url_decoded(values.url)),
                Piece::Form if delivery.is_form() => {
                    for text in sorted_form(&delivery.body) {
                        message.push_text(text);
                    }
                }
                Piece::Form => {}
                Piece::Value(source) => {
                    if let Some(text) = source.find(values.view) {
                        message.push_text(text);
                    }
                }
            }
        }
        message
    }
}

impl Piece {
    fn named(name: &str) -> Result<Self, SignedTextError> {
        Ok(match name {
            "body" => Self::Body,
            "body_sha256" => Self::BodySha256,
            "body_sha256_bytes" => Self::BodySha256Bytes,
            "timestamp" => Self::Timestamp,
            "id" => Self::Id,
            "method" => Self::Method,
            "url" => Self::Url,
            "url_decoded" => Self::UrlDecoded,
            "form" => Self::Form,
            other => {
                let source = Source::parse(other);
                Self::Value(source.map_err(|_| SignedTextError::UnknownName(other.to_owned()))?)
            }
        })
    }
}

/// Whether a form has more than [`FIELDS_MAX`] fields. It counts without decoding or allocating.
pub(super) fn has_too_many_fields(form: &[u8]) -> bool {
    form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).nth(FIELDS_MAX).is_some()
}

/// The fields of a form by Twilio's rule: sorted by name, then by value, without duplicates. Returns name, value, name,
/// value, and so on; only the first [`FIELDS_MAX`] fields are read.
fn sorted_form(body: &[u8]) -> Vec<Cow<'_, str>> {
    let fields: BTreeSet<_> = url::form_urlencoded::parse(body).take(FIELDS_MAX).collect();
    fields.into_iter().flat_map(|(name, value)| [name, value]).collect()
}

/// `HubSpot` decodes only these characters before it signs. `%` is not among them, so one pass is enough.
fn url_decoded(url: &str) -> String {
    const DECODED: &[(&str, char)] = &[
        ("3A", ':'),
        ("2F", '/'),
        ("3F", '?'),
        ("40", '@'),
        ("21", '!'),
        ("24", '$'),
        ("27", '\''),
        ("28", '('),
        ("29", ')'),
        ("2A", '*'),
        ("2C", ','),
        ("3B", ';'),
    ];
    let mut decoded = String::with_capacity(url.len());
    let mut rest = url;
    while let Some((before, after)) = rest.split_once('%') {
        decoded.push_str(before);
        let code = after.get(..2).unwrap_or_default();
        let found = DECODED.iter().find(|(known, _)| known.eq_ignore_ascii_case(code));
        decoded.push(found.map_or('%', |(_, character)| *character));
        rest = after.get(if found.is_some() { 2 } else { 0 }..).unwrap_or_default();
    }
    decoded.push_str(rest);
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::RawRequest;
    use crate::timestamp::Timestamp;

    #[track_caller]
    fn check(template: &str, body: &str, expected: &str) {
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        let headers = [("x-a", "A"), ("content-type", form)];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let url = "https://seedhook.example/hooks/h?x=1";
        let delivery = RawRequest::new("POST", url, headers, body.into(), Timestamp::from_millis(0));
        let values = SignedValues {
            view: View::whole(&delivery),
            url: "https://a.example/%3A?b=%2c",
            timestamp: "12",
            id: "i",
        };
        let signed = SignedText::parse(template).unwrap();
        assert_eq!(signed.assemble(values).joined(), expected.as_bytes(), "{template}");
    }

    #[test]
    fn pieces_keep_their_order() {
        check("{body}", "x", "x");
        check("v0:{timestamp}:{body}", "x", "v0:12:x");
        check("{{ id }}.{{timestamp}}.{{ body }}", "x", "i.12.x");
        check("{method}{url}{body}", "x", "POSThttps://a.example/%3A?b=%2cx");
        check("{url_decoded}|{body}", "x", "https://a.example/:?b=,|x");
        check("{headers.x-a}{headers.x-b}{query.x}{body.y}", "y=3", "A13");
        check("{url}{form}", "b=2&a=1&b=1&b=1&c+d=%26", "https://a.example/%3A?b=%2ca1b1b2c d&");
    }

    #[test]
    fn hubspot_decodes_only_its_own_list() {
        let decoded = "https://a.example/:?/@!$'()*,;%20%2b%25%3";
        assert_eq!(url_decoded("https://a.example/%3a%3F%2F%40%21%24%27%28%29%2A%2c%3B%20%2b%25%3"), decoded);
        assert_eq!(url_decoded("%253A%é%"), "%253A%é%");
    }

    #[test]
    fn fields_are_counted_as_the_body_counts_them() {
        assert!(!has_too_many_fields("a=1&".repeat(FIELDS_MAX).as_bytes()));
        assert!(has_too_many_fields("a=1&".repeat(FIELDS_MAX + 1).as_bytes()));
        assert!(!has_too_many_fields("&".repeat(1_000_000).as_bytes()));
    }

    #[test]
    fn a_template_that_covers_nothing_or_has_an_unknown_name_is_rejected() {
        for (bad, word) in [
            ("", "covers nothing"),
            ("v1", "covers nothing"),
            ("{url}", "covers nothing"),
            ("{bdy}", "unknown {bdy}"),
            ("{body", "without a }"),
        ] {
            let error = SignedText::parse(bad).unwrap_err();
            assert!(error.to_string().contains(word), "{bad}: {error}");
        }
    }
}
