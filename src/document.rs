//! A JSON value kept as its text and a flat index of what stands where: what a body, a form or an envelope says.
//!
//! A tree of values costs up to fifty times its text on wasm32; this index costs [`NODE_BYTES`] for each value and each
//! member's name, and is bounded by [`INDEX_BYTES_MAX`]. Nothing is copied until it is asked for, numbers keep their
//! digits, members keep their order. It knows no HTTP, no hook and no expression.

mod element;
mod json;
#[cfg(test)]
mod tests;

pub use element::{Content, Element};

/// How deep a document may nest. Events nest less than ten levels; what walks a document recurses this deep.
pub const DEPTH_MAX: usize = 64;

/// What one value, or one member's name, costs in the index, bytes.
pub const NODE_BYTES: usize = size_of::<Node>();

/// The largest index of one document, bytes: about a million values and names. 4 MiB of an honest event take half of
/// it; 4 MiB of `[0,0,…]` would take twice as much.
pub const INDEX_BYTES_MAX: usize = 12 * 1024 * 1024;

/// Why a text is not taken as a document. The messages quote nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// It is not JSON (RFC 8259).
    #[error("is not JSON: expected {expected} at line {line}, column {column}")]
    Syntax {
        /// What JSON would have at that place.
        expected: &'static str,
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
    },
    /// It nests deeper than [`DEPTH_MAX`].
    #[error("nests deeper than {DEPTH_MAX} levels: send a flatter event")]
    TooDeep,
    /// Its index would be larger than [`INDEX_BYTES_MAX`].
    #[error("has more than {} values: send smaller events", INDEX_BYTES_MAX / NODE_BYTES)]
    TooLarge,
}

/// A value of any JSON type, with all that is in it.
#[derive(Debug, Default)]
pub struct Document {
    /// The source; numbers, and texts without an escape, are parts of it.
    source: String,
    /// Texts that stand in no source, or stand there with escapes, one after another.
    texts: String,
    /// Each value before what is in it; a member's name before its value.
    nodes: Vec<Node>,
}

/// One value or one member's name.
#[derive(Debug, Clone, Copy)]
struct Node {
    kind: Kind,
    /// Of a text or number: where it begins, bytes. Of a list or object: how many items or members it has.
    start_or_count: u32,
    /// Of a text or number: its length, bytes. Of a list or object: the index of the node after all that is in it.
    length_or_next: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    False,
    True,
    /// In the source.
    SourceNumber,
    /// In the texts beside it.
    OwnNumber,
    /// In the source.
    SourceText,
    /// In the texts beside it.
    OwnText,
    List,
    Object,
}

impl Document {
    /// Reads JSON. A lone surrogate escape becomes U+FFFD, which is what it would become in any UTF-8 text.
    ///
    /// # Errors
    /// [`ParseError`] when `source` is not JSON, nests too deep or has too many values.
    pub fn parse(source: String) -> Result<Self, ParseError> {
        json::parse(source)
    }

    /// A document that is one text.
    #[must_use]
    pub fn of_text(text: String) -> Self {
        let node = Node { kind: Kind::SourceText, start_or_count: 0, length_or_next: narrow(text.len()) };
        Self { source: text, texts: String::new(), nodes: vec![node] }
    }

    /// A document that is null.
    #[must_use]
    pub fn null() -> Self {
        let node = Node { kind: Kind::Null, start_or_count: 0, length_or_next: 0 };
        Self { source: String::new(), texts: String::new(), nodes: vec![node] }
    }

    /// The value that the document is.
    #[must_use]
    pub fn root(&self) -> Element<'_> {
        Element::new(self, 0)
    }

    /// The value at an index that [`Element::index`] gave.
    #[must_use]
    pub fn element(&self, index: u32) -> Element<'_> {
        Element::new(self, index)
    }
}

/// Makes a document value by value: a list or an object first, then what is in it, then its end.
#[derive(Debug, Default)]
pub struct Builder {
    document: Document,
    /// The nodes of the lists and objects that have no end yet.
    open: Vec<usize>,
}

impl Builder {
    /// Begins a list.
    ///
    /// # Errors
    /// [`ParseError::TooDeep`] or [`ParseError::TooLarge`].
    pub fn begin_list(&mut self) -> Result<(), ParseError> {
        self.begin(Kind::List)
    }

    /// Begins an object. Each member is its [`name`](Self::name), then its value.
    ///
    /// # Errors
    /// [`ParseError::TooDeep`] or [`ParseError::TooLarge`].
    pub fn begin_object(&mut self) -> Result<(), ParseError> {
        self.begin(Kind::Object)
    }

    /// Ends the list or object that was begun last.
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

    /// Adds a number by its digits, as JSON writes it.
    ///
    /// # Errors
    /// [`ParseError::TooLarge`].
    pub fn number(&mut self, digits: &str) -> Result<(), ParseError> {
        let node = self.own(Kind::OwnNumber, digits);
        self.value(node)
    }

    /// The document; what has no end yet ends here.
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
        self.document.nodes.push(node);
        Ok(())
    }
}

/// Bodies are of some MiB, so that positions fit 32 bits; one that does not is past the end of every text.
fn narrow(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
