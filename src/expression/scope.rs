//! What expressions see of an event, and how much they may do about it.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::value::merge_maps;
use serde_json::Value;

use super::FUEL;
use super::headers::headers;
use super::json::{from_json, from_text};
use super::lazy::Lazy;
use crate::document::Document;

/// How much all evaluations over one event may do, together with what they give out.
pub(super) const EVENT_FUEL: u64 = 2 * FUEL;

/// How much the expressions over one item of a batch may do beside its share of [`EVENT_FUEL`]: an item's condition and
/// ten parameters take a third of it. A batch of 500 items may so take half a million, some tenths of a second.
const ITEM_FUEL: u64 = FUEL / 20;

/// The values that expressions see, and how much may still be done with them.
#[derive(Debug, Clone)]
pub struct Scope {
    pub(super) values: minijinja::Value,
    fuel_left: Cell<u64>,
}

/// A value for expressions.
#[derive(Debug, Clone)]
pub enum Given<'a> {
    /// Any JSON.
    Json(&'a Value),
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
    Object(Vec<(Cow<'a, str>, Given<'a>)>),
}

impl<'a> From<&'a Value> for Given<'a> {
    fn from(json: &'a Value) -> Self {
        Self::Json(json)
    }
}

impl Given<'_> {
    fn value(self) -> minijinja::Value {
        match self {
            Self::Json(json) => from_json(json),
            Self::Text(text) => from_text(text),
            Self::Fields(fields) => object(fields.iter().copied()),
            Self::Headers(texts) => headers(texts),
            Self::Texts(texts) => object(texts.iter().map(|(name, text)| (name.as_str(), text.as_str()))),
            Self::Document(document) => Lazy::new(document).value(0),
            Self::Element(lazy, index) => lazy.value(index),
            Self::Object(fields) => {
                let fields = fields.into_iter().map(|(name, given)| (name.into_owned(), given.value()));
                minijinja::Value::from_pairs(fields)
            }
        }
    }
}

fn object<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> minijinja::Value {
    minijinja::Value::from_pairs(fields.map(|(name, text)| (name, from_text(text))))
}

impl Scope {
    /// From a JSON object whose keys are the scope's names.
    #[must_use]
    pub fn new(values: &Value) -> Self {
        Self::of(from_json(values))
    }

    /// From values by name; soonest done where the names are in order.
    pub fn named<'a>(values: impl IntoIterator<Item = (&'a str, Given<'a>)>) -> Self {
        let values = values.into_iter().map(|(name, given)| (name, given.value()));
        Self::of(minijinja::Value::from_pairs(values))
    }

    fn of(values: minijinja::Value) -> Self {
        Self { values, fuel_left: Cell::new(EVENT_FUEL) }
    }

    /// The same values and one more.
    #[must_use]
    pub fn with<'a>(&self, name: &'a str, given: impl Into<Given<'a>>) -> Self {
        // Of two maps the last wins.
        let values = merge_maps([self.values.clone(), Self::named([(name, given.into())]).values]);
        Self { values, ..self.clone() }
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
