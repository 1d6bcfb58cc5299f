//! Request headers as expressions see them: found by name in upper or lower case, listed in lower case (RFC 9110,
//! section 5.1: header names are case-insensitive).
//!
//! It only looks names up; which headers there are is decided where the delivery is made.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Value};

use super::json::from_text;

/// The longest name that is looked up, bytes. A longer key is not a header's name.
const NAME_BYTES_MAX: usize = 1024;

/// Header values by their name in lower case.
#[derive(Debug)]
struct Headers(BTreeMap<String, Value>);

/// The engine's value for headers whose names are in any case.
pub(super) fn headers(headers: &BTreeMap<String, String>) -> Value {
    let lower = headers.iter().map(|(name, text)| (name.to_ascii_lowercase(), from_text(text)));
    Value::from_object(Headers(lower.collect()))
}

impl Object for Headers {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str().filter(|name| name.len() <= NAME_BYTES_MAX)?;
        self.0.get(&name.to_ascii_lowercase()).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.keys().map(|name| Value::from(name.as_str())).collect())
    }
}
