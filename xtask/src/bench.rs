//! `cargo xtask bench`: how fast files reach R2, beside the shortest Worker that does the same.
//!
//! The benchmark itself stands among the end-to-end tests, which know how to set the stage; this only builds and says
//! how much.

use std::process::ExitCode;

use anyhow::Result;
use lexopt::{Arg, ValueExt};

use crate::{build, command, gate, help, setup};

const HELP: &str = "\
cargo xtask bench [--bytes N] [--rounds R] [--lane L]

Copies a file to R2 in each of the three ways that seedhook has, and in turn with the shortest JavaScript Worker that
does the same, in workerd on this machine. It prints the ratios of time and CPU, and by how much wasm's memory grew.

  --bytes N      how large the file is (1,073,741,824); needs as much room on the disk for each round, twice
  --rounds R     how often each copies it (3)
  --lane L       only one of the ways: whole, counted or parts (docs/files.md)
";

/// Reads the arguments, builds and measures.
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
