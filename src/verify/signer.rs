//! Signs a delivery as a sender does that knows the secret: for `cargo xtask sign` and for tests.
//!
//! It is not part of the Worker: it is compiled for native targets only. It signs by the same data by which deliveries are
//! verified, so every sender whose key is not private can be signed for.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64_URL};
use serde_json::{Map, Value, json};

use super::age::TimestampFormat;
use super::evidence::Evidence;
use super::jwt::{Jwt, jws_name};
use super::key::{Encoding, Key};
use super::signature::{Signature, SignedTimestamp};
use super::signed::SignedValues;
use super::token::{Token, TokenForm};
use super::{Proof, SecretError, Verification, VerifyContext, VerifyError};
use crate::digest::sha256_hex;
use crate::request::RawRequest;
use crate::request::source::{Source, View, value_at};
use crate::timestamp::{SECOND_MS, Timestamp};

/// How long a JSON Web Token made here is valid, seconds.
const JWT_LIFETIME_S: i64 = 60;

/// A delivery to be signed.
#[derive(Debug)]
pub struct UnsignedDelivery<'a> {
    /// The request without its signature or token.
    pub delivery: RawRequest,
    /// The id of the event, for senders that sign one.
    pub id: &'a str,
}

/// Why a delivery cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The signature needs a private key that only the sender has.
    #[error("only the sender has the private key to sign with")]
    PrivateKey,
    /// The hook's first secret cannot be used.
    #[error(transparent)]
    Secret(#[from] VerifyError),
    /// The value of the secret is no key for the scheme.
    #[error("the secret {0}")]
    Key(#[from] SecretError),
    /// The sender signs inside the body, and the body is not JSON.
    #[error("the signature is part of a JSON body, and the body is not JSON")]
    NotJson,
    /// The sender signs each item of a list, and the body has no such list.
    #[error("{0} must be a list")]
    NotAList(String),
    /// The body has no field where the sender writes this value.
    #[error("{0} cannot be written")]
    NoField(String),
}

/// A part of the body that is signed by itself: the path of a list item; `None` for the whole body.
type Part = Option<Vec<String>>;

impl Verification {
    /// Adds the signature or token of the first secret. Where the sender signs inside the body, the body is rewritten.
    ///
    /// # Errors
    /// [`SignError`] when only the sender can sign, the secret cannot be used, or the body has no field for the signature.
    pub fn sign(
        &self,
        unsigned: UnsignedDelivery<'_>,
        context: &VerifyContext<'_>,
    ) -> Result<RawRequest, SignError> {
        let UnsignedDelivery { mut delivery, id } = unsigned;
        let Some(name) = self.secret_names.first() else {
            return if self.is_open() { Ok(delivery) } else { Err(SignError::PrivateKey) };
        };
        let secret = self.secret(name, context.secret)?;
        let keyed = self.proof_index(&secret).and_then(|index| self.proofs.get(index));
        match keyed.map(|keyed| &keyed.proof) {
            Some(Proof::Signature(signature)) => {
                signature.sign(&mut delivery, self, &secret, id, context.now)?;
            }
            Some(Proof::Token(token)) => {
                for part in parts(token.batch.as_ref(), &delivery)? {
                    write(&token.at, &mut delivery, part.as_deref(), token.shown(&secret).into())?;
                }
            }
            Some(Proof::Jwt(jwt)) => {
                let url = self.called_url(&delivery);
                let VerifyContext { crypto, now, .. } = *context;
                let evidence = Evidence { delivery: &delivery, url: &url, certificate: None, crypto, now };
                let token = jwt.issue(&jwt.key(&secret)?, &evidence, id).ok_or(SignError::PrivateKey)?;
                write(&jwt.at, &mut delivery, None, token.into())?;
            }
            Some(Proof::Sns(_) | Proof::Nobody) | None => return Err(SignError::PrivateKey),
        }
        Ok(delivery)
    }
}

impl Signature {
    fn sign(
        &self,
        delivery: &mut RawRequest,
        verification: &Verification,
        secret: &str,
        id: &str,
        now: Timestamp,
    ) -> Result<(), SignError> {
        let key = self.key(secret)?;
        let at = self.at.first().ok_or_else(|| SignError::NoField("the signature".to_owned()))?;
        for (source, wanted) in self.expect.iter().filter(|(source, _)| source.header_name().is_some()) {
            write(source, delivery, None, wanted.clone().into())?;
        }
        let timestamp = self.timestamp.as_ref().map_or_else(String::new, |signed| signed.format.write(now));
        for part in parts(self.batch.as_ref(), delivery)? {
            let part = part.as_deref();
            if let Some(signed) = &self.timestamp {
                signed.write(delivery, part, &timestamp)?;
            }
            if let Some(source) = &self.id {
                write(source, delivery, part, id.into())?;
            }
            self.write_body_hash(delivery)?;
            let value = part.and_then(|path| delivery.value().and_then(|body| value_at(body, path)));
            let items = [("t", timestamp.as_str())];
            let view = View { body: value, items: &items, ..View::whole(delivery) };
            let url = verification.called_url(delivery);
            let message = self.signed.assemble(SignedValues { view, url: &url, timestamp: &timestamp, id });
            let signature = key.sign(&message).ok_or(SignError::PrivateKey)?;
            let text =
                self.list_with(&timestamp, &format!("{}{}", self.prefix, self.encoding.encode(&signature)));
            write(at, delivery, part, text.into())?;
        }
        Ok(())
    }

    fn write_body_hash(&self, delivery: &mut RawRequest) -> Result<(), SignError> {
        match &self.body_hash {
            Some(source) if !(self.signed.has_form() && delivery.is_form()) => {
                let hash = sha256_hex(&delivery.body);
                write(source, delivery, None, hash.into())
            }
            _ => Ok(()),
        }
    }

    /// The signature as an item of its list, after the timestamp where that is an item too.
    fn list_with(&self, timestamp: &str, signature: &str) -> String {
        let Some((separator, label)) = &self.list.label else { return signature.to_owned() };
        let signature = format!("{label}{separator}{signature}");
        let time_label = self.timestamp.as_ref().and_then(|signed| signed.at.item_label());
        match (time_label, &self.list.item_separator) {
            (Some(time), Some(between)) => format!("{time}{separator}{timestamp}{between}{signature}"),
            _ => signature,
        }
    }
}

impl SignedTimestamp {
    /// Writes the timestamp, unless it is an item of the signature's header: then it is written with the signature.
    fn write(&self, delivery: &mut RawRequest, part: Option<&[String]>, text: &str) -> Result<(), SignError> {
        if self.at.item_label().is_some() {
            return Ok(());
        }
        // In a body, seconds and milliseconds are numbers.
        let number = self.at.body_path().and_then(|_| text.parse::<i64>().ok());
        write(&self.at, delivery, part, number.map_or_else(|| Value::from(text), Value::from))
    }
}

impl TimestampFormat {
    fn write(self, moment: Timestamp) -> String {
        match self {
            Self::Seconds => (moment.as_millis() / SECOND_MS).to_string(),
            Self::Millis => moment.as_millis().to_string(),
            Self::Rfc3339 => moment.to_string(),
        }
    }
}

impl Encoding {
    fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => base16ct::lower::encode_string(bytes),
            Self::Base64 => BASE64.encode(bytes),
        }
    }
}

impl Token {
    /// The secret as the sender writes it.
    fn shown(&self, secret: &str) -> String {
        let secret = secret.trim();
        match self.form {
            TokenForm::Plain => secret.to_owned(),
            TokenForm::Bearer => format!("Bearer {secret}"),
            TokenForm::Basic => format!("Basic {}", BASE64.encode(secret)),
        }
    }
}

impl Jwt {
    /// Makes a token for a delivery; `None` where the algorithm has no shared secret.
    fn issue(&self, key: &Key, evidence: &Evidence<'_>, id: &str) -> Option<String> {
        let now_s = evidence.now.as_millis() / SECOND_MS;
        let mut claims = Map::new();
        let mut claim = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        claim("jti", json!(id));
        claim("nbf", json!(now_s));
        claim("exp", json!(now_s + JWT_LIFETIME_S));
        if let Some(issuer) = &self.issuer {
            claim("iss", json!(issuer));
        }
        if let Some(name) = self.body_claim.as_ref().filter(|_| !evidence.delivery.body.is_empty()) {
            claim(name, json!(sha256_hex(&evidence.delivery.body)));
        }
        if let Some(name) = &self.url_claim {
            claim(name, json!(sha256_hex(evidence.url.as_bytes())));
        }
        let header = json!({"alg": jws_name(self.algorithm()), "typ": "JWT"}).to_string();
        let message =
            [header, Value::Object(claims).to_string()].map(|part| BASE64_URL.encode(part)).join(".");
        let signature = BASE64_URL.encode(key.sign(&message.as_bytes().into())?);
        Some(format!("{message}.{signature}"))
    }
}

/// The parts that are signed one by one: the items of the list at `batch`, or the whole body.
fn parts(batch: Option<&Source>, delivery: &RawRequest) -> Result<Vec<Part>, SignError> {
    let Some(batch) = batch else { return Ok(vec![None]) };
    let list = batch.find_value(View::whole(delivery)).filter(|list| list.is_list());
    let count = list.ok_or_else(|| SignError::NotAList(batch.as_str().to_owned()))?.count();
    let path = batch.body_path().unwrap_or(&[]);
    Ok((0..count).map(|index| Some([path, &[index.to_string()]].concat())).collect())
}

/// Writes a value where `source` would find it. `part` is the path of the item that `body` stands for.
fn write(
    source: &Source,
    delivery: &mut RawRequest,
    part: Option<&[String]>,
    value: Value,
) -> Result<(), SignError> {
    let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let old = delivery.clone();
    *delivery = if let Some(name) = source.header_name() {
        old.with_header(name, Some(&text))
    } else if let Some(name) = source.query_name() {
        let pair = url::form_urlencoded::Serializer::new(String::new()).append_pair(name, &text).finish();
        let separator = if old.url.contains('?') { '&' } else { '?' };
        let url = format!("{}{separator}{pair}", old.url);
        old.at(&url)
    } else if let Some(path) = source.body_path() {
        let mut body: Value = serde_json::from_slice(&old.body).map_err(|_| SignError::NotJson)?;
        let path = [part.unwrap_or(&[]), path].concat();
        let field = field_at(&mut body, &path);
        *field.ok_or_else(|| SignError::NoField(source.as_str().to_owned()))? = value;
        let (headers, body) = (old.headers, body.to_string().into_bytes());
        RawRequest::new(&old.method, &old.url, headers, body, old.received_at)
    } else {
        return Err(SignError::NoField(source.as_str().to_owned()));
    };
    Ok(())
}

/// The field at a path. Objects on the way are created where they are missing.
fn field_at<'a>(value: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(value, |value, part| match value {
        Value::Array(items) => items.get_mut(part.parse::<usize>().ok()?),
        Value::Object(object) => {
            Some(object.entry(part.as_str()).or_insert_with(|| Value::Object(Map::new())))
        }
        _ => None,
    })
}
