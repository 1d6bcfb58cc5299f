//! **seedhook's command line**: what its users type, from an empty folder to the operator's calls.
//!
//! The Worker's own code reads, verifies, maps and signs here, so what a command says is what the Worker does. The package for
//! Node has this crate as wasm; `cargo xtask` calls it natively.
//!
//! | to change… | go to |
//! |---|---|
//! | what a command needs of the machine | [`host`]; `node.rs` and `npm/host.mjs`, `files.mjs`, `programs.mjs` for Node, `xtask/src/host.rs` natively |
//! | which commands there are, their order in the help, exit codes | this file |
//! | a new project | `init.rs`; its files are in `template/` |
//! | what is checked in a configuration | `check.rs` and its folder; the Worker's `config` reads the variables |
//! | how `wrangler.toml` and `wrangler.jsonc` are read | `config_file.rs` |
//! | completion and checks in editors | `schema.rs`, `schema.json` |
//! | trying and signing requests | `try_hook.rs`, `sign.rs`, `webhook_request.rs`, `curl.rs` |
//! | what is said about senders | `senders.rs`; `docs/senders.md` is made from `senders/page.md` |
//! | the local Worker, Fabricate and cron | `dev.rs` |
//! | deploying: secrets, lifecycle rules, addresses | `deploy.rs` |
//! | calls of operators, and how they are shown | `operator.rs`, `worker.rs` |
//! | completions of shells | `completions.rs` |

mod address;
mod check;
mod completions;
mod config_file;
mod curl;
mod deploy;
mod dev;
mod dev_vars;
mod exit;
pub mod host;
mod init;
mod local_config;
#[cfg(target_arch = "wasm32")]
pub mod node;
mod notify;
mod operator;
pub mod project;
mod run_text;
mod schema;
mod senders;
mod sign;
mod table;
#[cfg(test)]
mod testing;
mod try_hook;
mod webhook_request;
mod worker;

use std::ffi::OsString;

use anyhow::{Error, Result, bail};

pub use check::check_project;
pub use dev::LOCAL_KEY;
pub use exit::Exit;
use exit::Usage;
use host::{Host, Interrupted};
pub use schema::{schema_text, schema_text_with_wranglers};

/// The commands, by group: name and what it does.
const COMMANDS: &[(&str, &[(&str, &str)])] = &[
    (
        "Begin",
        &[
            ("init", "make a project: configuration, secrets for this machine, a payload to try"),
            (
                "dev",
                "run the Worker and a local Fabricate here, and follow a webhook until its files are stored",
            ),
            ("deploy", "check, set secrets, deploy the Worker and set its lifecycle rules"),
        ],
    ),
    (
        "Configure",
        &[
            ("check", "find mistakes in wrangler.toml or wrangler.jsonc, with their lines"),
            (
                "try",
                "show what a hook would do with a request: is it verified, which runs start, with which parameters",
            ),
            ("sign", "print a `curl` command that sends a signed request to a hook"),
            ("notify", "send a test message to a target of notifications"),
            ("senders", "list the senders that hooks know by name, and describe one"),
            ("schema", "print the JSON Schema of the configuration, for editors"),
        ],
    ),
    (
        "Operate",
        &[
            ("runs", "list runs"),
            ("run", "show a run: its files, its parameters, its history"),
            ("files", "list the files of a run, and download them"),
            ("retry", "start a failed run again, or all that a filter names"),
            ("adopt", "tell an unconfirmed run which task it has"),
            ("abandon", "end an unconfirmed run, or all that a filter names"),
            ("tail", "print runs as they change, and deliveries that started nothing"),
        ],
    ),
    ("Other", &[("completions", "print completions for bash, zsh, fish or PowerShell")]),
];

const HELP_END: &str = "
`npx seedhook <command> --help` has details.

Exit codes: 0 done; 1 the answer is no (a mistake in the configuration, a run that failed); 2 the command line is wrong;
3 the Worker cannot be reached or refuses the token; 130 Ctrl-C.
";

/// Whether a word is a command of this crate.
#[must_use]
pub fn has_command(word: &str) -> bool {
    command_names().any(|name| name == word)
}

/// The commands and what each does, for a help text.
#[must_use]
pub fn commands_help() -> String {
    let of_group = |(group, commands): &(&str, &[(&str, &str)])| {
        let lines = commands.iter().map(|(name, what)| format!("  {name:12} {what}\n"));
        format!("\n{group}:\n{}", lines.collect::<Vec<_>>().concat())
    };
    COMMANDS.iter().map(of_group).collect::<Vec<_>>().concat()
}

fn command_names() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().flat_map(|(_, commands)| commands.iter().map(|(name, _)| *name))
}

/// Runs a command line, without the program's name. Mistakes are printed to standard error.
pub async fn run(host: &impl Host, arguments: Vec<OsString>) -> Exit {
    match dispatch(host, arguments).await {
        Ok(exit) => exit,
        Err(error) => {
            host.show_progress(None);
            if !error.is::<Interrupted>() {
                host.print_error(&format!("error: {}\n", message(&error)));
            }
            Exit::of(&error)
        }
    }
}

/// An error with its causes. Those of the parser of arguments name their cause themselves.
fn message(error: &Error) -> String {
    match error.downcast_ref::<lexopt::Error>() {
        Some(error) => format!("{error}; --help shows what the command takes"),
        None => format!("{error:#}"),
    }
}

async fn dispatch(host: &impl Host, arguments: Vec<OsString>) -> Result<Exit> {
    let mut arguments = arguments.into_iter();
    let command = arguments.next().map(|command| command.to_string_lossy().into_owned());
    let rest = lexopt::Parser::from_args(arguments);
    match command.as_deref() {
        Some("init") => init::run(host, rest),
        Some("dev") => dev::run(host, rest).await,
        Some("deploy") => deploy::run(host, rest).await,
        Some("check") => check::run(host, rest),
        Some("try") => try_hook::run(host, rest),
        Some("sign") => sign::run(host, rest),
        Some("notify") => notify::run(host, rest).await,
        Some("senders") => senders::run(host, rest),
        Some("schema") => schema::run(host, rest),
        Some(name @ ("runs" | "run" | "files" | "retry" | "adopt" | "abandon" | "tail")) => {
            operator::run(host, name, rest).await
        }
        Some("completions") => completions::run(host, rest),
        Some("--version" | "-V" | "version") => {
            help(host, concat!("seedhook ", env!("CARGO_PKG_VERSION"), "\n"))
        }
        None | Some("help" | "--help" | "-h") => {
            help(host, &format!("npx seedhook <command>\n{}{HELP_END}", commands_help()))
        }
        Some(other) => {
            let names: Vec<&str> = command_names().collect();
            let near = seedhook::expression::nearest(other, &names);
            let hint = near.map_or_else(
                || format!("the commands are {}", names.join(", ")),
                |near| format!("did you mean {near}?"),
            );
            bail!(Usage(format!("there is no command {other}; {hint}")))
        }
    }
}

/// Prints the help of a command.
fn help(host: &impl Host, text: &str) -> Result<Exit> {
    host.print(text)?;
    Ok(Exit::Good)
}

/// An error about an argument that the command does not take.
fn unexpected(argument: &lexopt::Arg<'_>) -> Error {
    let (what, name) = match argument {
        lexopt::Arg::Long(name) => ("option", format!("--{name}")),
        lexopt::Arg::Short(name) => ("option", format!("-{name}")),
        lexopt::Arg::Value(value) => ("argument", value.to_string_lossy().into_owned()),
    };
    Usage(format!("this command takes no {what} {name}; --help shows what it takes")).into()
}
