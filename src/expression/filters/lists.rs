//! Filters that put lists in order, add them up, join and cut them.
//!
//! They take lists of texts or of numbers, or of objects with such an attribute, and pay for each item and each
//! comparison. Upper and lower case differ unless `case_sensitive=false` is asked for.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::super::arguments::{Arguments, at_path};
use crate::value::arithmetic::{Operation, calculate};
use crate::value::error::{Error, refuse};
use crate::value::{List, TEXT_BYTES_MAX, Value, too_long, unfit};

/// What taking up one item costs, in fuel.
const ITEM_FUEL: u64 = 1;

/// The list that a filter takes.
pub(in super::super) fn own_list<'v>(value: &'v Value, arguments: &Arguments) -> Result<&'v List, Error> {
    match value {
        Value::List(list) => Ok(list),
        _ => Err(unfit(arguments.name(), "a list", value)),
    }
}

/// The items of a list, each paid for.
fn items(list: &List, arguments: &Arguments) -> Result<Vec<Value>, Error> {
    arguments.fuel.spend_on_items(list.len())?;
    Ok(list.iter().collect())
}

/// An item and what stands for it in a comparison.
struct Entry {
    key: Value,
    item: Value,
}

/// How the items of a list are compared.
struct Comparison<'a> {
    case_sensitive: Option<bool>,
    attribute: Option<&'a str>,
    /// With about how many others each item is compared, where there are so many items.
    comparisons: fn(usize) -> usize,
}

/// The items with their keys; all keys are of one kind, texts or numbers.
fn entries(value: &Value, arguments: &Arguments, by: &Comparison<'_>) -> Result<Vec<Entry>, Error> {
    let (name, fuel) = (arguments.name(), arguments.fuel);
    let (mut entries, mut bytes) = (Vec::new(), 0_usize);
    let mut are_texts = None;
    for item in own_list(value, arguments)?.iter() {
        fuel.spend(ITEM_FUEL)?;
        let mut key = key(&item, by.attribute)?;
        let is_text = key.as_text().is_some();
        if !is_text && !key.is_number() {
            return Err(unfit(name, "a list of texts and numbers", &key));
        }
        if *are_texts.get_or_insert(is_text) != is_text {
            return Err(refuse(format!("`{name}` takes a list of texts or of numbers, not of both")));
        }
        if let (Some(false), Some(text)) = (by.case_sensitive, key.as_text()) {
            fuel.spend_on_text(text.len())?;
            key = Value::text(&text.to_lowercase());
        }
        bytes = bytes.saturating_add(key.as_text().map_or(0, str::len));
        entries.push(Entry { key, item });
    }
    let comparisons = (by.comparisons)(entries.len());
    fuel.spend((entries.len().saturating_mul(comparisons) / COMPARISONS_PER_FUEL) as u64)?;
    fuel.spend_on_text(bytes.saturating_mul(comparisons))?;
    Ok(entries)
}

/// Comparisons of numbers or short texts that one unit of fuel pays for.
const COMPARISONS_PER_FUEL: usize = 16;

/// An item is compared with this many others while a list of so many is sorted.
fn when_sorted(count: usize) -> usize {
    (usize::BITS - count.leading_zeros()) as usize
}

fn key(item: &Value, attribute: Option<&str>) -> Result<Value, Error> {
    let key = attribute.map_or_else(|| Ok(item.clone()), |path| at_path(item, path))?;
    if attribute.is_some() && key.is_missing() { Err(Error::Missing) } else { Ok(key) }
}

/// `list | sort(reverse, case_sensitive, attribute)`
pub(super) fn sort(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let by = Comparison {
        case_sensitive: arguments.optional_bool(1)?,
        attribute: arguments.optional_text(2)?,
        comparisons: when_sorted,
    };
    let is_reversed = arguments.optional_bool(0)?.unwrap_or(false);
    let mut entries = entries(value, arguments, &by)?;
    // What is equal stays in its order, also in reverse.
    entries.sort_by(|left, right| {
        let order = left.key.cmp(&right.key);
        if is_reversed { order.reverse() } else { order }
    });
    Value::list(entries.into_iter().map(|entry| entry.item).collect())
}

/// `list | unique(case_sensitive, attribute)`
pub(super) fn unique(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let by = Comparison {
        case_sensitive: arguments.optional_bool(0)?,
        attribute: arguments.optional_text(1)?,
        comparisons: when_sorted,
    };
    #[expect(clippy::mutable_key_type, reason = "a key is a text or a number")]
    let mut seen = BTreeSet::new();
    let entries = entries(value, arguments, &by)?.into_iter();
    Value::list(entries.filter_map(|entry| seen.insert(entry.key).then_some(entry.item)).collect())
}

/// `list | min(case_sensitive, attribute)`, and `max`.
pub(super) fn extreme(value: &Value, arguments: &Arguments, wanted: Ordering) -> Result<Value, Error> {
    let by = Comparison {
        case_sensitive: arguments.optional_bool(0)?,
        attribute: arguments.optional_text(1)?,
        comparisons: |_| 1,
    };
    let best = entries(value, arguments, &by)?
        .into_iter()
        .reduce(|best, entry| if entry.key.cmp(&best.key) == wanted { entry } else { best });
    Ok(best.map_or(Value::Missing, |entry| entry.item))
}

/// `list | sum(attribute, start)`
pub(super) fn sum(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let attribute = arguments.optional_text(0)?;
    let mut sum = arguments.given(1).cloned().unwrap_or(Value::Int(0));
    if !sum.is_number() {
        return Err(unfit("sum", "a number to start with", &sum));
    }
    for item in own_list(value, arguments)?.iter() {
        arguments.fuel.spend(ITEM_FUEL)?;
        let item = key(&item, attribute)?;
        if !item.is_number() {
            return Err(unfit("sum", "a list of numbers", &item));
        }
        sum = calculate(Operation::Add, &sum, &item)?;
    }
    Ok(sum)
}

/// `list | join(d, attribute)`
pub(super) fn join(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let separator = arguments.given(0).map(|separator| arguments.own_text(separator)).transpose()?;
    joined(value, separator.unwrap_or(Cow::Borrowed("")).as_ref(), arguments, arguments.optional_text(1)?)
}

/// A list's items in one text.
pub(in super::super) fn joined(
    value: &Value,
    separator: &str,
    arguments: &Arguments,
    attribute: Option<&str>,
) -> Result<Value, Error> {
    let mut joined = String::new();
    for (index, item) in own_list(value, arguments)?.iter().enumerate() {
        arguments.fuel.spend(ITEM_FUEL)?;
        let item = key(&item, attribute)?;
        if item.as_text().is_none() && !item.is_number() {
            return Err(unfit("join", "a list of texts and numbers", &item));
        }
        let before = if index == 0 { "" } else { separator };
        let part = item.written()?;
        arguments.fuel.spend_on_text(before.len() + part.len())?;
        if joined.len() + before.len() + part.len() > TEXT_BYTES_MAX {
            return Err(too_long());
        }
        joined.push_str(before);
        joined.push_str(&part);
    }
    Ok(Value::text(&joined))
}

/// `list | list`
pub(super) fn list(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    Value::list(items(own_list(value, arguments)?, arguments)?)
}

/// `list | first`
pub(super) fn first(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    Ok(own_list(value, arguments)?.get(0).unwrap_or(Value::Missing))
}

/// `list | last`
pub(super) fn last(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let list = own_list(value, arguments)?;
    Ok(list.len().checked_sub(1).and_then(|index| list.get(index)).unwrap_or(Value::Missing))
}

/// `text | reverse`, `list | reverse`
pub(super) fn reverse(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    match value {
        Value::Text(_) => Ok(Value::text(&arguments.own_text(value)?.chars().rev().collect::<String>())),
        Value::List(list) => {
            let mut items = items(list, arguments)?;
            items.reverse();
            Value::list(items)
        }
        _ => Err(unfit("reverse", "a text or a list", value)),
    }
}

/// Characters of a text, items of a list, fields of an object.
pub(super) fn length(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let length = match value {
        Value::Text(_) => arguments.own_text(value)?.chars().count(),
        Value::List(list) => list.len(),
        Value::Object(object) => object.len(),
        _ => return Err(unfit("length", "a text, a list or an object", value)),
    };
    Ok(Value::count(length))
}

/// `object | items`
pub(in super::super) fn pairs(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let Value::Object(object) = value else {
        return Err(unfit(arguments.name(), "an object", value));
    };
    arguments.fuel.spend_on_items(object.len())?;
    let pairs: Result<_, _> = object.pairs().map(|(name, value)| Value::list(vec![name, value])).collect();
    Value::list(pairs?)
}
