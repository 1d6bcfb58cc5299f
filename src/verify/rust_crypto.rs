//! [`Crypto`] in Rust, for tests and for the commands of developers. It is no part of the Worker, which has WebCrypto.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use ed25519_dalek::{Signature as Ed25519Signature, VerifyingKey as Ed25519Key};
use futures_util::future::{FutureExt, LocalBoxFuture, ready};
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature as P256Signature, VerifyingKey as P256Key};
use p256::pkcs8::DecodePublicKey;
use rsa::pkcs1v15::{Signature as RsaSignature, VerifyingKey as RsaKey};
use sha1::Sha1;
use sha2::Sha256;

use super::crypto::{Crypto, Hash, PublicKey, PublicSignature, UnusableKey};
use super::key::hmac;
use super::signed_bytes::SignedBytes;

/// The cryptography of Rust's own crates. Its futures are ready at once.
#[derive(Debug, Clone, Copy, Default)]
pub struct RustCrypto;

impl Crypto for RustCrypto {
    fn verify<'a>(&'a self, signed: PublicSignature<'a>) -> LocalBoxFuture<'a, Result<bool, UnusableKey>> {
        ready(verify(signed).ok_or(UnusableKey)).boxed_local()
    }

    fn hmac(
        &self,
        hash: Hash,
        key: &[u8],
        message: &SignedBytes<'_>,
    ) -> LocalBoxFuture<'static, Option<Vec<u8>>> {
        ready(hmac(hash, key, message)).boxed_local()
    }
}

/// Whether a signature is right; `None` where the key is unusable.
fn verify(signed: PublicSignature<'_>) -> Option<bool> {
    let PublicSignature { key, message, signature } = signed;
    Some(match key {
        PublicKey::Ed25519(bytes) => {
            let key = Ed25519Key::from_bytes(bytes.try_into().ok()?).ok().filter(|key| !key.is_weak())?;
            let signature = Ed25519Signature::from_slice(signature);
            signature.is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
        }
        PublicKey::EcdsaP256(spki) => {
            let key = P256Key::from_public_key_der(spki).ok()?;
            P256Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok())
        }
        PublicKey::Rsa(hash, spki) => {
            let key = rsa::PublicKey::from_public_key_der(spki).ok()?;
            RsaSignature::try_from(signature).is_ok_and(|signature| match hash {
                Hash::Sha1 => RsaKey::<Sha1>::new(key).verify(message, &signature).is_ok(),
                Hash::Sha256 => RsaKey::<Sha256>::new(key).verify(message, &signature).is_ok(),
                Hash::Sha384 | Hash::Sha512 => false,
            })
        }
    })
}

/// Runs a future that waits for nothing, as verification with [`RustCrypto`] does. It would never return for another one.
pub fn complete<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = work.as_mut().poll(&mut context) {
            return done;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key of P-256, as `SubjectPublicKeyInfo`, and its signature of `message`.
    const P256_KEY: &str = "3059301306072a8648ce3d020106082a8648ce3d03010703420004\
     50752d61c739bfd1fdf4f2b8745a9eb8e10758c43f996826ede485d96752e71c\
     70ca18309f1f0ca9d88c69c5ffa663176d412d3f28dadcbe1ce7883f80754547";
    const P256_SIGNATURE: &str = "9e572b988952452ac9ad401a41767f598f3c88c3569144a82567b723b66463ce\
     4ff6592a0af33eb449b0c1aefe96a618db926af186686d2b98b6fc0cc67dbed1";

    #[test]
    fn a_point_that_is_not_on_the_curve_is_no_key() {
        let key = base16ct::lower::decode_vec(P256_KEY).unwrap();
        let signature = base16ct::lower::decode_vec(P256_SIGNATURE).unwrap();
        let verify = |spki: &[u8]| {
            let key = PublicKey::EcdsaP256(spki);
            complete(RustCrypto.verify(PublicSignature { key, message: b"message", signature: &signature }))
        };
        assert_eq!(verify(&key), Ok(true));
        let mut off_curve = key;
        *off_curve.last_mut().unwrap() ^= 1;
        assert_eq!(verify(&off_curve), Err(UnusableKey));
    }
}
