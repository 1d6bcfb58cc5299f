//! What verification asks of the runtime: to check signatures under public keys, and the HMACs of large messages.
//!
//! `cloudflare/web_crypto.rs` implements it by WebCrypto, and [`RustCrypto`](super::rust_crypto::RustCrypto) natively.
//! Keys and signatures are checked for their form before they come here (`verify/public_key.rs`), so that both
//! accept the same ones.

use futures_util::future::LocalBoxFuture;

use super::signed_bytes::SignedBytes;

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1, for senders that have nothing better.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// A public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicKey<'a> {
    /// The 32 bytes of an Ed25519 key (RFC 8032). It is never of small order.
    Ed25519(&'a [u8]),
    /// A key for ECDSA over P-256 with SHA-256, as `SubjectPublicKeyInfo` in DER.
    EcdsaP256(&'a [u8]),
    /// An RSA key of 1,024 to 8,192 bits, as `SubjectPublicKeyInfo` in DER, for PKCS#1 v1.5 with this hash function: SHA-1 or
    /// SHA-256.
    Rsa(Hash, &'a [u8]),
}

/// A signature to be checked.
#[derive(Debug, Clone, Copy)]
pub struct PublicSignature<'a> {
    /// The key.
    pub key: PublicKey<'a>,
    /// The signed bytes.
    pub message: &'a [u8],
    /// 64 bytes for Ed25519; `r` and `s` of 32 bytes each for ECDSA; as many bytes as the modulus has for RSA.
    pub signature: &'a [u8],
}

/// The bytes are no key of this algorithm: a point that is not on the curve, for example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnusableKey;

/// The cryptography of a runtime.
pub trait Crypto {
    /// Whether a signature is one of the message under the key.
    ///
    /// # Errors
    /// [`UnusableKey`].
    fn verify<'a>(&'a self, signed: PublicSignature<'a>) -> LocalBoxFuture<'a, Result<bool, UnusableKey>>;

    /// The HMAC (RFC 2104) of a message; `None` where the runtime does not compute it. The key is not empty. The message is
    /// not needed any more once this has returned: it may be large, and others wait too.
    fn hmac(
        &self,
        hash: Hash,
        key: &[u8],
        message: &SignedBytes<'_>,
    ) -> LocalBoxFuture<'static, Option<Vec<u8>>>;
}
