//! A JSON Web Token (RFC 7519) in a header, whose claims hold a hash of the body or of the address.
//!
//! Only HMAC algorithms exist here. A token may choose among those that its sender uses, but never `none` or a public
//! key. The tokens of Cloudflare Access are in `verify/access.rs`.

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::error::{ProofError, SecretError};
use super::evidence::Evidence;
use super::key::{Algorithm, Key, KeyForm};
use super::token::bearer_token;
use crate::digest::sha256_hex;
use crate::request::source::{Source, View};
use crate::timestamp::{SECOND_MS, Timestamp};

/// How the parts of a token are written.
pub(super) const BASE64: GeneralPurpose = URL_SAFE_NO_PAD;

/// The longest token, bytes; a token has a handful of claims.
pub(super) const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// How the token of a sender is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Jwt {
    /// The header that holds it.
    pub(crate) at: Source,
    /// The algorithms that the sender uses.
    pub(crate) algorithms: Vec<Algorithm>,
    /// What the claim `iss` must be; absent: any.
    pub(crate) issuer: Option<String>,
    /// Whether the claims `nbf` and `exp` are required.
    pub(crate) expires: bool,
    /// The name of the claim with the body's SHA-256 in hex. An empty body has no such claim.
    pub(crate) body_claim: Option<String>,
    /// The name of the claim with the SHA-256 of the address in hex.
    pub(crate) url_claim: Option<String>,
    /// How much the clocks may differ when `nbf` and `exp` are checked.
    pub(crate) leeway_ms: i64,
}

impl Jwt {
    /// Checks the token of a delivery against any of the secrets.
    #[inline(never)]
    pub(super) fn check(&self, evidence: &Evidence<'_>, secrets: &[&str]) -> Result<(), ProofError> {
        let token = self.at.find(View::whole(evidence.delivery)).ok_or_else(|| self.failure("is missing"))?;
        let bearer = bearer_token(&token).filter(|_| self.at.header_name() == Some("authorization"));
        let token = bearer.unwrap_or(&token);
        if token.len() > TOKEN_BYTES_MAX {
            return Err(self.failure("is too long"));
        }
        let parts: Vec<&str> = token.splitn(4, '.').collect();
        let [header, claims, signature] = parts.as_slice() else {
            return Err(self.failure("is not a JSON Web Token"));
        };
        let header_value = read_part(header).ok_or_else(|| self.failure("has no header"))?;
        // RFC 7515, section 4.1.11: extensions that a reader must understand; none is known here.
        if header_value.get("crit").is_some() {
            return Err(self.failure("has a crit header"));
        }
        let stated = header_value.get("alg").and_then(Value::as_str);
        let algorithm = self.algorithms.iter().find(|known| Some(jws_name(**known)) == stated);
        let algorithm = algorithm.ok_or_else(|| {
            let known: Vec<&str> = self.algorithms.iter().map(|known| jws_name(*known)).collect();
            self.failure(format_args!("must use the algorithm {}", known.join(" or ")))
        })?;
        let signature = BASE64.decode(signature);
        let signature = [signature.map_err(|_| self.failure("has a signature that is not base64url"))?];
        let message = format!("{header}.{claims}");
        let keys = secrets.iter().filter_map(|secret| algorithm.key(secret, KeyForm::Text).ok());
        if !keys.into_iter().any(|key| key.verifies_small(&message.as_bytes().into(), &signature)) {
            return Err(self.failure("is not signed with the secret"));
        }
        let claims = read_part(claims).ok_or_else(|| self.failure("has no claims"))?;
        self.check_claims(&claims, evidence)
    }

    fn failure(&self, problem: impl std::fmt::Display) -> ProofError {
        ProofError::new(format!("{} {problem}", self.at.label()))
    }

    fn check_claims(&self, claims: &Value, evidence: &Evidence<'_>) -> Result<(), ProofError> {
        if let Some(issuer) = &self.issuer
            && claims.get("iss").and_then(Value::as_str) != Some(issuer)
        {
            return Err(self.failure(format_args!("is not issued by {issuer}")));
        }
        let moment = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(value) => match value.as_i64() {
                Some(seconds) => Ok(Some(Timestamp::from_millis(seconds.saturating_mul(SECOND_MS)))),
                None => Err(self.failure(format_args!("must have a number of seconds as {name}"))),
            },
        };
        if self.expires && (claims.get("exp").is_none() || claims.get("nbf").is_none()) {
            return Err(self.failure("must have the claims nbf and exp"));
        }
        if moment("exp")?.is_some_and(|end| evidence.now.since_ms(end) > self.leeway_ms) {
            return Err(self.failure("has expired"));
        }
        if moment("nbf")?.is_some_and(|begin| begin.since_ms(evidence.now) > self.leeway_ms) {
            return Err(self.failure("is not valid yet"));
        }
        let is_hash = |claim: &str, of: &[u8]| {
            let stated = claims.get(claim).and_then(Value::as_str);
            stated.is_some_and(|stated| stated.eq_ignore_ascii_case(&sha256_hex(of)))
        };
        let body = &evidence.delivery.body;
        if let Some(claim) = &self.body_claim
            && !(if body.is_empty() { claims.get(claim).is_none() } else { is_hash(claim, body) })
        {
            return Err(self.failure(format_args!("has a {claim} that is not the SHA-256 of the body")));
        }
        if let Some(claim) = &self.url_claim
            && !is_hash(claim, evidence.url.as_bytes())
        {
            let url = evidence.url;
            return Err(
                self.failure(format_args!("has a {claim} that is not the SHA-256 of the address {url}"))
            );
        }
        Ok(())
    }

    /// Reads a secret as a key for the sender's first algorithm.
    pub(super) fn key(&self, secret: &str) -> Result<Key, SecretError> {
        self.algorithm().key(secret, KeyForm::Text)
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithms.first().copied().unwrap_or(Algorithm::HmacSha256)
    }
}

/// The name of an algorithm in a token (RFC 7518, section 3.1); empty for those that no token may use.
pub(super) fn jws_name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::HmacSha256 => "HS256",
        Algorithm::HmacSha384 => "HS384",
        Algorithm::HmacSha512 => "HS512",
        _ => "",
    }
}

/// Reads a part of a token that is a JSON object.
pub(super) fn read_part(part: &str) -> Option<Value> {
    serde_json::from_slice(&BASE64.decode(part).ok()?).ok().filter(Value::is_object)
}
