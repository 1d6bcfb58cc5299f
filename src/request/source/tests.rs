//! Which values a source finds, and which selectors exist.

use super::*;
use crate::timestamp::Timestamp;

fn delivery() -> RawRequest {
    let headers = [("X-Id", "h1"), ("X-Twice", "a"), ("x-twice", "b")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let body = br#"{"id": 7, "data": {"items": [{"ok": true}], "none": null}}"#.to_vec();
    let url = "https://seedhook.example/hooks/h?hub.mode=subscribe&x=1%202";
    RawRequest::new("POST", url, headers, body, Timestamp::from_millis(0))
}

#[track_caller]
fn check(written: &str, expected: Option<&str>) {
    let delivery = delivery();
    let items = [("t", "1"), ("v1", "a"), ("v1", "b")];
    let view = View { items: &items, ..View::whole(&delivery) };
    assert_eq!(Source::parse(written).unwrap().find(view).as_deref(), expected, "{written}");
}

#[test]
fn a_value_is_found_by_its_selector() {
    check("headers.X-Id", Some("h1"));
    check("headers.x-absent", None);
    check("headers.x-twice", Some("a, b"));
    check("query.hub.mode", Some("subscribe"));
    check("query.x", Some("1 2"));
    check("body.id", Some("7"));
    check("body.data.items.0.ok", Some("true"));
    check("body.data.none", None);
    check("body.data", None);
    check("body.data.items.9", None);
    check("items.t", Some("1"));
    check("items.v1", None);
    check("body.data|body.id", Some("7"));
    check("body.data|body.absent", None);
}

#[test]
fn a_value_that_is_no_text_is_not_absent() {
    let delivery = delivery();
    let items = [("t", "1"), ("v1", "a"), ("v1", "b")];
    let view = View { items: &items, ..View::whole(&delivery) };
    let is_unreadable = |written: &str| Source::parse(written).unwrap().is_unreadable(view);
    assert!(is_unreadable("body.data") && is_unreadable("body.data.items") && is_unreadable("items.v1"));
    assert!(!is_unreadable("body.id") && !is_unreadable("body.data|body.id") && !is_unreadable("items.t"));
    assert!(!is_unreadable("body.absent") && !is_unreadable("body.data.none") && !is_unreadable("headers.x"));
    let long = vec![("x-long".to_owned(), "x".repeat(TEXT_BYTES_MAX + 1))];
    let delivery = RawRequest::new("POST", "", long, Vec::new(), Timestamp::from_millis(0));
    assert!(Source::header("x-long").is_unreadable(View::whole(&delivery)));
}

#[test]
fn selectors_become_templates() {
    let source = Source::parse("headers.X-Id|query.a|body.a.0.b c|items.t").unwrap();
    let expected = ["{{ headers[\"x-id\"] }}", "{{ query[\"a\"] }}", "{{ body[\"a\"][0][\"b c\"] }}"];
    assert_eq!(source.templates().collect::<Vec<_>>(), expected);
}

#[test]
fn an_unknown_selector_is_rejected() {
    for bad in ["", "header.x", "headers", "query.", "x-signature", "event.id"] {
        assert!(Source::parse(bad).is_err(), "{bad}");
    }
}
