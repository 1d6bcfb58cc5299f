//! The text that a sender signs, as a template: `{timestamp}.{body}`.
//!
//! It puts bytes together and compares none.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::digest::{sha256, sha256_hex};
use crate::request::body::FIELDS_MAX;
use crate::request::source::{Source, View};

/// A template of what is signed, over the raw bytes of the delivery.
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

/// What the pieces stand for in one delivery.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) view: View<'a>,
    pub(super) url: &'a str,
    pub(super) timestamp: &'a str,
    pub(super) id: &'a str,
}

impl SignedText {
    /// Reads a template; a name stands in one pair of braces, or in two.
    ///
    /// # Errors
    /// In words, when it has a name that is not known, or covers nothing of the delivery.
    pub(crate) fn parse(written: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let doubled = written.replace("{{", "{").replace("}}", "}");
        let mut rest = doubled.as_str();
        while let Some((text, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or("has a { without a }")?;
            pieces.push(Piece::Text(text.to_owned()));
            pieces.push(Piece::named(name.trim())?);
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        pieces.retain(|piece| *piece != Piece::Text(String::new()));
        let signed = Self { written: written.to_owned(), pieces };
        if signed.pieces.iter().all(|piece| matches!(piece, Piece::Text(_) | Piece::Method | Piece::Url)) {
            return Err(format!("covers nothing of the delivery: use {NAMES}"));
        }
        Ok(signed)
    }

    /// The template as written.
    pub(super) fn as_str(&self) -> &str {
        &self.written
    }

    pub(crate) fn has_timestamp(&self) -> bool {
        self.pieces.contains(&Piece::Timestamp)
    }

    pub(crate) fn has_id(&self) -> bool {
        self.pieces.contains(&Piece::Id)
    }

    /// The text that ends the id.
    pub(super) fn after_id(&self) -> Option<&str> {
        let next = self.pieces.iter().skip_while(|piece| **piece != Piece::Id).nth(1)?;
        match next {
            Piece::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn has_whole_body(&self) -> bool {
        let whole = [Piece::Body, Piece::BodySha256, Piece::BodySha256Bytes, Piece::Form];
        whole.iter().any(|piece| self.pieces.contains(piece))
    }

    /// Whether it covers every body, whatever that is.
    pub(super) fn has_any_body(&self) -> bool {
        let any = [Piece::Body, Piece::BodySha256, Piece::BodySha256Bytes];
        any.iter().any(|piece| self.pieces.contains(piece))
    }

    /// Whether it covers the address that was called.
    pub(super) fn has_url(&self) -> bool {
        self.pieces.contains(&Piece::Url) || self.pieces.contains(&Piece::UrlDecoded)
    }

    /// Whether it covers a place, as that is written.
    pub(super) fn has_value(&self, place: &str) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Value(source) if source.as_str() == place))
    }

    pub(super) fn has_form(&self) -> bool {
        self.pieces.contains(&Piece::Form)
    }

    /// A place in it where something stands that is no text. It would add nothing, and nothing is what a sender signs
    /// where nothing stands: so one could stand for the other.
    pub(super) fn unreadable(&self, view: View<'_>) -> Option<&Source> {
        self.pieces.iter().find_map(|piece| match piece {
            Piece::Value(source) if source.is_unreadable(view) => Some(source),
            _ => None,
        })
    }

    /// The bytes that were signed. A place with nothing in it adds nothing.
    pub(super) fn assemble(&self, parts: Parts<'_>) -> Vec<u8> {
        let delivery = parts.view.delivery;
        let mut bytes = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => bytes.extend(text.as_bytes()),
                Piece::Body => bytes.extend(&delivery.body),
                Piece::BodySha256 => bytes.extend(sha256_hex(&delivery.body).as_bytes()),
                Piece::BodySha256Bytes => bytes.extend(sha256(&delivery.body)),
                Piece::Timestamp => bytes.extend(parts.timestamp.as_bytes()),
                Piece::Id => bytes.extend(parts.id.as_bytes()),
                Piece::Method => bytes.extend(delivery.method.as_bytes()),
                Piece::Url => bytes.extend(parts.url.as_bytes()),
                Piece::UrlDecoded => bytes.extend(url_decoded(parts.url).as_bytes()),
                Piece::Form if delivery.is_form() => {
                    bytes.extend(sorted_form(&delivery.body).iter().flat_map(|text| text.bytes()));
                }
                Piece::Form => {}
                Piece::Value(source) => {
                    bytes.extend(source.find(parts.view).unwrap_or_default().as_bytes());
                }
            }
        }
        bytes
    }
}

impl Piece {
    fn named(name: &str) -> Result<Self, String> {
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
                Self::Value(source.map_err(|_| format!("has an unknown {{{other}}}: there are {NAMES}"))?)
            }
        })
    }
}

/// Whether a form has more fields than are sorted. It only counts: nothing is decoded or kept.
pub(super) fn has_too_many_fields(form: &[u8]) -> bool {
    form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).nth(FIELDS_MAX).is_some()
}

/// Twilio's rule: parameters sorted by name, a repeated one once for each of its different values, sorted too. Texts of
/// names and values in turn; of a form with more than [`FIELDS_MAX`] fields only the first of them.
fn sorted_form(body: &[u8]) -> Vec<Cow<'_, str>> {
    let fields: BTreeSet<_> = url::form_urlencoded::parse(body).take(FIELDS_MAX).collect();
    fields.into_iter().flat_map(|(name, value)| [name, value]).collect()
}

/// `HubSpot` decodes these, and only these, before it signs. None of them is `%`, so one pass is enough.
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
        let parts =
            Parts { view: View::of(&delivery), url: "https://a.example/%3A?b=%2c", timestamp: "12", id: "i" };
        let assembled = SignedText::parse(template).unwrap().assemble(parts);
        assert_eq!(String::from_utf8(assembled).unwrap(), expected, "{template}");
    }

    #[test]
    fn pieces_stand_in_their_order() {
        check("{body}", "x", "x");
        check("v0:{timestamp}:{body}", "x", "v0:12:x");
        check("{{ id }}.{{timestamp}}.{{ body }}", "x", "i.12.x");
        check("{method}{url}{body}", "x", "POSThttps://a.example/%3A?b=%2cx");
        check("{url_decoded}|{body}", "x", "https://a.example/:?b=,|x");
        check("{headers.x-a}{headers.x-b}{query.x}{body.y}", "y=3", "A13");
        check("{url}{form}", "b=2&a=1&b=1&b=1&c+d=%26", "https://a.example/%3A?b=%2ca1b1b2c d&");
    }

    #[test]
    fn hubspot_decodes_its_own_list_and_nothing_else() {
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
    fn what_covers_nothing_or_is_unknown_is_refused() {
        for (bad, word) in [
            ("", "covers nothing"),
            ("v1", "covers nothing"),
            ("{url}", "covers nothing"),
            ("{bdy}", "unknown {bdy}"),
            ("{body", "without a }"),
        ] {
            let error = SignedText::parse(bad).unwrap_err();
            assert!(error.contains(word), "{bad}: {error}");
        }
    }
}
