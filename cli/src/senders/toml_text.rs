//! JSON as TOML text.

use serde_json::{Map, Value};

/// A table as an inline table.
pub(super) fn inline(table: &Map<String, Value>) -> String {
    format!("{{ {} }}", entries(table).join(", "))
}

/// The entries of a table, `name = value`: the scheme and its secret first.
pub(super) fn entries(table: &Map<String, Value>) -> Vec<String> {
    const FIRST: [&str; 2] = ["scheme", "secret"];
    let first = FIRST.into_iter().filter_map(|name| table.get_key_value(name));
    let entries = first.chain(table.iter().filter(|(name, _)| !FIRST.contains(&name.as_str())));
    entries.map(|(name, entry)| format!("{} = {}", key(name), value(entry))).collect()
}

/// A value. Texts and numbers are written in TOML as in JSON.
pub(super) fn value(json: &Value) -> String {
    match json {
        Value::Array(items) => format!("[{}]", items.iter().map(value).collect::<Vec<_>>().join(", ")),
        Value::Object(table) => inline(table),
        other => other.to_string(),
    }
}

fn key(name: &str) -> String {
    let is_bare = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if is_bare && !name.is_empty() { name.to_owned() } else { Value::from(name).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config_file::ConfigFile;

    #[test]
    fn json_is_unchanged_after_it_was_written_and_read_as_toml() {
        let json = serde_json::json!({
            "headers.x-v": "1", "scheme": "hmac", "secret": ["A"], "signed": "{id}\n\"{body}\"", "n": [1, true, {"é": {}}],
        });
        let text = inline(json.as_object().unwrap());
        assert!(text.starts_with("{ scheme = \"hmac\", secret = [\"A\"], "), "{text}");
        let read = ConfigFile::parse("w.toml", format!("vars = {text}")).unwrap().variables();
        assert_eq!(Value::Object(read), json);
    }
}
