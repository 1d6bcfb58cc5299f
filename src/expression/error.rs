//! Why an expression cannot be compiled, and why one cannot be evaluated.
//!
//! No message quotes a value of the event.

/// Why a condition or a template cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// What is wrong, and what would be right.
    pub message: String,
    /// Where in the source, bytes from its start.
    pub position: usize,
}

impl ExpressionError {
    pub(super) fn new(position: usize, message: impl Into<String>) -> Self {
        Self { message: message.into(), position }
    }

    /// What the parser does not understand; the place is counted in characters from 1.
    pub(super) fn syntax(source: &str, position: usize, message: &str) -> Self {
        let before = source.get(..position).unwrap_or(source).chars().count();
        Self::new(position, format!("syntax error at character {}: {message}", before + 1))
    }
}

impl From<ExpressionError> for String {
    fn from(error: ExpressionError) -> Self {
        error.message
    }
}

/// Why an expression has no value for this event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{source_text}`: {reason}")]
pub struct EvaluationError {
    /// The expression as configured.
    pub source_text: String,
    /// What went wrong, without any value of the event.
    pub reason: String,
    /// Whether it is just that a field is missing.
    pub missing_field: bool,
}
