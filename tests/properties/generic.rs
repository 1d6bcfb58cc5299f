//! Schemes that a configuration spells out, with their options drawn: only such as a sender could really have.

use serde_json::{Map, Value, json};

use super::choices::Choices;

/// What a hook says.
#[derive(Debug)]
pub(crate) struct Drawn {
    /// `verify`, but for the names of its secrets.
    pub(crate) verify: Map<String, Value>,
    pub(crate) secrets: usize,
    /// What else the hook says.
    pub(crate) rest: Value,
}

/// A `verify` of this scheme.
pub(crate) fn draw(scheme: &str, choices: &mut Choices<'_>) -> Drawn {
    let mut verify = Map::from_iter([("scheme".to_owned(), json!(scheme))]);
    let mut say = |name: &str, value: Value| drop(verify.insert(name.to_owned(), value));
    match scheme {
        "header" => say("header", json!(choices.pick(&["x-key", "Authorization", "X-API-Key", "cookie"]))),
        "query" => say("parameter", json!(choices.pick(&["key", "token", "a.b", "sig nature"]))),
        "field" => {
            say("field", json!(choices.pick(&["body.token", "body.meta.token", "body.a|body.b"])));
            if choices.one_in(2) {
                say("each", json!("body.items"));
            }
        }
        "jwt" => jwt(choices, &mut say),
        "hmac" => hmac(choices, &mut say),
        "ed25519" | "ecdsa-p256" => public_key(choices, &mut say),
        _ => {}
    }
    let rest = match choices.below(6) {
        0 => json!({"each": "body"}),
        1 => json!({"each": "body.items"}),
        2 => json!({"delivery_id": "{{ body.id }}"}),
        3 => {
            json!({"rules": [{"when": "body.type == 'deal.won'"}, {"when": "body.id"}, {"params": {"x": "{{ event }}"}}]})
        }
        _ => json!({}),
    };
    Drawn { verify, secrets: 1 + choices.below(3), rest }
}

fn jwt(choices: &mut Choices<'_>, say: &mut dyn FnMut(&str, Value)) {
    say("header", json!(choices.pick(&["authorization", "x-token"])));
    match choices.below(4) {
        0 => say("algorithm", json!("HS512")),
        1 => say("algorithm", json!(["HS256", "HS384", "HS512"])),
        2 => say("algorithm", json!(["HS384"])),
        _ => {}
    }
    if choices.one_in(2) {
        say("issuer", json!("acme"));
    }
    say("expires", json!(choices.one_in(2)));
    if !choices.one_in(4) {
        say("body_claim", json!("sha256"));
    }
    if choices.one_in(2) {
        say("url_claim", json!("url_hash"));
        address(choices, say);
    }
    if choices.one_in(2) {
        say("tolerance", json!(60));
    }
}

fn hmac(choices: &mut Choices<'_>, say: &mut dyn FnMut(&str, Value)) {
    if let Some(algorithm) = choices.pick(&[&None, &Some("sha256"), &Some("sha512"), &Some("sha1")]) {
        say("algorithm", json!(algorithm));
    }
    say("secret_encoding", json!(choices.pick(&["text", "text", "base64", "hex"])));
    written(choices, say);
    if choices.one_in(4) {
        say("any_port", json!(true));
    }
    match choices.below(8) {
        0 => in_body(choices, say),
        1 => {
            say("signature", json!("query.sig"));
            let time = moment(choices, &["headers.x-time", "body.time"], say);
            say("signed", json!(if time { "{timestamp}.{body}" } else { "{body}" }));
        }
        2 => hashed(choices, say),
        _ => {
            let listed = list(choices, say);
            if choices.one_in(4) {
                say("header", json!(["x-signature", "x-signature-2"]));
            } else {
                say("header", json!("X-Signature"));
            }
            over_body(choices, listed, say);
        }
    }
}

fn public_key(choices: &mut Choices<'_>, say: &mut dyn FnMut(&str, Value)) {
    say("secret_encoding", json!(choices.pick(&["base64", "hex"])));
    written(choices, say);
    let listed = list(choices, say);
    say("header", json!("x-signature"));
    over_body(choices, listed, say);
}

fn written(choices: &mut Choices<'_>, say: &mut dyn FnMut(&str, Value)) {
    say("encoding", json!(choices.pick(&["hex", "base64"])));
    match choices.below(4) {
        0 => say("prefix", json!("sha256=")),
        1 => say("prefix", json!("v0:")),
        _ => {}
    }
    if choices.one_in(4) {
        say("expect", json!({"headers.x-version": "1"}));
    }
}

/// A list of signatures; whether it can hold a timestamp, too.
fn list(choices: &mut Choices<'_>, say: &mut dyn FnMut(&str, Value)) -> bool {
    let (item, field, label) = match choices.below(8) {
        0 => (Some(","), Some("="), "v1"),
        1 => (Some(";"), Some("="), "h1"),
        2 => (Some(" "), Some(","), "v1"),
        3 => (Some(","), Some(":"), "sig"),
        4 => (None, None, "v1"),
        _ => return false,
    };
    for (name, separator) in [("item_separator", item), ("field_separator", field)] {
        if let Some(separator) = separator {
            say(name, json!(separator));
        }
    }
    say("label", json!(label));
    item.is_some()
}

/// A timestamp at one of these places, perhaps.
fn moment(choices: &mut Choices<'_>, places: &[&str], say: &mut dyn FnMut(&str, Value)) -> bool {
    if choices.one_in(3) {
        return false;
    }
    say("timestamp", json!(choices.pick(places)));
    say("timestamp_unit", json!(choices.pick(&["s", "ms", "rfc3339"])));
    match choices.below(4) {
        0 => say("tolerance", json!(60)),
        1 => say("tolerance", json!("12h")),
        2 => say("tolerance", json!("none")),
        _ => {}
    }
    true
}

fn over_body(choices: &mut Choices<'_>, listed: bool, say: &mut dyn FnMut(&str, Value)) {
    let places: &[&str] =
        if listed { &["items.t", "headers.x-time"] } else { &["headers.x-time", "headers.x-time"] };
    let time = moment(choices, places, say);
    let id = choices.one_in(3);
    if id {
        say("id", json!("headers.x-id"));
    }
    let signed: &[&str] = match (time, id) {
        (true, true) => {
            &["{id}.{timestamp}.{body}", "{{id}}{{timestamp}}{{body}}", "{timestamp}{id}{body_sha256}"]
        }
        (true, false) => {
            &["{timestamp}.{body}", "v0:{timestamp}:{body}", "{timestamp}{body}", "{body}{timestamp}"]
        }
        (false, true) => &["{id}:{body}", "{body_sha256_bytes}{id}"],
        (false, false) => &[
            "{body}",
            "{method}{url}{body}",
            "{url_decoded}|{body}",
            "{headers.x-a}{query.q}|{body}",
            "{url}\n{body_sha256}",
        ],
    };
    let signed = choices.pick(signed);
    if signed.contains("{url}") {
        address(choices, say);
    }
    say("signed", json!(signed));
}

/// The signature stands in the body, and is for some of its fields.
fn in_body(choices: &mut Choices<'_>, say: &mut dyn FnMut(&str, Value)) {
    if choices.one_in(2) {
        say("each", json!("body.items"));
    }
    say("signature", json!(choices.pick(&["body.sig", "body.meta.sig"])));
    match choices.below(3) {
        0 => {
            say("timestamp", json!("body.time"));
            say("id", json!("body.id"));
            say("signed", json!("{timestamp}{id}"));
        }
        1 => say("signed", json!("{body.a}:{body.b}:{body.data.value}")),
        _ => say("signed", json!("{body.id}{headers.x-a}")),
    }
}

/// The signed text has a hash of the body in it, not the body.
fn hashed(choices: &mut Choices<'_>, say: &mut dyn FnMut(&str, Value)) {
    say("header", json!("x-signature"));
    if choices.one_in(2) {
        say("body_hash", json!("query.hash"));
        say("signed", json!("{url}{form}"));
        address(choices, say);
    } else {
        say("body_hash", json!("headers.x-hash"));
        let time = moment(choices, &["headers.x-time"], say);
        say("signed", json!(if time { "{timestamp}{headers.x-hash}" } else { "{method}{headers.x-hash}" }));
    }
}

fn address(choices: &mut Choices<'_>, say: &mut dyn FnMut(&str, Value)) {
    match choices.below(4) {
        0 => say("url", json!("https://public.example/in/h")),
        1 => say("url", json!("https://public.example:443/in/h?fixed=1")),
        _ => {}
    }
}
