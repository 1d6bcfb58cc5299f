//! Which part of a file a request asks for (RFC 9110, 14): one range, perhaps on a condition. It
//! must not send anything.

use std::ops::Range;

use axum::http::header::{IF_RANGE, RANGE};
use axum::http::{HeaderMap, HeaderValue};

use crate::files::Ranges;

/// What an answer is to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    /// Some bytes; never none.
    Range(Range<u64>),
    /// The range begins behind the end.
    Unsatisfiable,
}

/// What a condition is compared with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Validators<'a> {
    pub(crate) etag: Option<&'a HeaderValue>,
    pub(crate) last_modified: Option<&'a HeaderValue>,
}

impl Part {
    /// The part of a file of that length that is asked for. Of several ranges, of a suffix and of
    /// what cannot be read, it is the whole, which is always allowed.
    pub(crate) fn of(headers: &HeaderMap, length: u64, ranges: Ranges, validators: Validators) -> Self {
        let range = headers.get(RANGE).and_then(|value| read(value.to_str().ok()?));
        let (Some((first, last)), true) = (range, validators.allow(headers.get(IF_RANGE))) else {
            return Self::Whole;
        };
        if ranges == Ranges::Ignored {
            return Self::Whole;
        }
        if first >= length {
            return Self::Unsatisfiable;
        }
        let end = last.map_or(length, |last| length.min(last.saturating_add(1)));
        match ranges {
            // The byte before, or else the one after, if there is one.
            Ranges::Wrong if first > 0 => Self::Range(first - 1..end),
            Ranges::Wrong if length > 1 => Self::Range(1..end.max(2)),
            _ => Self::Range(first..end),
        }
    }
}

impl Validators<'_> {
    /// Whether the condition holds: the same strong `ETag`, or exactly the same date.
    fn allow(self, condition: Option<&HeaderValue>) -> bool {
        let Some(condition) = condition else {
            return true;
        };
        let is_strong = condition.as_bytes().starts_with(b"\"");
        Some(condition) == if is_strong { self.etag } else { self.last_modified }
    }
}

/// The first and perhaps the last byte of `bytes=N-` or `bytes=N-M`.
fn read(text: &str) -> Option<(u64, Option<u64>)> {
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let first = number(first)?;
    match last {
        "" => Some((first, None)),
        last => number(last).filter(|last| first <= *last).map(|last| (first, Some(last))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The part of 100 bytes.
    #[track_caller]
    fn check_as(ranges: Ranges, headers: &[(&'static str, &'static str)], expected: &Part) {
        let map =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        let etag = HeaderValue::from_static("\"a\"");
        let date = HeaderValue::from_static("Tue, 15 Nov 1994 12:45:26 GMT");
        let validators = Validators { etag: Some(&etag), last_modified: Some(&date) };
        assert_eq!(&Part::of(&map.collect(), 100, ranges, validators), expected, "{headers:?}");
    }

    #[track_caller]
    fn check(range: &'static str, expected: &Part) {
        check_as(Ranges::Honoured, &[("range", range)], expected);
        check_as(Ranges::Ignored, &[("range", range)], &Part::Whole);
    }

    #[test]
    fn one_range_is_honoured() {
        check("bytes=0-", &Part::Range(0..100));
        check("bytes=40-", &Part::Range(40..100));
        check("bytes=99-", &Part::Range(99..100));
        check("bytes=100-", &Part::Unsatisfiable);
        check("bytes=0-0", &Part::Range(0..1));
        check("bytes=10-19", &Part::Range(10..20));
        check("bytes=10-99", &Part::Range(10..100));
        check("bytes=10-18446744073709551615", &Part::Range(10..100));
    }

    #[test]
    fn what_is_not_one_range_is_ignored() {
        for range in
            ["bytes=-5", "bytes=5-4", "bytes=0-1,4-5", "bytes=", "bytes=x-", "bytes=+1-", "items=0-1", ""]
        {
            check(range, &Part::Whole);
        }
        check_as(Ranges::Honoured, &[], &Part::Whole);
    }

    #[test]
    fn a_wrong_range_starts_elsewhere() {
        check_as(Ranges::Wrong, &[("range", "bytes=40-")], &Part::Range(39..100));
        check_as(Ranges::Wrong, &[("range", "bytes=0-0")], &Part::Range(1..2));
        check_as(Ranges::Wrong, &[("range", "bytes=100-")], &Part::Unsatisfiable);
        check_as(Ranges::Wrong, &[], &Part::Whole);
    }

    #[test]
    fn a_condition_has_to_hold() {
        for (condition, holds) in [
            ("\"a\"", true),
            ("\"b\"", false),
            ("W/\"a\"", false),
            ("Tue, 15 Nov 1994 12:45:26 GMT", true),
            ("Tue, 15 Nov 1994 12:45:27 GMT", false),
            ("", false),
        ] {
            let expected = if holds { Part::Range(40..100) } else { Part::Whole };
            check_as(Ranges::Honoured, &[("range", "bytes=40-"), ("if-range", condition)], &expected);
        }
    }

    #[test]
    fn a_weak_etag_meets_no_condition() {
        let etag = HeaderValue::from_static("W/\"a\"");
        let validators = Validators { etag: Some(&etag), last_modified: None };
        assert!(!validators.allow(Some(&etag)));
    }
}
