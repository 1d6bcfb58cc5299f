//! Signs messages as Standard Webhooks specifies, with HMAC-SHA256 (`v1`).
//!
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD as BASE64, STANDARD_PAD_INDIFFERENT as BASE64_READ};

use crate::digest::hmac_sha256;
use crate::timestamp::{SECOND_MS, Timestamp};

/// The least that a key may have, bytes: what the specification asks for.
const KEY_BYTES_MIN: usize = 24;

/// A key for signatures.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(Vec<u8>);

impl SigningKey {
    /// Reads a secret: base64, after `whsec_` or alone.
    ///
    /// # Errors
    /// What is wrong; no part of the secret is in it.
    pub fn new(secret: &str) -> Result<Self, String> {
        let secret = secret.trim();
        let encoded = secret.strip_prefix("whsec_").unwrap_or(secret);
        let remedy = "make one with `openssl rand -base64 32`";
        let key =
            BASE64_READ.decode(encoded).map_err(|_| format!("must be base64, after whsec_; {remedy}"))?;
        if key.len() < KEY_BYTES_MIN {
            return Err(format!("must have at least {KEY_BYTES_MIN} bytes; {remedy}"));
        }
        Ok(Self(key))
    }

    /// The headers of a message that is sent now. Its id is the same over all attempts.
    #[must_use]
    pub fn headers(&self, id: &str, now: Timestamp, body: &str) -> [(&'static str, String); 3] {
        let seconds = now.as_millis().div_euclid(SECOND_MS);
        // An HMAC takes a key of any length.
        let mac = hmac_sha256(&self.0, &[format!("{id}.{seconds}.").as_bytes(), body.as_bytes()]);
        let signature = format!("v1,{}", BASE64.encode(mac.unwrap_or_default()));
        [
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", seconds.to_string()),
            ("webhook-signature", signature),
        ]
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the official libraries' tests.
    #[test]
    fn the_published_signature_is_computed() {
        let key = SigningKey::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let now = Timestamp::from_millis(1_614_265_330_999);
        let [id, timestamp, signature] =
            key.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", now, r#"{"test": 2432232314}"#);
        assert_eq!(id, ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned()));
        assert_eq!(timestamp, ("webhook-timestamp", "1614265330".to_owned()));
        assert_eq!(signature.1, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let same = SigningKey::new(" MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
        assert_eq!(same, Ok(key));
    }

    #[test]
    fn a_secret_that_is_no_key_is_refused_without_being_quoted() {
        for bad in ["", "whsec_", "whsec_?", "c2hvcnQ=", "my secret password, which is long enough"] {
            let error = SigningKey::new(bad).unwrap_err();
            assert!(error.contains("openssl"), "{error}");
        }
    }
}
