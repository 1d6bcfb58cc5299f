//! The `result` of a task: any JSON, kept as text and never as a tree of values; and why a result is not kept.
//!
//! `status.rs` reads it from an answer.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, de};

/// A result of more bytes is not kept. The end of a run holds its result some three times (the text, the journal's
/// entry, the request that writes it), and four runs may end at the same time.
pub const RESULT_BYTES_MAX: usize = 1024 * 1024;

/// A result with more levels of arrays and objects is not kept: many JSON readers stop at 128 levels, and the run's
/// view has three above the result's.
pub const RESULT_DEPTH_MAX: u32 = 120;

/// One JSON value as its text. Copies share the text.
#[derive(Clone, PartialEq, Eq)]
pub struct JsonText(Arc<str>);

impl JsonText {
    /// Takes a text that is one JSON value (RFC 8259) without spaces around it. Escapes of lone surrogates and numbers
    /// of any size are kept: the grammar allows them.
    ///
    /// # Errors
    /// When it is not one JSON value.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        // Checks the grammar alone, without recursion, and keeps nothing.
        serde_json::from_str::<de::IgnoredAny>(text)?;
        Ok(Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        &*self.0 == "null"
    }

    /// The text, shared with this value.
    pub(crate) fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// Takes the text of a record, which was checked before it was written.
    pub(crate) fn recorded(text: Arc<str>) -> Self {
        Self(text)
    }
}

impl Default for JsonText {
    /// `null`.
    fn default() -> Self {
        Self("null".into())
    }
}

impl fmt::Debug for JsonText {
    /// Shows only the size: the text is payload, and may have a mebibyte.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonText({} bytes)", self.0.len())
    }
}

impl From<serde_json::Value> for JsonText {
    fn from(value: serde_json::Value) -> Self {
        Self(value.to_string().into())
    }
}

/// What is known of a result that is not kept. The run's view has it as `task.result_omitted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct ResultOmitted {
    /// The result's size at Fabricate.
    pub bytes: u64,
    /// Why it is not kept.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_taken_where_it_is_one_json_value() {
        let deep = "[".repeat(500_000) + &"]".repeat(500_000);
        for text in [
            "null",
            "1e400",
            r#""cut \ud83d""#,
            r#"{"a":1, "a":2}"#,
            "340282366920938463463374607431768211455",
            &deep,
        ] {
            assert_eq!(JsonText::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "NaN", "[1,]", "{\"a\"}", "1 2", "[}", "\"\u{1}\"", "'a'", "01"] {
            assert!(JsonText::parse(text).is_err(), "{text}");
        }
    }
}
