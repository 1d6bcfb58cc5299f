//! The supported charsets: UTF-8 and Windows-1252.
//!
//! No others: tables for all charsets would be a large part of the Worker, and senders use UTF-8 by now.

use std::borrow::Cow;

/// How bytes become text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charset {
    /// UTF-8, which includes US-ASCII.
    Utf8,
    /// Windows-1252, which is also what `iso-8859-1` means (<https://encoding.spec.whatwg.org/#names-and-labels>).
    Windows1252,
}

/// Bytes 0x80 to 0x9f of windows-1252: <https://encoding.spec.whatwg.org/index-windows-1252.txt>
const HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

impl Charset {
    /// The charset of a label in any case; `None` where it is not supported.
    pub(super) fn from_label(label: &str) -> Option<Self> {
        match label.trim().to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" | "us-ascii" | "ascii" => Some(Self::Utf8),
            "iso-8859-1" | "iso8859-1" | "latin1" | "windows-1252" | "cp1252" => Some(Self::Windows1252),
            _ => None,
        }
    }

    /// Decodes bytes. Invalid ones become U+FFFD, as in a browser.
    pub(super) fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        match self {
            Self::Utf8 => String::from_utf8_lossy(bytes),
            Self::Windows1252 => bytes.iter().map(|byte| windows_1252(*byte)).collect(),
        }
    }

    /// Decodes bytes; `None` if one is invalid.
    pub(super) fn decode_exact(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        match self {
            Self::Utf8 => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Self::Windows1252 => Some(self.decode(bytes)),
        }
    }
}

fn windows_1252(byte: u8) -> char {
    let high = usize::from(byte).checked_sub(0x80).and_then(|index| HIGH.get(index));
    high.copied().unwrap_or_else(|| char::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_8859_1_is_read_as_windows_1252() {
        let charset = Charset::from_label(" ISO-8859-1").unwrap();
        assert_eq!(charset.decode(b"\x80 caf\xe9 \x9f\xa0~"), "€ café Ÿ\u{a0}~");
        assert_eq!(charset, Charset::from_label("windows-1252").unwrap());
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_replaced() {
        let charset = Charset::from_label("UTF-8").unwrap();
        assert_eq!(charset.decode("é".as_bytes()), "é");
        for bytes in [&b"\xe9"[..], b"\xc0\xa0", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a\xc3"] {
            assert!(charset.decode(bytes).ends_with('\u{fffd}'), "{bytes:?}");
            assert_eq!(charset.decode_exact(bytes), None, "{bytes:?}");
        }
        assert_eq!(Charset::from_label("utf-16"), None);
    }
}
