//! The bytes of a file, made when they are read, a block at a time; it must not depend on anything
//! but the parameters, so that whoever knows them knows the bytes.

use std::fmt::Write as _;

use axum::body::Bytes;
use jiff::ToSpan as _;
use sha2::{Digest as _, Sha256};

use crate::parameter;

/// What a file consists of.
#[derive(Debug, Clone)]
pub enum Content {
    /// A few bytes, as they are.
    Whole(Bytes),
    /// A CSV report.
    Report(Report),
    /// Pseudo-random bytes.
    Noise(Noise),
}

/// A CSV report whose rows all have the same length, so that its size is known before it is made.
#[derive(Debug, Clone)]
pub struct Report {
    rows: u64,
    dates: Vec<String>,
    label: String,
}

/// Pseudo-random bytes (`SplitMix64` of the position).
#[derive(Debug, Clone)]
pub struct Noise {
    bytes: u64,
}

/// The blocks of a file, first to last; none is empty.
#[derive(Debug)]
pub struct Chunks {
    content: Content,
    next: u64,
}

const CSV_HEADER: &str = "id,account,opened_on,amount,label\n";
const ROWS_PER_CHUNK: u64 = 1_000;
const NOISE_BYTES_PER_CHUNK: usize = 64 << 10;
/// The first account opens on the start date, the last a month later.
const DATES: u64 = 31;

impl Content {
    /// How many bytes there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "nobody asks whether a file is empty")]
    pub fn len(&self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Report(report) => CSV_HEADER.len() as u64 + report.rows * report.row(0).len() as u64,
            Self::Noise(noise) => noise.bytes,
        }
    }

    /// All bytes, block by block.
    #[must_use]
    pub fn chunks(&self) -> Chunks {
        Chunks { content: self.clone(), next: 0 }
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

    fn chunk(&self, at: u64) -> Option<Bytes> {
        match self {
            Self::Whole(bytes) => (at == 0 && !bytes.is_empty()).then(|| bytes.clone()),
            Self::Report(report) => report.chunk(at),
            Self::Noise(noise) => noise.chunk(at),
        }
    }
}

impl Iterator for Chunks {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let chunk = self.content.chunk(self.next)?;
        self.next += 1;
        Some(chunk)
    }
}

impl Report {
    pub(super) fn new(rows: u64, start_date: &str, label: &str) -> Self {
        let start = parameter::date(start_date).unwrap_or_default();
        let dates = (0..31).map(|day| start.saturating_add(day.days()).to_string()).collect();
        Self { rows, dates, label: label.replace('"', "\"\"") }
    }

    fn row(&self, row: u64) -> String {
        let date =
            usize::try_from(row % DATES).ok().and_then(|day| self.dates.get(day)).map_or("", String::as_str);
        let cents = mix(row) % 1_000_000_000;
        let (whole, rest) = (cents / 100, cents % 100);
        format!("{row:08},account-{row:08},{date},{whole:07}.{rest:02},\"{}\"\n", self.label)
    }

    fn chunk(&self, at: u64) -> Option<Bytes> {
        let first = at * ROWS_PER_CHUNK;
        let rows = first..self.rows.min(first + ROWS_PER_CHUNK);
        if at > 0 && rows.is_empty() {
            return None;
        }
        let mut text = if at == 0 { CSV_HEADER.to_owned() } else { String::new() };
        text.extend(rows.map(|row| self.row(row)));
        Some(text.into())
    }
}

impl Noise {
    pub(super) fn new(bytes: u64) -> Self {
        Self { bytes }
    }

    fn chunk(&self, at: u64) -> Option<Bytes> {
        let first = at * NOISE_BYTES_PER_CHUNK as u64;
        let left = self.bytes.checked_sub(first).filter(|left| *left > 0)?;
        let mut bytes = vec![0; NOISE_BYTES_PER_CHUNK];
        for (word, place) in (first / 8..).zip(bytes.chunks_exact_mut(8)) {
            place.copy_from_slice(&mix(word).to_le_bytes());
        }
        bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        Some(bytes.into())
    }
}

/// `SplitMix64`: the n-th number of the sequence.
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
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

    #[test]
    fn splitmix64_gives_the_published_numbers() {
        // The first numbers for the seed 0.
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(mix(1), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn noise_has_exactly_the_size_asked_for() {
        for bytes in [0, 1, 7, 65_535, 65_536, 65_537, 300_000] {
            let content = Content::Noise(Noise::new(bytes));
            assert_eq!(content.bytes().len() as u64, bytes);
            assert_eq!(content.len(), bytes);
        }
    }

    #[test]
    fn a_smaller_noise_is_the_start_of_a_larger() {
        let (small, large) =
            (Content::Noise(Noise::new(70_001)).bytes(), Content::Noise(Noise::new(200_000)).bytes());
        assert_eq!(small, large[..70_001]);
        assert_ne!(large[..65_536], large[65_536..131_072]);
    }

    #[test]
    fn a_report_has_its_rows_and_its_size() {
        for rows in [1, 2, 999, 1_000, 1_001, 2_000, 2_500] {
            let content = Content::Report(Report::new(rows, "2024-12-15", "Été, \"large\""));
            let text = String::from_utf8(content.bytes()).unwrap();
            assert_eq!(text.len() as u64, content.len(), "{rows} rows");
            assert_eq!(text.lines().count() as u64, rows + 1);
        }
    }

    #[test]
    fn the_rows_depend_on_the_parameters() {
        let text =
            String::from_utf8(Content::Report(Report::new(32, "2024-12-31", "a \"b\"")).bytes()).unwrap();
        let rows: Vec<_> = text.lines().collect();
        assert!(rows[1].starts_with("00000000,account-00000000,2024-12-31,"), "{}", rows[1]);
        assert!(rows[2].starts_with("00000001,account-00000001,2025-01-01,"), "{}", rows[2]);
        assert!(rows[1].ends_with(",\"a \"\"b\"\"\""), "{}", rows[1]);
        assert_ne!(rows[1].get(40..), rows[32].get(40..), "amounts differ");
    }

    #[test]
    fn the_last_days_of_the_calendar_make_rows_too() {
        let content = Content::Report(Report::new(40, "9999-12-20", ""));
        assert_eq!(content.bytes().len() as u64, content.len());
    }

    #[test]
    fn the_hash_is_sha256() {
        let content = Content::Whole("abc".into());
        assert_eq!(content.sha256(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
