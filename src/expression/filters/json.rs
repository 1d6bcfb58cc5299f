//! JSON into values and back, within bounds.
//!
//! What JSON cannot say is an error, never a null: a missing field, a function, a number that is none.

use std::sync::Arc;

use serde_json::{Map, Number, Value as Json};

use super::super::arguments::Arguments;
use crate::document::Document;
use crate::value::error::{Error, refuse};
use crate::value::lazy::Lazy;
use crate::value::whole::Whole;
use crate::value::{DEPTH_MAX, TEXT_BYTES_MAX, Value, oversized, too_deep, too_long};

/// What a list and an object cost beside what is in them, bytes: they take more memory than their brackets.
const LIST_BYTES: usize = 8;
const OBJECT_BYTES: usize = 48;

/// How many times the work of reading or writing JSON is that of other work on text.
const JSON_WORK: usize = 2;

/// `value | tojson`
pub(super) fn tojson(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let mut bytes_left = TEXT_BYTES_MAX;
    let json = to_json(value, &mut bytes_left)?.to_string();
    arguments.fuel.spend_on_text(json.len() * JSON_WORK)?;
    Ok(Value::text(&json))
}

/// `text | fromjson`
pub(super) fn fromjson(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let text = arguments.own_text(value)?;
    arguments.fuel.spend_on_text(text.len() * JSON_WORK)?;
    let document = Document::parse(text.into_owned());
    let document = document.map_err(|error| refuse(format!("`fromjson` takes JSON; this text {error}")))?;
    Ok(Lazy::new(Arc::new(document)).value(0))
}

/// JSON for a value. What it takes is taken off `bytes_left`, about as many bytes as it has when written.
pub(in super::super) fn to_json(value: &Value, bytes_left: &mut usize) -> Result<Json, Error> {
    Writer { bytes_left, depth: 0 }.write(value)
}

struct Writer<'a> {
    bytes_left: &'a mut usize,
    depth: usize,
}

impl Writer<'_> {
    fn write(&mut self, value: &Value) -> Result<Json, Error> {
        match value {
            Value::Missing | Value::Nothing => Err(Error::Missing),
            Value::TooLong => Err(too_long()),
            Value::Oversized(_) => Err(oversized()),
            Value::Null => self.take(4).map(|()| Json::Null),
            Value::Bool(truth) => self.take(5).map(|()| Json::Bool(*truth)),
            Value::Int(_) | Value::Wide(_) | Value::Real(_) => self.take(8).and_then(|()| number(value)),
            Value::Text(text) => self.text(text).map(Json::String),
            Value::List(list) => {
                self.deeper(LIST_BYTES)?;
                let mut items = Vec::new();
                for item in list.iter() {
                    items.push(self.write(&item)?);
                }
                self.depth -= 1;
                Ok(Json::Array(items))
            }
            Value::Object(object) => {
                self.deeper(OBJECT_BYTES)?;
                let mut fields = Map::new();
                for (name, field) in object.pairs() {
                    let name = name.as_text().ok_or_else(|| refuse("an object's names are texts"))?;
                    fields.insert(self.text(name)?, self.write(&field)?);
                }
                self.depth -= 1;
                Ok(Json::Object(fields))
            }
        }
    }

    fn text(&mut self, text: &str) -> Result<String, Error> {
        self.take(text.len() + 3)?;
        Ok(text.to_owned())
    }

    fn deeper(&mut self, bytes: usize) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(too_deep());
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
    let number = match value {
        Value::Int(number) => Some(Number::from(*number)),
        Value::Real(number) => Number::from_f64(*number),
        _ => Whole::of(value).and_then(Whole::unsigned).map(Number::from),
    };
    number.map(Json::Number).ok_or_else(|| {
        refuse("a number that JSON does not have, or of more than 64 bits: give it as a text, by `| string`")
    })
}
