//! The command: runs the server until it is told to stop; it must not print a key.

mod arguments;

use std::io::{self, Write as _};
use std::process::ExitCode;

use fake_fabricate::{Config, Server};
use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::Arguments;

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match arguments::read(lexopt::Parser::from_env()) {
        Ok(Arguments::Help) => io::stdout().write_all(arguments::help().as_bytes()),
        Ok(Arguments::Run(config)) => run(config).await,
        Err(error) => Err(io::Error::other(format!("{error} (--help says more)"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fabricate: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs until Ctrl-C or SIGTERM.
async fn run(config: Config) -> io::Result<()> {
    // Before the address is printed: whoever has read it may end the command.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let port = config.port;
    let server = Server::start(config)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on port {port}: {error}")))?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    drop(server);
    Ok(())
}
