//! A mistake in the configuration: where it is, what is wrong, and what would be right.

use std::fmt::Display;

use serde_json::Value;

/// The longest value that a mistake quotes, characters.
const QUOTED_CHARS_MAX: usize = 60;

/// Something in the configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Table and field names, from the variable on: `HOOKS`, `crm`, `params`, `rows`.
    pub path: Vec<String>,
    /// What is wrong. It continues the path: "must be 1 minute to 7 days, got "8d"".
    pub problem: String,
    /// What would be right.
    pub remedy: String,
}

impl Mistake {
    pub(super) fn new(path: Vec<String>, problem: impl Display, remedy: impl Display) -> Self {
        Self { path, problem: problem.to_string(), remedy: remedy.to_string() }
    }
}

impl Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}; {}", self.path.join("."), self.problem, self.remedy)
    }
}

/// A value as a mistake quotes it: its JSON, shortened.
pub(super) fn quoted(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
