//! Parses JSON (RFC 8259) into a document, in one pass and without recursion.
//!
//! No crate is used: existing parsers build a tree, reject the lone surrogates that JavaScript writes, or round integers.

use std::sync::Arc;

use super::{Builder, Document, Kind, Node, ParseError, narrow};

/// From this size on, the index gets its memory at once: it would take half of it again while it grows.
const ESTIMATED_BYTES_MIN: usize = 256 * 1024;

/// How much of a text is looked at for that.
const SAMPLE_BYTES: usize = 16 * 1024;

/// Parses one value with blanks around it.
pub(super) fn parse(source: Arc<String>) -> Result<Document, ParseError> {
    // The parser borrows the source, so the document gets it only afterwards.
    let mut builder = Builder::default();
    builder.reserve(estimated_nodes(source.as_bytes()));
    let mut parser = Parser { bytes: source.as_bytes(), source: &source, at: 0, builder };
    match parser.document() {
        Ok(()) => {
            let mut document = parser.builder.finish();
            document.source = source;
            Ok(document)
        }
        Err(Stop::Bound(error)) => Err(error),
        Err(Stop::Expected(expected)) => {
            let before = source.as_bytes().get(..parser.at).unwrap_or_default();
            let line = before.split(|byte| *byte == b'\n').count();
            let column = 1 + before.iter().rev().take_while(|byte| **byte != b'\n').count();
            Err(ParseError::Syntax { expected, line, column })
        }
    }
}

/// How many nodes a large text has, judged by its beginning; 0 for any other text.
fn estimated_nodes(text: &[u8]) -> usize {
    let Some(sample) = text.get(..SAMPLE_BYTES).filter(|_| text.len() >= ESTIMATED_BYTES_MIN) else {
        return 0;
    };
    // One of these is before each name and each value.
    let found = sample.iter().filter(|byte| matches!(byte, b',' | b':' | b'[' | b'{')).count();
    found * (text.len() / SAMPLE_BYTES + 1)
}

/// Why parsing stops.
enum Stop {
    Expected(&'static str),
    Bound(ParseError),
}

impl From<ParseError> for Stop {
    fn from(error: ParseError) -> Self {
        Self::Bound(error)
    }
}

struct Parser<'s> {
    source: &'s str,
    bytes: &'s [u8],
    at: usize,
    builder: Builder,
}

impl Parser<'_> {
    fn document(&mut self) -> Result<(), Stop> {
        // Terminates: each iteration consumes at least one byte, or stops.
        loop {
            let begins_container = self.value()?;
            if !begins_container && self.after_value()? {
                break;
            }
        }
        self.skip_blanks();
        if self.at == self.bytes.len() { Ok(()) } else { Err(Stop::Expected("the end")) }
    }

    /// Reads a scalar, an empty container (returns false), or the start of a container with contents (returns true).
    fn value(&mut self) -> Result<bool, Stop> {
        self.skip_blanks();
        match self.peek() {
            Some(b'{') => {
                self.at += 1;
                self.builder.begin_object()?;
                if self.skip_to(b'}') {
                    self.builder.end();
                    return Ok(false);
                }
                self.member_name().map(|()| true)
            }
            Some(b'[') => {
                self.at += 1;
                self.builder.begin_list()?;
                let is_empty = self.skip_to(b']');
                if is_empty {
                    self.builder.end();
                }
                Ok(!is_empty)
            }
            Some(b'"') => {
                let text = self.text()?;
                self.builder.value(text)?;
                Ok(false)
            }
            Some(b't') => self.word("true", Kind::True),
            Some(b'f') => self.word("false", Kind::False),
            Some(b'n') => self.word("null", Kind::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(Stop::Expected("a value")),
        }
    }

    /// Reads up to the next value, past the ends of containers. Returns true when there is no further value.
    fn after_value(&mut self) -> Result<bool, Stop> {
        // Terminates: each iteration consumes a byte.
        while let Some(container) = self.container() {
            self.skip_blanks();
            let (close, expected) =
                if container == Kind::List { (b']', "`,` or `]`") } else { (b'}', "`,` or `}`") };
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    if container == Kind::Object {
                        self.skip_blanks();
                        self.member_name()?;
                    }
                    return Ok(false);
                }
                Some(byte) if byte == close => {
                    self.at += 1;
                    self.builder.end();
                }
                _ => return Err(Stop::Expected(expected)),
            }
        }
        Ok(true)
    }

    /// Reads a member's name and the colon after it.
    fn member_name(&mut self) -> Result<(), Stop> {
        if self.peek() != Some(b'"') {
            return Err(Stop::Expected("a member's name"));
        }
        let name = self.text()?;
        self.builder.push(name)?;
        if self.skip_to(b':') { Ok(()) } else { Err(Stop::Expected("`:`")) }
    }

    fn word(&mut self, word: &str, kind: Kind) -> Result<bool, Stop> {
        if !self.bytes.get(self.at..).unwrap_or_default().starts_with(word.as_bytes()) {
            return Err(Stop::Expected("a value"));
        }
        self.at += word.len();
        self.builder.value(Node { kind, start_or_count: 0, length_or_next: 0 })?;
        Ok(false)
    }

    fn number(&mut self) -> Result<bool, Stop> {
        let start = self.at;
        self.take(b"-");
        if !self.take(b"0") {
            self.digits()?;
        }
        if self.take(b".") {
            self.digits()?;
        }
        if self.take(b"eE") {
            self.take(b"+-");
            self.digits()?;
        }
        self.builder.value(node(Kind::SourceNumber, start, self.at))?;
        Ok(false)
    }

    fn digits(&mut self) -> Result<(), Stop> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(Stop::Expected("a digit"));
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    /// Reads a text from its first quote to its last.
    fn text(&mut self) -> Result<Node, Stop> {
        self.at += 1;
        let start = self.at;
        self.plain();
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(node(Kind::SourceText, start, self.at - 1));
        }
        let own_start = self.builder.document.texts.len();
        let mut plain_start = start;
        // Terminates: each iteration consumes at least one byte, or stops.
        loop {
            self.plain();
            let plain = self.source.get(plain_start..self.at).unwrap_or_default();
            self.builder.document.texts.push_str(plain);
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    self.at += 1;
                    let character = self.escape()?;
                    self.builder.document.texts.push(character);
                }
                Some(_) => return Err(Stop::Expected("an escape in place of a control character")),
                None => return Err(Stop::Expected("`\"`")),
            }
            plain_start = self.at;
        }
        self.at += 1;
        Ok(node(Kind::OwnText, own_start, self.builder.document.texts.len()))
    }

    /// Skips characters that are neither quotes, escapes nor control characters.
    fn plain(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        self.at += rest.iter().position(is_special).unwrap_or(rest.len());
    }

    /// Reads an escape after its backslash.
    fn escape(&mut self) -> Result<char, Stop> {
        let escaped = match self.peek() {
            Some(same @ (b'"' | b'\\' | b'/')) => char::from(same),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                let unit = self.hex()?;
                return self.code_point(unit);
            }
            _ => return Err(Stop::Expected("an escape of JSON")),
        };
        self.at += 1;
        Ok(escaped)
    }

    /// The character of a UTF-16 unit. For a first surrogate, reads the second one from the next escape.
    fn code_point(&mut self, unit: u16) -> Result<char, Stop> {
        const LONE: char = char::REPLACEMENT_CHARACTER;
        let is_first = (0xd800..0xdc00).contains(&unit);
        if is_first && self.bytes.get(self.at..).unwrap_or_default().starts_with(b"\\u") {
            let before = self.at;
            self.at += 2;
            let second = self.hex()?;
            if (0xdc00..0xe000).contains(&second) {
                return Ok(char::decode_utf16([unit, second]).next().and_then(Result::ok).unwrap_or(LONE));
            }
            // Not a second surrogate: the next iteration reads it as its own escape.
            self.at = before;
        }
        Ok(char::from_u32(u32::from(unit)).unwrap_or(LONE))
    }

    fn hex(&mut self) -> Result<u16, Stop> {
        let digits = self.source.get(self.at..self.at + 4);
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let unit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        self.at += if unit.is_some() { 4 } else { 0 };
        unit.ok_or(Stop::Expected("four hex digits"))
    }

    /// The type of the innermost open container.
    fn container(&self) -> Option<Kind> {
        let at = self.builder.open.last()?;
        self.builder.document.nodes.get(*at).map(|node| node.kind)
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Skips blanks, then `byte` if it is next; returns whether it was.
    fn skip_to(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        self.take(&[byte])
    }

    /// Skips the next byte if it is one of these; returns whether it was.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let found = self.peek().is_some_and(|byte| bytes.contains(&byte));
        self.at += usize::from(found);
        found
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
}

fn node(kind: Kind, start: usize, end: usize) -> Node {
    Node { kind, start_or_count: narrow(start), length_or_next: narrow(end - start) }
}
