//! `cargo xtask simulate`: lives as many lives as there is time for, built for speed.
//!
//! The simulation itself is a test of the Worker's crate; this only builds it and says which lives.

use std::process::ExitCode;

use anyhow::Result;
use lexopt::{Arg, ValueExt};

use crate::command::{self, cargo};
use crate::help;

const HELP: &str = "\
cargo xtask simulate [--seeds N] [--from S] [--threads T]
cargo xtask simulate --seed X

Lives N lives, of the seeds from S on, in the simulated world: the real core, over stores that are late and fail. It
prints how many lives a second that is, or the whole history of one in which a promise was broken, and the line that
lives it again. With --seed it tells one life.

  --seeds N      how many lives (1,000,000)
  --from S       the first seed (0; the gate lives the first 200,000)
  --threads T    how many at a time (as many as there are cores)
  --seed X       tell this one, line by line
";

/// How many lives are lived where nobody says.
const SEEDS: u64 = 1_000_000;

/// Reads the arguments, builds and lives.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    let (mut seeds, mut from, mut threads, mut seed) = (SEEDS, 0, None, None);
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(help(HELP)),
            Arg::Long("seeds") => seeds = arguments.value()?.parse()?,
            Arg::Long("from") => from = arguments.value()?.parse()?,
            Arg::Long("threads") => threads = Some(arguments.value()?.parse::<usize>()?),
            Arg::Long("seed") => seed = Some(arguments.value()?.parse::<u64>()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let test =
        ["test", "--quiet", "--profile", "simulation", "--package", "seedhook", "--test", "simulation"];
    let mut simulation = cargo(&test);
    simulation.args(["--", "--nocapture", "--exact", "every_life_keeps_its_promises"]);
    simulation.env("SEEDHOOK_SEEDS", seeds.to_string()).env("SEEDHOOK_FROM", from.to_string());
    let chosen = [
        ("SEEDHOOK_THREADS", threads.map(|threads| threads.to_string())),
        ("SEEDHOOK_SEED", seed.map(|seed| seed.to_string())),
    ];
    command::set_env(&mut simulation, chosen);
    command::run(&mut simulation)?;
    Ok(ExitCode::SUCCESS)
}
