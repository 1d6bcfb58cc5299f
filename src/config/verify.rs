//! Reads `verify`: a scheme with its fields, or the name of a sender, whose scheme is in `senders.json`. Both use the same
//! fields, so a configuration can describe every sender.

use serde_json::{Map, Value};

use super::fields::{HookReader, Table};
use crate::config::sender::{Sender, read_sender, sender_names};
use crate::expression::nearest;
use crate::request::source::Source;
use crate::timestamp::{HOUR_MS, MINUTE_MS};
use crate::verify::jwt::Jwt;
use crate::verify::key::Algorithm;
use crate::verify::sns::Sns;
use crate::verify::token::{Token, TokenForm};
use crate::verify::{KeyedProof, Proof, TOLERANCE_MS, Verification};

/// The most secrets of one hook; each is checked.
const SECRETS_MAX: usize = 8;

/// Default of `tolerance` for SNS, which retries for an hour.
const SNS_TOLERANCE_MS: i64 = HOUR_MS + 5 * MINUTE_MS;

/// The fields of a signature with any algorithm.
#[rustfmt::skip]
const SIGNATURE: &[&str] = &[
    "secret", "secret_encoding", "header", "signature", "encoding", "prefix", "item_separator", "field_separator", "label",
    "signed", "timestamp", "timestamp_unit", "tolerance", "id", "url", "each", "expect",
];

const JWT: &[&str] =
    &["secret", "header", "algorithm", "issuer", "expires", "body_claim", "url_claim", "tolerance", "url"];

/// The schemes, and the fields of each beside `scheme`.
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

/// What `verify` says.
pub(super) struct VerifySection {
    pub(super) verify: Verification,
    /// The known sender that it names.
    pub(super) sender: Option<Sender>,
    /// Where the sender states the id of an event.
    pub(super) id: Option<Source>,
}

impl HookReader {
    pub(super) fn verify_section(&mut self, table: &Table<'_>) -> Option<VerifySection> {
        let Some(value) = table.get("verify") else {
            let remedy = format!("{EXAMPLE}, or {{ scheme = \"none\" }} to accept any caller, or a schedule");
            self.mistake(table.own_path, "`verify` is missing", remedy);
            return None;
        };
        let Some(verify) = value.as_object() else {
            self.wrong_value(table, "verify", "a table", EXAMPLE);
            return None;
        };
        let path = table.path_of("verify");
        let table = Table::new(verify, &path);
        let scheme = self.text(&table, "scheme")?;
        if let Some(sender) = self.sender(&scheme) {
            return self.known_sender(&table, sender);
        }
        let Some(fields) = fields_of(&scheme) else {
            let remedy = unknown_scheme_remedy(&scheme);
            self.mistake_at(&table, "scheme", format_args!("unknown scheme \"{scheme}\""), remedy);
            return None;
        };
        self.unknown_fields(&table, &[&["scheme", "secret"], fields.as_slice()].concat());
        let secret_names = self.secret_names(&table, fields.contains(&"secret"))?;
        let proofs = if scheme == "none" { Vec::new() } else { vec![self.proof(&table, &scheme)?] };
        let id = self.source(&table, "id");
        let url = self.url(&table);
        let verify = Verification { scheme, secret_names, verify_token_name: None, url, proofs };
        Some(VerifySection { verify, sender: None, id })
    }

    /// Reads a known sender: its own proofs, with the fields that the hook sets.
    fn known_sender(&mut self, table: &Table<'_>, sender: Sender) -> Option<VerifySection> {
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
            let set = table.own.iter().filter(|(field, _)| fields.contains(&field.as_str()));
            let set: Map<String, Value> = set.map(|(field, value)| (field.clone(), value.clone())).collect();
            let base = Some((own, table.own_path));
            proofs.push(self.proof(&Table { own: &set, own_path: table.own_path, base }, scheme)?);
        }
        let verify_token_name = if asked.contains(&"verify_token") {
            Some(self.secret_name(table, "verify_token")?)
        } else {
            None
        };
        let url = self.url(table);
        let verify =
            Verification { scheme: sender.name.clone(), secret_names, verify_token_name, url, proofs };
        Some(VerifySection { verify, sender: Some(sender), id: None })
    }

    /// The sender of a name; that its entry cannot be read is a mistake.
    pub(super) fn sender(&mut self, name: &str) -> Option<Sender> {
        read_sender(name).unwrap_or_else(|error| {
            let remedy = "this build is broken: build the Worker from an unchanged release";
            self.mistake(&["senders.json".to_owned()], error, remedy);
            None
        })
    }

    fn proof(&mut self, table: &Table<'_>, scheme: &str) -> Option<KeyedProof> {
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
                let (at, batch) = (self.source_at(table, "field", &at)?, self.source(table, "each"));
                Proof::Token(Token { at, form: TokenForm::Plain, batch })
            }
            _ => Proof::Signature(Box::new(self.signature(table, scheme)?)),
        };
        Some(KeyedProof { secret_prefix, proof })
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

    /// One algorithm, or a list of algorithms.
    fn jwt_algorithms(&mut self, table: &Table<'_>) -> Option<Vec<Algorithm>> {
        let names: Option<Vec<&str>> = match table.get("algorithm") {
            None => Some(vec!["HS256"]),
            Some(Value::Array(names)) => names.iter().map(Value::as_str).collect(),
            Some(value) => value.as_str().map(|name| vec![name]),
        };
        let known =
            |name: &str| JWT_ALGORITHMS.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let algorithms: Option<Vec<Algorithm>> =
            names.and_then(|names| names.into_iter().map(known).collect());
        let algorithms = algorithms.filter(|algorithms| !algorithms.is_empty());
        if algorithms.is_none() {
            let takes = "HS256, HS384, HS512, or a list of them";
            self.wrong_value(table, "algorithm", takes, "write the algorithm that the sender uses");
        }
        algorithms
    }

    fn sns(&mut self, table: &Table<'_>) -> Option<Sns> {
        let written = self.text(table, "topic_arn")?;
        let tolerance_ms = self.tolerance(table, Some(SNS_TOLERANCE_MS));
        // 1 accepts both versions, 2 only version 2.
        let version_2_only = self.number(table, "signature_version", 1_u32, &(1..=2)) == 2;
        Sns::new(&written, tolerance_ms, version_2_only)
            .map_err(|error| {
                let remedy = "write topic_arn = \"arn:aws:sns:us-east-1:123456789012:name\": a signature \
                              proves AWS, not the owner of the topic";
                self.mistake_at(table, "topic_arn", error, remedy);
            })
            .ok()
    }

    /// The address that the sender calls, where it differs from the Worker's.
    fn url(&mut self, table: &Table<'_>) -> Option<String> {
        let written = self.optional_text(table, "url")?;
        let is_address = url::Url::parse(&written).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !is_address {
            let remedy = "write the address that the sender calls: https://example.com/hooks/name";
            self.wrong_value(table, "url", "an http or https address with a host in ASCII", remedy);
        }
        Some(written)
    }

    fn secret_names(&mut self, verify: &Table<'_>, needed: bool) -> Option<Vec<String>> {
        let Some(value) = verify.get("secret") else {
            if !needed {
                return Some(Vec::new());
            }
            let remedy = "write secret = \"NAME_OF_SECRET\", the name of a secret and not its value";
            self.mistake(verify.own_path, "`secret` is missing", remedy);
            return None;
        };
        if !needed {
            let remedy = "remove it, or name another scheme";
            self.mistake_at(verify, "secret", "this scheme checks no secret", remedy);
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
                    "write one name or a list of 1 to {SECRETS_MAX}, of letters, digits and _; never the value"
                );
                // The value is not quoted: it may be the secret itself.
                self.mistake_at(verify, "secret", "must be the name of a secret", remedy);
                None
            }
        }
    }

    pub(super) fn secret_name(&mut self, table: &Table<'_>, field: &str) -> Option<String> {
        let name = self.text(table, field)?;
        if is_secret_name(&name) {
            return Some(name);
        }
        let remedy = "write a name of letters, digits and _; never the value";
        self.mistake_at(table, field, "must be the name of a secret", remedy);
        None
    }
}

const JWT_ALGORITHMS: &[(&str, Algorithm)] =
    &[("HS256", Algorithm::HmacSha256), ("HS384", Algorithm::HmacSha384), ("HS512", Algorithm::HmacSha512)];

fn token(at: Source, form: TokenForm) -> Proof {
    Proof::Token(Token { at, form, batch: None })
}

/// The fields of a scheme, beside `scheme`; `None` for an unknown scheme.
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

/// The beginnings of the values of secrets. A name with one of them is a value in the wrong place.
const SECRET_BEGINNINGS: &[&str] =
    &["whsec_", "whpk_", "whsk_", "lin_wh_", "shpss_", "pdl_ntfset_", "sk_live_", "sk_test_"];

fn is_secret_name(name: &str) -> bool {
    if SECRET_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)) {
        return false;
    }
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
