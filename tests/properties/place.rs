//! Where in a request something stands, read a second time: by code that shares nothing with what is tested but the
//! words of the configuration and the reader of bodies.

use serde_json::Value;

use super::request::Request;

/// A request, and the part of its body that is being judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) request: &'a Request,
    pub(crate) body: Option<&'a Value>,
    /// The labelled items of the signature's header.
    pub(crate) items: &'a [(String, String)],
}

impl Seen<'_> {
    /// The text at the first of several places that has one. What is there and is no text is taken as JSON: whoever
    /// lets it pass for nothing lets in what was not signed.
    pub(crate) fn find(&self, places: &str) -> Option<String> {
        let at = || places.split('|');
        let text = at().find_map(|place| match self.value(place) {
            Some(Value::String(text)) => Some(text),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(Value::Bool(truth)) => Some(truth.to_string()),
            _ => None,
        });
        text.or_else(|| at().find_map(|place| self.value(place)).map(|value| value.to_string()))
    }

    fn value(&self, place: &str) -> Option<Value> {
        let (root, name) = place.split_once('.').unwrap_or((place, ""));
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

/// What stands at `data.items.0` of a body.
pub(crate) fn value_at<'a>(body: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').filter(|part| !part.is_empty()).try_fold(body, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    })
}
