//! Requests as a sender makes them, signed with the key that the hook knows, or with a forger's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use seedhook::timestamp::Timestamp;
use seedhook::verify::VerifyContext;
use seedhook::verify::rust_crypto::RustCrypto;
use seedhook::verify::signer::UnsignedDelivery;
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::case::{Case, value_of};
use super::choices::Choices;
use super::judge::signed;
use super::request::Request;
use super::seen::Seen;
use super::values::{CANARY, object};

/// Who signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signer {
    /// Who has the key.
    Sender,
    /// Who has another.
    Forger,
}

/// A request to a hook, with all that its sender adds to prove it.
pub(crate) fn send(case: &Case, signer: Signer, choices: &mut Choices<'_>, now: Timestamp) -> Request {
    if let Some(recorded) = &case.recorded {
        return recorded.request.clone();
    }
    let draft = draft(case, choices);
    // No id has in it what separates it from the rest.
    let id = format!("msg_{}", choices.text(6).replace(['.', ':'], "_"));
    if signer == Signer::Forger && case.word("header").is_some() && choices.one_in(4) {
        // A key that everybody knows: the public one, or none at all.
        let is_public = case.private_keys.is_some();
        if is_public || case.scheme() == "hmac" {
            let known = if is_public { case.secrets[0].as_bytes() } else { b"" };
            return sign_with(case, draft, &id, now, |message| hmac_sha256(known, message));
        }
    }
    if let Some([right, wrong]) = &case.private_keys {
        let key = if signer == Signer::Sender { right } else { wrong };
        return sign_with(case, draft, &id, now, |message| key.sign(message));
    }
    let secrets = if signer == Signer::Sender { &case.secrets } else { &case.wrong_secrets };
    // Any of the secrets may be the one in use, but where each has its place.
    let rotated = if case.proof.contains_key("paired") { 0 } else { choices.below(secrets.len()) };
    let secret = |name: &str| match rotated {
        0 => value_of(name, secrets),
        _ => secrets.get(rotated).cloned(),
    };
    let context = VerifyContext { secret: &secret, certificate: None, crypto: &RustCrypto, now };
    let sent = case.hook.verify.sign(UnsignedDelivery { delivery: draft.arrived(), id: &id }, &context);
    let sent = sent.unwrap_or_else(|error| panic!("{}: {error}\n{draft:?}", case.name));
    let request = Request::of(&sent);
    if case.word("signed") == Some("{timestamp}{id}")
        && case.signature_places().len() > 1
        && choices.one_in(3)
    {
        as_form(&request)
    } else {
        request
    }
}

/// What is sent, without what proves anything.
fn draft(case: &Case, choices: &mut Choices<'_>) -> Request {
    let (content_type, body) = body(case, choices);
    let mut request = Request { method: method(choices), url: url(choices), headers: Vec::new(), body };
    if let Some(content_type) = content_type {
        request.set_header("content-type", content_type);
    }
    if choices.one_in(2) {
        request.set_header("x-a", &choices.text(6));
    }
    if choices.one_in(4) {
        request.set_header("x-github-event", CANARY);
    }
    if choices.one_in(4) {
        request.set_header("idempotency-key", &choices.text(6));
    }
    if choices.one_in(4) {
        as_handshake(case, &mut request, choices);
    }
    request
}

/// Makes it look like one of its sender's handshakes, as far as its body can be written.
fn as_handshake(case: &Case, request: &mut Request, choices: &mut Choices<'_>) {
    let all: Vec<_> = case.handshakes().collect();
    if all.is_empty() {
        return;
    }
    let handshake = choices.pick(&all);
    let word = |name: &str| handshake.get(name).and_then(Value::as_str);
    word("method").unwrap_or("POST").clone_into(&mut request.method);
    let signs = ["when", "expect"].into_iter().filter_map(|name| handshake.get(name)?.as_object()).flatten();
    let signs: Vec<(&str, Value)> = signs.map(|(place, value)| (place.as_str(), value.clone())).collect();
    let copied = handshake.get("json").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let copied = copied.filter_map(Value::as_str).map(|place| place.trim_start_matches("hmac-sha256 "));
    let shown = ["text", "token", "remember", "visit"].into_iter().filter_map(word).chain(copied);
    let mut body: Option<Value> = serde_json::from_slice(&request.body).ok().filter(Value::is_object);
    for (place, value) in shown.map(|place| (place, json!(true))).chain(signs) {
        let text = value.as_str().map_or_else(|| choices.text(6), ToOwned::to_owned);
        match place.split_once('.') {
            Some(("query", name)) => {
                let separator = if request.url.contains('?') { '&' } else { '?' };
                let mut pair = url::form_urlencoded::Serializer::new(String::new());
                request.url = format!("{}{separator}{}", request.url, pair.append_pair(name, &text).finish());
            }
            Some(("headers", name)) => request.set_header(name, &text),
            Some(("body", path)) => {
                let wanted = match value {
                    Value::Bool(true) => json!(format!("x{text}")),
                    other => other,
                };
                if let Some(body) = &mut body {
                    put(body, path, wanted);
                }
            }
            _ => {}
        }
    }
    if let Some(body) = body {
        request.body = body.to_string().into_bytes();
    }
}

/// Puts a value at a path; false takes away what is there.
fn put(body: &mut Value, path: &str, value: Value) {
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    let Some(object) = body.as_object_mut() else { return };
    match (rest, value) {
        ("", Value::Bool(false)) => drop(object.remove(name)),
        ("", value) => drop(object.insert(name.to_owned(), value)),
        (rest, value) => {
            let inner = object.entry(name).or_insert_with(|| json!({}));
            if !inner.is_object() {
                *inner = json!({});
            }
            put(inner, rest, value);
        }
    }
}

fn method(choices: &mut Choices<'_>) -> String {
    if choices.one_in(8) { choices.pick(&["GET", "PUT", "HEAD", "post"]) } else { "POST" }.to_owned()
}

fn url(choices: &mut Choices<'_>) -> String {
    let host = choices.pick(&[
        "seedhook.example",
        "seedhook.example",
        "seedhook.example:443",
        "seedhook.example:8443",
    ]);
    let query = match choices.below(8) {
        0 => "?x=1&y=%2C%3b%253A".to_owned(),
        1 => "?hub.mode=subscribe&hub.challenge=5&q=%e2%82%ac".to_owned(),
        // No fragment: clients keep that to themselves.
        2 => format!("?q={}", choices.text(8).replace('#', "")),
        _ => String::new(),
    };
    format!("https://{host}/hooks/h{query}")
}

/// A body of a form that its sender's proof needs.
fn body(case: &Case, choices: &mut Choices<'_>) -> (Option<&'static str>, Vec<u8>) {
    const JSON: Option<&str> = Some("application/json");
    let in_body = ["signature", "timestamp", "id", "field", "each"].iter().any(|name| {
        matches!(case.proof.get(*name), Some(Value::Array(_)))
            || case.word(name).is_some_and(|place| place.starts_with("body"))
    });
    if in_body || case.word("signed").is_some_and(|signed| signed.contains("{body.")) {
        return (JSON, structured(case, choices).to_string().into_bytes());
    }
    match choices.below(8) {
        0 => (Some("application/x-www-form-urlencoded"), form(choices)),
        1 => (Some("text/plain; charset=utf-8"), choices.text(24).into_bytes()),
        2 => (None, choices.bytes(24)),
        3 => (Some("application/json; charset=utf-8"), Vec::new()),
        4 => (JSON, json!([object(choices, 1), object(choices, 1)]).to_string().into_bytes()),
        5 => (
            JSON,
            format!("{{\"type\": \"url_verification\",\r\n \"challenge\":\"{}\"}} ", choices.text(8))
                .into_bytes(),
        ),
        _ => (JSON, Value::Object(object(choices, 2)).to_string().into_bytes()),
    }
}

fn structured(case: &Case, choices: &mut Choices<'_>) -> Value {
    let mut body = own_fields(case, object(choices, 2), choices);
    if let Some(path) = case.word("each").and_then(|each| each.strip_prefix("body.")) {
        let items = (0..=choices.below(3)).map(|_| {
            let fields = object(choices, 1);
            own_fields(case, fields, choices)
        });
        let items: Vec<Value> = items.map(Value::Object).collect();
        body.insert(path.to_owned(), json!(items));
    }
    Value::Object(body)
}

/// An object with nothing where its sender writes what proves it, and sometimes with what is covered by that.
fn own_fields(case: &Case, mut fields: Map<String, Value>, choices: &mut Choices<'_>) -> Map<String, Value> {
    if case.word("each") == Some("body.notificationItems") {
        let mut item = object(choices, 1);
        for name in ["pspReference", "merchantAccountCode", "merchantReference", "eventCode", "success"] {
            item.insert(name.to_owned(), json!(choices.text(4)));
        }
        item.remove("originalReference");
        item.insert("amount".to_owned(), json!({"value": choices.below(9_999), "currency": "EUR"}));
        return Map::from_iter([("NotificationRequestItem".to_owned(), Value::Object(item))]);
    }
    for name in
        ["signature", "timestamp", "sig", "meta", "time", "token", "a", "webhookTimestamp", "clientState"]
    {
        fields.remove(name);
    }
    let places = ["signature", "timestamp", "id", "field"].into_iter().filter_map(|name| case.word(name));
    for name in places.flat_map(|places| places.split('|')).filter_map(|place| place.strip_prefix("body.")) {
        fields.remove(name.split('.').next().unwrap_or_default());
    }
    // No fractions: they do not always stay what they are when a body is read and written.
    for name in ["a", "b", "id"]
        .into_iter()
        .filter(|name| case.word("signed").is_some_and(|signed| signed.contains(&format!("{{body.{name}}}"))))
    {
        fields.insert(name.to_owned(), json!(choices.text(4)));
        fields.insert("data".to_owned(), json!({"value": choices.number()}));
    }
    fields
}

fn form(choices: &mut Choices<'_>) -> Vec<u8> {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for _ in 0..choices.below(5) {
        form.append_pair(choices.pick(&["a", "b", "payload", "MessageSid", CANARY]), &choices.text(6));
    }
    form.finish().into_bytes()
}

/// Mailgun's older webhooks: the same three texts as fields of a form.
fn as_form(request: &Request) -> Request {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for name in ["timestamp", "token", "signature"] {
        let value = &body["signature"][name];
        form.append_pair(name, &value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned));
    }
    let mut request =
        Request { body: form.append_pair("event", CANARY).finish().into_bytes(), ..request.clone() };
    request.set_header("content-type", "application/x-www-form-urlencoded");
    request
}

/// Signs as senders with a private key do, in headers alone.
fn sign_with(
    case: &Case,
    mut request: Request,
    id: &str,
    now: Timestamp,
    sign: impl Fn(&[u8]) -> Vec<u8>,
) -> Request {
    let timestamp = match case.word("timestamp_unit") {
        Some("rfc3339") => now.to_string(),
        Some("ms") => now.as_millis().to_string(),
        _ => (now.as_millis() / 1_000).to_string(),
    };
    for (place, _) in case.proof.get("expect").and_then(Value::as_object).into_iter().flatten() {
        request.set_header(place.trim_start_matches("headers."), "1");
    }
    for (place, text) in [(case.word("timestamp"), &*timestamp), (case.word("id"), id)] {
        if let Some(name) = place.and_then(|place| place.split('|').next()?.strip_prefix("headers.")) {
            request.set_header(name, text);
        }
    }
    let stamp = case.word("timestamp").and_then(|place| place.strip_prefix("items."));
    let header = |signature: &str| {
        let signature = format!("{}{signature}", case.word("prefix").unwrap_or_default());
        let Some(label) = case.word("label") else { return signature };
        let separator = case.label_separator().unwrap_or_default();
        match (stamp, case.word("item_separator")) {
            (Some(stamp), Some(between)) => {
                format!("{stamp}{separator}{timestamp}{between}{label}{separator}{signature}")
            }
            _ => format!("{label}{separator}{signature}"),
        }
    };
    let names = case.proof_headers();
    let name = names.first().map_or("", String::as_str);
    request.set_header(name, &header(""));
    let seen = Seen { request: &request, body: None, items: &[] };
    let (message, _) = signed(case, seen).unwrap_or_default();
    let signature = sign(&message);
    let encoded = if case.word("encoding") == Some("base64") {
        BASE64.encode(&signature)
    } else {
        base16ct::lower::encode_string(&signature)
    };
    request.set_header(name, &header(&encoded));
    request
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}
