//! A document as expressions see it: a value is made when an expression asks for it, and nothing before.
//!
//! What takes work for a large list or object (finding an item, finding a name) is indexed once, when it is first needed;
//! a long text is copied once. Both stay as long as the [`Lazy`] document, and are bounded by it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::whole::Whole;
use super::{List, Object, Oversized, TEXT_BYTES_MAX, Value};
use crate::document::{Content, Document, Element};

/// Lists and objects with more items or members than this are indexed.
const INDEXED_FROM: usize = 16;

/// Texts and numbers longer than this are copied or read once, bytes.
const KEPT_FROM: usize = 256;

/// Numbers longer than this are not read but kept as their digits, bytes: no `f64` needs more.
const NUMBER_BYTES_MAX: usize = 1_100;

/// A document as expressions see it, with what was found out about its large parts.
#[derive(Debug)]
pub struct Lazy {
    document: Arc<Document>,
    /// Of large lists and objects: nothing at the first look-up, which goes through it, an index from the second on.
    indexes: Mutex<BTreeMap<u32, Option<Arc<Index>>>>,
    /// Of long texts and numbers.
    scalars: Mutex<BTreeMap<u32, Value>>,
}

impl Lazy {
    /// For the expressions over one event.
    #[must_use]
    pub fn new(document: Arc<Document>) -> Arc<Self> {
        Arc::new(Self { document, indexes: Mutex::default(), scalars: Mutex::default() })
    }

    /// The document.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The value at an index of the document.
    pub(crate) fn value(self: &Arc<Self>, index: u32) -> Value {
        match self.document.element(index).content() {
            Content::Null => Value::Null,
            Content::Bool(truth) => Value::Bool(truth),
            Content::Number(scalar) | Content::Text(scalar) if scalar.len() > TEXT_BYTES_MAX => {
                Value::TooLong
            }
            Content::Number(digits) => self.kept(index, digits, number),
            Content::Text(text) => self.kept(index, text, Value::text),
            Content::List => Value::List(List::Element(Container { lazy: Arc::clone(self), index })),
            Content::Object => Value::Object(Object::Element(Container { lazy: Arc::clone(self), index })),
        }
    }
}

impl Lazy {
    /// The value of a text or number; that of a long one is made once.
    fn kept(&self, index: u32, scalar: &str, make: fn(&str) -> Value) -> Value {
        if scalar.len() <= KEPT_FROM {
            return make(scalar);
        }
        lock(&self.scalars).entry(index).or_insert_with(|| make(scalar)).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A list or an object of the document.
#[derive(Clone)]
pub(crate) struct Container {
    lazy: Arc<Lazy>,
    index: u32,
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} values)", self.element().count())
    }
}

impl Container {
    fn element(&self) -> Element<'_> {
        self.lazy.document.element(self.index)
    }

    /// How many items a list has, or fields an object: each name counts once.
    pub(crate) fn len(&self) -> usize {
        let count = self.element().count();
        if self.element().is_list() || count < 2 { count } else { self.index().values.len() }
    }

    /// What is in it, indexed; kept where that took more than a few steps.
    fn index(&self) -> Arc<Index> {
        if self.element().count() <= INDEXED_FROM {
            return Arc::new(Index::of(self.element()));
        }
        let mut indexes = lock(&self.lazy.indexes);
        let kept = indexes.entry(self.index).or_default();
        Arc::clone(kept.get_or_insert_with(|| Arc::new(Index::of(self.element()))))
    }

    /// The index, where it is worth to have one: one look-up costs less without.
    fn index_for_look_up(&self) -> Option<Arc<Index>> {
        if self.element().count() <= INDEXED_FROM {
            return None;
        }
        if let Entry::Vacant(entry) = lock(&self.lazy.indexes).entry(self.index) {
            entry.insert(None);
            return None;
        }
        Some(self.index())
    }

    /// The item of a list.
    pub(crate) fn item(&self, position: usize) -> Option<Value> {
        let found = match self.index_for_look_up() {
            None => self.element().item(position)?.index(),
            Some(index) => *index.values.get(position)?,
        };
        Some(self.lazy.value(found))
    }

    /// The value of an object's field.
    pub(crate) fn member(&self, name: &str) -> Option<Value> {
        let found = match self.index_for_look_up() {
            None => self.element().get(name)?.index(),
            Some(index) => index.member(&self.lazy.document, name)?,
        };
        Some(self.lazy.value(found))
    }

    /// All items of a list.
    pub(crate) fn items(&self) -> impl Iterator<Item = Value> {
        let index = self.index();
        (0..index.values.len()).map_while(move |position| self.lazy_value(&index.values, position))
    }

    /// All fields of an object, in the order in which they were sent.
    pub(crate) fn members(&self) -> impl Iterator<Item = (Value, Value)> {
        let index = self.index();
        (0..index.names.len()).map_while(move |position| {
            Some((self.lazy_value(&index.names, position)?, self.lazy_value(&index.values, position)?))
        })
    }

    fn lazy_value(&self, indexes: &[u32], position: usize) -> Option<Value> {
        indexes.get(position).map(|index| self.lazy.value(*index))
    }
}

/// Where the items of a list, or the members of an object, stand in the document.
#[derive(Debug)]
struct Index {
    /// The names of an object's members, each once, in the order in which they came first.
    names: Vec<u32>,
    /// The items of a list; of an object the last value of each name.
    values: Vec<u32>,
    /// Positions in `names`, in the order of the names' texts.
    by_name: Vec<u32>,
}

impl Index {
    fn of(element: Element<'_>) -> Self {
        let values = || element.items().map(Element::index).collect();
        if element.is_list() {
            return Self { names: Vec::new(), values: values(), by_name: Vec::new() };
        }
        // A member's value stands right behind its name.
        let members: Vec<(&str, u32)> =
            element.members().map(|(name, value)| (name, value.index() - 1)).collect();
        let mut order: Vec<u32> = (0..).take(members.len()).collect();
        let name_at = |position: &u32| members.get(*position as usize).map_or("", |(name, _)| *name);
        order.sort_by(|left, right| name_at(left).cmp(name_at(right)));
        // Of each name, in the order of the names' texts: where it came first, and where last.
        let kept: Vec<(u32, u32)> = order
            .chunk_by(|left, right| name_at(left) == name_at(right))
            .filter_map(|same| Some((*same.first()?, *same.last()?)))
            .collect();
        let mut sent: Vec<u32> = (0..).take(kept.len()).collect();
        sent.sort_unstable_by_key(|at| kept.get(*at as usize));
        let mut by_name = vec![0; kept.len()];
        for (position, at) in (0..).zip(&sent) {
            if let Some(place) = by_name.get_mut(*at as usize) {
                *place = position;
            }
        }
        let node = |position: u32| members.get(position as usize).map_or(u32::MAX, |(_, node)| *node);
        let in_order = || sent.iter().filter_map(|at| kept.get(*at as usize));
        let names = in_order().map(|(first, _)| node(*first)).collect();
        let values = in_order().map(|(_, last)| node(*last).saturating_add(1)).collect();
        Self { names, values, by_name }
    }

    fn member(&self, document: &Document, name: &str) -> Option<u32> {
        let name_at = |position: u32| {
            let node = self.names.get(position as usize).copied().unwrap_or(u32::MAX);
            document.element(node).as_text().unwrap_or_default()
        };
        let found = self.by_name.binary_search_by(|position| name_at(*position).cmp(name)).ok()?;
        self.values.get(*self.by_name.get(found)? as usize).copied()
    }
}

/// A number with all its digits, or what stands for one that is too large.
fn number(digits: &str) -> Value {
    let is_whole = !digits.contains(['.', 'e', 'E']);
    let read = if digits.len() > NUMBER_BYTES_MAX {
        None
    } else if is_whole {
        let magnitude = digits.strip_prefix('-').unwrap_or(digits);
        Whole::parse(digits.starts_with('-'), magnitude).and_then(Whole::value)
    } else {
        digits.parse().ok().filter(|real: &f64| real.is_finite()).map(Value::Real)
    };
    read.unwrap_or_else(|| Value::Oversized(Arc::new(Oversized { digits: digits.into(), is_whole })))
}
