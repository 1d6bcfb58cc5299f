//! How fast files reach R2, and at what cost: seedhook beside the shortest Worker that does the same, in turn, in one
//! run. Machines are noisy, so what is told is ratios, and nothing is asserted but that the bytes are the same.
//!
//! `cargo xtask bench` runs it; no other test run does.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::stage::{Stage, open_hook};

/// How much is copied, and how often by each, where nobody says.
const BYTES: u64 = 1 << 30;
const ROUNDS: u64 = 3;

/// The ways that a file's bytes take to R2; for each, how the fake Fabricate is to send its length, and whether its
/// task is to state the size.
const LANES: [(&str, &str, bool); 3] =
    [("whole", "stated", true), ("counted", "chunked", true), ("parts", "chunked", false)];

/// What one copy took.
#[derive(Debug, Clone, Copy)]
struct Cost {
    time: Duration,
    /// Of workerd and wrangler together; nothing but on Linux.
    cpu: Duration,
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
#[ignore = "a benchmark: cargo xtask bench"]
fn files_reach_r2_as_fast_as_by_the_shortest_worker() {
    let bytes = number("SEEDHOOK_BENCH_BYTES").unwrap_or(BYTES);
    let rounds = number("SEEDHOOK_BENCH_ROUNDS").unwrap_or(ROUNDS);
    println!(
        "{bytes} bytes, {rounds} rounds; each ratio is seedhook to the shortest Worker, smallest to largest\n"
    );
    println!("{:9} {:>20} {:>20} {:>12} {:>22}", "lane", "time", "CPU", "MB a second", "wasm memory grew by");
    let only = std::env::var("SEEDHOOK_BENCH_LANE").ok();
    let known = |only: &String| LANES.iter().any(|(lane, ..)| lane == only);
    assert!(only.as_ref().is_none_or(known), "the lanes are whole, counted and parts");
    let lanes = LANES.iter().filter(|(lane, ..)| only.as_ref().is_none_or(|only| only == lane));
    for &(lane, length, size_stated) in lanes {
        measure(lane, length, size_stated, bytes, rounds);
    }
}

fn measure(lane: &str, length: &str, size_stated: bool, bytes: u64, rounds: u64) {
    let mut file = json!({"bytes": bytes, "length": length});
    if !size_stated {
        file["size"] = Value::Null;
    }
    let mut hook = open_hook("files");
    hook["params"] = json!({"files": [file]});
    let hooks = json!({"copy": hook});
    let mut seedhook = Stage::with_config(&hooks, |config| config["main"] = written("observed.js", OBSERVED));
    let plain = Stage::with_config(&hooks, |config| config["main"] = written("plain.js", PLAIN));
    let mut grown = 0;
    let mut costs = Vec::new();
    for round in 0..=rounds {
        let before = memory(&seedhook);
        let (run, ours) = copy_by_seedhook(&mut seedhook, round);
        grown = memory(&seedhook) - before;
        let theirs = copy_by_plain(&plain, &seedhook, &run, lane, bytes);
        // The first of each warms up, and shows that the bytes are right.
        if round == 0 {
            seedhook.assert_same_bytes(&run, &run["files"][0]);
        } else {
            costs.push((ours, theirs));
        }
    }
    let ratios = |of: fn(&Cost) -> Duration| {
        let mut ratios: Vec<f64> =
            costs.iter().map(|(ours, theirs)| of(ours).as_secs_f64() / of(theirs).as_secs_f64()).collect();
        ratios.sort_by(f64::total_cmp);
        ratios.iter().map(|ratio| format!("{ratio:.2}")).collect::<Vec<_>>().join(" ")
    };
    let seconds: f64 = costs.iter().map(|(ours, _)| ours.time.as_secs_f64()).sum();
    #[expect(clippy::cast_precision_loss, reason = "a speed, to be read")]
    let speed = (bytes * rounds) as f64 / 1e6 / seconds;
    let (time, cpu) = (ratios(|cost| cost.time), ratios(|cost| cost.cpu));
    println!("{lane:9} {time:>20} {cpu:>20} {speed:>12.0} {:>19} KiB", grown / 1024);
}

const PLAIN: &str = include_str!("bench/plain.js");
const OBSERVED: &str = include_str!("bench/observed.js");
const INSTANCES: &str = include_str!("../bench/instances.js");

/// Where a module is, written out beside those that it imports.
pub(crate) fn written(name: &str, module: &str) -> Value {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/build/index.js");
    fs::write(folder.join("instances.js"), INSTANCES).unwrap();
    fs::write(folder.join(name), module.replace("BUILT", built)).unwrap();
    folder.join(name).to_str().into()
}

/// A run whose one file is copied by one sweep, and what that took.
fn copy_by_seedhook(stage: &mut Stage, round: u64) -> (Value, Cost) {
    let run_id = stage.post("copy", &json!({"id": round}), &[]).run_id();
    stage.wait_until_started(&run_id);
    let cost = cost(stage.group(), || stage.sweep_after(Duration::from_mins(2)));
    let run = stage.run(&run_id);
    assert_eq!(run["status"], "completed", "{run}\n{}", stage.log());
    (run, cost)
}

fn copy_by_plain(plain: &Stage, seedhook: &Stage, run: &Value, lane: &str, bytes: u64) -> Cost {
    let (task, file) = (run["task"]["id"].as_str().unwrap(), run["files"][0]["id"].as_str().unwrap());
    let from = format!("{}/api/v1/workflow_tasks/{task}/{file}/download", seedhook.fabricate.url());
    let path = format!("/copy?lane={lane}&key={task}&size={bytes}&from={from}");
    cost(plain.group(), || assert_eq!(plain.send("GET", &path, &[], b"").status, 200, "{}", plain.log()))
}

#[expect(clippy::disallowed_methods, reason = "how fast real time passes is what is measured")]
fn cost(group: u32, work: impl FnOnce()) -> Cost {
    let (began, cpu) = (Instant::now(), cpu_of(group));
    work();
    Cost { time: began.elapsed(), cpu: cpu_of(group).saturating_sub(cpu) }
}

/// The processor time of a process group so far, in the kernel's ticks of 10 ms (proc(5)).
pub(crate) fn cpu_of(group: u32) -> Duration {
    let ticks_of = |process: &Path| {
        let stat = fs::read_to_string(process.join("stat")).ok()?;
        // The name before may have spaces; then: state, parent, group, …, user and system time as 14th and 15th.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        (number(2)? == u64::from(group)).then_some(number(11)? + number(12)?)
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    Duration::from_millis(10 * processes.filter_map(|process| ticks_of(&process.path())).sum::<u64>())
}

/// The Worker's wasm memory, bytes.
fn memory(stage: &Stage) -> u64 {
    let answer = stage.send("GET", "/bench/memory", &[], b"");
    String::from_utf8(answer.body).unwrap().parse().unwrap()
}
