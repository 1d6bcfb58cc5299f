//! What expressions see of an event, and how much they may do about it.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::document::Document;
use crate::value::error::Error;
use crate::value::fuel::{EVENT_FUEL, ITEM_FUEL};
use crate::value::lazy::Lazy;
use crate::value::{Object, Value};

/// The values that expressions see, and how much may still be done with them.
#[derive(Debug, Clone)]
pub struct Scope {
    values: Vec<(Arc<str>, Value)>,
    fuel_left: Cell<u64>,
}

/// A value for expressions.
#[derive(Debug, Clone)]
pub enum ScopeValue<'a> {
    /// Any JSON.
    Json(&'a Json),
    /// A text.
    Text(&'a str),
    /// An object of texts, by name.
    Fields(&'a [(&'a str, &'a str)]),
    /// As many as there are, by name.
    Texts(&'a BTreeMap<String, String>),
    /// Headers, found by name in upper or lower case.
    Headers(&'a BTreeMap<String, String>),
    /// A whole document.
    Document(Arc<Document>),
    /// A value of a document by its index.
    Element(&'a Arc<Lazy>, u32),
    /// An object of others, by name.
    Object(Vec<(Cow<'a, str>, ScopeValue<'a>)>),
}

impl<'a> From<&'a Json> for ScopeValue<'a> {
    fn from(json: &'a Json) -> Self {
        Self::Json(json)
    }
}

impl ScopeValue<'_> {
    fn value(self) -> Result<Value, Error> {
        Ok(match self {
            Self::Json(json) => Value::from_json(json),
            Self::Text(text) => Value::text(text),
            Self::Fields(fields) => texts(fields.iter().copied())?,
            Self::Headers(headers) => Value::Object(Object::headers(headers)),
            Self::Texts(fields) => texts(fields.iter().map(|(name, text)| (name.as_str(), text.as_str())))?,
            Self::Document(document) => Lazy::new(document).value(0),
            Self::Element(lazy, index) => lazy.value(index),
            Self::Object(fields) => {
                let field =
                    |(name, value): (Cow<'_, str>, ScopeValue<'_>)| Ok((Value::text(&name), value.value()?));
                Value::object(fields.into_iter().map(field).collect::<Result<_, Error>>()?)?
            }
        })
    }
}

fn texts<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Value, Error> {
    Value::object(fields.map(|(name, text)| (Value::text(name), Value::text(text))).collect())
}

impl Scope {
    /// From a JSON object whose keys are the scope's names.
    #[must_use]
    pub fn new(values: &Json) -> Self {
        let fields = values.as_object().into_iter().flatten();
        Self::named(fields.map(|(name, value)| (name.as_str(), value.into())))
    }

    /// From values by name. What nests too deep to be a value is missing.
    pub fn named<'a>(values: impl IntoIterator<Item = (&'a str, ScopeValue<'a>)>) -> Self {
        let mut scope = Self { values: Vec::new(), fuel_left: Cell::new(EVENT_FUEL) };
        for (name, value) in values {
            scope.set(name, value);
        }
        scope
    }

    /// The same values and one more.
    #[must_use]
    pub fn with<'a>(&self, name: &'a str, value: impl Into<ScopeValue<'a>>) -> Self {
        let mut scope = self.clone();
        scope.set(name, value.into());
        scope
    }

    fn set(&mut self, name: &str, value: ScopeValue<'_>) {
        let value = value.value().unwrap_or(Value::Missing);
        match self.values.iter_mut().find(|(known, _)| **known == *name) {
            Some((_, known)) => *known = value,
            None => self.values.push((Arc::from(name), value)),
        }
    }

    /// Whether there is no value of this name.
    pub(crate) fn is_missing(&self, name: &str) -> bool {
        self.values.iter().all(|(known, _)| **known != *name)
    }

    /// The value of a name.
    pub(super) fn value(&self, name: &str) -> Option<Value> {
        self.values.iter().find(|(known, _)| **known == *name).map(|(_, value)| value.clone())
    }

    /// The same for one of `count` items of a batch. Each has its own share of what the expressions over an event may do,
    /// so that one item cannot take another's.
    #[must_use]
    pub fn for_item_of(self, count: usize) -> Self {
        let share = EVENT_FUEL / u64::try_from(count.max(1)).unwrap_or(u64::MAX);
        Self { fuel_left: Cell::new((share + ITEM_FUEL).min(EVENT_FUEL)), ..self }
    }

    /// The same for what names an event: it may do as much wherever the event stands, so that an item has one id in
    /// every batch. Ids are few and short: what they take is charged to no other expression.
    #[must_use]
    pub fn for_id(&self) -> Self {
        Self { fuel_left: Cell::new(ITEM_FUEL), ..self.clone() }
    }

    /// How much may still be done.
    pub(super) fn fuel_left(&self) -> u64 {
        self.fuel_left.get()
    }

    pub(super) fn spend(&self, fuel: u64) {
        self.fuel_left.set(self.fuel_left.get().saturating_sub(fuel));
    }
}
