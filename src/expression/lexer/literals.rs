//! Texts in quotes, and numbers.

use super::{ExpressionError, Lexer, Token};

impl<'s> Lexer<'s> {
    /// A text in quotes, without its escapes.
    pub(super) fn quoted(&mut self, quote: char) -> Result<Token<'s>, ExpressionError> {
        let start = self.at;
        let rest = self.rest().get(1..).unwrap_or_default();
        let mut is_escaped = false;
        let end = rest.find(|character: char| {
            let is_end = character == quote && !is_escaped;
            is_escaped = character == '\\' && !is_escaped;
            is_end
        });
        let Some(text) = end.and_then(|end| rest.get(..end)) else {
            return self.error(start, "a text has no closing quote");
        };
        self.at += text.len() + 2;
        match unescaped(text) {
            Some(text) => Ok(Token::Text(text)),
            None => self.error(start, "a text has an escape that means no character"),
        }
    }

    /// `12`, `1_000`, `0x1f`, `1.5`, `1e3`.
    pub(super) fn number(&mut self) -> Result<Token<'s>, ExpressionError> {
        let start = self.at;
        // `list.1.0` are two items, not a fraction.
        let is_item = self.source.get(..start).is_some_and(|before| before.ends_with('.'));
        let rest = self.rest();
        let radix = match rest.get(..2) {
            Some("0b" | "0B") => 2,
            Some("0o" | "0O") => 8,
            Some("0x" | "0X") => 16,
            _ => 10,
        };
        let prefix = if radix == 10 { 0 } else { 2 };
        let (length, is_real) = if radix == 10 {
            decimal(rest, is_item)
        } else {
            let digits = rest.get(2..).unwrap_or_default();
            let is_digit = |character: char| {
                character.is_ascii_digit()
                    || character == '_'
                    || (radix == 16 && character.is_ascii_hexdigit())
            };
            (2 + digits.find(|character| !is_digit(character)).unwrap_or(digits.len()), false)
        };
        let written = rest.get(prefix..length).unwrap_or_default();
        self.at += length;
        if written.ends_with('_') {
            return self.error(start, "a number does not end in `_`");
        }
        let digits = written.replace('_', "");
        if is_real {
            return match digits.parse() {
                Ok(real) => Ok(Token::Real(real)),
                Err(_) => self.error(start, "this is no number"),
            };
        }
        match u128::from_str_radix(&digits, radix) {
            Ok(whole) => Ok(Token::Whole(whole)),
            Err(_) => self.error(start, "a whole number has digits, and at most 128 bits"),
        }
    }
}

/// How long a decimal number is, bytes, and whether it has a fraction or an exponent.
fn decimal(rest: &str, is_item: bool) -> (usize, bool) {
    #[derive(PartialEq)]
    enum State {
        Whole,
        Fraction,
        /// Right after `e`.
        Exponent,
        /// After a sign or digit of the exponent.
        End,
    }
    let mut state = State::Whole;
    for (at, byte) in rest.bytes().enumerate() {
        let next = |index: usize| rest.as_bytes().get(at + index).copied().unwrap_or_default();
        match byte {
            b'.' if state == State::Whole && !is_item => {
                let is_exponent =
                    matches!(next(1), b'e' | b'E') && matches!(next(2), b'+' | b'-' | b'0'..=b'9');
                // `1.name` is a field.
                if !is_exponent && (next(1).is_ascii_alphabetic() || next(1) == b'_') {
                    return (at, false);
                }
                state = State::Fraction;
            }
            b'e' | b'E' if matches!(state, State::Whole | State::Fraction) => state = State::Exponent,
            b'+' | b'-' | b'0'..=b'9' if state == State::Exponent => state = State::End,
            b'0'..=b'9' | b'_' => {}
            _ => return (at, state != State::Whole),
        }
    }
    (rest.len(), state != State::Whole)
}

/// The text that escapes stand for; `None` where one stands for no character.
fn unescaped(text: &str) -> Option<String> {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        written.push_str(before);
        let escape = after.chars().next()?;
        rest = after.get(escape.len_utf8()..)?;
        match escape {
            '"' | '\\' | '/' | '\'' => written.push(escape),
            'b' => written.push('\u{8}'),
            'f' => written.push('\u{c}'),
            'n' => written.push('\n'),
            'r' => written.push('\r'),
            't' => written.push('\t'),
            'x' => {
                written.push(char::from(u8::try_from(hex(rest, 2)?).ok()?));
                rest = rest.get(2..)?;
            }
            'u' => {
                let first = hex(rest, 4)?;
                rest = rest.get(4..)?;
                let mut units = vec![u16::try_from(first).ok()?];
                if (0xD800..0xDC00).contains(&first) {
                    let after = rest.strip_prefix("\\u")?;
                    units.push(u16::try_from(hex(after, 4)?).ok()?);
                    rest = after.get(4..)?;
                }
                written.push_str(&String::from_utf16(&units).ok()?);
            }
            '0'..='7' => {
                let more = rest.bytes().take(2).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
                let code = format!("{escape}{}", rest.get(..more)?);
                written.push(char::from(u8::from_str_radix(&code, 8).ok()?));
                rest = rest.get(more..)?;
            }
            // Anything else stands for itself, with its backslash.
            other => written.extend(['\\', other]),
        }
    }
    written.push_str(rest);
    Some(written)
}

/// So many hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u32> {
    u32::from_str_radix(text.get(..digits)?, 16).ok()
}
