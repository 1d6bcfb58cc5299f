//! `cargo xtask check`: what is wrong in wrangler.toml, and where.
//!
//! What a hook may say is judged by the Worker's own code; here are only positions, and the traps that lie outside
//! the variables. It changes nothing and asks nobody.

mod finding;
mod limits;
mod positions;
mod queues;
mod scope;
mod secrets;
mod traps;
mod values;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use lexopt::{Arg, ValueExt};
use seedhook::hook::{Hook, HookName};
use toml_edit::Document;

use crate::dev_vars::{self, Secrets};
use crate::hooks::dev_vars_folder;
use crate::{help, project, show};
use finding::Severity;
use positions::{position, span_of};
use scope::Scope;

const HELP: &str = "\
cargo xtask check [FILE|FOLDER]

Reads wrangler.toml with the Worker's own code. For each mistake it prints the line, what is wrong and what would be
right: in the hooks, in the bindings and rate limits that they need, and in where their secrets are.
Exits 1 when there is a mistake; a warning is not a mistake.

  FILE, FOLDER     another file than wrangler.toml, or the folder of one; the secrets are those of the .dev.vars beside it
  --config FILE    the same
";

/// Reads the arguments, prints what is found.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    let mut config = None;
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(help(HELP)),
            Arg::Long("config") | Arg::Short('c') => {
                config = Some(PathBuf::from(arguments.value()?.string()?));
            }
            Arg::Value(path) if config.is_none() => config = Some(path.into()),
            other => return Err(other.unexpected().into()),
        }
    }
    let file = project::wrangler_toml(config.as_deref());
    let name = config.map_or_else(|| "wrangler.toml".to_owned(), |_| file.display().to_string());
    let report = read(&file, &name)?;
    show(&report.text)?;
    Ok(if report.is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What was found, ready to print.
#[derive(Debug)]
pub(crate) struct Report {
    /// One or two lines for each mistake and warning, then one for each good hook, then a last one.
    pub(crate) text: String,
    /// Whether there is no mistake.
    pub(crate) is_good: bool,
}

/// Checks a file; `name` is what it is called in the report.
pub(crate) fn read(file: &Path, name: &str) -> Result<Report> {
    let text = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(report(&text, name, &dev_vars::read(&dev_vars_folder(file))?))
}

/// The variables of a wrangler.toml, as the Worker sees them.
pub(crate) fn variables(file: &Path) -> Result<serde_json::Map<String, serde_json::Value>> {
    let text = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    variables_of(&text).with_context(|| format!("{} is not TOML", file.display()))
}

/// The same of a text.
pub(crate) fn variables_of(text: &str) -> Result<serde_json::Map<String, serde_json::Value>> {
    let document = Document::parse(text)?;
    Ok(values::read(document.as_table(), "vars").unwrap_or_default())
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
    let scopes = Scope::all(root);
    let mut found = traps::find(root, &scopes, local);
    found.sort_by_key(|finding| span_of(root, &finding.path).start);
    let mut lines = String::new();
    for finding in &found {
        let (line, column) = position(text, span_of(root, &finding.path).start);
        let _ = writeln!(lines, "{name}:{line}:{column}: {finding}");
    }
    let mistakes = found.iter().filter(|finding| finding.severity == Severity::Mistake).count();
    for scope in &scopes {
        for (hook, result) in &scope.configuration.hooks {
            if let Ok(details) = result {
                let _ = writeln!(lines, "{}{}", scope.label(), runs(hook, details));
            }
        }
    }
    let _ = match mistakes {
        0 => writeln!(lines, "{name}: no mistakes"),
        1 => writeln!(lines, "{name}: 1 mistake"),
        _ => writeln!(lines, "{name}: {mistakes} mistakes"),
    };
    Report { text: lines, is_good: mistakes == 0 }
}

/// One line: a hook, who may call it, what it runs.
fn runs(name: &HookName, hook: &Hook) -> String {
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
    format!("/hooks/{name} ({}{secrets}{paused}) runs {}", hook.verify.scheme, targets.join(", "))
}

#[cfg(test)]
mod examples;
#[cfg(test)]
mod tests;
