//! Files of every kind, as good and as bad servers send them: each has its outcome.

use std::thread::{scope, sleep};
use std::time::Duration;

use serde_json::{Value, json};

use crate::stage::{Stage, open_hook};

const MIB: u64 = 1 << 20;

/// Longer than word of a copy holds that nobody carries on.
const LEASE: Duration = Duration::from_secs(31);

/// What becomes of a file: archived whole, or failed with these words.
type Outcome = Result<(), &'static str>;

fn stage() -> Stage {
    let mut hook = open_hook("files");
    hook["params"] = json!({"files": "{{ body.files }}"});
    Stage::with_hooks(&json!({"files": hook}))
}

/// Starts a run with these files.
#[track_caller]
fn start(stage: &Stage, id: &str, files: &Value) -> String {
    let run_id = stage.post("files", &json!({"id": id, "files": files}), &[]).run_id();
    let run = stage.wait_until_started(&run_id);
    assert_eq!(run["status"], "in_progress", "{run}");
    run_id
}

/// The downloads of a run's task, in their order.
fn downloads(stage: &Stage, run: &Value) -> Vec<fake_fabricate::Request> {
    let requests = stage.fabricate.requests().into_iter();
    requests
        .filter(|request| request.file_id.is_some() && run["task"]["id"] == json!(request.task_id))
        .collect()
}

/// Runs one for each file, all at once, and looks what became of it.
fn check(files: &[(Value, Outcome)]) {
    let mut stage = stage();
    let start = |(at, (file, _)): (usize, &(Value, Outcome))| start(&stage, &at.to_string(), &json!([file]));
    let runs: Vec<String> = files.iter().enumerate().map(start).collect();
    for (run_id, (described, outcome)) in runs.iter().zip(files) {
        let run = stage.sweep_until_final(run_id);
        let file = &run["files"][0];
        match outcome {
            Ok(()) => {
                assert_eq!(
                    (&run["status"], &file["state"]),
                    (&json!("completed"), &json!("archived")),
                    "{described}: {run}"
                );
                stage.assert_same_bytes(&run, file);
            }
            Err(words) => {
                assert_eq!(
                    (&run["error"]["stage"], &file["state"]),
                    (&json!("archive"), &json!("failed")),
                    "{described}: {run}"
                );
                assert!(file["error"].as_str().unwrap().contains(words), "{described}: {file}");
                assert!(file["attempts"].as_u64() > Some(0) && file["key"].is_null(), "{file}");
                let answer = stage.operator(file["url"].as_str().unwrap());
                assert_eq!(answer.status, 404, "no part of it is shown");
            }
        }
    }
    let elsewhere = |request: &fake_fabricate::Request| request.origin == fake_fabricate::Origin::Storage;
    assert!(!stage.fabricate.requests().iter().any(|request| elsewhere(request) && request.authorization));
}

#[test]
fn a_file_arrives_whole_whatever_is_known_of_it() {
    let digests =
        ["digest-sha256", "repr-digest", "content-digest", "content-md5", "x-amz-checksum-sha256", "s3-etag"];
    let digests = digests.map(|digest| json!({"digest": digest}));
    let files = [
        json!({"bytes": 0}),
        json!({"bytes": 0, "length": "chunked"}),
        json!({"bytes": 0, "length": "chunked", "size": null}),
        json!({"size": null}),
        json!({"length": "chunked"}),
        json!({"length": "chunked", "size": null}),
        json!({"length": "chunked", "size": null, "bytes": 8 * MIB}),
        json!({"length": "chunked", "size": null, "bytes": 20 * MIB + 1}),
        json!({"encoding": "gzip", "fill": "zeros", "bytes": 9 * MIB}),
        json!({"encoding": "gzip", "size": null}),
        json!({"name": null, "content_type": null}),
        json!({"content_type": "absurd\r\nX-Injected: 1"}),
        json!({"redirect": ["relative", "storage"]}),
        json!({"redirect": ["storage"], "redirect_status": 307, "length": "chunked", "size": null}),
        json!({"status": 500, "times": 2}),
        json!({"status": 429, "times": 1, "retry_after": 1}),
    ];
    check(&files.into_iter().chain(digests).map(|file| (file, Ok(()))).collect::<Vec<_>>());
}

#[test]
fn a_file_that_is_not_what_was_said_fails() {
    check(&[
        (json!({"bytes": 100, "size": 101}), Err("100 bytes are sent, but the task says 101")),
        (json!({"bytes": 100, "size": 99, "length": "chunked"}), Err("not the 99 bytes")),
        (json!({"bytes": 100, "size": 101, "length": "chunked"}), Err("not the 101 bytes")),
        (json!({"extra": 1, "length": "chunked"}), Err("not the 1024 bytes")),
        (json!({"encoding": "gzip", "bytes": 100, "size": 99}), Err("more bytes are sent than the 99")),
        (json!({"encoding": "gzip", "bytes": 100, "size": 101}), Err("100 bytes were sent, but 101")),
        (json!({"encoding": "zstd"}), Err("Content-Encoding zstd")),
        (json!({"page": true, "content_type": "text/csv"}), Err("an HTML page is sent in place of text/csv")),
        (json!({"cut_after": 500}), Err("")),
        (json!({"digest": "repr-digest", "wrong_digest": true}), Err("")),
        (json!({"digest": "content-md5", "wrong_digest": true}), Err("")),
        (json!({"status": 404}), Err("HTTP 404")),
        (json!({"redirect": ["loop"]}), Err("more than 3 redirects")),
        (json!({"redirect": ["ftp://storage.example/x"]}), Err("not https")),
        (json!({"redirect": ["storage-401"]}), Err("HTTP 401")),
    ]);
}

#[test]
fn one_missing_file_fails_its_run_and_the_others_are_kept() {
    let mut stage = stage();
    let files = json!([{"name": "a"}, {"name": "b", "status": 404}, {"name": "c"}]);
    let run_id = start(&stage, "three", &files);
    let run = stage.sweep_until_final(&run_id);
    assert_eq!(run["status"], "failed", "{run}");
    let states: Vec<&Value> = run["files"].as_array().unwrap().iter().map(|file| &file["state"]).collect();
    assert_eq!(states, ["archived", "failed", "archived"]);
    stage.assert_same_bytes(&run, &run["files"][2]);
}

#[test]
fn two_hundred_files_and_an_id_that_comes_twice_are_archived_once_each() {
    let mut stage = stage();
    let run_id = start(
        &stage,
        "many",
        &json!([{"count": 200, "name": "same.csv"}, {"id": "1"}, {"id": "twice", "name": "t"}, {"id": "twice", "name": "t"}]),
    );
    let run = stage.sweep_until_final(&run_id);
    assert_eq!(run["status"], "completed", "{run}");
    let files = run["files"].as_array().unwrap();
    let keys: std::collections::BTreeSet<&str> =
        files.iter().map(|file| file["key"].as_str().unwrap()).collect();
    assert_eq!((files.len(), keys.len()), (202, 202));
    assert_eq!(downloads(&stage, &run).len(), 202, "each is asked for once");
    for file in files.iter().step_by(67) {
        stage.assert_same_bytes(&run, file);
    }
}

/// How a copy in parts that broke off goes on, and from which byte its last download is asked for.
#[track_caller]
fn check_goes_on(mut file: Value, from: Option<u64>) {
    let mut stage = stage();
    file["bytes"] = json!(20 * MIB + 7);
    file["length"] = json!("chunked");
    file["size"] = Value::Null;
    let run_id = start(&stage, "cut", &json!([file]));
    stage.sweep_after(Duration::from_mins(2));
    let run = stage.run(&run_id);
    assert_eq!(
        (&run["status"], &run["files"][0]["state"]),
        (&json!("archiving"), &json!("archiving")),
        "{run}"
    );
    let run = stage.sweep_until_final(&run_id);
    assert_eq!(run["status"], "completed", "{run}");
    stage.assert_same_bytes(&run, &run["files"][0]);
    let downloads = downloads(&stage, &run);
    let mut ranges = downloads.iter().rev().filter_map(|request| request.headers.get("range"));
    assert_eq!(ranges.next().cloned(), from.map(|from| format!("bytes={from}-")), "{downloads:?}");
}

#[test]
fn what_broke_off_goes_on_from_the_last_whole_part() {
    check_goes_on(
        json!({"cut_after": 17 * MIB, "cut_times": 1, "ranges": true, "etag": "\"1\""}),
        Some(16 * MIB),
    );
}

#[test]
fn what_stands_still_is_left_and_gone_on_with() {
    let date = "Wed, 25 Nov 2026 10:00:00 GMT";
    let file = json!({"stall_after": 9 * MIB, "stall_times": 1, "ranges": true, "last_modified": date});
    check_goes_on(file, Some(8 * MIB));
}

#[test]
fn what_cannot_be_gone_on_with_begins_anew() {
    let cut = |more: Value| {
        let mut file = json!({"cut_after": 17 * MIB, "cut_times": 1});
        file.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        file
    };
    // No word of a version; no ranges; another part than was asked for.
    check_goes_on(cut(json!({"ranges": true})), None);
    check_goes_on(cut(json!({"etag": "\"1\""})), Some(16 * MIB));
    check_goes_on(cut(json!({"etag": "\"1\"", "wrong_range": true})), Some(16 * MIB));
}

#[test]
fn a_worker_killed_while_it_copies_goes_on_where_it_was() {
    let mut stage = stage();
    let file = json!({"bytes": 60 * MIB, "length": "chunked", "size": null, "ranges": true, "etag": "\"1\"", "rate": 8 * MIB});
    let run_id = start(&stage, "killed", &json!([file]));
    stage.fabricate.advance(Duration::from_mins(2));
    let run = stage.run(&run_id);
    let sender = stage.caller();
    scope(|threads| {
        threads.spawn(move || sender.try_sweep());
        while downloads(&stage, &run).iter().map(|request| request.sent_bytes).max() < Some(44 * MIB) {
            sleep(Duration::from_millis(50));
        }
        stage.kill_worker();
    });
    stage.start_worker();
    sleep(LEASE);
    let run = stage.sweep_until_final(&run_id);
    assert_eq!(run["status"], "completed", "{run}");
    stage.assert_same_bytes(&run, &run["files"][0]);
    let mut downloads = downloads(&stage, &run);
    // The invocation that follows the run may have opened the file too, and left it: it is too large.
    downloads.retain(|request| request.sent_bytes > 8 * MIB);
    assert_eq!(downloads.len(), 2, "{downloads:?}");
    let from: u64 =
        downloads[1].headers["range"].trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap();
    assert!(from >= 8 * MIB && from.is_multiple_of(8 * MIB), "{from}");
}
