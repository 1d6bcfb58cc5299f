//! Whether a delivery is genuine: each sender's signature scheme over the raw bytes.
//!
//! Only [`Verification::verify`] makes a [`Verified`] delivery, and only that can be parsed. It reads no clock
//! and no environment: time and secrets are arguments. Comparisons are in constant time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::delivery::RawDelivery;
use crate::timestamp::{SECOND_MS, Timestamp};

/// How far a signed timestamp may lie from now, either way: Standard Webhooks' five minutes.
pub const TOLERANCE_MS: i64 = 300 * SECOND_MS;

/// The most signatures that one header may list; senders list two while they rotate a secret.
const SIGNATURES_MAX: usize = 16;

/// How a sender proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>, `v1`.
    StandardWebhooks,
    /// <https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries>.
    Github,
    /// `Authorization: Bearer <secret>` (RFC 6750, section 2.1).
    Bearer,
    /// Anybody may call. It has to be written out.
    None,
}

impl Scheme {
    /// Every scheme, by the name it has in the configuration.
    pub const NAMES: &[(&str, Self)] = &[
        ("standard-webhooks", Self::StandardWebhooks),
        ("github", Self::Github),
        ("bearer", Self::Bearer),
        ("none", Self::None),
    ];

    /// Its name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, scheme)| *scheme == self).map_or("", |(name, _)| name)
    }

    /// The header in which the sender names the event, in lower case.
    #[must_use]
    pub fn delivery_id_header(self) -> Option<&'static str> {
        match self {
            Self::StandardWebhooks => Some("webhook-id"),
            Self::Github => Some("x-github-delivery"),
            Self::Bearer | Self::None => None,
        }
    }

    /// Checks what can be known of a secret before any delivery.
    ///
    /// # Errors
    /// In words, when it cannot be one for this scheme.
    pub fn check_secret(self, secret: &str) -> Result<(), String> {
        match self {
            _ if secret.trim().is_empty() => Err("is empty".to_owned()),
            Self::StandardWebhooks => standard_webhooks_key(secret).map(|_| ()),
            Self::Github | Self::Bearer | Self::None => Ok(()),
        }
    }
}

/// Who may call a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// The scheme.
    pub scheme: Scheme,
    /// The names of the secrets, any of which may match (rotation); empty for [`Scheme::None`] alone.
    pub secret_names: Vec<String>,
}

/// A delivery whose sender is who the hook says.
#[derive(Debug)]
pub struct Verified(RawDelivery);

impl Verified {
    /// The delivery, to be parsed.
    #[must_use]
    pub fn into_inner(self) -> RawDelivery {
        self.0
    }
}

/// Why a delivery is not taken. The texts are for the log: a caller learns only which of the two it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The caller must act: wrong, missing or stale signature.
    #[error("{0}")]
    NotVerified(&'static str),
    /// The operator must act: a secret is missing or unusable.
    #[error("secret {name} {problem}")]
    Misconfigured {
        /// The secret's name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Verification {
    /// Proves a delivery genuine.
    ///
    /// # Errors
    /// See [`VerifyError`]; without a usable secret nothing is ever let in.
    pub fn verify(
        &self,
        delivery: RawDelivery,
        secret: impl Fn(&str) -> Option<String>,
        now: Timestamp,
    ) -> Result<Verified, VerifyError> {
        if self.scheme == Scheme::None {
            return Ok(Verified(delivery));
        }
        let secrets = self.secrets(secret)?;
        let check = match self.scheme {
            Scheme::StandardWebhooks => standard_webhooks(&delivery, &secrets, now),
            Scheme::Github => github(&delivery, &secrets),
            Scheme::Bearer => bearer(&delivery, &secrets),
            Scheme::None => Ok(()),
        };
        check.map_err(VerifyError::NotVerified)?;
        Ok(Verified(delivery))
    }

    /// What is wrong with the secrets' values, by name; empty when the hook can verify.
    pub fn broken_secrets(&self, secret: impl Fn(&str) -> Option<String>) -> Vec<VerifyError> {
        self.secret_names.iter().filter_map(|name| self.secret(name, &secret).err()).collect()
    }

    fn secrets(&self, secret: impl Fn(&str) -> Option<String>) -> Result<Vec<String>, VerifyError> {
        self.secret_names.iter().map(|name| self.secret(name, &secret)).collect()
    }

    fn secret(&self, name: &str, secret: impl Fn(&str) -> Option<String>) -> Result<String, VerifyError> {
        let misconfigured = |problem: String| VerifyError::Misconfigured { name: name.to_owned(), problem };
        let value = secret(name).ok_or_else(|| misconfigured("is not set".to_owned()))?;
        self.scheme.check_secret(&value).map_err(misconfigured)?;
        Ok(value)
    }
}

/// `id.timestamp.body`, HMAC-SHA256, base64; a space-separated list of `version,signature`.
fn standard_webhooks(delivery: &RawDelivery, secrets: &[String], now: Timestamp) -> Result<(), &'static str> {
    let id = delivery.header("webhook-id").ok_or("webhook-id is missing")?;
    let timestamp = delivery.header("webhook-timestamp").ok_or("webhook-timestamp is missing")?;
    let signatures = delivery.header("webhook-signature").ok_or("webhook-signature is missing")?;
    if id.is_empty() {
        return Err("webhook-id is empty");
    }
    check_age(timestamp, now)?;
    let signatures = v1_signatures(signatures)?;
    let message = [id.as_bytes(), b".", timestamp.as_bytes(), b".", &delivery.body].concat();
    let genuine = secrets.iter().any(|secret| {
        let key = standard_webhooks_key(secret).unwrap_or_default();
        signatures.iter().any(|signature| is_hmac_sha256(&key, &message, signature))
    });
    genuine.then_some(()).ok_or("no signature in webhook-signature matches")
}

/// The key of a `whsec_…` secret: base64 after the prefix, which may be left out.
fn standard_webhooks_key(secret: &str) -> Result<Vec<u8>, String> {
    if secret.starts_with("whpk_") || secret.starts_with("whsk_") {
        return Err(
            "is an ed25519 key, but the scheme's v1 signature needs a shared secret (whsec_…)".to_owned()
        );
    }
    let encoded = secret.trim().strip_prefix("whsec_").unwrap_or(secret.trim());
    match BASE64.decode(encoded) {
        Ok(key) if !key.is_empty() => Ok(key),
        _ => Err("is not base64 after whsec_".to_owned()),
    }
}

/// Two headers of the same name reach us joined by a comma, which no valid list contains: refused.
fn v1_signatures(header: &str) -> Result<Vec<Vec<u8>>, &'static str> {
    let mut signatures = Vec::new();
    for entry in header.split(' ').filter(|entry| !entry.is_empty()).take(SIGNATURES_MAX) {
        // What is of another version, or of none at all, is not for us.
        let Some((version, signature)) = entry.split_once(',') else { continue };
        if signature.contains(',') {
            return Err("webhook-signature was sent twice");
        }
        if version == "v1" {
            signatures.extend(BASE64.decode(signature));
        }
    }
    Ok(signatures)
}

/// Whole seconds since the epoch, in digits alone: no sign, no fraction, and so no milliseconds either.
fn check_age(timestamp: &str, now: Timestamp) -> Result<(), &'static str> {
    let digits = !timestamp.is_empty() && timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: i64 =
        digits.then(|| timestamp.parse().ok()).flatten().ok_or("the timestamp is not in whole seconds")?;
    let sent = Timestamp::from_millis(seconds.saturating_mul(SECOND_MS));
    if now.since_ms(sent) > TOLERANCE_MS {
        Err("the timestamp is too old")
    } else if sent.since_ms(now) > TOLERANCE_MS {
        Err("the timestamp lies in the future")
    } else {
        Ok(())
    }
}

/// `X-Hub-Signature-256: sha256=<hex>` over the body. The SHA-1 header beside it is never looked at.
fn github(delivery: &RawDelivery, secrets: &[String]) -> Result<(), &'static str> {
    let header = delivery.header("x-hub-signature-256").ok_or("x-hub-signature-256 is missing")?;
    let signature = header
        .strip_prefix("sha256=")
        .and_then(|digits| hex::decode(digits).ok())
        .ok_or("x-hub-signature-256 is not sha256=<hex>")?;
    let genuine = secrets.iter().any(|secret| is_hmac_sha256(secret.as_bytes(), &delivery.body, &signature));
    genuine.then_some(()).ok_or("x-hub-signature-256 does not match")
}

/// The scheme's name is case-insensitive (RFC 9110, section 11.1), the token is not.
fn bearer(delivery: &RawDelivery, secrets: &[String]) -> Result<(), &'static str> {
    let header = delivery.header("authorization").ok_or("authorization is missing")?;
    let token = bearer_token(header).ok_or("authorization is not Bearer <token>")?;
    let genuine = secrets.iter().any(|secret| is_same_secret(token, secret));
    genuine.then_some(()).ok_or("the bearer token does not match")
}

/// The token of an `Authorization` header.
#[must_use]
pub fn bearer_token(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Compares secrets in constant time, whatever their lengths: digests are compared.
#[must_use]
pub fn is_same_secret(given: &str, expected: &str) -> bool {
    Sha256::digest(given).ct_eq(&Sha256::digest(expected)).into()
}

fn is_hmac_sha256(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return false;
    };
    mac.chain_update(message).verify_slice(signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published example of Standard Webhooks' reference libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const TIMESTAMP: &str = "1614265330";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const BODY: &str = r#"{"test": 2432232314}"#;
    const NOW: Timestamp = Timestamp::from_millis(1_614_265_330_000);

    fn verify_at(
        scheme: Scheme,
        secrets: &[&str],
        headers: &[(&str, &str)],
        body: &str,
        now: Timestamp,
    ) -> Result<(), String> {
        let verification = Verification {
            scheme,
            secret_names: (0..secrets.len()).map(|index| index.to_string()).collect(),
        };
        let delivery = RawDelivery::new(
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
            "",
            body.as_bytes().to_vec(),
            now,
        );
        let secret = |name: &str| Some(secrets[name.parse::<usize>().unwrap()].to_owned());
        verification.verify(delivery, secret, now).map(|_| ()).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn check_standard(signature: &str, timestamp: &str, expected: Result<(), &str>) {
        let headers =
            [("Webhook-Id", ID), ("webhook-timestamp", timestamp), ("WEBHOOK-SIGNATURE", signature)];
        let got = verify_at(Scheme::StandardWebhooks, &[SECRET], &headers, BODY, NOW);
        assert_eq!(got, expected.map_err(str::to_owned), "{signature} {timestamp}");
    }

    #[test]
    fn the_published_standard_webhooks_vector_verifies() {
        check_standard(SIGNATURE, TIMESTAMP, Ok(()));
        check_standard(&format!("v1,AAAA {SIGNATURE}"), TIMESTAMP, Ok(()));
        check_standard(&format!("v1a,AAAA {SIGNATURE} v2,x"), TIMESTAMP, Ok(()));
        check_standard(&format!("foo v1,!!! {SIGNATURE}"), TIMESTAMP, Ok(()));
    }

    #[test]
    fn wrong_and_doubled_signatures_are_refused() {
        let none = Err("no signature in webhook-signature matches");
        let twice = Err("webhook-signature was sent twice");
        check_standard("v1,AAAA", TIMESTAMP, none);
        check_standard("", TIMESTAMP, none);
        check_standard(&SIGNATURE.replace("v1", "v2"), TIMESTAMP, none);
        check_standard(&SIGNATURE.replace("v1,", ""), TIMESTAMP, none);
        check_standard(&format!("{SIGNATURE}, {SIGNATURE}"), TIMESTAMP, twice);
        check_standard(&format!("v1,AAAA, {SIGNATURE}"), TIMESTAMP, twice);
        check_standard(&format!("v1a,AAAA, {SIGNATURE}"), TIMESTAMP, twice);
        check_standard("v1,not base64", TIMESTAMP, none);
    }

    #[test]
    fn a_replay_is_stale_and_a_timestamp_is_whole_seconds() {
        let at = |seconds: i64| {
            let headers =
                [("webhook-id", ID), ("webhook-timestamp", TIMESTAMP), ("webhook-signature", SIGNATURE)];
            let now = NOW.plus_ms(seconds * SECOND_MS);
            verify_at(Scheme::StandardWebhooks, &[SECRET], &headers, BODY, now)
        };
        assert_eq!(at(300), Ok(()));
        assert_eq!(at(-300), Ok(()));
        assert_eq!(at(301), Err("the timestamp is too old".into()));
        assert_eq!(at(-301), Err("the timestamp lies in the future".into()));
        for odd in ["1614265330000", "-1614265330", "+1614265330", "1614265330.5", "", "99999999999999999999"]
        {
            let headers = [("webhook-id", ID), ("webhook-timestamp", odd), ("webhook-signature", SIGNATURE)];
            assert!(verify_at(Scheme::StandardWebhooks, &[SECRET], &headers, BODY, NOW).is_err(), "{odd}");
        }
    }

    #[test]
    fn another_body_id_or_secret_is_refused() {
        let headers =
            |id| [("webhook-id", id), ("webhook-timestamp", TIMESTAMP), ("webhook-signature", SIGNATURE)];
        let verify = |secrets: &[&str], id, body| {
            verify_at(Scheme::StandardWebhooks, secrets, &headers(id), body, NOW)
        };
        assert!(verify(&[SECRET], ID, "{}").is_err());
        assert!(verify(&[SECRET], "msg_x", BODY).is_err());
        assert!(verify(&["whsec_AAAA"], ID, BODY).is_err());
        assert!(verify(&["whsec_AAAA", SECRET], ID, BODY).is_ok());
    }

    #[test]
    fn a_secret_that_cannot_be_one_closes_the_hook() {
        for (secret, word) in [
            ("", "empty"),
            ("  ", "empty"),
            ("whpk_AAAA", "ed25519"),
            ("whsec_", "base64"),
            ("whsec_?", "base64"),
        ] {
            let error = verify_at(Scheme::StandardWebhooks, &[secret], &[], BODY, NOW).unwrap_err();
            assert!(error.contains(word), "{secret}: {error}");
        }
        let verification = Verification { scheme: Scheme::Bearer, secret_names: vec!["TOKEN".into()] };
        let delivery = RawDelivery::new([], "", Vec::new(), NOW);
        let error = verification.verify(delivery, |_| None, NOW).unwrap_err();
        assert_eq!(error.to_string(), "secret TOKEN is not set");
    }

    #[test]
    fn the_published_github_vector_verifies() {
        let secret = "It's a Secret to Everybody";
        let good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let verify = |signature: &str| {
            let headers = [("X-Hub-Signature-256", signature)];
            verify_at(Scheme::Github, &[secret], &headers, "Hello, World!", NOW)
        };
        assert_eq!(verify(good), Ok(()));
        assert!(verify(&good.replace('7', "8")).is_err());
        assert!(verify(&good.replace("sha256=", "sha1=")).is_err());
        assert!(verify(&good.replace("sha256=", "")).is_err());
        assert!(verify(&format!("{good}, {good}")).is_err());
        assert!(verify("sha256=").is_err());
    }

    #[test]
    fn a_bearer_token_must_be_the_secret() {
        let verify = |header: &str| {
            verify_at(Scheme::Bearer, &["s3cret"], &[("authorization", header)], "{}", NOW).is_ok()
        };
        assert!(verify("Bearer s3cret") && verify("bearer s3cret"));
        for bad in ["s3cret", "Bearer ", "Bearer S3CRET", "Basic s3cret", "Bearer s3cret, Bearer s3cret", ""]
        {
            assert!(!verify(bad), "{bad}");
        }
    }
}
