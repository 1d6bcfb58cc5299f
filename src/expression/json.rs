//! JSON into values and back, within bounds.
//!
//! What JSON cannot say is an error, never a null: a missing field, a function, a number that is none.

use std::sync::Arc;

use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, State};
use serde_json::{Map, Number, Value as Json};

use super::arguments::{TEXT_BYTES_MAX, charge, missing, oversized, refuse, text, too_long};
use super::lazy::{Lazy, Oversized};
use super::signatures::add_filter;
use crate::document::Document;

/// How deep a value may nest that an expression gives out: deeper than any body, which ends at 64.
const DEPTH_MAX: usize = 160;

/// What a list and an object cost beside what is in them, bytes: they take more memory than their brackets.
const LIST_BYTES: usize = 8;
const OBJECT_BYTES: usize = 48;

/// How many times the work of reading or writing JSON is that of other work on text.
const JSON_WORK: usize = 2;

pub(super) fn add_to(environment: &mut Environment<'static>) {
    add_filter(environment, "tojson", |state: &State, value: &Value| {
        let mut bytes_left = TEXT_BYTES_MAX;
        let json = to_json(value, &mut bytes_left)?.to_string();
        charge(state, json.len() * JSON_WORK)?;
        Ok::<_, Error>(json)
    });
    add_filter(environment, "fromjson", |state: &State, value: &Value| {
        let text = text(state, "fromjson", value)?;
        charge(state, text.len() * JSON_WORK)?;
        let document = Document::parse(text.into_owned());
        let document =
            document.map_err(|error| refuse(format!("`fromjson` takes JSON; this text {error}")))?;
        Ok::<_, Error>(Lazy::new(Arc::new(document)).value(0))
    });
}

/// The engine's value for JSON.
pub(super) fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(is_true) => Value::from(*is_true),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::from(number),
            (None, Some(number)) => Value::from(number),
            (None, None) => number.as_f64().map_or_else(|| Value::from(()), Value::from),
        },
        Json::String(text) => from_text(text),
        Json::Array(items) => items.iter().map(from_json).collect(),
        Json::Object(fields) => {
            Value::from_pairs(fields.iter().map(|(name, value)| (name.as_str(), from_json(value))))
        }
    }
}

/// The engine's value for a text. One that is too long to be worked on stays in its place as an error.
pub(super) fn from_text(text: &str) -> Value {
    if text.len() > TEXT_BYTES_MAX { Value::from(too_long()) } else { Value::from(text) }
}

/// JSON for a value. What it takes is taken off `bytes_left`, about as many bytes as it has when written.
pub(super) fn to_json(value: &Value, bytes_left: &mut usize) -> Result<Json, Error> {
    Writer { bytes_left, depth: 0 }.write(value)
}

struct Writer<'a> {
    bytes_left: &'a mut usize,
    depth: usize,
}

impl Writer<'_> {
    fn write(&mut self, value: &Value) -> Result<Json, Error> {
        match value.kind() {
            ValueKind::Undefined => Err(missing()),
            ValueKind::Invalid => Err(too_long()),
            ValueKind::None => self.take(4).map(|()| Json::Null),
            ValueKind::Bool => self.take(5).map(|()| Json::Bool(value.is_true())),
            ValueKind::Number => self.take(8).and_then(|()| number(value)),
            ValueKind::String => self.text(value.as_str().unwrap_or_default()).map(Json::String),
            ValueKind::Seq | ValueKind::Iterable => {
                self.deeper(LIST_BYTES)?;
                let mut items = Vec::new();
                for item in value.try_iter()? {
                    items.push(self.write(&item)?);
                }
                self.depth -= 1;
                Ok(Json::Array(items))
            }
            ValueKind::Map => {
                self.deeper(OBJECT_BYTES)?;
                let mut fields = Map::new();
                for name in value.try_iter()? {
                    let field = value.get_item(&name)?;
                    let name = name.as_str().ok_or_else(|| refuse("an object's names are texts"))?;
                    fields.insert(self.text(name)?, self.write(&field)?);
                }
                self.depth -= 1;
                Ok(Json::Object(fields))
            }
            _ if Oversized::of(value).is_some() => Err(oversized()),
            _ => Err(refuse("the value has no JSON form")),
        }
    }

    fn text(&mut self, text: &str) -> Result<String, Error> {
        self.take(text.len() + 3)?;
        Ok(text.to_owned())
    }

    fn deeper(&mut self, bytes: usize) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(refuse(format!("a value nests at most {DEPTH_MAX} deep")));
        }
        self.take(bytes)
    }

    fn take(&mut self, bytes: usize) -> Result<(), Error> {
        let left = self.bytes_left.checked_sub(bytes);
        *self.bytes_left =
            left.ok_or_else(|| refuse(format!("a value has at most {} KiB as JSON", TEXT_BYTES_MAX / 1024)))?;
        Ok(())
    }
}

/// JSON numbers end at 64 bits, and know neither infinity nor not-a-number.
fn number(value: &Value) -> Result<Json, Error> {
    let number = if value.is_integer() {
        let signed = i64::try_from(value.clone()).ok().map(Number::from);
        signed.or_else(|| u64::try_from(value.clone()).ok().map(Number::from))
    } else {
        f64::try_from(value.clone()).ok().and_then(Number::from_f64)
    };
    number.map(Json::Number).ok_or_else(|| {
        refuse("a number that JSON does not have, or of more than 64 bits: give it as a text, by `| string`")
    })
}
