//! Handshakes that are a signing oracle, and the headers of answers.

use super::*;

#[track_caller]
fn check_handshake(verify: &Value, handshake: &Value, expected: Option<&str>) {
    let configuration = read(
        &json!({"HOOKS": {"h": {"workspace": "w", "database": "d", "workflow": "f", "verify": verify, "handshake": handshake}}}),
    );
    let mistakes: Vec<String> = configuration.mistakes().map(ToString::to_string).collect();
    match expected {
        None => assert!(mistakes.is_empty(), "{verify} {handshake}: {mistakes:?}"),
        Some(expected) => {
            let found = mistakes.iter().any(|mistake| mistake.contains(expected));
            assert!(found, "{verify} {handshake}: {mistakes:?}");
        }
    }
}

fn hmac(change: &Value) -> Value {
    let mut verify = json!({"scheme": "hmac", "secret": "S", "header": "x-sig"});
    verify.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    verify
}

#[test]
fn a_handshake_that_is_a_signing_oracle_is_a_mistake() {
    let crc = json!({"method": "GET", "when": {"query.crc_token": true}, "json": {"response_token": "hmac-sha256 query.crc_token"}});
    let problem =
        Some("HOOKS.h.handshake.json: hmac-sha256 query.crc_token signs any text that a stranger sends");
    for change in [
        json!({}),
        json!({"encoding": "base64"}),
        json!({"secret_encoding": "base64"}),
        json!({"secret_encoding": "hex", "prefix": "sha256="}),
        json!({"signed": "v0:{timestamp}:{body}", "timestamp": "headers.x-at"}),
        json!({"signed": "{body_sha256_bytes}"}),
    ] {
        check_handshake(&hmac(&change), &crc, problem);
    }
    let jwt = |algorithm: Value| json!({"scheme": "jwt", "secret": "S", "header": "authorization", "algorithm": algorithm});
    check_handshake(&jwt(json!(["HS512", "HS256"])), &crc, problem);
    for sender in ["github", "standard-webhooks", "gitlab", "zoom", "monday"] {
        check_handshake(&json!({"scheme": sender, "secret": "S"}), &crc, problem);
    }
    let by_token =
        json!({"when": {"body.t": true}, "token": "query.token", "json": {"t": "hmac-sha256 body.t"}});
    check_handshake(&hmac(&json!({})), &by_token, Some("signs any text"));
    // In a header of the answer it is the same.
    let header = json!({"method": "GET", "headers": {"x-crc": "hmac-sha256 query.crc_token"}});
    check_handshake(
        &hmac(&json!({})),
        &header,
        Some("HOOKS.h.handshake.headers: hmac-sha256 query.crc_token signs any"),
    );
    // Another algorithm, or a token, which no HMAC is.
    for verify in [
        hmac(&json!({"algorithm": "sha512"})),
        hmac(&json!({"algorithm": "sha1"})),
        jwt(json!("HS512")),
        json!({"scheme": "bearer", "secret": "S"}),
        json!({"scheme": "twilio", "secret": "S"}),
    ] {
        check_handshake(&verify, &crc, None);
    }
    for verify in [
        json!({"scheme": "none"}),
        json!({"scheme": "ed25519", "secret": "S", "secret_encoding": "hex", "header": "x"}),
    ] {
        check_handshake(&verify, &crc, Some("needs a secret"));
    }
}

#[test]
fn a_verified_handshake_signs_only_what_its_own_signature_covers() {
    let of = |place: &str| json!({"when": {"body.type": "check"}, "verified": true, "json": {"t": format!("hmac-sha256 {place}")}});
    let uncovered = Some("is not covered by the signature: a caller with one signed request");
    check_handshake(&hmac(&json!({})), &of("body.t"), None);
    check_handshake(&hmac(&json!({})), &json!("zoom"), None);
    check_handshake(&hmac(&json!({})), &of("query.t"), uncovered);
    check_handshake(&hmac(&json!({})), &of("headers.x-t"), uncovered);
    check_handshake(&hmac(&json!({})), &of("body.t|query.t"), uncovered);
    check_handshake(&hmac(&json!({"signed": "{url}{body}"})), &of("query.t"), None);
    check_handshake(
        &hmac(&json!({"signed": "{url}{body}", "url": "https://a.example/h?x=1"})),
        &of("query.t"),
        uncovered,
    );
    check_handshake(&hmac(&json!({"signed": "{headers.x-t}.{body}"})), &of("headers.x-t"), None);
    check_handshake(&hmac(&json!({"signed": "{body.id}"})), &of("body.t"), uncovered);
    check_handshake(&hmac(&json!({"signed": "{url}{form}"})), &of("body.t"), uncovered);
    check_handshake(&hmac(&json!({"signed": "{url}{form}", "body_hash": "query.h"})), &of("body.t"), None);
    check_handshake(&hmac(&json!({"signed": "{form}", "body_hash": "query.h"})), &of("body.t"), uncovered);
    check_handshake(&hmac(&json!({"signed": "{body.id}", "each": "body.items"})), &of("body.id"), uncovered);
    let jwt = |claims: Value| {
        let mut verify = json!({"scheme": "jwt", "secret": "S", "header": "authorization"});
        verify.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        verify
    };
    check_handshake(&jwt(json!({})), &of("body.t"), uncovered);
    check_handshake(&jwt(json!({"body_claim": "sha256"})), &of("body.t"), None);
    check_handshake(&jwt(json!({"body_claim": "sha256"})), &of("query.t"), uncovered);
}

#[test]
fn the_headers_of_an_answer_are_bounded() {
    let of = |headers: Value| json!({"method": "OPTIONS", "headers": headers});
    let none = json!({"scheme": "none"});
    check_handshake(&none, &of(json!({"webhook-allowed-origin": "headers.webhook-request-origin"})), None);
    for name in ["set-cookie", "Content-Type", "allow", "a b", "location"] {
        check_handshake(&none, &of(json!({name: "x"})), Some("is a header that no handshake may set"));
    }
    for value in [json!("a\nb"), json!(""), json!(1), json!("é"), json!("x".repeat(257))] {
        check_handshake(
            &none,
            &of(json!({"x-a": value})),
            Some("HOOKS.h.handshake.headers.x-a: must be a source, or a text"),
        );
    }
    let many: serde_json::Map<String, Value> =
        (0..9).map(|number| (format!("x-{number}"), json!("1"))).collect();
    check_handshake(&none, &of(many.into()), Some("must be a table of 1 to 8 headers"));
    check(
        |hook| hook["answer"] = json!({"headers": {"x-a": "1"}}),
        "HOOKS.crm.answer.headers: unknown field",
    );
    check(|hook| hook["answer"] = json!({"json": {"t": "hmac-sha256 body.t"}}), "must not hold an HMAC");
}
