//! JSON in ASCII, for KV metadata. The runtime sends metadata in an HTTP header, and logs a header that is not ASCII with
//! its whole value, which may hold texts of a payload.

use std::io;

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

/// `value` as compact JSON. Each character that is not printable ASCII is `\uXXXX`, as two surrogates where it has to be.
///
/// # Errors
/// When `value` cannot be JSON.
pub fn ascii_json(value: &impl Serialize) -> serde_json::Result<String> {
    let mut json = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut json, AsciiFormatter))?;
    // ASCII is UTF-8.
    String::from_utf8(json).map_err(|error| serde_json::Error::io(io::Error::other(error)))
}

/// Whether [`ascii_json`] writes a character as plain JSON does.
fn is_ascii_json(character: char) -> bool {
    character <= '~'
}

/// How many bytes a character takes in a text of [`ascii_json`].
pub(super) fn ascii_json_bytes(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        ' '..='~' => 1,
        other => 6 * other.len_utf16(),
    }
}

struct AsciiFormatter;

impl Formatter for AsciiFormatter {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|character| !is_ascii_json(character)) {
            let (plain, other) = rest.split_at(at);
            CompactFormatter.write_string_fragment(writer, plain)?;
            let mut characters = other.chars();
            if let Some(character) = characters.next() {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = characters.as_str();
        }
        CompactFormatter.write_string_fragment(writer, rest)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let json = ascii_json(&text).unwrap();
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        let counted: usize = text.chars().map(ascii_json_bytes).sum();
        assert_eq!(json.len(), counted + 2, "{text}");
    }

    #[test]
    fn what_is_not_ascii_is_escaped_and_reads_the_same() {
        check("plain ~", r#""plain ~""#);
        check("Müller", r#""M\u00fcller""#);
        check("🎉", r#""\ud83c\udf89""#);
        check("a\u{7f}b", r#""a\u007fb""#);
        check("\"\\\n\u{1}", r#""\"\\\n\u0001""#);
        check("\u{fffd}\u{2028}x", r#""\ufffd\u2028x""#);
        check("", r#""""#);
    }

    #[test]
    fn names_and_nested_texts_are_escaped_too() {
        let value = json!({"é": ["日本", 1, null, {"x": "ok"}]});
        let json = ascii_json(&value).unwrap();
        assert_eq!(json, r#"{"\u00e9":["\u65e5\u672c",1,null,{"x":"ok"}]}"#);
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
    }
}
