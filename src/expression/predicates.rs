//! The tests: `value is name`, `list | select('name', …)`.
//!
//! They say yes or no of any value. What has not the field that a comparison asks for does not pass it, so that
//! `selectattr` passes it over.

use std::cmp::Ordering;

use super::arguments::{Arguments, RawArguments};
use super::operators::{is_equal, is_in, numeric, order};
use super::signatures::{Entry, entry, find};
use crate::value::arithmetic::{Operation, calculate};
use crate::value::error::{Error, refuse};
use crate::value::fuel::Fuel;
use crate::value::whole::Whole;
use crate::value::{List, Value};

/// What does the work of a test.
pub(super) type Holds = fn(&Value, &Arguments) -> Result<bool, Error>;

/// All tests, in the order of their names.
pub(super) const TESTS: &[Entry<Holds>] = &[
    entry("!=", "other", is_not_equal_to),
    entry("<", "other", |value, by| is_in_order(value, by, Ordering::is_lt)),
    entry("<=", "other", |value, by| is_in_order(value, by, Ordering::is_le)),
    entry("==", "other", is_equal_to),
    entry(">", "other", |value, by| is_in_order(value, by, Ordering::is_gt)),
    entry(">=", "other", |value, by| is_in_order(value, by, Ordering::is_ge)),
    entry("boolean", "", |value, _| Ok(matches!(value, Value::Bool(_)))),
    entry("defined", "", |value, _| Ok(!value.is_missing())),
    entry("divisibleby", "num", is_divisible),
    entry("endingwith", "end", |value, by| affix(value, by, |text, end| text.ends_with(end))),
    entry("eq", "other", is_equal_to),
    entry("equalto", "other", is_equal_to),
    entry("even", "", |value, _| Ok(is_odd(value) == Some(false))),
    entry("false", "", |value, _| Ok(matches!(value, Value::Bool(false)))),
    entry("float", "", |value, _| Ok(matches!(value, Value::Real(_)))),
    entry("ge", "other", |value, by| is_in_order(value, by, Ordering::is_ge)),
    entry("greaterthan", "other", |value, by| is_in_order(value, by, Ordering::is_gt)),
    entry("gt", "other", |value, by| is_in_order(value, by, Ordering::is_gt)),
    entry("in", "container", |value, by| or_false(is_in(by.fuel, value, by.get(0)))),
    entry("int", "", |value, _| Ok(is_integer(value))),
    entry("integer", "", |value, _| Ok(is_integer(value))),
    entry("iterable", "", |value, _| Ok(is_iterable(value))),
    entry("le", "other", |value, by| is_in_order(value, by, Ordering::is_le)),
    entry("lessthan", "other", |value, by| is_in_order(value, by, Ordering::is_lt)),
    entry("lt", "other", |value, by| is_in_order(value, by, Ordering::is_lt)),
    entry("mapping", "", |value, _| Ok(matches!(value, Value::Object(_)))),
    entry("ne", "other", is_not_equal_to),
    entry("none", "", |value, _| Ok(matches!(value, Value::Null))),
    entry("number", "", |value, _| Ok(value.is_number() || matches!(value, Value::Bool(_)))),
    entry("odd", "", |value, _| Ok(is_odd(value) == Some(true))),
    entry("sequence", "", |value, _| Ok(is_sequence(value))),
    entry("startingwith", "start", |value, by| affix(value, by, |text, start| text.starts_with(start))),
    entry("string", "", |value, _| Ok(value.as_text().is_some())),
    entry("true", "", |value, _| Ok(matches!(value, Value::Bool(true)))),
    entry("undefined", "", |value, _| Ok(value.is_missing())),
];

/// Whether there is a test of this name.
pub(super) fn is_known(name: &str) -> bool {
    find(TESTS, name).is_some()
}

/// Whether a value passes the test of this name.
///
/// # Errors
/// When the test is not known, does not take the arguments, or cannot compare the values.
pub(super) fn apply(fuel: &Fuel, name: &str, value: &Value, given: RawArguments) -> Result<bool, Error> {
    let entry = find(TESTS, name).ok_or_else(|| refuse("unknown test"))?;
    (entry.apply)(value, &Arguments::new(entry.signature, given, fuel)?)
}

fn or_false(compared: Result<bool, Error>) -> Result<bool, Error> {
    if compared == Err(Error::Missing) { Ok(false) } else { compared }
}

fn is_equal_to(value: &Value, by: &Arguments) -> Result<bool, Error> {
    or_false(is_equal(by.fuel, value, by.get(0)))
}

fn is_not_equal_to(value: &Value, by: &Arguments) -> Result<bool, Error> {
    or_false(is_equal(by.fuel, value, by.get(0)).map(|equal| !equal))
}

fn is_in_order(value: &Value, by: &Arguments, is: fn(Ordering) -> bool) -> Result<bool, Error> {
    or_false(order(by.fuel, value, by.get(0)).map(is))
}

fn is_divisible(value: &Value, by: &Arguments) -> Result<bool, Error> {
    if value.is_number() && by.get(0).is_number() {
        return Ok(calculate(Operation::Remainder, value, by.get(0))? == Value::Int(0));
    }
    // The error names the test.
    match numeric(Operation::Remainder, value, by.get(0)) {
        Err(Error::Refused(reason)) => Err(refuse(reason.replacen("`%`", "`divisibleby`", 1))),
        other => other.map(|_| false),
    }
}

fn affix(value: &Value, by: &Arguments, holds: fn(&str, &str) -> bool) -> Result<bool, Error> {
    let affix = by.text(0)?;
    let Some(text) = value.as_text() else { return Ok(false) };
    by.fuel.spend_on_text(text.len().min(affix.len()))?;
    Ok(holds(text, affix))
}

fn is_integer(value: &Value) -> bool {
    matches!(value, Value::Int(_) | Value::Wide(_))
}

/// A range is none: it can be looped over, and `list` makes a list of it.
fn is_sequence(value: &Value) -> bool {
    let is_list = matches!(value, Value::List(List::Items(_) | List::Element(_)));
    is_list || value.is_missing()
}

fn is_iterable(value: &Value) -> bool {
    !matches!(value, Value::Bool(_) | Value::Oversized(_) | Value::TooLong) && !value.is_number()
}

fn is_odd(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::Real(number) => (number.fract() == 0.0).then(|| number % 2.0 != 0.0),
        _ => Whole::of(value).map(|number| number.magnitude() % 2 == 1),
    }
}
