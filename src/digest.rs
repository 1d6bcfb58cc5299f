//! SHA-256 and HMAC-SHA256, as bytes and in hex, and the comparison of secrets in constant time.
//!
//! Signature schemes and their keys are in `verify/key.rs`.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// HMAC-SHA256 (RFC 2104) of a message in lower-case hex. White space around the secret is not part of the key.
#[must_use]
pub(crate) fn hmac_sha256_hex(secret: &str, message: &[u8]) -> Option<String> {
    let mac = hmac_sha256(secret.trim().as_bytes(), &[message])?;
    Some(base16ct::lower::encode_string(&mac))
}

/// HMAC-SHA256 (RFC 2104) of a message in pieces. There is always one: a key may have any length.
#[must_use]
pub(crate) fn hmac_sha256(key: &[u8], message: &[&[u8]]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for piece in message {
        mac.update(piece);
    }
    Some(mac.finalize().into_bytes().into())
}

/// SHA-256 of bytes.
#[must_use]
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// SHA-256 of bytes, in lower-case hex.
#[must_use]
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(&sha256(bytes))
}

/// SHA-256 of everything that `write` writes, in lower-case hex. The text is hashed in pieces and not kept.
pub(crate) fn sha256_hex_of(write: impl FnOnce(&mut dyn fmt::Write) -> fmt::Result) -> String {
    struct Hasher(Sha256);
    impl fmt::Write for Hasher {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.update(text);
            Ok(())
        }
    }
    let mut hasher = Hasher(Sha256::new());
    // The hasher accepts every text, so `write` cannot fail here.
    let _ = write(&mut hasher);
    base16ct::lower::encode_string(&hasher.0.finalize())
}

/// Compares two secrets in constant time. It compares their digests, so that the lengths are not revealed either.
#[must_use]
pub fn is_same_secret(given: &str, expected: &str) -> bool {
    sha256(given.as_bytes()).ct_eq(&sha256(expected.as_bytes())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-2, appendix B.1; RFC 4231, test case 2.
    #[test]
    fn the_published_digests_are_computed() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex(b"abc"), abc);
        assert_eq!(sha256_hex_of(|to| to.write_str("a").and_then(|()| to.write_str("bc"))), abc);
        let mac = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hmac_sha256_hex("Jefe\n", b"what do ya want for nothing?").as_deref(), Some(mac));
    }

    #[test]
    fn only_equal_secrets_are_the_same() {
        assert!(is_same_secret("s3cret", "s3cret") && is_same_secret("", ""));
        assert!(!is_same_secret("s3cret", "s3cre") && !is_same_secret("", "s"));
    }
}
