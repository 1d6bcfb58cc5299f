//! Counts of instructions by case, as a file has them, and how two of them compare.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result};
use toml_edit::Document;

/// By how many percent a count may differ from the stored one. A change elsewhere makes the compiler inline differently.
const TOLERANCE_PERCENT: i128 = 2;

/// The first lines of the file.
const HEADER: &str = "\
# Instructions of the pure path of a delivery. `cargo xtask test instructions` fails if one differs by more than 2 %;
# `cargo xtask instructions --update` writes this file.
";

/// Instructions by the name of the case.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts(BTreeMap<String, u64>);

/// How counts compare with the stored ones; the worst of the cases decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// All are within the tolerance.
    Same,
    /// At least one is lower.
    Lower,
    /// At least one is higher.
    Higher,
    /// Some case has no stored count, or is stored and not counted.
    OtherCases,
}

/// A comparison, with a line for each case.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) verdict: Verdict,
    pub(super) text: String,
}

impl Counts {
    pub(super) fn insert(&mut self, name: &str, count: u64) {
        self.0.insert(name.to_owned(), count);
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When it is not TOML, or a value is not a positive number.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let document = Document::parse(text)?;
        let counts = document.iter().map(|(name, item)| {
            let count =
                item.as_integer().and_then(|count| u64::try_from(count).ok()).filter(|count| *count > 0);
            Ok((name.to_owned(), count.with_context(|| format!("{name} is not a positive number"))?))
        });
        Ok(Self(counts.collect::<Result<_>>()?))
    }

    /// The content of the file.
    pub(super) fn to_toml(&self) -> String {
        let mut text = HEADER.to_owned();
        for (name, count) in &self.0 {
            let _ = writeln!(text, "{name} = {count}");
        }
        text
    }

    /// Compares these, the stored counts, with counted ones.
    pub(super) fn compare(&self, counted: &Self) -> Comparison {
        let has_same_cases = self.0.keys().eq(counted.0.keys());
        let mut verdict = if has_same_cases { Verdict::Same } else { Verdict::OtherCases };
        let mut text = String::new();
        for (name, count) in &counted.0 {
            let Some(stored) = self.0.get(name) else {
                let _ = writeln!(text, "{name:<20} {count:>11}  not stored");
                continue;
            };
            let (now, before) = (i128::from(*count), i128::from(*stored));
            let per_mille = (now - before) * 1000 / before;
            let sign = if now < before { '-' } else { '+' };
            let (whole, tenth) = (per_mille.abs() / 10, per_mille.abs() % 10);
            let _ = writeln!(text, "{name:<20} {count:>11}  stored {stored:>11}  {sign}{whole}.{tenth} %");
            verdict = verdict.max(match (now - before) * 100 {
                difference if difference > before * TOLERANCE_PERCENT => Verdict::Higher,
                difference if difference < -before * TOLERANCE_PERCENT => Verdict::Lower,
                _ => Verdict::Same,
            });
        }
        Comparison { verdict, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(counts: &[(&str, u64)]) -> Counts {
        Counts(counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect())
    }

    #[track_caller]
    fn check(counted: &[(&str, u64)], verdict: Verdict, last_line: &str) {
        let comparison = counts(&[("a", 1000), ("b", 5_000_000)]).compare(&counts(counted));
        assert_eq!(comparison.verdict, verdict, "{}", comparison.text);
        let last = comparison.text.lines().last().unwrap();
        assert_eq!(last.split_whitespace().collect::<Vec<_>>().join(" "), last_line);
    }

    #[test]
    fn more_than_two_percent_is_a_difference() {
        check(&[("a", 1000), ("b", 5_000_000)], Verdict::Same, "b 5000000 stored 5000000 +0.0 %");
        check(&[("a", 980), ("b", 5_100_000)], Verdict::Same, "b 5100000 stored 5000000 +2.0 %");
        check(&[("a", 1000), ("b", 5_100_001)], Verdict::Higher, "b 5100001 stored 5000000 +2.0 %");
        check(&[("a", 979), ("b", 5_000_000)], Verdict::Lower, "b 5000000 stored 5000000 +0.0 %");
        check(&[("a", 1021), ("b", 2_500_000)], Verdict::Higher, "b 2500000 stored 5000000 -50.0 %");
    }

    #[test]
    fn a_case_without_a_partner_is_a_difference() {
        check(&[("a", 1000)], Verdict::OtherCases, "a 1000 stored 1000 +0.0 %");
        check(&[("a", 1000), ("b", 5_000_000), ("c", 1)], Verdict::OtherCases, "c 1 not stored");
    }

    #[test]
    fn the_file_is_read_as_it_is_written() {
        let written = counts(&[("a", 1), ("b", 5_000_000)]);
        assert_eq!(Counts::parse(&written.to_toml()).unwrap(), written);
        for wrong in ["a = 0", "a = -1", "a = \"1\"", "a ="] {
            assert!(Counts::parse(wrong).is_err(), "{wrong}");
        }
    }
}
