//! The `Content-Disposition` field: a file is saved, never shown, under its own name (RFC 6266).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The characters that are not an `attr-char` of RFC 8187, section 3.2.1.
const EXTENDED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// `attachment` with a file's name: in ASCII, with `_` for characters that a quoted text cannot hold or that clients read
/// differently (RFC 6266, appendix D); and, if that changes the name, once more with all its characters.
#[must_use]
pub fn attachment(name: &str) -> String {
    let plain = |character: char| {
        let is_plain = character == ' ' || character.is_ascii_graphic();
        is_plain && !matches!(character, '"' | '\\' | '/' | '%')
    };
    let ascii: String =
        name.chars().map(|character| if plain(character) { character } else { '_' }).collect();
    if ascii == name {
        return format!("attachment; filename=\"{ascii}\"");
    }
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{}", utf8_percent_encode(name, EXTENDED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: &str) {
        assert_eq!(attachment(name), expected, "{name:?}");
    }

    #[test]
    fn a_name_reaches_old_and_new_clients() {
        check("report.csv", "attachment; filename=\"report.csv\"");
        check("a b;c,d'e.csv", "attachment; filename=\"a b;c,d'e.csv\"");
        check(
            "démo – 1.csv",
            "attachment; filename=\"d_mo _ 1.csv\"; filename*=UTF-8''d%C3%A9mo%20%E2%80%93%201.csv",
        );
        check("€ rates", "attachment; filename=\"_ rates\"; filename*=UTF-8''%E2%82%AC%20rates");
        check("50%41.csv", "attachment; filename=\"50_41.csv\"; filename*=UTF-8''50%2541.csv");
        check("é!#$&+-.^_`|~", "attachment; filename=\"_!#$&+-.^_`|~\"; filename*=UTF-8''%C3%A9!#$&+-.^_`|~");
        check("é*'()", "attachment; filename=\"_*'()\"; filename*=UTF-8''%C3%A9%2A%27%28%29");
    }

    #[test]
    fn no_name_leaves_its_quotes_or_its_line() {
        for name in ["a\"; x=\"b", "a\\", "a\r\nX: y", "\u{0}", "\u{7f}", "\u{2028}", "../../x", "\"", ""] {
            let header = attachment(name);
            assert!(header.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{header:?}");
            assert_eq!(header.matches('"').count(), 2, "{header}");
            assert!(!header.contains('\\') && !header.contains('/'), "{header}");
        }
        check(
            "a\"b\r\nX: y.csv",
            "attachment; filename=\"a_b__X: y.csv\"; filename*=UTF-8''a%22b%0D%0AX%3A%20y.csv",
        );
    }
}
