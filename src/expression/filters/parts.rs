//! Filters that cut texts and put others in their place.
//!
//! The result's length is known before it is made, and paid for.

use super::super::arguments::Arguments;
use crate::value::error::Error;
use crate::value::fuel::Fuel;
use crate::value::{TEXT_BYTES_MAX, Value, too_long};

/// The parts of a text as a list, each paid for.
pub(in super::super) fn pieces<'a>(
    fuel: &Fuel,
    parts: impl Iterator<Item = &'a str>,
) -> Result<Value, Error> {
    let mut pieces = Vec::new();
    for part in parts {
        fuel.spend(1)?;
        pieces.push(Value::text(part));
    }
    Value::list(pieces)
}

/// `text | lines`
pub(in super::super) fn lines(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    pieces(arguments.fuel, arguments.own_text(value)?.lines())
}

/// At white space, or at each separator; at most so many times from the left.
pub(in super::super) fn split(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let fuel = arguments.fuel;
    let text = arguments.own_text(value)?;
    let (separator, times_max) = (arguments.optional_written(0)?, arguments.optional_whole(1)?);
    let parts_max =
        times_max.and_then(|times| usize::try_from(times).ok()).map(|times| times.saturating_add(1));
    match (separator, parts_max) {
        (None, None) => pieces(fuel, text.split_whitespace()),
        (Some(separator), None) => pieces(fuel, text.split(separator.as_ref())),
        (Some(separator), Some(parts)) => pieces(fuel, text.splitn(parts, separator.as_ref())),
        (None, Some(parts)) => pieces(fuel, words(&text, parts)),
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
pub(in super::super) fn replace(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let text = arguments.own_text(value)?;
    let (old, new) = (arguments.written(0)?, arguments.written(1)?);
    // A negative count is no bound, as in Python.
    let count = arguments.optional_whole(2)?.and_then(|count| usize::try_from(count).ok());
    let count = count.unwrap_or(usize::MAX);
    arguments.fuel.spend_on_text(text.len())?;
    let found = text.matches(&*old).take(count).count();
    let length = (text.len() - found * old.len()).saturating_add(found.saturating_mul(new.len()));
    if length > TEXT_BYTES_MAX {
        return Err(too_long());
    }
    arguments.fuel.spend_on_text(length)?;
    Ok(Value::text(&text.replacen(&*old, &new, count)))
}

/// `text | removeprefix(prefix)`
pub(in super::super) fn removeprefix(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let text = arguments.own_text(value)?;
    Ok(Value::text(text.strip_prefix(arguments.text(0)?).unwrap_or(&text)))
}

/// `text | removesuffix(suffix)`
pub(in super::super) fn removesuffix(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let text = arguments.own_text(value)?;
    Ok(Value::text(text.strip_suffix(arguments.text(0)?).unwrap_or(&text)))
}

/// `text | trim(chars)`
pub(super) fn trim(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    trimmed(value, arguments, Ends::Both)
}

/// `text | truncate(length, end)`: at most so many characters; what is cut ends in `…`, or as the template says.
pub(super) fn truncate(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let (length, end) = (arguments.count(0)?, arguments.optional_text(1)?.unwrap_or("…"));
    let text = arguments.own_text(value)?;
    if text.chars().nth(length).is_none() {
        return Ok(Value::text(&text));
    }
    let kept = length.saturating_sub(end.chars().count());
    let cut: String = text.chars().take(kept).collect();
    Ok(Value::text(&format!("{}{end}", cut.trim_end())))
}

/// The ends of a text.
#[derive(Clone, Copy)]
pub(in super::super) enum Ends {
    Both,
    Left,
    Right,
}

/// Without white space at these ends, or without any of the characters that are given.
pub(in super::super) fn trimmed(value: &Value, arguments: &Arguments, ends: Ends) -> Result<Value, Error> {
    let text = arguments.own_text(value)?;
    let Some(characters) = arguments.optional_written(0)? else {
        return Ok(Value::text(match ends {
            Ends::Both => text.trim(),
            Ends::Left => text.trim_start(),
            Ends::Right => text.trim_end(),
        }));
    };
    // Each character of the text is compared with each of these.
    arguments.fuel.spend_on_text(text.len().saturating_mul(characters.len()))?;
    let characters: Vec<char> = characters.chars().collect();
    let characters = characters.as_slice();
    Ok(Value::text(match ends {
        Ends::Both => text.trim_matches(characters),
        Ends::Left => text.trim_start_matches(characters),
        Ends::Right => text.trim_end_matches(characters),
    }))
}
