//! Conditional requests: whether a file is sent at all, and whether a part of it fits the client's copy (RFC 9110,
//! section 13). It must not read ranges.

use super::fields::Fields;
use super::stored_file::StoredFile;
use crate::http::entity_tag::{self, EntityTag};
use crate::timestamp::Timestamp;

/// The outcome of the preconditions of a `GET` or `HEAD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evaluated {
    /// The method is performed.
    Proceed,
    /// 304: the client's copy is current.
    NotModified,
    /// 412: the file is not the one that the client's conditions name.
    Failed,
}

/// Evaluates the preconditions in the order of section 13.2.2: entity tags decide, and a date decides only where the
/// request has no tags of its kind. A date that cannot be parsed is ignored.
pub(super) fn evaluate(file: &StoredFile, fields: &Fields) -> Evaluated {
    let modified = file.last_modified.whole_seconds();
    let date = |field: &Option<String>| field.as_deref().and_then(Timestamp::parse_http_date);
    let is_the_one = match &fields.if_match {
        Some(tags) => entity_tag::names_strongly(tags, &file.etag),
        None => date(&fields.if_unmodified_since).is_none_or(|since| modified <= since),
    };
    if !is_the_one {
        return Evaluated::Failed;
    }
    let client_has_it = match &fields.if_none_match {
        Some(tags) => entity_tag::names(tags, &file.etag),
        None => date(&fields.if_modified_since).is_some_and(|since| modified <= since),
    };
    if client_has_it { Evaluated::NotModified } else { Evaluated::Proceed }
}

/// Whether a part fits the client's copy (`If-Range`, section 13.1.5): a strong tag, or exactly our date. The date
/// is a strong validator here, because R2 takes one write a second for each key.
pub(super) fn fits(file: &StoredFile, if_range: Option<&str>) -> bool {
    let Some(field) = if_range else { return true };
    match EntityTag::read(field) {
        Some((tag, rest)) => rest.is_empty() && tag.is_strongly(&file.etag),
        None => Timestamp::parse_http_date(field) == Some(file.last_modified.whole_seconds()),
    }
}

#[cfg(test)]
mod tests {
    use super::Evaluated::{Failed, NotModified, Proceed};
    use super::*;

    const BEFORE: &str = "Tue, 24 Nov 2026 10:00:00 GMT";
    const SAME: &str = "Wed, 25 Nov 2026 10:00:00 GMT";
    const AFTER: &str = "Thu, 26 Nov 2026 10:00:00 GMT";
    const NO_DATE: &str = "2026-11-26T10:00:00Z";

    /// Changed in the middle of the second [`SAME`].
    fn file() -> StoredFile {
        StoredFile {
            etag: "\"a,b\"".to_owned(),
            last_modified: Timestamp::parse("2026-11-25T10:00:00.400Z").unwrap(),
            ..StoredFile::default()
        }
    }

    #[track_caller]
    fn check(headers: &[(&str, &str)], expected: Evaluated) {
        let fields = Fields::read(|name| {
            let found = headers.iter().find(|(header, _)| *header == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        assert_eq!(evaluate(&file(), &fields), expected, "{headers:?}");
    }

    #[test]
    fn each_condition_alone() {
        for (name, value, expected) in [
            ("if-match", "*", Proceed),
            ("if-match", "\"a,b\"", Proceed),
            ("if-match", "\"x\", \"a,b\"", Proceed),
            ("if-match", "\"x\",\"y\"", Failed),
            // Never weakly: the bytes have to be the same.
            ("if-match", "W/\"a,b\"", Failed),
            // A comma within a tag is no separator.
            ("if-match", "\"a\", \"b\"", Failed),
            ("if-match", "a,b", Failed),
            ("if-match", "", Failed),
            ("if-match", "x, \"a,b\"", Failed),
            ("if-none-match", "*", NotModified),
            ("if-none-match", " * ", NotModified),
            ("if-none-match", "\"a,b\"", NotModified),
            ("if-none-match", "W/\"a,b\"", NotModified),
            ("if-none-match", ",\"x\" ,\tW/\"a,b\"", NotModified),
            ("if-none-match", "\"x\"", Proceed),
            ("if-none-match", "w/\"a,b\"", Proceed),
            ("if-none-match", "\"A,B\"", Proceed),
            ("if-none-match", "\"a,b", Proceed),
            ("if-none-match", "", Proceed),
            ("if-modified-since", BEFORE, Proceed),
            ("if-modified-since", SAME, NotModified),
            ("if-modified-since", AFTER, NotModified),
            ("if-modified-since", NO_DATE, Proceed),
            ("if-modified-since", "0", Proceed),
            // The two forms that nobody may write any more and everybody has to read.
            ("if-modified-since", "Thursday, 26-Nov-26 10:00:00 GMT", NotModified),
            ("if-modified-since", "Tue Nov 24 10:00:00 2026", Proceed),
            ("if-unmodified-since", BEFORE, Failed),
            ("if-unmodified-since", SAME, Proceed),
            ("if-unmodified-since", AFTER, Proceed),
            ("if-unmodified-since", NO_DATE, Proceed),
        ] {
            check(&[(name, value)], expected);
        }
        check(&[], Proceed);
    }

    #[test]
    fn tags_come_before_dates_and_failure_before_not_modified() {
        let (is, is_not) = ("\"a,b\"", "\"x\"");
        for (headers, expected) in [
            // A date of the same kind is not asked.
            ([("if-match", is), ("if-unmodified-since", BEFORE)], Proceed),
            ([("if-match", is_not), ("if-unmodified-since", AFTER)], Failed),
            ([("if-none-match", is), ("if-modified-since", BEFORE)], NotModified),
            ([("if-none-match", is_not), ("if-modified-since", AFTER)], Proceed),
            ([("if-none-match", ""), ("if-modified-since", AFTER)], Proceed),
            // 412 before 304.
            ([("if-match", is_not), ("if-none-match", is)], Failed),
            ([("if-match", is), ("if-none-match", is)], NotModified),
            ([("if-unmodified-since", BEFORE), ("if-none-match", is)], Failed),
            ([("if-unmodified-since", AFTER), ("if-modified-since", AFTER)], NotModified),
            ([("if-unmodified-since", BEFORE), ("if-modified-since", AFTER)], Failed),
            ([("if-match", is), ("if-modified-since", AFTER)], NotModified),
        ] {
            check(&headers, expected);
        }
    }

    #[test]
    fn a_part_fits_to_the_same_version_alone() {
        for (if_range, expected) in [
            (None, true),
            (Some("\"a,b\""), true),
            (Some("W/\"a,b\""), false),
            (Some("\"x\""), false),
            (Some("\"a,b\", \"x\""), false),
            (Some("*"), false),
            (Some(""), false),
            (Some(SAME), true),
            (Some("Wednesday, 25-Nov-26 10:00:00 GMT"), true),
            // Exactly: unlike If-Unmodified-Since.
            (Some(AFTER), false),
            (Some(BEFORE), false),
            (Some(NO_DATE), false),
        ] {
            assert_eq!(fits(&file(), if_range), expected, "{if_range:?}");
        }
    }

    #[test]
    fn a_store_with_weak_tags_gets_no_strong_match() {
        let weak = StoredFile { etag: "W/\"a\"".to_owned(), ..file() };
        let fields =
            |name: &str, value: &str| Fields::read(|asked| (asked == name).then(|| value.to_owned()));
        assert_eq!(evaluate(&weak, &fields("if-match", "W/\"a\"")), Failed);
        assert_eq!(evaluate(&weak, &fields("if-match", "\"a\"")), Failed);
        assert_eq!(evaluate(&weak, &fields("if-none-match", "\"a\"")), NotModified);
        assert!(!fits(&weak, Some("W/\"a\"")));
    }
}
