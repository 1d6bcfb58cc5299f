//! `cargo xtask check`: finds mistakes in wrangler.toml, with their lines.
//!
//! The Worker's own code reads the variables. The files below check what lies around them: bindings, secrets, limits.

mod assets;
mod bindings;
mod environment;
mod finding;
mod positions;
mod rate_limits;
mod secrets;
mod variables;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use lexopt::Arg;
use seedhook::hook::{Hook, HookName};
use seedhook::timestamp::Timestamp;
use toml_edit::{Document, Table};

use crate::dev_vars::{self, Secrets};
use crate::terminal::{help, print};
use crate::{project, wrangler_toml};
use environment::Environment;
use finding::{Finding, Severity};
use positions::{position, span_of};

const HELP: &str = "\
cargo xtask check [FILE|FOLDER]

Reads wrangler.toml with the Worker's own code. For each mistake in the hooks, bindings, static files, rate limits and
secrets it prints the line, what is wrong and how to fix it. Exits 1 if there is a mistake; warnings are not mistakes.

  FILE, FOLDER     a configuration other than wrangler.toml, or its folder; its secrets are in the .dev.vars there
  --config FILE    the same
";

/// Reads the arguments and prints the report.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    let mut config: Option<PathBuf> = None;
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(help(HELP)),
            Arg::Long("config") | Arg::Short('c') => {
                config = Some(PathBuf::from(arguments.value()?));
            }
            Arg::Value(path) if config.is_none() => config = Some(path.into()),
            other => return Err(other.unexpected().into()),
        }
    }
    let file = project::wrangler_toml(config.as_deref());
    let name = config.map_or_else(|| "wrangler.toml".to_owned(), |_| file.display().to_string());
    let report = read(&file, &name)?;
    print(&report.text)?;
    Ok(if report.is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The result of a check.
#[derive(Debug)]
pub(crate) struct Report {
    /// Two lines for each mistake and warning, one for each valid hook, and the number of mistakes.
    pub(crate) text: String,
    /// Whether there is no mistake.
    pub(crate) is_good: bool,
}

/// Checks a file. `name` is its name in the report.
pub(crate) fn read(file: &Path, name: &str) -> Result<Report> {
    Ok(report(&wrangler_toml::text(file)?, name, &dev_vars::read_beside(file)?))
}

fn report(text: &str, name: &str, local: &Secrets) -> Report {
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let (line, column) = position(text, error.span().map_or(0, |span| span.start));
            let text = format!("{name}:{line}:{column}: not TOML: {}\n", error.message());
            return Report { text, is_good: false };
        }
    };
    let root = document.as_table();
    let environments = Environment::all(root);
    let mut found = findings(root, &environments, local);
    found.sort_by_key(|finding| span_of(root, &finding.path).start);
    let mut lines = String::new();
    for finding in &found {
        let (line, column) = position(text, span_of(root, &finding.path).start);
        let _ = writeln!(lines, "{name}:{line}:{column}: {finding}");
    }
    for environment in &environments {
        for (hook, result) in environment.configuration.hooks.iter() {
            if let Ok(details) = result {
                let _ = writeln!(lines, "{}{}", environment.label(), summary(hook, details));
                for line in waiting(details).into_iter().chain(next_times(details, now())) {
                    let _ = writeln!(lines, "  {line}");
                }
            }
        }
    }
    let mistakes = found.iter().filter(|finding| finding.severity == Severity::Mistake).count();
    let _ = match mistakes {
        0 => writeln!(lines, "{name}: no mistakes"),
        1 => writeln!(lines, "{name}: 1 mistake"),
        _ => writeln!(lines, "{name}: {mistakes} mistakes"),
    };
    Report { text: lines, is_good: mistakes == 0 }
}

/// Every mistake and warning. `local` are the secrets of this machine.
fn findings(root: &Table, environments: &[Environment<'_>], local: &Secrets) -> Vec<Finding> {
    let mut found = bindings::find_in_file(root);
    for environment in environments {
        found.extend(bindings::find(environment));
        found.extend(assets::find(environment));
        found.extend(variables::find(environment));
        found.extend(secrets::find(environment, local));
        found.extend(rate_limits::find(environment));
    }
    found
}

/// One line for a hook: its path, its verification and what it runs.
fn summary(name: &HookName, hook: &Hook) -> String {
    let secrets = match hook.verify.secret_names.as_slice() {
        [] => String::new(),
        names => format!(" with {}", names.join(" or ")),
    };
    let targets: Vec<String> = hook
        .rules
        .iter()
        .map(|rule| {
            let target = &rule.target;
            format!("{}/{}/{}", target.workspace, target.place.name(), target.workflow)
        })
        .collect();
    let paused = if hook.paused { ", paused" } else { "" };
    let address = if hook.has_address() { "/hooks/" } else { "" };
    format!("{address}{name} ({}{secrets}{paused}) runs {}", hook.verify.scheme, targets.join(", "))
}

/// This machine's time; 1970 where its clock is wrong.
fn now() -> Timestamp {
    let since = crate::clock::unix_time().unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(0))
}

/// The templates of the keys of a hook's runs, each once.
fn waiting(hook: &Hook) -> BTreeSet<String> {
    let keys = hook.rules.iter().filter_map(|rule| rule.concurrency.as_ref());
    keys.map(|key| format!("one at a time: {}", key.source())).collect()
}

/// The next three times of a hook's schedule.
fn next_times(hook: &Hook, now: Timestamp) -> Option<String> {
    let schedule = hook.schedule.as_ref()?;
    let next: Vec<String> = schedule.next_three(now).iter().map(ToString::to_string).collect();
    Some(format!("next times: {}", next.join(", ")))
}

#[cfg(test)]
mod examples;
#[cfg(test)]
mod tests;
