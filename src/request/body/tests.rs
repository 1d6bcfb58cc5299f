//! Parsing by content type, and random bodies.

use super::*;
use crate::document::{DEPTH_MAX, INDEX_BYTES_MAX, NODE_BYTES};
use serde_json::{Value, json};

#[track_caller]
fn check(content_type: impl Into<Option<&'static str>>, body: impl AsRef<[u8]>, expected: &Value) {
    let content_type = content_type.into();
    let read = read(content_type, &BTreeMap::new(), &body.as_ref().to_vec().into());
    assert_eq!(read.unwrap().root().to_value(), *expected, "{content_type:?}");
}

#[track_caller]
fn error(content_type: impl Into<Option<&'static str>>, body: &[u8]) -> BodyError {
    read(content_type.into(), &BTreeMap::new(), &body.to_vec().into()).unwrap_err()
}

#[test]
fn a_body_is_parsed_by_its_content_type() {
    for content_type in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
        "text/json",
        "application/vnd.api+json",
        "application/cloudevents+json",
    ] {
        check(content_type, r#"{"a":1}"#, &json!({"a": 1}));
    }
    for content_type in
        ["text/plain", "text/csv; header=present", "text/xml", "application/xml", "application/soap+xml"]
    {
        check(content_type, "<a>1</a>", &json!("<a>1</a>"));
        check(content_type, "", &json!(""));
    }
    check("application/x-www-form-urlencoded", "a=1", &json!({"a": "1"}));
    check("multipart/form-data; boundary=\"b\"", "--b--", &json!({}));
}

#[test]
fn other_types_are_rejected() {
    for content_type in [
        "",
        "json",
        "application/jsonp",
        "application/octet-stream",
        "image/png",
        "multipart/mixed; boundary=b",
        "text/plain; charset=koi8-r",
        "application/json; x=\"",
    ] {
        assert_eq!(error(content_type, b"{}"), BodyError::UnsupportedType, "{content_type}");
    }
}

#[test]
fn a_body_without_a_content_type_must_be_json() {
    check(None, "[1]", &json!([1]));
    for body in [&b""[..], b"a=1", b"\xff", b"{"] {
        assert!(error(None, body).to_string().contains("has no content type"), "{body:?}");
    }
    assert!(matches!(error(None, "[".repeat(100_000).as_bytes()), BodyError::TooComplex(_)));
}

#[test]
fn bytes_that_are_not_text_are_replaced() {
    check("application/json", b"{\"a\":\"x\xe9\",\"b\":1}", &json!({"a": "x\u{fffd}", "b": 1}));
    check(None, b"[\"\xff\"]", &json!(["\u{fffd}"]));
    for content_type in ["text/plain", "application/xml"] {
        check(content_type, b"\xe9", &json!("\u{fffd}"));
    }
}

#[test]
fn json_is_utf_8_whatever_charset_is_stated() {
    for charset in ["ISO-8859-1", "utf-16", "koi8-r"] {
        let content_type = format!("application/json; charset={charset}");
        let read = read(Some(&content_type), &BTreeMap::new(), &"\"é€\"".as_bytes().to_vec().into()).unwrap();
        assert_eq!(read.root().to_value(), json!("é€"), "{charset}");
    }
    assert_eq!(error("application/json; charset=utf-16", b"\"\0a\xff"), BodyError::UnsupportedType);
}

#[test]
fn text_is_decoded() {
    check("application/json; charset=ISO-8859-1", b"\"\xe9\"", &json!("é"));
    check("text/plain; charset=windows-1252", b"\x80", &json!("€"));
    check("text/plain; charset=us-ascii", "é", &json!("é"));
}

#[test]
fn one_byte_order_mark_is_skipped() {
    check("application/json", "\u{feff}{}", &json!({}));
    check(None, "\u{feff}{}", &json!({}));
    check("text/xml", "\u{feff}<a/>", &json!("<a/>"));
    check("text/plain", "\u{feff}\u{feff}a", &json!("\u{feff}a"));
    assert!(matches!(error("application/json", "\u{feff}\u{feff}{}".as_bytes()), BodyError::Malformed(_)));
}

#[test]
fn a_cloud_event_may_have_an_empty_body() {
    let headers = BTreeMap::from([("ce-specversion".to_owned(), "1.0".to_owned())]);
    for content_type in [None, Some("application/json"), Some("image/png")] {
        assert_eq!(read(content_type, &headers, &Vec::new().into()).unwrap().root().to_value(), Value::Null);
    }
    assert_eq!(
        read(Some("application/json"), &headers, &b"1".to_vec().into()).unwrap().root().to_value(),
        json!(1)
    );
}

/// Valid bodies, to be damaged.
const SAMPLES: &[(&str, &str)] = &[
    (
        "application/json",
        r#"{"type":"deal.won","data":{"seats":[1,-2.5e3,null,true],"name":"\u00e9\ud83d\ude00"}}"#,
    ),
    ("text/plain; charset=iso-8859-1", "caf\u{e9}"),
    ("application/xml", "<?xml version=\"1.0\"?><a b=\"c\">d</a>"),
    ("application/x-www-form-urlencoded", "payload=%7B%22a%22%3A%5B1%2C%22x%22%5D%7D"),
    ("application/x-www-form-urlencoded", "a=1&b=x+y&a=%E2%82%AC&a[b]=%25&c"),
    (
        "multipart/form-data; boundary=b0",
        "--b0\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b0\r\nContent-Disposition: form-data; \
         name=\"f\"; filename=\"x.csv\"\r\nContent-Type: text/csv\r\n\r\na,b\r\n1,2\r\n--b0--\r\n",
    ),
    (
        "application/cloudevents+json",
        r#"{"specversion":"1.0","id":"1","source":"/","type":"t","datacontenttype":"text/plain","data_base64":"YQ=="}"#,
    ),
];

/// Pieces with a meaning in one of the formats.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    ",",
    ":",
    "0",
    "null",
    "--b0",
    "--b0--",
    "\r\n",
    "\r\n\r\n",
    "\r\n--b0\r\n",
    "=",
    "&",
    "%",
    "+",
    ";",
    "Content-Type: text/plain; charset=iso-8859-1\r\n",
    "a[]=1&",
    "\u{feff}",
    "\u{0}",
    "é",
    "payload=",
];

fn damage(random: &mut fastrand::Rng, body: &mut Vec<u8>) {
    for _ in 0..random.usize(1..6) {
        let at = random.usize(0..=body.len());
        let to = random.usize(at..=body.len().min(at + 12));
        let new: Vec<u8> = match random.u8(0..5) {
            0 => PIECES[random.usize(0..PIECES.len())].as_bytes().to_vec(),
            1 => PIECES[random.usize(0..PIECES.len())].repeat(random.usize(1..200)).into_bytes(),
            2 => vec![random.u8(..)],
            3 => body[at..to].repeat(random.usize(1..40)),
            _ => Vec::new(),
        };
        let removed = if random.bool() { at..to } else { at..at };
        body.splice(removed, new);
    }
}

/// The number of values, the depth, and the bytes of text.
fn measure(value: &Value) -> (usize, usize, usize) {
    let inner: Vec<_> = match value {
        Value::Array(items) => items.iter().map(measure).collect(),
        Value::Object(members) => {
            let with_name = |(name, value): (&String, &Value)| {
                let (nodes, depth, bytes) = measure(value);
                (nodes, depth, bytes + name.len())
            };
            members.iter().map(with_name).collect()
        }
        Value::String(text) => return (1, 0, text.len()),
        _ => return (1, 0, 0),
    };
    let deepest = inner.iter().map(|(_, depth, _)| depth + 1).max().unwrap_or(1);
    (1 + inner.iter().map(|node| node.0).sum::<usize>(), deepest, inner.iter().map(|node| node.2).sum())
}

#[track_caller]
fn check_bounded(content_type: &str, body: &[u8]) -> bool {
    let mut headers = BTreeMap::from([("content-type".to_owned(), content_type.to_owned())]);
    for name in ["specversion", "id", "source", "type"] {
        headers.insert(format!("ce-{name}"), String::from_utf8_lossy(body).chars().take(20).collect());
    }
    let read = match read(Some(content_type), &headers, &body.to_vec().into()) {
        Ok(read) => read,
        Err(error) => {
            assert!(!error.to_string().contains("deal") && error.to_string().len() < 200, "{error}");
            return false;
        }
    };
    let event = cloud_event(&headers, read.root());
    let decoded = event.and_then(|event| match event.data {
        Some(Attribute::Decoded(document)) => Some(document),
        _ => None,
    });
    for document in [Some(&read), decoded.as_ref()].into_iter().flatten() {
        let (nodes, depth, bytes) = measure(&document.root().to_value());
        assert!(
            nodes <= INDEX_BYTES_MAX / NODE_BYTES && depth <= DEPTH_MAX + 1,
            "{nodes} values, {depth} levels"
        );
        // Windows-1252 and U+FFFD make three bytes of one at most; files have some names of ours.
        assert!(bytes <= 3 * body.len() + 500 + 60 * nodes, "{bytes} bytes of text from {}", body.len());
    }
    true
}

#[test]
fn no_body_panics_or_takes_more_memory_than_its_bound() {
    let mut random = fastrand::Rng::with_seed(0x5eed);
    let mut understood = 0;
    for round in 0..20_000 {
        let (content_type, sample) = SAMPLES[round % SAMPLES.len()];
        let mut body = sample.as_bytes().to_vec();
        damage(&mut random, &mut body);
        understood += usize::from(check_bounded(content_type, &body));
        let noise: Vec<u8> = (0..random.usize(0..64)).map(|_| random.u8(..)).collect();
        check_bounded(content_type, &noise);
        check_bounded(&String::from_utf8_lossy(&noise), &body);
    }
    // Damaged, but not every body is rejected at its first byte.
    assert!((2_000..18_000).contains(&understood), "{understood} of 20,000 were understood");
}

#[test]
fn each_sample_is_valid() {
    for (content_type, body) in SAMPLES {
        assert!(check_bounded(content_type, body.as_bytes()), "{content_type}");
    }
}
