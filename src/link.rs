//! A signed link to an archived file: for a while, who has it may read that one file, and nothing else.
//!
//! It stores nothing, so that a link is taken back only with all others: by another secret. It reads no clock and no
//! environment; time and secret are arguments.

use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::digest::hmac_sha256_hex;
use crate::digest::is_same_secret;
use crate::fabricate::{FileId, encode_path_part};
use crate::run::RunId;
use crate::timestamp::{SECOND_MS, Timestamp};

/// How long a link works unless something else is asked for, seconds: an hour.
pub const EXPIRES_IN_DEFAULT_S: u32 = 60 * 60;
/// How long a link may work, seconds: seven days, as S3 and R2 bound theirs.
pub const EXPIRES_IN_MAX_S: u32 = 7 * 24 * 60 * 60;
/// The least that a secret may have, bytes: as many as the hash has (RFC 2104, section 3).
pub const SECRET_BYTES_MIN: usize = 32;

/// What is signed begins with this: another form of link gets another, and no signature made for anything else is one
/// of these.
const VERSION: &str = "seedhook-link-v1";
/// What a link allows: `GET`, and so `HEAD`.
const METHODS: &str = "GET";

/// What links are signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkSecret(String);

/// Why there can be no link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// It is not set.
    #[error("is not set")]
    Missing,
    /// It can be guessed.
    #[error("has fewer than {SECRET_BYTES_MIN} bytes")]
    TooShort,
}

/// Why a link is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It is none of ours, or none any more, or altered. Which, nobody is told.
    #[error("the link is not valid")]
    Invalid,
    /// It was good.
    #[error("the link has expired")]
    Expired,
}

/// How long a link is to work: from a second to [`EXPIRES_IN_MAX_S`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpiresIn(u32);

/// Why a body does not say how long a link is to work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBody {
    /// No such object.
    #[error("the body is empty, or a JSON object such as {{\"expires_in\": {EXPIRES_IN_DEFAULT_S}}}: {0}")]
    Malformed(String),
    /// No such number.
    #[error("expires_in is a whole number of seconds from 1 to {EXPIRES_IN_MAX_S} (7 days)")]
    OutOfBounds,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// `/files/{run_id}/{file_id}?expires={seconds since 1970}&signature={hex}`
    pub reference: String,
    /// From when on it does not work.
    pub expires_at: Timestamp,
}

impl ExpiresIn {
    /// Reads the body of a call: `{"expires_in": seconds}`, or nothing for [`EXPIRES_IN_DEFAULT_S`].
    ///
    /// # Errors
    /// Anything else, in words that say what is allowed.
    pub fn read(body: &[u8]) -> Result<Self, InvalidBody> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        let body: Map<String, Value> =
            serde_json::from_slice(body).map_err(|error| InvalidBody::Malformed(error.to_string()))?;
        if let Some(unknown) = body.keys().find(|name| *name != "expires_in") {
            return Err(InvalidBody::Malformed(format!("unknown field `{unknown}`")));
        }
        let Some(value) = body.get("expires_in").filter(|value| !value.is_null()) else {
            return Ok(Self::default());
        };
        let seconds = value.as_u64().and_then(|seconds| u32::try_from(seconds).ok());
        let allowed = seconds.filter(|seconds| (1..=EXPIRES_IN_MAX_S).contains(seconds));
        allowed.map(Self).ok_or(InvalidBody::OutOfBounds)
    }
}

impl Default for ExpiresIn {
    fn default() -> Self {
        Self(EXPIRES_IN_DEFAULT_S)
    }
}

impl LinkSecret {
    /// Takes a secret that nobody can guess, or would have to be long to be.
    ///
    /// # Errors
    /// When it is missing or short.
    pub fn new(secret: Option<&str>) -> Result<Self, InvalidSecret> {
        match secret.map(str::trim) {
            None | Some("") => Err(InvalidSecret::Missing),
            Some(secret) if secret.len() < SECRET_BYTES_MIN => Err(InvalidSecret::TooShort),
            Some(secret) => Ok(Self(secret.to_owned())),
        }
    }

    /// A link to a file that works from now on.
    #[must_use]
    pub fn link(&self, run_id: RunId, file_id: &FileId, now: Timestamp, expires_in: ExpiresIn) -> Link {
        // Not sooner than was asked for.
        let expires_at = now.plus_ms(i64::from(expires_in.0) * SECOND_MS + SECOND_MS - 1).whole_seconds();
        let expires = expires_at.as_millis() / SECOND_MS;
        // HMAC takes a key of any length; were it not so, a link without a signature would work nowhere.
        let signature = self.sign(run_id, file_id, expires).unwrap_or_default();
        let file_id = encode_path_part(file_id.as_str());
        let reference = format!("/files/{run_id}/{file_id}?expires={expires}&signature={signature}");
        Link { reference, expires_at }
    }

    /// Whether a link may be followed: `query` is what follows the `?`, as it was sent. Parameters of other names are
    /// passed over, for mail programs and the like add their own.
    ///
    /// # Errors
    /// The signature is looked at first: only a good one tells that its link has expired.
    pub fn verify(
        &self,
        run_id: RunId,
        file_id: &FileId,
        query: &str,
        now: Timestamp,
    ) -> Result<(), LinkError> {
        let expires = only(query, "expires").ok_or(LinkError::Invalid)?;
        let signature = only(query, "signature").ok_or(LinkError::Invalid)?;
        let seconds: i64 = expires.parse().map_err(|_| LinkError::Invalid)?;
        // One link has one address: no `+5`, no `05`.
        let expected = self.sign(run_id, file_id, seconds).filter(|_| seconds.to_string() == expires);
        if !expected.is_some_and(|expected| is_same_secret(&signature, &expected)) {
            return Err(LinkError::Invalid);
        }
        let expires_at = Timestamp::from_millis(seconds.saturating_mul(SECOND_MS));
        if now < expires_at { Ok(()) } else { Err(LinkError::Expired) }
    }

    /// HMAC-SHA256 in lower-case hex: Cloudflare's tail cuts long hex out of the addresses that it shows
    /// (<https://developers.cloudflare.com/workers/runtime-apis/handlers/tail/>). The file's id comes last, because it
    /// alone can hold any character.
    fn sign(&self, run_id: RunId, file_id: &FileId, expires: i64) -> Option<String> {
        let message = format!("{VERSION}\n{METHODS}\n{run_id}\n{expires}\n{file_id}");
        hmac_sha256_hex(&self.0, message.as_bytes())
    }
}

/// The value of a parameter that is there once.
fn only(query: &str, name: &str) -> Option<String> {
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
    let (_, value) = values.next()?;
    values.next().is_none().then(|| value.into_owned())
}

impl std::fmt::Debug for LinkSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkSecret(…)")
    }
}

#[cfg(test)]
mod tests;
