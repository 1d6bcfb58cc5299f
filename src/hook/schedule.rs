//! The times at which a hook runs by itself: a cron expression in a fixed offset from UTC.
//!
//! It knows no time zone, and so no daylight saving: `0 3 * * *` with `+01:00` is 02:00 UTC all year. What is started at which time is
//! decided in `service/schedule.rs`.

use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use croner::{CivilDate, CivilDateTime, CivilTime, Cron, CronDateTime, Resolution, Weekday};
use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::timestamp::{HOUR_MS, MINUTE_MS, Timestamp};

/// What the ids of scheduled deliveries begin with; the due time follows.
pub const SCHEDULE_ID: &str = "schedule:";

/// The largest offset from UTC, milliseconds: that of Kiribati.
const OFFSET_MS_MAX: i64 = 14 * HOUR_MS;

/// Where the search for a time begins that shows that there is one: the next four years have every day of every month.
const SEARCH_FROM_MS: i64 = 1_704_067_200_000;

/// Why a schedule cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// It has another number of fields.
    #[error("has {0} fields, and takes five: minute, hour, day of the month, month, day of the week")]
    Fields(usize),
    /// A field cannot be read; holds the reason.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// It names no time that ever comes.
    #[error("never comes")]
    Never,
}

/// A schedule.
#[derive(Debug)]
pub struct Schedule {
    source: String,
    offset_ms: i64,
    cron: Cron,
}

impl Schedule {
    /// Reads five fields of cron, in the time that is `offset_ms` ahead of UTC.
    ///
    /// # Errors
    /// - [`ScheduleError::Fields`]: there are not five.
    /// - [`ScheduleError::Unreadable`]: a field is wrong.
    /// - [`ScheduleError::Never`]: no such time ever comes.
    pub fn parse(source: &str, offset_ms: i64) -> Result<Self, ScheduleError> {
        let fields = source.split_whitespace().count();
        if fields != 5 {
            return Err(ScheduleError::Fields(fields));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(source).map_err(|error| ScheduleError::Unreadable(error.to_string()))?;
        let schedule = Self { source: source.to_owned(), offset_ms, cron };
        match schedule.next_after(Timestamp::from_millis(SEARCH_FROM_MS)) {
            Some(_) => Ok(schedule),
            None => Err(ScheduleError::Never),
        }
    }

    /// The schedule as configured.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its offset from UTC, such as `+01:00`.
    #[must_use]
    pub fn offset(&self) -> String {
        let minutes = self.offset_ms.abs() / MINUTE_MS;
        let sign = if self.offset_ms < 0 { '-' } else { '+' };
        format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }

    /// The schedule and its offset in one text: another text is another schedule.
    #[must_use]
    pub fn identity(&self) -> String {
        format!("{} {}", self.source, self.offset_ms / MINUTE_MS)
    }

    /// The latest time that has come; `None`: none is known.
    #[must_use]
    pub fn last_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.to_time(&self.cron.find_previous_occurrence(&self.local(now)?, true).ok()?)
    }

    /// The first time after this one; `None`: none is known.
    #[must_use]
    pub fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        self.to_time(&self.cron.find_next_occurrence(&self.local(now)?, false).ok()?)
    }

    /// The next three times after this one.
    #[must_use]
    pub fn next_three(&self, now: Timestamp) -> Vec<Timestamp> {
        let next = |after: &Timestamp| self.next_after(*after);
        std::iter::successors(next(&now), next).take(3).collect()
    }

    fn local(&self, now: Timestamp) -> Option<Local> {
        let moment = jiff::Timestamp::from_millisecond(now.plus_ms(self.offset_ms).as_millis()).ok()?;
        Some(Local(Offset::UTC.to_datetime(moment)))
    }

    fn to_time(&self, local: &Local) -> Option<Timestamp> {
        let moment = Offset::UTC.to_timestamp(local.0).ok()?;
        Some(Timestamp::from_millis(moment.as_millisecond()).plus_ms(-self.offset_ms))
    }
}

/// Reads an offset such as `+01:00`, `-03:30` or `Z`; milliseconds ahead of UTC.
#[must_use]
pub fn read_offset_ms(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let two_digits = |text: &str| {
        (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse::<i64>().ok())
            .flatten()
    };
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes).filter(|minutes| *minutes < 60)?);
    let offset_ms = hours * HOUR_MS + minutes * MINUTE_MS;
    (offset_ms <= OFFSET_MS_MAX).then_some(sign * offset_ms)
}

/// A date and time without a zone, as the search of `croner` steps through it.
#[derive(Debug, Clone)]
struct Local(DateTime);

impl CronDateTime for Local {
    fn to_civil(&self) -> CivilDateTime {
        let number = |field: i8| u32::try_from(field).unwrap_or(0);
        let (date, time) = (self.0.date(), self.0.time());
        let date =
            CivilDate::from_parts_unchecked(i32::from(date.year()), number(date.month()), number(date.day()));
        let time = CivilTime::from_parts_unchecked(
            number(time.hour()),
            number(time.minute()),
            number(time.second()),
        );
        CivilDateTime::new(date, time)
    }

    fn civil_weekday(&self) -> Weekday {
        let days = self.0.weekday().to_sunday_zero_offset();
        Weekday::from_days_from_sunday(u32::try_from(days).unwrap_or(0))
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let (date, time) = (civil.date(), civil.time());
        let year = i16::try_from(date.year()).map_err(|_| CronError::InvalidDate)?;
        let number = |field: u32| i8::try_from(field).map_err(|_| CronError::InvalidTime);
        let resolved = DateTime::new(
            year,
            number(date.month())?,
            number(date.day())?,
            number(time.hour())?,
            number(time.minute())?,
            number(time.second())?,
            0,
        );
        resolved.map(|local| Resolution::Single(Self(local))).map_err(|_| CronError::InvalidDate)
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.0.checked_add(jiff::SignedDuration::from_secs(seconds)).ok().map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[track_caller]
    fn check(source: &str, offset: &str, now: &str, last: &str, next: &str) {
        let schedule = Schedule::parse(source, read_offset_ms(offset).unwrap()).unwrap();
        let times = (schedule.last_until(at(now)), schedule.next_after(at(now)));
        assert_eq!(times, (Some(at(last)), Some(at(next))));
    }

    #[test]
    fn a_time_that_has_come_and_the_next_one() {
        let (day, hour) = ("2026-11-29T03:00:00Z", "2026-11-30T03:00:00Z");
        check("0 3 * * *", "Z", "2026-11-29T15:10:05.250Z", day, hour);
        check("0 3 * * *", "Z", day, day, hour);
        check("0 3 * * *", "Z", "2026-11-29T02:59:59.999Z", "2026-11-28T03:00:00Z", day);
        check("0 3 * * *", "+01:00", "2026-11-29T02:00:00Z", "2026-11-29T02:00:00Z", "2026-11-30T02:00:00Z");
        check("30 0 1 * *", "-03:30", "2026-11-29T00:00:00Z", "2026-11-01T04:00:00Z", "2026-12-01T04:00:00Z");
        check(
            "*/15 9-17 * * mon-fri",
            "Z",
            "2026-11-29T12:00:00Z",
            "2026-11-27T17:45:00Z",
            "2026-11-30T09:00:00Z",
        );
        let monday_or_first = "0 3 1 * mon";
        check(monday_or_first, "Z", "2026-11-30T12:00:00Z", "2026-11-30T03:00:00Z", "2026-12-01T03:00:00Z");
        check("0 3 L JAN *", "Z", "2026-02-01T12:00:00Z", "2026-01-31T03:00:00Z", "2027-01-31T03:00:00Z");
        check("0 3 * * 7", "Z", "2026-11-29T12:00:00Z", "2026-11-29T03:00:00Z", "2026-12-06T03:00:00Z");
        check("0 3 * * 5L", "Z", "2026-11-29T12:00:00Z", "2026-11-27T03:00:00Z", "2026-12-25T03:00:00Z");
        check("0 0 29 2 *", "Z", "2026-11-29T12:00:00Z", "2024-02-29T00:00:00Z", "2028-02-29T00:00:00Z");
    }

    #[test]
    fn the_next_three_times_follow_each_other() {
        let schedule = Schedule::parse("0 */8 * * *", 0).unwrap();
        let three = ["2026-11-29T16:00:00Z", "2026-11-30T00:00:00Z", "2026-11-30T08:00:00Z"].map(at);
        assert_eq!(schedule.next_three(at("2026-11-29T15:00:00Z")), three);
    }

    #[track_caller]
    fn check_error(source: &str, expected: &ScheduleError) {
        assert_eq!(Schedule::parse(source, 0).err().as_ref(), Some(expected));
    }

    #[test]
    fn what_is_no_schedule_says_why() {
        check_error("0 0 30 2 *", &ScheduleError::Never);
        check_error("0 0 31 4,6,9,11 *", &ScheduleError::Never);
        check_error("0 0 3 * * *", &ScheduleError::Fields(6));
        check_error("@daily", &ScheduleError::Fields(1));
        check_error("", &ScheduleError::Fields(0));
        for wrong in ["60 3 * * *", "0 24 * * *", "0 3 * * someday", "a b c d e", "0 3 0 * *"] {
            let error = Schedule::parse(wrong, 0).err();
            assert!(matches!(error, Some(ScheduleError::Unreadable(_))), "{wrong}: {error:?}");
        }
    }

    #[test]
    fn an_offset_has_hours_and_minutes() {
        for (text, minutes) in [("+01:00", 60), ("-03:30", -210), ("+14:00", 840), ("Z", 0), ("+00:00", 0)] {
            assert_eq!(read_offset_ms(text), Some(minutes * MINUTE_MS), "{text}");
            let schedule = Schedule::parse("0 3 * * *", minutes * MINUTE_MS).unwrap();
            assert_eq!(schedule.offset(), if text == "Z" { "+00:00" } else { text });
        }
        for wrong in ["", "1", "+1:00", "+01", "+01:60", "+15:00", "01:00", "Europe/Berlin", "+0a:00", "é"] {
            assert_eq!(read_offset_ms(wrong), None, "{wrong}");
        }
    }
}
