//! `cargo xtask simulate`: runs many simulations of the service. The simulation itself is a test of the Worker's crate,
//! which this builds with optimisations.

use std::process::ExitCode;

use anyhow::Result;
use lexopt::{Arg, ValueExt};

use crate::command::{self, cargo};
use crate::terminal::help;

const HELP: &str = "\
cargo xtask simulate [--seeds N] [--from S] [--threads T]
cargo xtask simulate --seed X

Runs N simulations, one for each seed from S on: the real core over simulated stores that are late and fail. Prints how
many it runs a second. If one breaks a promise, prints its whole history and the command that repeats it. With --seed
it runs one simulation and prints its history.

  --seeds N      the number of simulations (default 1,000,000)
  --from S       the first seed (default 0; the gate runs the first 200,000)
  --threads T    how many run at the same time (default: the number of cores)
  --seed X       run only this seed and print each step
";

/// The default number of simulations.
const SEEDS: u64 = 1_000_000;

/// Reads the arguments, builds the simulation and runs it.
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
