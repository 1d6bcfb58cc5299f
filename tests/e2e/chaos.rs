//! Chaos: hundreds of deliveries from several threads, each several times, while the Worker is killed and Fabricate
//! fails. In the end each that was acknowledged has its one run, and Fabricate saw it once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, scope, sleep};
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::stage::{Caller, Stage, open_hook};

/// Events sent, from so many threads; each is delivered so many times.
const EVENTS: usize = 160;
const SENDERS: usize = 6;
const COPIES: usize = 3;

/// How long the Worker lives before it is killed, while they are sent.
const LIVES: [Duration; 5] = [
    Duration::from_millis(300),
    Duration::from_millis(900),
    Duration::from_millis(1_500),
    Duration::from_millis(600),
    Duration::from_secs(2),
];

/// How often a sender tries, and how long it waits: far longer than the Worker is ever down.
const TRIES_MAX: usize = 1_000;
const PAUSE: Duration = Duration::from_millis(100);

/// How often everybody sends the same at the same moment.
const ROUNDS: usize = 20;

/// What is wrong with Fabricate in each of the Worker's lives.
fn faults() -> [Value; LIVES.len()] {
    [
        json!({}),
        json!({"start": {"status": 503, "times": 8, "retry_after": 60}}),
        json!({"down": true}),
        json!({"start": {"status": 502, "times": 4}, "status": {"status": 500, "times": 20}}),
        json!({"start": {"status": 429, "times": 4, "retry_after": 1}, "download": {"status": 503, "times": 5}}),
    ]
}

/// Workflows that go well, start late or never, drop their answer or refuse, and how a run of each ends unless it is
/// shown as `unconfirmed`.
const WORKFLOWS: [(&str, &str); 8] = [
    ("redirects", "completed"),
    ("no-files", "completed"),
    ("redirect-relative", "completed"),
    ("start-503-twice", "completed"),
    ("many-files", "completed"),
    ("start-drops", "unconfirmed"),
    ("fails", "failed"),
    ("start-refuses", "failed"),
];

fn workflow_of(event: usize) -> (&'static str, &'static str) {
    WORKFLOWS[event % WORKFLOWS.len()]
}

#[test]
fn chaos_loses_nothing_and_starts_nothing_twice() {
    let hook = |(name, _): &(&str, &str)| {
        let mut hook = open_hook(name);
        hook["params"] = json!({"event": "{{ body.id }}"});
        ((*name).to_owned(), hook)
    };
    let hooks: Map<String, Value> = WORKFLOWS.iter().map(hook).collect();
    let mut stage = Stage::with_config(&hooks.into(), |config| {
        config["vars"]["SWEEP_REQUESTS"] = json!(400);
    });
    let told = send_through_chaos(&mut stage);
    assert_eq!(told.len(), EVENTS, "every event is acknowledged in the end");
    stage.fabricate.clear_faults();
    let runs = sweep_until_settled(&mut stage, &told);
    for (event, run) in &runs {
        judge(&stage, *event, run);
    }
    let completed = runs.values().filter(|run| run["status"] == "completed").count();
    let unconfirmed = runs.values().filter(|run| run["status"] == "unconfirmed").count();
    println!("{EVENTS} events: {completed} completed, {unconfirmed} unconfirmed");
    assert!(completed > EVENTS / 4, "only {completed} of {EVENTS} completed");
    let listed = stage.operator("/api/runs?limit=200").json();
    let listed: BTreeSet<&str> =
        listed["runs"].as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap()).collect();
    assert_eq!(listed, told.values().map(String::as_str).collect(), "one run for each event, and no other");
}

/// Delivers every event while the Worker is killed again and again; says which run each event was told.
fn send_through_chaos(stage: &mut Stage) -> BTreeMap<usize, String> {
    let caller = stage.caller();
    let (next, told) = (AtomicUsize::new(0), Mutex::new(BTreeMap::<usize, String>::new()));
    let send = || {
        loop {
            // The copies of one event lie side by side, so that several threads send them at the same time.
            let event = next.fetch_add(1, Ordering::Relaxed) / COPIES;
            if event >= EVENTS {
                return;
            }
            let run_id = insist(&caller, event);
            let first = told.lock().unwrap().entry(event).or_insert_with(|| run_id.clone()).clone();
            assert_eq!(first, run_id, "all answers to event {event} name one run");
        }
    };
    scope(|threads| {
        let senders: Vec<_> = (0..SENDERS).map(|_| threads.spawn(send)).collect();
        for (life, faults) in LIVES.into_iter().zip(faults()) {
            stage.fabricate.set_faults(serde_json::from_value(faults).unwrap()).unwrap();
            sleep(life);
            stage.kill_worker();
            stage.start_worker();
        }
        stage.fabricate.clear_faults();
        for sender in senders {
            sender.join().unwrap();
        }
    });
    told.into_inner().unwrap()
}

/// Delivers an event until it is acknowledged, as senders do; the run that the answer names.
fn insist(caller: &Caller, event: usize) -> String {
    let (hook, _) = workflow_of(event);
    for _ in 0..TRIES_MAX {
        // Slow enough that every life of the Worker sees some of them.
        sleep(PAUSE);
        match caller.try_post(hook, &json!({"id": event})) {
            Some(answer) if answer.status < 300 => return answer.run_id(),
            Some(answer) => assert!(answer.status >= 500, "event {event} is answered {}", answer.status),
            None => {}
        }
    }
    panic!("event {event} is never acknowledged");
}

/// Sweeps, first every two minutes and then every forty, and kills the Worker twice more; the runs once all are settled.
fn sweep_until_settled(stage: &mut Stage, told: &BTreeMap<usize, String>) -> BTreeMap<usize, Value> {
    let mut settled = BTreeMap::new();
    for sweep in 0..50 {
        stage.sweep_after(Duration::from_mins(if sweep < 12 { 2 } else { 40 }));
        if sweep == 2 || sweep == 9 {
            stage.kill_worker();
            stage.start_worker();
        }
        // What is unconfirmed may still turn out otherwise while its start is young.
        if sweep < 10 {
            continue;
        }
        for (event, run_id) in told {
            if settled.contains_key(event) {
                continue;
            }
            // One whose record was lost with the Worker is shown again from the hourly pass on.
            let answer = stage.operator(&format!("/api/runs/{run_id}"));
            let run = if answer.status == 200 { answer.json() } else { Value::Null };
            if let Some("completed" | "failed" | "canceled" | "unconfirmed") = run["status"].as_str() {
                settled.insert(*event, run);
            }
        }
        if settled.len() == told.len() {
            return settled;
        }
    }
    let open: Vec<_> = told.iter().filter(|(event, _)| !settled.contains_key(event)).collect();
    panic!("not settled: {open:?}\n{}", stage.log());
}

/// Whether an event was started once, unless nobody can know, and ended as its workflow does.
fn judge(stage: &Stage, event: usize, run: &Value) {
    let (workflow, end) = workflow_of(event);
    let starts = stage.fabricate.starts_with(workflow, "event", &json!(event));
    assert!(starts <= 1, "event {event} is started {starts} times: {run}");
    if run["status"] == "unconfirmed" {
        assert_eq!(run["error"]["stage"], "start", "{run}");
        return;
    }
    assert_eq!(run["status"], end, "{run}");
    assert_eq!(starts, usize::from(workflow != "start-refuses"), "{run}");
    if end == "completed" {
        assert_eq!(run["files"].as_array().unwrap().is_empty(), workflow == "no-files", "{run}");
        for file in run["files"].as_array().unwrap() {
            stage.assert_same_bytes(run, file);
        }
    }
}

#[test]
fn sixty_simultaneous_deliveries_over_several_hooks_start_one_run_each() {
    let names = ["one", "two", "three", "four"];
    let hooks: Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), open_hook("no-files"))).collect();
    let stage = Stage::with_hooks(&hooks.into());
    for round in 0..ROUNDS {
        let body = json!({"id": format!("round {round}")});
        let answers: Vec<_> = scope(|threads| {
            let send = |sender: usize| {
                let hook = names[sender % names.len()];
                (hook, stage.post(hook, &body, &[]))
            };
            let sending: Vec<_> = (0..60).map(|sender| threads.spawn(move || send(sender))).collect();
            sending.into_iter().map(|sending| sending.join().unwrap()).collect()
        });
        for name in names {
            let answers: Vec<_> = answers.iter().filter(|(hook, _)| *hook == name).collect();
            let runs: BTreeSet<String> = answers.iter().map(|(_, answer)| answer.run_id()).collect();
            let accepted = answers.iter().filter(|(_, answer)| answer.status == 202).count();
            let known = answers.iter().filter(|(_, answer)| answer.status == 200).count();
            assert_eq!((runs.len(), accepted, known), (1, 1, 14), "round {round}, {name}");
        }
        for run_id in answers.iter().map(|(_, answer)| answer.run_id()).collect::<BTreeSet<_>>() {
            stage.wait_until_started(&run_id);
        }
    }
    thread::sleep(Duration::from_secs(1));
    stage.sweep();
    assert_eq!(
        stage.fabricate.starts_of("no-files").len(),
        ROUNDS * names.len(),
        "one for each hook and round"
    );
}
