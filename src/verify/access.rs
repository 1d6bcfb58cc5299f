//! The token with which Cloudflare Access says who calls: a JSON Web Token, signed with RS256 under a key of the team.
//! <https://developers.cloudflare.com/cloudflare-one/access-controls/applications/http-apps/authorization-cookie/validating-json/>
//!
//! It neither fetches the keys nor knows where a request has its token: `http/access.rs` does.

use base64::Engine;
use serde_json::Value;

use super::crypto::{Crypto, Hash, PublicKey, PublicSignature};
use super::jwt::{BASE64, TOKEN_BYTES_MAX, read_part};
use super::public_key::{RsaKey, rsa_key};
use crate::timestamp::{MINUTE_MS, SECOND_MS, Timestamp};

/// The domain of every team.
const DOMAIN: &str = ".cloudflareaccess.com";

/// The most audience tags: one for each application in front of the Worker.
const AUDIENCES_MAX: usize = 8;

/// How far Access's clock may differ from ours, milliseconds.
const LEEWAY_MS: i64 = MINUTE_MS;

/// The smallest key, bits (RFC 7518, section 3.3).
const KEY_BITS_MIN: u32 = 2048;

/// The most keys of a team that are kept: Access has two, the present one and the one before.
const KEYS_MAX: usize = 16;

/// The longest name of a key, bytes; Access's have 64.
const KEY_ID_BYTES_MAX: usize = 256;

/// The longest name of a user, characters: an address of e-mail has at most 254.
const USER_CHARS_MAX: usize = 256;

/// The applications of a team whose users are let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// `https://<team>.cloudflareaccess.com`
    issuer: String,
    /// The audience tags: 64 hexadecimal digits each.
    audiences: Vec<String>,
}

/// Why a variable is not accepted. Each text continues the name of the variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAccess {
    /// It is not the name of a team.
    #[error("must be the name of a team, or its domain")]
    Team,
    /// It is not a list of audience tags.
    #[error("must be 1 to {AUDIENCES_MAX} audience tags of 64 hex digits, with commas between them")]
    Audience,
}

/// Why a token is not accepted. Each text continues "the token of Cloudflare Access".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAssertion {
    /// It has more bytes than any token of Access.
    #[error("is too long")]
    TooLong,
    /// It cannot be read.
    #[error("must be a JSON Web Token with the claims that Access writes")]
    Malformed,
    /// Another algorithm, or none.
    #[error("must be signed with RS256")]
    WrongAlgorithm,
    /// Another team.
    #[error("has another issuer than ACCESS_TEAM")]
    WrongIssuer,
    /// Another application.
    #[error("has another audience than ACCESS_AUD")]
    WrongAudience,
    /// A token of the team and of no application.
    #[error("must be of type app")]
    WrongType,
    /// Its time is over.
    #[error("has expired: sign in again")]
    Expired,
    /// Its time has not come.
    #[error("is not valid yet")]
    NotYetValid,
    /// The team has no key of this name.
    #[error("is signed with an unknown key")]
    UnknownKey,
    /// The signature is not one of the token.
    #[error("has a wrong signature")]
    WrongSignature,
}

/// A token whose claims would let its user in. Nobody has looked at its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion<'a> {
    /// The name of the key that it says it is signed with.
    pub key_id: String,
    signed_text: &'a str,
    signature: Vec<u8>,
    user: Option<String>,
}

/// A key of a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// Its name.
    pub id: String,
    key: RsaKey,
}

impl Access {
    /// Reads the name or the domain of a team, and the audience tags of its applications.
    ///
    /// # Errors
    /// [`InvalidAccess`] when either is not what it must be.
    pub fn new(team: &str, audiences: &str) -> Result<Self, InvalidAccess> {
        let domain = team.strip_prefix("https://").unwrap_or(team).trim_end_matches('/');
        let name = domain.strip_suffix(DOMAIN).unwrap_or(domain);
        let is_name = (1..=63).contains(&name.len())
            && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            && !name.starts_with('-')
            && !name.ends_with('-');
        if !is_name {
            return Err(InvalidAccess::Team);
        }
        let is_tag = |tag: &str| tag.len() == 64 && tag.bytes().all(|byte| byte.is_ascii_hexdigit());
        let audiences: Vec<String> =
            audiences.split(',').map(|tag| tag.trim().to_ascii_lowercase()).collect();
        if audiences.len() > AUDIENCES_MAX || !audiences.iter().all(|tag| is_tag(tag)) {
            return Err(InvalidAccess::Audience);
        }
        Ok(Self { issuer: format!("https://{name}{DOMAIN}"), audiences })
    }

    /// The address at which the team publishes its keys.
    #[must_use]
    pub fn keys_url(&self) -> String {
        format!("{}/cdn-cgi/access/certs", self.issuer)
    }

    /// Reads a token. Its claims come before its signature: to reject a token needs no proof, and one of another team or an
    /// old one then says so, and costs neither a key nor a signature.
    ///
    /// # Errors
    /// [`InvalidAssertion`], apart from those of a signature.
    pub fn read<'a>(&self, token: &'a str, now: Timestamp) -> Result<Assertion<'a>, InvalidAssertion> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(InvalidAssertion::TooLong);
        }
        let parts = token.rsplit_once('.').and_then(|(signed_text, signature)| {
            let (header, claims) = signed_text.split_once('.')?;
            // A further dot is not base64url.
            Some((signed_text, read_part(header)?, read_part(claims)?, BASE64.decode(signature).ok()?))
        });
        let (signed_text, header, claims, signature) = parts.ok_or(InvalidAssertion::Malformed)?;
        let text = |object: &Value, name: &str| object.get(name)?.as_str().map(ToOwned::to_owned);
        if text(&header, "alg").as_deref() != Some("RS256") {
            return Err(InvalidAssertion::WrongAlgorithm);
        }
        // RFC 7515, section 4.1.11: extensions that a reader must understand; none is known here.
        let key_id = text(&header, "kid").filter(|_| header.get("crit").is_none());
        let key_id = key_id.ok_or(InvalidAssertion::Malformed)?;
        self.check_claims(&claims, now)?;
        let user = text(&claims, "email").or_else(|| text(&claims, "common_name"));
        let user = user.map(|name| name.chars().take(USER_CHARS_MAX).collect());
        Ok(Assertion { key_id, signed_text, signature, user })
    }

    fn check_claims(&self, claims: &Value, now: Timestamp) -> Result<(), InvalidAssertion> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let moment = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(value) => {
                let seconds = value.as_i64().ok_or(InvalidAssertion::Malformed)?;
                Ok(Some(Timestamp::from_millis(seconds.saturating_mul(SECOND_MS))))
            }
        };
        if text("iss") != Some(&self.issuer) {
            return Err(InvalidAssertion::WrongIssuer);
        }
        let is_ours =
            |tag: &Value| tag.as_str().is_some_and(|tag| self.audiences.iter().any(|own| own == tag));
        let is_audience = match claims.get("aud") {
            Some(Value::Array(tags)) => tags.iter().any(is_ours),
            Some(tag) => is_ours(tag),
            None => false,
        };
        if !is_audience {
            return Err(InvalidAssertion::WrongAudience);
        }
        if text("type") != Some("app") {
            return Err(InvalidAssertion::WrongType);
        }
        let end = moment("exp")?.ok_or(InvalidAssertion::Malformed)?;
        if now.since_ms(end) >= LEEWAY_MS {
            return Err(InvalidAssertion::Expired);
        }
        let is_early = |begin: Option<Timestamp>| begin.is_some_and(|begin| begin.since_ms(now) > LEEWAY_MS);
        if is_early(moment("nbf")?) || is_early(moment("iat")?) {
            return Err(InvalidAssertion::NotYetValid);
        }
        Ok(())
    }
}

impl Assertion<'_> {
    /// Checks the signature, and returns the user: an address of e-mail, or the common name of a service token; `None`: the
    /// token has neither.
    ///
    /// # Errors
    /// [`InvalidAssertion::WrongSignature`].
    pub async fn verify(
        self,
        key: &AccessKey,
        crypto: &dyn Crypto,
    ) -> Result<Option<String>, InvalidAssertion> {
        let signed = PublicSignature {
            key: PublicKey::Rsa(Hash::Sha256, &key.key.spki),
            message: self.signed_text.as_bytes(),
            signature: &self.signature,
        };
        let is_genuine =
            self.signature.len() == key.key.modulus_bytes && crypto.verify(signed).await == Ok(true);
        if is_genuine { Ok(self.user) } else { Err(InvalidAssertion::WrongSignature) }
    }
}

impl AccessKey {
    /// The usable keys of a JSON Web Key Set (RFC 7517, section 5), the first 16 of them.
    #[must_use]
    pub fn read_all(body: &[u8]) -> Vec<Self> {
        let set: Value = serde_json::from_slice(body).unwrap_or_default();
        let keys = set.get("keys").and_then(Value::as_array);
        keys.into_iter().flatten().filter_map(Self::read).take(KEYS_MAX).collect()
    }

    fn read(key: &Value) -> Option<Self> {
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        let is_for_rs256 = text("kty") == Some("RSA")
            && matches!(text("alg"), None | Some("RS256"))
            && matches!(text("use"), None | Some("sig"));
        let id = text("kid").filter(|id| is_for_rs256 && id.len() <= KEY_ID_BYTES_MAX)?;
        let number = |name: &str| BASE64.decode(text(name)?).ok();
        let key = rsa_key(&number("n")?, &number("e")?, KEY_BITS_MIN)?;
        Some(Self { id: id.to_owned(), key })
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
