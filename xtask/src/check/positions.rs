//! The position of a key or value in the text of a TOML file.

use std::ops::Range;

use toml_edit::{Item, Table, TableLike, Value};

/// The span of the deepest key of the path that exists, or the start of the file if none does.
pub(super) fn span_of(root: &Table, path: &[String]) -> Range<usize> {
    let mut here = 0..0;
    let mut at = At::Table(root);
    for part in path {
        let Some((span, next)) = at.step(part) else { break };
        here = span.unwrap_or(here);
        at = next;
    }
    here
}

/// The line and column of a byte offset. Both count from 1, and columns count characters.
pub(super) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
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
