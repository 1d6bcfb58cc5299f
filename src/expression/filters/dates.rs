//! Filters on dates and moments: read, shift, move to another offset, write.
//!
//! There is no clock here: "now" is `delivery.received_at`. There are no time zones either, only offsets from UTC: the
//! rules of a zone change several times a year, a deployed Worker does not.

use std::fmt;

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::rfc2822;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;
use jiff::{Span, Timestamp};

use super::super::arguments::Arguments;
use super::date_shapes;
use crate::value::error::{Error, refuse};
use crate::value::{Value, unfit};

/// The longest text that is read as a date, a span or a pattern, bytes.
const TEXT_BYTES_MAX: usize = 256;

/// Unix time: what is smaller is no time that an event happens at, but something else, such as 20240131.
const UNIX_MIN: i64 = 100_000_000;

/// Unix time: from here on milliseconds (of 1973), below it seconds (until the year 5138).
const UNIX_MS_MIN: i64 = 100_000_000_000;

/// What reading or writing a date costs, in fuel.
const DATE_FUEL: u64 = 16;

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// `value | date`
pub(super) fn date(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    Ok(Value::text(&read(value, arguments)?.date.to_string()))
}

/// `value | datetime`
pub(super) fn datetime(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    Ok(Value::text(&read(value, arguments)?.timestamp(arguments.name())?.to_string()))
}

/// `value | unix`
pub(super) fn unix(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    Ok(Value::Int(read(value, arguments)?.timestamp(arguments.name())?.as_second()))
}

/// `value | unix_ms`
pub(super) fn unix_ms(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    Ok(Value::Int(read(value, arguments)?.timestamp(arguments.name())?.as_millisecond()))
}

/// A day, or a moment as it was written: with its own offset.
struct When {
    date: Date,
    clock: Option<(Time, Offset)>,
}

impl When {
    fn of(moment: DateTime, offset: Offset) -> Self {
        Self { date: moment.date(), clock: Some((moment.time(), offset)) }
    }

    /// A day alone begins at midnight UTC.
    fn timestamp(&self, name: &str) -> Result<Timestamp, Error> {
        let (time, offset) = self.clock.unwrap_or((Time::midnight(), Offset::UTC));
        offset.to_timestamp(self.date.to_datetime(time)).map_err(|_| out_of_range(name))
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((time, offset)) = self.clock else {
            return self.date.fmt(f);
        };
        let moment = self.date.to_datetime(time);
        match (offset.to_timestamp(moment), offset == Offset::UTC) {
            (Ok(moment), true) => moment.fmt(f),
            (Ok(moment), false) => moment.display_with_offset(offset).fmt(f),
            (Err(_), _) => moment.fmt(f),
        }
    }
}

/// RFC 3339 or RFC 2822, or one of [`date_shapes`]; a day; or Unix time as a number or as digits. Without an offset it
/// is UTC.
fn read(value: &Value, arguments: &Arguments) -> Result<When, Error> {
    let name = arguments.name();
    let wanted = "a time of RFC 3339 or RFC 2822, a day such as 2024-01-31, or Unix time";
    if value.as_text().is_none() && !value.is_number() {
        return Err(unfit(name, wanted, value));
    }
    arguments.fuel.spend(DATE_FUEL)?;
    let text = arguments.own_text(value)?;
    let text = text.trim();
    let when = if text.len() > TEXT_BYTES_MAX {
        None
    } else if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        from_unix(text)
    } else {
        from_either_rfc(text).or_else(|| from_either_rfc(&date_shapes::standard(text)?))
    };
    when.ok_or_else(|| refuse(format!("`{name}` takes {wanted}, not any other text or number")))
}

fn from_unix(text: &str) -> Option<When> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let whole: i64 = whole.parse().ok()?;
    let unit = match whole {
        UNIX_MS_MIN.. => NANOS_PER_SECOND / 1_000,
        UNIX_MIN.. => NANOS_PER_SECOND,
        _ => return None,
    };
    let fraction: i128 = format!("{fraction:0<9.9}").parse().ok()?;
    let moment =
        Timestamp::from_nanosecond(i128::from(whole) * unit + fraction * unit / NANOS_PER_SECOND).ok()?;
    Some(When::of(Offset::UTC.to_datetime(moment), Offset::UTC))
}

fn from_either_rfc(text: &str) -> Option<When> {
    from_rfc3339(text).or_else(|| from_rfc2822(text))
}

fn from_rfc3339(text: &str) -> Option<When> {
    let pieces = Pieces::parse(text).ok()?;
    let offset = pieces.to_numeric_offset();
    // A zone by its name, without the offset that it had then: there are no rules to find it by.
    if offset.is_none() && pieces.time_zone_annotation().is_some() {
        return None;
    }
    let clock = pieces.time().map(|time| (time, offset.unwrap_or(Offset::UTC)));
    Some(When { date: pieces.date(), clock })
}

fn from_rfc2822(text: &str) -> Option<When> {
    let moment = rfc2822::parse(text).ok()?;
    Some(When::of(moment.datetime(), moment.offset()))
}

/// `-7d`, `3mo`, `1y 2mo`, `PT1H`: months end where the month ends.
pub(super) fn shift(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let by = arguments.text(0)?;
    let when = read(value, arguments)?;
    let span: Option<Span> = Some(by).filter(|by| by.len() <= TEXT_BYTES_MAX).and_then(|by| by.parse().ok());
    let span = span.ok_or_else(|| refuse("`shift` takes a span such as '-7d', '3mo', '1y2mo' or 'PT1H'"))?;
    let shifted = match when.clock {
        Some((time, offset)) => {
            let moment = when.date.to_datetime(time).checked_add(span);
            moment.map(|moment| When::of(moment, offset))
        }
        None if !has_clock(&span) => when.date.checked_add(span).map(|date| When { date, clock: None }),
        None => {
            return Err(refuse(
                "`shift` moves a day by days, weeks, months and years; make it a `datetime` first",
            ));
        }
    };
    shifted.map(|when| Value::text(&when.to_string())).map_err(|_| out_of_range("shift"))
}

fn has_clock(span: &Span) -> bool {
    let parts = [
        i64::from(span.get_hours()),
        span.get_minutes(),
        span.get_seconds(),
        span.get_milliseconds(),
        span.get_microseconds(),
        span.get_nanoseconds(),
    ];
    parts.iter().any(|part| *part != 0)
}

/// The same moment as a clock shows it that is `+02:00` ahead of UTC.
pub(super) fn at_offset(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let offset = arguments.text(0)?;
    let when = read(value, arguments)?;
    if when.clock.is_none() {
        return Err(refuse(
            "`at_offset` takes a moment, not a day: a day alone has no time that could be another",
        ));
    }
    let offset = match offset {
        "Z" => Some(Offset::UTC),
        offset => BrokenDownTime::parse("%:z", offset).ok().and_then(|parsed| parsed.offset()),
    };
    let offset =
        offset.ok_or_else(|| refuse("`at_offset` takes an offset such as '+02:00', '-05:30' or 'Z'"))?;
    let moment = when.timestamp("at_offset")?;
    Ok(Value::text(&When::of(offset.to_datetime(moment), offset).to_string()))
}

/// Writes by a pattern: <https://docs.rs/jiff/latest/jiff/fmt/strtime/#conversion-specifications>.
pub(super) fn strftime(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let pattern = arguments.text(0)?;
    let when = read(value, arguments)?;
    arguments.fuel.spend(DATE_FUEL + pattern.len() as u64)?;
    let broken_down = match when.clock {
        None => Ok(BrokenDownTime::from(when.date)),
        Some((time, offset)) => {
            let moment = when.date.to_datetime(time).to_zoned_datetime(offset.to_time_zone());
            moment.map(|moment| BrokenDownTime::from(&moment))
        }
    };
    let short = Some(pattern).filter(|pattern| pattern.len() <= TEXT_BYTES_MAX);
    let written = short.zip(broken_down.ok()).and_then(|(pattern, time)| time.to_string(pattern).ok());
    written.map(|written| Value::text(&written)).ok_or_else(|| {
        refuse("`strftime` takes a pattern such as '%d.%m.%Y'; a day alone has no %H, %M, %S or %z")
    })
}

/// Reads by a pattern what is written otherwise; a time without an offset is UTC.
pub(super) fn strptime(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let pattern = arguments.text(0)?;
    arguments.fuel.spend(DATE_FUEL + pattern.len() as u64)?;
    let text = arguments.own_text(value)?;
    let short = text.len() <= TEXT_BYTES_MAX && pattern.len() <= TEXT_BYTES_MAX;
    let parsed = if short { strtime::parse(pattern, text.trim()).ok() } else { None };
    let when = parsed.and_then(|parsed| {
        let date = parsed.to_date().ok()?;
        let offset = parsed.offset().unwrap_or(Offset::UTC);
        let clock = parsed.hour().map(|_| parsed.to_time().map(|time| (time, offset))).transpose().ok()?;
        Some(When { date, clock })
    });
    let wanted =
        "`strptime` takes a text that its pattern fits, with a whole date, such as '%d.%m.%Y' or '%Y%m%d'";
    when.map(|when| Value::text(&when.to_string())).ok_or_else(|| refuse(wanted))
}

/// Days on the calendar from one date to another, both as written; negative when the other is earlier.
pub(super) fn days_until(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let from = read(value, arguments)?.date;
    let to = read(arguments.get(0), arguments)?.date;
    from.until(to).map(|span| Value::Int(span.get_days().into())).map_err(|_| out_of_range("days_until"))
}

fn out_of_range(name: &str) -> Error {
    refuse(format!("`{name}`: outside the years -9999 to 9999"))
}
