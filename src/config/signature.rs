//! Reads how a sender signs: `hmac`, `ed25519` and `ecdsa-p256` with all their options.

use serde_json::Value;

use super::fields::{Reader, Table, is_header_name, read_duration_ms};
use crate::request::source::Source;
use crate::timestamp::{HOUR_MS, SECOND_MS};
use crate::verify::TOLERANCE_MS;
use crate::verify::age::TimeUnit;
use crate::verify::key::{Algorithm, Encoding, KeyForm};
use crate::verify::signature::{List, Signature, Stamp};
use crate::verify::signed::SignedText;

/// The widest tolerance: it must stay below the shortest retention of deliveries, which refuse a replay after it.
const TOLERANCE_MAX_MS: i64 = 24 * HOUR_MS;

/// The most places of one signature: each is tried.
const PLACES_MAX: usize = 4;

const ALGORITHMS: &[(&str, Algorithm)] =
    &[("sha256", Algorithm::HmacSha256), ("sha512", Algorithm::HmacSha512), ("sha1", Algorithm::HmacSha1)];
const ENCODINGS: &[(&str, Encoding)] = &[("hex", Encoding::Hex), ("base64", Encoding::Base64)];
const KEY_FORMS: &[(&str, KeyForm)] =
    &[("text", KeyForm::Text), ("base64", KeyForm::Base64), ("hex", KeyForm::Hex)];
const TIME_UNITS: &[(&str, TimeUnit)] =
    &[("s", TimeUnit::Seconds), ("ms", TimeUnit::Millis), ("rfc3339", TimeUnit::Rfc3339)];

impl Reader {
    pub(super) fn signature(&mut self, table: &Table<'_>, scheme: &str) -> Option<Signature> {
        let algorithm = match scheme {
            "ed25519" => Algorithm::Ed25519,
            "ecdsa-p256" => Algorithm::EcdsaP256,
            _ => self.word(table, "algorithm", ALGORITHMS)?,
        };
        let (encoding, key_form) =
            (self.word(table, "encoding", ENCODINGS)?, self.word(table, "secret_encoding", KEY_FORMS)?);
        let signed = self.signed(table)?;
        let timestamp = self.stamp(table, &signed);
        let id = self.source(table, "id");
        if signed.has_whole_body() && table.get("each").is_some() {
            let remedy = "write {body.FIELD}, fields of an item";
            self.mistake_at(table, "signed", "has the whole body for each of its items", remedy);
        }
        if signed.has_id() && id.is_none() {
            self.mistake_at(table, "signed", "has {id}, but `id` is missing", "write id = \"headers.NAME\"");
        }
        let (any_port, paired) = (self.boolean(table, "any_port"), self.boolean(table, "paired"));
        Some(Signature {
            at: self.signature_places(table)?,
            paired,
            list: self.list(table),
            prefix: self.short_text(table, "prefix").unwrap_or_default(),
            encoding,
            algorithm,
            key_form,
            signed,
            timestamp,
            id,
            each: self.source(table, "each"),
            body_hash: self.source(table, "body_hash"),
            expect: self.expected(table),
            any_port,
        })
    }

    /// `expect = { "headers.x-version" = "1" }`
    fn expected(&mut self, table: &Table<'_>) -> Vec<(Source, String)> {
        let Some((value, path)) = table.get("expect") else { return Vec::new() };
        let texts = value.as_object().into_iter().flatten();
        let read: Option<Vec<_>> = texts
            .map(|(place, wanted)| Some((Source::parse(place).ok()?, wanted.as_str()?.to_owned())))
            .collect();
        read.filter(|_| value.is_object()).unwrap_or_else(|| {
            let remedy = "write expect = { \"headers.x-acme-version\" = \"1\" }";
            self.mistake(&path, "is no table of places and texts", remedy);
            Vec::new()
        })
    }

    /// `header = "x-signature"`, or `signature = "body.signature"` where it is in no header; either may be a list.
    fn signature_places(&mut self, table: &Table<'_>) -> Option<Vec<Source>> {
        let field = if table.get("signature").is_some() { "signature" } else { "header" };
        let read = |text: &str| match field {
            "header" => is_header_name(text).then(|| Source::header(text)),
            _ => Source::parse(text).ok(),
        };
        let texts: Option<Vec<String>> = if let Some((Value::Array(items), _)) = table.get(field) {
            items.iter().map(|item| item.as_str().map(ToOwned::to_owned)).collect()
        } else {
            Some(vec![self.text(table, field)?])
        };
        let places: Option<Vec<Source>> =
            texts.and_then(|texts| texts.iter().map(|text| read(text)).collect());
        let places = places.filter(|places| (1..=PLACES_MAX).contains(&places.len()));
        if places.is_none() {
            let problem = format!("is neither a header's name nor a list of up to {PLACES_MAX}");
            self.mistake_at(table, field, &problem, "write header = \"x-signature\"");
        }
        places
    }

    fn list(&mut self, table: &Table<'_>) -> List {
        let item_separator = self.short_text(table, "item_separator");
        let field_separator = self.short_text(table, "field_separator");
        let label = self.short_text(table, "label");
        let label = match (field_separator, label) {
            (Some(separator), Some(label)) => Some((separator, label)),
            (None, None) => None,
            (Some(_), None) => {
                self.mistake_at(table, "field_separator", "stands without `label`", "write label = \"v1\"");
                None
            }
            (None, Some(label)) => Some(("=".to_owned(), label)),
        };
        List { item_separator, label }
    }

    fn signed(&mut self, table: &Table<'_>) -> Option<SignedText> {
        let written = self.optional_text(table, "signed").unwrap_or_else(|| "{body}".to_owned());
        SignedText::parse(&written)
            .map_err(|problem| {
                self.mistake_at(table, "signed", &problem, "write signed = \"{timestamp}.{body}\"");
            })
            .ok()
    }

    fn stamp(&mut self, table: &Table<'_>, signed: &SignedText) -> Option<Stamp> {
        let Some(at) = self.source(table, "timestamp") else {
            if signed.has_timestamp() && table.get("timestamp").is_none() {
                let remedy =
                    "write timestamp = \"headers.NAME\", or \"items.t\" where it stands beside the signature";
                self.mistake_at(table, "signed", "has {timestamp}, but `timestamp` is missing", remedy);
            }
            return None;
        };
        if !signed.has_timestamp() && at.body_path().is_none() {
            let remedy = "put {timestamp} into `signed`, as the sender does, or leave `timestamp` out";
            self.mistake_at(
                table,
                "timestamp",
                "is not covered by the signature, so anybody can renew it",
                remedy,
            );
        }
        let unit = self.word(table, "timestamp_unit", TIME_UNITS)?;
        Some(Stamp { at, unit, tolerance_ms: self.tolerance(table, Some(TOLERANCE_MS)) })
    }

    pub(super) fn tolerance(&mut self, table: &Table<'_>, default_ms: Option<i64>) -> Option<i64> {
        let Some((value, path)) = table.get("tolerance") else { return default_ms };
        if value.as_str() == Some("none") {
            return None;
        }
        let allowed = read_duration_ms(value).filter(|ms| (SECOND_MS..=TOLERANCE_MAX_MS).contains(ms));
        if allowed.is_none() {
            let remedy = "write \"5m\", or a number of seconds; \"none\" takes a delivery of any age";
            self.mistake(&path, "is no duration from 1 second to 24 hours", remedy);
        }
        allowed
    }
}
