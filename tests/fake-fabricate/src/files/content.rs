//! The bytes of a file, made when they are read, a block at a time; it must not depend on anything
//! but the parameters, so that whoever knows them knows the bytes.

use std::fmt::Write as _;
use std::ops::Range;

use axum::body::Bytes;
use sha2::{Digest as _, Sha256};

use super::noise::Noise;
use super::report::Report;

/// What a file consists of.
#[derive(Debug, Clone)]
pub enum Content {
    /// A few bytes, as they are.
    Whole(Bytes),
    /// A CSV report.
    Report(Report),
    /// Pseudo-random bytes.
    Noise(Noise),
    /// So many bytes that are all zero.
    Zeros(u64),
}

/// The blocks of a part of a file, first to last; none is empty.
#[derive(Debug)]
pub struct Chunks {
    content: Content,
    range: Range<u64>,
}

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

impl Content {
    /// How many bytes there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "nobody asks whether a file is empty")]
    pub fn len(&self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Report(report) => report.len(),
            Self::Noise(noise) => noise.len(),
            Self::Zeros(bytes) => *bytes,
        }
    }

    /// All bytes, block by block.
    #[must_use]
    pub fn chunks(&self) -> Chunks {
        self.part(0..self.len())
    }

    /// The bytes of a range, as far as there are any, block by block.
    #[must_use]
    pub fn part(&self, range: Range<u64>) -> Chunks {
        Chunks { content: self.clone(), range: range.start..range.end.min(self.len()) }
    }

    /// All bytes at once; for files that fit into memory.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.chunks().flatten().collect()
    }

    /// The SHA-256 of all bytes, in lower-case hex.
    #[must_use]
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        for chunk in self.chunks() {
            hash.update(&chunk);
        }
        hex(&hash.finalize())
    }

    /// The content after so many changes. Only noise changes.
    pub(crate) fn version(&self, version: u64) -> Self {
        match self {
            Self::Noise(noise) => Self::Noise(noise.version(version)),
            other => other.clone(),
        }
    }

    /// Some bytes from this offset, which is less than the length.
    fn block(&self, offset: u64) -> Bytes {
        match self {
            Self::Whole(bytes) => bytes.slice(usize::try_from(offset).unwrap_or_default()..),
            Self::Report(report) => report.block(offset),
            Self::Noise(noise) => noise.block(offset),
            Self::Zeros(_) => Bytes::from_static(&ZEROS),
        }
    }
}

impl Iterator for Chunks {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.range.is_empty() {
            return None;
        }
        let mut block = self.content.block(self.range.start);
        block.truncate(usize::try_from(self.range.end - self.range.start).unwrap_or(usize::MAX));
        self.range.start += block.len() as u64;
        Some(block)
    }
}

/// Bytes in lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts that begin and end within blocks, at their borders and beyond the end.
    #[track_caller]
    fn check_parts(content: &Content) {
        let whole = content.bytes();
        assert_eq!(whole.len() as u64, content.len());
        let length = whole.len();
        for start in [0, 1, 7, 8, 9, 33, 34, 35, length / 3, length / 2 + 1, length - 1, length] {
            for end in [start, start + 1, start + 8, start + 300_001, length - 1, length, length + 5] {
                let part: Vec<_> = content.part(start as u64..end as u64).flatten().collect();
                let end = end.min(length).max(start);
                assert!(part == whole[start..end], "{start}..{end} of {length}");
            }
        }
    }

    #[test]
    fn a_part_is_what_the_whole_has_there() {
        check_parts(&Content::Whole((0..=255).collect()));
        check_parts(&Content::Report(Report::new(2_345, "2024-12-15", "Été")));
        check_parts(&Content::Noise(Noise::new((2 << 20) + 5, 3)));
        check_parts(&Content::Zeros(200_001));
    }

    #[test]
    fn zeros_are_zero() {
        assert_eq!(Content::Zeros(100_000).bytes(), vec![0; 100_000]);
    }

    #[test]
    fn the_hash_is_sha256() {
        let content = Content::Whole("abc".into());
        assert_eq!(content.sha256(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
