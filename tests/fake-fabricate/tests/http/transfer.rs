//! The way of the bytes: where a transfer breaks off, and how fast it goes.

use std::io::{ErrorKind, Read as _};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::client::Local;

/// The body of an answer as far as it was sent before the connection was closed.
fn received(local: &Local, path: &str) -> Vec<u8> {
    let mut answer = vec![];
    local.open(path).read_to_end(&mut answer).unwrap();
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    answer.split_off(head + 4)
}

#[expect(clippy::disallowed_methods, reason = "a test runs natively and measures a pause")]
fn seconds(work: impl FnOnce()) -> f64 {
    let before = SystemTime::now();
    work();
    before.elapsed().unwrap().as_secs_f64()
}

#[test]
fn a_cut_comes_after_exactly_so_many_bytes() {
    let local = Local::start();
    for after in [0, 1, 262_145, 699_999] {
        let (_, _, paths) = local
            .described(&json!([{"bytes": 700_000, "cut_after": after, "cut_times": 2}, {"cut_after": 2}]));
        for _ in 0..2 {
            assert_eq!(received(&local, &paths[0]).len(), after);
            assert_eq!(local.server.requests().pop().unwrap().sent_bytes, after as u64);
        }
        assert_eq!(local.get(&paths[0]).bytes().len(), 700_000);
        for _ in 0..3 {
            assert_eq!(received(&local, &paths[1]).len(), 2, "without a number, always");
        }
    }
}

#[test]
fn a_cut_waits_for_a_client_that_reads_late() {
    let local = Local::start();
    let _unread = local.open(&local.path_of(json!({"bytes": 60_000_000})));
    let sent = || local.server.requests().pop().unwrap().sent_bytes;
    let mut taken = 0;
    while taken == 0 || taken < sent() {
        taken = sent();
        std::thread::sleep(Duration::from_millis(100));
    }
    // A connection takes about so many bytes unread; where it takes a few less, they wait within the server.
    let cuts: Vec<_> = (0..8).map(|step| taken - 300_000 + step * 100_000).collect();
    let file = |after: &u64| json!({"bytes": 60_000_000, "chunk_bytes": 100_000, "cut_after": after});
    let streams: Vec<_> = cuts.iter().map(|after| local.open(&local.path_of(file(after)))).collect();
    std::thread::sleep(Duration::from_millis(300));
    for (mut stream, after) in streams.into_iter().zip(cuts) {
        let mut answer = vec![];
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.len() as u64 > after, "{} of {after} bytes, with the head", answer.len());
    }
}

#[test]
fn a_cut_of_a_chunked_body_lacks_its_end() {
    let local = Local::start();
    let path = local.path_of(json!({"length": "chunked", "cut_after": 1_024}));
    local.get(&path).body.unwrap_err();
    assert_eq!(local.server.requests().pop().unwrap().sent_bytes, 1_024);
}

#[test]
fn a_cut_is_counted_after_the_refusals() {
    let local = Local::start();
    let path = local.path_of(json!({"status": 500, "times": 1, "cut_after": 5, "cut_times": 1}));
    assert_eq!(local.get(&path).status, 500);
    local.get(&path).body.unwrap_err();
    assert_eq!(local.get(&path).bytes().len(), 1_024);
}

#[test]
fn a_stalled_connection_stays_open() {
    let local = Local::start();
    let path = local.path_of(json!({"bytes": 500_000, "stall_after": 300_000, "stall_times": 1}));
    let mut stream = local.open(&path);
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut answer = vec![];
    let error = stream.read_to_end(&mut answer).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    assert_eq!(answer.len() - head - 4, 300_000);
    assert_eq!(local.server.requests().pop().unwrap().sent_bytes, 300_000);
    assert_eq!(local.get(&path).bytes().len(), 500_000);
}

#[test]
fn extra_bytes_follow_those_that_were_spoken_of() {
    let local = Local::start();
    let (_, listed, paths) = local.described(&json!([{"length": "chunked", "extra": 70_000}]));
    let answer = local.get(&paths[0]);
    assert_eq!((&listed[0]["size"], answer.bytes().len()), (&json!(1_024), 71_024));
    assert!(answer.bytes()[1_024..].iter().all(|byte| *byte == 0));
    let answer = local.get(&local.path_of(json!({"encoding": "gzip", "extra": 3})));
    let mut decoded = vec![];
    flate2::read::GzDecoder::new(answer.bytes()).read_to_end(&mut decoded).unwrap();
    assert_eq!(decoded.len(), 1_027);
}

/// The size of each piece that a client reads.
fn pieces(local: &Local, file: Value) -> Vec<usize> {
    let mut stream = local.open(&local.path_of(file));
    let mut buffer = [0; 10_000];
    let mut next = || stream.read(&mut buffer).unwrap();
    std::iter::from_fn(|| Some(next()).filter(|bytes| *bytes > 0)).skip(1).collect()
}

#[test]
fn a_slow_sender_pauses_before_each_chunk() {
    let local = Local::start();
    let file = json!({"bytes": 25, "chunk_bytes": 10, "pause_ms": 100});
    assert_eq!(pieces(&local, file.clone()), [10, 10, 5]);
    let path = local.path_of(file);
    let passed = seconds(|| assert_eq!(local.get(&path).bytes().len(), 25));
    assert!((0.3..5.0).contains(&passed), "{passed}");
}

#[test]
fn a_rate_is_kept() {
    let local = Local::start();
    let path = local.path_of(json!({"bytes": 100_000, "rate": 200_000}));
    let passed = seconds(|| assert_eq!(local.get(&path).bytes().len(), 100_000));
    assert!((0.4..5.0).contains(&passed), "{passed}");
    assert_eq!(pieces(&local, json!({"bytes": 3, "rate": 20})), [1, 1, 1]);
}

#[test]
fn the_record_is_kept_up_to_date_while_bytes_are_sent() {
    let local = Local::start();
    let mut stream = local.open(&local.path_of(json!({"bytes": 3, "chunk_bytes": 1, "pause_ms": 200})));
    let sent = || local.server.requests().pop().unwrap().sent_bytes;
    let mut seen = vec![];
    while seen.len() < 3 {
        if stream.read(&mut [0; 1_000]).unwrap() == 0 {
            break;
        }
        seen.push(sent());
    }
    assert_eq!(seen, [0, 1, 2]);
}
