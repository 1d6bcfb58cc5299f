//! The developer's commands of seedhook: what `cargo xtask` runs.
//!
//! It only chooses the command; it knows nothing of how one works.

mod bench;
mod build;
mod check;
mod children;
mod clock;
mod command;
mod curl;
mod dev;
mod dev_vars;
mod gate;
mod hooks;
mod mutations;
mod pins;
mod project;
mod request;
mod sample;
mod senders;
mod setup;
mod sign;
mod simulate;
mod trial;

use std::ffi::OsString;
use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

const HELP: &str = "\
cargo xtask <command>

Commands:
  dev        run the Worker and a local Fabricate here, and show a webhook becoming files
  build      build the release Worker into build/
  test       the gate: format, lints, every test, documentation, dependencies
  simulate   live thousands of lives in the simulated world, or tell one
  mutations  leave out one rule of the core at a time: the simulation must notice
  bench      copy files to R2, beside the shortest Worker that does the same
  check      say what is wrong in wrangler.toml, and where
  try        show what a hook would make of a request: verified? which runs, with which parameters?
  sign       print a signed `curl` for a hook, as its sender would send it
  senders    list the senders that hooks know by name, and what each needs

`cargo xtask <command> --help` tells more. Rust and Node are needed; the rest is installed when missing.
";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) if error.is::<children::Interrupted>() => ExitCode::from(130),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let command = arguments.next().map(OsString::into_string).transpose();
    let rest = lexopt::Parser::from_args(arguments);
    match command.ok().flatten().as_deref() {
        Some("dev") => dev::run(rest),
        Some("build") => build::run(rest),
        Some("test") => gate::run(rest),
        Some("simulate") => simulate::run(rest),
        Some("mutations") => mutations::run(rest),
        Some("bench") => bench::run(rest),
        Some("check") => check::run(rest),
        Some("try") => trial::run(rest),
        Some("sign") => sign::run(rest),
        Some("senders") => senders::run(rest),
        None | Some("help" | "--help" | "-h") => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        Some(other) => bail!("there is no command `{other}`\n\n{HELP}"),
    }
}

/// Prints a text whole. Who reads it may stop early, as `head` does.
fn show(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        shown => shown.context("nothing can be printed"),
    }
}

/// Prints a command's help.
fn help(text: &str) -> ExitCode {
    print!("{text}");
    ExitCode::SUCCESS
}
