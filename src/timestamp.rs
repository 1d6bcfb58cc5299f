//! A moment in time, in milliseconds since 1970-01-01 UTC.
//!
//! It never reads the clock; [`crate::ports::Clock`] does.

use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One second, in milliseconds.
pub const SECOND_MS: i64 = 1_000;
/// One minute, in milliseconds.
pub const MINUTE_MS: i64 = 60 * SECOND_MS;
/// One hour, in milliseconds.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;

/// The last second that an HTTP date can name: 9999-12-31T23:59:59Z.
const HTTP_DATE_SECONDS_MAX: i64 = 253_402_300_799;

/// Milliseconds since the Unix epoch; written as RFC 3339 in UTC (`2026-11-23T22:20:00.000Z`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Makes a timestamp from milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The moment `millis` milliseconds later (earlier when negative).
    #[must_use]
    pub const fn plus_ms(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds since `earlier`; 0 if `earlier` is later, because clocks can disagree.
    #[must_use]
    pub fn since_ms(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0).max(0)
    }

    /// Reads an RFC 3339 date and time with any offset.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parsed: jiff::Timestamp = text.parse().ok()?;
        Some(Self(parsed.as_millisecond()))
    }

    /// Reads an HTTP date in any of its three forms (RFC 9110, section 5.6.7).
    #[must_use]
    pub fn parse_http_date(text: &str) -> Option<Self> {
        let since = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Self(i64::try_from(since.as_millis()).ok()?))
    }

    /// The timestamp as an HTTP date, rounded down to a second: `Mon, 23 Nov 2026 22:20:00 GMT`.
    #[must_use]
    pub fn http_date(self) -> String {
        // HTTP dates lie between 1970 and 9999; another one becomes the nearest of them.
        let seconds = self.0.div_euclid(SECOND_MS).clamp(0, HTTP_DATE_SECONDS_MAX);
        httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs()))
    }

    /// The timestamp rounded down to a second, the precision of an HTTP date.
    #[must_use]
    pub const fn whole_seconds(self) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(SECOND_MS)))
    }

    /// The day in UTC, as `2026-11-23`.
    #[must_use]
    pub fn date(self) -> String {
        self.to_string().chars().take(10).collect()
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // RFC 3339 has no form for years outside -9999 to 9999; they are written as the epoch.
        let moment = jiff::Timestamp::from_millisecond(self.0).unwrap_or_default();
        write!(f, "{moment:.3}")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 time"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_what_it_writes() {
        let moment = Timestamp::from_millis(1_705_314_645_123);
        assert_eq!(moment.to_string(), "2024-01-15T10:30:45.123Z");
        assert_eq!(Timestamp::parse(&moment.to_string()), Some(moment));
        assert_eq!(moment.date(), "2024-01-15");
        assert_eq!(Timestamp::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn an_offset_is_taken_into_account() {
        assert_eq!(
            Timestamp::parse("2024-01-15T12:30:45.123+02:00"),
            Some(Timestamp::from_millis(1_705_314_645_123))
        );
        assert_eq!(Timestamp::parse("2024-01-15"), None);
    }

    /// The example of RFC 9110, section 5.6.7.
    #[test]
    fn http_dates_have_three_forms_and_whole_seconds() {
        let moment = Timestamp::from_millis(784_111_777_000);
        for text in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(Timestamp::parse_http_date(text), Some(moment), "{text}");
        }
        for text in ["", "0", "1994-11-06T08:49:37Z", "Sun, 06 Nov 1994 08:49:37 +0000", "Sun, 06 Nov 1994"] {
            assert_eq!(Timestamp::parse_http_date(text), None, "{text}");
        }
        assert_eq!(moment.plus_ms(999).http_date(), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(moment.plus_ms(999).whole_seconds(), moment);
        assert_eq!(Timestamp::from_millis(-1).whole_seconds(), Timestamp::from_millis(-1_000));
        assert_eq!(Timestamp::from_millis(i64::MIN).http_date(), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(Timestamp::from_millis(i64::MAX).http_date(), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn a_clock_that_went_back_yields_no_negative_age() {
        assert_eq!(Timestamp::from_millis(5).since_ms(Timestamp::from_millis(9)), 0);
        assert_eq!(Timestamp::from_millis(9).since_ms(Timestamp::from_millis(5)), 4);
    }
}
