//! Whole answers: conditions, ranges and headers together.

use super::stored_file::OCTET_STREAM;
use super::*;
use crate::timestamp::Timestamp;

const SIZE: u64 = 1_000;
const ETAG: &str = "\"abc\"";
const DATE: &str = "Wed, 25 Nov 2026 10:00:00 GMT";

impl Default for StoredFile {
    fn default() -> Self {
        Self {
            name: "report.csv".to_owned(),
            content_type: Some("text/csv".to_owned()),
            etag: ETAG.to_owned(),
            last_modified: Timestamp::parse("2026-11-25T10:00:00.999Z").unwrap(),
            size: SIZE,
        }
    }
}

fn ask(file: &StoredFile, method: Method, headers: &[(&str, &str)]) -> FileAnswer {
    let fields = Fields::read(|name| {
        let found = headers.iter().find(|(header, _)| *header == name);
        found.map(|(_, value)| (*value).to_owned())
    });
    answer(file, method, &fields)
}

/// The status, with the bytes that follow.
fn outcome(answer: &FileAnswer) -> (u16, FileBody) {
    match answer {
        FileAnswer::Send(reply) => (reply.status, reply.body),
        FileAnswer::PreconditionFailed => (412, FileBody::Empty),
        FileAnswer::RangeNotSatisfiable { size } => {
            assert_eq!(*size, SIZE);
            (416, FileBody::Empty)
        }
    }
}

fn headers(answer: &FileAnswer) -> Vec<(&'static str, String)> {
    let FileAnswer::Send(reply) = answer else { panic!("{answer:?}") };
    let mut headers = reply.headers.clone();
    headers.sort();
    headers
}

#[track_caller]
fn check(headers: &[(&str, &str)], get: (u16, FileBody), head: u16) {
    let file = StoredFile::default();
    assert_eq!(outcome(&ask(&file, Method::Get, headers)), get, "GET {headers:?}");
    assert_eq!(outcome(&ask(&file, Method::Head, headers)), (head, FileBody::Empty), "HEAD {headers:?}");
}

#[test]
fn conditions_come_before_ranges_and_ranges_are_for_get() {
    let part = |first, length| (206, FileBody::Part(ByteRange { first, length }));
    let whole = (200, FileBody::Whole);
    let empty = |status| (status, FileBody::Empty);
    let range = ("range", "bytes=10-19");
    let beyond = ("range", "bytes=1000-");
    check(&[], whole, 200);
    check(&[range], part(10, 10), 200);
    check(&[beyond], empty(416), 200);
    check(&[("range", "bytes=0-1,5-6")], whole, 200);
    // 304 and 412, whatever range is asked for.
    check(&[range, ("if-none-match", ETAG)], empty(304), 304);
    check(&[beyond, ("if-none-match", ETAG)], empty(304), 304);
    check(&[beyond, ("if-match", "\"x\"")], empty(412), 412);
    check(&[beyond, ("if-match", ETAG)], empty(416), 200);
    check(&[range, ("if-match", ETAG)], part(10, 10), 200);
    check(&[range, ("if-modified-since", DATE)], empty(304), 304);
    check(&[range, ("if-unmodified-since", DATE)], part(10, 10), 200);
    // If-Range: another version is sent whole, even where the range lies beyond its end.
    check(&[range, ("if-range", ETAG)], part(10, 10), 200);
    check(&[range, ("if-range", DATE)], part(10, 10), 200);
    check(&[range, ("if-range", "\"x\"")], whole, 200);
    check(&[range, ("if-range", "W/\"abc\"")], whole, 200);
    check(&[beyond, ("if-range", "\"x\"")], whole, 200);
    check(&[beyond, ("if-range", ETAG)], empty(416), 200);
    check(&[("if-range", "\"x\"")], whole, 200);
}

#[test]
fn head_has_the_headers_of_get() {
    for size in [0, 1, SIZE] {
        let file = StoredFile { size, ..StoredFile::default() };
        let get = ask(&file, Method::Get, &[]);
        assert_eq!(headers(&get), headers(&ask(&file, Method::Head, &[])));
        assert!(headers(&get).contains(&("Content-Length", size.to_string())));
    }
}

#[test]
fn a_file_is_saved_and_never_run() {
    let expected = [
        ("Accept-Ranges", "bytes"),
        ("Cache-Control", "private, no-cache, no-transform"),
        ("Content-Disposition", "attachment; filename=\"report.csv\""),
        ("Content-Length", "1000"),
        ("Content-Security-Policy", "sandbox"),
        ("Content-Type", "text/csv"),
        ("ETag", ETAG),
        ("Last-Modified", DATE),
        ("X-Content-Type-Options", "nosniff"),
    ]
    .map(|(name, value)| (name, value.to_owned()));
    let file = StoredFile::default();
    assert_eq!(headers(&ask(&file, Method::Get, &[])), expected);
    let part = headers(&ask(&file, Method::Get, &[("range", "bytes=-1")]));
    assert!(part.contains(&("Content-Range", "bytes 999-999/1000".to_owned())));
    assert!(part.contains(&("Content-Length", "1".to_owned())));
    let of_whole = |(name, _): &&(&str, String)| !["Content-Range", "Content-Length"].contains(name);
    assert!(part.iter().filter(of_whole).all(|header| expected.contains(header)), "{part:?}");
}

#[test]
fn not_modified_has_what_a_cache_needs_and_no_length() {
    let names: Vec<&str> = headers(&ask(&StoredFile::default(), Method::Get, &[("if-none-match", "*")]))
        .iter()
        .map(|it| it.0)
        .collect();
    assert_eq!(names, ["Cache-Control", "ETag", "Last-Modified"]);
}

#[test]
fn an_empty_file_has_no_body_and_no_part() {
    let file = StoredFile { size: 0, ..StoredFile::default() };
    for method in [Method::Get, Method::Head] {
        assert_eq!(outcome(&ask(&file, method, &[])), (200, FileBody::Empty));
        assert_eq!(outcome(&ask(&file, method, &[("range", "bytes=-1")])), (200, FileBody::Empty));
    }
    let beyond = ask(&file, Method::Get, &[("range", "bytes=0-")]);
    assert_eq!(beyond, FileAnswer::RangeNotSatisfiable { size: 0 });
}

#[test]
fn a_media_type_that_no_header_can_hold_is_not_sent() {
    let long = format!("text/{}", "x".repeat(300));
    for (stored, sent) in [
        (Some("text/html; charset=utf-8"), "text/html; charset=utf-8"),
        (Some("text/csv\r\nX: 1"), OCTET_STREAM),
        (Some("text/é"), OCTET_STREAM),
        (Some("csv"), OCTET_STREAM),
        (Some(""), OCTET_STREAM),
        (Some(long.as_str()), OCTET_STREAM),
        (None, OCTET_STREAM),
    ] {
        let file = StoredFile { content_type: stored.map(ToOwned::to_owned), ..StoredFile::default() };
        assert_eq!(file.media_type(), sent, "{stored:?}");
    }
}
