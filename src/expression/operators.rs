//! The operators that make values or put them in order: strict, and paid for before they work.

use std::cmp::Ordering;

use super::ast::Operator;
use crate::value::arithmetic::{Operation, calculate};
use crate::value::error::{Error, refuse};
use crate::value::fuel::Fuel;
use crate::value::{TEXT_BYTES_MAX, Value, oversized, too_long, unfit};

/// What comparing two items of lists or objects costs, in fuel.
const ITEM_FUEL: u64 = 4;

/// How deep two lists or objects may nest that are compared.
const DEPTH_MAX: usize = 64;

/// The value of an operation on two values.
///
/// # Errors
/// When one is missing, or the operator does not take the two.
pub(super) fn apply(fuel: &Fuel, operator: Operator, left: &Value, right: &Value) -> Result<Value, Error> {
    use Operator as Op;
    let is = |truth: bool| Ok(Value::Bool(truth));
    match operator {
        Op::Equal => is(is_equal(fuel, left, right)?),
        Op::NotEqual => is(!is_equal(fuel, left, right)?),
        Op::Less => is(order(fuel, left, right)?.is_lt()),
        Op::LessOrEqual => is(order(fuel, left, right)?.is_le()),
        Op::Greater => is(order(fuel, left, right)?.is_gt()),
        Op::GreaterOrEqual => is(order(fuel, left, right)?.is_ge()),
        Op::In => is(is_in(fuel, left, right)?),
        Op::NotIn => is(!is_in(fuel, left, right)?),
        Op::Add => add(fuel, left, right),
        Op::Concatenate => concatenate(fuel, left, right),
        Op::Calculate(operation) => numeric(operation, left, right),
        // The evaluator looks at the right side of these only where the left does not decide.
        Op::And => is(left.truth()? && right.truth()?),
        Op::Or => is(left.truth()? || right.truth()?),
    }
}

fn add(fuel: &Fuel, left: &Value, right: &Value) -> Result<Value, Error> {
    match (present(left)?, present(right)?) {
        (Value::Text(_), Value::Text(_)) => concatenate(fuel, left, right),
        (Value::List(first), Value::List(second)) => {
            fuel.spend_on_items(first.len().saturating_add(second.len()))?;
            Value::list(first.iter().chain(second.iter()).collect())
        }
        _ if left.is_number() && right.is_number() => calculate(Operation::Add, left, right),
        _ => Err(mixed("+", "two numbers, two texts or two lists", left, right)),
    }
}

/// An operator that takes two numbers and nothing else.
pub(super) fn numeric(operation: Operation, left: &Value, right: &Value) -> Result<Value, Error> {
    let (first, second) = (present(left)?, present(right)?);
    if first.is_number() && second.is_number() {
        return calculate(operation, first, second);
    }
    Err(mixed(operation.sign(), "two numbers", left, right))
}

/// `-number`.
pub(super) fn negate(value: &Value) -> Result<Value, Error> {
    match value {
        _ if value.is_number() => calculate(Operation::Subtract, &Value::Int(0), value),
        _ => Err(unfit("-", "a number", value)),
    }
}

fn concatenate(fuel: &Fuel, left: &Value, right: &Value) -> Result<Value, Error> {
    let (left, right) = (left.written()?, right.written()?);
    fuel.spend_on_text(left.len() + right.len())?;
    if left.len() + right.len() > TEXT_BYTES_MAX {
        return Err(too_long());
    }
    Ok(Value::text(&format!("{left}{right}")))
}

/// `text[:10]`, `list[1:]`, `list[-3:]`, `list[::2]`: `from`, `to` and `step` are null where they are left out.
pub(super) fn slice(fuel: &Fuel, value: &Value, [from, to, step]: [&Value; 3]) -> Result<Value, Error> {
    let bound = |bound: &Value| match present(bound)? {
        Value::Null => Ok(None),
        _ => bound.index().map(Some).ok_or_else(|| refuse("the bounds of `[:]` are whole numbers")),
    };
    let (from, to) = (bound(from)?, bound(to)?);
    let step = usize::try_from(bound(step)?.unwrap_or(1)).unwrap_or(0);
    if step == 0 {
        return Err(refuse("`[::]` steps forward; use `| reverse`"));
    }
    let start_and_length = |length: usize| {
        let place = |bound: i64| {
            let distance = usize::try_from(bound.unsigned_abs()).unwrap_or(usize::MAX);
            if bound < 0 { length.saturating_sub(distance) } else { distance.min(length) }
        };
        let start = from.map_or(0, place);
        (start, to.map_or(length, place).saturating_sub(start))
    };
    match value {
        Value::Text(text) => {
            fuel.spend_on_text(text.len())?;
            let (start, length) = start_and_length(text.chars().count());
            Ok(Value::text(&text.chars().skip(start).take(length).step_by(step).collect::<String>()))
        }
        Value::List(list) => {
            let (start, length) = start_and_length(list.len());
            fuel.spend_on_items(length)?;
            Value::list((start..start + length).step_by(step).filter_map(|index| list.get(index)).collect())
        }
        _ => Err(unfit("[:]", "a text or a list", value)),
    }
}

/// Numbers with numbers, texts with texts. Null is in no order: like a missing field.
pub(super) fn order(fuel: &Fuel, left: &Value, right: &Value) -> Result<Ordering, Error> {
    match (present(left)?, present(right)?) {
        (Value::Null, _) | (_, Value::Null) => Err(Error::Missing),
        (Value::Text(first), Value::Text(second)) => {
            fuel.spend_on_text(first.len().min(second.len()))?;
            Ok(first.cmp(second))
        }
        _ if left.is_number() && right.is_number() => Ok(left.cmp(right)),
        _ => Err(mixed("<` or `>", "two numbers or two texts", left, right)),
    }
}

/// Whether a list has an item, a text a part, an object a key.
pub(super) fn is_in(fuel: &Fuel, value: &Value, container: &Value) -> Result<bool, Error> {
    match (present(container)?, present(value)?) {
        (Value::Null, _) => Err(Error::Missing),
        (Value::Text(text), Value::Text(part)) => {
            fuel.spend_on_text(text.len())?;
            Ok(text.contains(&**part))
        }
        (Value::List(list), _) => {
            for item in list.iter() {
                fuel.spend(1)?;
                if is_equal(fuel, &item, value)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        (Value::Object(object), Value::Text(name)) => Ok(object.field(name).is_some()),
        _ => Err(mixed("in", "a text in a text, a value in a list or a key in an object", value, container)),
    }
}

/// Whether two values are the same in JSON.
pub(super) fn is_equal(fuel: &Fuel, left: &Value, right: &Value) -> Result<bool, Error> {
    equal(fuel, left, right, 0)
}

fn equal(fuel: &Fuel, left: &Value, right: &Value, depth: usize) -> Result<bool, Error> {
    let is_deep = |value: &Value| matches!(value, Value::List(_) | Value::Object(_));
    match (present(left)?, present(right)?) {
        _ if depth >= DEPTH_MAX && is_deep(left) && is_deep(right) => {
            Err(refuse(format!("lists and objects are compared at most {DEPTH_MAX} deep")))
        }
        (Value::List(first), Value::List(second)) => {
            if first.len() != second.len() {
                return Ok(false);
            }
            for (mine, theirs) in first.iter().zip(second.iter()) {
                fuel.spend(ITEM_FUEL)?;
                if !equal(fuel, &mine, &theirs, depth + 1)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Object(first), Value::Object(second)) => {
            if first.len() != second.len() {
                return Ok(false);
            }
            for (name, mine) in first.pairs() {
                fuel.spend(ITEM_FUEL)?;
                let Some(theirs) = second.get(&name) else { return Ok(false) };
                if !equal(fuel, &mine, &theirs, depth + 1)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Text(first), Value::Text(second)) => {
            fuel.spend_on_text(first.len().min(second.len()))?;
            Ok(first == second)
        }
        (Value::Oversized(first), Value::Oversized(second)) => Ok(first.whole()? == second.whole()?),
        _ => Ok(left == right),
    }
}

/// The operand, if it is there.
fn present(value: &Value) -> Result<&Value, Error> {
    match value {
        Value::Missing | Value::Nothing => Err(Error::Missing),
        Value::TooLong => Err(too_long()),
        value => Ok(value),
    }
}

fn mixed(operator: &str, wanted: &str, left: &Value, right: &Value) -> Error {
    if matches!(left, Value::Oversized(_)) || matches!(right, Value::Oversized(_)) {
        return oversized();
    }
    refuse(format!("`{operator}` takes {wanted}, not {} and {}", left.kind(), right.kind()))
}
