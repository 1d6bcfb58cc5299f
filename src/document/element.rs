//! One value of a document, and the way to those in it. It borrows and copies nothing.

use std::fmt;

use serde_json::{Map, Number};

use super::{Document, Kind, Node};

/// A value in a [`Document`].
#[derive(Debug, Clone, Copy)]
pub struct Element<'d> {
    document: &'d Document,
    index: u32,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'d> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// As it is written, with all its digits.
    Number(&'d str),
    /// Decoded.
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

    /// Names the value within its document: see [`Document::element`].
    #[must_use]
    pub fn index(self) -> u32 {
        self.index
    }

    /// What it is.
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

    /// The text that it is.
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

    /// How many items a list has, or members an object; a name that an object has twice counts twice.
    #[must_use]
    pub fn count(self) -> usize {
        self.node().filter(|node| is_container(node.kind)).map_or(0, |node| node.start_or_count as usize)
    }

    /// A list's items; none for anything else.
    pub fn items(self) -> impl Iterator<Item = Element<'d>> {
        let count = if self.is_list() { self.count() } else { 0 };
        let mut next = Self { index: self.index + 1, ..self };
        (0..count).map(move |_| {
            let item = next;
            next = item.following();
            item
        })
    }

    /// An object's members in the order in which they were sent, one that was sent twice twice; none for anything else.
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

    /// The value of an object's member: of a name that was sent twice the last, as in `JSON.parse`.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Element<'d>> {
        self.members().filter(|(found, _)| *found == name).last().map(|(_, value)| value)
    }

    /// An item of a list.
    #[must_use]
    pub fn item(self, index: usize) -> Option<Element<'d>> {
        self.items().nth(index)
    }

    /// The same as a tree of values: for small ones. Numbers that 64 bits do not hold are rounded.
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

    /// Writes the value so that two values are written alike only if they are the same, with all digits: for a hash.
    ///
    /// # Errors
    /// Those of `to`.
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

    /// The value after this one and all that is in it.
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
