//! Reads `verify`: a scheme spelt out, or a sender's name, whose scheme is spelt out in the same words in
//! `senders.json`. One grammar for both, so whatever a preset says, a configuration can say too.

use serde_json::{Map, Value};

use super::fields::{Reader, Table};
use crate::config::sender::{Sender, sender, sender_names};
use crate::expression::nearest;
use crate::request::source::Source;
use crate::timestamp::{HOUR_MS, MINUTE_MS};
use crate::verify::jwt::Jwt;
use crate::verify::key::Algorithm;
use crate::verify::sns::Sns;
use crate::verify::token::{Token, TokenForm};
use crate::verify::{Choice, Proof, TOLERANCE_MS, Verification};

/// The most secrets of one hook: each is tried.
const SECRETS_MAX: usize = 8;

/// How old a message of SNS may be unless something else is said: SNS retries for an hour.
const SNS_TOLERANCE_MS: i64 = HOUR_MS + 5 * MINUTE_MS;

/// What `verify` may say of a signature, whatever its algorithm.
#[rustfmt::skip]
const SIGNATURE: &[&str] = &[
    "secret", "secret_encoding", "header", "signature", "encoding", "prefix", "item_separator", "field_separator", "label",
    "signed", "timestamp", "timestamp_unit", "tolerance", "id", "url", "each", "expect",
];

const JWT: &[&str] =
    &["secret", "header", "algorithm", "issuer", "expires", "body_claim", "url_claim", "tolerance", "url"];

/// What `verify` may say for each scheme that it spells out, beside `scheme`.
const SCHEMES: &[(&str, &[&[&str]])] = &[
    ("hmac", &[&["algorithm", "body_hash", "any_port", "paired"], SIGNATURE]),
    ("ed25519", &[SIGNATURE]),
    ("ecdsa-p256", &[SIGNATURE]),
    ("jwt", &[JWT]),
    ("bearer", &[&["secret"]]),
    ("basic", &[&["secret"]]),
    ("header", &[&["secret", "header"]]),
    ("query", &[&["secret", "parameter"]]),
    ("field", &[&["secret", "field", "each"]]),
    ("aws-sns", &[&["topic_arn", "tolerance", "signature_version"]]),
    ("none", &[]),
];

const EXAMPLE: &str = "write verify = { scheme = \"standard-webhooks\", secret = \"NAME_OF_SECRET\" }";

/// Who may call, and, where that is a sender we know, the rest of what we know of it.
pub(super) struct Caller {
    pub(super) verify: Verification,
    pub(super) sender: Option<&'static Sender>,
    /// Where the sender states the event's id, as `verify` itself says.
    pub(super) id: Option<Source>,
}

impl Reader {
    pub(super) fn caller(&mut self, table: &Table<'_>) -> Option<Caller> {
        let Some((value, path)) = table.get("verify") else {
            let remedy = format!("{EXAMPLE}, or {{ scheme = \"none\" }} to let anybody in");
            self.mistake(table.own_path, "`verify` is missing", remedy);
            return None;
        };
        let Some(verify) = value.as_object() else {
            self.mistake(&path, "is not a table", EXAMPLE);
            return None;
        };
        let table = Table { own: verify, own_path: &path, base: None };
        let scheme = self.text(&table, "scheme")?;
        if let Some(sender) = sender(&scheme) {
            return self.known_sender(&table, sender);
        }
        let Some(fields) = fields_of(&scheme) else {
            let remedy = unknown_scheme_remedy(&scheme);
            self.mistake_at(&table, "scheme", &format!("unknown scheme \"{scheme}\""), &remedy);
            return None;
        };
        self.unknown_fields(&table, &[&["scheme", "secret"], fields.as_slice()].concat());
        let secret_names = self.secret_names(&table, fields.contains(&"secret"))?;
        let choices = if scheme == "none" { Vec::new() } else { vec![self.choice(&table, &scheme)?] };
        let id = self.source(&table, "id");
        let url = self.url(&table);
        let verify = Verification { scheme, secret_names, verify_token_name: None, url, proofs: choices };
        Some(Caller { verify, sender: None, id })
    }

    /// A sender by name: its own tables, with what the hook may add to them.
    fn known_sender(&mut self, table: &Table<'_>, sender: &'static Sender) -> Option<Caller> {
        let asked: Vec<&str> = sender.asks.iter().map(String::as_str).collect();
        let mut known = vec!["scheme", "secret"];
        let adjustable = ["tolerance", "url", "header", "signature_version"]
            .into_iter()
            .filter(|field| sender.takes(field));
        known.extend(adjustable.chain(asked.iter().copied()));
        self.unknown_fields(table, &known);
        let secret_names = self.secret_names(table, sender.needs_secret())?;
        let mut proofs = Vec::new();
        for own in &sender.verify {
            let scheme = own.get("scheme").and_then(Value::as_str).unwrap_or_default();
            let fields = fields_of(scheme).unwrap_or_default();
            let mut merged: Map<String, Value> = own.clone();
            for (field, value) in table.own.iter().filter(|(field, _)| fields.contains(&field.as_str())) {
                merged.insert(field.clone(), value.clone());
            }
            proofs.push(self.choice(&Table { own: &merged, ..*table }, scheme)?);
        }
        let verify_token_name = if asked.contains(&"verify_token") {
            Some(self.secret_name(table, "verify_token")?)
        } else {
            None
        };
        let url = self.url(table);
        let verify =
            Verification { scheme: sender.name.clone(), secret_names, verify_token_name, url, proofs };
        Some(Caller { verify, sender: Some(sender), id: None })
    }

    fn choice(&mut self, table: &Table<'_>, scheme: &str) -> Option<Choice> {
        let secret_prefix = self.optional_text(table, "secret_prefix");
        let proof = match scheme {
            "jwt" => Proof::Jwt(self.jwt(table)?),
            "aws-sns" => Proof::Sns(self.sns(table)?),
            "bearer" => token(Source::header("authorization"), TokenForm::Bearer),
            "basic" => token(Source::header("authorization"), TokenForm::Basic),
            "header" => token(Source::header(&self.header(table, "header")?), TokenForm::Plain),
            "query" => {
                let name = self.text(table, "parameter")?;
                token(self.source_at(table, "parameter", &format!("query.{name}"))?, TokenForm::Plain)
            }
            "field" => {
                let at = self.text(table, "field")?;
                let (at, each) = (self.source_at(table, "field", &at)?, self.source(table, "each"));
                Proof::Token(Token { at, form: TokenForm::Plain, each })
            }
            _ => Proof::Signature(Box::new(self.signature(table, scheme)?)),
        };
        Some(Choice { secret_prefix, proof })
    }

    fn jwt(&mut self, table: &Table<'_>) -> Option<Jwt> {
        Some(Jwt {
            at: Source::header(&self.header(table, "header")?),
            algorithms: self.jwt_algorithms(table)?,
            expires: self.boolean(table, "expires"),
            issuer: self.optional_text(table, "issuer"),
            body_claim: self.short_text(table, "body_claim"),
            url_claim: self.short_text(table, "url_claim"),
            leeway_ms: self.tolerance(table, None).unwrap_or(TOLERANCE_MS),
        })
    }

    /// One algorithm, or a list of those that may be used.
    fn jwt_algorithms(&mut self, table: &Table<'_>) -> Option<Vec<Algorithm>> {
        let names: Option<Vec<&str>> = match table.get("algorithm") {
            None => Some(vec!["HS256"]),
            Some((Value::Array(names), _)) => names.iter().map(Value::as_str).collect(),
            Some((value, _)) => value.as_str().map(|name| vec![name]),
        };
        let known =
            |name: &str| JWT_ALGORITHMS.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let algorithms: Option<Vec<Algorithm>> =
            names.and_then(|names| names.into_iter().map(known).collect());
        let algorithms = algorithms.filter(|algorithms| !algorithms.is_empty());
        if algorithms.is_none() {
            self.mistake_at(
                table,
                "algorithm",
                "is not known",
                "it is HS256, HS384, HS512, or a list of them",
            );
        }
        algorithms
    }

    fn sns(&mut self, table: &Table<'_>) -> Option<Sns> {
        let written = self.text(table, "topic_arn")?;
        let tolerance_ms = self.tolerance(table, Some(SNS_TOLERANCE_MS));
        // 1: either version; 2: only that.
        let version_2_only = self.number(table, "signature_version", 1, 1, 2) == 2;
        Sns::new(&written, tolerance_ms, version_2_only)
            .map_err(|problem| {
                let remedy = "write topic_arn = \"arn:aws:sns:us-east-1:123456789012:name\": a signature proves AWS, \
                              not whose topic it is";
                self.mistake_at(table, "topic_arn", &problem, remedy);
            })
            .ok()
    }

    /// The address as the sender knows it, where that is another than the Worker's.
    fn url(&mut self, table: &Table<'_>) -> Option<String> {
        let written = self.optional_text(table, "url")?;
        let is_address = url::Url::parse(&written).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !is_address {
            let remedy = "write the address as the sender knows it: https://example.com/hooks/name";
            self.mistake_at(table, "url", "is no address", remedy);
        }
        Some(written)
    }

    fn secret_names(&mut self, verify: &Table<'_>, needed: bool) -> Option<Vec<String>> {
        let Some((value, path)) = verify.get("secret") else {
            if !needed {
                return Some(Vec::new());
            }
            let remedy = "write secret = \"NAME_OF_SECRET\", the name of a secret and not its value";
            self.mistake(verify.own_path, "`secret` is missing", remedy);
            return None;
        };
        if !needed {
            self.mistake(&path, "this scheme checks no secret", "remove it, or name another scheme");
            return None;
        }
        let names: Option<Vec<&str>> = match value {
            Value::String(name) => Some(vec![name]),
            Value::Array(items) => items.iter().map(Value::as_str).collect(),
            _ => None,
        };
        match names {
            Some(names)
                if (1..=SECRETS_MAX).contains(&names.len())
                    && names.iter().all(|name| is_secret_name(name)) =>
            {
                Some(names.into_iter().map(ToOwned::to_owned).collect())
            }
            _ => {
                let remedy = format!(
                    "give one name or a list of 1 to {SECRETS_MAX}, of letters, digits and _; never the value"
                );
                self.mistake(&path, "is not the name of a secret", remedy);
                None
            }
        }
    }

    fn secret_name(&mut self, table: &Table<'_>, field: &str) -> Option<String> {
        let name = self.text(table, field)?;
        if is_secret_name(&name) {
            return Some(name);
        }
        let remedy = "give a name of letters, digits and _; never the value";
        self.mistake_at(table, field, "is not the name of a secret", remedy);
        None
    }
}

const JWT_ALGORITHMS: &[(&str, Algorithm)] =
    &[("HS256", Algorithm::HmacSha256), ("HS384", Algorithm::HmacSha384), ("HS512", Algorithm::HmacSha512)];

fn token(at: Source, form: TokenForm) -> Proof {
    Proof::Token(Token { at, form, each: None })
}

/// What `verify` may say for a scheme that it spells out.
fn fields_of(scheme: &str) -> Option<Vec<&'static str>> {
    let found = SCHEMES.iter().find(|(name, _)| *name == scheme);
    found.map(|(_, fields)| fields.concat())
}

fn unknown_scheme_remedy(scheme: &str) -> String {
    let schemes = SCHEMES.iter().map(|(name, _)| *name);
    let names: Vec<&str> = schemes.chain(sender_names()).collect();
    match nearest(scheme, &names) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("the schemes and senders are {}", names.join(", ")),
    }
}

/// How secrets themselves begin: where a name should stand, one of these is the value.
const SECRET_BEGINNINGS: &[&str] =
    &["whsec_", "whpk_", "whsk_", "lin_wh_", "shpss_", "pdl_ntfset_", "sk_live_", "sk_test_"];

fn is_secret_name(name: &str) -> bool {
    if SECRET_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)) {
        return false;
    }
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
