//! Parts of files: when `Range` is honoured, and what resumed downloads leave in the record.

use serde_json::json;

use crate::client::{Answer, Local};

/// What an answer says about its part.
fn head(answer: &Answer) -> (u16, Option<&str>, Option<&str>) {
    (answer.status, answer.header("content-range"), answer.header("content-length"))
}

#[test]
fn a_range_is_ignored_unless_the_entry_says_otherwise() {
    let local = Local::start();
    let answer = local.get_with(&local.path_of(json!({})), &[("range", "bytes=24-")]);
    assert_eq!(head(&answer), (200, None, Some("1024")));
    assert_eq!(answer.header("accept-ranges"), None);
}

#[test]
fn a_range_is_honoured() {
    let local = Local::start();
    let path = local.path_of(json!({"ranges": true, "bytes": 2_000_000}));
    let whole = local.get(&path);
    assert_eq!((whole.status, whole.header("accept-ranges")), (200, Some("bytes")));
    let part = local.get_with(&path, &[("range", "bytes=1999990-")]);
    assert_eq!(head(&part), (206, Some("bytes 1999990-1999999/2000000"), Some("10")));
    assert_eq!(part.bytes(), &whole.bytes()[1_999_990..]);
    let part = local.get_with(&path, &[("range", "bytes=3-1200004")]);
    assert_eq!(head(&part), (206, Some("bytes 3-1200004/2000000"), Some("1200002")));
    assert!(part.bytes() == &whole.bytes()[3..1_200_005]);
    let beyond = local.get_with(&path, &[("range", "bytes=2000000-")]);
    assert_eq!(head(&beyond), (416, Some("bytes */2000000"), Some("0")));
    assert_eq!(local.get_with(&path, &[("range", "bytes=0-1,5-6")]).status, 200);
}

#[test]
fn the_end_of_a_huge_file_comes_at_once() {
    let local = Local::start();
    let path = local.path_of(json!({"ranges": true, "bytes": 300_u64 << 30}));
    let part = local.get_with(&path, &[("range", "bytes=322122547190-")]);
    assert_eq!(head(&part), (206, Some("bytes 322122547190-322122547199/322122547200"), Some("10")));
    assert_eq!(part.bytes().len(), 10);
}

#[test]
fn a_condition_that_does_not_hold_gets_the_whole() {
    let local = Local::start();
    let date = "Tue, 15 Nov 1994 12:45:26 GMT";
    let strong = local.path_of(json!({"ranges": true, "etag": "\"a\"", "last_modified": date}));
    let weak = local.path_of(json!({"ranges": true, "etag": "W/\"a\""}));
    let digest = local.path_of(json!({"ranges": true, "digest": "s3-etag"}));
    let s3 = local.get(&digest).header("etag").unwrap().to_owned();
    for (path, condition, status) in [
        (&strong, "\"a\"", 206),
        (&strong, "\"b\"", 200),
        (&strong, date, 206),
        (&strong, "Tue, 15 Nov 1994 12:45:27 GMT", 200),
        (&weak, "W/\"a\"", 200),
        (&digest, s3.as_str(), 206),
        (&digest, "\"a\"", 200),
    ] {
        let answer = local.get_with(path, &[("range", "bytes=1000-"), ("if-range", condition)]);
        assert_eq!(answer.status, status, "{condition}");
        assert_eq!(answer.bytes().len(), if status == 206 { 24 } else { 1_024 });
    }
}

#[test]
fn a_file_that_changed_is_not_continued() {
    let local = Local::start();
    let path = local.path_of(json!({"ranges": true, "changes": true, "etag": "\"a\""}));
    let first = local.get(&path);
    let second = local.get_with(&path, &[("range", "bytes=1000-"), ("if-range", "\"a\"")]);
    assert_eq!((second.status, second.header("etag")), (200, Some("\"a-1\"")));
    let third = local.get_with(&path, &[("range", "bytes=1000-")]);
    assert_eq!((third.status, third.header("etag")), (206, Some("\"a-2\"")));
    assert_ne!(third.bytes(), &first.bytes()[1_000..]);
}

#[test]
fn a_wrong_range_starts_elsewhere() {
    let local = Local::start();
    let path = local.path_of(json!({"wrong_range": true}));
    let whole = local.get(&path);
    let part = local.get_with(&path, &[("range", "bytes=1000-")]);
    assert_eq!(head(&part), (206, Some("bytes 999-1023/1024"), Some("25")));
    assert_eq!(part.bytes(), &whole.bytes()[999..]);
}

#[test]
fn a_part_can_be_chunked() {
    let local = Local::start();
    let path = local.path_of(json!({"ranges": true, "length": "chunked", "extra": 5}));
    let part = local.get_with(&path, &[("range", "bytes=1000-")]);
    assert_eq!(head(&part), (206, Some("bytes 1000-1023/1024"), None));
    assert_eq!(part.bytes().len(), 29, "with the extra bytes");
}

#[test]
fn the_record_shows_that_a_download_went_on() {
    let local = Local::start();
    let path = local.path_of(
        json!({"ranges": true, "etag": "\"a\"", "bytes": 3_000_000, "cut_after": 1_000_000, "cut_times": 1}),
    );
    local.server.clear_requests();
    local.get(&path).body.unwrap_err();
    let rest = local.get_with(&path, &[("range", "bytes=1000000-"), ("if-range", "\"a\"")]);
    assert_eq!((rest.status, rest.bytes().len()), (206, 2_000_000));
    let requests = local.server.requests();
    assert_eq!(requests[1].headers["range"], "bytes=1000000-");
    assert_eq!(requests[1].headers["if-range"], "\"a\"");
    let sent: Vec<_> = requests.iter().map(|request| request.sent_bytes).collect();
    assert_eq!(sent, [1_000_000, 2_000_000]);
}
