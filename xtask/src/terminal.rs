//! Prints to the terminal.

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use anyhow::{Context, Result};

/// Prints a text. A reader that stops early, as `head` does, is not an error.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.context("standard output cannot be written"),
    }
}

/// Prints the help of a command.
pub(crate) fn help(text: &str) -> ExitCode {
    print!("{text}");
    ExitCode::SUCCESS
}
