//! Signed links: the holder of a link may read one archived file, or see the status of one run, until the link expires, and
//! nothing else.
//!
//! Links are stored nowhere, so that only another secret revokes them, all at once. The time and the secret are arguments;
//! this file must not read a clock or the environment.

use serde::Deserialize;
use serde_json::Value;
use url::{Url, form_urlencoded};

use crate::digest::hmac_sha256_hex;
use crate::digest::is_same_secret;
use crate::example_secrets::EXAMPLE;
use crate::fabricate::{FileId, encode_path_part};
use crate::run::RunId;
use crate::timestamp::{SECOND_MS, Timestamp};

/// The name of the secret that links are signed with; without it there are no links.
pub const LINK_SECRET: &str = "LINK_SECRET";
/// How long a link works unless the operator says otherwise, seconds: an hour.
pub const EXPIRES_IN_DEFAULT_S: u32 = 60 * 60;
/// The longest that a link may work, seconds: seven days, the bound of S3 and R2.
pub const EXPIRES_IN_MAX_S: u32 = 7 * 24 * 60 * 60;
/// The least that a secret may have, bytes: as many as the hash has (RFC 2104, section 3).
pub const SECRET_BYTES_MIN: usize = 32;

/// The signed text of a link to a file begins with this, so that no signature that is made for something else, or for a later
/// form of link, is valid here.
const FILE_VERSION: &str = "seedhook-link-v1";
/// The same for a link to the status of a run.
const STATUS_VERSION: &str = "seedhook-status-v1";
/// The method that a link allows; `HEAD` comes with it.
const METHODS: &str = "GET";

/// The secret that links are signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkSecret(String);

/// Why no link can be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// The secret is not set.
    #[error("is not set")]
    Missing,
    /// A deployed Worker has the secret of an example.
    #[error("{EXAMPLE}")]
    Example,
    /// The secret is so short that it can be guessed.
    #[error("has fewer than {SECRET_BYTES_MIN} bytes")]
    TooShort,
}

/// Why a link is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The link was altered, or signed with another secret. The caller does not learn which.
    #[error("the link is not valid")]
    Invalid,
    /// The link was valid, and has expired.
    #[error("the link has expired")]
    Expired,
}

/// How long a link is to work, seconds: from 1 to [`EXPIRES_IN_MAX_S`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct ExpiresIn(u32);

/// Why a value does not say how long a link is to work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`expires_in` must be a whole number of seconds from 1 to {EXPIRES_IN_MAX_S} (7 days), got {0}")]
pub struct InvalidExpiry(Value);

/// A link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The path, and then `?expires={seconds since 1970}&signature={hex}`: `/files/{run_id}/{file_id}` or `/status/{run_id}`.
    pub reference: String,
    /// The time from which on the link does not work.
    pub expires_at: Timestamp,
}

impl Link {
    /// The whole address of the link, at the Worker whose address is `here`.
    #[must_use]
    pub fn at(&self, here: &Url) -> Option<Url> {
        here.join(&self.reference).ok()
    }
}

impl TryFrom<Value> for ExpiresIn {
    type Error = InvalidExpiry;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        let seconds = value.as_u64().and_then(|seconds| u32::try_from(seconds).ok());
        let allowed = seconds.filter(|seconds| (1..=EXPIRES_IN_MAX_S).contains(seconds));
        allowed.map(Self).ok_or(InvalidExpiry(value))
    }
}

impl ExpiresIn {
    /// [`EXPIRES_IN_MAX_S`]
    pub const MAX: Self = Self(EXPIRES_IN_MAX_S);

    /// The time at which a link expires that is made now, in whole seconds. Rounded up: the link must not expire early.
    fn from(self, now: Timestamp) -> Timestamp {
        now.plus_ms(i64::from(self.0) * SECOND_MS + SECOND_MS - 1).whole_seconds()
    }
}

impl Default for ExpiresIn {
    fn default() -> Self {
        Self(EXPIRES_IN_DEFAULT_S)
    }
}

impl LinkSecret {
    /// Takes a secret of at least [`SECRET_BYTES_MIN`] bytes.
    ///
    /// # Errors
    /// [`InvalidSecret`] when it is missing or shorter.
    pub fn new(secret: Option<&str>) -> Result<Self, InvalidSecret> {
        match secret.map(str::trim) {
            None | Some("") => Err(InvalidSecret::Missing),
            Some(secret) if secret.len() < SECRET_BYTES_MIN => Err(InvalidSecret::TooShort),
            Some(secret) => Ok(Self(secret.to_owned())),
        }
    }

    /// A link to a file that works from `now` on.
    #[must_use]
    pub fn link(&self, run_id: RunId, file_id: &FileId, now: Timestamp, expires_in: ExpiresIn) -> Link {
        self.link_until(run_id, file_id, expires_in.from(now))
    }

    /// A link to a file that works until a time, in whole seconds.
    #[must_use]
    pub fn link_until(&self, run_id: RunId, file_id: &FileId, expires_at: Timestamp) -> Link {
        let path = format!("/files/{run_id}/{}", encode_path_part(file_id.as_str()));
        self.signed(&path, expires_at, &Subject::File(run_id, file_id))
    }

    /// A link to the status of a run that works from `now` on.
    #[must_use]
    pub fn link_to_status(&self, run_id: RunId, now: Timestamp, expires_in: ExpiresIn) -> Link {
        self.signed(&format!("/status/{run_id}"), expires_in.from(now), &Subject::Status(run_id))
    }

    /// Whether a link to a file may be followed. `query` is what follows the `?`, as it was sent. Other parameters are ignored:
    /// mail programs add their own.
    ///
    /// # Errors
    /// [`LinkError`]. The signature is checked first: only a caller with a valid one learns that the link has expired.
    pub fn verify(
        &self,
        run_id: RunId,
        file_id: &FileId,
        query: &str,
        now: Timestamp,
    ) -> Result<(), LinkError> {
        self.verified(query, now, &Subject::File(run_id, file_id)).map(drop)
    }

    /// When a link to the status of a run expires. `query` as in [`verify`](Self::verify).
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_status(&self, run_id: RunId, query: &str, now: Timestamp) -> Result<Timestamp, LinkError> {
        self.verified(query, now, &Subject::Status(run_id))
    }

    fn signed(&self, path: &str, expires_at: Timestamp, subject: &Subject<'_>) -> Link {
        let expires = expires_at.as_millis() / SECOND_MS;
        // HMAC takes a key of any length, so that there is a signature; a link without one would not be followed.
        let signature = self.sign(subject, expires).unwrap_or_default();
        Link { reference: format!("{path}?expires={expires}&signature={signature}"), expires_at }
    }

    fn verified(&self, query: &str, now: Timestamp, subject: &Subject<'_>) -> Result<Timestamp, LinkError> {
        let expires = only(query, "expires").ok_or(LinkError::Invalid)?;
        let signature = only(query, "signature").ok_or(LinkError::Invalid)?;
        let seconds: i64 = expires.parse().map_err(|_| LinkError::Invalid)?;
        // One link has one address: no `+5`, no `05`.
        let expected = self.sign(subject, seconds).filter(|_| seconds.to_string() == expires);
        if !expected.is_some_and(|expected| is_same_secret(&signature, &expected)) {
            return Err(LinkError::Invalid);
        }
        let expires_at = Timestamp::from_millis(seconds.saturating_mul(SECOND_MS));
        if now < expires_at { Ok(expires_at) } else { Err(LinkError::Expired) }
    }

    /// HMAC-SHA256 in lower-case hex: Cloudflare's tail cuts long hex out of the addresses that it shows
    /// (<https://developers.cloudflare.com/workers/runtime-apis/handlers/tail/>). The file's id comes last, because it
    /// alone can hold any character.
    fn sign(&self, subject: &Subject<'_>, expires: i64) -> Option<String> {
        let message = match subject {
            Subject::File(run_id, file_id) => {
                format!("{FILE_VERSION}\n{METHODS}\n{run_id}\n{expires}\n{file_id}")
            }
            Subject::Status(run_id) => format!("{STATUS_VERSION}\n{METHODS}\n{run_id}\n{expires}"),
        };
        hmac_sha256_hex(&self.0, message.as_bytes())
    }
}

/// What a link opens.
enum Subject<'a> {
    File(RunId, &'a FileId),
    Status(RunId),
}

/// The value of a parameter that the query has exactly once.
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
