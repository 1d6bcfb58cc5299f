//! An estimate of the memory that a run's parameters take, rather too high than too low.

use serde_json::{Map, Value};

use super::Run;

impl Run {
    /// About how many bytes of memory its parameters take on wasm32.
    #[must_use]
    pub fn params_bytes(&self) -> u64 {
        memory_of(&self.params) as u64
    }
}

/// About how many bytes of memory an object takes on wasm32: a table for its names, and each member's name and value.
#[must_use]
pub fn memory_of(object: &Map<String, Value>) -> usize {
    const OBJECT: usize = 200;
    const MEMBER: usize = 32;
    OBJECT + object.iter().map(|(name, value)| MEMBER + name.len() + memory_of_value(value)).sum::<usize>()
}

fn memory_of_value(value: &Value) -> usize {
    const VALUE: usize = 24;
    VALUE
        + match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(memory_of_value).sum(),
            Value::Object(object) => memory_of(object),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
}
