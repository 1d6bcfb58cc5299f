//! What a webhook costs: processor time of seedhook beside that of another Worker, by turns in one run.
//!
//! Machines are noisy, so what counts is the ratio of each round, and the median of the rounds.

use std::thread;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use super::client::Client;
use super::delivery::{SECRET, body, control, hooks, request};
use super::workerd::{Subject, Workerd};

/// After the last answer of a round, work that goes on after answers gets this long.
const SETTLE: Duration = Duration::from_millis(100);

/// How many runs a sweep of the benchmark polls.
const SWEPT_RUNS: usize = 1_000;

/// How many sweeps it may take until that many runs are started.
const SETTLING_SWEEPS_MAX: usize = 50;

/// What is measured.
#[derive(Debug, Clone, Copy)]
struct Case {
    name: &'static str,
    bytes: usize,
    kind: Kind,
    /// Requests of a round.
    count: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ignored,
    Refused,
    Duplicate,
    Accepted,
    Sweep,
}

const KIB: usize = 1024;

const CASES: &[Case] = &[
    Case { name: "ignored", bytes: 2 * KIB, kind: Kind::Ignored, count: 1_000 },
    Case { name: "refused", bytes: 2 * KIB, kind: Kind::Refused, count: 1_000 },
    Case { name: "duplicate", bytes: 2 * KIB, kind: Kind::Duplicate, count: 1_000 },
    Case { name: "accepted", bytes: 2 * KIB, kind: Kind::Accepted, count: 500 },
    Case { name: "ignored", bytes: 64 * KIB, kind: Kind::Ignored, count: 300 },
    Case { name: "accepted", bytes: 64 * KIB, kind: Kind::Accepted, count: 200 },
    Case { name: "ignored", bytes: 1024 * KIB, kind: Kind::Ignored, count: 40 },
    Case { name: "accepted", bytes: 1024 * KIB, kind: Kind::Accepted, count: 40 },
    Case { name: "unchanged run in a sweep", bytes: 2 * KIB, kind: Kind::Sweep, count: SWEPT_RUNS },
];

/// Measures every case whose name and size contain `only`, and prints a line for each.
pub(super) fn measure(ours: &Subject, other: &Subject, only: &str, rounds: usize) -> Result<()> {
    println!("{:36} {:>10} {:>10} {:>8}   each round", "processor time, µs", "seedhook", "other", "ratio");
    for case in CASES {
        let name = format!("{}, {} KiB", case.name, case.bytes / KIB);
        if !name.contains(only) {
            continue;
        }
        let mut sides = [Side::start(ours, case)?, Side::start(other, case)?];
        let mut costs = Vec::new();
        for round in 0..=rounds {
            let [ours, other] = &mut sides;
            let cost = (ours.round(case, round)?, other.round(case, round)?);
            // The first round warms up.
            if round > 0 {
                costs.push(cost);
            }
        }
        print_case(&name, &costs);
    }
    Ok(())
}

/// The memory of wasm after many deliveries, and with concurrent large bodies.
pub(super) fn measure_memory(ours: &Subject) -> Result<()> {
    let workerd = Workerd::start(ours, &hooks(0), SECRET)?;
    let mut client = workerd.connect()?;
    let mib = |client: &mut Client| -> Result<f64> {
        let bytes: f64 = String::from_utf8_lossy(&client.send(&control("memory"))?.body).parse()?;
        Ok(bytes / 1024.0 / 1024.0)
    };
    let small = body(2 * KIB, "deal.lost");
    let ignored = request("msg_memory", &small, true)?;
    client.send(&ignored)?;
    println!("wasm memory after 1 delivery: {:.1} MiB", mib(&mut client)?);
    let mut sent = 1;
    for count in [1_000, 100_000] {
        while sent < count {
            ensure!(client.send(&ignored)?.status == 200, "a delivery was not ignored");
            sent += 1;
        }
        println!("wasm memory after {count} deliveries: {:.1} MiB", mib(&mut client)?);
    }
    let large = body(4 * KIB * KIB - 32 * KIB, "deal.lost");
    let large = request("msg_large", &large, true)?;
    let mut crowd = Vec::new();
    for _ in 0..16 {
        let mut client = workerd.connect()?;
        let (head, _) = large.split_at(large.len() - 1);
        // Where no memory is left for it, the Worker answers and closes the connection before it has all.
        drop(client.begin(head));
        crowd.push(client);
    }
    thread::sleep(SETTLE);
    let mut statuses: Vec<u16> = Vec::new();
    for client in &mut crowd {
        let answer = client.begin(large.split_at(large.len() - 1).1).and_then(|()| client.finish());
        statuses.push(answer.map_or(0, |answer| answer.status));
    }
    println!(
        "wasm memory after 16 concurrent bodies of 4 MiB: {:.1} MiB, answers {statuses:?}",
        mib(&mut client)?
    );
    Ok(())
}

/// The processor time from the start of workerd to its first answer, with one hook and with fifty.
pub(super) fn measure_start(ours: &Subject, other: &Subject, rounds: usize) -> Result<()> {
    let ignored = body(2 * KIB, "deal.lost");
    for others in [0, 49] {
        let mut costs = Vec::new();
        for _ in 0..rounds {
            costs.push((first_answer(ours, others, &ignored)?, first_answer(other, others, &ignored)?));
        }
        print_case(&format!("first answer, {} hooks", others + 1), &costs);
    }
    Ok(())
}

/// The processor time from the start of workerd to its first answer, microseconds.
fn first_answer(subject: &Subject, others: usize, body: &str) -> Result<f64> {
    let workerd = Workerd::start(subject, &hooks(others), SECRET)?;
    let mut client = workerd.connect()?;
    let answer = client.send(&request("msg_first", body, true)?)?;
    ensure!(answer.status == 200, "{}: {}", answer.status, workerd.errors());
    Ok(workerd.cpu()?.as_secs_f64() * 1e6)
}

/// One of the two Workers that are compared.
struct Side {
    workerd: Workerd,
    client: Client,
}

impl Side {
    fn start(subject: &Subject, case: &Case) -> Result<Self> {
        let workerd = Workerd::start(subject, &hooks(0), SECRET)?;
        let client = workerd.connect()?;
        let mut side = Self { workerd, client };
        if case.kind == Kind::Sweep {
            let accepted = body(case.bytes, "deal.won");
            for number in 0..SWEPT_RUNS {
                side.send(&request(&format!("msg_{number}"), &accepted, true)?, &[202])?;
            }
            side.wait_until_swept()?;
        }
        Ok(side)
    }

    /// Sweeps until all runs are started, so that each is polled.
    fn wait_until_swept(&mut self) -> Result<()> {
        for _ in 0..SETTLING_SWEEPS_MAX {
            thread::sleep(SETTLE);
            if self.sweep()? >= SWEPT_RUNS {
                return Ok(());
            }
        }
        bail!("the runs of a sweep are not all started after {SETTLING_SWEEPS_MAX} sweeps")
    }

    /// Sweeps, and returns how many tasks were asked for.
    fn sweep(&mut self) -> Result<usize> {
        let polled = self.send(&control("sweep"), &[200])?;
        Ok(String::from_utf8_lossy(&polled).parse()?)
    }

    /// Runs one round and returns the processor time of each request or run, microseconds.
    fn round(&mut self, case: &Case, round: usize) -> Result<f64> {
        let requests = requests(case, round)?;
        let statuses: &[u16] = match case.kind {
            Kind::Ignored | Kind::Sweep => &[200],
            Kind::Refused => &[401],
            Kind::Duplicate => &[200, 202],
            Kind::Accepted => &[202],
        };
        let before = self.workerd.cpu()?;
        for request in &requests {
            self.send(request, statuses)?;
        }
        // A few more are polled by those that started them.
        let polled = if case.kind == Kind::Sweep { self.sweep()? } else { SWEPT_RUNS };
        thread::sleep(SETTLE);
        let cost = self.workerd.cpu()?.saturating_sub(before);
        ensure!(polled >= SWEPT_RUNS, "a sweep polled {polled} runs");
        if case.kind == Kind::Accepted {
            self.send(&control("empty"), &[200])?;
        }
        Ok(cost.as_secs_f64() * 1e6 / f64::from(u32::try_from(case.count)?))
    }

    /// Sends a request and returns the body of the answer, which must have one of these statuses.
    fn send(&mut self, request: &[u8], statuses: &[u16]) -> Result<Vec<u8>> {
        let answer = self.client.send(request)?;
        let is_expected = statuses.contains(&answer.status);
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(is_expected, "{} {text}: {}", answer.status, self.workerd.errors());
        Ok(answer.body)
    }
}

/// The requests of a round, made before it is measured.
fn requests(case: &Case, round: usize) -> Result<Vec<Vec<u8>>> {
    let event = if case.kind == Kind::Ignored { "deal.lost" } else { "deal.won" };
    let body = body(case.bytes, event);
    let id = |number: usize| match case.kind {
        Kind::Duplicate => "msg_same".to_owned(),
        _ => format!("msg_{round}_{number}"),
    };
    match case.kind {
        Kind::Sweep => Ok(Vec::new()),
        kind => (0..case.count).map(|number| request(&id(number), &body, kind != Kind::Refused)).collect(),
    }
}

fn print_case(name: &str, costs: &[(f64, f64)]) {
    let ratios: Vec<f64> = costs.iter().map(|(ours, other)| ours / other).collect();
    let rounds: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
    let median_of = |side: fn(&(f64, f64)) -> f64| median(costs.iter().map(side).collect());
    let (ours, other) = (median_of(|cost| cost.0), median_of(|cost| cost.1));
    println!("{name:36} {ours:>10.0} {other:>10.0} {:>8.2}   {}", median(ratios), rounds.join(" "));
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
