//! Decisions read from bytes, so that a fuzzer that changes a byte changes a decision.
//!
//! They never run out: where the bytes end, each is the first of its kind, and what recurses must end there.

/// What is left of the bytes.
#[derive(Debug, Clone)]
pub(crate) struct Choices<'a>(&'a [u8]);

/// What texts are made of beside letters and digits: what means something in some format, and what is no ASCII.
const ODD: &[char] = &[
    '"',
    '\'',
    '\\',
    '{',
    '}',
    '[',
    ']',
    '(',
    ')',
    '%',
    '&',
    '=',
    ';',
    ':',
    ',',
    '.',
    '/',
    '?',
    '#',
    '+',
    '-',
    '_',
    '~',
    '|',
    '<',
    '>',
    '@',
    '!',
    '$',
    '*',
    '^',
    '`',
    ' ',
    '\n',
    '\r',
    '\t',
    '\0',
    '\u{7f}',
    'é',
    '€',
    '😀',
    'ß',
    'İ',
    '\u{301}',
    '\u{202e}',
    '\u{feff}',
    '\u{fffd}',
    '\u{2028}',
    '\u{10ffff}',
];

impl<'a> Choices<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(crate) fn number(&mut self) -> u64 {
        (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let drawn = match bound {
            0..=256 => usize::from(self.byte()),
            _ => usize::from(self.byte()) << 8 | usize::from(self.byte()),
        };
        drawn % bound.max(1)
    }

    /// True once in so many times, and never at the end of the bytes.
    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) + 1 == times
    }

    pub(crate) fn pick<'b, T: ?Sized>(&mut self, of: &[&'b T]) -> &'b T {
        of[self.below(of.len())]
    }

    /// A place from 0 up to and with `end`.
    pub(crate) fn place(&mut self, end: usize) -> usize {
        self.below(end + 1)
    }

    pub(crate) fn bytes(&mut self, max: usize) -> Vec<u8> {
        (0..self.below(max + 1)).map(|_| self.byte()).collect()
    }

    /// A text of up to so many characters, most of them plain.
    pub(crate) fn text(&mut self, max: usize) -> String {
        (0..self.below(max + 1)).map(|_| self.character()).collect()
    }

    pub(crate) fn character(&mut self) -> char {
        const PLAIN: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        match self.below(256) {
            drawn @ 0..160 => char::from(PLAIN[drawn % PLAIN.len()]),
            drawn => ODD[drawn % ODD.len()],
        }
    }
}
