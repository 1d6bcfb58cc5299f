//! The methods of Python that people write: `body.name.lower()`, `headers.get('x-event')`, `body.fields.items()`.
//!
//! They are as strict as the filters, pay as they do, and bound what they give out. Where a filter does the same, it
//! does the work.

use std::borrow::Cow;

use minijinja::value::{Rest, Value, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, State};

use super::arguments::{TEXT_BYTES_MAX, charge, list, refuse, text, too_long, unfit};
use super::operators::is_equal;
use super::pieces::{Ends, pieces, trimmed};
use super::signatures::{Signature, in_order, short};

/// What stands before a method's name in the name of its function, so that no template can name it.
const PREFIX: &str = "method ";

/// What taking up one item costs, in fuel.
const ITEM_FUEL: u64 = 1;

/// All methods, in the order of their names, each by the name of its function.
pub(super) const METHODS: &[Signature] = &[
    ("method capitalize", ""),
    ("method casefold", ""),
    ("method center", "width fillchar?"),
    ("method count", "sub"),
    ("method endswith", "suffix"),
    ("method find", "sub"),
    ("method get", "key default?"),
    ("method index", "sub"),
    ("method isalnum", ""),
    ("method isalpha", ""),
    ("method isascii", ""),
    ("method isdecimal", ""),
    ("method isdigit", ""),
    ("method islower", ""),
    ("method isnumeric", ""),
    ("method isspace", ""),
    ("method isupper", ""),
    ("method items", ""),
    ("method join", "iterable"),
    ("method keys", ""),
    ("method ljust", "width fillchar?"),
    ("method lower", ""),
    ("method lstrip", "chars?"),
    ("method removeprefix", "prefix"),
    ("method removesuffix", "suffix"),
    ("method replace", "old new count?"),
    ("method rfind", "sub"),
    ("method rjust", "width fillchar?"),
    ("method rsplit", "sep? maxsplit?"),
    ("method rstrip", "chars?"),
    ("method split", "sep? maxsplit?"),
    ("method splitlines", ""),
    ("method startswith", "prefix"),
    ("method strip", "chars?"),
    ("method swapcase", ""),
    ("method title", ""),
    ("method upper", ""),
    ("method values", ""),
    ("method zfill", "width"),
];

/// The signature of a method, by the method's own name.
pub(super) fn signature(method: &str) -> Option<Signature> {
    METHODS.iter().map(|(name, takes)| (own_name(name), *takes)).find(|(name, _)| *name == method)
}

/// The name of the function that a method is.
pub(super) fn function(method: &str) -> Option<&'static str> {
    METHODS.iter().map(|(name, _)| *name).find(|name| own_name(name) == method)
}

/// The names of all methods.
pub(super) fn names() -> Vec<&'static str> {
    METHODS.iter().map(|(name, _)| own_name(name)).collect()
}

fn own_name(function: &'static str) -> &'static str {
    function.strip_prefix(PREFIX).unwrap_or(function)
}

pub(super) fn add_to(environment: &mut Environment<'static>) {
    for (function, takes) in METHODS {
        let name = own_name(function);
        environment.add_function(*function, move |state: &mut State, arguments: Rest<ValueOrKwargs>| {
            let arguments = in_order((name, takes), arguments.into_values())?;
            let Some((value, arguments)) = arguments.split_first() else {
                return Err(refuse(format!("`{name}` is a method")));
            };
            short(call(state, name, value, arguments)?)
        });
    }
}

/// What is given in place of an argument that is left out.
fn at(arguments: &[Value], index: usize) -> Value {
    arguments.get(index).cloned().unwrap_or_else(|| Value::from(()))
}

fn call(state: &mut State, name: &'static str, value: &Value, arguments: &[Value]) -> Result<Value, Error> {
    match name {
        // As the filter of the same name does it.
        "capitalize" | "items" | "lower" | "removeprefix" | "removesuffix" | "replace" | "split"
        | "title" | "upper" => forward(state, name, value, arguments),
        "casefold" => forward(state, "lower", value, &[]),
        "join" => forward(state, "join", &at(arguments, 0), std::slice::from_ref(value)),
        "get" => get(value, arguments),
        "keys" | "values" => fields(state, name, value),
        "count" | "index" if value.kind() != ValueKind::String => {
            in_list(state, name, value, &at(arguments, 0))
        }
        "count" | "find" | "index" | "rfind" => in_text(state, name, value, &at(arguments, 0)),
        "startswith" | "endswith" => has_end(state, name, value, &at(arguments, 0)).map(Value::from),
        "strip" => stripped(state, name, value, arguments, Ends::Both),
        "lstrip" => stripped(state, name, value, arguments, Ends::Left),
        "rstrip" => stripped(state, name, value, arguments, Ends::Right),
        "splitlines" => forward(state, "lines", value, &[]),
        "rsplit" => rsplit(state, value, arguments),
        "center" | "ljust" | "rjust" | "zfill" => filled(state, name, value, arguments),
        _ => of_characters(state, name, value),
    }
}

fn forward(state: &mut State, filter: &str, value: &Value, arguments: &[Value]) -> Result<Value, Error> {
    let mut all = vec![value.clone()];
    all.extend_from_slice(arguments);
    state.apply_filter(filter, &all)
}

/// A field of an object, or the default: null, if none is stated.
fn get(value: &Value, arguments: &[Value]) -> Result<Value, Error> {
    if value.kind() != ValueKind::Map {
        return Err(unfit("get", "an object", value));
    }
    let key = at(arguments, 0);
    if key.kind() != ValueKind::String {
        return Err(refuse("`get` takes the field's name as a text"));
    }
    let found = value.get_item(&key)?;
    Ok(if found.is_undefined() { at(arguments, 1) } else { found })
}

fn fields(state: &State, name: &str, value: &Value) -> Result<Value, Error> {
    if value.kind() != ValueKind::Map {
        return Err(unfit(name, "an object", value));
    }
    let mut fields = Vec::new();
    for key in value.try_iter()? {
        state.consume_fuel(ITEM_FUEL)?;
        fields.push(if name == "keys" { key } else { value.get_item(&key)? });
    }
    Ok(Value::from(fields))
}

fn in_list(state: &State, name: &str, value: &Value, wanted: &Value) -> Result<Value, Error> {
    let mut count = 0;
    for (index, item) in list(name, value)?.enumerate() {
        state.consume_fuel(ITEM_FUEL)?;
        if is_equal(state, &item, wanted)? {
            if name == "index" {
                return Ok(Value::from(index));
            }
            count += 1;
        }
    }
    if name == "index" { Err(not_found()) } else { Ok(Value::from(count)) }
}

fn not_found() -> Error {
    refuse("`index`: the part was not found; `find` returns -1 instead")
}

/// Positions are counted in characters.
fn in_text(state: &State, name: &str, value: &Value, part: &Value) -> Result<Value, Error> {
    let (text, part) = (text(state, name, value)?, text(state, name, part)?);
    charge(state, text.len())?;
    if name == "count" {
        return Ok(Value::from(text.matches(part.as_ref()).count()));
    }
    let byte = if name == "rfind" { text.rfind(part.as_ref()) } else { text.find(part.as_ref()) };
    match byte.and_then(|byte| text.get(..byte)) {
        Some(before) => Ok(Value::from(before.chars().count())),
        None if name == "index" => Err(not_found()),
        None => Ok(Value::from(-1)),
    }
}

/// With a list: whether it has one of these beginnings or ends.
fn has_end(state: &State, name: &str, value: &Value, ends: &Value) -> Result<bool, Error> {
    let is_there = |end: &Value| {
        let (text, end) = (text(state, name, value)?, text(state, name, end)?);
        Ok(if name == "startswith" { text.starts_with(end.as_ref()) } else { text.ends_with(end.as_ref()) })
    };
    if !matches!(ends.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return is_there(ends);
    }
    for end in ends.try_iter()? {
        state.consume_fuel(ITEM_FUEL)?;
        if is_there(&end)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn stripped(
    state: &State,
    name: &str,
    value: &Value,
    arguments: &[Value],
    ends: Ends,
) -> Result<Value, Error> {
    let value = text(state, name, value)?;
    let characters = at(arguments, 0);
    let characters =
        if characters.is_none() { None } else { Some(text(state, name, &characters)?.into_owned()) };
    trimmed(state, &value, characters.as_deref(), ends).map(Value::from)
}

/// From the right, at most so many times.
fn rsplit(state: &mut State, value: &Value, arguments: &[Value]) -> Result<Value, Error> {
    let times = at(arguments, 1);
    let Some(times) = times.as_usize() else {
        // Without a bound it is all the same from where.
        return forward(state, "split", value, arguments.get(..1).unwrap_or_default());
    };
    let value = text(state, "rsplit", value)?;
    let separator = at(arguments, 0);
    if separator.is_none() {
        return Err(refuse("`rsplit` needs a separator where it has a `maxsplit`"));
    }
    let separator = text(state, "rsplit", &separator)?;
    let parts = value.rsplitn(times.saturating_add(1), separator.as_ref());
    state.apply_filter("reverse", &[pieces(state, parts)?])
}

/// Filled up to so many characters.
fn filled(state: &State, name: &str, value: &Value, arguments: &[Value]) -> Result<Value, Error> {
    let value = text(state, name, value)?;
    let width = at(arguments, 0).as_usize().ok_or_else(|| refuse(format!("`{name}` takes a width")))?;
    let fill = at(arguments, 1);
    let fill = if fill.is_none() { Cow::Borrowed(" ") } else { text(state, name, &fill)? };
    if fill.chars().nth(1).is_some() || fill.is_empty() {
        return Err(refuse(format!("`{name}` fills with one character")));
    }
    let lacks = width.saturating_sub(value.chars().count());
    if lacks.saturating_mul(fill.len()).saturating_add(value.len()) > TEXT_BYTES_MAX {
        return Err(too_long());
    }
    charge(state, lacks * fill.len())?;
    Ok(Value::from(match name {
        "ljust" => format!("{value}{}", fill.repeat(lacks)),
        "rjust" => format!("{}{value}", fill.repeat(lacks)),
        "center" => {
            let left = lacks / 2;
            format!("{}{value}{}", fill.repeat(left), fill.repeat(lacks - left))
        }
        // Zeros stand after the sign.
        _ => {
            let digits = value.strip_prefix(['-', '+']).unwrap_or(&value);
            let sign = value.get(..value.len() - digits.len()).unwrap_or_default();
            format!("{sign}{}{digits}", "0".repeat(lacks))
        }
    }))
}

/// What all characters of a text are, or `swapcase`. An empty text has none that could be any of these, but is ASCII.
fn of_characters(state: &State, name: &str, value: &Value) -> Result<Value, Error> {
    let text = text(state, name, value)?;
    let all = |holds: fn(char) -> bool| !text.is_empty() && text.chars().all(holds);
    let is_cased = |character: char| character.is_lowercase() || character.is_uppercase();
    Ok(match name {
        "isalnum" => Value::from(all(char::is_alphanumeric)),
        "isalpha" => Value::from(all(char::is_alphabetic)),
        "isascii" => Value::from(text.is_ascii()),
        "isdecimal" | "isdigit" => Value::from(all(|character| character.is_ascii_digit())),
        "isnumeric" => Value::from(all(char::is_numeric)),
        "isspace" => Value::from(all(char::is_whitespace)),
        "islower" => Value::from(text.chars().any(is_cased) && !text.chars().any(char::is_uppercase)),
        "isupper" => Value::from(text.chars().any(is_cased) && !text.chars().any(char::is_lowercase)),
        "swapcase" => {
            let swapped = text.chars().flat_map(|character| {
                let (upper, lower) = (character.to_uppercase(), character.to_lowercase());
                let swapped: Vec<char> =
                    if character.is_lowercase() { upper.collect() } else { lower.collect() };
                swapped
            });
            Value::from(swapped.collect::<String>())
        }
        _ => return Err(refuse(format!("there is no method `{name}`"))),
    })
}
