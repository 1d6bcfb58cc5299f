//! Makes tokens and keys as Cloudflare Access does, for tests.

use std::sync::LazyLock;

use base64::Engine;
use rsa::pkcs1v15::SigningKey;
use rsa::signature::{SignatureEncoding, Signer};
use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, PrivateKey};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::verify::jwt::BASE64;

/// The application of the tests.
pub(crate) const AUDIENCE: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The key before, and the present one. Their primes are in no other use.
pub(crate) static OLD: LazyLock<PrivateKey> = LazyLock::new(|| private_key(P, Q));
pub(crate) static NEW: LazyLock<PrivateKey> = LazyLock::new(|| private_key(P, R));

const P: &str = "EC7D4B812C208C85C8B76385B7D84F2B7A878337107EC4203AE2BF04D3BC8030B5CA4666EAC5D5A0FD23624B12996136\
    3BBCBC2565C891D1237FABE9C959DB66F0B86367F6608DC550F2AB40C28CB10DD788DAE823E3BF5D4C44DA3D393AE27FEBDAED28D22912E3\
    8F0B83EAC7706369C95DF026098B2A9B678C46272EFDA0BF";
const Q: &str = "D6D486D6F53F8A9670B12ABEBA9D858D29D64951DAD0769FAB0A95E35E922392AF2A13647B079008CFE13BEFEC3EA265\
    AFAA5DD37B59F1961D1885E700998EE7DDA7133F9C4D3486694300FFF464A03D9E8597C62AABE4B1F1233FD13CCEFF283E4851F8A4CCFC89\
    4C6ECAB67CD50D9A31DEF4AD3D7B513EC26E96827A4411B5";
const R: &str = "C0E38CABFFB15681BCB59EE43FCCFA942AB5128981DA6EA5FB10D864365FF007690F5FDD82BD2D5033E0CF595198BE27\
    487591CEC271D532A382B3FE025C22B5AD3BEC2DBAB862684059BC6DA0A2A228E88666CF174F480BDBD8CD585DC5D337D64C7C1DA6D438DE\
    461F9D1277404FC242CEF367F96E980E2F01074226A9ED1B";

fn private_key(p: &str, q: &str) -> PrivateKey {
    let prime = |hex: &str| BoxedUint::from_be_hex(hex, 1024).unwrap();
    PrivateKey::from_p_q(prime(p), prime(q), BoxedUint::from(65_537_u64)).unwrap()
}

/// The key set that a team publishes.
pub(crate) fn key_set(keys: &[(&str, &PrivateKey)]) -> String {
    let keys: Vec<Value> = keys
        .iter()
        .map(|(id, key)| {
            let (n, e) = (BASE64.encode(key.n_bytes()), BASE64.encode(key.e_bytes()));
            json!({"kid": id, "kty": "RSA", "alg": "RS256", "use": "sig", "e": e, "n": n})
        })
        .collect();
    json!({"keys": keys, "public_cert": {"kid": "old", "cert": "-----BEGIN CERTIFICATE-----"}}).to_string()
}

/// The claims of a person, valid for an hour from `now_s`, with a change.
pub(crate) fn claims(now_s: i64, change: impl FnOnce(&mut Value)) -> Value {
    let mut claims = json!({
        "aud": [AUDIENCE], "email": "jane@acme.example", "exp": now_s + 3600, "iat": now_s, "nbf": now_s,
        "iss": "https://acme.cloudflareaccess.com", "type": "app", "identity_nonce": "6ei69kawdKzMIAPF",
        "sub": "7335d417-61da-459d-899c-0a01c76a2f94", "country": "DE",
    });
    change(&mut claims);
    claims
}

/// A token of these claims, signed by a key of this name.
pub(crate) fn token(id: &str, key: &PrivateKey, claims: &Value) -> String {
    signed(&json!({"alg": "RS256", "kid": id, "typ": "JWT"}), key, claims)
}

/// A token with any header.
pub(crate) fn signed(header: &Value, key: &PrivateKey, claims: &Value) -> String {
    let text = unsigned(header, claims);
    let signature = SigningKey::<Sha256>::new(key.clone()).sign(text.as_bytes());
    format!("{text}.{}", BASE64.encode(signature.to_bytes()))
}

/// The text of a token that is signed.
pub(crate) fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}
