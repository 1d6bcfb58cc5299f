//! The command line: flags in, a configuration out; it must not start anything.

use std::fmt::Write as _;
use std::time::Duration;

use fake_fabricate::{CONTROL_CALLS, Config, Output, WORKSPACES, workflows};
use lexopt::{Arg, Parser, ValueExt as _};

/// What the command is to do.
#[derive(Debug)]
pub(crate) enum Arguments {
    Help,
    Run(Config),
}

const PORT_DEFAULT: u16 = 8788;

const USAGE: &str = "\
A fake of Tonic Fabricate's workflow API: a local server for development and tests.

Usage: fake-fabricate --key KEY [flags]

  --key KEY                 a bearer key that is let in; may be repeated
  --port PORT               where the API listens on 127.0.0.1; 0 for any (default 8788)
  --storage-port PORT       where the storage listens on 127.0.0.1 (default 0: any)
  --task-seconds SECONDS    how long a task takes (default 3)
  --tick MILLISECONDS       the pause before each chunk of a slow download (default 200)
  --slow-start-seconds S    how long `start-slow` keeps its caller waiting (default 25)
  --any-names               take any workspace, database or project, workflow and parameters: what is not listed below
                            completes with two small files
  --quiet                   print the address only, no line for each request
  --help                    print this

The first line on stdout is `Fabricate (a fake) listening on http://127.0.0.1:PORT`.
Ctrl-C or SIGTERM ends it.
";

const FAULTS: &str = "\
Faults are JSON; each field may be left out. Without `times`, a fault stays until cleared; `down`
closes every connection without an answer. Injected answers come before the key is looked at.

  {\"start\": {\"status\": 503, \"times\": 2, \"retry_after\": 1}, \"status\": {\"status\": 500},
   \"download\": {\"status\": 500, \"times\": 1}, \"down\": true}
";

/// Reads the flags.
///
/// # Errors
/// An unknown flag, a value that does not fit, or no key.
pub(crate) fn read(mut parser: Parser) -> Result<Arguments, lexopt::Error> {
    let mut config = Config::new("");
    config.keys.clear();
    config.port = PORT_DEFAULT;
    config.output = Output::Requests;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(Arguments::Help),
            Arg::Long("key") => config.keys.push(parser.value()?.string()?),
            Arg::Long("port") => config.port = parser.value()?.parse()?,
            Arg::Long("storage-port") => config.storage_port = parser.value()?.parse()?,
            Arg::Long("task-seconds") => config.task_duration = seconds(&mut parser)?,
            Arg::Long("slow-start-seconds") => config.slow_start = seconds(&mut parser)?,
            Arg::Long("tick") => config.tick = Duration::from_millis(parser.value()?.parse()?),
            Arg::Long("any-names") => config.any_names = true,
            Arg::Long("quiet") => config.output = Output::Address,
            other => return Err(other.unexpected()),
        }
    }
    if config.keys.is_empty() {
        return Err("missing flag: --key KEY".into());
    }
    Ok(Arguments::Run(config))
}

fn seconds(parser: &mut Parser) -> Result<Duration, lexopt::Error> {
    let seconds: f64 = parser.value()?.parse()?;
    Duration::try_from_secs_f64(seconds).map_err(|error| format!("{seconds} seconds: {error}").into())
}

/// What `--help` prints. Writing to a string cannot fail.
pub(crate) fn help() -> String {
    let mut help = USAGE.to_owned();
    help.push_str("\nWorkspaces, and the database or project in each:\n");
    for (workspace, database) in WORKSPACES {
        let _ = writeln!(help, "  {workspace:12} {database}");
    }
    help.push_str("\nWorkflows, which take any parameters unless some are listed:\n");
    for workflow in workflows() {
        let _ = writeln!(help, "  {:21} {}", workflow.name(), workflow.about());
        for parameter in workflow.parameters() {
            let _ = writeln!(help, "  {:23} {parameter}", "");
        }
    }
    help.push_str("\nControl calls, which need no key:\n");
    for (call, about) in CONTROL_CALLS {
        let _ = writeln!(help, "  {call}\n      {about}");
    }
    help.push('\n');
    help.push_str(FAULTS);
    help
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(arguments: &[&str]) -> Result<Config, String> {
        match read(Parser::from_args(arguments)) {
            Ok(Arguments::Run(config)) => Ok(config),
            Ok(Arguments::Help) => Err("help".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn flags_fill_the_configuration() {
        let found = config(&[
            "--key",
            "a",
            "--key=b",
            "--port",
            "0",
            "--task-seconds",
            "0.5",
            "--tick",
            "7",
            "--any-names",
            "--quiet",
        ])
        .unwrap();
        assert_eq!(
            (found.keys, found.port, found.output),
            (vec!["a".into(), "b".into()], 0, Output::Address)
        );
        assert!(found.any_names && !config(&["--key", "a"]).unwrap().any_names);
        assert_eq!((found.task_duration, found.tick), (Duration::from_millis(500), Duration::from_millis(7)));
    }

    #[test]
    fn a_key_is_needed() {
        assert!(config(&[]).unwrap_err().contains("--key"));
        assert_eq!(config(&["--key", "a"]).unwrap().port, PORT_DEFAULT);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for arguments in
            [&["--port", "70000"], &["--task-seconds", "-1"], &["--tick", "x"], &["--sleep", "1"]]
        {
            assert!(config(arguments).is_err(), "{arguments:?}");
        }
    }

    #[test]
    fn the_help_names_every_workflow_field_and_call() {
        let help = help();
        assert!(workflows().iter().all(|workflow| help.contains(workflow.name())));
        assert!(CONTROL_CALLS.iter().all(|(call, _)| help.contains(call)));
        assert!(help.contains("files: an array of 1 to 400 objects, required\n"));
        assert!(help.contains("files[].fill: one of noise, zeros, optional\n"));
    }
}
