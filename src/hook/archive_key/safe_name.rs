//! Safe parts of an object key: names and ids without characters that have a meaning in a path.

use std::borrow::Cow;

use crate::digest::sha256_hex;
use crate::unicode::nfc;

/// The longest file name in a key, bytes.
pub(super) const NAME_BYTES_MAX: usize = 200;

/// The base name of a file, without characters that have a meaning in a path, a header or a terminal.
///
/// `../../etc/passwd` becomes `passwd`. A name that is empty or only dots becomes `file`. A long name keeps its extension.
#[must_use]
pub fn safe_name(name: Option<&str>) -> String {
    let base = name.unwrap_or_default().rsplit(['/', '\\']).next().unwrap_or_default();
    let name = shorten(&clean(base), NAME_BYTES_MAX);
    if name.chars().all(|character| character == '.' || character == '_') { "file".to_owned() } else { name }
}

pub(super) fn safe_part(text: &str) -> String {
    shorten(&clean(text), NAME_BYTES_MAX)
}

/// A safe form of an id that differs for any two ids: if cleaning changes the id, a part of its hash is added.
pub(super) fn unique_part(id: &str) -> String {
    let safe = safe_part(id);
    if safe == id {
        safe
    } else {
        format!("{safe}~{}", sha256_hex(id.as_bytes()).get(..16).unwrap_or_default())
    }
}

/// Normalizes to NFC, so that names that look the same are equal, and replaces unsafe characters.
fn clean(text: &str) -> Cow<'_, str> {
    let composed = nfc(text.trim());
    if composed.contains(is_unsafe) { Cow::Owned(composed.replace(is_unsafe, "_")) } else { composed }
}

fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '/' | '\\' | '"' | '<' | '>' | ':' | '|' | '?' | '*' | '#' | '%')
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Cuts a long name before its extension, if that has at most 16 bytes.
pub(super) fn shorten(name: &str, bytes_max: usize) -> String {
    if name.len() <= bytes_max {
        return name.to_owned();
    }
    let extension = match name.rfind('.') {
        Some(dot) if name.len() - dot <= 17 => name.get(dot..).unwrap_or_default(),
        _ => "",
    };
    let mut end = bytes_max - extension.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{extension}", name.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[track_caller]
    fn check(name: Option<&str>, expected: &str) {
        assert_eq!(safe_name(name), expected, "{name:?}");
    }

    #[test]
    fn a_name_cannot_leave_its_folder() {
        check(Some("report.csv"), "report.csv");
        check(Some("../../etc/passwd"), "passwd");
        check(Some("..\\..\\boot.ini"), "boot.ini");
        for nothing in [None, Some(""), Some(".."), Some("/"), Some("  "), Some("a/..")] {
            check(nothing, "file");
        }
        check(Some("a\"b\r\nX: y.csv"), "a_b__X_ y.csv");
        check(Some("démo – données.csv"), "démo – données.csv");
        check(Some("de\u{301}mo.csv"), "d\u{e9}mo.csv");
        check(Some("gpj.\u{202e}exe"), "gpj._exe");
    }

    #[test]
    fn a_long_name_keeps_its_extension() {
        let short = safe_name(Some(&format!("{}.csv", "é".repeat(300))));
        assert!(short.len() <= NAME_BYTES_MAX && short.ends_with("é.csv"), "{short}");
        assert_eq!(safe_name(Some(&"x".repeat(300))).len(), NAME_BYTES_MAX);
    }

    #[test]
    fn similar_ids_have_different_keys() {
        let ids =
            ["12/3", "12_3", "12\\3", " 12_3", "e\u{301}", "\u{e9}", &"x".repeat(300), &"x".repeat(301)];
        let own: BTreeMap<String, &str> = ids.iter().map(|id| (unique_part(id), *id)).collect();
        assert_eq!(own.len(), ids.len(), "{own:?}");
        assert_eq!(unique_part("12_3"), "12_3");
    }
}
