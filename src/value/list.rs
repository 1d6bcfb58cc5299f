//! Lists: made by an expression, part of a document, or a range of numbers.

use std::sync::Arc;

use super::error::{Error, refuse};
use super::lazy::Container;
use super::{DEPTH_MAX, Value};

/// A list.
#[derive(Debug, Clone)]
pub(in super::super) enum List {
    Items(Arc<Items>),
    /// Each item is made when it is asked for.
    Element(Container),
    /// Each number is counted when it is asked for.
    Range(Arc<Range>),
}

#[derive(Debug)]
pub(in super::super) struct Items {
    depth: usize,
    items: Vec<Value>,
}

/// `start`, `start + step`, and so on.
#[derive(Debug)]
pub(in super::super) struct Range {
    pub(in super::super) start: i64,
    pub(in super::super) step: i64,
    pub(in super::super) count: usize,
}

impl Range {
    fn get(&self, index: usize) -> Option<Value> {
        let steps = i64::try_from(index).ok().filter(|_| index < self.count)?;
        Some(Value::Int(self.start.checked_add(self.step.checked_mul(steps)?)?))
    }
}

impl List {
    pub(in super::super) fn new(items: Vec<Value>) -> Result<Self, Error> {
        let depth = checked_depth(&items)?;
        Ok(Self::Items(Arc::new(Items { depth, items })))
    }

    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::Items(list) => list.depth,
            Self::Element(_) | Self::Range(_) => 1,
        }
    }

    pub(in super::super) fn len(&self) -> usize {
        match self {
            Self::Items(list) => list.items.len(),
            Self::Element(container) => container.len(),
            Self::Range(range) => range.count,
        }
    }

    pub(in super::super) fn get(&self, index: usize) -> Option<Value> {
        match self {
            Self::Items(list) => list.items.get(index).cloned(),
            Self::Element(container) => container.item(index),
            Self::Range(range) => range.get(index),
        }
    }

    pub(in super::super) fn iter(&self) -> Box<dyn Iterator<Item = Value> + '_> {
        match self {
            Self::Items(list) => Box::new(list.items.iter().cloned()),
            Self::Element(container) => Box::new(container.items()),
            Self::Range(range) => Box::new((0..range.count).map_while(|index| range.get(index))),
        }
    }
}

/// How deep a container of these values nests.
///
/// # Errors
/// When that is deeper than [`DEPTH_MAX`].
pub(crate) fn checked_depth<'a>(values: impl IntoIterator<Item = &'a Value>) -> Result<usize, Error> {
    let depth = 1 + values.into_iter().map(Value::depth).max().unwrap_or(0);
    if depth > DEPTH_MAX { Err(too_deep()) } else { Ok(depth) }
}

/// The error for a value that nests deeper than [`DEPTH_MAX`].
pub(in super::super) fn too_deep() -> Error {
    refuse(format!("a value nests at most {DEPTH_MAX} deep"))
}
