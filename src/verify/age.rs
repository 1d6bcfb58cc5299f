//! How old a signed timestamp is: replays are refused, and so is what lies in the future.

use crate::timestamp::{SECOND_MS, Timestamp};

/// How a sender writes a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeUnit {
    /// Whole seconds since 1970.
    Seconds,
    /// Whole milliseconds since 1970.
    Millis,
    /// RFC 3339, as `2026-11-23T22:20:00Z`.
    Rfc3339,
}

impl TimeUnit {
    /// Reads a moment: digits alone for numbers, so no sign and no fraction.
    fn read(self, text: &str) -> Result<Timestamp, String> {
        let unit_ms = match self {
            Self::Rfc3339 => {
                return Timestamp::parse(text).ok_or_else(|| "the timestamp is not RFC 3339".to_owned());
            }
            Self::Seconds => SECOND_MS,
            Self::Millis => 1,
        };
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number: Option<i64> = digits.then(|| text.parse().ok()).flatten();
        let number = number.ok_or_else(|| format!("the timestamp is not in {}", self.name()))?;
        Ok(Timestamp::from_millis(number.saturating_mul(unit_ms)))
    }

    /// Writes a moment.
    pub(super) fn write(self, moment: Timestamp) -> String {
        match self {
            Self::Seconds => (moment.as_millis() / SECOND_MS).to_string(),
            Self::Millis => moment.as_millis().to_string(),
            Self::Rfc3339 => moment.to_string(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Seconds => "whole seconds since 1970",
            Self::Millis => "whole milliseconds since 1970",
            Self::Rfc3339 => "RFC 3339",
        }
    }
}

/// Refuses a moment further from now than the tolerance, either way. Without a tolerance only its form counts.
pub(super) fn check_age(
    text: &str,
    unit: TimeUnit,
    tolerance_ms: Option<i64>,
    now: Timestamp,
) -> Result<(), String> {
    let sent = unit.read(text)?;
    let Some(tolerance_ms) = tolerance_ms else { return Ok(()) };
    let seconds = tolerance_ms / SECOND_MS;
    if now.since_ms(sent) > tolerance_ms {
        Err(format!("the timestamp is too old: more than {seconds} s"))
    } else if sent.since_ms(now) > tolerance_ms {
        Err(format!("the timestamp lies more than {seconds} s in the future"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_614_265_330_000);

    #[track_caller]
    fn check(text: &str, unit: TimeUnit, expected: Result<(), &str>) {
        let got = check_age(text, unit, Some(300 * SECOND_MS), NOW);
        match expected {
            Ok(()) => assert_eq!(got, Ok(()), "{text}"),
            Err(word) => assert!(got.as_ref().is_err_and(|error| error.contains(word)), "{text}: {got:?}"),
        }
    }

    #[test]
    fn a_replay_is_stale_and_so_is_the_future() {
        check("1614265330", TimeUnit::Seconds, Ok(()));
        check("1614265030", TimeUnit::Seconds, Ok(()));
        check("1614265029", TimeUnit::Seconds, Err("too old"));
        check("1614265630", TimeUnit::Seconds, Ok(()));
        check("1614265631", TimeUnit::Seconds, Err("in the future"));
        check("1614265030000", TimeUnit::Millis, Ok(()));
        check("1614265029999", TimeUnit::Millis, Err("too old"));
        check("2021-02-25T15:02:10.123456789Z", TimeUnit::Rfc3339, Ok(()));
        check("2021-02-25T07:02:10-08:00", TimeUnit::Rfc3339, Ok(()));
        check("2021-02-25T14:00:00Z", TimeUnit::Rfc3339, Err("too old"));
    }

    #[test]
    fn what_is_no_moment_in_its_unit_is_refused() {
        check("1614265330000", TimeUnit::Seconds, Err("in the future"));
        check("1614265330", TimeUnit::Millis, Err("too old"));
        for odd in [
            "",
            "-1614265330",
            "+1614265330",
            "1614265330.5",
            "99999999999999999999",
            "1614265330, 1614265330",
        ] {
            check(odd, TimeUnit::Seconds, Err("not in whole seconds"));
        }
        check("9223372036854775807", TimeUnit::Seconds, Err("in the future"));
        check("1614265330", TimeUnit::Rfc3339, Err("not RFC 3339"));
    }

    #[test]
    fn without_a_tolerance_the_form_still_counts() {
        assert!(check_age("1", TimeUnit::Seconds, None, NOW).is_ok());
        assert!(check_age("x", TimeUnit::Seconds, None, NOW).is_err());
    }
}
