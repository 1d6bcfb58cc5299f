//! One value of a document, and access to the values in it. It borrows from the document.

use std::fmt;

use serde_json::{Map, Number};

use super::{Document, Kind, Node};

/// A value in a [`Document`].
#[derive(Debug, Clone, Copy)]
pub struct Element<'d> {
    document: &'d Document,
    index: u32,
}

/// The type of a value, and its content if that is a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'d> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// The number as it was written, with all its digits.
    Number(&'d str),
    /// The text without escapes.
    Text(&'d str),
    /// See [`Element::items`].
    List,
    /// See [`Element::members`].
    Object,
}

impl<'d> Element<'d> {
    pub(super) fn new(document: &'d Document, index: u32) -> Self {
        Self { document, index }
    }

    /// The index of the value in its document; see [`Document::element`].
    #[must_use]
    pub fn index(self) -> u32 {
        self.index
    }

    /// The type and content.
    #[must_use]
    pub fn content(self) -> Content<'d> {
        let Some(node) = self.node() else { return Content::Null };
        match node.kind {
            Kind::Null => Content::Null,
            Kind::False => Content::Bool(false),
            Kind::True => Content::Bool(true),
            Kind::SourceNumber => Content::Number(part(&self.document.source, node)),
            Kind::OwnNumber => Content::Number(part(&self.document.texts, node)),
            Kind::SourceText => Content::Text(part(&self.document.source, node)),
            Kind::OwnText => Content::Text(part(&self.document.texts, node)),
            Kind::List => Content::List,
            Kind::Object => Content::Object,
        }
    }

    /// The text; `None` for another type.
    #[must_use]
    pub fn as_text(self) -> Option<&'d str> {
        match self.content() {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.content() == Content::Null
    }

    /// Whether it is a list.
    #[must_use]
    pub fn is_list(self) -> bool {
        self.content() == Content::List
    }

    /// Whether it is an object.
    #[must_use]
    pub fn is_object(self) -> bool {
        self.content() == Content::Object
    }

    /// The number of items of a list or members of an object; 0 for a scalar. Repeated names count each time.
    #[must_use]
    pub fn count(self) -> usize {
        self.node().filter(|node| is_container(node.kind)).map_or(0, |node| node.start_or_count as usize)
    }

    /// The items of a list; empty for another type.
    pub fn items(self) -> impl Iterator<Item = Element<'d>> {
        let count = if self.is_list() { self.count() } else { 0 };
        let mut next = Self { index: self.index + 1, ..self };
        (0..count).map(move |_| {
            let item = next;
            next = item.following();
            item
        })
    }

    /// The members of an object in the order in which they were sent, including repeated names; empty for another type.
    pub fn members(self) -> impl Iterator<Item = (&'d str, Element<'d>)> {
        let count = if self.is_object() { self.count() } else { 0 };
        let mut next = Self { index: self.index + 1, ..self };
        (0..count).map(move |_| {
            let name = next.as_text().unwrap_or_default();
            let value = next.following();
            next = value.following();
            (name, value)
        })
    }

    /// The value of a member of an object; the last one of a repeated name, as in `JSON.parse`.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Element<'d>> {
        self.members().filter(|(found, _)| *found == name).last().map(|(_, value)| value)
    }

    /// The item of a list at an index from 0.
    #[must_use]
    pub fn item(self, index: usize) -> Option<Element<'d>> {
        self.items().nth(index)
    }

    /// Copies the value into a tree; use it for small values. Numbers that exceed 64 bits are rounded.
    #[must_use]
    pub fn to_value(self) -> serde_json::Value {
        match self.content() {
            Content::Null => serde_json::Value::Null,
            Content::Bool(truth) => truth.into(),
            Content::Number(digits) => number(digits).map_or(serde_json::Value::Null, Into::into),
            Content::Text(text) => text.into(),
            Content::List => self.items().map(Element::to_value).collect(),
            Content::Object => {
                let members = self.members().map(|(name, value)| (name.to_owned(), value.to_value()));
                serde_json::Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }

    /// Writes the value in a form that differs for any two different values, to be hashed. Numbers keep their digits.
    ///
    /// # Errors
    /// When `to` fails.
    pub fn write_canonical(self, to: &mut dyn fmt::Write) -> fmt::Result {
        match self.content() {
            Content::Null => to.write_str("null"),
            Content::Bool(truth) => write!(to, "{truth}"),
            Content::Number(digits) => to.write_str(digits),
            Content::Text(text) => write!(to, "{}:{text}", text.len()),
            Content::List => {
                write!(to, "[{} ", self.count())?;
                self.items().try_for_each(|item| {
                    item.write_canonical(to)?;
                    to.write_char(' ')
                })
            }
            Content::Object => {
                write!(to, "{{{} ", self.count())?;
                self.members().try_for_each(|(name, value)| {
                    write!(to, "{}:{name} ", name.len())?;
                    value.write_canonical(to)?;
                    to.write_char(' ')
                })
            }
        }
    }

    /// The value after this one and its contents.
    fn following(self) -> Self {
        let container = self.node().filter(|node| is_container(node.kind));
        Self { index: container.map_or(self.index + 1, |node| node.length_or_next), ..self }
    }

    fn node(self) -> Option<&'d Node> {
        self.document.nodes.get(self.index as usize)
    }
}

fn is_container(kind: Kind) -> bool {
    matches!(kind, Kind::List | Kind::Object)
}

fn part<'d>(text: &'d str, node: &Node) -> &'d str {
    let start = node.start_or_count as usize;
    text.get(start..start + node.length_or_next as usize).unwrap_or_default()
}

fn number(digits: &str) -> Option<Number> {
    let whole = digits.parse().ok().map(|whole: i64| Number::from(whole));
    whole
        .or_else(|| digits.parse().ok().map(|whole: u64| Number::from(whole)))
        .or_else(|| digits.parse().ok().and_then(Number::from_f64))
}
