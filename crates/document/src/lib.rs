//! A JSON value, stored as its text and a flat index of the positions of its values.
//!
//! A tree of values takes up to fifty times the memory of its text on wasm32. This index takes [`NODE_BYTES`] for each
//! value and each member's name, and at most [`INDEX_BYTES_MAX`]. Values are copied only when they are read, numbers keep
//! their digits, members keep their order. It knows no HTTP, no hook and no expression.

mod element;
mod json;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use element::{Content, Element};

/// The most levels of a document. Events have fewer than ten; code that walks a document recurses this deep.
pub const DEPTH_MAX: usize = 64;

/// The memory of one value, or of one member's name, in the index, bytes.
pub const NODE_BYTES: usize = size_of::<Node>();

/// The largest index of one document, bytes: about a million values and names. A real event of 4 MiB takes half of it;
/// 4 MiB of `[0,0,…]` would take twice as much.
pub const INDEX_BYTES_MAX: usize = 12 * 1024 * 1024;

/// A full index grows by one node for so many that it has. Doubling would leave up to half of it empty, and the memory of
/// wasm never shrinks.
const NODES_PER_RESERVED: usize = 4;

/// It grows by no less than this.
const NODES_RESERVED_MIN: usize = 64;

/// Why a text is rejected as a document. The messages quote nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The text is not JSON (RFC 8259).
    #[error("is not JSON: expected {expected} at line {line}, column {column}")]
    Syntax {
        /// What JSON requires at that position.
        expected: &'static str,
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
    },
    /// The text nests deeper than [`DEPTH_MAX`].
    #[error("nests deeper than {DEPTH_MAX} levels: send a flatter event")]
    TooDeep,
    /// The index would be larger than [`INDEX_BYTES_MAX`].
    #[error("has more than {} values: send smaller events", INDEX_BYTES_MAX / NODE_BYTES)]
    TooLarge,
}

/// A value of any JSON type, with all values in it.
#[derive(Debug, Default)]
pub struct Document {
    /// The parsed text; numbers, and texts without an escape, are slices of it. Its owner may share it.
    source: Arc<String>,
    /// Texts that are not in `source`, or have escapes there, one after another.
    texts: String,
    /// Each container before its contents, each member's name before its value.
    nodes: Vec<Node>,
}

/// One value or one member's name.
#[derive(Debug, Clone, Copy)]
struct Node {
    kind: Kind,
    /// For a text or number: its offset, bytes. For a list or object: the number of its items or members.
    start_or_count: u32,
    /// For a text or number: its length, bytes. For a list or object: the index of the node after its contents.
    length_or_next: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    False,
    True,
    /// A slice of `source`.
    SourceNumber,
    /// A slice of `texts`.
    OwnNumber,
    /// A slice of `source`.
    SourceText,
    /// A slice of `texts`.
    OwnText,
    List,
    Object,
}

impl Document {
    /// Parses JSON. A lone surrogate escape becomes U+FFFD, because UTF-8 cannot represent it.
    ///
    /// # Errors
    /// [`ParseError`] when `source` is not JSON, nests too deep or has too many values.
    pub fn parse(source: impl Into<Arc<String>>) -> Result<Self, ParseError> {
        json::parse(source.into())
    }

    /// A document that is one text.
    #[must_use]
    pub fn from_text(text: impl Into<Arc<String>>) -> Self {
        let text = text.into();
        let node = Node { kind: Kind::SourceText, start_or_count: 0, length_or_next: narrow(text.len()) };
        Self { source: text, texts: String::new(), nodes: vec![node] }
    }

    /// A document that is null.
    #[must_use]
    pub fn null() -> Self {
        let node = Node { kind: Kind::Null, start_or_count: 0, length_or_next: 0 };
        Self { source: Arc::default(), texts: String::new(), nodes: vec![node] }
    }

    /// The outermost value.
    #[must_use]
    pub fn root(&self) -> Element<'_> {
        Element::new(self, 0)
    }

    /// The value at an index from [`Element::index`]; null for an index that is out of bounds.
    #[must_use]
    pub fn element(&self, index: u32) -> Element<'_> {
        Element::new(self, index)
    }
}

/// Builds a document in order: begin a list or object, add its contents, end it.
#[derive(Debug, Default)]
pub struct Builder {
    document: Document,
    /// The indexes of the lists and objects that have no end yet.
    open: Vec<usize>,
}

impl Builder {
    /// Takes memory for so many nodes, as far as the index may have them.
    fn reserve(&mut self, nodes: usize) {
        self.document.nodes.reserve_exact(nodes.min(INDEX_BYTES_MAX / NODE_BYTES));
    }

    /// Begins a list.
    ///
    /// # Errors
    /// [`ParseError::TooDeep`] or [`ParseError::TooLarge`].
    pub fn begin_list(&mut self) -> Result<(), ParseError> {
        self.begin(Kind::List)
    }

    /// Begins an object. For each member add its [`name`](Self::name), then its value.
    ///
    /// # Errors
    /// [`ParseError::TooDeep`] or [`ParseError::TooLarge`].
    pub fn begin_object(&mut self) -> Result<(), ParseError> {
        self.begin(Kind::Object)
    }

    /// Ends the innermost open list or object.
    pub fn end(&mut self) {
        let next = narrow(self.document.nodes.len());
        if let Some(node) = self.open.pop().and_then(|at| self.document.nodes.get_mut(at)) {
            node.length_or_next = next;
        }
    }

    /// Adds a member's name.
    ///
    /// # Errors
    /// [`ParseError::TooLarge`].
    pub fn name(&mut self, name: &str) -> Result<(), ParseError> {
        let node = self.own(Kind::OwnText, name);
        self.push(node)
    }

    /// Adds a text.
    ///
    /// # Errors
    /// [`ParseError::TooLarge`].
    pub fn text(&mut self, text: &str) -> Result<(), ParseError> {
        let node = self.own(Kind::OwnText, text);
        self.value(node)
    }

    /// Adds a number, written as in JSON.
    ///
    /// # Errors
    /// [`ParseError::TooLarge`].
    pub fn number(&mut self, digits: &str) -> Result<(), ParseError> {
        let node = self.own(Kind::OwnNumber, digits);
        self.value(node)
    }

    /// Ends all open lists and objects and returns the document.
    #[must_use]
    pub fn finish(mut self) -> Document {
        while !self.open.is_empty() {
            self.end();
        }
        self.document
    }

    fn own(&mut self, kind: Kind, text: &str) -> Node {
        let start = self.document.texts.len();
        self.document.texts.push_str(text);
        Node { kind, start_or_count: narrow(start), length_or_next: narrow(text.len()) }
    }

    fn begin(&mut self, kind: Kind) -> Result<(), ParseError> {
        if self.open.len() == DEPTH_MAX {
            return Err(ParseError::TooDeep);
        }
        self.value(Node { kind, start_or_count: 0, length_or_next: 0 })?;
        self.open.push(self.document.nodes.len() - 1);
        Ok(())
    }

    /// Adds a value to the list or object that is open.
    fn value(&mut self, node: Node) -> Result<(), ParseError> {
        if let Some(parent) = self.open.last().and_then(|at| self.document.nodes.get_mut(*at)) {
            parent.start_or_count += 1;
        }
        self.push(node)
    }

    fn push(&mut self, node: Node) -> Result<(), ParseError> {
        if self.document.nodes.len() >= INDEX_BYTES_MAX / NODE_BYTES {
            return Err(ParseError::TooLarge);
        }
        let nodes = &mut self.document.nodes;
        if nodes.len() == nodes.capacity() {
            nodes.reserve_exact((nodes.len() / NODES_PER_RESERVED).max(NODES_RESERVED_MIN));
        }
        nodes.push(node);
        Ok(())
    }
}

/// A position as 32 bits. Bodies have a few MiB, so every position fits; a larger one would be past the end of any text.
fn narrow(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
