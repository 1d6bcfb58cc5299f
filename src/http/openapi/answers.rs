//! How the document describes answers and their headers.

use serde_json::{Map, Value, json};

use super::schemas::reference;

/// An answer that states no problem.
pub(super) struct Answer {
    /// A status, or `2XX`.
    pub(super) status: &'static str,
    pub(super) description: &'static str,
    /// The schema and the example of its body, or its media types.
    pub(super) body: Body,
    /// Headers that it always has.
    pub(super) headers: &'static [&'static str],
    /// Headers that it may have.
    pub(super) optional_headers: &'static [&'static str],
}

/// The body of an answer.
pub(super) enum Body {
    Empty,
    /// JSON with this schema.
    Json(&'static str),
    /// The bytes of a file.
    File,
    /// What a hook or its sender states, and this schema where they state nothing.
    OfSender(Option<&'static str>),
}

impl Answer {
    pub(super) fn json(status: &'static str, description: &'static str, schema: &'static str) -> Self {
        Self { status, description, body: Body::Json(schema), headers: &[], optional_headers: &[] }
    }

    pub(super) fn with(self, headers: &'static [&'static str]) -> Self {
        Self { headers, ..self }
    }

    pub(super) fn perhaps_with(self, optional_headers: &'static [&'static str]) -> Self {
        Self { optional_headers, ..self }
    }

    /// The response; an answer to `HEAD` has no body.
    pub(super) fn response(&self, is_head: bool) -> Value {
        let mut response = Map::new();
        response.insert("description".to_owned(), json!(self.description));
        let mut headers: Map<String, Value> = self.headers.iter().filter_map(|name| header(name)).collect();
        for header in headers.values_mut() {
            if let Some(header) = header.as_object_mut() {
                header.insert("required".to_owned(), json!(true));
            }
        }
        headers.extend(self.optional_headers.iter().filter_map(|name| header(name)));
        if !headers.is_empty() {
            response.insert("headers".to_owned(), Value::Object(headers));
        }
        if let Some(content) = self.body.content().filter(|_| !is_head) {
            response.insert("content".to_owned(), content);
        }
        Value::Object(response)
    }
}

impl Body {
    fn content(&self) -> Option<Value> {
        Some(match self {
            Self::Empty => return None,
            Self::Json(name) => json!({"application/json": with_example(name)}),
            Self::File => json!({"*/*": {}}),
            Self::OfSender(schema) => {
                let own = json!({"description": "What the hook, or its sender, states.", "type": "object"});
                let schemas = schema.map(reference).into_iter().chain([own]).collect::<Vec<_>>();
                let examples = schema.map_or_else(|| json!({}), examples_of);
                let json = json!({"schema": {"anyOf": schemas}, "examples": examples});
                json!({"application/json": json, "text/plain": {"schema": {"type": "string"}}})
            }
        })
    }
}

/// A body with this schema, and its example.
pub(super) fn with_example(name: &str) -> Value {
    json!({"schema": reference(name), "examples": examples_of(name)})
}

fn examples_of(name: &str) -> Value {
    json!({name: {"$ref": format!("#/components/examples/{name}")}})
}

/// A header that says something of this answer alone, with its name; `None` for one that every answer has.
pub(super) fn header(name: &str) -> Option<(String, Value)> {
    let whole = json!({"type": "integer", "minimum": 0});
    let text = json!({"type": "string"});
    let (description, schema) = match name {
        "ETag" => ("The version of the answer: send it as `If-None-Match`.", text),
        "Last-Modified" => ("When the file was stored: an HTTP date.", text),
        "Accept-Ranges" => ("`bytes`", text),
        "Content-Range" => ("Which bytes are sent, and how many the file has.", text),
        "Content-Disposition" => ("`attachment`, with the name under which the file is saved.", text),
        "Content-Length" => ("Bytes of the body.", whole),
        "Content-Security-Policy" => ("`sandbox`", text),
        "Preference-Applied" => ("How long the answer waited at most: `wait=N`, seconds.", text),
        "Retry-After" => ("When to call again, seconds.", whole),
        "Allow" => ("The methods that the address takes.", text),
        "Accept-Encoding" => ("`identity`", text),
        "WWW-Authenticate" => ("How the caller authenticates.", text),
        _ => return None,
    };
    Some((name.to_owned(), json!({"description": description, "schema": schema})))
}
