//! Filters that cut texts and put others in their place.
//!
//! The result's length is known before it is made, and paid for.

use std::borrow::Cow;

use minijinja::value::{Rest, Value, ValueKind};
use minijinja::{Environment, Error, State, filters};

use super::arguments::{TEXT_BYTES_MAX, charge, refuse, text, too_long};
use super::signatures::add_filter;
use super::whole::Whole;

/// What one conversion of a pattern costs, in fuel.
const CONVERSION_FUEL: u64 = 8;

/// What writing all digits of a very large or very small fraction costs, in fuel: there are up to 1,074 of them.
const LONG_FRACTION_FUEL: u64 = 150;

/// The most digits after the point: no fraction has more.
const PRECISION_MAX: usize = 1_074;

/// Fractions between these are written with few digits.
const SHORT_FRACTIONS: std::ops::Range<f64> = 1e-5..1e18;

/// The conversions that write a number with a fraction.
const FRACTION_CONVERSIONS: [char; 6] = ['f', 'F', 'e', 'E', 'g', 'G'];

pub(super) fn add_to(environment: &mut Environment<'static>) {
    add_filter(
        environment,
        "replace",
        |state: &State, value: &Value, old: Cow<'_, str>, new: Cow<'_, str>, count: Option<i64>| {
            replace(state, value, &old, &new, count)
        },
    );
    add_filter(environment, "split", split);
    add_filter(environment, "lines", |state: &State, value: &Value| {
        let text = text(state, "lines", value)?;
        pieces(state, text.lines())
    });
    add_filter(environment, "trim", |state: &State, value: &Value, characters: Option<Cow<'_, str>>| {
        let text = text(state, "trim", value)?;
        trimmed(state, &text, characters.as_deref(), Ends::Both).map(str::to_owned)
    });
    add_filter(environment, "format", format);
}

/// The parts of a text as a list, each paid for.
pub(super) fn pieces<'a>(state: &State, parts: impl Iterator<Item = &'a str>) -> Result<Value, Error> {
    let mut pieces = Vec::new();
    for part in parts {
        state.consume_fuel(1)?;
        pieces.push(Value::from(part));
    }
    Ok(Value::from(pieces))
}

/// At white space, or at each `separator`; at most so many times from the left.
fn split(
    state: &State,
    value: &Value,
    separator: Option<Cow<'_, str>>,
    times_max: Option<i64>,
) -> Result<Value, Error> {
    let text = text(state, "split", value)?;
    let parts_max =
        times_max.and_then(|times| usize::try_from(times).ok()).map(|times| times.saturating_add(1));
    match (separator, parts_max) {
        (None, None) => pieces(state, text.split_whitespace()),
        (Some(separator), None) => pieces(state, text.split(separator.as_ref())),
        (Some(separator), Some(parts)) => pieces(state, text.splitn(parts, separator.as_ref())),
        (None, Some(parts)) => pieces(state, words(&text, parts)),
    }
}

/// At most so many words; the last has the rest of the text.
fn words(text: &str, parts_max: usize) -> impl Iterator<Item = &str> {
    let mut rest = text.trim_start();
    let mut parts_left = parts_max;
    std::iter::from_fn(move || {
        parts_left = parts_left.checked_sub(1)?;
        if rest.is_empty() {
            return None;
        }
        let (word, after) = match rest.split_once(char::is_whitespace) {
            Some(found) if parts_left > 0 => found,
            _ => (rest.trim_end(), ""),
        };
        rest = after.trim_start();
        Some(word)
    })
}

/// One text for another, everywhere or `count` times from the left.
fn replace(state: &State, value: &Value, old: &str, new: &str, count: Option<i64>) -> Result<String, Error> {
    let text = text(state, "replace", value)?;
    // A negative count is no bound, as in Python.
    let count = count.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
    charge(state, text.len())?;
    let found = text.matches(old).take(count).count();
    let length = (text.len() - found * old.len()).saturating_add(found.saturating_mul(new.len()));
    if length > TEXT_BYTES_MAX {
        return Err(too_long());
    }
    charge(state, length)?;
    Ok(text.replacen(old, new, count))
}

/// The ends of a text.
#[derive(Clone, Copy)]
pub(super) enum Ends {
    Both,
    Left,
    Right,
}

/// Without white space at these ends, or without any of these characters.
pub(super) fn trimmed<'a>(
    state: &State,
    text: &'a str,
    characters: Option<&str>,
    ends: Ends,
) -> Result<&'a str, Error> {
    let Some(characters) = characters else {
        return Ok(match ends {
            Ends::Both => text.trim(),
            Ends::Left => text.trim_start(),
            Ends::Right => text.trim_end(),
        });
    };
    // Each character of the text is compared with each of these.
    charge(state, text.len().saturating_mul(characters.len()))?;
    let characters: Vec<char> = characters.chars().collect();
    let characters = characters.as_slice();
    Ok(match ends {
        Ends::Both => text.trim_matches(characters),
        Ends::Left => text.trim_start_matches(characters),
        Ends::Right => text.trim_end_matches(characters),
    })
}

/// Numbers and texts in a pattern of printf, by the engine's filter: its widths are paid for, and bounded.
fn format(state: &mut State, pattern: &Value, arguments: Rest<Value>) -> Result<Value, Error> {
    if pattern.kind() != ValueKind::String {
        return Err(super::arguments::unfit("format", "a text", pattern));
    }
    let mut bytes = text(state, "format", pattern)?.len();
    for argument in arguments.iter() {
        bytes += text(state, "format", argument)?.len();
    }
    let text = pattern.as_str().unwrap_or_default();
    let conversions: Vec<Conversion> = conversions(text).collect();
    let has_stars = conversions.iter().any(|conversion| conversion.stars > 0);
    // A width that comes from an argument: any number among them may be one.
    let widest = || arguments.iter().filter_map(Value::as_usize).max().unwrap_or(0);
    let starred = if has_stars { widest() } else { 0 };
    for (index, conversion) in conversions.iter().enumerate() {
        state.consume_fuel(CONVERSION_FUEL)?;
        let precision = conversion.precision.max(if conversion.stars > 0 { starred } else { 0 });
        if precision > PRECISION_MAX && FRACTION_CONVERSIONS.contains(&conversion.kind) {
            return Err(refuse(format!("`format` writes at most {PRECISION_MAX} digits after the point")));
        }
        let width = conversion.width.saturating_add(precision).saturating_add(starred);
        bytes = bytes.saturating_add(width);
        if bytes > TEXT_BYTES_MAX {
            return Err(too_long());
        }
        charge(state, width)?;
        // Which argument is meant is clear where there are as many as conversions.
        if FRACTION_CONVERSIONS.contains(&conversion.kind) {
            let exactly = conversions.len() == arguments.len();
            let meant = arguments.iter().enumerate().filter(|(at, _)| !exactly || *at == index);
            for (_, argument) in meant {
                check_fraction(state, argument, exactly)?;
            }
        }
    }
    let mut values = vec![pattern.clone()];
    values.extend(arguments.0);
    Value::from_function(filters::format).call(state, &values)
}

/// A wide whole number would be rounded on its way into a fraction; a very large fraction costs much to write.
fn check_fraction(state: &State, value: &Value, is_meant: bool) -> Result<(), Error> {
    match Whole::of(value) {
        Some(number) if is_meant && number.real().is_none() => {
            Err(refuse("`format`: a whole number of more than 53 bits has no exact fraction; use %d or %s"))
        }
        Some(_) => Ok(()),
        None => {
            let size = f64::try_from(value.clone()).map_or(0.0, f64::abs);
            let is_short = size == 0.0 || SHORT_FRACTIONS.contains(&size);
            if is_short { Ok(()) } else { state.consume_fuel(LONG_FRACTION_FUEL) }
        }
    }
}

/// One `%…` of a pattern.
struct Conversion {
    width: usize,
    precision: usize,
    /// Widths and precisions that are `*`.
    stars: usize,
    kind: char,
}

/// The conversions of a pattern; what the engine would refuse is passed over here.
fn conversions(pattern: &str) -> impl Iterator<Item = Conversion> {
    let mut rest = pattern;
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_once('%')?;
            let mut conversion = Conversion { width: 0, precision: 0, stars: 0, kind: '%' };
            let mut in_precision = false;
            let mut characters = after.char_indices();
            let mut end = after.len();
            for (index, character) in characters.by_ref() {
                match (character.to_digit(10), character) {
                    (Some(digit), _) => {
                        let number =
                            if in_precision { &mut conversion.precision } else { &mut conversion.width };
                        *number = number.saturating_mul(10).saturating_add(digit as usize);
                    }
                    (None, '.') => in_precision = true,
                    (None, '*') => conversion.stars += 1,
                    (None, '-' | '+' | ' ' | '#' | '(' | ')' | '_') => {}
                    (None, kind) => {
                        conversion.kind = kind;
                        end = index + kind.len_utf8();
                        break;
                    }
                }
            }
            rest = after.get(end..).unwrap_or_default();
            if conversion.kind != '%' {
                return Some(conversion);
            }
        }
    })
}
