//! `seedhook check`: finds mistakes in the configuration, with their lines.
//!
//! The Worker's own code reads the variables. The files below check what lies around them: the name, bindings, secrets, limits.

mod assets;
mod bindings;
mod environment;
mod finding;
mod rate_limits;
mod secrets;
mod variables;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::Result;
use lexopt::{Arg, ValueExt};
use seedhook::hook::{Hook, HookName};
use seedhook::timestamp::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::config_file::{ConfigFile, SyntaxError};
use crate::dev_vars::{self, Secrets};
use crate::host::{Host, print_json};
use crate::project::dashboard_folder;
use crate::{Exit, help, unexpected};
use environment::Environment;
use finding::{Finding, Severity};

pub(crate) const HELP: &str = "\
npx seedhook check [FILE|FOLDER]

Reads wrangler.toml or wrangler.jsonc with the Worker's own code. For each mistake in the hooks, bindings, static files,
rate limits and secrets it prints the line, what is wrong and how to fix it. Exits 1 if there is a mistake; warnings are
not mistakes.

  FILE, FOLDER     a configuration other than the one in this folder; its secrets are in the .dev.vars beside it
  --config FILE    the same
  --json           print JSON, for CI and editors: `valid`, `findings` and `hooks`
";

/// Reads the arguments and prints the report.
pub(crate) fn run(host: &impl Host, mut arguments: lexopt::Parser) -> Result<Exit> {
    let (mut config, mut is_json): (Option<String>, _) = (None, false);
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return help(host, HELP),
            Arg::Long("json") => is_json = true,
            Arg::Long("config") | Arg::Short('c') => config = Some(arguments.value()?.string()?),
            Arg::Value(path) if config.is_none() => config = Some(path.string()?),
            other => return Err(unexpected(&other)),
        }
    }
    let report = check_project(host, config.as_deref())?;
    if is_json {
        print_json(host, &report.json())?;
    } else {
        host.print(&report.text())?;
    }
    Ok(Exit::good_if(report.is_good()))
}

/// Checks a configuration: the file, the one in the folder, or without either the one in this folder.
///
/// # Errors
/// When the file cannot be read. Mistakes in it are in the report.
pub fn check_project(host: &impl Host, given: Option<&str>) -> Result<Report> {
    let path = ConfigFile::find(host, given)?;
    match ConfigFile::read(host, &path) {
        Ok(file) => check_file(host, &file),
        Err(error) => match error.downcast::<SyntaxError>() {
            Ok(error) => Ok(Report::of_syntax_error(error)),
            Err(error) => Err(error),
        },
    }
}

/// Checks a file that could be read.
pub(crate) fn check_file(host: &impl Host, file: &ConfigFile) -> Result<Report> {
    let now = Timestamp::from_millis(host.now_ms());
    Ok(Report::of(file, &dev_vars::read_beside(host, file)?, now))
}

/// Checks what is deployed. The secrets of this machine are not, so they are no matter: a machine of CI has none.
pub(crate) fn check_deployment(host: &impl Host, file: &ConfigFile) -> Report {
    Report::of(file, &Secrets::new(), Timestamp::from_millis(host.now_ms()))
}

/// The result of a check.
#[derive(Debug)]
pub struct Report {
    file: String,
    findings: Vec<Located>,
    hooks: Vec<HookLine>,
}

/// A finding and its position, from 1.
#[derive(Debug, Serialize)]
struct Located {
    line: usize,
    column: usize,
    #[serde(flatten)]
    finding: Finding,
}

/// A hook without mistakes.
#[derive(Debug, Serialize)]
struct HookLine {
    #[serde(skip_serializing_if = "String::is_empty")]
    environment: String,
    hook: String,
    /// The next three times of its schedule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    next_times: Vec<String>,
    #[serde(skip)]
    line: String,
}

impl Report {
    /// Checks a file. `local` are the secrets of this machine.
    fn of(file: &ConfigFile, local: &Secrets, now: Timestamp) -> Self {
        let environments = Environment::all(&file.root);
        let mut found: Vec<(usize, Finding)> = findings(file, &environments, local)
            .into_iter()
            .map(|finding| (file.offset(&finding.path), finding))
            .collect();
        found.sort_by_key(|(offset, _)| *offset);
        let findings = found.into_iter().map(|(offset, finding)| {
            let (line, column) = file.position(offset);
            Located { line, column, finding }
        });
        let hooks = environments.iter().flat_map(|environment| {
            let valid = environment.configuration.hooks.iter();
            valid.filter_map(|(name, hook)| Some(HookLine::of(environment, name, hook.as_ref().ok()?, now)))
        });
        Self { file: file.path.clone(), findings: findings.collect(), hooks: hooks.collect() }
    }

    fn of_syntax_error(error: SyntaxError) -> Self {
        let finding = Finding::mistake(Vec::new(), error.message, "correct the syntax at this position");
        let located = Located { line: error.line, column: error.column, finding };
        Self { file: error.path, findings: vec![located], hooks: Vec::new() }
    }

    /// Whether there is no mistake.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.mistakes() == 0
    }

    /// Two lines for each mistake and warning, one for each valid hook, and the number of mistakes.
    #[must_use]
    pub fn text(&self) -> String {
        let file = &self.file;
        let mut lines = String::new();
        for Located { line, column, finding } in &self.findings {
            let _ = writeln!(lines, "{file}:{line}:{column}: {finding}");
        }
        for hook in &self.hooks {
            let _ = writeln!(lines, "{}", hook.line);
        }
        let _ = match self.mistakes() {
            0 => writeln!(lines, "{file}: no mistakes"),
            1 => writeln!(lines, "{file}: 1 mistake"),
            mistakes => writeln!(lines, "{file}: {mistakes} mistakes"),
        };
        lines
    }

    fn json(&self) -> Value {
        json!({"file": self.file, "valid": self.is_good(), "findings": self.findings, "hooks": self.hooks})
    }

    fn mistakes(&self) -> usize {
        self.findings.iter().filter(|found| found.finding.severity == Severity::Mistake).count()
    }
}

impl HookLine {
    fn of(environment: &Environment<'_>, name: &HookName, hook: &Hook, now: Timestamp) -> Self {
        let line = format!("{}{}", environment.label(), summary(name, hook));
        let next_times: Vec<String> = hook
            .schedule
            .iter()
            .flat_map(|schedule| schedule.next_three(now))
            .map(|time| time.to_string())
            .collect();
        let times = (!next_times.is_empty()).then(|| format!("next times: {}", next_times.join(", ")));
        let lines =
            std::iter::once(line).chain(keys(hook).into_iter().chain(times).map(|more| format!("  {more}")));
        let line = lines.collect::<Vec<_>>().join("\n");
        let environment = environment.path.last().cloned().unwrap_or_default();
        Self { environment, hook: name.to_string(), next_times, line }
    }
}

/// Every mistake and warning. `local` are the secrets of this machine.
fn findings(file: &ConfigFile, environments: &[Environment<'_>], local: &Secrets) -> Vec<Finding> {
    let dashboard = dashboard_folder(&file.root);
    let mut found = bindings::find_in_file(&file.root);
    for environment in environments {
        found.extend(bindings::find(environment));
        found.extend(assets::find(environment, dashboard));
        found.extend(variables::find(environment, &file.lossy));
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

/// The templates of the keys of a hook's runs, each once.
fn keys(hook: &Hook) -> BTreeSet<String> {
    let keys = hook.rules.iter().filter_map(|rule| rule.concurrency.as_ref());
    keys.map(|key| format!("one at a time: {}", key.source())).collect()
}

#[cfg(test)]
mod recipes;
#[cfg(test)]
mod tests;
