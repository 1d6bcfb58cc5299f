//! The methods of Python that people write: `body.name.lower()`, `headers.get('x-event')`, `body.fields.items()`.
//!
//! They are as strict as the filters, pay as they do, and bound what they give out. Where a filter does the same, it
//! does the work.

use std::borrow::Cow;

use super::arguments::Arguments;
use super::filters::{
    Apply, Ends, capitalize, joined, lines, lower, own_list, pairs, pieces, removeprefix, removesuffix,
    replace, split, title, trimmed, upper,
};
use super::operators::is_equal;
use super::signatures::{Entry, entry};
use crate::value::error::{Error, refuse};
use crate::value::{TEXT_BYTES_MAX, Value, too_long, unfit};

/// What taking up one item costs, in fuel.
const ITEM_FUEL: u64 = 1;

/// All methods, in the order of their names.
pub(super) const METHODS: &[Entry<Apply>] = &[
    entry("capitalize", "", capitalize),
    entry("casefold", "", lower),
    entry("center", "width fillchar?", |value, by| filled(value, by, |lacks| (lacks / 2, lacks - lacks / 2))),
    entry("count", "sub", count),
    entry("endswith", "suffix", |value, by| has_affix(value, by, |text, end| text.ends_with(end))),
    entry("find", "sub", |value, by| {
        Ok(place_of(value, by, |text, part| text.find(part))?.map_or(Value::Int(-1), Value::count))
    }),
    entry("get", "key default?", get),
    entry("index", "sub", index),
    entry("isalnum", "", |value, by| all(value, by, char::is_alphanumeric)),
    entry("isalpha", "", |value, by| all(value, by, char::is_alphabetic)),
    entry("isascii", "", |value, by| Ok(Value::Bool(by.own_text(value)?.is_ascii()))),
    entry("isdecimal", "", |value, by| all(value, by, |character| character.is_ascii_digit())),
    entry("isdigit", "", |value, by| all(value, by, |character| character.is_ascii_digit())),
    entry("islower", "", |value, by| is_cased(value, by, char::is_uppercase)),
    entry("isnumeric", "", |value, by| all(value, by, char::is_numeric)),
    entry("isspace", "", |value, by| all(value, by, char::is_whitespace)),
    entry("isupper", "", |value, by| is_cased(value, by, char::is_lowercase)),
    entry("items", "", pairs),
    entry("join", "iterable", |value, by| joined(by.get(0), &by.own_text(value)?, by, None)),
    entry("keys", "", |value, by| fields(value, by, |(name, _)| name)),
    entry("ljust", "width fillchar?", |value, by| filled(value, by, |lacks| (0, lacks))),
    entry("lower", "", lower),
    entry("lstrip", "chars?", |value, by| trimmed(value, by, Ends::Left)),
    entry("removeprefix", "prefix", removeprefix),
    entry("removesuffix", "suffix", removesuffix),
    entry("replace", "old new count?", replace),
    entry("rfind", "sub", |value, by| {
        Ok(place_of(value, by, |text, part| text.rfind(part))?.map_or(Value::Int(-1), Value::count))
    }),
    entry("rjust", "width fillchar?", |value, by| filled(value, by, |lacks| (lacks, 0))),
    entry("rsplit", "sep? maxsplit?", rsplit),
    entry("rstrip", "chars?", |value, by| trimmed(value, by, Ends::Right)),
    entry("split", "sep? maxsplit?", split),
    entry("splitlines", "", lines),
    entry("startswith", "prefix", |value, by| has_affix(value, by, |text, start| text.starts_with(start))),
    entry("strip", "chars?", |value, by| trimmed(value, by, Ends::Both)),
    entry("swapcase", "", swapcase),
    entry("title", "", title),
    entry("upper", "", upper),
    entry("values", "", |value, by| fields(value, by, |(_, value)| value)),
    entry("zfill", "width", zfill),
];

/// A field of an object, or the default: null, if none is stated.
fn get(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let Value::Object(object) = value else {
        return Err(unfit("get", "an object", value));
    };
    let Value::Text(name) = arguments.get(0) else {
        return Err(refuse("`get` takes the field's name as a text"));
    };
    Ok(object.field(name).unwrap_or_else(|| arguments.get(1).clone()))
}

fn fields(value: &Value, arguments: &Arguments, part: fn((Value, Value)) -> Value) -> Result<Value, Error> {
    let Value::Object(object) = value else {
        return Err(unfit(arguments.name(), "an object", value));
    };
    arguments.fuel.spend_on_items(object.len())?;
    Value::list(object.pairs().map(part).collect())
}

/// How often a text has a part, or a list an item.
fn count(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    if value.as_text().is_none() {
        return Ok(Value::count(places(value, arguments, usize::MAX)?.len()));
    }
    let (text, part) = text_and_part(value, arguments)?;
    Ok(Value::count(text.matches(&*part).count()))
}

/// Where a text has a part, or a list an item: counted in characters, or items.
fn index(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let found = if value.as_text().is_none() {
        places(value, arguments, 1)?.first().copied()
    } else {
        place_of(value, arguments, |text, part| text.find(part))?
    };
    found
        .map(Value::count)
        .ok_or_else(|| refuse("`index`: the part was not found; `find` returns -1 instead"))
}

/// The first places, so many at most, at which a list has an item.
fn places(value: &Value, arguments: &Arguments, places_max: usize) -> Result<Vec<usize>, Error> {
    let mut places = Vec::new();
    for (place, item) in own_list(value, arguments)?.iter().enumerate() {
        arguments.fuel.spend(ITEM_FUEL)?;
        if places.len() < places_max && is_equal(arguments.fuel, &item, arguments.get(0))? {
            places.push(place);
        }
    }
    Ok(places)
}

fn text_and_part<'a>(
    value: &'a Value,
    arguments: &'a Arguments,
) -> Result<(Cow<'a, str>, Cow<'a, str>), Error> {
    let (text, part) = (arguments.own_text(value)?, arguments.own_text(arguments.get(0))?);
    arguments.fuel.spend_on_text(text.len())?;
    Ok((text, part))
}

fn place_of(
    value: &Value,
    arguments: &Arguments,
    find: fn(&str, &str) -> Option<usize>,
) -> Result<Option<usize>, Error> {
    let (text, part) = text_and_part(value, arguments)?;
    let before = find(&text, &part).and_then(|byte| text.get(..byte));
    Ok(before.map(|before| before.chars().count()))
}

/// With a list: whether it has one of these beginnings or ends.
fn has_affix(value: &Value, arguments: &Arguments, has: fn(&str, &str) -> bool) -> Result<Value, Error> {
    let is_there = |affix: &Value| Ok(has(&arguments.own_text(value)?, &arguments.own_text(affix)?));
    let Value::List(affixes) = arguments.get(0) else {
        return is_there(arguments.get(0)).map(Value::Bool);
    };
    for affix in affixes.iter() {
        arguments.fuel.spend(ITEM_FUEL)?;
        if is_there(&affix)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

/// From the right, at most so many times.
fn rsplit(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let Some(times) = arguments.optional_whole(1)?.and_then(|times| usize::try_from(times).ok()) else {
        // Without a bound it is all the same from where.
        return split(value, arguments);
    };
    let text = arguments.own_text(value)?;
    let separator = arguments.optional_written(0)?;
    let separator =
        separator.ok_or_else(|| refuse("`rsplit` needs a separator where it has a `maxsplit`"))?;
    let mut parts: Vec<&str> = text.rsplitn(times.saturating_add(1), separator.as_ref()).collect();
    parts.reverse();
    pieces(arguments.fuel, parts.into_iter())
}

/// Filled up to so many characters, some of them on the left and some on the right.
fn filled(value: &Value, arguments: &Arguments, sides: fn(usize) -> (usize, usize)) -> Result<Value, Error> {
    let fill = arguments.given(1).map(|fill| arguments.own_text(fill)).transpose()?;
    let fill = fill.unwrap_or(Cow::Borrowed(" "));
    if fill.chars().nth(1).is_some() || fill.is_empty() {
        return Err(refuse(format!("`{}` fills with one character", arguments.name())));
    }
    let (text, lacks) = lacking(value, arguments, fill.len())?;
    let (left, right) = sides(lacks);
    Ok(Value::text(&format!("{}{text}{}", fill.repeat(left), fill.repeat(right))))
}

/// Zeros stand after the sign.
fn zfill(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let (text, lacks) = lacking(value, arguments, 1)?;
    let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
    let sign = text.get(..text.len() - digits.len()).unwrap_or_default();
    Ok(Value::text(&format!("{sign}{}{digits}", "0".repeat(lacks))))
}

/// A text, and how many characters it lacks to have the width that is asked for, each of so many bytes.
fn lacking<'v>(
    value: &'v Value,
    arguments: &Arguments,
    bytes: usize,
) -> Result<(Cow<'v, str>, usize), Error> {
    let text = arguments.own_text(value)?;
    let width = arguments.count(0).map_err(|_| refuse(format!("`{}` takes a width", arguments.name())))?;
    let lacks = width.saturating_sub(text.chars().count());
    if lacks.saturating_mul(bytes).saturating_add(text.len()) > TEXT_BYTES_MAX {
        return Err(too_long());
    }
    arguments.fuel.spend_on_text(lacks * bytes)?;
    Ok((text, lacks))
}

/// Whether this holds for all characters of a text; it never holds for an empty text.
fn all(value: &Value, arguments: &Arguments, holds: fn(char) -> bool) -> Result<Value, Error> {
    let text = arguments.own_text(value)?;
    Ok(Value::Bool(!text.is_empty() && text.chars().all(holds)))
}

/// Whether a text has letters in upper or lower case, and none in the other.
fn is_cased(value: &Value, arguments: &Arguments, other: fn(char) -> bool) -> Result<Value, Error> {
    let text = arguments.own_text(value)?;
    let is_cased = |character: char| character.is_lowercase() || character.is_uppercase();
    Ok(Value::Bool(text.chars().any(is_cased) && !text.chars().any(other)))
}

fn swapcase(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let mut swapped = String::new();
    for character in arguments.own_text(value)?.chars() {
        if character.is_lowercase() {
            swapped.extend(character.to_uppercase());
        } else {
            swapped.extend(character.to_lowercase());
        }
    }
    Ok(Value::text(&swapped))
}
