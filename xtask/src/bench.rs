//! `cargo xtask bench`: measures how fast files are copied to R2. The benchmark itself is an ignored end-to-end test.

use std::process::ExitCode;

use anyhow::Result;
use lexopt::{Arg, ValueExt};

use crate::terminal::help;
use crate::{build, command, gate, setup};

const HELP: &str = "\
cargo xtask bench [--bytes N] [--rounds R] [--lane L]

Copies a file to R2 with each of seedhook's three transfer modes, and with the shortest JavaScript Worker that does the
same, by turns, in workerd on this machine. Prints the ratios of time and CPU, and by how much wasm's memory grew.

  --bytes N      the size of the file (default 1,073,741,824); each round needs twice as much disk space
  --rounds R     how often each of them copies it (default 3)
  --lane L       only one transfer mode: whole, counted or parts (docs/files.md)
";

/// Reads the arguments, builds the Worker and runs the benchmark.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    let (mut bytes, mut rounds, mut lane) = (None::<u64>, None::<u64>, None);
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(help(HELP)),
            Arg::Long("bytes") => bytes = Some(arguments.value()?.parse()?),
            Arg::Long("rounds") => rounds = Some(arguments.value()?.parse()?),
            Arg::Long("lane") => lane = Some(arguments.value()?.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let tools = setup::tools()?;
    build::worker(&tools, false)?;
    let mut bench = gate::e2e(&tools)?;
    bench.args(["--ignored", "--nocapture", "bench::"]);
    let chosen = [
        ("SEEDHOOK_BENCH_BYTES", bytes.map(|bytes| bytes.to_string())),
        ("SEEDHOOK_BENCH_ROUNDS", rounds.map(|rounds| rounds.to_string())),
        ("SEEDHOOK_BENCH_LANE", lane),
    ];
    command::set_env(&mut bench, chosen);
    command::run(&mut bench)?;
    Ok(ExitCode::SUCCESS)
}
