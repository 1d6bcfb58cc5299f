//! Downloads: the exact bytes of each file, and each way to send them otherwise.

use std::io::Read as _;
use std::time::{Duration, SystemTime};

use fake_fabricate::{Origin, files};
use serde_json::{Value, json};

use crate::client::{Local, bearer, download_path};

/// The bytes of one of the files that a workflow makes.
fn expected(workflow: &str, parameters: &Value, at: usize) -> Vec<u8> {
    files::expected(workflow, parameters).unwrap()[at].content().bytes()
}

#[test]
fn every_plain_file_arrives_byte_for_byte() {
    let local = Local::start();
    let seed = json!({"startDate": "2024-01-01", "rows": 2_345, "label": "a \"b\", é", "tables": ["x", "y"]});
    for (workflow, parameters, count) in [
        ("seed-account", seed, 2),
        ("big-file", json!({"bytes": 3_000_001}), 1),
        ("zero-bytes", json!({}), 1),
        ("many-files", json!({}), 20),
        ("odd-names", json!({}), 10),
        ("no-files", json!({}), 0),
    ] {
        let (task_id, listed) = local.ended(workflow, &parameters);
        let files = files::expected(workflow, &parameters).unwrap();
        assert_eq!((listed.len(), files.len()), (count, count), "{workflow}");
        for (listed, file) in listed.iter().zip(&files) {
            let answer = local.get(&download_path(&task_id, listed));
            assert_eq!(answer.status, 200);
            assert_eq!(listed["name"].as_str(), file.name());
            assert_eq!(answer.bytes(), file.content().bytes(), "{workflow}: {:?}", file.name());
            assert_eq!(listed["size"], answer.bytes().len());
            assert_eq!(answer.header("content-length"), Some(listed["size"].to_string().as_str()));
            let id = listed["id"].to_string();
            assert_eq!(local.server.sha256(&task_id, &id), Some(file.content().sha256()));
        }
    }
}

#[test]
fn a_report_has_the_rows_asked_for() {
    let local = Local::start();
    let (task_id, files) =
        local.ended("seed-account", &json!({"startDate": "2024-02-28", "rows": 3, "label": "L"}));
    let answer = local.get(&download_path(&task_id, &files[0]));
    assert_eq!(answer.header("content-type"), Some("text/csv"));
    let text = String::from_utf8(answer.bytes().to_vec()).unwrap();
    let days: Vec<_> = text.lines().map(|line| line.split(',').nth(2).unwrap()).collect();
    assert_eq!(days, ["opened_on", "2024-02-28", "2024-02-29", "2024-03-01"]);
    let answer = local.get(&download_path(&task_id, &files[1]));
    assert_eq!(answer.header("content-type"), Some("application/pdf"));
    assert!(answer.bytes().starts_with(b"%PDF-1.4\n") && answer.bytes().ends_with(b"%%EOF\n"));
}

#[test]
fn a_big_file_has_64_mebibytes() {
    let local = Local::start();
    let (_, files) = local.ended("big-file", &json!({}));
    assert_eq!(files[0]["size"], 64 << 20);
    let (_, files) = local.ended("big-file", &json!({"bytes": 2_u64 << 30}));
    assert_eq!(files[0]["size"], 2_u64 << 30);
    assert_eq!(local.begin("big-file", &json!({"bytes": (2_u64 << 30) + 1})).status, 422);
}

#[test]
fn files_of_a_running_task_are_not_found() {
    let local = Local::start();
    let (ended, files) = local.ended("many-files", &json!({}));
    let running = local.task("many-files", &json!({}));
    let next = json!({"id": files[0]["id"].as_u64().unwrap() + 20});
    let unknown = json!({"id": 1});
    for (task_id, file) in [(&running, &next), (&running, &files[0]), (&ended, &next), (&ended, &unknown)] {
        let answer = local.get(&download_path(task_id, file));
        assert_eq!(answer.status, 404);
        assert!(answer.error().contains("file not found"));
    }
    assert_eq!(local.get(&format!("/api/v1/workflow_tasks/{ended}/abc/download")).status, 404);
}

#[test]
fn a_download_needs_the_key() {
    let local = Local::start();
    let (task_id, files) = local.ended("many-files", &json!({}));
    assert_eq!(local.send("GET", &download_path(&task_id, &files[0]), None, None).unwrap().status, 401);
}

#[test]
fn odd_names_are_told_as_they_are() {
    let local = Local::start();
    let (task_id, files) = local.ended("odd-names", &json!({}));
    let names: Vec<_> = files.iter().map(|file| file["name"].as_str()).collect();
    for name in ["../../etc/passwd", "démo – données.csv", "a\"b\r\nX: y.csv", ""] {
        assert!(names.contains(&Some(name)), "{name:?}");
    }
    assert!(names.contains(&None));
    let types: Vec<_> = files.iter().map(|file| file["content_type"].as_str()).collect();
    assert!(types.contains(&None) && types.contains(&Some("text/csv\r\nX-Injected: 1")));
    for file in
        files.iter().filter(|file| file["content_type"].as_str().is_none_or(|text| text.contains('\r')))
    {
        let answer = local.get(&download_path(&task_id, file));
        assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
        assert_eq!(answer.header("x-injected"), None);
    }
}

#[test]
fn no_length_is_chunked() {
    let local = Local::start();
    let (task_id, files) = local.ended("no-length", &json!({}));
    let answer = local.get(&download_path(&task_id, &files[0]));
    assert_eq!(
        (answer.header("content-length"), answer.header("transfer-encoding")),
        (None, Some("chunked"))
    );
    assert_eq!(answer.bytes(), expected("no-length", &json!({}), 0));
}

#[test]
fn redirects_lead_to_a_storage_that_refuses_the_key() {
    let local = Local::start();
    let (task_id, files) = local.ended("redirects", &json!({}));
    let answer = local.get(&download_path(&task_id, &files[0]));
    assert_eq!((answer.status, answer.bytes().len()), (302, 0));
    let address = answer.header("location").unwrap();
    assert!(address.starts_with(local.server.storage_url()) && !address.starts_with(local.server.url()));
    let fetch = |address: &str, key: Option<&str>| local.send("GET", address, key, None).unwrap();
    assert_eq!(fetch(address, None).bytes(), expected("redirects", &json!({}), 0));
    let refused = fetch(address, Some(&bearer()));
    assert_eq!((refused.status, refused.header("content-type")), (400, Some("application/xml")));
    assert!(String::from_utf8_lossy(refused.bytes()).contains("<Code>InvalidArgument</Code>"));
    assert_eq!(fetch(address.split('?').next().unwrap(), None).status, 403);
    assert_eq!(fetch(&format!("{address}0"), None).status, 403);
    local.server.advance(Duration::from_mins(5));
    assert_eq!(fetch(address, None).status, 403, "expired");
    let requests = local.server.requests();
    let stored: Vec<_> = requests.iter().filter(|request| request.origin == Origin::Storage).collect();
    assert_eq!(
        stored.iter().filter(|request| request.authorization).count(),
        1,
        "the record shows who sent the key"
    );
    assert_eq!(stored[0].task_id, Some(task_id));
    assert!(stored.iter().all(|request| !request.path.contains("X-Signature")));
}

#[test]
fn redirect_relative_stays_on_the_origin() {
    let local = Local::start();
    let (task_id, files) = local.ended("redirect-relative", &json!({}));
    let path = download_path(&task_id, &files[0]);
    let answer = local.get(&path);
    assert_eq!((answer.status, answer.header("location")), (302, Some("download?hop=1")));
    let direct = format!("{path}?hop=1");
    assert_eq!(local.send("GET", &direct, None, None).unwrap().status, 401, "the key is still needed");
    assert_eq!(local.get(&direct).bytes(), expected("redirect-relative", &json!({}), 0));
}

#[test]
fn redirect_loop_has_no_end() {
    let local = Local::start();
    let (task_id, files) = local.ended("redirect-loop", &json!({}));
    let mut path = download_path(&task_id, &files[0]);
    for _ in 0..5 {
        let answer = local.get(&path);
        assert_eq!(answer.status, 302);
        path = answer.header("location").unwrap().to_owned();
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test runs natively and measures a pause")]
fn slow_trickles_and_finishes() {
    let local = Local::with(|config| config.tick = Duration::from_millis(10));
    let (task_id, files) = local.ended("slow", &json!({}));
    let before = SystemTime::now();
    let answer = local.get(&download_path(&task_id, &files[0]));
    assert_eq!(answer.bytes(), expected("slow", &json!({}), 0));
    assert!(before.elapsed().unwrap() >= Duration::from_millis(200), "20 chunks");
}

#[test]
fn cut_short_breaks_off_half_way() {
    let local = Local::start();
    let (task_id, files) = local.ended("cut-short", &json!({}));
    let answer = local.get(&download_path(&task_id, &files[0]));
    assert_eq!((answer.status, answer.header("content-length")), (200, Some("300000")));
    answer.body.unwrap_err();
    let mut received = vec![];
    local.open(&download_path(&task_id, &files[0])).read_to_end(&mut received).unwrap();
    assert!(received.ends_with(&expected("cut-short", &json!({}), 0)[..150_000]));
    assert_eq!(local.server.requests().pop().unwrap().sent_bytes, 150_000);
}

#[test]
fn wrong_size_states_another_size() {
    let local = Local::start();
    let (task_id, files) = local.ended("wrong-size", &json!({}));
    let sizes: Vec<_> = files
        .iter()
        .map(|file| {
            (file["size"].as_u64().unwrap(), local.get(&download_path(&task_id, file)).bytes().len() as u64)
        })
        .collect();
    assert!(sizes[0].0 > sizes[0].1, "states more than is sent: {sizes:?}");
    assert!(sizes[1].0 < sizes[1].1, "states less than is sent: {sizes:?}");
}

#[test]
fn missing_file_lacks_the_second() {
    let local = Local::start();
    let (task_id, files) = local.ended("missing-file", &json!({}));
    let statuses: Vec<_> =
        files.iter().map(|file| local.get(&download_path(&task_id, file)).status).collect();
    assert_eq!(statuses, [200, 404, 200]);
}
