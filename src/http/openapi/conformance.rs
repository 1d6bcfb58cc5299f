//! The document against the answers of the Worker: every answer that a test gets is one that its call states.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::{METHODS, document};

/// The document, with schemas that refuse fields they do not have.
static STRICT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = document();
    for schema in document["components"]["schemas"].as_object_mut().unwrap().values_mut() {
        make_strict(schema, false);
    }
    document
});

/// Schemas that were compiled, by their texts.
static COMPILED: Mutex<Option<HashMap<String, Validator>>> = Mutex::new(None);

/// Headers that an answer may have without a word of its call.
const COMMON: [&str; 4] = ["cache-control", "x-content-type-options", "referrer-policy", "content-type"];

/// Fails unless the document has this answer to a request.
#[track_caller]
pub(crate) fn check(method: &str, path: &str, status: u16, headers: &[(String, String)], body: &str) {
    let shown = format!("{method} {path}: {status} {body}");
    let Some(operation) = operation(method, path) else {
        check_without_call(method, path, headers, body, &shown);
        return;
    };
    let responses = operation["responses"].as_object().unwrap();
    let response = responses.get(&status.to_string());
    let response = response.or_else(|| responses.get("2XX").filter(|_| (200..300).contains(&status)));
    let response = response.unwrap_or_else(|| panic!("openapi.json does not have this status: {shown}"));
    // What a hook states is not known.
    let is_of_sender = path.starts_with("/hooks/") && status < 300;
    let response = resolved(&STRICT, response);
    check_headers(response, headers, is_of_sender, &shown);
    let Some(content) = response.get("content").filter(|_| !body.is_empty()) else {
        assert!(body.is_empty() || method == "HEAD", "openapi.json has no body: {shown}");
        return;
    };
    let media_type = media_type(headers);
    let content = content.get(media_type).or_else(|| content.get("*/*"));
    let content = content.unwrap_or_else(|| panic!("openapi.json does not have `{media_type}`: {shown}"));
    if let Some(schema) = content.get("schema").filter(|_| media_type.ends_with("json")) {
        check_body(schema, body, &shown);
    }
}

/// A response, or the one that it refers to.
pub(super) fn resolved<'d>(document: &'d Value, response: &'d Value) -> &'d Value {
    let path = response.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
    path.map_or(response, |path| document.pointer(path).unwrap())
}

/// Validates a value.
#[track_caller]
pub(super) fn validate(schema: &Value, value: &Value, shown: &str) {
    let mut compiled = COMPILED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let validators = compiled.get_or_insert_default();
    let validator = validators.entry(schema.to_string()).or_insert_with(|| {
        let whole = json!({"allOf": [schema], "components": {"schemas": STRICT["components"]["schemas"]}});
        jsonschema::options().should_validate_formats(true).build(&whole).unwrap()
    });
    let errors: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    drop(compiled);
    assert!(errors.is_empty(), "openapi.json has another body: {errors:#?} {shown}");
}

#[track_caller]
fn check_body(schema: &Value, body: &str, shown: &str) {
    // A sender may state another type than its text is.
    let Ok(value) = serde_json::from_str(body) else { return };
    validate(schema, &value, shown);
}

#[track_caller]
fn check_headers(response: &Value, headers: &[(String, String)], is_of_sender: bool, shown: &str) {
    let known = response.get("headers").and_then(Value::as_object).cloned().unwrap_or_default();
    for (name, header) in &known {
        let is_sent = headers.iter().any(|(sent, _)| sent.eq_ignore_ascii_case(name));
        assert!(is_sent || header["required"] != true, "`{name}` is missing: {shown}");
    }
    for (name, _) in headers.iter().filter(|_| !is_of_sender) {
        let is_known = known.keys().any(|known| known.eq_ignore_ascii_case(name));
        assert!(is_known || COMMON.contains(&name.as_str()), "openapi.json has no header `{name}`: {shown}");
    }
}

/// An address where nothing is, or another method than it takes.
#[track_caller]
fn check_without_call(method: &str, path: &str, headers: &[(String, String)], body: &str, shown: &str) {
    if method == "HEAD" {
        return;
    }
    let kinds = ["no-such-page", "wrong-method", "no-such-hook", "no-such-run", "bad-link", "not-ready"];
    let kinds = [kinds.as_slice(), &super::OF_OPERATOR].concat();
    let body: Value =
        serde_json::from_str(body).unwrap_or_else(|_| panic!("openapi.json has no such call: {shown}"));
    let kind = body["type"].as_str().unwrap_or_default().rsplit(':').next().unwrap_or_default();
    assert!(kinds.contains(&kind), "openapi.json has no such call: {shown}");
    validate(&super::schemas::reference("Problem"), &body, shown);
    if kind == "wrong-method" && !path.starts_with("/hooks/") {
        let allowed: Vec<&str> =
            METHODS.into_iter().filter(|method| operation(method, path).is_some()).collect();
        let allow = headers.iter().find(|(name, _)| name == "allow").map(|(_, value)| value.as_str());
        assert_eq!(allow, Some(allowed.join(", ").as_str()), "{shown}");
    }
}

fn media_type(headers: &[(String, String)]) -> &str {
    let found = headers.iter().find(|(name, _)| name == "content-type");
    found.map_or("", |(_, value)| value.split(';').next().unwrap_or_default().trim())
}

/// The call of a request; of two addresses that fit, the one with fewer parameters.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next().unwrap_or_default();
    let fits = |address: &str| {
        let (parts, given): (Vec<_>, Vec<_>) = (address.split('/').collect(), path.split('/').collect());
        let mut pairs = parts.iter().zip(&given);
        parts.len() == given.len() && pairs.all(|(part, given)| part.starts_with('{') || part == given)
    };
    let paths = STRICT["paths"].as_object().unwrap();
    let found = paths.iter().filter(|(address, _)| fits(address));
    let (_, item) = found.min_by_key(|(address, _)| address.matches('{').count())?;
    // Methods are written in capitals, and differ from those that are not.
    METHODS.contains(&method).then(|| item.get(method.to_ascii_lowercase()))?
}

/// Makes a schema refuse fields that it does not have. `is_part`: another schema, of which this is a part, has the others.
fn make_strict(schema: &mut Value, is_part: bool) {
    let Some(schema) = schema.as_object_mut() else { return };
    let has_fields = schema.contains_key("properties");
    for (name, value) in schema.iter_mut() {
        match name.as_str() {
            "oneOf" | "anyOf" | "allOf" => {
                for part in value.as_array_mut().into_iter().flatten() {
                    make_strict(part, is_part || has_fields);
                }
            }
            "properties" => {
                for property in value.as_object_mut().into_iter().flat_map(Map::values_mut) {
                    make_strict(property, false);
                }
            }
            "items" | "additionalProperties" => make_strict(value, false),
            _ => {}
        }
    }
    if has_fields && !is_part {
        schema.insert("unevaluatedProperties".to_owned(), json!(false));
    }
}
