//! What only exists in wasm, under Node: JavaScript values read as configuration, the runtime's cryptography, and the core
//! at work on the target it is deployed to. What needs the runtime's own KV, R2 and streams is in the end-to-end tests.
#![cfg(target_arch = "wasm32")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

#[path = "vectors/judge.rs"]
mod judge;

use hmac::{Hmac, KeyInit, Mac};
use seedhook::WebCrypto;
use seedhook::config::Configuration;
use seedhook::fabricate::{Answer, StartOutcome, read_start};
use seedhook::hook::event::Event;
use seedhook::request::RawRequest;
use seedhook::run::RunId;
use seedhook::timestamp::Timestamp;
use seedhook::verify::access::{Access, AccessKey, InvalidAssertion};
use seedhook::verify::crypto::{Crypto, Hash, PublicKey, PublicSignature, UnusableKey};
use seedhook::verify::{Verified, VerifyContext, VerifyError};
use serde_json::{Map, Value, json};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

/// Reads variables as the Worker does: a JavaScript object by way of its text.
fn read(javascript: &str) -> Map<String, Value> {
    let object: JsValue = js_sys::JSON::parse(javascript).unwrap();
    let text = js_sys::JSON::stringify(&object).unwrap();
    serde_json::from_str(&String::from(text)).unwrap()
}

/// The published example of Standard Webhooks.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NOW: Timestamp = Timestamp::from_millis(1_614_265_330_000);

fn delivery(body: &str) -> RawRequest {
    let headers = [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    RawRequest::new("POST", "https://seedhook.example/hooks/crm", headers, body.as_bytes().to_vec(), NOW)
}

const HOOKS: &str = r#"{"HOOKS": {"crm": {
    "workspace": "acme", "database": "sales-demo", "workflow": "seed", "deadline": 3600, "paused": false,
    "max_body_bytes": 2000000, "verify": {"scheme": "standard-webhooks", "secret": ["SECRET"]},
    "params": {"rows": "{{ body.test * 2 }}", "ratio": 0.5, "count": 3, "none": null, "on": true, "list": [1, "a"]}
}}, "SWEEP_REQUESTS": 7}"#;

#[wasm_bindgen_test]
fn javascript_values_are_read_as_they_are_written() {
    let vars = read(HOOKS);
    let expected: Map<String, Value> = serde_json::from_str(HOOKS).unwrap();
    assert_eq!(vars, expected, "numbers stay whole, null stays null");
    let configuration = Configuration::read(&vars);
    assert_eq!(configuration.mistakes().count(), 0);
    assert_eq!(configuration.sweep_requests, 7);
    let hook = configuration.hooks.values().next().unwrap().unwrap();
    assert_eq!(hook.body_bytes_max, 2_000_000);
}

#[wasm_bindgen_test]
fn numbers_beyond_javascripts_integers_are_told_apart() {
    let vars = read(r#"{"large": 9007199254740993, "fraction": 1.5, "negative": -1, "zero": 0}"#);
    assert_eq!(vars["fraction"], json!(1.5));
    assert_eq!(vars["negative"], json!(-1));
    assert_eq!(vars["zero"], json!(0));
    assert!(vars["large"].is_number());
}

#[wasm_bindgen_test]
async fn a_delivery_is_verified_parsed_and_mapped() {
    let configuration = Configuration::read(&read(HOOKS));
    let hook = configuration.hooks.values().next().unwrap().unwrap();
    let secret = |_: &str| Some(SECRET.to_owned());
    let context = VerifyContext { secret: &secret, certificate: None, crypto: &WebCrypto, now: NOW };
    let forged = hook.verify.verify(delivery(r#"{"test": 1}"#), &context).await;
    assert!(matches!(forged, Err(VerifyError::NotVerified(_))));
    let verified = hook.verify.verify(delivery(r#"{"test": 2432232314}"#), &context).await.unwrap();
    let mut event = Event::parse(verified, hook, "fresh").unwrap();
    event.assign_id(hook).unwrap();
    assert_eq!(event.delivery.delivery_id.as_str(), "msg_p5jXN8AQM9LWM0D4loKWxJek");
    let [rule] = hook.rules.as_slice() else { panic!("one rule") };
    let params = rule.params.evaluate(&hook.expressions, event.scope()).unwrap();
    // Beyond 32 bits: usize is that small here.
    assert_eq!(params["rows"], json!(4_864_464_628_u64));
    assert_eq!(params["list"], json!([1, "a"]));
}

#[wasm_bindgen_test]
fn an_endless_expression_ends_here_too() {
    let vars = read(
        r#"{"HOOKS": {"h": {"workspace": "a", "database": "b", "workflow": "c", "verify": {"scheme": "none"},
            "params": {"x": "{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}"}}}}"#,
    );
    let configuration = Configuration::read(&vars);
    let hook = configuration.hooks.values().next().unwrap().unwrap();
    let event = Event::parse(Verified::assume(delivery("{}")), hook, "fresh").unwrap();
    let [rule] = hook.rules.as_slice() else { panic!("one rule") };
    assert!(rule.params.evaluate(&hook.expressions, event.scope()).is_err());
}

#[wasm_bindgen_test]
fn times_and_ids_need_no_clock_of_this_target() {
    let id = RunId::new(NOW, [7; 16]);
    assert_eq!((id.created_at(), NOW.to_string().as_str()), (NOW, "2021-02-25T15:02:10.000Z"));
    let answer = Answer {
        status: 503,
        content_type: None,
        retry_after: Some("Thu, 25 Feb 2021 15:03:10 GMT".to_owned()),
        body: Vec::new(),
    };
    let StartOutcome::NotStarted { retry_after_ms, .. } = read_start(&answer, NOW) else {
        panic!("not started")
    };
    assert_eq!(retry_after_ms, Some(60_000));
}

/// The recorded deliveries of senders with public keys: Ed25519, ECDSA, and RSA with SHA-1 and SHA-256.
const PUBLIC_KEYS: [&str; 6] = [
    include_str!("vectors/discord.json"),
    include_str!("vectors/discord-handshakes.json"),
    include_str!("vectors/sendgrid.json"),
    include_str!("vectors/aws-sns.json"),
    include_str!("vectors/aws-sns-handshakes.json"),
    include_str!("vectors/standard-webhooks.json"),
];

#[wasm_bindgen_test]
async fn the_runtimes_cryptography_judges_as_the_native_one() {
    let now = Timestamp::parse(&String::from(js_sys::Date::new_0().to_iso_string())).unwrap();
    let mut wrong = Vec::new();
    for file in PUBLIC_KEYS {
        let vectors: Vec<Value> = serde_json::from_str(file).unwrap();
        assert!(!vectors.is_empty());
        for vector in vectors {
            if let Err(why) = judge::judge(&vector, &WebCrypto, now).await {
                wrong.push(format!("{}: {why}", vector["id"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The HMAC of a message, by Rust.
fn hmac<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

#[wasm_bindgen_test]
async fn the_hmac_of_a_large_message_is_the_same() {
    let message: Vec<u8> = (0..100_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    // Longer than the block of every hash, too.
    for key in [&b"s3cret"[..], &[0x80; 200]] {
        let expected = [
            (Hash::Sha1, hmac::<Hmac<sha1::Sha1>>(key, &message)),
            (Hash::Sha256, hmac::<Hmac<sha2::Sha256>>(key, &message)),
            (Hash::Sha384, hmac::<Hmac<sha2::Sha384>>(key, &message)),
            (Hash::Sha512, hmac::<Hmac<sha2::Sha512>>(key, &message)),
        ];
        for (hash, expected) in expected {
            assert_eq!(
                WebCrypto.hmac(hash, key, &message.as_slice().into()).await,
                Some(expected),
                "{hash:?}"
            );
        }
    }
}

#[wasm_bindgen_test]
async fn a_large_delivery_is_verified() {
    let hooks = read(
        r#"{"HOOKS": {"h": {"workspace": "a", "database": "b", "workflow": "c",
            "verify": {"scheme": "hmac", "secret": "S", "header": "x-sig"}}}}"#,
    );
    let configuration = Configuration::read(&hooks);
    let hook = configuration.hooks.values().next().unwrap().unwrap();
    let secret = |_: &str| Some("s3cret".to_owned());
    let context = VerifyContext { secret: &secret, certificate: None, crypto: &WebCrypto, now: NOW };
    for length in [100, 100_000] {
        let signature =
            base16ct::lower::encode_string(&hmac::<Hmac<sha2::Sha256>>(b"s3cret", &vec![b'x'; length]));
        let request = |body: Vec<u8>| {
            let headers = [("x-sig".to_owned(), signature.clone())];
            RawRequest::new("POST", "https://seedhook.example/hooks/h", headers, body, NOW)
        };
        assert!(hook.verify.check(&request(vec![b'x'; length]), &context).await.is_ok());
        let mut forged = vec![b'x'; length];
        forged[length - 1] = b'y';
        assert!(hook.verify.check(&request(forged), &context).await.is_err());
    }
}

/// A key of P-256, as `SubjectPublicKeyInfo`, and its signature of `message`.
const P256_KEY: &str = "3059301306072a8648ce3d020106082a8648ce3d03010703420004\
     50752d61c739bfd1fdf4f2b8745a9eb8e10758c43f996826ede485d96752e71c\
     70ca18309f1f0ca9d88c69c5ffa663176d412d3f28dadcbe1ce7883f80754547";
const P256_SIGNATURE: &str = "9e572b988952452ac9ad401a41767f598f3c88c3569144a82567b723b66463ce\
     4ff6592a0af33eb449b0c1aefe96a618db926af186686d2b98b6fc0cc67dbed1";

#[wasm_bindgen_test]
async fn a_point_that_is_not_on_the_curve_is_no_key() {
    let key = base16ct::lower::decode_vec(P256_KEY).unwrap();
    let signature = base16ct::lower::decode_vec(P256_SIGNATURE).unwrap();
    let verify = async |spki: &[u8]| {
        let signed =
            PublicSignature { key: PublicKey::EcdsaP256(spki), message: b"message", signature: &signature };
        WebCrypto.verify(signed).await
    };
    assert_eq!(verify(&key).await, Ok(true));
    let mut off_curve = key;
    *off_curve.last_mut().unwrap() ^= 1;
    assert_eq!(verify(&off_curve).await, Err(UnusableKey));
}

/// A token of Cloudflare Access and its key, made by OpenSSL.
const ACCESS: &str = include_str!("wasm/access.json");

#[wasm_bindgen_test]
async fn a_token_of_access_is_verified_under_a_key_of_the_teams_set() {
    let recorded: Value = serde_json::from_str(ACCESS).unwrap();
    let access = Access::new("acme", recorded["audience"].as_str().unwrap()).unwrap();
    let now = Timestamp::from_millis(recorded["now_s"].as_i64().unwrap() * 1_000);
    let keys = AccessKey::read_all(recorded["keys"].to_string().as_bytes());
    let [key] = keys.as_slice() else { panic!("one key") };
    let token = recorded["token"].as_str().unwrap();
    let verify = async |token: &str| access.read(token, now).unwrap().verify(key, &WebCrypto).await;
    assert_eq!(verify(token).await, Ok(Some("jane@acme.example".to_owned())));
    let (text, signature) = token.rsplit_once('.').unwrap();
    let forged = format!("{text}.{}", signature.replace(&signature[..4], "AAAA"));
    assert_eq!(verify(&forged).await, Err(InvalidAssertion::WrongSignature));
}
