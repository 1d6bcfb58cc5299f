//! A CSV report, made a thousand rows at a time; it must not depend on anything but the parameters.

use axum::body::Bytes;
use jiff::ToSpan as _;

use super::noise::mix;
use crate::parameter;

/// A CSV report whose rows all have the same length, so that its size is known before it is made.
#[derive(Debug, Clone)]
pub struct Report {
    rows: u64,
    dates: Vec<String>,
    label: String,
}

const HEADER: &str = "id,account,opened_on,amount,label\n";
const ROWS_PER_BLOCK: u64 = 1_000;
/// The first account opens on the start date, the last a month later.
const DATES: u64 = 31;

impl Report {
    pub(super) fn new(rows: u64, start_date: &str, label: &str) -> Self {
        let start = parameter::date(start_date).unwrap_or_default();
        let dates = (0..31).map(|day| start.saturating_add(day.days()).to_string()).collect();
        Self { rows, dates, label: label.replace('"', "\"\"") }
    }

    pub(super) fn len(&self) -> u64 {
        HEADER.len() as u64 + self.rows * self.row_bytes()
    }

    /// The bytes from this offset to the end of a row.
    pub(super) fn block(&self, offset: u64) -> Bytes {
        let (text, skipped) = match offset.checked_sub(HEADER.len() as u64) {
            Some(offset) => (self.rows_from(offset / self.row_bytes()), offset % self.row_bytes()),
            None => (format!("{HEADER}{}", self.rows_from(0)), offset),
        };
        Bytes::from(text).split_off(usize::try_from(skipped).unwrap_or_default())
    }

    fn rows_from(&self, first: u64) -> String {
        (first..self.rows.min(first + ROWS_PER_BLOCK)).map(|row| self.row(row)).collect()
    }

    fn row(&self, row: u64) -> String {
        let date =
            usize::try_from(row % DATES).ok().and_then(|day| self.dates.get(day)).map_or("", String::as_str);
        let cents = mix(row) % 1_000_000_000;
        let (whole, rest) = (cents / 100, cents % 100);
        format!("{row:08},account-{row:08},{date},{whole:07}.{rest:02},\"{}\"\n", self.label)
    }

    fn row_bytes(&self) -> u64 {
        self.row(0).len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::super::Content;
    use super::*;

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
}
