//! The functions: `range(…)`, `dict(…)`, `namespace(…)`. `loop(…)` is the evaluator's own.

use std::sync::Arc;

use super::arguments::{Arguments, RawArguments};
use super::signatures::{Entry, entry, find};
use crate::value::error::{Error, refuse};
use crate::value::fuel::Fuel;
use crate::value::{List, Range, Value, unfit};

/// The most numbers in a range.
const RANGE_MAX: u64 = 100_000;

/// The function whose result has fields that a template may set.
pub(super) const NAMESPACE: &str = "namespace";

/// What does the work of a function.
pub(super) type Call = fn(&Arguments) -> Result<Value, Error>;

/// All functions, in the order of their names.
pub(super) const FUNCTIONS: &[Entry<Call>] = &[
    entry("dict", "value? *", dict),
    entry(NAMESPACE, "value? *", dict),
    entry("range", "start stop? step?", range),
];

/// Calls the function of this name.
///
/// # Errors
/// Those of the function; and when it is not known, or the arguments are not what it takes.
pub(super) fn call(fuel: &Fuel, name: &str, given: RawArguments) -> Result<Value, Error> {
    let entry = find(FUNCTIONS, name).ok_or_else(|| refuse("unknown function"))?;
    (entry.apply)(&Arguments::new(entry.signature, given, fuel)?)
}

/// The fields of an object, and those given by name.
fn dict(arguments: &Arguments) -> Result<Value, Error> {
    if arguments.values.len() > 1 {
        return Err(refuse(format!("`{}` takes one object, and fields by name", arguments.name())));
    }
    let mut fields = match arguments.values.first() {
        None | Some(Value::Missing | Value::Nothing) => Vec::new(),
        Some(Value::Object(object)) => {
            arguments.fuel.spend_on_items(object.len())?;
            object.pairs().collect()
        }
        Some(other) => return Err(unfit(arguments.name(), "an object", other)),
    };
    arguments.fuel.spend_on_items(arguments.named.len())?;
    fields.extend(arguments.named.iter().map(|(name, value)| (Value::text(name), value.clone())));
    Value::object(fields)
}

/// Numbers from the first to before the second; or from 0 to before the only one.
fn range(arguments: &Arguments) -> Result<Value, Error> {
    let bound = |place| {
        let bound = arguments.optional_whole(place)?;
        bound.ok_or_else(|| unfit("range", "whole numbers", arguments.get(place)))
    };
    if arguments.values.iter().any(Value::is_missing) {
        return Err(Error::Missing);
    }
    let (start, stop) = match arguments.given(1) {
        None => (0, bound(0)?),
        Some(_) => (bound(0)?, bound(1)?),
    };
    let by = arguments.optional_whole(2)?.unwrap_or(1);
    if by == 0 {
        return Err(refuse("`range` takes a step that is not 0"));
    }
    let goes_on = if by > 0 { start < stop } else { start > stop };
    let count = if goes_on { start.abs_diff(stop).div_ceil(by.unsigned_abs()) } else { 0 };
    if count > RANGE_MAX {
        return Err(refuse(format!("`range` gives at most {RANGE_MAX} numbers")));
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    Ok(Value::List(List::Range(Arc::new(Range { start, step: by, count }))))
}
