//! The operator's calls: lists, one run, files, decisions. Each is one or some calls of the HTTP API.

mod arguments;
mod decide;
mod files;
mod runs;
pub(crate) mod seen_runs;
mod show;
mod tail;

use anyhow::Result;

use crate::host::Host;
use crate::worker::Worker;
use crate::{Exit, help};
use arguments::Arguments;

/// Runs one of the commands `runs`, `run`, `files`, `retry`, `adopt`, `abandon` and `tail`.
pub(crate) async fn run(host: &impl Host, name: &str, arguments: lexopt::Parser) -> Result<Exit> {
    let command = COMMANDS.iter().find(|command| command.name == name).unwrap_or(&COMMANDS[0]);
    let Some(arguments) = Arguments::read(arguments, command)? else {
        return help(host, &command.help());
    };
    let worker = Worker::new(host, arguments.address(host)?);
    match name {
        "run" => show::run(host, &worker, &arguments).await,
        "files" => files::run(host, &worker, &arguments).await,
        "retry" => decide::retry(host, &worker, &arguments).await,
        "adopt" => decide::adopt(host, &worker, &arguments).await,
        "abandon" => decide::abandon(host, &worker, &arguments).await,
        "tail" => tail::run(host, &worker, &arguments).await,
        _ => runs::run(host, &worker, &arguments).await,
    }
}

/// A command of this folder.
pub(crate) struct Command {
    /// What is typed.
    pub(crate) name: &'static str,
    /// The arguments, for the help: `RUN`.
    positional: &'static [&'static str],
    /// Its options with a value.
    options: &'static [&'static str],
    /// Its options without a value.
    flags: &'static [&'static str],
    /// What the help says.
    text: &'static str,
}

/// The filters of a list of runs.
const FILTERS: &[&str] = &["status", "hook", "since", "until", "limit", "cursor"];

const COMMANDS: [Command; 7] = [
    Command {
        name: "runs",
        positional: &[],
        options: &["status", "hook", "since", "until", "delivery", "task", "limit", "cursor"],
        flags: &["all"],
        text: "\
Lists runs, newest first.

  --status STATUS  only these, with commas between them: queued, in_progress, archiving, completed, failed, canceled,
                   unconfirmed
  --hook HOOK      only the runs of a hook
  --since TIME     only runs accepted at or after a time: 2026-11-25T00:00:00Z, or 2h, 3d (ago)
  --until TIME     only runs accepted before a time
  --delivery ID    only the runs of a delivery
  --task ID        only the run of a task of Fabricate
  --limit N        at most so many (default 50)
  --cursor CURSOR  the next page: as the last line of the page before shows it
  --all            every page. Each page costs KV lists, of which the free plan has 1,000 a day",
    },
    Command {
        name: "run",
        positional: &["RUN"],
        options: &[],
        flags: &["timeline", "mapping", "delivery", "wait"],
        text: "\
Shows a run: its state and what it waits for, its files, its error. Or one of these:

  --timeline       show what happened to it, in order of time
  --mapping        show how its parameters were made
  --delivery       show the delivery that it came from
  --wait           wait until it has ended or is parked; exit 1 unless it completed with all its files",
    },
    Command {
        name: "files",
        positional: &["RUN"],
        options: &["download"],
        flags: &[],
        text: "\
Lists the files of a run.

  --download DIR   download them into a folder; exit 1 unless the run completed and all are there. A download that broke off
                   goes on where it was: its part is kept as NAME.VERSION.seedhook-part. A file that is there with the same
                   content is not downloaded again, and never overwritten. Where the run states no SHA-256, only its size is
                   compared",
    },
    Command {
        name: "retry",
        positional: &["[RUN]"],
        options: FILTERS,
        flags: &["force", "all", "yes"],
        text: "\
Starts a failed run again, as a new run from the same delivery and today's configuration. Without RUN: the runs of a filter,
at most 50 at a time; they are counted first, and nothing is retried without --yes.

  --force          also a completed run, whose workflow then does its work a second time
  --status STATUS  failed (default), canceled, unconfirmed
  --hook HOOK, --since TIME, --until TIME, --limit N, --cursor CURSOR
                   which runs; as for `npx seedhook runs`
  --all            call again until no run is left
  --yes            retry them",
    },
    Command {
        name: "adopt",
        positional: &["RUN", "TASK"],
        options: &[],
        flags: &[],
        text: "\
Gives an unconfirmed run the task that you found at Fabricate. seedhook follows it from then on.",
    },
    Command {
        name: "abandon",
        positional: &["[RUN]"],
        options: &["status", "hook", "since", "until", "limit", "cursor", "reason"],
        flags: &["all", "yes"],
        text: "\
Ends a queued or unconfirmed run as failed. Without RUN: the runs of a filter, at most 50 at a time; they are counted first,
and nothing is abandoned without --yes.

  --reason TEXT    why, for the run's error
  --status STATUS  unconfirmed (default), queued
  --hook HOOK, --since TIME, --until TIME, --limit N, --cursor CURSOR
                   which runs; as for `npx seedhook runs`
  --all            call again until no run is left
  --yes            abandon them",
    },
    Command {
        name: "tail",
        positional: &[],
        options: &["hook", "every"],
        flags: &["no-deliveries"],
        text: "\
Prints each run as it changes, and deliveries that were refused or ignored, until Ctrl-C.

  --hook HOOK      only of a hook
  --every SECONDS  how often it asks: 2 to 3600 (default 2 for a Worker on this machine, otherwise 60). Each question costs
                   KV lists, of which the free plan has 1,000 a day
  --no-deliveries  only runs",
    },
];

impl Command {
    fn help(&self) -> String {
        let words = [&[self.name], self.positional].concat().join(" ");
        format!(
            "npx seedhook {words} [options]\n\n{}\n{}  --json           print JSON, as the API answers\n",
            self.text,
            crate::address::OPTIONS_HELP
        )
    }
}

/// The help of a command of this folder.
pub(crate) fn help_of(name: &str) -> Option<String> {
    COMMANDS.iter().find(|command| command.name == name).map(Command::help)
}

#[cfg(test)]
mod tests;
