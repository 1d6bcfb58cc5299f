//! The `Range` field: which part of a file the client asks for (RFC 9110, section 14). It must not read conditions.

/// Bytes `first` to `first + length - 1` of a file; at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// Position of the first byte, from 0.
    pub first: u64,
    /// How many bytes.
    pub length: u64,
}

impl ByteRange {
    /// The value of `Content-Range` for a file of `size` bytes: `bytes 0-99/1234`.
    pub(super) fn content_range(self, size: u64) -> String {
        let last = self.first + (self.length - 1);
        format!("bytes {}-{last}/{size}", self.first)
    }
}

/// What a `Range` field asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Requested {
    /// The whole file: the field has another unit, is not well-formed, or asks for several parts. A server may ignore such
    /// a field (section 14.2).
    Whole,
    /// One part.
    Part(ByteRange),
    /// Well-formed, and none of it lies within the file.
    NotSatisfiable,
}

/// One range as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RangeSpec {
    /// `first-` or `first-last`.
    Int { first: u64, last: Option<u64> },
    /// `-length`: the end of the file.
    Suffix { length: u64 },
}

/// Reads a `Range` field for a file of `size` bytes.
pub(super) fn requested(field: &str, size: u64) -> Requested {
    let Some(specs) = parse(field) else { return Requested::Whole };
    let mut parts = specs.iter().filter_map(|spec| spec.within(size));
    match (parts.next(), parts.next()) {
        (None, _) => Requested::NotSatisfiable,
        // Any suffix of an empty file is the whole file, which `Content-Range` cannot express.
        (Some(part), None) if part.length > 0 => Requested::Part(part),
        _ => Requested::Whole,
    }
}

/// `bytes=`, then specs between commas; `None` when any of it is not well-formed.
fn parse(field: &str) -> Option<Vec<RangeSpec>> {
    let (unit, set) = field.trim_matches(OWS).split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    // A list may have empty elements (section 5.6.1.2), but not only those.
    let specs = set.split(',').map(|spec| spec.trim_matches(OWS)).filter(|spec| !spec.is_empty());
    let specs: Vec<RangeSpec> = specs.map(RangeSpec::parse).collect::<Option<_>>()?;
    (!specs.is_empty()).then_some(specs)
}

/// Optional whitespace (RFC 9110, section 5.6.3).
const OWS: [char; 2] = [' ', '\t'];

impl RangeSpec {
    fn parse(text: &str) -> Option<Self> {
        match text.split_once('-')? {
            ("", length) => Some(Self::Suffix { length: position(length)? }),
            (first, "") => Some(Self::Int { first: position(first)?, last: None }),
            (first, last) => {
                let (first, last) = (position(first)?, position(last)?);
                (first <= last).then_some(Self::Int { first, last: Some(last) })
            }
        }
    }

    /// The part of a file of `size` bytes; empty only if the file is. `None`: not satisfiable.
    fn within(self, size: u64) -> Option<ByteRange> {
        match self {
            Self::Int { first, last } => {
                let beyond_first = size.checked_sub(first).filter(|bytes| *bytes > 0)?;
                let asked = last.map_or(u64::MAX, |last| (last - first).saturating_add(1));
                Some(ByteRange { first, length: beyond_first.min(asked) })
            }
            Self::Suffix { length: 0 } => None,
            Self::Suffix { length } => {
                Some(ByteRange { first: size.saturating_sub(length), length: length.min(size) })
            }
        }
    }
}

/// Reads digits. A number that does not fit is larger than any file.
fn position(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(field: &str, size: u64, expected: Requested) {
        assert_eq!(requested(field, size), expected, "{field} of {size}");
    }

    const fn part(first: u64, length: u64) -> Requested {
        Requested::Part(ByteRange { first, length })
    }

    #[test]
    fn one_range_is_a_part() {
        for (field, expected) in [
            ("bytes=0-0", part(0, 1)),
            ("bytes=0-499", part(0, 500)),
            ("bytes=500-999", part(500, 500)),
            ("bytes=9500-", part(9500, 500)),
            ("bytes=-500", part(9500, 500)),
            ("bytes=9999-", part(9999, 1)),
            ("bytes=-1", part(9999, 1)),
            // Beyond the end: what is there.
            ("bytes=9990-10000", part(9990, 10)),
            ("bytes=0-99999999999999999999999", part(0, 10_000)),
            ("bytes=0-18446744073709551615", part(0, 10_000)),
            ("bytes=-10001", part(0, 10_000)),
            ("bytes=-99999999999999999999999", part(0, 10_000)),
            // Units are written in either case, lists with spaces and empty elements.
            ("Bytes=1-2", part(1, 2)),
            (" bytes= 1-2 ", part(1, 2)),
            ("bytes=,1-2,\t,", part(1, 2)),
            ("bytes=007-008", part(7, 2)),
            // Only one of the two is there.
            ("bytes=20000-,0-1", part(0, 2)),
        ] {
            check(field, 10_000, expected);
        }
    }

    #[test]
    fn what_is_not_there_is_not_satisfiable() {
        for field in [
            "bytes=10000-",
            "bytes=10000-10001",
            "bytes=-0",
            "bytes=99999999999999999999-",
            "bytes=10000-,20000-",
            "bytes=-0,10000-",
        ] {
            check(field, 10_000, Requested::NotSatisfiable);
        }
    }

    #[test]
    fn of_an_empty_file_there_is_only_the_whole() {
        check("bytes=0-", 0, Requested::NotSatisfiable);
        check("bytes=0-0", 0, Requested::NotSatisfiable);
        check("bytes=-0", 0, Requested::NotSatisfiable);
        check("bytes=-5", 0, Requested::Whole);
    }

    #[test]
    fn several_ranges_other_units_and_mistakes_are_answered_whole() {
        for field in [
            "bytes=0-1,3-4",
            "bytes=0-,0-",
            "lines=1-2",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=5-1",
            "bytes=x",
            "bytes=x-5",
            "bytes=5-x",
            "bytes=+1-2",
            "bytes=-+5",
            "bytes=--5",
            "bytes=1-2-3",
            "bytes=1 - 2",
            "bytes =1-2",
            "bytes=1.0-2",
            "bytes=٣-4",
            // One mistake spoils the set.
            "bytes=0-1,x",
            "bytes=20000-,5-1",
            "",
        ] {
            check(field, 10_000, Requested::Whole);
        }
    }

    #[test]
    fn a_content_range_names_the_last_byte() {
        assert_eq!(ByteRange { first: 0, length: 1 }.content_range(1), "bytes 0-0/1");
        assert_eq!(ByteRange { first: 10, length: 90 }.content_range(100), "bytes 10-99/100");
    }

    /// Whatever is asked of files of a few bytes: a part lies within the file and is what a plain reading of the field
    /// says.
    #[test]
    fn every_small_range_is_what_it_says() {
        for size in 0..6_u64 {
            for first in 0..7_u64 {
                for last in 0..7_u64 {
                    let there: Vec<u64> = (0..size).filter(|at| (first..=last).contains(at)).collect();
                    let expected = match (last < first, there.as_slice()) {
                        (true, _) => Requested::Whole,
                        (_, []) => Requested::NotSatisfiable,
                        (_, [at, ..]) => part(*at, there.len() as u64),
                    };
                    check(&format!("bytes={first}-{last}"), size, expected);
                }
            }
        }
    }
}
