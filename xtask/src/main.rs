//! The commands of `cargo xtask`, for developers of seedhook.

mod background_process;
mod bench;
mod build;
mod clock;
mod command;
mod gate;
mod host;
mod instructions;
mod interrupt;
mod mutations;
mod openapi;
mod package;
mod project;
mod setup;
mod simulate;
mod terminal;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Result, bail};
use seedhook_cli::host::Interrupted;

use host::NativeHost;

const HELP: &str = "\
cargo xtask <command>

For contributors:
  dev           build the Worker, then run it as `npx seedhook dev` does
  build         build the release Worker into build/
  test          check everything that a change must pass: format, lints, tests, documentation, dependencies
  package       make the npm package: build/seedhook-<version>.tgz
  simulate      run thousands of random simulations of the service, or show one
  mutations     leave out one rule of the core at a time: the simulation must notice
  bench         measure webhooks, sweeps and copies of files beside the shortest Worker that does the same
  instructions  count the instructions that a delivery takes, and compare them with the stored counts
  openapi       renew openapi.json, the description of the API

The commands of the package are here, too, for the project of this repository:
";

const HELP_END: &str = "
`cargo xtask <command> --help` has details. Install Rust and Node; other tools are installed when they are needed.
";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) if error.is::<Interrupted>() => ExitCode::from(130),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let command = words.first().map(|command| command.to_string_lossy().into_owned());
    let rest = lexopt::Parser::from_args(words.iter().skip(1).cloned());
    match command.as_deref() {
        Some("dev") => dev(words),
        Some("build") => build::run(rest),
        Some("test") => gate::run(rest),
        Some("package") => package::run(rest),
        Some("simulate") => simulate::run(rest),
        Some("mutations") => mutations::run(rest),
        Some("bench") => bench::run(rest),
        Some("instructions") => instructions::run(rest),
        Some("openapi") => openapi::run(rest),
        None | Some("help" | "--help" | "-h") => {
            let commands = seedhook_cli::commands_help();
            Ok(terminal::help(&format!("{HELP}{commands}{HELP_END}")))
        }
        Some(name) if seedhook_cli::has_command(name) => Ok(command_of_package(words)),
        Some(other) => bail!("there is no command `{other}`; `cargo xtask --help` lists them"),
    }
}

/// Runs a command of the package on this repository's own project.
fn command_of_package(words: Vec<OsString>) -> ExitCode {
    ExitCode::from(host::block_on(seedhook_cli::run(&NativeHost::default(), words)).code())
}

/// Builds what `dev` runs.
fn dev(words: Vec<OsString>) -> Result<ExitCode> {
    let has = |flag: &str| words.iter().any(|word| word == flag);
    if !has("--help") && !has("-h") {
        build::all(&setup::tools()?, false)?;
        if !has("--live") {
            host::compile_fabricate()?;
        }
    }
    Ok(command_of_package(words))
}
