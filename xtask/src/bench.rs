//! `cargo xtask bench`: what seedhook costs, beside the shortest Workers that do the same. Nothing is asserted.

mod client;
mod delivery;
mod size;
mod webhooks;
mod workerd;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use lexopt::{Arg, ValueExt};

use crate::terminal::help;
use crate::{build, command, gate, project, setup};
use workerd::Subject;

const HELP: &str = "\
cargo xtask bench [CASE] [--rounds R] [--against FOLDER]
cargo xtask bench files [--bytes N] [--rounds R] [--lane L]

Measures webhooks and sweeps in bare workerd on this machine, with stores in memory: the processor time of all threads,
beside the shortest JavaScript Worker that visibly does the same, by turns in one run. Prints the median of each and the
ratio of each round. Then the first answer of a new isolate, the memory of wasm, and the size of its code by crate.
docs/performance.md has a table.

  CASE               only the cases whose name contains this text, such as `ignored` or `64 KiB`; `start`; `memory`; `size`
  --rounds R         rounds of each case, after one that warms up (default 7)
  --against FOLDER   compare with another build (its build/ folder) instead of the JavaScript Worker

`files` copies a file to R2 with each of seedhook's three transfer modes, and with the shortest JavaScript Worker that
does the same. Prints the ratios of time and CPU, and by how much wasm's memory grew.

  --bytes N          the size of the file (default 1,073,741,824); each round needs twice as much disk space
  --rounds R         how often each of them copies it (default 3)
  --lane L           only one transfer mode: whole, counted or parts (docs/files.md)
";

/// Rounds of a case where nothing else is asked for.
const ROUNDS: usize = 7;

/// Reads the arguments, builds the Worker and measures it.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    let (mut case, mut bytes, mut rounds, mut lane) = (None, None::<u64>, None::<usize>, None);
    let mut against = Subject::Peer;
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(help(HELP)),
            Arg::Long("bytes") => bytes = Some(arguments.value()?.parse()?),
            Arg::Long("rounds") => rounds = Some(arguments.value()?.parse()?),
            Arg::Long("lane") => lane = Some(arguments.value()?.string()?),
            Arg::Long("against") => against = Subject::Build(PathBuf::from(arguments.value()?)),
            Arg::Value(value) if case.is_none() => case = Some(value.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let tools = setup::tools()?;
    build::worker(&tools, false)?;
    if case.as_deref() == Some("files") {
        let mut bench = gate::e2e(&tools)?;
        bench.args(["--ignored", "--nocapture", "bench::"]);
        let chosen = [
            ("SEEDHOOK_BENCH_BYTES", bytes.map(|bytes| bytes.to_string())),
            ("SEEDHOOK_BENCH_ROUNDS", rounds.map(|rounds| rounds.to_string())),
            ("SEEDHOOK_BENCH_LANE", lane),
        ];
        command::set_env(&mut bench, chosen);
        command::run(&mut bench)?;
        return Ok(ExitCode::SUCCESS);
    }
    let ours = Subject::Build(project::path("build"));
    let (case, rounds) = (case.unwrap_or_default(), rounds.unwrap_or(ROUNDS));
    webhooks::measure(&ours, &against, &case, rounds)?;
    if "start".contains(&case) {
        webhooks::measure_start(&ours, &against, rounds)?;
    }
    if "memory".contains(&case) {
        webhooks::measure_memory(&ours)?;
    }
    if "size".contains(&case) {
        size::measure()?;
    }
    Ok(ExitCode::SUCCESS)
}
