//! TOML. A value that JSON does not have becomes null, and is listed.

use std::ops::Range;

use serde_json::{Map, Number, Value as Json};
use toml_edit::{Document, Item, Table, TableLike, Value};

use super::{LossyValue, Parsed};

/// Parses a text.
pub(super) fn parse(text: &str) -> Parsed {
    let document = Document::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        (offset, format!("not TOML: {}", error.message()))
    })?;
    let mut lossy = Vec::new();
    in_table(document.as_table(), &[], &mut lossy);
    Ok((of_table(document.as_table()), lossy))
}

/// The offset of the deepest key of a path that exists, bytes; 0 if none does.
pub(super) fn offset(text: &str, path: &[String]) -> usize {
    Document::parse(text).map_or(0, |document| span_of(document.as_table(), path).start)
}

fn of_table(table: &dyn TableLike) -> Map<String, Json> {
    table.iter().map(|(key, item)| (key.to_owned(), of_item(item))).collect()
}

fn of_item(item: &Item) -> Json {
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
        Value::Integer(number) if !super::is_exact(*number.value()) => {
            (super::ROUNDED, number.value().to_string())
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

/// The span of the deepest key of the path that exists, or the start of the file if none does.
fn span_of(root: &Table, path: &[String]) -> Range<usize> {
    let mut here = 0..0;
    let mut at = At::Table(root);
    for part in path {
        let Some((span, next)) = at.step(part) else { break };
        here = span.unwrap_or(here);
        at = next;
    }
    here
}

/// A part of the file.
enum At<'a> {
    Table(&'a dyn TableLike),
    Item(&'a Item),
    Value(&'a Value),
}

impl<'a> At<'a> {
    /// The next key or index inside it: the span of the key or of the list's element, and its content.
    fn step(&self, part: &str) -> Option<(Option<Range<usize>>, At<'a>)> {
        let in_table = |table: &'a dyn TableLike| {
            let (key, item) = table.get_key_value(part)?;
            Some((key.span().or_else(|| item.span()), At::Item(item)))
        };
        let in_value = |value: &'a Value| match value {
            Value::InlineTable(table) => in_table(table),
            Value::Array(items) => {
                let item = items.get(part.parse().ok()?)?;
                Some((item.span(), At::Value(item)))
            }
            _ => None,
        };
        match *self {
            At::Table(table) => in_table(table),
            At::Value(value) | At::Item(Item::Value(value)) => in_value(value),
            At::Item(Item::Table(table)) => in_table(table),
            At::Item(Item::ArrayOfTables(tables)) => {
                let table = tables.get(part.parse().ok()?)?;
                Some((table.span(), At::Table(table)))
            }
            At::Item(Item::None) => None,
        }
    }
}
