//! Finds values in a request by the selectors of the configuration. It is a second implementation: it shares only the body
//! parser with the tested code.

use serde_json::Value;

use super::request::Request;

/// A request, and the part of its body that is judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) request: &'a Request,
    pub(crate) body: Option<&'a Value>,
    /// The labels and values of the items in the signature's header.
    pub(crate) items: &'a [(String, String)],
}

impl Seen<'_> {
    /// The text of the first selector that has one. Another value becomes JSON: code that treats it as absent accepts what was
    /// not signed.
    pub(crate) fn find(&self, source: &str) -> Option<String> {
        let selectors = || source.split('|');
        let text = selectors().find_map(|selector| match self.value(selector) {
            Some(Value::String(text)) => Some(text),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(Value::Bool(truth)) => Some(truth.to_string()),
            _ => None,
        });
        text.or_else(|| selectors().find_map(|selector| self.value(selector)).map(|value| value.to_string()))
    }

    fn value(&self, selector: &str) -> Option<Value> {
        let (root, name) = selector.split_once('.').unwrap_or((selector, ""));
        match root {
            "headers" => self.request.header(name).map(Value::String),
            "query" => self.request.query(name).map(Value::String),
            "items" => {
                let mut same = self.items.iter().filter(|(label, _)| label == name);
                let first = same.next().map(|(_, value)| Value::String(value.clone()));
                first.filter(|_| same.next().is_none())
            }
            _ => value_at(self.body?, name).filter(|value| !value.is_null()).cloned(),
        }
    }
}

/// The value at a path of a body, as `data.items.0`.
pub(crate) fn value_at<'a>(body: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').filter(|part| !part.is_empty()).try_fold(body, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    })
}
