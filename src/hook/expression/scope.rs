//! What expressions see of an event, and how much they may do about it.

use std::cell::Cell;
use std::collections::BTreeMap;

use minijinja::value::merge_maps;
use serde_json::Value;

use super::FUEL;
use super::headers::headers;
use super::json::{from_json, from_text};

/// How much all evaluations over one event may do, together with what they give out.
pub(super) const EVENT_FUEL: u64 = 2 * FUEL;

/// How much the expressions over one item of a batch may do, however many items there are.
const ITEM_FUEL_MIN: u64 = FUEL / 20;

/// The values that expressions see, and how much was done with them.
#[derive(Debug, Clone)]
pub struct Scope {
    pub(super) values: minijinja::Value,
    pub(super) fuel_spent: Cell<u64>,
    fuel_max: u64,
}

/// A value for expressions.
#[derive(Debug, Clone, Copy)]
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
        Self { values, fuel_spent: Cell::new(0), fuel_max: EVENT_FUEL }
    }

    /// The same values and one more.
    #[must_use]
    pub fn with<'a>(&self, name: &'a str, given: impl Into<Given<'a>>) -> Self {
        // Of two maps the last wins.
        let values = merge_maps([self.values.clone(), Self::named([(name, given.into())]).values]);
        Self { values, ..self.clone() }
    }

    /// The same for one of `count` items of a batch, which share what the expressions over an event may do.
    #[must_use]
    pub fn for_item_of(self, count: usize) -> Self {
        let share = EVENT_FUEL / u64::try_from(count.max(1)).unwrap_or(u64::MAX);
        Self { fuel_spent: Cell::new(0), fuel_max: share.max(ITEM_FUEL_MIN), ..self }
    }

    /// Whether nothing more may be done.
    pub(super) fn is_spent(&self) -> bool {
        self.fuel_spent.get() >= self.fuel_max
    }

    pub(super) fn spend(&self, fuel: u64) {
        self.fuel_spent.set(self.fuel_spent.get().saturating_add(fuel));
    }
}
