//! The operators that make values or put them in order: strict, and paid for before they work.
//!
//! The engine's own are neither: there `'500' >= 1000` holds, `'x' ~ none` is `xNone`, and `[1] * 100000000` is a list
//! that only shows its size when it is written. So [`strict`](super::strict) makes calls of the functions here of them.

use std::cmp::Ordering;

use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};

use super::arguments::{TEXT_BYTES_MAX, charge, missing, oversized, refuse, too_long, unfit, word, written};
use super::arithmetic::{Operation, calculate};
use super::lazy::Oversized;

/// What comparing two items of lists or objects costs, in fuel.
const ITEM_FUEL: u64 = 4;

/// How deep two lists or objects may nest that are compared.
const DEPTH_MAX: usize = 64;

/// What a comparison says of two operands.
type Comparison = fn(&State, &Value, &Value) -> Result<bool, Error>;

/// The comparisons: the name of each as an operator, and its names as a test.
const COMPARISONS: &[(&str, &[&str], Comparison)] = &[
    ("operator ==", &["==", "eq", "equalto"], is_equal),
    ("operator !=", &["!=", "ne"], |state, left, right| Ok(!is_equal(state, left, right)?)),
    ("operator <", &["<", "lt", "lessthan"], |state, left, right| Ok(order(state, left, right)?.is_lt())),
    ("operator <=", &["<=", "le"], |state, left, right| Ok(order(state, left, right)?.is_le())),
    ("operator >", &[">", "gt", "greaterthan"], |state, left, right| Ok(order(state, left, right)?.is_gt())),
    ("operator >=", &[">=", "ge"], |state, left, right| Ok(order(state, left, right)?.is_ge())),
    ("operator in", &["in"], is_in),
];

/// Makes the operators, under names that no template can write, and the tests of the same meaning. What has not the
/// field that a test asks for does not pass it, so that `selectattr` passes it over.
pub(super) fn add_to(environment: &mut Environment<'static>) {
    environment.add_function("operator +", add);
    environment
        .add_function("operator -", |left: &Value, right: &Value| numeric(Operation::Subtract, left, right));
    environment
        .add_function("operator *", |left: &Value, right: &Value| numeric(Operation::Multiply, left, right));
    environment
        .add_function("operator /", |left: &Value, right: &Value| numeric(Operation::Divide, left, right));
    environment.add_function("operator //", |left: &Value, right: &Value| {
        numeric(Operation::FloorDivide, left, right)
    });
    environment
        .add_function("operator %", |left: &Value, right: &Value| numeric(Operation::Remainder, left, right));
    environment
        .add_function("operator **", |left: &Value, right: &Value| numeric(Operation::Power, left, right));
    environment.add_function("operator -x", negate);
    environment.add_function("operator ~", concatenate);
    environment.add_function("operator [:]", slice);
    for (operator, tests, holds) in COMPARISONS {
        environment.add_function(*operator, move |state: &State, left: &Value, right: &Value| {
            holds(state, left, right)
        });
        for test in *tests {
            environment.add_test(*test, move |state: &State, left: &Value, right: &Value| {
                match holds(state, left, right) {
                    Err(error) if error.kind() == ErrorKind::UndefinedError => Ok(false),
                    answer => answer,
                }
            });
        }
    }
    environment.add_test("divisibleby", |left: &Value, right: &Value| match (kind(left)?, kind(right)?) {
        (ValueKind::Number, ValueKind::Number) => {
            let remainder = calculate(Operation::Remainder, left, right)?;
            Ok(remainder.cmp(&Value::from(0)).is_eq())
        }
        _ => Err(mixed("divisibleby", "two numbers", left, right)),
    });
}

fn add(state: &State, left: &Value, right: &Value) -> Result<Value, Error> {
    match (kind(left)?, kind(right)?) {
        (ValueKind::Number, ValueKind::Number) => calculate(Operation::Add, left, right),
        (ValueKind::String, ValueKind::String) => concatenate(state, left, right),
        (ValueKind::Seq, ValueKind::Seq) => {
            let mut items = Vec::new();
            for item in left.try_iter()?.chain(right.try_iter()?) {
                state.consume_fuel(1)?;
                items.push(item);
            }
            Ok(Value::from(items))
        }
        _ => Err(mixed("+", "two numbers, two texts or two lists", left, right)),
    }
}

/// An operator that takes two numbers and nothing else.
fn numeric(operation: Operation, left: &Value, right: &Value) -> Result<Value, Error> {
    match (kind(left)?, kind(right)?) {
        (ValueKind::Number, ValueKind::Number) => calculate(operation, left, right),
        _ => Err(mixed(operation.sign(), "two numbers", left, right)),
    }
}

fn negate(value: &Value) -> Result<Value, Error> {
    match kind(value)? {
        ValueKind::Number => calculate(Operation::Subtract, &Value::from(0), value),
        _ => Err(unfit("-", "a number", value)),
    }
}

fn concatenate(state: &State, left: &Value, right: &Value) -> Result<Value, Error> {
    let (left, right) = (written(left)?, written(right)?);
    charge(state, left.len() + right.len())?;
    if left.len() + right.len() > TEXT_BYTES_MAX {
        return Err(too_long());
    }
    Ok(Value::from(format!("{left}{right}")))
}

/// `text[:10]`, `list[1:]`, `list[-3:]`, `list[::2]`.
fn slice(state: &State, value: &Value, from: &Value, to: &Value, step: &Value) -> Result<Value, Error> {
    let bound = |bound: &Value| match kind(bound)? {
        ValueKind::None => Ok(None),
        _ => bound.as_i64().map(Some).ok_or_else(|| refuse("the bounds of `[:]` are whole numbers")),
    };
    let (from, to) = (bound(from)?, bound(to)?);
    let step = usize::try_from(bound(step)?.unwrap_or(1)).unwrap_or(0);
    if step == 0 {
        return Err(refuse("`[::]` steps forward; use `| reverse`"));
    }
    let start_and_length = |length: usize| {
        let place = |bound: i64| {
            let from_end = usize::try_from(bound.unsigned_abs()).unwrap_or(usize::MAX);
            if bound < 0 { length.saturating_sub(from_end) } else { from_end.min(length) }
        };
        let start = from.map_or(0, place);
        (start, to.map_or(length, place).saturating_sub(start))
    };
    match kind(value)? {
        ValueKind::String => {
            charge(state, bytes(value))?;
            let text = value.as_str().unwrap_or_default();
            let (start, length) = start_and_length(text.chars().count());
            Ok(Value::from(text.chars().skip(start).take(length).step_by(step).collect::<String>()))
        }
        ValueKind::Seq => {
            let (start, length) = start_and_length(value.len().unwrap_or(0));
            if value.kind() == ValueKind::Seq {
                state.consume_fuel(length as u64)?;
                return (start..start + length).step_by(step).map(|at| value.get_item_by_index(at)).collect();
            }
            state.consume_fuel((start + length) as u64)?;
            Ok(value.try_iter()?.skip(start).take(length).step_by(step).collect())
        }
        _ => Err(unfit("[:]", "a text or a list", value)),
    }
}

/// Numbers with numbers, texts with texts. Null is in no order: like a missing field.
fn order(state: &State, left: &Value, right: &Value) -> Result<Ordering, Error> {
    match (kind(left)?, kind(right)?) {
        (ValueKind::None, _) | (_, ValueKind::None) => Err(missing()),
        (ValueKind::Number, ValueKind::Number) => Ok(left.cmp(right)),
        (ValueKind::String, ValueKind::String) => {
            charge(state, bytes(left).min(bytes(right)))?;
            Ok(left.cmp(right))
        }
        _ => Err(mixed("<` or `>", "two numbers or two texts", left, right)),
    }
}

/// Whether a list has an item, a text a part, an object a key.
fn is_in(state: &State, value: &Value, container: &Value) -> Result<bool, Error> {
    match (kind(container)?, kind(value)?) {
        (ValueKind::None, _) => Err(missing()),
        (ValueKind::String, ValueKind::String) => {
            charge(state, bytes(container))?;
            Ok(container.as_str().unwrap_or_default().contains(value.as_str().unwrap_or_default()))
        }
        (ValueKind::Seq, _) => {
            for item in container.try_iter()? {
                state.consume_fuel(1)?;
                if is_equal(state, &item, value)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        (ValueKind::Map, ValueKind::String) => Ok(!container.get_item(value)?.is_undefined()),
        _ => Err(mixed("in", "a text in a text, a value in a list or a key in an object", value, container)),
    }
}

pub(super) fn is_equal(state: &State, left: &Value, right: &Value) -> Result<bool, Error> {
    equal(state, left, right, 0)
}

fn equal(state: &State, left: &Value, right: &Value, depth: usize) -> Result<bool, Error> {
    match (kind(left)?, kind(right)?) {
        (ValueKind::Seq, ValueKind::Seq) | (ValueKind::Map, ValueKind::Map) if depth < DEPTH_MAX => {
            if left.len() != right.len() {
                return Ok(false);
            }
            let is_map = left.kind() == ValueKind::Map;
            for (key, other) in left.try_iter()?.zip(right.try_iter()?) {
                state.consume_fuel(ITEM_FUEL)?;
                let (mine, theirs) =
                    if is_map { (left.get_item(&key)?, right.get_item(&key)?) } else { (key, other) };
                if theirs.is_undefined() || !equal(state, &mine, &theirs, depth + 1)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (ValueKind::Seq | ValueKind::Map, ValueKind::Seq | ValueKind::Map) if depth >= DEPTH_MAX => {
            Err(refuse(format!("lists and objects are compared at most {DEPTH_MAX} deep")))
        }
        (ValueKind::String, ValueKind::String) => {
            charge(state, bytes(left).min(bytes(right)))?;
            Ok(left == right)
        }
        (ValueKind::Plain, ValueKind::Plain) => match (Oversized::of(left), Oversized::of(right)) {
            (Some(left), Some(right)) => {
                let whole = |number: &Oversized| number.whole().map(str::to_owned).ok_or_else(oversized);
                Ok(whole(left)? == whole(right)?)
            }
            _ => Ok(left == right),
        },
        // The engine compares whole numbers with fractions exactly where it puts them in order.
        (ValueKind::Number, ValueKind::Number) => Ok(left.cmp(right).is_eq()),
        (left_kind, right_kind) => Ok(left_kind == right_kind && left == right),
    }
}

/// The kind of an operand that is there; lists of any make are one kind.
fn kind(value: &Value) -> Result<ValueKind, Error> {
    match value.kind() {
        ValueKind::Undefined => Err(missing()),
        ValueKind::Invalid => Err(too_long()),
        ValueKind::Iterable => Ok(ValueKind::Seq),
        kind => Ok(kind),
    }
}

fn bytes(text: &Value) -> usize {
    text.as_str().map_or(0, str::len)
}

fn mixed(operator: &str, wanted: &str, left: &Value, right: &Value) -> Error {
    if Oversized::of(left).or_else(|| Oversized::of(right)).is_some() {
        return oversized();
    }
    refuse(format!("`{operator}` takes {wanted}, not {} and {}", word(left), word(right)))
}
