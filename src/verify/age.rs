//! The age of a signed timestamp: an old one is a replay, and one from the future is rejected too.

use crate::timestamp::{SECOND_MS, Timestamp};

/// How a sender writes a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimestampFormat {
    /// Whole seconds since 1970.
    Seconds,
    /// Whole milliseconds since 1970.
    Millis,
    /// RFC 3339, as `2026-11-23T22:20:00Z`.
    Rfc3339,
}

/// Why a timestamp is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum TimestampError {
    #[error("the timestamp is not {}", .0.description())]
    WrongFormat(TimestampFormat),
    #[error("the timestamp is too old: more than {max_s} s")]
    TooOld { max_s: i64 },
    #[error("the timestamp lies more than {max_s} s in the future")]
    InFuture { max_s: i64 },
}

impl TimestampFormat {
    /// Reads a timestamp. Numbers consist of digits only, without a sign or a fraction.
    fn read(self, text: &str) -> Option<Timestamp> {
        let unit_ms = match self {
            Self::Rfc3339 => return Timestamp::parse(text),
            Self::Seconds => SECOND_MS,
            Self::Millis => 1,
        };
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number: i64 = is_number.then(|| text.parse().ok()).flatten()?;
        Some(Timestamp::from_millis(number.saturating_mul(unit_ms)))
    }

    fn description(self) -> &'static str {
        match self {
            Self::Seconds => "in whole seconds since 1970",
            Self::Millis => "in whole milliseconds since 1970",
            Self::Rfc3339 => "RFC 3339",
        }
    }
}

/// Rejects a timestamp that differs from `now` by more than the tolerance. Without a tolerance only its format is checked.
pub(super) fn check_age(
    text: &str,
    format: TimestampFormat,
    tolerance_ms: Option<i64>,
    now: Timestamp,
) -> Result<(), TimestampError> {
    let sent = format.read(text).ok_or(TimestampError::WrongFormat(format))?;
    let Some(tolerance_ms) = tolerance_ms else { return Ok(()) };
    let max_s = tolerance_ms / SECOND_MS;
    if now.since_ms(sent) > tolerance_ms {
        Err(TimestampError::TooOld { max_s })
    } else if sent.since_ms(now) > tolerance_ms {
        Err(TimestampError::InFuture { max_s })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_614_265_330_000);

    #[track_caller]
    fn check(text: &str, format: TimestampFormat, expected: Result<(), &str>) {
        let got = check_age(text, format, Some(300 * SECOND_MS), NOW);
        match expected {
            Ok(()) => assert_eq!(got, Ok(()), "{text}"),
            Err(word) => {
                assert!(got.as_ref().is_err_and(|error| error.to_string().contains(word)), "{text}: {got:?}");
            }
        }
    }

    #[test]
    fn old_and_future_timestamps_are_rejected() {
        check("1614265330", TimestampFormat::Seconds, Ok(()));
        check("1614265030", TimestampFormat::Seconds, Ok(()));
        check("1614265029", TimestampFormat::Seconds, Err("too old"));
        check("1614265630", TimestampFormat::Seconds, Ok(()));
        check("1614265631", TimestampFormat::Seconds, Err("in the future"));
        check("1614265030000", TimestampFormat::Millis, Ok(()));
        check("1614265029999", TimestampFormat::Millis, Err("too old"));
        check("2021-02-25T15:02:10.123456789Z", TimestampFormat::Rfc3339, Ok(()));
        check("2021-02-25T07:02:10-08:00", TimestampFormat::Rfc3339, Ok(()));
        check("2021-02-25T14:00:00Z", TimestampFormat::Rfc3339, Err("too old"));
    }

    #[test]
    fn a_timestamp_in_another_format_is_rejected() {
        check("1614265330000", TimestampFormat::Seconds, Err("in the future"));
        check("1614265330", TimestampFormat::Millis, Err("too old"));
        for odd in [
            "",
            "-1614265330",
            "+1614265330",
            "1614265330.5",
            "99999999999999999999",
            "1614265330, 1614265330",
        ] {
            check(odd, TimestampFormat::Seconds, Err("not in whole seconds"));
        }
        check("9223372036854775807", TimestampFormat::Seconds, Err("in the future"));
        check("1614265330", TimestampFormat::Rfc3339, Err("not RFC 3339"));
    }

    #[test]
    fn without_a_tolerance_the_format_is_still_checked() {
        assert!(check_age("1", TimestampFormat::Seconds, None, NOW).is_ok());
        assert!(check_age("x", TimestampFormat::Seconds, None, NOW).is_err());
    }
}
