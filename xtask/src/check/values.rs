//! TOML as the values that the Worker will see: JSON.
//!
//! It translates and judges nothing; what JSON cannot say becomes null here and is told by `traps`.

use serde_json::{Map, Number, Value as Json};
use toml_edit::{Item, TableLike, Value};

/// A table of a table, as JSON.
pub(super) fn read(table: &dyn TableLike, name: &str) -> Option<Map<String, Json>> {
    table.get(name)?.as_table_like().map(of_table)
}

fn of_table(table: &dyn TableLike) -> Map<String, Json> {
    table.iter().map(|(key, item)| (key.to_owned(), of_item(item))).collect()
}

/// A value as JSON.
pub(super) fn of_item(item: &Item) -> Json {
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

/// A value that has no counterpart in JSON, and where it stands.
#[derive(Debug)]
pub(super) struct Untranslatable {
    /// From the file's root on.
    pub(super) path: Vec<String>,
    /// What it is.
    pub(super) what: &'static str,
    /// The value.
    pub(super) written: String,
}

/// Everything in a table that JSON cannot say; `path` is where the table stands.
pub(super) fn untranslatable(table: &dyn TableLike, path: &[String]) -> Vec<Untranslatable> {
    let mut found = Vec::new();
    in_table(table, path, &mut found);
    found
}

fn in_table(table: &dyn TableLike, path: &[String], found: &mut Vec<Untranslatable>) {
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

fn in_value(value: &Value, path: &[String], found: &mut Vec<Untranslatable>) {
    let (what, written) = match value {
        Value::Datetime(date) => ("a date", date.value().to_string()),
        Value::Float(number) if !number.value().is_finite() => {
            ("no number", number.value().to_string().to_lowercase())
        }
        Value::Integer(number) if !is_exact(*number.value()) => {
            ("too large a number", number.value().to_string())
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
    found.push(Untranslatable { path: path.to_vec(), what, written });
}

/// Whether JavaScript's numbers have it: up to 2^53 - 1 either way.
fn is_exact(number: i64) -> bool {
    number.unsigned_abs() < 1 << 53
}
