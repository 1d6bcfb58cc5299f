//! Filters that make numbers of texts, and whole numbers of others.
//!
//! They never guess: what is no decimal number is an error, or the default that the template states.

use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Environment, Error, State};

use super::arguments::{refuse, text, unfit};

/// The longest text that is read as a number, bytes.
const NUMBER_BYTES_MAX: usize = 64;

pub(super) fn add_to(environment: &mut Environment<'static>) {
    environment.add_filter("number", |state: &State, value: &Value| number(state, "number", value));
    environment.add_filter("int", int);
    environment.add_filter("float", float);
    environment.add_filter("ceil", |state: &State, value: &Value| {
        rounded("ceil", &number(state, "ceil", value)?, f64::ceil)
    });
    environment.add_filter("floor", |state: &State, value: &Value| {
        rounded("floor", &number(state, "floor", value)?, f64::floor)
    });
    environment.add_filter("clamp", clamp);
}

/// A number, or a text that is one: an optional sign, digits, an optional fraction.
fn number(state: &State, name: &str, value: &Value) -> Result<Value, Error> {
    let wanted = "a number, or a text such as -12 or 12.50";
    match value.kind() {
        ValueKind::Number => return Ok(value.clone()),
        ValueKind::String => {}
        _ => return Err(unfit(name, wanted, value)),
    }
    let text = text(state, name, value)?;
    let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if text.len() > NUMBER_BYTES_MAX || !all_digits(whole) || !all_digits(fraction) {
        return Err(refuse(format!("`{name}` takes {wanted}, not any other text")));
    }
    let number = if digits.contains('.') {
        text.parse::<f64>().ok().map(Value::from)
    } else {
        text.parse::<i64>().ok().map(Value::from)
    };
    number.ok_or_else(|| too_large(name))
}

#[expect(clippy::needless_pass_by_value, reason = "the engine gives keyword arguments by value")]
fn int(state: &State, value: &Value, default: Option<Value>, named: Kwargs) -> Result<Value, Error> {
    let whole = number(state, "int", value).and_then(|number| rounded("int", &number, f64::trunc));
    or_default(whole, value, default, &named)
}

#[expect(clippy::needless_pass_by_value, reason = "the engine gives keyword arguments by value")]
fn float(state: &State, value: &Value, default: Option<Value>, named: Kwargs) -> Result<Value, Error> {
    let real = number(state, "float", value).and_then(|number| f64::try_from(number).map(Value::from));
    or_default(real, value, default, &named)
}

/// The default stands in for what is no number, not for a missing field: that is what `default` is for.
fn or_default(
    number: Result<Value, Error>,
    value: &Value,
    default: Option<Value>,
    named: &Kwargs,
) -> Result<Value, Error> {
    let default = match default {
        Some(default) => Some(default),
        None => named.get("default")?,
    };
    named.assert_all_used()?;
    match default {
        Some(default) if number.is_err() && !value.is_undefined() => Ok(default),
        _ => number,
    }
}

/// A number without its fraction, as a whole number.
fn rounded(name: &str, number: &Value, round: fn(f64) -> f64) -> Result<Value, Error> {
    if number.is_integer() {
        return Ok(number.clone());
    }
    let whole = format!("{:.0}", round(f64::try_from(number.clone())?));
    whole.parse::<i64>().map(Value::from).map_err(|_| too_large(name))
}

fn clamp(state: &State, value: &Value, low: &Value, high: &Value) -> Result<Value, Error> {
    let value = number(state, "clamp", value)?;
    let low = number(state, "clamp", low)?;
    let high = number(state, "clamp", high)?;
    if low > high {
        return Err(refuse("`clamp` takes the lower bound first"));
    }
    Ok(value.max(low).min(high))
}

fn too_large(name: &str) -> Error {
    refuse(format!("`{name}` takes numbers of at most 64 bits"))
}
