//! Filters that put lists in order, add them up, join and cut them.
//!
//! They take lists of texts or of numbers, or of objects with such an attribute, and pay for each item and each
//! comparison. Upper and lower case differ unless `case_sensitive=false` is asked for.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;

use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, State};

use super::arguments::{
    TEXT_BYTES_MAX, at_path, charge, list, missing, refuse, text, too_long, unfit, written,
};
use super::arithmetic::{Operation, calculate};
use super::signatures::add_filter;

/// What taking up one item costs, in fuel.
const ITEM_FUEL: u64 = 1;

pub(super) fn add_to(environment: &mut Environment<'static>) {
    add_filter(environment, "join", join);
    add_filter(environment, "sum", sum);
    add_filter(environment, "sort", sort);
    add_filter(environment, "unique", unique);
    add_filter(
        environment,
        "min",
        |state: &State, value: &Value, case: Option<bool>, attribute: Option<&str>| {
            extreme(state, "min", value, case, attribute, Ordering::Less)
        },
    );
    add_filter(
        environment,
        "max",
        |state: &State, value: &Value, case: Option<bool>, attribute: Option<&str>| {
            extreme(state, "max", value, case, attribute, Ordering::Greater)
        },
    );
    add_filter(environment, "list", |state: &State, value: &Value| {
        items(state, "list", value).map(Value::from)
    });
    add_filter(environment, "first", |value: &Value| {
        Ok::<_, Error>(list("first", value)?.next().unwrap_or_default())
    });
    add_filter(environment, "last", last);
    add_filter(environment, "reverse", reverse);
    add_filter(environment, "length", length);
}

/// The items of a list, each paid for.
fn items(state: &State, name: &str, value: &Value) -> Result<Vec<Value>, Error> {
    let mut items = Vec::new();
    for item in list(name, value)? {
        state.consume_fuel(ITEM_FUEL)?;
        items.push(item);
    }
    Ok(items)
}

/// An item and what stands for it in a comparison.
struct Entry {
    key: Value,
    item: Value,
}

/// The items with their keys; all keys are of one kind, texts or numbers. `comparisons`: with about how many others
/// each item is compared, where there are so many items.
fn entries(
    state: &State,
    name: &str,
    value: &Value,
    case_sensitive: Option<bool>,
    attribute: Option<&str>,
    comparisons: fn(usize) -> usize,
) -> Result<Vec<Entry>, Error> {
    let (mut entries, mut bytes) = (Vec::new(), 0_usize);
    let mut kind = None;
    for item in list(name, value)? {
        state.consume_fuel(ITEM_FUEL)?;
        let mut key = key(&item, attribute)?;
        if !matches!(key.kind(), ValueKind::Number | ValueKind::String) {
            return Err(unfit(name, "a list of texts and numbers", &key));
        }
        if *kind.get_or_insert(key.kind()) != key.kind() {
            return Err(refuse(format!("`{name}` takes a list of texts or of numbers, not of both")));
        }
        if let (Some(false), Some(text)) = (case_sensitive, key.as_str()) {
            charge(state, text.len())?;
            key = Value::from(text.to_lowercase());
        }
        bytes = bytes.saturating_add(key.as_str().map_or(0, str::len));
        entries.push(Entry { key, item });
    }
    let comparisons = comparisons(entries.len());
    state.consume_fuel((entries.len().saturating_mul(comparisons) / COMPARISONS_PER_FUEL) as u64)?;
    charge(state, bytes.saturating_mul(comparisons))?;
    Ok(entries)
}

/// Comparisons of numbers or short texts that one unit of fuel pays for.
const COMPARISONS_PER_FUEL: usize = 16;

/// An item is compared with this many others while a list of so many is sorted.
fn when_sorted(count: usize) -> usize {
    (usize::BITS - count.leading_zeros()) as usize
}

fn key(item: &Value, attribute: Option<&str>) -> Result<Value, Error> {
    match attribute {
        Some(path) => at_path(item, path).ok_or_else(missing),
        None => Ok(item.clone()),
    }
}

fn sort(
    state: &State,
    value: &Value,
    reverse: Option<bool>,
    case_sensitive: Option<bool>,
    attribute: Option<&str>,
) -> Result<Value, Error> {
    let mut entries = entries(state, "sort", value, case_sensitive, attribute, when_sorted)?;
    let is_reversed = reverse.unwrap_or(false);
    // What is equal stays in its order, also in reverse.
    entries.sort_by(|left, right| {
        let order = left.key.cmp(&right.key);
        if is_reversed { order.reverse() } else { order }
    });
    Ok(entries.into_iter().map(|entry| entry.item).collect())
}

fn unique(
    state: &State,
    value: &Value,
    case_sensitive: Option<bool>,
    attribute: Option<&str>,
) -> Result<Value, Error> {
    let entries = entries(state, "unique", value, case_sensitive, attribute, when_sorted)?;
    let mut seen = BTreeSet::new();
    Ok(entries.into_iter().filter_map(|entry| seen.insert(entry.key).then_some(entry.item)).collect())
}

fn extreme(
    state: &State,
    name: &str,
    value: &Value,
    case_sensitive: Option<bool>,
    attribute: Option<&str>,
    wanted: Ordering,
) -> Result<Value, Error> {
    let entries = entries(state, name, value, case_sensitive, attribute, |_| 1)?;
    let best = entries
        .into_iter()
        .reduce(|best, entry| if entry.key.cmp(&best.key) == wanted { entry } else { best });
    Ok(best.map_or(Value::UNDEFINED, |entry| entry.item))
}

fn sum(state: &State, value: &Value, attribute: Option<&str>, start: Option<Value>) -> Result<Value, Error> {
    let mut sum = start.unwrap_or_else(|| Value::from(0));
    if sum.kind() != ValueKind::Number {
        return Err(unfit("sum", "a number to start with", &sum));
    }
    for item in list("sum", value)? {
        state.consume_fuel(ITEM_FUEL)?;
        let item = key(&item, attribute)?;
        if item.kind() != ValueKind::Number {
            return Err(unfit("sum", "a list of numbers", &item));
        }
        sum = calculate(Operation::Add, &sum, &item)?;
    }
    Ok(sum)
}

fn join(
    state: &State,
    value: &Value,
    separator: Option<&Value>,
    attribute: Option<&str>,
) -> Result<Value, Error> {
    let separator = separator.map_or(Ok(Cow::Borrowed("")), |separator| text(state, "join", separator))?;
    let mut joined = String::new();
    for (index, item) in list("join", value)?.enumerate() {
        state.consume_fuel(ITEM_FUEL)?;
        let item = key(&item, attribute)?;
        if !matches!(item.kind(), ValueKind::Number | ValueKind::String) {
            return Err(unfit("join", "a list of texts and numbers", &item));
        }
        let before = if index == 0 { "" } else { separator.as_ref() };
        let part = written(&item)?;
        charge(state, before.len() + part.len())?;
        if joined.len() + before.len() + part.len() > TEXT_BYTES_MAX {
            return Err(too_long());
        }
        joined.push_str(before);
        joined.push_str(&part);
    }
    Ok(Value::from(joined))
}

fn last(state: &State, value: &Value) -> Result<Value, Error> {
    let mut items = list("last", value)?;
    if let (ValueKind::Seq, Some(length)) = (value.kind(), value.len()) {
        return length.checked_sub(1).map_or(Ok(Value::UNDEFINED), |index| value.get_item_by_index(index));
    }
    items.try_fold(Value::UNDEFINED, |_, item| state.consume_fuel(ITEM_FUEL).map(|()| item))
}

fn reverse(state: &State, value: &Value) -> Result<Value, Error> {
    if value.kind() == ValueKind::String {
        let text = text(state, "reverse", value)?;
        return Ok(Value::from(text.chars().rev().collect::<String>()));
    }
    if !matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return Err(unfit("reverse", "a text or a list", value));
    }
    let mut items = items(state, "reverse", value)?;
    items.reverse();
    Ok(Value::from(items))
}

/// Characters of a text, items of a list, fields of an object.
fn length(state: &State, value: &Value) -> Result<usize, Error> {
    match value.kind() {
        ValueKind::String => Ok(text(state, "length", value)?.chars().count()),
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => match value.len() {
            Some(length) => Ok(length),
            None => Ok(items(state, "length", value)?.len()),
        },
        _ => Err(unfit("length", "a text, a list or an object", value)),
    }
}
