//! The header `Retry-After` (RFC 9110, section 10.2.3).

use crate::timestamp::{SECOND_MS, Timestamp};

/// A longer wait is cut to this: one day, milliseconds.
const RETRY_AFTER_MAX_MS: i64 = 86_400 * SECOND_MS;

/// Parses a number of seconds or an HTTP date into a wait, milliseconds: at most a day, and 0 after the date.
/// `None` when the value is neither.
pub(crate) fn retry_after_ms(value: &str, now: Timestamp) -> Option<i64> {
    let value = value.trim();
    let wait_ms = if let Ok(seconds) = value.parse::<u32>() {
        i64::from(seconds) * SECOND_MS
    } else {
        let date = jiff::fmt::rfc2822::parse(value).ok()?;
        Timestamp::from_millis(date.timestamp().as_millisecond()).since_ms(now)
    };
    Some(wait_ms.min(RETRY_AFTER_MAX_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(784_111_777_000); // Sun, 06 Nov 1994 08:49:37 GMT

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after_ms("120", NOW), Some(120_000));
        assert_eq!(retry_after_ms("Sun, 06 Nov 1994 08:50:37 GMT", NOW), Some(60_000));
        assert_eq!(retry_after_ms("Sun, 06 Nov 1994 08:00:00 GMT", NOW), Some(0));
        assert_eq!(retry_after_ms("999999999", NOW), Some(RETRY_AFTER_MAX_MS));
        assert_eq!(retry_after_ms("soon", NOW), None);
    }
}
