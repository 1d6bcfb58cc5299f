//! Hostile requests against a Worker with 96 MiB of memory, while honest runs are in flight: the isolate survives, no
//! honest run is harmed, and no request takes a second of CPU.

mod inputs;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::bench::cpu_of;
use crate::stage::{OPERATOR_TOKEN, Stage, open_hook};
use inputs::UNFINISHED_BYTES;

/// The CPU that one request may take, workerd's own work included.
const CPU_MAX: Duration = Duration::from_secs(1);

/// What a log has when the isolate has not survived: the runtime's words, and those of worker-build's shim.
const TRAPS: [&str; 4] = ["RuntimeError", "unreachable", "wasm instance replaced", "memory limit"];

/// How many senders never finish their bodies.
const CROWD: usize = 60;

/// What wrangler's proxy logs, and answers with 500, when the Worker's early answer is lost: workerd closes a connection
/// whose request body it was not asked to read, and the proxy is still sending that body.
const ANSWER_LOST: &str = "Error inside ProxyWorker";

/// How often a sweep may be needed until 40 runs are final.
const SWEEPS_MAX: usize = 30;

fn stage() -> Stage {
    Stage::with_config(&inputs::hooks(), |config| {
        config["main"] = json!(concat!(env!("CARGO_MANIFEST_DIR"), "/build/memory-96-mib/index.js"));
    })
}

/// Sends an honest event, again if it is asked to; the run's id.
#[track_caller]
fn honest(stage: &Stage, id: &str) -> String {
    for _ in 0..20 {
        let answer = stage.post_signed("honest", id, &json!({"id": id}));
        if answer.status != 503 {
            assert!(matches!(answer.status, 200 | 202), "{id}: {}\n{}", answer.status, stage.log());
            return answer.run_id();
        }
        assert!(answer.header("retry-after").is_some(), "{id}");
        println!("honest event {id}: 503");
        std::thread::sleep(Duration::from_millis(500));
    }
    panic!("the honest event {id} was not taken\n{}", stage.log());
}

#[track_caller]
fn assert_survived(stage: &Stage, after: &str) {
    let log = stage.log();
    for trap in TRAPS {
        assert!(!log.contains(trap), "{trap} after {after}\n{log}");
    }
}

/// Sweeps until these runs are completed.
#[track_caller]
fn sweep_until_completed(stage: &mut Stage, run_ids: &[String]) {
    let mut open: Vec<&String> = run_ids.iter().collect();
    for _ in 0..SWEEPS_MAX {
        stage.sweep_after(Duration::from_mins(2));
        open.retain(|run_id| {
            let run = stage.run(run_id);
            let status = run["status"].as_str().unwrap();
            assert!(!["failed", "canceled", "unconfirmed"].contains(&status), "{run}\n{}", stage.log());
            status != "completed"
        });
        if open.is_empty() {
            return;
        }
    }
    panic!("not completed after {SWEEPS_MAX} sweeps: {open:?}\n{}", stage.log());
}

#[test]
fn hostile_requests_harm_no_honest_run() {
    let mut stage = stage();
    let mut runs = vec![honest(&stage, "first")];
    let mut last = Duration::ZERO;
    for (number, input) in inputs::all().into_iter().enumerate() {
        // Its start is under way while the next is read.
        runs.push(honest(&stage, &format!("honest-{number}")));
        let before = cpu_of(stage.group());
        let path = format!("/hooks/{}", input.hook);
        let answer = stage.send("POST", &path, &input.headers, &input.body);
        let cpu = cpu_of(stage.group()).saturating_sub(before);
        println!(
            "{:40} {} {:>5} ms of CPU, {} bytes",
            input.name,
            answer.status,
            cpu.as_millis(),
            input.body.len()
        );
        assert!(matches!(answer.status, 200..=299 | 400..=499 | 503), "{}: {}", input.name, answer.status);
        let without = if input.name == inputs::LONG_LOOPS { last } else { Duration::ZERO };
        // Storing 500 runs is the local stores' work, and not that of a deployed Worker.
        let is_stored = input.name == inputs::FAILED_ITEMS;
        assert!(is_stored || cpu <= CPU_MAX + without, "{}: {cpu:?} of CPU", input.name);
        last = cpu;
        assert_survived(&stage, input.name);
    }
    sweep_until_completed(&mut stage, &runs);
}

#[test]
fn a_crowd_that_never_finishes_its_bodies_takes_nothing_from_honest_runs() {
    let mut stage = stage();
    let mut runs = vec![honest(&stage, "before")];
    let address = stage.base_address();
    let mut crowd: Vec<TcpStream> = (0..CROWD).map(|_| unfinished(&address)).collect();
    for number in 0..10 {
        runs.push(honest(&stage, &format!("during-{number}")));
    }
    let nested = inputs::all().into_iter().find(|input| input.name.starts_with("0.47")).unwrap();
    let answer = stage.send("POST", "/hooks/open", &nested.headers, &nested.body);
    let statuses: Vec<Option<u16>> = crowd.iter_mut().map(status_of).collect();
    let count_of = |status| statuses.iter().filter(|&&answered| answered == status).count();
    let count = |status| count_of(Some(status));
    let is_lost = answer.status == 500;
    assert!(
        is_lost || matches!(answer.status, 200..=299 | 400..=499 | 503),
        "{}\n{}",
        answer.status,
        stage.log()
    );
    let lost = count(500) + usize::from(is_lost);
    assert!(lost <= stage.log().matches(ANSWER_LOST).count(), "{statuses:?}\n{}", stage.log());
    assert_eq!(count(408) + count(503) + count(500) + count_of(None), CROWD, "{statuses:?}\n{}", stage.log());
    assert!((10..=30).contains(&count(408)), "some were waited for, most found no room: {statuses:?}");
    stage.wait_for_log("request body rejected", 30);
    // What they took is given back.
    let whole = [b"[" as &[u8], &vec![b' '; UNFINISHED_BYTES], b"]"].concat();
    let answer = stage.send("POST", "/hooks/open", &[("content-type", "application/json")], &whole);
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    assert_survived(&stage, "the crowd");
    sweep_until_completed(&mut stage, &runs);
}

/// Sends all but the last byte of a body.
fn unfinished(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let head = format!(
        "POST /hooks/open HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {UNFINISHED_BYTES}\r\n\r\n"
    );
    // One that is refused may be answered, and closed, before all is sent.
    let _ =
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&vec![b' '; UNFINISHED_BYTES - 1]));
    stream
}

/// The status of the answer; `None`: the connection was closed with bytes that nobody read, and TCP dropped the answer.
fn status_of(stream: &mut TcpStream) -> Option<u16> {
    let mut line = [0; 12];
    stream.read_exact(&mut line).ok()?;
    Some(std::str::from_utf8(&line).unwrap()["HTTP/1.1 ".len()..].parse().unwrap())
}

#[test]
fn a_huge_result_keeps_no_other_run_waiting() {
    let mut stage = stage();
    let mut runs: Vec<String> = (0..40).map(|number| honest(&stage, &format!("run-{number}"))).collect();
    runs.push(stage.post("huge", &json!({"id": "huge"}), &[]).run_id());
    sweep_until_completed(&mut stage, &runs);
    assert_survived(&stage, "a result of 7.9 MiB");
}

#[test]
fn the_operators_bodies_have_the_same_bounds() {
    let stage = Stage::with_hooks(&json!({"open": open_hook("no-files")}));
    let (address, id) = (stage.base_address(), "0197f1a2-0000-7000-8000-000000000000");
    let paths = [
        "hooks/open/preview",
        "hooks/open/runs",
        &format!("runs/{id}/adopt"),
        &format!("runs/{id}/files/1/link"),
    ];
    let silent = |path: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        let head = format!(
            "POST /api/{path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {OPERATOR_TOKEN}\r\ncontent-length: 9\r\nconnection: close\r\n\r\n{{"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    for mut stream in paths.map(silent) {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(
            answer.contains("application/problem+json") && answer.contains("send the request again"),
            "{answer}"
        );
    }
}
