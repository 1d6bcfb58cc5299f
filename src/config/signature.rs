//! Reads the fields of a signature: the schemes `hmac`, `ed25519` and `ecdsa-p256` with all their options.

use serde_json::Value;

use super::fields::{HookReader, Table, is_header_name};
use crate::request::source::Source;
use crate::timestamp::{HOUR_MS, SECOND_MS};
use crate::verify::TOLERANCE_MS;
use crate::verify::age::TimestampFormat;
use crate::verify::key::{Algorithm, Encoding, KeyForm};
use crate::verify::signature::{ListSyntax, Signature, SignedTimestamp};
use crate::verify::signed::SignedText;

/// The largest tolerance. It must be below the retention of deliveries, which detect a replay after the tolerance.
const TOLERANCE_MAX_MS: i64 = 24 * HOUR_MS;

/// The most sources of one signature; each is checked.
const SOURCES_MAX: usize = 4;

const ALGORITHMS: &[(&str, Algorithm)] =
    &[("sha256", Algorithm::HmacSha256), ("sha512", Algorithm::HmacSha512), ("sha1", Algorithm::HmacSha1)];
const ENCODINGS: &[(&str, Encoding)] = &[("hex", Encoding::Hex), ("base64", Encoding::Base64)];
const KEY_FORMS: &[(&str, KeyForm)] =
    &[("text", KeyForm::Text), ("base64", KeyForm::Base64), ("hex", KeyForm::Hex)];
const TIMESTAMP_FORMATS: &[(&str, TimestampFormat)] = &[
    ("s", TimestampFormat::Seconds),
    ("ms", TimestampFormat::Millis),
    ("rfc3339", TimestampFormat::Rfc3339),
];

impl HookReader {
    pub(super) fn signature(&mut self, table: &Table<'_>, scheme: &str) -> Option<Signature> {
        let algorithm = match scheme {
            "ed25519" => Algorithm::Ed25519,
            "ecdsa-p256" => Algorithm::EcdsaP256,
            _ => self.word(table, "algorithm", ALGORITHMS)?,
        };
        let (encoding, key_form) =
            (self.word(table, "encoding", ENCODINGS)?, self.word(table, "secret_encoding", KEY_FORMS)?);
        let signed = self.signed(table)?;
        let timestamp = self.signed_timestamp(table, &signed);
        let id = self.source(table, "id");
        if signed.has_whole_body() && table.get("each").is_some() {
            let remedy = "write {body.FIELD}, fields of an item";
            self.mistake_at(table, "signed", "must not have the whole body with `each`", remedy);
        }
        if signed.has_id() && id.is_none() {
            self.mistake_at(table, "signed", "has {id}, but `id` is missing", "write id = \"headers.NAME\"");
        }
        let (any_port, paired) = (self.boolean(table, "any_port"), self.boolean(table, "paired"));
        Some(Signature {
            at: self.signature_sources(table)?,
            paired,
            list: self.list(table),
            prefix: self.short_text(table, "prefix").unwrap_or_default(),
            encoding,
            algorithm,
            key_form,
            signed,
            timestamp,
            id,
            batch: self.source(table, "each"),
            body_hash: self.source(table, "body_hash"),
            expect: self.expected(table),
            any_port,
        })
    }

    /// `expect = { "headers.x-version" = "1" }`
    fn expected(&mut self, table: &Table<'_>) -> Vec<(Source, String)> {
        let Some(value) = table.get("expect") else { return Vec::new() };
        let read = |(source, wanted): (&String, &Value)| {
            Some((Source::parse(source).ok()?, wanted.as_str()?.to_owned()))
        };
        let expected = value.as_object().and_then(|texts| texts.iter().map(read).collect());
        expected.unwrap_or_else(|| {
            let remedy = "write expect = { \"headers.x-acme-version\" = \"1\" }";
            self.wrong_value(table, "expect", "a table of sources and texts", remedy);
            Vec::new()
        })
    }

    /// `header = "x-signature"`, or `signature = "body.signature"` where it is not in a header; either may be a list.
    fn signature_sources(&mut self, table: &Table<'_>) -> Option<Vec<Source>> {
        let field = if table.get("signature").is_some() { "signature" } else { "header" };
        let read = |text: &str| match field {
            "header" => is_header_name(text).then(|| Source::header(text)),
            _ => Source::parse(text).ok(),
        };
        let texts: Option<Vec<String>> = if let Some(Value::Array(items)) = table.get(field) {
            items.iter().map(|item| item.as_str().map(ToOwned::to_owned)).collect()
        } else {
            Some(vec![self.text(table, field)?])
        };
        let sources: Option<Vec<Source>> =
            texts.and_then(|texts| texts.iter().map(|text| read(text)).collect());
        let sources = sources.filter(|sources| (1..=SOURCES_MAX).contains(&sources.len()));
        if sources.is_none() {
            let takes = format!("the name of a header, or a list of up to {SOURCES_MAX}");
            self.wrong_value(table, field, takes, "write header = \"x-signature\"");
        }
        sources
    }

    fn list(&mut self, table: &Table<'_>) -> ListSyntax {
        let item_separator = self.short_text(table, "item_separator");
        let field_separator = self.short_text(table, "field_separator");
        let label = self.short_text(table, "label");
        let label = match (field_separator, label) {
            (Some(separator), Some(label)) => Some((separator, label)),
            (None, None) => None,
            (Some(_), None) => {
                self.mistake_at(table, "field_separator", "needs `label`", "write label = \"v1\"");
                None
            }
            (None, Some(label)) => Some(("=".to_owned(), label)),
        };
        ListSyntax { item_separator, label }
    }

    fn signed(&mut self, table: &Table<'_>) -> Option<SignedText> {
        let written = self.optional_text(table, "signed").unwrap_or_else(|| "{body}".to_owned());
        SignedText::parse(&written)
            .map_err(|error| {
                self.mistake_at(table, "signed", error, "write signed = \"{timestamp}.{body}\"");
            })
            .ok()
    }

    fn signed_timestamp(&mut self, table: &Table<'_>, signed: &SignedText) -> Option<SignedTimestamp> {
        let Some(at) = self.source(table, "timestamp") else {
            if signed.has_timestamp() && table.get("timestamp").is_none() {
                let remedy =
                    "write timestamp = \"headers.NAME\", or \"items.t\" where it is beside the signature";
                self.mistake_at(table, "signed", "has {timestamp}, but `timestamp` is missing", remedy);
            }
            return None;
        };
        if !signed.has_timestamp() && at.body_path().is_none() {
            let remedy = "put {timestamp} into `signed`, as the sender does, or leave `timestamp` out";
            self.mistake_at(
                table,
                "timestamp",
                "must be covered by the signature, or any caller can renew it",
                remedy,
            );
        }
        let format = self.word(table, "timestamp_unit", TIMESTAMP_FORMATS)?;
        Some(SignedTimestamp { at, format, tolerance_ms: self.tolerance(table, Some(TOLERANCE_MS)) })
    }

    /// The tolerance in milliseconds. `None` where it is "none" or a mistake.
    pub(super) fn tolerance(&mut self, table: &Table<'_>, default_ms: Option<i64>) -> Option<i64> {
        match table.get("tolerance") {
            None => default_ms,
            Some(value) if value.as_str() == Some("none") => None,
            Some(_) => {
                let remedy = "write \"5m\", or a number of seconds; \"none\" accepts a delivery of any age";
                let bounds = SECOND_MS..=TOLERANCE_MAX_MS;
                self.duration_ms(table, "tolerance", &bounds, "1 second to 24 hours", remedy)
            }
        }
    }
}
