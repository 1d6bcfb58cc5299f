//! What filters and operators are given: read strictly, and paid for before the work is done.
//!
//! An error says which filter wants what, and what kind of value came; never the value, which is the event's.

use std::borrow::Cow;

use minijinja::value::{Value, ValueIter, ValueKind};
use minijinja::{Error, ErrorKind, State};

use super::lazy::Oversized;

/// The longest text that an expression takes in or gives out, bytes, and the largest value that it gives out, as JSON.
/// What a filter does to this much stays far below the CPU time of one request.
pub(super) const TEXT_BYTES_MAX: usize = 128 * 1024;

/// Bytes of text that one unit of fuel pays for, beside what the engine itself charges.
const BYTES_PER_FUEL: usize = 16;

/// An error in words.
pub(super) fn refuse(words: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, words)
}

/// A field that the event does not have.
pub(super) fn missing() -> Error {
    Error::from(ErrorKind::UndefinedError)
}

/// What a value is, in JSON's words.
pub(super) fn word(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::None => "null",
        ValueKind::Bool => "a boolean",
        ValueKind::Number => "a number",
        ValueKind::String => "a text",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        ValueKind::Map => "an object",
        _ => "something else",
    }
}

/// The error for a value that `name` does not take; a missing field stays a missing field.
pub(super) fn unfit(name: &str, wanted: &str, value: &Value) -> Error {
    match value.kind() {
        ValueKind::Undefined => missing(),
        ValueKind::Invalid => too_long(),
        _ if Oversized::of(value).is_some() => oversized(),
        _ => refuse(format!("`{name}` takes {wanted}, not {}", word(value))),
    }
}

/// The error for a text beyond [`TEXT_BYTES_MAX`].
pub(super) fn too_long() -> Error {
    refuse(format!("a text of more than {} KiB", TEXT_BYTES_MAX / 1024))
}

/// The error for a number that the engine has no room for.
pub(super) fn oversized() -> Error {
    refuse(
        "a number of more than 128 bits, or beyond what 64-bit floating point holds: it can only be given as a text, by `| string`",
    )
}

/// Charges for work on `bytes` of text.
pub(super) fn charge(state: &State, bytes: usize) -> Result<(), Error> {
    state.consume_fuel((bytes / BYTES_PER_FUEL) as u64)
}

/// A text, or a number as it is written.
pub(super) fn text<'a>(state: &State, name: &str, value: &'a Value) -> Result<Cow<'a, str>, Error> {
    let text = match value.kind() {
        ValueKind::String => Cow::Borrowed(value.as_str().unwrap_or_default()),
        ValueKind::Number => Cow::Owned(value.to_string()),
        ValueKind::Plain => written(value)?,
        _ => return Err(unfit(name, "a text", value)),
    };
    if text.len() > TEXT_BYTES_MAX {
        return Err(too_long());
    }
    charge(state, text.len())?;
    Ok(text)
}

/// What a value looks like inside a text: as JSON writes it, so that `true` is not `True`.
pub(super) fn written(value: &Value) -> Result<Cow<'_, str>, Error> {
    match value.kind() {
        ValueKind::String => Ok(Cow::Borrowed(value.as_str().unwrap_or_default())),
        ValueKind::Number => Ok(Cow::Owned(value.to_string())),
        ValueKind::Bool => Ok(Cow::Borrowed(if value.is_true() { "true" } else { "false" })),
        ValueKind::Undefined => Err(missing()),
        ValueKind::Invalid => Err(too_long()),
        ValueKind::None => Err(refuse("null inside a text; say what stands for it: `| default('-', true)`")),
        _ if Oversized::of(value).is_some() => {
            let whole = Oversized::of(value).and_then(Oversized::whole);
            whole.map(Cow::Borrowed).ok_or_else(oversized)
        }
        _ => Err(refuse(format!("{} inside a text; use `| join(', ')` or `| tojson`", word(value)))),
    }
}

/// A list's items.
pub(super) fn list(name: &str, value: &Value) -> Result<ValueIter, Error> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => value.try_iter(),
        _ => Err(unfit(name, "a list", value)),
    }
}

/// A value deeper in another by its dotted path; list items by their index.
pub(super) fn at_path(value: &Value, path: &str) -> Option<Value> {
    path.split('.').try_fold(value.clone(), |value, part| {
        let by_index = || value.get_item_by_index(part.parse().ok()?).ok();
        let found = match value.kind() {
            ValueKind::Seq | ValueKind::Iterable => by_index(),
            _ => value.get_attr(part).ok(),
        };
        found.filter(|value| !value.is_undefined())
    })
}
