//! Signature algorithms and their keys: checks a signature over a message, HMACs in constant time.
//!
//! The HMAC of a small message is computed here. What else needs cryptography is asked of the runtime ([`Crypto`]); only
//! `digest.rs` (SHA-256, HMAC-SHA256 in hex) computes some too.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT as BASE64;
use futures_util::future::FutureExt;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;

use super::crypto::{Crypto, Hash, PublicKey, PublicSignature, UnusableKey};
use super::error::SecretError;
use super::public_key::{is_ed25519_key, is_ed25519_signature, is_p256_key, p256_signature};
use super::signed_bytes::SignedBytes;

/// The most public-key signatures of one delivery that are checked: each check hashes the whole body.
const PUBLIC_SIGNATURES_MAX: usize = 4;

/// The longest message whose HMAC is computed here, bytes. The runtime's own is several times as fast, but it costs two
/// promises, which take about as long as this many bytes.
const HMAC_HERE_BYTES_MAX: usize = 8 * 1024;

/// A signature algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// HMAC-SHA1 (RFC 2104), for senders that offer nothing stronger.
    HmacSha1,
    HmacSha256,
    HmacSha384,
    HmacSha512,
    /// Ed25519 (RFC 8032); the secret is the sender's public key.
    Ed25519,
    /// ECDSA over P-256 with SHA-256, signatures in DER; the secret is the sender's public key.
    EcdsaP256,
}

/// How a signature is written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Two digits for each byte, in upper or lower case.
    Hex,
    /// RFC 4648, section 4, with or without padding.
    Base64,
}

/// How the text of a secret becomes the bytes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyForm {
    /// The UTF-8 bytes of the text.
    Text,
    /// Hex digits.
    Hex,
    /// Base64, after one of the prefixes of Standard Webhooks, or a key in PEM.
    Base64,
}

/// A key that is valid for its algorithm.
#[derive(Clone)]
pub(crate) struct Key {
    algorithm: Algorithm,
    bytes: Vec<u8>,
}

impl Encoding {
    /// Decodes a signature; `None` where the text is not in this encoding.
    pub(super) fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Hex => base16ct::mixed::decode_vec(text).ok(),
            Self::Base64 => BASE64.decode(text).ok(),
        }
    }

    /// The name of the encoding in the configuration.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Hex => "hex",
            Self::Base64 => "base64",
        }
    }
}

impl Algorithm {
    /// The name of the algorithm in messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::HmacSha1 => "HMAC-SHA1",
            Self::HmacSha256 => "HMAC-SHA256",
            Self::HmacSha384 => "HMAC-SHA384",
            Self::HmacSha512 => "HMAC-SHA512",
            Self::Ed25519 => "ed25519",
            Self::EcdsaP256 => "ECDSA P-256",
        }
    }

    pub(super) fn is_hmac(self) -> bool {
        self.hmac_hash().is_some()
    }

    /// The hash function of an HMAC; `None` for public keys.
    fn hmac_hash(self) -> Option<Hash> {
        match self {
            Self::HmacSha1 => Some(Hash::Sha1),
            Self::HmacSha256 => Some(Hash::Sha256),
            Self::HmacSha384 => Some(Hash::Sha384),
            Self::HmacSha512 => Some(Hash::Sha512),
            Self::Ed25519 | Self::EcdsaP256 => None,
        }
    }

    /// Reads a key from the text of a secret.
    ///
    /// # Errors
    /// [`SecretError`] when the text is empty, is not in `form`, or is no key for this algorithm.
    pub(super) fn key(self, secret: &str, form: KeyForm) -> Result<Key, SecretError> {
        let secret = secret.trim();
        if secret.is_empty() {
            return Err(SecretError::Empty);
        }
        if self.is_hmac() && (secret.starts_with("whpk_") || secret.starts_with("whsk_")) {
            return Err(SecretError::Ed25519Key);
        }
        let bytes = match form {
            KeyForm::Text => Ok(secret.as_bytes().to_vec()),
            KeyForm::Hex => base16ct::mixed::decode_vec(secret).map_err(|_| SecretError::NotHex),
            KeyForm::Base64 => BASE64
                .decode(without_frame(secret))
                .ok()
                .filter(|bytes| !bytes.is_empty())
                .ok_or(SecretError::NotBase64),
        }?;
        let fits = match self {
            Self::Ed25519 => is_ed25519_key(&bytes),
            Self::EcdsaP256 => is_p256_key(&bytes),
            _ => true,
        };
        if fits { Ok(Key { algorithm: self, bytes }) } else { Err(SecretError::NotPublicKey(self.name())) }
    }
}

impl Key {
    /// Whether any of the signatures is one of the message, which `assemble` makes: while the runtime computes an HMAC, nobody
    /// holds it. An HMAC is computed once for all signatures.
    ///
    /// # Errors
    /// [`UnusableKey`] when the runtime rejects the bytes of a public key.
    pub(super) async fn verifies<'m>(
        &self,
        assemble: impl Fn() -> SignedBytes<'m>,
        signatures: &[Vec<u8>],
        crypto: &dyn Crypto,
    ) -> Result<bool, UnusableKey> {
        let Some(hash) = self.algorithm.hmac_hash() else {
            // In its own future, so that those with an HMAC have no room for it.
            return self.verifies_public(&assemble().joined(), signatures, crypto).boxed_local().await;
        };
        let message = assemble();
        if message.bytes() <= HMAC_HERE_BYTES_MAX {
            return Ok(self.verifies_small(&message, signatures));
        }
        let mac = crypto.hmac(hash, &self.bytes, &message);
        drop(message);
        let mac = mac.await.or_else(|| self.sign(&assemble()));
        Ok(mac.is_some_and(|mac| is_any(&mac, signatures)))
    }

    /// Whether any of the signatures is the HMAC of a small message; never with a public key.
    pub(super) fn verifies_small(&self, message: &SignedBytes<'_>, signatures: &[Vec<u8>]) -> bool {
        self.sign(message).is_some_and(|mac| is_any(&mac, signatures))
    }

    async fn verifies_public(
        &self,
        message: &[u8],
        signatures: &[Vec<u8>],
        crypto: &dyn Crypto,
    ) -> Result<bool, UnusableKey> {
        let is_p256 = self.algorithm == Algorithm::EcdsaP256;
        let key = if is_p256 { PublicKey::EcdsaP256(&self.bytes) } else { PublicKey::Ed25519(&self.bytes) };
        for signature in signatures.iter().take(PUBLIC_SIGNATURES_MAX) {
            let numbers = if is_p256 { p256_signature(signature) } else { None };
            let signature = match &numbers {
                Some(numbers) => numbers.as_slice(),
                None if !is_p256 && is_ed25519_signature(signature) => signature,
                None => continue,
            };
            if crypto.verify(PublicSignature { key, message, signature }).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Signs a message; `None` where the key is public, so that only the sender can sign.
    pub(super) fn sign(&self, message: &SignedBytes<'_>) -> Option<Vec<u8>> {
        hmac(self.algorithm.hmac_hash()?, &self.bytes, message)
    }
}

/// The HMAC of a message; `None` for no key.
pub(super) fn hmac(hash: Hash, key: &[u8], message: &SignedBytes<'_>) -> Option<Vec<u8>> {
    match hash {
        Hash::Sha1 => mac::<Hmac<Sha1>>(key, message),
        Hash::Sha256 => mac::<Hmac<Sha256>>(key, message),
        Hash::Sha384 => mac::<Hmac<Sha384>>(key, message),
        Hash::Sha512 => mac::<Hmac<Sha512>>(key, message),
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], message: &SignedBytes<'_>) -> Option<Vec<u8>> {
    let mut mac = <M as KeyInit>::new_from_slice(key).ok()?;
    for piece in message.pieces() {
        mac.update(piece);
    }
    Some(mac.finalize().into_bytes().to_vec())
}

/// Whether any of the signatures is this one, in constant time.
fn is_any(mac: &[u8], signatures: &[Vec<u8>]) -> bool {
    signatures.iter().any(|signature| mac.ct_eq(signature).into())
}

/// Removes the prefix of a Standard Webhooks secret, or the first and last line of a key in PEM (RFC 7468).
fn without_frame(secret: &str) -> String {
    let bare = ["whsec_", "whpk_"].iter().find_map(|prefix| secret.strip_prefix(prefix)).unwrap_or(secret);
    if !bare.starts_with("-----BEGIN ") {
        return bare.to_owned();
    }
    // In a variable, the line feeds may be written as \n.
    let text = bare.replace("\\n", "\n");
    text.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::rust_crypto::{RustCrypto, complete};

    #[track_caller]
    fn check_rejected(algorithm: Algorithm, form: KeyForm, secret: &str, word: &str) {
        let Err(error) = algorithm.key(secret, form) else { panic!("{secret} was accepted") };
        assert!(error.to_string().contains(word), "{secret}: {error}");
    }

    #[test]
    fn a_secret_that_is_no_key_is_rejected() {
        let hmac = Algorithm::HmacSha256;
        check_rejected(hmac, KeyForm::Text, "", "empty");
        check_rejected(hmac, KeyForm::Text, " \n", "empty");
        check_rejected(hmac, KeyForm::Text, "whpk_AAAA", "ed25519 key");
        check_rejected(hmac, KeyForm::Base64, "whsk_AAAA", "ed25519 key");
        check_rejected(hmac, KeyForm::Base64, "whsec_", "not base64");
        check_rejected(hmac, KeyForm::Base64, "whsec_?", "not base64");
        check_rejected(hmac, KeyForm::Hex, "xyz", "not hex");
        check_rejected(Algorithm::Ed25519, KeyForm::Hex, "00", "public key for ed25519");
        check_rejected(Algorithm::Ed25519, KeyForm::Hex, &"00".repeat(32), "public key for ed25519");
        check_rejected(Algorithm::EcdsaP256, KeyForm::Base64, "AAAA", "public key for ECDSA");
    }

    #[test]
    fn a_public_key_may_be_written_in_pem() {
        let der = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";
        let pem =
            format!("-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----\n", &der[..64], &der[64..]);
        for secret in [der, &pem, &pem.replace('\n', "\\n")] {
            assert!(Algorithm::EcdsaP256.key(secret, KeyForm::Base64).is_ok(), "{secret}");
        }
    }

    /// RFC 4231, test case 2; RFC 2202, test case 2.
    #[test]
    fn the_published_hmacs_verify() {
        let message = b"what do ya want for nothing?";
        for (algorithm, expected) in [
            (Algorithm::HmacSha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (Algorithm::HmacSha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (
                Algorithm::HmacSha512,
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
        ] {
            let key = algorithm.key("Jefe", KeyForm::Text).unwrap_or_else(|error| panic!("{error}"));
            let signature = base16ct::mixed::decode_vec(expected).unwrap();
            assert_eq!(key.sign(&message[..].into()), Some(signature.clone()));
            let verifies_any = |message: &[u8], signatures: &[Vec<u8>]| {
                let verified = complete(key.verifies(|| message.into(), signatures, &RustCrypto));
                assert_eq!(verified, Ok(key.verifies_small(&message.into(), signatures)));
                verified == Ok(true)
            };
            let verifies = |message: &[u8], signature: &[u8]| verifies_any(message, &[signature.to_vec()]);
            assert!(verifies(message, &signature));
            assert!(!verifies(message, &signature[..signature.len() - 1]));
            assert!(!verifies(message, &[]));
            assert!(!verifies(b"another", &signature));
            assert!(verifies_any(message, &[Vec::new(), signature]));
        }
    }
}
