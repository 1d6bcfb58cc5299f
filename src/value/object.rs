//! Objects: made by an expression, part of a document, or the headers of a request.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::Error;
use super::lazy::Container;
use super::list::checked_depth;
use super::{TEXT_RANK, Value};

/// The longest name that is looked up among headers, bytes. A longer key is not a header's name.
const HEADER_NAME_BYTES_MAX: usize = 1024;

/// An object.
#[derive(Debug, Clone)]
pub(in super::super) enum Object {
    Fields(Arc<Fields>),
    /// Each field is made when it is asked for.
    Element(Container),
    /// Found by name in upper or lower case, listed in lower case (RFC 9110, section 5.1).
    Headers(Arc<BTreeMap<String, Value>>),
}

#[derive(Debug)]
pub(in super::super) struct Fields {
    depth: usize,
    /// In the order of their names, each of which is there once.
    fields: Vec<(Value, Value)>,
}

impl Object {
    pub(crate) fn new(mut fields: Vec<(Value, Value)>) -> Result<Self, Error> {
        let depth = checked_depth(fields.iter().flat_map(|(name, value)| [name, value]))?;
        // The sort is stable: of those with one name, the last given is the last here.
        fields.sort_by(|(left, _), (right, _)| left.cmp(right));
        let mut unique: Vec<(Value, Value)> = Vec::with_capacity(fields.len());
        for field in fields {
            match unique.last_mut() {
                Some(last) if last.0 == field.0 => *last = field,
                _ => unique.push(field),
            }
        }
        Ok(Self::Fields(Arc::new(Fields { depth, fields: unique })))
    }

    pub(in super::super) fn headers(headers: &BTreeMap<String, String>) -> Self {
        let lower = headers.iter().map(|(name, text)| (name.to_ascii_lowercase(), Value::text(text)));
        Self::Headers(Arc::new(lower.collect()))
    }

    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::Fields(object) => object.depth,
            Self::Element(_) | Self::Headers(_) => 1,
        }
    }

    pub(in super::super) fn len(&self) -> usize {
        match self {
            Self::Fields(object) => object.fields.len(),
            Self::Element(container) => container.len(),
            Self::Headers(headers) => headers.len(),
        }
    }

    /// The value of the field with this name.
    pub(in super::super) fn field(&self, name: &str) -> Option<Value> {
        match self {
            Self::Fields(object) => {
                let compared = |key: &Value| match key {
                    Value::Text(key) => (**key).cmp(name),
                    other if other.rank() < TEXT_RANK => Ordering::Less,
                    _ => Ordering::Greater,
                };
                let found = object.fields.binary_search_by(|(key, _)| compared(key)).ok()?;
                object.fields.get(found).map(|(_, value)| value.clone())
            }
            Self::Element(container) => container.member(name),
            Self::Headers(headers) => {
                let is_short = name.len() <= HEADER_NAME_BYTES_MAX;
                is_short.then(|| headers.get(&name.to_ascii_lowercase()).cloned()).flatten()
            }
        }
    }

    /// The value of the field with this key, which only an object that an expression made has otherwise than as a text.
    pub(in super::super) fn get(&self, key: &Value) -> Option<Value> {
        match (self, key) {
            (_, Value::Text(name)) => self.field(name),
            (Self::Fields(object), key) => {
                let found = object.fields.binary_search_by(|(known, _)| known.cmp(key)).ok()?;
                object.fields.get(found).map(|(_, value)| value.clone())
            }
            _ => None,
        }
    }

    pub(in super::super) fn names(&self) -> Box<dyn Iterator<Item = Value> + '_> {
        Box::new(self.pairs().map(|(name, _)| name))
    }

    pub(in super::super) fn pairs(&self) -> Box<dyn Iterator<Item = (Value, Value)> + '_> {
        match self {
            Self::Fields(object) => Box::new(object.fields.iter().cloned()),
            Self::Element(container) => Box::new(container.members()),
            Self::Headers(headers) => {
                Box::new(headers.iter().map(|(name, value)| (Value::text(name), value.clone())))
            }
        }
    }
}
