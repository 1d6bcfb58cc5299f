//! `cargo xtask mutations`: leaves out one rule of the core at a time, and the simulation must notice.
//!
//! It works on a copy of the sources, and changes none of them. What a mutation is, `tests/mutations/` says; how it
//! gets into the copy, `edit`.

mod catalog;
mod copy;
mod edit;

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, bail};
use lexopt::{Arg, ValueExt};

use crate::clock::Stopwatch;
use crate::terminal::{help, print};
use crate::{command, project};
use catalog::Mutation;

const HELP: &str = "\
cargo xtask mutations [name…]
cargo xtask mutations name --seed X
cargo xtask mutations --list

Builds the simulation over a copy of the core in which every mutation of tests/mutations/ stands behind a switch, then
runs it once for each mutation. It fails when an edit does not apply any more, and when the promise that a mutation
must break holds. With names, only those mutations run.

  --seed X    print the history of one seed, with this mutation active
  --list      print the mutations: name, promise, mistake
";

/// Reads the arguments and runs the mutations.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    let (mut names, mut seed, mut lists) = (Vec::new(), None, false);
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(help(HELP)),
            Arg::Long("seed") => seed = Some(arguments.value()?.parse::<u64>()?),
            Arg::Long("list") => lists = true,
            Arg::Value(name) => names.push(name.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let mutations = catalog::read(&project::root())?;
    if lists {
        print(&list(&mutations))?;
        return Ok(ExitCode::SUCCESS);
    }
    let chosen = choose(&mutations, &names)?;
    match (seed, chosen.as_slice()) {
        (None, _) => check(&mutations, &chosen)?,
        (Some(seed), [one]) => return tell(&mutations, one, seed),
        (Some(_), _) => bail!("--seed needs the name of one mutation"),
    }
    Ok(ExitCode::SUCCESS)
}

/// All mutations, each with its number, must be noticed.
pub(crate) fn check_all() -> Result<()> {
    let mutations = catalog::read(&project::root())?;
    check(&mutations, &choose(&mutations, &[])?)
}

/// A mutation and its number.
type Numbered<'a> = (usize, &'a Mutation);

/// The mutations of these names, or all of them.
fn choose<'a>(mutations: &'a [Mutation], names: &[String]) -> Result<Vec<Numbered<'a>>> {
    if let Some(name) = names.iter().find(|name| mutations.iter().all(|mutation| mutation.name != **name)) {
        bail!("there is no mutation `{name}`; `cargo xtask mutations --list` prints them");
    }
    let is_chosen = |(_, mutation): &Numbered<'_>| names.is_empty() || names.contains(&mutation.name);
    Ok(mutations.iter().enumerate().filter(is_chosen).collect())
}

/// Builds the copy, runs the chosen mutations and prints what came of each.
fn check(mutations: &[Mutation], chosen: &[Numbered<'_>]) -> Result<()> {
    copy::update(mutations)?;
    let watch = Stopwatch::start();
    let program = copy::build()?;
    println!("built in {:.1} s", watch.elapsed().as_secs_f64());
    let watch = Stopwatch::start();
    let unnoticed = run_each(&program, chosen)?;
    let (count, seconds) = (chosen.len(), watch.elapsed().as_secs_f64());
    if unnoticed.is_empty() {
        println!("{count} mutations noticed in {seconds:.1} s");
        return Ok(());
    }
    bail!("{} of {count} mutations not noticed:\n{}", unnoticed.len(), unnoticed.join("\n"))
}

/// Runs the simulation for each mutation, as many at a time as there are cores; those that it did not notice.
fn run_each(program: &Path, chosen: &[Numbered<'_>]) -> Result<Vec<String>> {
    let next = AtomicUsize::new(0);
    let unnoticed = Mutex::new(Vec::new());
    let work = || -> Result<()> {
        while let Some(numbered) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
            match notice(program, *numbered)? {
                Ok(noticed) => println!("{}: {noticed}", numbered.1.name),
                Err(problem) => {
                    println!("{}: NOT NOTICED", numbered.1.name);
                    let Ok(mut unnoticed) = unnoticed.lock() else { bail!("another thread panicked") };
                    unnoticed.push(format!("  `{}` ({}): {problem}", numbered.1.name, numbered.1.mistake));
                }
            }
        }
        Ok(())
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| -> Result<()> {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let Ok(result) = worker.join() else { bail!("a thread panicked") };
            result?;
        }
        Ok(())
    })?;
    unnoticed.into_inner().ok().context("a thread panicked")
}

/// Runs the simulation with one mutation: in which seed the promise breaks, or why it does not.
fn notice(program: &Path, (number, mutation): Numbered<'_>) -> Result<Result<String, String>> {
    let mut simulation = simulation(program, number);
    simulation.args(["--exact", "the_named_promise_breaks", "--ignored", "--nocapture"]);
    let output = simulation.env("SEEDHOOK_PROMISE", &mutation.breaks).output()?;
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let noticed = text.lines().find(|line| line.contains(" breaks at seed "));
    Ok(match noticed.filter(|_| output.status.success()) {
        Some(line) => Ok(line.to_owned()),
        None => Err(errors
            .lines()
            .find(|line| line.contains(" holds for "))
            .map_or_else(|| command::last_lines(errors.trim(), 20), str::to_owned)),
    })
}

/// Prints the history of one seed.
fn tell(mutations: &[Mutation], &(number, _): &Numbered<'_>, seed: u64) -> Result<ExitCode> {
    copy::update(mutations)?;
    let mut simulation = simulation(&copy::build()?, number);
    simulation.args(["--exact", "every_life_keeps_its_promises", "--nocapture"]);
    let status = simulation.env("SEEDHOOK_SEED", seed.to_string()).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn simulation(program: &Path, number: usize) -> Command {
    let mut simulation = Command::new(program);
    simulation.current_dir(copy::folder()).env(copy::ACTIVE, number.to_string()).env("RUST_BACKTRACE", "0");
    simulation
}

fn list(mutations: &[Mutation]) -> String {
    mutations.iter().fold(String::new(), |mut text, mutation| {
        let _ = writeln!(text, "{:<34} {:<24} {}", mutation.name, mutation.breaks, mutation.mistake);
        text
    })
}
