//! What a filter, a test, a function or a method is given beside the value that it works on.
//!
//! An error names the argument, and the kind of value that came; never the value, which is the event's.

use std::borrow::Cow;

use super::signatures::{self, Signature};
use crate::value::error::{Error, refuse};
use crate::value::fuel::Fuel;
use crate::value::{TEXT_BYTES_MAX, Value, too_long, unfit};

/// Values as a template gives them: in order, and by name.
#[derive(Debug, Default)]
pub(super) struct RawArguments {
    pub(super) values: Vec<Value>,
    pub(super) named: Vec<(Box<str>, Value)>,
}

/// Arguments at their places.
#[derive(Debug)]
pub(super) struct Arguments<'a> {
    signature: Signature,
    pub(super) fuel: &'a Fuel,
    /// In the order of the signature; null stands for what is left out.
    pub(super) values: Vec<Value>,
    /// By name, where the signature takes anything more.
    pub(super) named: Vec<(Box<str>, Value)>,
}

impl<'a> Arguments<'a> {
    /// Puts values at the places that the signature has for them.
    ///
    /// # Errors
    /// When they are not what the signature takes.
    pub(super) fn new(signature: Signature, given: RawArguments, fuel: &'a Fuel) -> Result<Self, Error> {
        let RawArguments { mut values, named } = given;
        if signature.takes.ends_with('*') {
            return Ok(Self { signature, fuel, values, named });
        }
        let names = named.iter().map(|(name, _)| &**name);
        signatures::check(signature, values.len(), names).map_err(refuse)?;
        for (place, name) in signature.names().enumerate() {
            if let Some((_, value)) = named.iter().find(|(known, _)| **known == *name) {
                values.resize(values.len().max(place), Value::Null);
                values.push(value.clone());
            }
        }
        Ok(Self { signature, fuel, values, named: Vec::new() })
    }

    /// What they are given to.
    pub(super) fn name(&self) -> &'static str {
        self.signature.name
    }

    /// The argument at a place; null where it is left out.
    pub(super) fn get(&self, place: usize) -> &Value {
        self.values.get(place).unwrap_or(&Value::Null)
    }

    /// The argument at a place, if it is neither left out nor null.
    pub(super) fn given(&self, place: usize) -> Option<&Value> {
        self.values.get(place).filter(|value| !matches!(value, Value::Null))
    }

    fn unfit(&self, place: usize, wanted: &str) -> Error {
        let argument = self.signature.names().nth(place).unwrap_or("arguments");
        unfit(self.name(), &format!("{wanted} as `{argument}`"), self.get(place))
    }

    /// A text.
    pub(super) fn text(&self, place: usize) -> Result<&str, Error> {
        self.get(place).as_text().ok_or_else(|| self.unfit(place, "a text"))
    }

    pub(super) fn optional_text(&self, place: usize) -> Result<Option<&str>, Error> {
        self.given(place).map(|_| self.text(place)).transpose()
    }

    /// A text, or a number or boolean as it is written.
    pub(super) fn written(&self, place: usize) -> Result<Cow<'_, str>, Error> {
        match self.get(place) {
            Value::Null | Value::List(_) | Value::Object(_) => Err(self.unfit(place, "a text")),
            value => value.written(),
        }
    }

    pub(super) fn optional_written(&self, place: usize) -> Result<Option<Cow<'_, str>>, Error> {
        self.given(place).map(|_| self.written(place)).transpose()
    }

    pub(super) fn optional_whole(&self, place: usize) -> Result<Option<i64>, Error> {
        let whole = |value: &Value| value.index().ok_or_else(|| self.unfit(place, "a whole number"));
        self.given(place).map(whole).transpose()
    }

    /// A whole number from 0 on.
    pub(super) fn optional_count(&self, place: usize) -> Result<Option<usize>, Error> {
        let count = |whole| usize::try_from(whole).map_err(|_| self.unfit(place, "a number from 0 on"));
        self.optional_whole(place)?.map(count).transpose()
    }

    pub(super) fn count(&self, place: usize) -> Result<usize, Error> {
        self.optional_count(place)?.ok_or_else(|| self.unfit(place, "a number from 0 on"))
    }

    pub(super) fn optional_bool(&self, place: usize) -> Result<Option<bool>, Error> {
        match self.given(place) {
            None => Ok(None),
            Some(Value::Bool(truth)) => Ok(Some(*truth)),
            Some(_) => Err(self.unfit(place, "a boolean")),
        }
    }

    /// The value that the filter or method works on, as a text: a text, or a number as it is written. It is paid for.
    pub(super) fn own_text<'v>(&self, value: &'v Value) -> Result<Cow<'v, str>, Error> {
        let text = match value {
            Value::Text(_) | Value::Int(_) | Value::Wide(_) | Value::Real(_) | Value::Oversized(_) => {
                value.written()?
            }
            _ => return Err(unfit(self.name(), "a text", value)),
        };
        if text.len() > TEXT_BYTES_MAX {
            return Err(too_long());
        }
        self.fuel.spend_on_text(text.len())?;
        Ok(text)
    }
}

/// A value deeper in another by its dotted path, such as `a.0.b`; items of lists by their index.
///
/// # Errors
/// [`Error::Missing`] when what leads there is missing.
pub(super) fn at_path(value: &Value, path: &str) -> Result<Value, Error> {
    path.split('.').try_fold(value.clone(), |value, part| match (&value, part.parse()) {
        (Value::List(_), Ok(index)) => value.item(&Value::Int(index)),
        _ => value.attribute(part),
    })
}
