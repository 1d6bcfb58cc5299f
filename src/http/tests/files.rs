//! Files and links to them, over the whole router. Conditions and ranges by themselves are tested in `download`.

use serde_json::json;

use super::*;
use crate::fabricate::{FileId, TaskFile};
use crate::http::download::StoredFile;
use crate::run::tests::started_run;
use crate::run::{FileState, Run, RunFile};

/// A stage with a run that has one archived file of ten bytes, and the file's path.
fn with_file() -> (Stage, String) {
    let (stage, run) = run_with_file();
    (stage, format!("/api/runs/{}/files/1", run.run_id))
}

/// A stage with a run that has one archived file of ten bytes, and the run.
pub(super) fn run_with_file() -> (Stage, Run) {
    let stage = stage();
    let mut run = started_run();
    run.files = vec![RunFile {
        file: TaskFile {
            id: FileId::from("1"),
            name: Some("a.csv".into()),
            size: Some(10),
            content_type: None,
        },
        state: FileState::Archived,
        key: Some("key".into()),
        sha256: None,
        finished_at: None,
        error: None,
        attempts: 0,
        not_before: None,
        failing_since: None,
        bad_copies: 0,
        bytes: None,
        in_parts: false,
    }];
    let stored = StoredFile {
        name: String::new(),
        content_type: Some("text/csv".into()),
        etag: "\"tag\"".into(),
        last_modified: at(0),
        size: 10,
    };
    stage.stores().http.files.borrow_mut().insert("key".into(), (stored, b"0123456789".to_vec()));
    stage.stores().open.borrow_mut().insert(run.run_id, run.clone());
    (stage, run)
}

#[test]
fn a_file_is_sent_whole_or_in_part_or_not_at_all() {
    let (stage, path) = with_file();
    for (header, status, problem, body) in [
        (("accept", "*/*"), 200, "", "0123456789"),
        (("range", "bytes=2-3"), 206, "", "23"),
        (("range", "bytes=10-"), 416, "range-not-satisfiable", ""),
        (("if-none-match", "\"tag\""), 304, "", ""),
        (("if-match", "\"other\""), 412, "precondition-failed", ""),
    ] {
        let got = stage.send("GET", &path, &[("authorization", AUTHORIZATION), header], "");
        check(&got, status, problem);
        let head = stage.send("HEAD", &path, &[("authorization", AUTHORIZATION), header], "");
        // Ranges are for GET alone.
        let is_ranged = header.0 == "range";
        assert_eq!(head.status, if is_ranged { 200 } else { status }, "{header:?}");
        if problem.is_empty() {
            assert_eq!(got.body, body);
            assert_eq!((head.body.as_str(), got.header("etag")), ("", Some("\"tag\"")));
            assert_eq!(got.header("cache-control"), Some("private, no-cache, no-transform"));
            assert!(is_ranged || head.headers == got.headers);
        }
    }
    let part = stage.send("GET", &path, &[("authorization", AUTHORIZATION), ("range", "bytes=2-3")], "");
    assert_eq!(part.header("content-range"), Some("bytes 2-3/10"));
    assert_eq!(part.header("content-disposition"), Some("attachment; filename=\"a.csv\""));
    let beyond = stage.send("GET", &path, &[("authorization", AUTHORIZATION), ("range", "bytes=10-")], "");
    assert_eq!(beyond.header("content-range"), Some("bytes */10"));
}

#[test]
fn a_file_that_changes_is_looked_at_again_and_one_that_is_gone_is_not_found() {
    let (stage, path) = with_file();
    stage.stores().http.changes.set(2);
    assert_eq!(stage.operator("GET", &path, "").status, 200);
    stage.stores().http.changes.set(3);
    check(&stage.operator("GET", &path, ""), 503, "not-ready");
    stage.stores().http.changes.set(0);
    check(&stage.operator("GET", &format!("{path}0"), ""), 404, "no-such-file");
    stage.stores().http.files.borrow_mut().clear();
    check(&stage.operator("GET", &path, ""), 404, "no-such-file");
    check(&stage.operator("POST", &format!("{path}/link"), ""), 404, "no-such-file");
    stage.stores().http.files_fail.set(true);
    check(&stage.operator("GET", &path, ""), 503, "not-ready");
}

#[test]
fn a_link_opens_one_file_until_it_expires() {
    let (mut stage, path) = with_file();
    let made = stage.operator("POST", &format!("{path}/link"), r#"{"expires_in": 60}"#);
    assert_eq!((made.status, &made.json()["expires_at"]), (200, &json!("2023-11-14T22:14:20.000Z")));
    let url = made.json()["url"].as_str().unwrap().to_owned();
    let link = url.strip_prefix("https://seedhook.example").unwrap().to_owned();
    assert!(link.starts_with(&path.replace("/api/runs/", "/files/").replace("/files/1", "/1")), "{link}");
    assert_eq!(stage.send("GET", &link, &[], "").body, "0123456789");
    assert_eq!(stage.send("GET", &link, &[("range", "bytes=0-0")], "").status, 206);
    check(&stage.send("GET", &link.replace("/1?", "/2?"), &[], ""), 403, "bad-link");
    futures_util::FutureExt::now_or_never(crate::ports::Clock::sleep_ms(&stage, 60_000));
    check(&stage.send("GET", &link, &[], ""), 403, "link-expired");
    for body in [r#"{"expires_in": 0}"#, r#"{"expires_in": "60"}"#, r#"{"expires": 60}"#, "[60]", "null", " "]
    {
        check(&stage.operator("POST", &format!("{path}/link"), body), 400, "bad-body");
    }
    let null = stage.operator("POST", &format!("{path}/link"), r#"{"expires_in": null}"#);
    assert_eq!((null.status, &null.json()["expires_at"]), (200, &json!("2023-11-14T23:14:20.000Z")));
    stage.secrets.remove("LINK_SECRET");
    check(&stage.operator("POST", &format!("{path}/link"), ""), 503, "no-links");
    check(&stage.send("GET", &link, &[], ""), 503, "no-links");
}
