//! The commands of `cargo xtask`, for developers of seedhook.

mod background_process;
mod bench;
mod build;
mod check;
mod clock;
mod command;
mod curl;
mod dev;
mod dev_vars;
mod gate;
mod instructions;
mod interrupt;
mod local_config;
mod mutations;
mod notify;
mod openapi;
mod project;
mod senders;
mod setup;
mod sign;
mod simulate;
mod terminal;
mod try_hook;
mod webhook_request;
mod wrangler_toml;

use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
cargo xtask <command>

Commands:
  dev           run the Worker and a fake Fabricate here, and follow a sample webhook until its files are stored
  build         build the release Worker into build/
  test          check everything that a change must pass: format, lints, tests, documentation, dependencies
  simulate      run thousands of random simulations of the service, or show one
  mutations     leave out one rule of the core at a time: the simulation must notice
  bench         measure webhooks, sweeps and copies of files beside the shortest Worker that does the same
  instructions  count the instructions that a delivery takes, and compare them with the stored counts
  openapi       renew openapi.json, the description of the API
  check         find mistakes in wrangler.toml, with their lines
  try           show what a hook would do with a request: is it verified, which runs start, with which parameters
  sign          print a `curl` command that sends a signed request to a hook
  notify        send a test message to a target of notifications
  senders       list the senders that hooks know by name, and describe one

`cargo xtask <command> --help` has details. Install Rust and Node; other tools are installed when they are needed.
";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) if error.is::<interrupt::Interrupted>() => ExitCode::from(130),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let command = arguments.next().map(|command| command.to_string_lossy().into_owned());
    let rest = lexopt::Parser::from_args(arguments);
    match command.as_deref() {
        Some("dev") => dev::run(rest),
        Some("build") => build::run(rest),
        Some("test") => gate::run(rest),
        Some("simulate") => simulate::run(rest),
        Some("mutations") => mutations::run(rest),
        Some("bench") => bench::run(rest),
        Some("instructions") => instructions::run(rest),
        Some("openapi") => openapi::run(rest),
        Some("check") => check::run(rest),
        Some("try") => try_hook::run(rest),
        Some("sign") => sign::run(rest),
        Some("senders") => senders::run(rest),
        Some("notify") => notify::run(rest),
        None | Some("help" | "--help" | "-h") => Ok(terminal::help(HELP)),
        Some(other) => bail!("there is no command `{other}`\n\n{HELP}"),
    }
}
