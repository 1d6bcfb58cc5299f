//! The cryptography of the runtime: WebCrypto (<https://www.w3.org/TR/webcrypto/>), whose work costs a fraction of what it
//! costs in wasm. Nothing is decided here.

use std::cell::RefCell;
use std::collections::VecDeque;

use futures_util::future::{FutureExt, LocalBoxFuture};
use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use super::io;
use crate::verify::crypto::{Crypto, Hash, PublicKey, PublicSignature, UnusableKey};
use crate::verify::signed_bytes::SignedBytes;

// Each function copies the bytes before it returns its promise, so that they may lie in the memory of wasm.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"], js_name = importKey)]
    fn import_key(
        format: &str,
        key: &[u8],
        algorithm: &Object,
        is_extractable: bool,
        usages: &Array,
    ) -> Result<Promise, JsValue>;

    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"])]
    fn sign(algorithm: &str, key: &JsValue, message: &Uint8Array) -> Result<Promise, JsValue>;

    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"])]
    fn verify(
        algorithm: &Object,
        key: &JsValue,
        signature: &[u8],
        message: &[u8],
    ) -> Result<Promise, JsValue>;
}

/// WebCrypto, as Workers and Node have it.
#[derive(Debug, Clone, Copy, Default)]
pub struct WebCrypto;

impl Crypto for WebCrypto {
    fn verify<'a>(&'a self, signed: PublicSignature<'a>) -> LocalBoxFuture<'a, Result<bool, UnusableKey>> {
        async move {
            let (format, algorithm, key) = match signed.key {
                PublicKey::Ed25519(key) => ("raw", algorithm(&[("name", "Ed25519")]), key),
                PublicKey::EcdsaP256(spki) => {
                    let members = [("name", "ECDSA"), ("namedCurve", "P-256"), ("hash", "SHA-256")];
                    ("spki", algorithm(&members), spki)
                }
                PublicKey::Rsa(hash, spki) => {
                    let members = [("name", "RSASSA-PKCS1-v1_5"), ("hash", name(hash))];
                    ("spki", algorithm(&members), spki)
                }
            };
            let imported = import_key(format, key, &algorithm, false, &Array::of1(&"verify".into()));
            let key = settled(imported).await.ok_or(UnusableKey)?;
            let verified = settled(verify(&algorithm, &key, signed.signature, signed.message)).await;
            Ok(verified.is_some_and(|verified| verified.is_truthy()))
        }
        .boxed_local()
    }

    fn hmac(
        &self,
        hash: Hash,
        key: &[u8],
        message: &SignedBytes<'_>,
    ) -> LocalBoxFuture<'static, Option<Vec<u8>>> {
        // In the runtime's memory: wasm's never shrinks.
        let message = bytes_of(message);
        if let Some(key) = known_key(hash, key) {
            let signing = sign("HMAC", &key, &message);
            return async { Some(Uint8Array::new(&settled(signing).await?).to_vec()) }.boxed_local();
        }
        let key = key.to_vec();
        async move {
            let key = import_hmac_key(hash, key).await?;
            let mac = settled(sign("HMAC", &key, &message)).await?;
            Some(Uint8Array::new(&mac).to_vec())
        }
        .boxed_local()
    }
}

fn bytes_of(message: &SignedBytes<'_>) -> Uint8Array {
    // A message of more than 4 GiB is none: bodies have some megabytes.
    let bytes = Uint8Array::new_with_length(u32::try_from(message.bytes()).unwrap_or_default());
    let mut at = 0;
    for piece in message.pieces() {
        let end = at + u32::try_from(piece.len()).unwrap_or_default();
        bytes.subarray(at, end).copy_from(piece);
        at = end;
    }
    bytes
}

/// The most keys that an isolate keeps: a hook has one or two.
const KEYS_MAX: usize = 32;

thread_local! {
    /// The keys that were imported last, which costs as much as the HMAC of 10 KB.
    static KEYS: RefCell<VecDeque<(Hash, Vec<u8>, JsValue)>> = const { RefCell::new(VecDeque::new()) };
}

/// The runtime's key for an HMAC, if it was imported before.
fn known_key(hash: Hash, key: &[u8]) -> Option<JsValue> {
    KEYS.with_borrow(|keys| {
        let same = keys.iter().find(|(known_hash, bytes, _)| *known_hash == hash && bytes == key);
        same.map(|(_, _, key)| key.clone())
    })
}

async fn import_hmac_key(hash: Hash, key: Vec<u8>) -> Option<JsValue> {
    let algorithm = algorithm(&[("name", "HMAC"), ("hash", name(hash))]);
    let importing = import_key("raw", &key, &algorithm, false, &Array::of1(&"sign".into()));
    let imported = settled(importing).await?;
    KEYS.with_borrow_mut(|keys| {
        keys.truncate(KEYS_MAX - 1);
        keys.push_front((hash, key, imported.clone()));
    });
    Some(imported)
}

/// The value of a promise; `None` where it was rejected, or where the call threw.
async fn settled(promise: Result<Promise, JsValue>) -> Option<JsValue> {
    io::wait_for(&promise.ok()?).await.ok()
}

/// An algorithm with its parameters. Every function takes those that it needs.
fn algorithm(members: &[(&str, &str)]) -> Object {
    let algorithm = Object::new();
    for (name, value) in members {
        // An object that was just made takes every member.
        let _ = Reflect::set(algorithm.unchecked_ref(), &(*name).into(), &(*value).into());
    }
    algorithm
}

fn name(hash: Hash) -> &'static str {
    match hash {
        Hash::Sha1 => "SHA-1",
        Hash::Sha256 => "SHA-256",
        Hash::Sha384 => "SHA-384",
        Hash::Sha512 => "SHA-512",
    }
}
