//! The variables of a wrangler.toml as the Worker gets them: JSON.
//!
//! A value that JSON does not have becomes null. [`lossy_values`] finds those.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Number, Value as Json};
use toml_edit::{Document, Item, TableLike, Value};

/// The text of a wrangler.toml.
pub(crate) fn text(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}

/// The variables in the text of a wrangler.toml: `[vars]`, or none where it has no such table.
pub(crate) fn variables(text: &str) -> Result<Map<String, Json>> {
    Ok(table(Document::parse(text)?.as_table(), "vars").unwrap_or_default())
}

/// A table inside another table, as JSON.
pub(crate) fn table(parent: &dyn TableLike, name: &str) -> Option<Map<String, Json>> {
    parent.get(name)?.as_table_like().map(of_table)
}

fn of_table(table: &dyn TableLike) -> Map<String, Json> {
    table.iter().map(|(key, item)| (key.to_owned(), of_item(item))).collect()
}

/// A value as JSON.
pub(crate) fn of_item(item: &Item) -> Json {
    match item {
        Item::None => Json::Null,
        Item::Value(value) => of_value(value),
        Item::Table(table) => Json::Object(of_table(table)),
        Item::ArrayOfTables(tables) => tables.iter().map(|table| Json::Object(of_table(table))).collect(),
    }
}

fn of_value(value: &Value) -> Json {
    match value {
        Value::String(text) => Json::String(text.value().clone()),
        Value::Integer(number) => Json::from(*number.value()),
        Value::Float(number) => Number::from_f64(*number.value()).map_or(Json::Null, Json::Number),
        Value::Boolean(truth) => Json::Bool(*truth.value()),
        Value::Datetime(_) => Json::Null,
        Value::Array(items) => items.iter().map(of_value).collect(),
        Value::InlineTable(table) => Json::Object(of_table(table)),
    }
}

/// A TOML value that the Worker would not get as it is written.
#[derive(Debug)]
pub(crate) struct LossyValue {
    /// The keys that lead to it, from the root of the file.
    pub(crate) path: Vec<String>,
    /// Why it is lost, after the value: "is a date …".
    pub(crate) reason: &'static str,
    /// The value as TOML.
    pub(crate) written: String,
}

/// The values in a table, at any depth, that JSON does not have. `path` leads to the table.
pub(crate) fn lossy_values(table: &dyn TableLike, path: &[String]) -> Vec<LossyValue> {
    let mut found = Vec::new();
    in_table(table, path, &mut found);
    found
}

fn in_table(table: &dyn TableLike, path: &[String], found: &mut Vec<LossyValue>) {
    for (key, item) in table.iter() {
        let path = [path, &[key.to_owned()]].concat();
        match item {
            Item::None => (),
            Item::Value(value) => in_value(value, &path, found),
            Item::Table(table) => in_table(table, &path, found),
            Item::ArrayOfTables(tables) => {
                for (index, table) in tables.iter().enumerate() {
                    in_table(table, &[path.as_slice(), &[index.to_string()]].concat(), found);
                }
            }
        }
    }
}

fn in_value(value: &Value, path: &[String], found: &mut Vec<LossyValue>) {
    let (reason, written) = match value {
        Value::Datetime(date) => ("is a date or time, which JSON does not have", date.value().to_string()),
        Value::Float(number) if !number.value().is_finite() => {
            ("is not a finite number, and JSON has no other", number.value().to_string().to_lowercase())
        }
        Value::Integer(number) if !is_exact(*number.value()) => {
            ("is beyond ±(2^53 - 1), and JavaScript would round it", number.value().to_string())
        }
        Value::InlineTable(table) => return in_table(table, path, found),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                in_value(item, &[path, &[index.to_string()]].concat(), found);
            }
            return;
        }
        _ => return,
    };
    found.push(LossyValue { path: path.to_vec(), reason, written });
}

/// Whether JavaScript's numbers can hold it exactly: up to 2^53 - 1 in both directions.
fn is_exact(number: i64) -> bool {
    number.unsigned_abs() < 1 << 53
}
