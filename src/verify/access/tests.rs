//! Tokens that are accepted, and each reason why one is not.

use base64::Engine;
use hmac::{Hmac, KeyInit, Mac};
use rsa::pkcs8::EncodePublicKey;
use rsa::traits::PublicKeyParts;
use serde_json::json;
use sha2::Sha256;

use super::testing::{AUDIENCE, NEW, OLD, claims, key_set, signed, token, unsigned};
use super::*;
use crate::verify::rust_crypto::{RustCrypto, complete};

const NOW_S: i64 = 1_700_000_000;

fn access() -> Access {
    Access::new("acme", AUDIENCE).unwrap()
}

/// The user of a token by the keys `old` and `new`, or why it is not accepted.
fn judge(token: &str) -> Result<Option<String>, InvalidAssertion> {
    let keys = AccessKey::read_all(key_set(&[("old", &OLD), ("new", &NEW)]).as_bytes());
    let assertion = access().read(token, Timestamp::from_millis(NOW_S * SECOND_MS))?;
    let key = keys.iter().find(|key| key.id == assertion.key_id).ok_or(InvalidAssertion::UnknownKey)?;
    complete(assertion.verify(key, &RustCrypto))
}

#[track_caller]
fn check_claims(change: impl FnOnce(&mut Value), expected: Result<&str, InvalidAssertion>) {
    let got = judge(&token("new", &NEW, &claims(NOW_S, change)));
    assert_eq!(got, expected.map(|user| Some(user.to_owned())));
}

#[test]
fn a_team_and_its_audiences_are_read() {
    let domain = "https://acme.cloudflareaccess.com";
    for team in ["acme", "acme.cloudflareaccess.com", domain, &format!("{domain}/")] {
        let access = Access::new(team, AUDIENCE).unwrap();
        assert_eq!(access, self::access(), "{team}");
        assert_eq!(access.keys_url(), format!("{domain}/cdn-cgi/access/certs"));
    }
    for team in
        ["", "-a", "a-", "Acme", "a.b", "a/b", "a@b", "http://acme.cloudflareaccess.com", "acme.example"]
    {
        assert_eq!(Access::new(team, AUDIENCE), Err(InvalidAccess::Team), "{team}");
    }
    assert_eq!(Access::new(&"a".repeat(64), AUDIENCE), Err(InvalidAccess::Team));
    let many = |count: usize| vec![AUDIENCE; count].join(" ,\n");
    assert!(Access::new("acme", &many(8)).is_ok());
    assert_eq!(Access::new("acme", &AUDIENCE.to_uppercase()), Ok(access()));
    for audiences in ["", ",", &AUDIENCE[1..], &AUDIENCE.replace('0', "g"), &format!("{AUDIENCE},"), &many(9)]
    {
        assert_eq!(Access::new("acme", audiences), Err(InvalidAccess::Audience), "{audiences}");
    }
}

#[test]
fn a_person_and_a_service_token_get_in() {
    check_claims(|_| (), Ok("jane@acme.example"));
    let service = |claims: &mut Value| {
        claims.as_object_mut().unwrap().remove("email");
        claims["common_name"] = json!("e367826f93b8d71185e03fe518aff3b4.access");
        claims["sub"] = json!("");
    };
    check_claims(service, Ok("e367826f93b8d71185e03fe518aff3b4.access"));
    check_claims(|claims| claims["email"] = json!("é".repeat(300)), Ok(&"é".repeat(256)));
    let nobody = claims(NOW_S, |claims| drop(claims.as_object_mut().unwrap().remove("email")));
    assert_eq!(judge(&token("old", &OLD, &nobody)), Ok(None));
}

#[test]
fn each_claim_must_be_right() {
    use InvalidAssertion::{Expired, Malformed, NotYetValid, WrongAudience, WrongIssuer, WrongType};
    let jane = Ok("jane@acme.example");
    let with = |name: &'static str, value: Value| move |claims: &mut Value| claims[name] = value;
    check_claims(with("exp", json!(NOW_S - 59)), jane);
    check_claims(with("exp", json!(NOW_S - 60)), Err(Expired));
    check_claims(with("exp", json!(i64::MIN)), Err(Expired));
    for bad in [json!("soon"), json!(1.5), json!(null), json!(1e300)] {
        check_claims(with("exp", bad), Err(Malformed));
    }
    check_claims(|claims| drop(claims.as_object_mut().unwrap().remove("exp")), Err(Malformed));
    for name in ["nbf", "iat"] {
        check_claims(with(name, json!(NOW_S + 60)), jane);
        check_claims(with(name, json!(NOW_S + 61)), Err(NotYetValid));
        check_claims(with(name, json!(i64::MAX)), Err(NotYetValid));
        check_claims(with(name, json!("now")), Err(Malformed));
        check_claims(move |claims| drop(claims.as_object_mut().unwrap().remove(name)), jane);
    }
    let other = "f".repeat(64);
    check_claims(with("aud", json!(AUDIENCE)), jane);
    check_claims(with("aud", json!([other, AUDIENCE, AUDIENCE])), jane);
    for bad in
        [json!(other), json!([other]), json!([]), json!(null), json!([[AUDIENCE]]), json!({AUDIENCE: 1})]
    {
        check_claims(with("aud", bad), Err(WrongAudience));
    }
    check_claims(|claims| drop(claims.as_object_mut().unwrap().remove("aud")), Err(WrongAudience));
    for bad in ["https://evil.cloudflareaccess.com", "https://acme.cloudflareaccess.com/", ""] {
        check_claims(with("iss", json!(bad)), Err(WrongIssuer));
    }
    check_claims(with("type", json!("org")), Err(WrongType));
    check_claims(|claims| drop(claims.as_object_mut().unwrap().remove("type")), Err(WrongType));
}

#[test]
fn only_rs256_under_the_named_key_counts() {
    use InvalidAssertion::{Malformed, UnknownKey, WrongAlgorithm, WrongSignature};
    let claims = claims(NOW_S, |_| ());
    assert_eq!(judge(&token("gone", &NEW, &claims)), Err(UnknownKey));
    assert_eq!(judge(&token("old", &NEW, &claims)), Err(WrongSignature));
    for algorithm in ["none", "None", "", "HS256", "RS384", "RS512", "PS256", "ES256", "rs256"] {
        let header = json!({"alg": algorithm, "kid": "new"});
        assert_eq!(judge(&signed(&header, &NEW, &claims)), Err(WrongAlgorithm), "{algorithm}");
        assert_eq!(judge(&format!("{}.", unsigned(&header, &claims))), Err(WrongAlgorithm), "{algorithm}");
    }
    // The public key as the secret of an HMAC, in each form that is public.
    let public = NEW.to_public_key();
    let pem = public.to_public_key_pem(rsa::pkcs8::LineEnding::LF).unwrap();
    for secret in [pem.as_bytes(), public.to_public_key_der().unwrap().as_bytes(), &public.n_bytes()] {
        for (algorithm, expected) in [("HS256", WrongAlgorithm), ("RS256", WrongSignature)] {
            let text = unsigned(&json!({"alg": algorithm, "kid": "new"}), &claims);
            let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret).unwrap();
            mac.update(text.as_bytes());
            let token = format!("{text}.{}", BASE64.encode(mac.finalize().into_bytes()));
            assert_eq!(judge(&token), Err(expected));
        }
    }
    assert_eq!(judge(&signed(&json!({"alg": "RS256"}), &NEW, &claims)), Err(Malformed));
    let critical = json!({"alg": "RS256", "kid": "new", "crit": ["b64"], "b64": false});
    assert_eq!(judge(&signed(&critical, &NEW, &claims)), Err(Malformed));
}

#[test]
fn a_changed_or_broken_token_does_not_count() {
    use InvalidAssertion::{Malformed, TooLong, WrongSignature};
    let genuine = token("new", &NEW, &claims(NOW_S, |_| ()));
    let forged = unsigned(
        &json!({"alg": "RS256", "kid": "new", "typ": "JWT"}),
        &claims(NOW_S, |claims| claims["email"] = json!("eve@evil.example")),
    );
    let (text, signature) = genuine.rsplit_once('.').unwrap();
    assert_eq!(judge(&format!("{forged}.{signature}")), Err(WrongSignature));
    for wrong in ["", "AAAA", &signature[..340], &signature.replace(&signature[..4], "AAAA")] {
        assert_eq!(judge(&format!("{text}.{wrong}")), Err(WrongSignature), "{wrong}");
    }
    let longer = BASE64.encode([BASE64.decode(signature).unwrap(), vec![0]].concat());
    assert_eq!(judge(&format!("{text}.{longer}")), Err(WrongSignature));
    for broken in [
        "",
        "..",
        "a.b.c",
        "Bearer",
        text,
        signature,
        &format!("{genuine}."),
        &format!("{genuine}.{signature}"),
        &format!(" {genuine}"),
        &format!("{genuine}="),
        &genuine.replace('.', "%2e"),
        &format!("{}.{}.{signature}", BASE64.encode("[]"), BASE64.encode("{}")),
        &format!("{}.{}.{signature}", BASE64.encode("\u{ff}"), BASE64.encode("{")),
    ] {
        assert_eq!(judge(broken), Err(Malformed), "{broken}");
    }
    let padded = |chars: usize| claims(NOW_S, |claims| claims["custom"] = json!("x".repeat(chars)));
    assert_eq!(judge(&token("new", &NEW, &padded(5_000))), Ok(Some("jane@acme.example".to_owned())));
    assert_eq!(judge(&token("new", &NEW, &padded(6_000))), Err(TooLong));
    assert_eq!(judge(&"a.".repeat(4_097)), Err(TooLong));
}

#[test]
fn only_rsa_keys_for_rs256_are_kept() {
    let ids = |set: &Value| {
        let keys = AccessKey::read_all(set.to_string().as_bytes());
        keys.into_iter().map(|key| key.id).collect::<Vec<_>>()
    };
    let set: Value = serde_json::from_str(&key_set(&[("old", &OLD), ("new", &NEW)])).unwrap();
    assert_eq!(ids(&set), ["old", "new"]);
    let changed = |change: fn(&mut Value)| {
        let mut set = set.clone();
        change(&mut set["keys"][0]);
        ids(&set)
    };
    assert_eq!(changed(|key| drop(key.as_object_mut().unwrap().remove("alg"))), ["old", "new"]);
    for change in [
        (|key| key["kty"] = json!("EC")) as fn(&mut Value),
        |key| key["alg"] = json!("RS512"),
        |key| key["use"] = json!("enc"),
        |key| key["kid"] = json!(7),
        |key| key["kid"] = json!("k".repeat(257)),
        |key| key["n"] = json!("AQAB"),
        |key| key["n"] = json!("not base64!"),
        |key| key["n"] = json!(BASE64.encode([0xff; 128])),
        |key| key["e"] = json!("AQ"),
        |key| key["e"] = json!(""),
        |key| *key = json!([]),
    ] {
        assert_eq!(changed(change), ["new"]);
    }
    let many = json!({"keys": vec![set["keys"][0].clone(); 40]});
    assert_eq!(ids(&many).len(), 16);
    for garbage in [json!(null), json!([]), json!({}), json!({"keys": {}}), json!({"keys": [1, "a", null]})] {
        assert_eq!(ids(&garbage), Vec::<String>::new());
    }
    assert_eq!(AccessKey::read_all(b"<html>"), []);
    assert_eq!(AccessKey::read_all("[".repeat(60_000).as_bytes()), []);
}
