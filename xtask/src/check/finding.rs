//! Something in wrangler.toml that will not work, or may not.
//!
//! It knows where by name; lines and columns are looked up in `positions`.

use std::fmt;

use seedhook::config::mistake::Mistake;

/// Whether it has to be mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    /// It will not work.
    Mistake,
    /// It works, but perhaps not everywhere or not for long.
    Warning,
}

/// What is wrong at one place.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    /// Where, from the file's root on: `vars`, `HOOKS`, `crm`, …
    pub(super) path: Vec<String>,
    /// See [`Severity`].
    pub(super) severity: Severity,
    /// What is wrong.
    pub(super) problem: String,
    /// What would be right.
    pub(super) remedy: String,
}

impl Finding {
    /// A mistake.
    pub(super) fn mistake(path: Vec<String>, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { path, severity: Severity::Mistake, problem: problem.into(), remedy: remedy.into() }
    }

    /// A warning.
    pub(super) fn warning(path: Vec<String>, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::mistake(path, problem, remedy) }
    }

    /// What the Worker's own code says of the variables that stand at `vars`.
    pub(super) fn of_worker(vars: &[String], mistake: &Mistake) -> Self {
        Self::mistake([vars, &mistake.path].concat(), &mistake.problem, &mistake.remedy)
    }
}

impl fmt::Display for Finding {
    /// `HOOKS.crm.params.rows: problem`, and the remedy on a line of its own.
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
        // Variables are called what the Worker calls them.
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
