//! Bodies of every kind that is read, and of none: in their grammar, and then with something wrong in it.

use seedhook::document::{DEPTH_MAX, Document};
use seedhook::request::body::{self, BodyError};
use seedhook::verify::Verified;
use serde_json::{Value, json};

use super::case::{Case, Cases};
use super::check_event;
use super::choices::Choices;
use super::request::Request;
use super::values::{CANARY, changed_text, object, value};

/// How many bytes of JSON a body becomes for each of its own, at most: a control character is one byte, and six in JSON.
const BODY_GROWTH_MAX: usize = 8;

/// See [`super::body`].
pub(crate) fn any_is_read_or_refused(choices: &mut Choices<'_>) {
    let request = draw(choices);
    let content_type = request.header("content-type");
    let headers =
        request.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
    let body = request.body.clone().into();
    let read = || body::read(content_type.as_deref(), &headers, &body);
    let value = |read: Result<Document, BodyError>| read.map(|body| body.root().to_value());
    assert_eq!(value(read()), value(read()), "read twice");
    match read() {
        Ok(body) => {
            let value = body.root().to_value();
            let written = value.to_string().len();
            let most = BODY_GROWTH_MAX * request.body.len() + 16 * 1024;
            assert!(
                written <= most && depth(&value) <= DEPTH_MAX,
                "{written} bytes of {}",
                request.body.len()
            );
            drop(body::cloud_event(&headers, body.root()));
        }
        Err(error) => assert!(!error.to_string().contains(CANARY), "{error}"),
    }
    let is_bare_event = request.body.is_empty() && headers.contains_key("ce-specversion");
    if content_type.as_deref() == Some("application/json") && !is_bare_event {
        check_json(&request.body, value(read()));
    }
    let is_batch = |case: &&Case| case.hook.batch.as_ref().is_some_and(|each| each.as_str() == "body");
    if let Some(case) = Cases::all().iter().find(is_batch) {
        check_event(&case.hook, Verified::assume(request.arrived()));
    }
}

/// A body is JSON exactly where `serde_json` says so, and then the same; but for what that refuses to read or rounds.
fn check_json(body: &[u8], read: Result<Value, BodyError>) {
    let text = String::from_utf8_lossy(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body));
    match (serde_json::from_str::<Value>(&text), read) {
        (Ok(json), Ok(value)) => {
            assert!(is_same(&json, &value), "{value} is not what JSON says: {json}");
        }
        (Ok(json), Err(error)) => assert!(matches!(error, BodyError::TooComplex(_)), "{json}: {error}"),
        (Err(error), Ok(value)) => {
            let reason = error.to_string();
            let is_lenient =
                ["surrogate", "hex escape", "out of range"].iter().any(|word| reason.contains(word));
            assert!(is_lenient, "{value} is not JSON: {error}");
        }
        (Err(_), Err(_)) => {}
    }
}

/// Whether two values are the same, but for the last digit of a float, where `serde_json` may be off, and for a zero's sign.
fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| is_same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let same =
                |(name, left): (&String, &Value)| right.get(name).is_some_and(|right| is_same(left, right));
            left.len() == right.len() && left.iter().all(same)
        }
        (Value::Number(left), Value::Number(right)) if left.is_f64() => {
            let (left, right) = (left.as_f64().unwrap_or(f64::NAN), right.as_f64().unwrap_or(f64::NAN));
            (left - right).abs() <= 4.0 * f64::EPSILON * left.abs()
        }
        _ => left == right,
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(object) => 1 + object.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// A request with a body to be read.
fn draw(choices: &mut Choices<'_>) -> Request {
    let (content_type, mut body) = match choices.below(12) {
        0..3 => ("application/json", value(choices, 5).to_string().into_bytes()),
        3 => ("application/json", deep(choices)),
        4..6 => ("application/x-www-form-urlencoded", form(choices)),
        6..8 => ("multipart/form-data; boundary=b", multipart(choices)),
        8 => ("text/xml", xml(choices)),
        9 => ("application/cloudevents+json", cloud_event(choices).to_string().into_bytes()),
        10 => ("text/plain", choices.text(64).into_bytes()),
        _ => ("application/octet-stream", choices.bytes(64)),
    };
    for _ in 0..choices.below(3) {
        damage(&mut body, choices);
    }
    let mut request = Request {
        method: "POST".to_owned(),
        url: "https://seedhook.example/hooks/h?a=1".to_owned(),
        headers: Vec::new(),
        body,
    };
    if !choices.one_in(16) {
        request.set_header("content-type", &stated(content_type, choices));
    }
    if choices.one_in(4) {
        request.set_header(
            choices.pick(&["x-amz-sns-message-type", "ce-specversion", "ce-type", "idempotency-key"]),
            "1.0",
        );
    }
    if choices.one_in(8) {
        for (name, text) in
            [("ce-specversion", "1.0"), ("ce-id", "%41%zz"), ("ce-source", "/x"), ("ce-type", "%e2%82%ac")]
        {
            request.set_header(name, text);
        }
    }
    request
}

/// The content type as it is, with a parameter, damaged, or another.
fn stated(content_type: &str, choices: &mut Choices<'_>) -> String {
    match choices.below(12) {
        0 => format!(
            "{content_type}; charset={}",
            choices.pick(&["utf-8", "UTF-16", "iso-8859-1", "\"utf-8\"", "", "x"])
        ),
        1 => format!("{content_type};;boundary=\"b\\\"\"; boundary={}", choices.text(4)),
        2 => changed_text(content_type, choices),
        3 => content_type.to_ascii_uppercase(),
        4 => choices
            .pick(&[
                "application/json",
                "application/xml",
                "text/csv",
                "application/x-www-form-urlencoded",
                "",
                "/",
            ])
            .to_owned(),
        _ => content_type.to_owned(),
    }
}

fn damage(body: &mut Vec<u8>, choices: &mut Choices<'_>) {
    let place = choices.place(body.len());
    match choices.below(6) {
        0 => body.truncate(place),
        1 if place < body.len() => body[place] = choices.byte(),
        2 => {
            let end = (place + choices.below(64)).min(body.len());
            let repeated = body[place..end].repeat(1 + choices.below(200));
            body.splice(place..place, repeated);
        }
        3 => drop(body.splice(0..0, *b"\xef\xbb\xbf")),
        4 if place < body.len() => drop(body.remove(place)),
        _ => body.insert(place, choices.byte()),
    }
}

fn deep(choices: &mut Choices<'_>) -> Vec<u8> {
    if choices.one_in(64) {
        // Not deep, but more than a delivery may become.
        return format!("[{}0]", "{},".repeat(choices.below(1_000))).into_bytes();
    }
    let (open, within, close) = match choices.below(3) {
        0 => ("[", "", "]"),
        1 => ("{\"a\":", "1", "}"),
        _ => ("[{\"a\":", "[]", "}]"),
    };
    let depth = choices.below(400);
    format!("{}{within}{}", open.repeat(depth), close.repeat(depth)).into_bytes()
}

fn form(choices: &mut Choices<'_>) -> Vec<u8> {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for _ in 0..choices.below(6) {
        let name =
            choices.pick(&["a", "a[]", "a[b][c]", "payload", "json", "", CANARY, "mandrill_events", "é"]);
        let value = if choices.one_in(3) { value(choices, 2).to_string() } else { choices.text(8) };
        form.append_pair(name, &value);
    }
    let mut form = form.finish();
    form.push_str(choices.pick(&["", "", "&&=", "%", "%zz=%", "&a=%ff%fe", ";b=1"]));
    form.into_bytes()
}

fn multipart(choices: &mut Choices<'_>) -> Vec<u8> {
    let mut body = String::new();
    for _ in 0..choices.below(5) {
        let name = choices.pick(&["a", "payload", "charsets", "file", "", "é\\\"", CANARY]);
        let more = choices.pick(&[
            "",
            "; filename=\"x.csv\"",
            "; filename*=utf-8''%e2%82%ac",
            "; filename=\"../\\\"\"",
        ]);
        let header = choices.pick(&[
            "",
            "Content-Type: text/csv; charset=utf-16\r\n",
            "X: y\r\n z\r\n",
            "content-transfer-encoding: base64\r\n",
        ]);
        let content = if choices.one_in(3) { value(choices, 2).to_string() } else { choices.text(16) };
        let disposition = format!("Content-Disposition: form-data; name=\"{name}\"{more}\r\n");
        body.extend(["--b\r\n", &disposition, header, "\r\n", &content, "\r\n"]);
    }
    body.push_str(choices.pick(&["--b--\r\n", "--b--", "--b", "", "--b--\r\n--b\r\n"]));
    body.into_bytes()
}

fn xml(choices: &mut Choices<'_>) -> Vec<u8> {
    let text = choices.text(16);
    format!("<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"{text}\">]><a b='{CANARY}'>&b;&b;<![CDATA[{text}]]></a>").into_bytes()
}

fn cloud_event(choices: &mut Choices<'_>) -> Value {
    let mut event = json!({"id": choices.text(4), "source": "/x", "specversion": "1.0", "type": "t"});
    match choices.below(4) {
        0 => event["data"] = value(choices, 2),
        1 => event["data_base64"] = json!(choices.pick(&["", "e30=", "%", "bm8", "/w=="])),
        2 => event["datacontenttype"] = json!(choices.pick(&["application/json", "text/plain", "x"])),
        _ => event["data"] = Value::Object(object(choices, 2)),
    }
    if choices.one_in(4) { json!([event, value(choices, 1)]) } else { event }
}
