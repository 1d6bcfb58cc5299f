//! `cargo xtask test`: the gate, a list of steps that all have to pass before a change is merged.

mod context;
mod npm_licences;
mod steps;

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use lexopt::Arg;

use crate::clock::Stopwatch;
use crate::terminal::help;
use context::Gate;
pub(crate) use steps::e2e;
use steps::{STEPS, Step};

const HELP: &str = "\
cargo xtask test [--quick] [step…]

Runs the steps below one after another, and stops at the first that fails. With the names of steps, runs only those.

  --quick    only what finds most mistakes in a short time: fmt; clippy, native; and native without the simulation

Steps:
";

/// The outcome of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed(Duration),
    Failed(Duration),
    NotRun,
}

/// Reads the arguments and runs the steps.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    let mut quick = false;
    let mut names = Vec::new();
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(help(&format!("{HELP}{}", list()))),
            Arg::Long("quick") => quick = true,
            Arg::Value(name) => names.push(name.to_string_lossy().into_owned()),
            other => return Err(other.unexpected().into()),
        }
    }
    if let Some(unknown) = names.iter().find(|name| STEPS.iter().all(|step| step.name != **name)) {
        bail!("there is no step `{unknown}`; the steps are:\n{}", list());
    }
    let chosen: Vec<&Step> = STEPS.iter().filter(|step| is_chosen(step, quick, &names)).collect();
    let gate = Gate::new(quick);
    let outcomes = run_steps(&chosen, &gate);
    let text = summary(&chosen, &outcomes, &gate.unchecked.borrow());
    print!("\n{text}");
    let good = outcomes.iter().all(|outcome| matches!(outcome, Outcome::Passed(_)));
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn is_chosen(step: &Step, quick: bool, names: &[String]) -> bool {
    let wanted = names.is_empty() || names.iter().any(|name| name == step.name);
    wanted && (step.quick.is_some() || !quick)
}

/// Runs the steps until one fails.
fn run_steps(chosen: &[&Step], gate: &Gate) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for step in chosen {
        if matches!(outcomes.last(), Some(Outcome::Failed(_) | Outcome::NotRun)) {
            outcomes.push(Outcome::NotRun);
            continue;
        }
        println!("\n=== {}: {}", step.name, step.what);
        let watch = Stopwatch::start();
        let run = step.quick.filter(|_| gate.is_quick).unwrap_or(step.run);
        let result = run(gate);
        let time = watch.elapsed();
        outcomes.push(match result {
            Ok(()) => {
                println!("--- {} passed ({})", step.name, seconds(time));
                Outcome::Passed(time)
            }
            Err(error) => {
                println!("--- {} FAILED ({}): {error:#}", step.name, seconds(time));
                Outcome::Failed(time)
            }
        });
    }
    outcomes
}

/// A table of the steps, and a last line that counts them and names what was not checked.
fn summary(steps: &[&Step], outcomes: &[Outcome], unchecked: &[&str]) -> String {
    let mut text = String::new();
    for (step, outcome) in steps.iter().zip(outcomes) {
        let (word, time) = match outcome {
            Outcome::Passed(time) => ("passed", seconds(*time)),
            Outcome::Failed(time) => ("FAILED", seconds(*time)),
            Outcome::NotRun => ("not run", String::new()),
        };
        let line = format!("{:<12} {word:<8} {time:>8}", step.name);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let count = |wanted: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| wanted(outcome)).count();
    let passed = count(|outcome| matches!(outcome, Outcome::Passed(_)));
    let failed = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    let failures = steps.iter().zip(outcomes).filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
    for (step, _) in failures {
        let _ = writeln!(text, "failed: {} (to run it alone: cargo xtask test {0})", step.name);
    }
    let unchecked = unchecked.iter().fold(String::new(), |text, what| format!("{text}; {what} not checked"));
    let _ = writeln!(text, "{passed} passed, {failed} failed{unchecked}");
    text
}

fn list() -> String {
    let mut text = String::new();
    for step in STEPS {
        let _ = writeln!(text, "  {:<12} {}", step.name, step.what);
    }
    text
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &'static str, run: fn(&Gate) -> Result<()>) -> Step {
        Step { name, what: "", run, quick: None }
    }

    #[test]
    fn no_step_runs_after_one_that_failed() {
        let steps = [step("a", |_| Ok(())), step("b", |_| bail!("no")), step("c", |_| Ok(()))];
        let chosen: Vec<&Step> = steps.iter().collect();
        let gate = Gate::default();
        let outcomes = run_steps(&chosen, &gate);
        assert!(matches!(outcomes.as_slice(), [Outcome::Passed(_), Outcome::Failed(_), Outcome::NotRun]));
        let text = summary(&chosen, &outcomes, &gate.unchecked.borrow());
        let last: Vec<&str> = text.lines().rev().take(3).collect();
        assert_eq!(
            last,
            ["1 passed, 1 failed", "failed: b (to run it alone: cargo xtask test b)", "c            not run"]
        );
    }

    #[test]
    fn quick_runs_a_step_in_its_quick_form() {
        let step = Step { quick: Some(|_| Ok(())), ..step("a", |_| bail!("slow")) };
        let outcome = |is_quick| run_steps(&[&step], &Gate::new(is_quick));
        assert!(matches!(outcome(true).as_slice(), [Outcome::Passed(_)]));
        assert!(matches!(outcome(false).as_slice(), [Outcome::Failed(_)]));
    }

    #[test]
    fn the_last_line_names_what_was_not_checked() {
        let step = step("deny", |gate| {
            gate.not_checked("advisories");
            Ok(())
        });
        let gate = Gate::default();
        let outcomes = run_steps(&[&step], &gate);
        let text = summary(&[&step], &outcomes, &gate.unchecked.borrow());
        assert_eq!(text.lines().last(), Some("1 passed, 0 failed; advisories not checked"));
    }

    #[test]
    fn names_choose_steps_and_quick_leaves_the_slow_ones_out() {
        let chosen = |quick, names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let steps = STEPS.iter().filter(|step| is_chosen(step, quick, &names));
            steps.map(|step| step.name).collect::<Vec<_>>()
        };
        assert_eq!(chosen(false, &[]).len(), STEPS.len());
        assert_eq!(chosen(false, &["e2e", "fmt"]), ["fmt", "e2e"]);
        assert_eq!(chosen(true, &[]), ["fmt", "clippy", "native"]);
    }
}
