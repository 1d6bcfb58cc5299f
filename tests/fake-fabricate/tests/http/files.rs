//! Files that the start describes: what their task says about them, and what their downloads say.

use std::collections::HashSet;
use std::io::Read as _;

use fake_fabricate::files::expected;
use serde_json::{Value, json};

use crate::client::Local;

#[test]
fn a_file_is_plain_unless_it_is_described_otherwise() {
    let local = Local::start();
    let (task_id, listed, paths) = local.described(&json!([{}, {"bytes": 300_001}]));
    assert_eq!(
        listed,
        [
            json!({"id": 123, "name": "file-1.bin", "content_type": "application/octet-stream", "size": 1_024}),
            json!({"id": 124, "name": "file-2.bin", "content_type": "application/octet-stream", "size": 300_001}),
        ]
    );
    let files = expected("files", &json!({"files": [{}, {"bytes": 300_001}]})).unwrap();
    for ((listed, path), file) in listed.iter().zip(paths).zip(files) {
        let answer = local.get(&path);
        assert_eq!((answer.status, answer.bytes()), (200, &file.content().bytes()[..]));
        assert_eq!(answer.header("content-length"), Some(listed["size"].to_string().as_str()));
        assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
        for absent in ["etag", "last-modified", "accept-ranges", "content-encoding", "server", "digest"] {
            assert_eq!(answer.header(absent), None, "{absent}");
        }
        let sha256 = Some(file.content().sha256());
        assert_eq!(local.server.sha256(&task_id, &listed["id"].to_string()), sha256);
    }
}

#[test]
fn a_description_that_does_not_fit_is_refused() {
    let local = Local::start();
    for (parameters, message) in [
        (json!({}), "missing parameter: files"),
        (json!({"files": [{}, {"colour": 1}]}), "unknown parameter: files[1].colour"),
        (json!({"files": [{"bytes": -1}]}), "invalid parameter: files[0].bytes must be an integer"),
        (json!({"files": [{"extra": 1}]}), "invalid parameter: files[0].extra needs"),
    ] {
        let answer = local.begin("files", &parameters);
        assert_eq!(answer.status, 422, "{parameters}");
        assert!(answer.error().starts_with(message), "{}", answer.error());
    }
    assert!(local.server.starts_of("files").is_empty());
}

#[test]
fn a_repeated_entry_makes_different_files() {
    let local = Local::start();
    let (_, listed, paths) = local.described(&json!([{"count": 399}, {"bytes": 1_024}]));
    assert_eq!((listed.len(), &listed[398]["name"]), (400, &json!("file-399.bin")));
    let bytes: HashSet<_> = paths.iter().map(|path| local.get(path).body.unwrap()).collect();
    assert_eq!(bytes.len(), 400);
}

#[test]
fn an_id_is_what_the_entry_says() {
    let local = Local::start();
    let (task_id, listed, _) =
        local.described(&json!([{"id": "a/b é"}, {"id": 7}, {"id": 7, "bytes": 5}, {"id": -1.5}, {}]));
    let ids: Vec<_> = listed.iter().map(|file| file["id"].clone()).collect();
    assert_eq!(ids, [json!("a/b é"), json!(7), json!(7), json!(-1.5), json!(127)]);
    for (segment, id, bytes) in
        [("a%2Fb%20%C3%A9", "a/b é", 1_024), ("7", "7", 1_024), ("-1.5", "-1.5", 1_024)]
    {
        let answer = local.get(&format!("/api/v1/workflow_tasks/{task_id}/{segment}/download"));
        assert_eq!(answer.bytes().len(), bytes, "the first of that id");
        assert_eq!(local.server.requests().pop().unwrap().file_id.as_deref(), Some(id));
        assert_eq!(local.server.sha256(&task_id, id), Some(sha256(answer.bytes())));
        let control = local.control("GET", &format!("/tasks/{task_id}/files/{segment}/sha256"), "");
        assert_eq!(control.json(), json!({"sha256": sha256(answer.bytes())}));
    }
    assert_eq!(local.server.sha256(&task_id, "8"), None);
}

fn sha256(bytes: &[u8]) -> String {
    fake_fabricate::files::Content::Whole(bytes.to_vec().into()).sha256()
}

#[test]
fn what_the_task_says_can_be_wrong_or_left_out() {
    let local = Local::start();
    let (_, listed, paths) = local.described(&json!([
        {"name": "../a\n", "content_type": "text/html", "size": 99},
        {"name": null, "content_type": null, "size": null},
        {"size": -1.5},
    ]));
    assert_eq!(listed[0], json!({"id": 123, "name": "../a\n", "content_type": "text/html", "size": 99}));
    assert_eq!(listed[1], json!({"id": 124, "size": null}));
    assert_eq!(listed[2]["size"], -1.5);
    let types: Vec<_> =
        paths.iter().map(|path| local.get(path).header("content-type").map(str::to_owned)).collect();
    assert_eq!(types[..2], [Some("text/html".to_owned()), Some("application/octet-stream".to_owned())]);
}

#[test]
fn served_type_is_the_type_of_the_download_alone() {
    let local = Local::start();
    let (_, listed, paths) = local.described(&json!([{"content_type": "text/csv", "served_type": "x; y"}]));
    assert_eq!(listed[0]["content_type"], "text/csv");
    assert_eq!(local.get(&paths[0]).header("content-type"), Some("x; y"));
}

#[test]
fn a_page_is_sent_in_place_of_the_file() {
    let local = Local::start();
    let (task_id, listed, paths) =
        local.described(&json!([{"page": true, "content_type": "text/csv", "bytes": 7}]));
    assert_eq!((&listed[0]["content_type"], &listed[0]["size"]), (&json!("text/csv"), &json!(7)));
    let answer = local.get(&paths[0]);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(answer.bytes().starts_with(b"<!DOCTYPE html>"));
    assert_eq!(local.server.sha256(&task_id, "123"), Some(sha256(answer.bytes())));
}

#[test]
fn a_status_is_answered_as_often_as_it_says() {
    let local = Local::start();
    let (_, _, paths) = local.described(&json!([
        {"status": 503, "times": 2, "retry_after": 7},
        {"status": 410},
    ]));
    let statuses = |path: &str| -> Vec<u16> { (0..4).map(|_| local.get(path).status).collect() };
    let answer = local.get(&paths[0]);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("7")));
    assert_eq!(statuses(&paths[0]), [503, 200, 200, 200]);
    assert_eq!(statuses(&paths[1]), [410; 4]);
    assert_eq!(local.get(&paths[1]).header("retry-after"), None);
}

#[test]
fn chunked_has_no_length() {
    let local = Local::start();
    let answer = local.get(&local.path_of(json!({"length": "chunked", "bytes": 600_000})));
    assert_eq!(
        (answer.header("content-length"), answer.header("transfer-encoding")),
        (None, Some("chunked"))
    );
    assert_eq!(answer.bytes().len(), 600_000);
}

#[test]
fn gzip_compresses_whatever_the_client_asks_for() {
    let local = Local::start();
    let (task_id, listed, paths) =
        local.described(&json!([{"encoding": "gzip", "fill": "zeros", "bytes": 5_000_000}]));
    assert_eq!(listed[0]["size"], 5_000_000);
    let answer = local.get_with(&paths[0], &[("accept-encoding", "identity")]);
    assert_eq!((answer.header("content-encoding"), answer.header("content-length")), (Some("gzip"), None));
    assert!(answer.bytes().len() < 50_000, "{}", answer.bytes().len());
    let mut decoded = vec![];
    flate2::read::GzDecoder::new(answer.bytes()).read_to_end(&mut decoded).unwrap();
    assert!(decoded == vec![0; 5_000_000]);
    assert_eq!(local.server.sha256(&task_id, "123"), Some(sha256(&decoded)));
}

#[test]
fn another_encoding_is_only_said() {
    let local = Local::start();
    let answer = local.get(&local.path_of(json!({"encoding": "zstd", "fill": "zeros"})));
    assert_eq!(
        (answer.header("content-encoding"), answer.header("content-length")),
        (Some("zstd"), Some("1024"))
    );
    assert_eq!(answer.bytes(), [0; 1_024]);
}

#[test]
fn a_digest_is_right_unless_it_is_to_be_wrong() {
    let local = Local::start();
    let names = ["digest", "repr-digest", "content-digest", "content-md5", "x-amz-checksum-sha256", "etag"];
    let digests =
        ["digest-sha256", "repr-digest", "content-digest", "content-md5", "x-amz-checksum-sha256", "s3-etag"];
    // $ head -c 1024 /dev/zero | sha256sum, and md5sum
    let sha256 = "X3C/GKCGAHAW6UiwSu07ghA6Nr6kF1W2zd+vEKzjxu8=";
    let values = [
        format!("sha-256={sha256}"),
        format!("sha-256=:{sha256}:"),
        format!("sha-256=:{sha256}:"),
        "DzQ7CTESaiDxM9Z8KwGKOw==".to_owned(),
        sha256.to_owned(),
        "\"0f343b0931126a20f133d67c2b018a3b\"".to_owned(),
    ];
    for ((name, digest), value) in names.iter().zip(digests).zip(&values) {
        let file = json!({"digest": digest, "fill": "zeros", "ranges": true});
        let path = local.path_of(file.clone());
        for _ in 0..2 {
            assert_eq!(local.get(&path).header(name), Some(value.as_str()), "{digest}");
        }
        assert_eq!(local.get(&path).header("server"), (digest == "s3-etag").then_some("AmazonS3"));
        let part = local.get_with(&path, &[("range", "bytes=1-")]);
        let of_the_whole = ["digest", "repr-digest", "etag"].contains(name);
        assert_eq!((part.status, part.header(name).is_some()), (206, of_the_whole), "{digest}");
        let mut wrong = file;
        wrong["wrong_digest"] = Value::Bool(true);
        let answer = local.get(&local.path_of(wrong));
        let found = answer.header(name).unwrap();
        assert!(found != value && found.len() == value.len(), "{digest}: {found}");
    }
}

#[test]
fn validators_are_sent_as_they_are() {
    let local = Local::start();
    let path = local.path_of(json!({"etag": "W/ \"é", "last_modified": "yesterday"}));
    for _ in 0..2 {
        let answer = local.get(&path);
        assert_eq!(answer.headers["etag"].as_bytes(), "W/ \"é".as_bytes());
        assert_eq!(answer.header("last-modified"), Some("yesterday"));
    }
}

#[test]
fn a_file_that_changes_is_another_each_time() {
    let local = Local::start();
    let (task_id, _, paths) = local
        .described(&json!([{"changes": true, "etag": "\"v\"", "digest": "repr-digest"}, {"changes": true}]));
    let mut seen = HashSet::new();
    for etag in ["\"v\"", "\"v-1\"", "\"v-2\""] {
        let answer = local.get(&paths[0]);
        assert_eq!(answer.header("etag"), Some(etag));
        assert!(seen.insert(answer.header("repr-digest").unwrap().to_owned()));
        let expected = sha256(answer.bytes());
        let control = local.control("GET", &format!("/tasks/{task_id}/files/123/sha256"), "");
        assert_eq!(control.json(), json!({"sha256": expected}));
        assert_eq!(local.server.sha256(&task_id, "123"), Some(expected));
    }
    let other = local.get(&paths[1]);
    assert_eq!(other.header("etag"), None);
    assert_ne!(other.bytes(), local.get(&paths[1]).bytes());
}
