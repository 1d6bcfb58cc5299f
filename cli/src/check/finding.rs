//! A mistake or a warning about a configuration. The file knows its line.

use std::fmt;

use seedhook::config::mistake::Mistake;
use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    /// The Worker or a hook will not work.
    Mistake,
    /// It works, but not everywhere or not for long.
    Warning,
}

/// One mistake or warning.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Finding {
    /// The keys that lead to it, from the root of the file: `vars`, `HOOKS`, `crm`, …
    pub(super) path: Vec<String>,
    /// How bad it is.
    pub(super) severity: Severity,
    /// What is wrong.
    pub(super) problem: String,
    /// How to fix it.
    pub(super) remedy: String,
}

impl Finding {
    /// A finding that must be fixed.
    pub(super) fn mistake(path: Vec<String>, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { path, severity: Severity::Mistake, problem: problem.into(), remedy: remedy.into() }
    }

    /// A finding that need not be fixed.
    pub(super) fn warning(path: Vec<String>, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::mistake(path, problem, remedy) }
    }

    /// A mistake that the Worker's own code found in the variables at the path `vars`.
    pub(super) fn of_worker(vars: &[String], mistake: &Mistake) -> Self {
        Self::mistake([vars, &mistake.path].concat(), &mistake.problem, &mistake.remedy)
    }
}

impl fmt::Display for Finding {
    /// `HOOKS.crm.params.rows: problem`, and the remedy on a second line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        let path = match self.path.as_slice() {
            [env, name, rest @ ..] if env == "env" => {
                write!(f, "[env.{name}] ")?;
                rest
            }
            path => path,
        };
        // The Worker names a variable without `vars`.
        let path = match path {
            [vars, rest @ ..] if vars == "vars" && !rest.is_empty() => rest,
            path => path,
        };
        if !path.is_empty() {
            write!(f, "{}: ", path.join("."))?;
        }
        write!(f, "{}\n  = {}", self.problem, self.remedy)
    }
}
