use super::*;

const NOW: Timestamp = Timestamp::from_millis(0);

fn head(status: u16, headers: &[(&str, &str)]) -> Head {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Head { status, headers }
}

/// What a whole file means to whom wants seven bytes of CSV.
fn whole(headers: &[(&str, &str)]) -> DownloadOutcome {
    head(200, headers).read(&Expected { size: Some(7), content_type: Some("text/csv"), rest: None }, NOW)
}

#[track_caller]
fn offered(meaning: DownloadOutcome) -> BodyInfo {
    match meaning {
        DownloadOutcome::Bytes(offer) => offer,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check_wrong(headers: &[(&str, &str)], word: &str) {
    match whole(headers) {
        DownloadOutcome::Wrong(reason) => assert!(reason.contains(word), "{reason}"),
        other => panic!("{headers:?}: {other:?}"),
    }
}

#[test]
fn a_status_decides_whether_later_may_be_better() {
    let read = |status| head(status, &[]).read(&Expected::default(), NOW);
    for status in [401, 403, 408, 425, 429, 500, 503, 599] {
        assert_eq!(read(status), DownloadOutcome::Unavailable { status, retry_after_ms: None });
    }
    for status in [201, 204, 206, 300, 304, 400, 404, 410, 416, 451] {
        assert_eq!(read(status), DownloadOutcome::Refused(format!("HTTP {status}")));
    }
    for status in [301, 302, 303, 307, 308] {
        assert_eq!(read(status), DownloadOutcome::Elsewhere(None));
        let there = head(status, &[("location", "/x")]).read(&Expected::default(), NOW);
        assert_eq!(there, DownloadOutcome::Elsewhere(Some("/x".to_owned())));
    }
}

#[test]
fn retry_after_is_read_of_a_busy_server_alone() {
    for (status, value, retry_after_ms) in
        [(429, "90", Some(90_000)), (503, "1", Some(1_000)), (429, "soon", None), (500, "90", None)]
    {
        let meaning = head(status, &[("retry-after", value)]).read(&Expected::default(), NOW);
        assert_eq!(meaning, DownloadOutcome::Unavailable { status, retry_after_ms }, "{value}");
    }
}

#[test]
fn a_length_is_known_where_the_bytes_come_as_they_are() {
    assert_eq!(offered(whole(&[("content-length", "7")])).length, Some(7));
    assert_eq!(offered(whole(&[("content-length", "7"), ("content-encoding", "Identity")])).length, Some(7));
    assert_eq!(offered(whole(&[])), BodyInfo::default());
    let compressed = whole(&[("content-length", "3"), ("content-encoding", "GZIP"), ("etag", "\"1\"")]);
    assert_eq!(offered(compressed), BodyInfo { compressed: true, ..BodyInfo::default() });
    check_wrong(&[("content-length", "8")], "8 bytes are sent, but the task says 7");
    check_wrong(&[("content-encoding", "zstd")], "Content-Encoding zstd");
    check_wrong(&[("content-encoding", "gzip, gzip")], "Content-Encoding gzip, gzip");
}

#[test]
fn a_page_in_place_of_a_file_is_not_taken() {
    check_wrong(&[("content-type", "text/html; charset=utf-8")], "HTML page");
    check_wrong(&[("content-type", "Application/XHTML+XML")], "HTML page");
    // Exactly as many bytes as the file has, whatever they are called.
    offered(whole(&[("content-type", "text/html"), ("content-length", "7")]));
    offered(whole(&[("content-type", "application/octet-stream")]));
    for content_type in [None, Some("text/html")] {
        let wanted = Expected { size: Some(7), content_type, rest: None };
        offered(head(200, &[("content-type", "text/html")]).read(&wanted, NOW));
    }
}

#[test]
fn a_stated_hash_is_read_in_each_of_its_forms() {
    const SHA256: &str = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
    const MD5: &str = "kAFQmDzST7DWlj99KOF/cg==";
    let sha256 = decoded(SHA256).map(Checksum::Sha256);
    let md5 = decoded(MD5).map(Checksum::Md5);
    assert!(sha256.is_some() && md5.is_some());
    for (header, value, expected) in [
        ("digest", format!("SHA-256={SHA256}"), sha256),
        ("digest", format!("md5={MD5},sha-256={SHA256}"), sha256),
        ("digest", format!("MD5={MD5}"), md5),
        ("repr-digest", format!("sha-512=:AAAA:, sha-256=:{SHA256}:"), sha256),
        ("content-digest", format!("sha-256=:{SHA256}:"), sha256),
        ("x-amz-checksum-sha256", SHA256.to_owned(), sha256),
        ("content-md5", MD5.to_owned(), md5),
        ("x-goog-hash", format!("crc32c=AAAAAA==,md5={MD5}"), md5),
        ("digest", "sha-256=AAAA".to_owned(), None),
        ("content-md5", SHA256.to_owned(), None),
        ("x-amz-checksum-crc32", "AAAAAA==".to_owned(), None),
    ] {
        assert_eq!(offered(whole(&[(header, &value)])).checksum, expected, "{header}: {value}");
        let compressed = offered(whole(&[(header, &value), ("content-encoding", "gzip")]));
        assert_eq!(compressed.checksum, None, "it may be that of the compressed form");
    }
}

#[test]
fn an_entity_tag_is_a_hash_at_s3_alone() {
    const TAG: (&str, &str) = ("etag", "\"900150983cd24fb0d6963f7d28e17f72\"");
    const S3: (&str, &str) = ("server", "AmazonS3");
    let checksum = |headers: &[(&str, &str)]| offered(whole(headers)).checksum;
    assert!(matches!(checksum(&[TAG, S3]), Some(Checksum::Md5([0x90, 0x01, ..]))));
    assert!(checksum(&[TAG, S3, ("x-amz-server-side-encryption", "AES256")]).is_some());
    assert_eq!(checksum(&[TAG]), None);
    assert_eq!(checksum(&[TAG, S3, ("x-amz-server-side-encryption", "aws:kms")]), None);
    assert_eq!(checksum(&[TAG, S3, ("x-amz-server-side-encryption-customer-algorithm", "AES256")]), None);
    assert_eq!(checksum(&[("etag", "\"900150983cd24fb0d6963f7d28e17f72-2\""), S3]), None, "in parts");
}

#[test]
fn a_version_is_told_by_a_strong_tag_or_a_date() {
    const DATE: &str = "Wed, 25 Nov 2026 10:00:00 GMT";
    let validator = |headers: &[(&str, &str)]| offered(whole(headers)).validator;
    let tagged = Some(Validator::Etag("\"a\"".to_owned()));
    assert_eq!(validator(&[("etag", "\"a\""), ("last-modified", DATE)]), tagged);
    let dated = Some(Validator::LastModified(DATE.to_owned()));
    assert_eq!(validator(&[("etag", "W/\"a\""), ("last-modified", DATE)]), dated);
    assert_eq!(validator(&[("etag", "\"")]), None);
}

#[track_caller]
fn check_rest(size: Option<u64>, asked: &Validator, headers: &[(&str, &str)], expected: Result<u64, &str>) {
    let rest = Resume { from: 4, validator: asked.clone() };
    let wanted = Expected { size, content_type: None, rest: Some(&rest) };
    match (head(206, headers).read(&wanted, NOW), expected) {
        (DownloadOutcome::Bytes(offer), Ok(length)) => {
            assert_eq!((offer.is_rest, offer.length), (true, Some(length)));
        }
        (DownloadOutcome::RangeNotHonoured(reason), Err(word)) => assert!(reason.contains(word), "{reason}"),
        (other, _) => panic!("{headers:?}: {other:?}"),
    }
}

#[test]
fn only_exactly_the_rest_of_the_same_version_is_taken() {
    const SAME: (&str, &str) = ("etag", "\"a\"");
    let tag = Validator::Etag("\"a\"".to_owned());
    let range = |range| [("content-range", range), SAME];
    check_rest(Some(10), &tag, &range("bytes 4-9/10"), Ok(6));
    check_rest(None, &tag, &range("bytes 4-9/10"), Ok(6));
    check_rest(Some(10), &tag, &range("bytes 4-9/*"), Ok(6));
    check_rest(None, &tag, &range("bytes 4-9/*"), Err("another range"));
    for other in ["bytes 0-9/10", "bytes 5-9/10", "bytes 4-8/10", "bytes 4-8/9", "bytes 4-10/11"] {
        check_rest(Some(10), &tag, &range(other), Err("another range"));
    }
    for odd in ["bytes */10", "bytes 4-3/10", "4-9/10", "items 4-9/10", "bytes 4-18446744073709551615/*", ""]
    {
        check_rest(Some(10), &tag, &range(odd), Err("does not say which"));
    }
    check_rest(Some(10), &tag, &[SAME], Err("does not say which"));
    let ranged = ("content-range", "bytes 4-9/10");
    check_rest(Some(10), &tag, &[ranged], Err("changed"));
    check_rest(Some(10), &tag, &[ranged, ("etag", "\"b\"")], Err("changed"));
    check_rest(Some(10), &tag, &[ranged, SAME, ("content-encoding", "gzip")], Err("compressed"));
    let date = Validator::LastModified("then".to_owned());
    check_rest(Some(10), &date, &[ranged], Ok(6));
    check_rest(Some(10), &date, &[ranged, ("last-modified", "then")], Ok(6));
    check_rest(Some(10), &date, &[ranged, ("last-modified", "now")], Err("changed"));
}

#[test]
fn whoever_asked_for_the_rest_may_get_the_whole_or_nothing() {
    let rest = Resume { from: 4, validator: Validator::Etag("\"a\"".to_owned()) };
    let read = |status, headers: &[(&str, &str)]| {
        head(status, headers).read(&Expected { size: Some(7), content_type: None, rest: Some(&rest) }, NOW)
    };
    assert!(!offered(read(200, &[("content-length", "7")])).is_rest);
    assert!(matches!(read(416, &[]), DownloadOutcome::RangeNotHonoured(_)));
    assert!(matches!(read(404, &[]), DownloadOutcome::Refused(_)));
    assert!(matches!(read(503, &[]), DownloadOutcome::Unavailable { .. }));
}
