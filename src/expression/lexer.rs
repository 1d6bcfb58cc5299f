//! Templates and expressions as tokens, with their positions.
//!
//! A template begins as text, up to `{{`, `{%` or `{#`. A `-` beside a delimiter takes away the white space next to it.

use std::fmt;

use super::error::ExpressionError;

mod literals;

/// What a template, or an expression, is made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'s> {
    /// Text outside of all delimiters.
    Raw(&'s str),
    /// `{{`
    EmitStart,
    /// `}}`
    EmitEnd,
    /// `{%`
    TagStart,
    /// `%}`
    TagEnd,
    Name(&'s str),
    Text(String),
    Whole(u128),
    Real(f64),
    /// An operator or a bracket.
    Sign(&'static str),
    End,
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw(_) => f.write_str("text"),
            Self::EmitStart => f.write_str("`{{`"),
            Self::EmitEnd => f.write_str("`}}`"),
            Self::TagStart => f.write_str("`{%`"),
            Self::TagEnd => f.write_str("`%}`"),
            Self::Name(name) => write!(f, "`{name}`"),
            Self::Text(_) => f.write_str("a text in quotes"),
            Self::Whole(_) | Self::Real(_) => f.write_str("a number"),
            Self::Sign(sign) => write!(f, "`{sign}`"),
            Self::End => f.write_str("the end"),
        }
    }
}

/// All signs; those of two characters before those of one.
const SIGNS: &[&str] = &[
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "*", "/", "%", ".", ",", ":", "~", "|", "=", ">", "<", "(",
    ")", "[", "]", "{", "}",
];

/// What is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Text,
    /// Between `{{` and `}}`.
    Emit,
    /// Between `{%` and `%}`.
    Tag,
    /// An expression without delimiters.
    Bare,
}

/// Reads one token after another.
#[derive(Debug)]
pub(super) struct Lexer<'s> {
    source: &'s str,
    /// Where the next token is looked for, bytes.
    at: usize,
    mode: Mode,
    /// How many brackets are open: within them, `}}` and `%}` are brackets and signs.
    brackets: i32,
    /// The last delimiter takes away the white space behind it.
    is_trimming: bool,
}

impl<'s> Lexer<'s> {
    /// For a template, from a position of the source on.
    pub(super) fn template(source: &'s str, from: usize) -> Self {
        // As in Jinja, the line break at the end is not part of a template.
        let source = source.strip_suffix('\n').unwrap_or(source);
        let source = source.strip_suffix('\r').unwrap_or(source);
        Self { source, at: from, mode: Mode::Text, brackets: 0, is_trimming: false }
    }

    /// For an expression without delimiters.
    pub(super) fn bare(source: &'s str) -> Self {
        Self { source, at: 0, mode: Mode::Bare, brackets: 0, is_trimming: false }
    }

    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn error<T>(&self, at: usize, message: &str) -> Result<T, ExpressionError> {
        Err(ExpressionError::syntax(self.source, at, message))
    }

    /// The source that the positions are of.
    pub(super) fn source(&self) -> &'s str {
        self.source
    }

    /// The next token and where it begins.
    ///
    /// # Errors
    /// When a comment, a text or a number has no end or no meaning.
    pub(super) fn next_token(&mut self) -> Result<(Token<'s>, usize), ExpressionError> {
        match self.mode {
            Mode::Text => self.text(),
            Mode::Emit | Mode::Tag | Mode::Bare => self.inside(),
        }
    }

    /// Text up to the next delimiter, or the delimiter itself.
    fn text(&mut self) -> Result<(Token<'s>, usize), ExpressionError> {
        loop {
            if std::mem::take(&mut self.is_trimming) {
                self.at = self.source.len() - self.rest().trim_start().len();
            }
            let (start, rest) = (self.at, self.rest());
            if rest.is_empty() {
                return Ok((Token::End, start));
            }
            let delimiter = rest.char_indices().find(|(at, character)| {
                *character == '{'
                    && rest.get(at + 1..).is_some_and(|after| after.starts_with(['{', '%', '#']))
            });
            let length = delimiter.map_or(rest.len(), |(at, _)| at);
            let is_trimmed = rest.get(length + 2..).is_some_and(|after| after.starts_with('-'));
            let text = rest.get(..length).unwrap_or_default();
            self.at += length;
            let text = if is_trimmed { text.trim_end() } else { text };
            if !text.is_empty() {
                return Ok((Token::Raw(text), start));
            }
            if let Some(token) = self.delimiter()? {
                return Ok(token);
            }
        }
    }

    /// What a delimiter opens; `None` for a comment.
    fn delimiter(&mut self) -> Result<Option<(Token<'s>, usize)>, ExpressionError> {
        let start = self.at;
        let (opening, after) = self.rest().split_at_checked(2).unwrap_or_default();
        let inside = after.strip_prefix(['-', '+']).unwrap_or(after);
        let begin = self.source.len() - inside.len();
        match opening {
            "{#" => {
                let Some(length) = inside.find("#}") else {
                    return self.error(start, "`{#` has no `#}`");
                };
                self.is_trimming = inside.get(..length).is_some_and(|comment| comment.ends_with('-'));
                self.at = begin + length + 2;
                Ok(None)
            }
            "{%" => {
                if let Some(raw) = tag(inside, "raw") {
                    return self.raw_block(start, begin + raw.length, raw.is_trimming);
                }
                (self.at, self.mode) = (begin, Mode::Tag);
                Ok(Some((Token::TagStart, start)))
            }
            _ => {
                (self.at, self.mode) = (begin, Mode::Emit);
                Ok(Some((Token::EmitStart, start)))
            }
        }
    }

    /// Everything up to `{% endraw %}`, as it stands.
    fn raw_block(
        &mut self,
        start: usize,
        begin: usize,
        is_trimmed: bool,
    ) -> Result<Option<(Token<'s>, usize)>, ExpressionError> {
        let text = self.source.get(begin..).unwrap_or_default();
        for (end, _) in text.match_indices("{%") {
            let inside = text.get(end + 2..).unwrap_or_default();
            let bare = inside.strip_prefix(['-', '+']).unwrap_or(inside);
            let Some(closing) = tag(bare, "endraw") else { continue };
            self.at = self.source.len() - bare.len() + closing.length;
            self.is_trimming = closing.is_trimming;
            let raw = text.get(..end).unwrap_or_default();
            let raw = if is_trimmed { raw.trim_start() } else { raw };
            let raw = if inside.starts_with('-') { raw.trim_end() } else { raw };
            return Ok((!raw.is_empty()).then_some((Token::Raw(raw), start)));
        }
        self.error(start, "`{% raw %}` has no `{% endraw %}`")
    }

    /// The next token between delimiters.
    fn inside(&mut self) -> Result<(Token<'s>, usize), ExpressionError> {
        self.at = self.source.len() - self.rest().trim_ascii_start().len();
        let (start, rest) = (self.at, self.rest());
        let closing = match self.mode {
            Mode::Emit => Some(("}}", Token::EmitEnd)),
            Mode::Tag => Some(("%}", Token::TagEnd)),
            _ => None,
        };
        if let Some((closing, token)) = closing.filter(|_| self.brackets == 0) {
            let bare = rest.strip_prefix(['-', '+']).unwrap_or(rest);
            if let Some(after) = bare.strip_prefix(closing) {
                self.is_trimming = rest.starts_with('-');
                (self.at, self.mode) = (self.source.len() - after.len(), Mode::Text);
                return Ok((token, start));
            }
        }
        let Some(first) = rest.chars().next() else {
            return Ok((Token::End, start));
        };
        if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            self.at += sign.len();
            match *sign {
                "(" | "[" | "{" => self.brackets += 1,
                ")" | "]" | "}" => self.brackets -= 1,
                _ => {}
            }
            return Ok((Token::Sign(sign), start));
        }
        let token = match first {
            '\'' | '"' => self.quoted(first)?,
            '0'..='9' => self.number()?,
            'a'..='z' | 'A'..='Z' | '_' => {
                let end = rest.find(|character: char| !character.is_ascii_alphanumeric() && character != '_');
                let name = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
                self.at += name.len();
                Token::Name(name)
            }
            _ => return self.error(start, "unexpected character"),
        };
        Ok((token, start))
    }
}

/// A tag that stands alone, such as `{% raw -%}`.
struct Tag {
    length: usize,
    is_trimming: bool,
}

/// The tag of this name, if that is what follows `{%`.
fn tag(inside: &str, name: &str) -> Option<Tag> {
    let after = inside.trim_ascii_start().strip_prefix(name)?.trim_ascii_start();
    let bare = after.strip_prefix(['-', '+']).unwrap_or(after);
    let rest = bare.strip_prefix("%}")?;
    Some(Tag { length: inside.len() - rest.len(), is_trimming: after.starts_with('-') })
}
