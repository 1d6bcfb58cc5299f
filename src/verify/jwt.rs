//! A JSON Web Token (RFC 7519) in a header, whose claims state a hash of the body or of the address.
//!
//! Only shared-secret algorithms are known, and of those only the ones that the sender uses are taken: the token's own
//! word can choose among them, but neither `none` nor a public key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Map, Value, json};

use super::key::{Algorithm, Key, KeyForm};
use super::{Evidence, Refusal};
use crate::digest::sha256_hex;
use crate::request::source::{Source, View};
use crate::timestamp::{SECOND_MS, Timestamp};

/// The longest token, bytes: a handful of claims.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// How long a token that is made here is valid, seconds.
const LIFE_S: i64 = 60;

/// How a sender's token is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Jwt {
    /// Where it stands.
    pub(crate) at: Source,
    /// The algorithms that the sender uses.
    pub(crate) algorithms: Vec<Algorithm>,
    /// What `iss` must be.
    pub(crate) issuer: Option<String>,
    /// Whether the token must say from when to when it is valid.
    pub(crate) expires: bool,
    /// The claim with the body's SHA-256 in hex; it is there just when a body is.
    pub(crate) body_claim: Option<String>,
    /// The claim with the address's SHA-256 in hex.
    pub(crate) url_claim: Option<String>,
    /// How far `nbf` and `exp` may lie on the wrong side of now.
    pub(crate) leeway_ms: i64,
}

impl Jwt {
    /// Proves a delivery genuine under any of the secrets.
    pub(super) fn check(&self, evidence: &Evidence<'_>, secrets: &[&str]) -> Result<(), Refusal> {
        let place = self.at.label();
        let refuse = |problem: &str| Refusal::new(format!("{place} {problem}"));
        let token = self.at.find(View::of(evidence.delivery)).ok_or_else(|| refuse("is missing"))?;
        let bearer =
            super::token::bearer_token(&token).filter(|_| self.at.header_name() == Some("authorization"));
        let token = bearer.unwrap_or(&token);
        if token.len() > TOKEN_BYTES_MAX {
            return Err(refuse("is too long"));
        }
        let parts: Vec<&str> = token.splitn(4, '.').collect();
        let [header, claims, signature] = parts.as_slice() else {
            return Err(refuse("is no JSON Web Token"));
        };
        let header_value = read_part(header).unwrap_or_default();
        // RFC 7515, section 4.1.11: extensions that must be understood, and are not.
        if header_value.get("crit").is_some() {
            return Err(refuse("has a crit header"));
        }
        let stated = header_value.get("alg").and_then(Value::as_str);
        let algorithm = self.algorithms.iter().find(|known| Some(jws_name(**known)) == stated);
        let algorithm = algorithm.ok_or_else(|| {
            let known: Vec<&str> = self.algorithms.iter().map(|known| jws_name(*known)).collect();
            refuse(&format!("has an algorithm that is not taken: {}", known.join(", ")))
        })?;
        let signature = [BASE64.decode(signature).unwrap_or_default()];
        let message = format!("{header}.{claims}");
        let keys = secrets.iter().filter_map(|secret| algorithm.key(secret, KeyForm::Text).ok());
        if !keys.into_iter().any(|key| key.verifies(message.as_bytes(), &signature)) {
            return Err(refuse("is not signed with the secret"));
        }
        let claims = read_part(claims).ok_or_else(|| refuse("has no claims"))?;
        self.check_claims(&claims, evidence).map_err(|problem| refuse(&problem))
    }

    fn check_claims(&self, claims: &Value, evidence: &Evidence<'_>) -> Result<(), String> {
        if let Some(issuer) = &self.issuer
            && claims.get("iss").and_then(Value::as_str) != Some(issuer)
        {
            return Err(format!("is not issued by {issuer}"));
        }
        let moment = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(value) => match value.as_i64() {
                Some(seconds) => Ok(Some(Timestamp::from_millis(seconds.saturating_mul(SECOND_MS)))),
                None => Err(format!("has an {name} that is no number of seconds")),
            },
        };
        if self.expires && (claims.get("exp").is_none() || claims.get("nbf").is_none()) {
            return Err("does not say from when to when it is valid".to_owned());
        }
        if moment("exp")?.is_some_and(|end| evidence.now.since_ms(end) > self.leeway_ms) {
            return Err("has expired".to_owned());
        }
        if moment("nbf")?.is_some_and(|begin| begin.since_ms(evidence.now) > self.leeway_ms) {
            return Err("is not valid yet".to_owned());
        }
        let is_hash = |claim: &str, of: &[u8]| {
            let stated = claims.get(claim).and_then(Value::as_str);
            stated.is_some_and(|stated| stated.eq_ignore_ascii_case(&sha256_hex(of)))
        };
        let body = &evidence.delivery.body;
        if let Some(claim) = &self.body_claim
            && !(if body.is_empty() { claims.get(claim).is_none() } else { is_hash(claim, body) })
        {
            return Err(format!("has a {claim} that is not the SHA-256 of the body"));
        }
        if let Some(claim) = &self.url_claim
            && !is_hash(claim, evidence.url.as_bytes())
        {
            return Err(format!("has a {claim} that is not the SHA-256 of the address {}", evidence.url));
        }
        Ok(())
    }

    /// The key of a secret.
    pub(super) fn key(&self, secret: &str) -> Result<Key, String> {
        self.algorithm().key(secret, KeyForm::Text)
    }

    fn algorithm(&self) -> Algorithm {
        self.algorithms.first().copied().unwrap_or(Algorithm::HmacSha256)
    }

    /// A token that a sender with this key would send.
    pub(super) fn issue(&self, key: &Key, evidence: &Evidence<'_>, id: &str) -> Option<String> {
        let now_s = evidence.now.as_millis() / SECOND_MS;
        let mut claims = Map::new();
        let mut state = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        state("jti", json!(id));
        state("nbf", json!(now_s));
        state("exp", json!(now_s + LIFE_S));
        if let Some(issuer) = &self.issuer {
            state("iss", json!(issuer));
        }
        if let Some(claim) = self.body_claim.as_ref().filter(|_| !evidence.delivery.body.is_empty()) {
            state(claim, json!(sha256_hex(&evidence.delivery.body)));
        }
        if let Some(claim) = &self.url_claim {
            state(claim, json!(sha256_hex(evidence.url.as_bytes())));
        }
        let header = BASE64.encode(json!({"alg": jws_name(self.algorithm()), "typ": "JWT"}).to_string());
        let message = format!("{header}.{}", BASE64.encode(Value::Object(claims).to_string()));
        let signature = BASE64.encode(key.sign(message.as_bytes())?);
        Some(format!("{message}.{signature}"))
    }
}

/// RFC 7518, section 3.1.
fn jws_name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::HmacSha256 => "HS256",
        Algorithm::HmacSha384 => "HS384",
        Algorithm::HmacSha512 => "HS512",
        _ => "",
    }
}

fn read_part(part: &str) -> Option<Value> {
    serde_json::from_slice(&BASE64.decode(part).ok()?).ok().filter(Value::is_object)
}
