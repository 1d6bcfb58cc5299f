//! Which requests are accepted, answered as handshakes, or rejected. What each sender signs is in `tests/vectors`.

use serde_json::json;

use super::*;
use crate::config::test_hook::hook;
use crate::timestamp::Timestamp;
use crate::verify::rust_crypto::{RustCrypto, complete};
use crate::verify::signer::UnsignedDelivery;

const NOW: Timestamp = Timestamp::from_millis(1_760_000_000_000);

fn request(method: &str, query: &str, headers: &[(&str, &str)], body: &str) -> RawRequest {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let url = format!("https://seedhook.example/hooks/h{query}");
    RawRequest::new(method, &url, headers, body.into(), NOW)
}

/// Every secret has this value, except one that is not set.
fn secret(name: &str) -> Option<String> {
    (name != "NOT_SET").then(|| "s3cret".to_owned())
}

const CONTEXT: VerifyContext<'static> =
    VerifyContext { secret: &secret, certificate: None, crypto: &RustCrypto, now: NOW };

fn admit(hook: &Hook, request: RawRequest) -> Result<Admitted, Rejection> {
    complete(hook.admit(request, &CONTEXT))
}

/// `delivery`, the status and body of a handshake, or the status of a refusal.
#[track_caller]
fn check(hook: &Hook, request: RawRequest, expected: &str) {
    let got = match admit(hook, request) {
        Ok(Admitted::Delivery(_)) => "delivery".to_owned(),
        Ok(Admitted::Handshake(reply)) => format!("{} {}", reply.status, reply.body),
        Err(error) => error.status().to_string(),
    };
    assert_eq!(got, expected);
}

fn signed(hook: &Hook, request: RawRequest) -> RawRequest {
    hook.verify.sign(UnsignedDelivery { delivery: request, id: "id" }, &CONTEXT).unwrap()
}

#[test]
fn a_signed_handshake_is_verified_first() {
    let slack = hook(&json!({"verify": {"scheme": "slack", "secret": "S"}}));
    let body = r#"{"type":"url_verification","challenge":"3eZbrw1a"}"#;
    check(&slack, signed(&slack, request("POST", "", &[], body)), "200 3eZbrw1a");
    check(&slack, request("POST", "", &[], body), "401");
    check(&slack, signed(&slack, request("POST", "", &[], r#"{"type":"event_callback"}"#)), "delivery");
    check(&slack, signed(&slack, request("POST", "", &[], r#"{"type":"url_verification"}"#)), "400");
}

#[test]
fn the_answer_to_an_unsigned_handshake_only_repeats_the_request() {
    let graph = hook(&json!({"verify": {"scheme": "microsoft-graph", "secret": "NOT_SET"}}));
    check(&graph, request("POST", "?validationToken=a%20b%3Ci%3E", &[], ""), "200 a b<i>");
    check(&graph, request("POST", &format!("?validationToken={}", "x".repeat(4097)), &[], ""), "400");
    check(&graph, request("POST", "", &[], "{}"), "503");
    check(&graph, request("GET", "?validationToken=a", &[], ""), "503");
}

#[test]
fn a_token_must_be_known_before_its_challenge_is_answered() {
    let meta = hook(&json!({"verify": {"scheme": "meta", "secret": "S", "verify_token": "T"}}));
    let ask = |mode: &str, token: &str| {
        request("GET", &format!("?hub.mode={mode}&hub.verify_token={token}&hub.challenge=42"), &[], "")
    };
    check(&meta, ask("subscribe", "s3cret"), "200 42");
    check(&meta, ask("subscribe", "guessed"), "403");
    check(&meta, ask("subscribe", ""), "403");
    check(&meta, ask("unsubscribe", "s3cret"), "403");
    let unset = hook(&json!({"verify": {"scheme": "meta", "secret": "S", "verify_token": "NOT_SET"}}));
    check(&unset, ask("subscribe", ""), "403");
}

#[test]
fn a_secret_is_taken_from_a_handshake_only_while_none_is_set() {
    let body = r#"{"verification_token":"brought"}"#;
    let fresh = hook(&json!({"verify": {"scheme": "notion", "secret": "NOT_SET"}}));
    let Ok(Admitted::Handshake(reply)) = admit(&fresh, request("POST", "", &[], body)) else {
        panic!("no handshake")
    };
    assert_eq!(
        (reply.status, reply.body.as_str(), reply.offered_secret.as_deref()),
        (200, "", Some("brought"))
    );
    let set = hook(&json!({"verify": {"scheme": "notion", "secret": "S"}}));
    check(&set, request("POST", "", &[], body), "401");
    check(&set, request("POST", "", &[], r#"{"verification_token":"s3cret"}"#), "200 ");
}

#[test]
fn a_handshake_can_be_configured() {
    let own = hook(&json!({
        "verify": {"scheme": "bearer", "secret": "S"},
        "handshake": [
            {"method": "GET", "text": "query.challenge"},
            {"when": {"body.ping": true}, "verified": true, "json": {"pong": "body.ping", "ok": true}},
        ],
    }));
    check(&own, request("GET", "?challenge=abc", &[], ""), "200 abc");
    check(&own, request("GET", "", &[], ""), "400");
    let token = [("authorization", "Bearer s3cret")];
    check(&own, request("POST", "", &token, r#"{"ping":"x"}"#), r#"200 {"pong":"x","ok":true}"#);
    check(&own, request("POST", "", &[], r#"{"ping":"x"}"#), "401");
    check(&own, request("POST", "", &token, "{}"), "delivery");
}

/// The headers of a handshake's answer, `name: value` each.
fn headers(hook: &Hook, request: RawRequest) -> Vec<String> {
    match admit(hook, request) {
        Ok(Admitted::Handshake(reply)) => {
            reply.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect()
        }
        other => panic!("{other:?}"),
    }
}

const ORIGIN: (&str, &str) = ("WebHook-Request-Origin", "eventemitter.example.com");

#[test]
fn the_handshake_of_cloudevents_is_answered() {
    let cloudevents = hook(&json!({"verify": {"scheme": "cloudevents", "secret": "S"}}));
    assert_eq!(cloudevents.methods(), "POST, OPTIONS");
    let callback = ("WebHook-Request-Callback", "https://evil.example/confirm?id=1");
    let ask = |headers: &[(&str, &str)]| request("OPTIONS", "", headers, "");
    check(&cloudevents, ask(&[ORIGIN]), "200 ");
    let allowed = "webhook-allowed-origin: eventemitter.example.com".to_owned();
    let allow = "allow: POST, OPTIONS".to_owned();
    assert_eq!(headers(&cloudevents, ask(&[ORIGIN, callback])), [allowed.clone(), allow.clone()]);
    let rate = ("WebHook-Request-Rate", "120");
    let expected = [allowed, "webhook-allowed-rate: 120".to_owned(), allow];
    assert_eq!(headers(&cloudevents, ask(&[ORIGIN, rate])), expected);
    let Ok(Admitted::Handshake(reply)) = admit(&cloudevents, ask(&[ORIGIN, callback])) else { panic!() };
    assert_eq!(reply.visit_url, None, "the callback is never called");
}

#[test]
fn options_without_an_origin_is_rejected() {
    let cloudevents = hook(&json!({"verify": {"scheme": "cloudevents", "secret": "S"}}));
    let token = ("authorization", "Bearer s3cret");
    check(&cloudevents, request("OPTIONS", "", &[], ""), "401");
    check(&cloudevents, request("OPTIONS", "", &[token], "{}"), "400");
    check(&cloudevents, request("POST", "", &[token, ORIGIN], "{}"), "delivery");
    check(&cloudevents, request("POST", "", &[ORIGIN], "{}"), "401");
    let open = hook(&json!({"verify": {"scheme": "none"}, "handshake": "cloudevents"}));
    check(&open, request("OPTIONS", "", &[], "{}"), "400");
}

#[test]
fn a_handshake_by_options_can_be_configured() {
    let own = hook(&json!({
        "verify": {"scheme": "query", "parameter": "key", "secret": "S"},
        "handshake": [
            {"method": "OPTIONS", "when": {"headers.webhook-request-origin": "eventgrid.azure.net"},
             "headers": {"WebHook-Allowed-Origin": "*", "webhook-allowed-rate": "query.rate|headers.webhook-request-rate"}},
            {"method": "GET", "text": "query.challenge"},
        ],
    }));
    let grid = ("webhook-request-origin", "eventgrid.azure.net");
    let expected = ["webhook-allowed-origin: *".to_owned(), "allow: GET, POST, OPTIONS".to_owned()];
    assert_eq!(headers(&own, request("OPTIONS", "", &[grid], "")), expected);
    check(&own, request("OPTIONS", "", &[ORIGIN], ""), "401");
    check(&own, request("GET", "?challenge=c", &[], ""), "200 c");
    for query in
        ["?rate=1%0d%0aset-cookie:%20a", "?rate=%C3%A9", &format!("?rate={}", "1".repeat(257)), "?rate=+1"]
    {
        check(&own, request("OPTIONS", query, &[grid], ""), "400");
    }
    check(&own, request("OPTIONS", &format!("?rate={}", "1".repeat(256)), &[grid], ""), "200 ");
}

#[test]
fn an_hmac_is_made_only_where_it_cannot_be_a_signature() {
    // What Zoom signs covers the token, and a stranger cannot ask.
    let zoom = hook(&json!({"verify": {"scheme": "zoom", "secret": "S"}}));
    let body = r#"{"event":"endpoint.url_validation","payload":{"plainToken":"{\"event\":\"forged\"}"}}"#;
    check(&zoom, request("POST", "", &[], body), "401");
    let own = hook(&json!({
        "verify": {"scheme": "hmac", "secret": "S", "header": "x-sig", "algorithm": "sha512"},
        "handshake": {"method": "GET", "json": {"token": "hmac-sha256 query.crc_token"}},
    }));
    let Ok(Admitted::Handshake(reply)) = admit(&own, request("GET", "?crc_token=x", &[], "")) else {
        panic!()
    };
    assert_eq!((reply.status, reply.body.len()), (200, r#"{"token":""}"#.len() + 64));
}

#[test]
fn an_accepted_delivery_gets_the_configured_answer() {
    let discord = hook(
        &json!({"verify": {"scheme": "none"}, "answer": {"json": {"type": 4, "data": {"content": "Seeding."}}}}),
    );
    let reply = discord.answer_to(&request("POST", "", &[], r#"{"type":2}"#)).unwrap();
    assert_eq!((reply.status, reply.body.as_str()), (200, r#"{"type":4,"data":{"content":"Seeding."}}"#));
    let only =
        hook(&json!({"verify": {"scheme": "none"}, "answer": {"when": {"body.event": true}, "status": 204}}));
    assert!(only.answer_to(&request("POST", "", &[], "{}")).is_none());
    assert_eq!(only.answer_to(&request("POST", "", &[], r#"{"event":{"x":1}}"#)).unwrap().status, 204);
}

#[test]
fn every_generic_scheme_requires_the_secret() {
    for verify in [
        json!({"scheme": "bearer"}),
        json!({"scheme": "header", "header": "X-Api-Key"}),
        json!({"scheme": "query", "parameter": "key"}),
        json!({"scheme": "field", "field": "body.token"}),
        json!({"scheme": "jwt", "header": "authorization", "body_claim": "sha256", "expires": true}),
        json!({"scheme": "hmac", "header": "x-sig"}),
        json!({"scheme": "hmac", "header": "x-sig", "algorithm": "sha512", "encoding": "base64", "prefix": "v0="}),
        json!({"scheme": "hmac", "header": "x-sig", "algorithm": "sha1", "signed": "{method}{url}{timestamp}.{id}.{body}",
               "timestamp": "headers.x-at", "timestamp_unit": "ms", "id": "headers.x-id"}),
        json!({"scheme": "hmac", "header": "x-sig", "item_separator": ";", "label": "s", "signed": "{{ timestamp }}.{{ body }}",
               "timestamp": "items.at", "timestamp_unit": "rfc3339", "tolerance": "1m"}),
        json!({"scheme": "hmac", "signature": "body.sig", "signed": "{body.at}{id}", "timestamp": "body.at", "id": "body.id"}),
    ] {
        let mut verify = verify;
        verify["secret"] = json!("S");
        let hook = hook(&json!({"verify": verify}));
        let genuine =
            signed(&hook, request("POST", "?a=1", &[("content-type", "application/json")], r#"{"x":1}"#));
        check(&hook, genuine.clone(), "delivery");
        let other = |_: &str| Some("another".to_owned());
        let context = VerifyContext { secret: &other, certificate: None, crypto: &RustCrypto, now: NOW };
        assert!(complete(hook.admit(genuine.clone(), &context)).is_err(), "{verify}");
        check(&hook, request("POST", "?a=1", &[], r#"{"x":1}"#), "401");
        if verify["scheme"] == "jwt" || verify.get("timestamp").is_some() {
            let later = VerifyContext { now: NOW.plus_ms(3_600_000), ..CONTEXT };
            assert!(complete(hook.admit(genuine, &later)).is_err(), "{verify}");
        }
    }
    let basic = hook(&json!({"verify": {"scheme": "basic", "secret": "S"}}));
    let user = |_: &str| Some("user:pass:word".to_owned());
    let context = VerifyContext { secret: &user, certificate: None, crypto: &RustCrypto, now: NOW };
    let header = [("authorization", "basic dXNlcjpwYXNzOndvcmQ=")];
    assert!(complete(basic.admit(request("POST", "", &header, "{}"), &context)).is_ok());
    check(&basic, request("POST", "", &header, "{}"), "503");
}

#[test]
fn a_body_that_exceeds_a_bound_of_verification_is_too_complex() {
    let form = [("content-type", "application/x-www-form-urlencoded"), ("x-twilio-signature", "AAAA")];
    let json = [("content-type", "application/json")];
    let twilio = hook(&json!({"verify": {"scheme": "twilio", "secret": "S"}}));
    check(&twilio, request("POST", "", &form, &"a=1&".repeat(1_001)), "413");
    check(&twilio, request("POST", "", &form, &"a=1&".repeat(1_000)), "401");
    let graph = hook(&json!({"verify": {"scheme": "microsoft-graph", "secret": "S"}}));
    check(&graph, request("POST", "", &json, &"[".repeat(100)), "413");
    check(&graph, request("POST", "", &json, "{}"), "401");
    let signed = hook(&json!({"verify": {"scheme": "github", "secret": "S"}}));
    check(&signed, request("POST", "", &json, &"[".repeat(100)), "401");
}
