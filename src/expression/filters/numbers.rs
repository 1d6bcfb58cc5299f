//! Filters that make numbers of texts, and round them.
//!
//! They never guess: a text that is not a decimal number is an error, or the default that the template states. They
//! never lose a digit of a whole number: one of more than 128 bits is an error, with or without a default.

use super::super::arguments::Arguments;
use crate::value::error::{Error, refuse};
use crate::value::whole::{Rounding, Whole};
use crate::value::{Value, oversized, unfit};

/// The longest text that is read as a number, bytes.
const NUMBER_BYTES_MAX: usize = 64;

/// What rounding a fraction costs, in fuel: it is written with at most 17 digits, and read again.
const ROUND_FUEL: u64 = 4;

/// Significant digits that tell any two 64-bit floating-point numbers apart.
const DIGITS_MAX: i64 = 17;

/// The most places before or after the point that a number is rounded to: more than any number has.
const PLACES_MAX: i64 = 400;

/// `value | number`
pub(super) fn number(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    own_numeral(value, arguments)?.value("number")
}

/// `value | int(default)`
pub(super) fn int(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    or_default(value, arguments, |numeral| numeral.whole("int", Rounding::Down, true))
}

/// `value | float(default)`
pub(super) fn float(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    or_default(value, arguments, |numeral| numeral.real("float").map(Value::Real))
}

/// `value | ceil`
pub(super) fn ceil(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    own_numeral(value, arguments)?.whole("ceil", Rounding::Up, false)
}

/// `value | floor`
pub(super) fn floor(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    own_numeral(value, arguments)?.whole("floor", Rounding::Down, false)
}

/// `value | abs`
pub(super) fn abs(value: &Value, _: &Arguments) -> Result<Value, Error> {
    match Numeral::of(value) {
        Some(Numeral::Whole(number)) => number.abs().value().ok_or_else(|| too_large("abs")),
        Some(Numeral::Real(number)) => Ok(Value::Real(number.abs())),
        _ => Err(unfit("abs", "a number", value)),
    }
}

/// A number as it was read.
#[derive(Debug, Clone, Copy)]
enum Numeral<'a> {
    Whole(Whole),
    Real(f64),
    /// A text with a decimal point: the text, the number before the point, the digits after it.
    Decimal {
        text: &'a str,
        negative: bool,
        whole: Whole,
        fraction: &'a str,
    },
}

impl Numeral<'_> {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Real(number) => Some(Self::Real(*number)),
            _ => Whole::of(value).map(Self::Whole),
        }
    }

    fn value(self, name: &str) -> Result<Value, Error> {
        match self {
            Self::Whole(number) => number.value().ok_or_else(|| too_large(name)),
            _ => self.real(name).map(Value::Real),
        }
    }

    fn real(self, name: &str) -> Result<f64, Error> {
        let exact = match self {
            Self::Whole(number) => number.real(),
            Self::Real(number) => Some(number),
            Self::Decimal { text, whole, .. } => whole.real().and_then(|_| text.parse().ok()),
        };
        exact.ok_or_else(|| {
            refuse(format!("`{name}`: a whole number of more than 53 bits has no exact fraction"))
        })
    }

    /// The whole number above or below; or without the fraction, if `truncated`.
    fn whole(self, name: &str, rounding: Rounding, truncated: bool) -> Result<Value, Error> {
        let number = match self {
            Self::Whole(number) => Some(number),
            Self::Real(number) if truncated => Whole::of_real(number.trunc()),
            Self::Real(number) if rounding == Rounding::Up => Whole::of_real(number.ceil()),
            Self::Real(number) => Whole::of_real(number.floor()),
            Self::Decimal { negative, whole, fraction, .. } => {
                let has_fraction = !truncated && fraction.bytes().any(|digit| digit != b'0');
                match (has_fraction, negative, rounding) {
                    (true, false, Rounding::Up) => whole.add(Whole::new(false, 1)),
                    (true, true, Rounding::Down) => whole.add(Whole::new(true, 1)),
                    _ => Some(whole),
                }
            }
        };
        number.and_then(Whole::value).ok_or_else(|| too_large(name))
    }
}

/// A number, or a text that is one: an optional sign, digits, an optional fraction. `None` for any other text.
fn numeral<'a>(value: &'a Value, arguments: &Arguments) -> Result<Option<Numeral<'a>>, Error> {
    let name = arguments.name();
    if let Some(numeral) = Numeral::of(value) {
        return Ok(Some(numeral));
    }
    let Some(text) = value.as_text() else {
        return Err(unfit(name, WANTED, value));
    };
    arguments.fuel.spend_on_text(text.len())?;
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (digits, fraction) = match digits.split_once('.') {
        Some((digits, fraction)) => (digits, Some(fraction)),
        None => (digits, None),
    };
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(digits) || fraction.is_some_and(|fraction| !all_digits(fraction)) {
        return Ok(None);
    }
    if text.len() > NUMBER_BYTES_MAX {
        return Err(refuse(format!("`{name}` takes numbers of at most {NUMBER_BYTES_MAX} digits")));
    }
    let negative = text.starts_with('-');
    let whole = Whole::parse(negative, digits).ok_or_else(|| too_large(name))?;
    Ok(Some(match fraction {
        Some(fraction) => Numeral::Decimal { text, negative, whole, fraction },
        None => Numeral::Whole(whole),
    }))
}

/// The same, where any other text is an error.
fn own_numeral<'a>(value: &'a Value, arguments: &Arguments) -> Result<Numeral<'a>, Error> {
    numeral(value, arguments)?.ok_or_else(|| not_a_number(arguments.name()))
}

/// What is read as a number.
const WANTED: &str = "a number or a numeric text such as -12 or 12.50";

fn not_a_number(name: &str) -> Error {
    refuse(format!("`{name}` takes {WANTED}, not any other text"))
}

/// The default stands in for what is not a number: not for a missing field, that is what `default` is for, and not
/// for a number that is too large.
fn or_default(
    value: &Value,
    arguments: &Arguments,
    convert: impl FnOnce(Numeral) -> Result<Value, Error>,
) -> Result<Value, Error> {
    let default = arguments.given(0);
    match (value, default) {
        (Value::Oversized(_), _) => Err(oversized()),
        (Value::Null | Value::Bool(_) | Value::List(_) | Value::Object(_), Some(default)) => {
            Ok(default.clone())
        }
        _ => match (numeral(value, arguments)?, default) {
            (Some(numeral), _) => convert(numeral),
            (None, Some(default)) => Ok(default.clone()),
            (None, None) => Err(not_a_number(arguments.name())),
        },
    }
}

/// `value | clamp(low, high)`
pub(super) fn clamp(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let read = |value| own_numeral(value, arguments)?.value("clamp");
    let (value, low, high) = (read(value)?, read(arguments.get(0))?, read(arguments.get(1))?);
    if low > high {
        return Err(refuse("`clamp`: the lower bound must not exceed the upper bound"));
    }
    Ok(value.max(low).min(high))
}

/// Rounded to so many places after the point, or before it where `places` is negative. Halves go to the even
/// neighbour; `ceil` and `floor` round up and down. A whole number stays one.
pub(super) fn round(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    arguments.fuel.spend(ROUND_FUEL)?;
    let places = arguments.optional_whole(0)?.unwrap_or(0).clamp(-PLACES_MAX, PLACES_MAX);
    let rounding = match arguments.optional_text(1)?.unwrap_or("common") {
        "common" => Rounding::Nearest,
        "ceil" => Rounding::Up,
        "floor" => Rounding::Down,
        _ => return Err(refuse("`round` takes the method 'common', 'ceil' or 'floor'")),
    };
    match Numeral::of(value) {
        Some(Numeral::Whole(number)) => {
            let zeros = u32::try_from(-places).unwrap_or(0);
            number.rounded(zeros, rounding).and_then(Whole::value).ok_or_else(|| too_large("round"))
        }
        Some(Numeral::Real(number)) => Ok(Value::Real(round_real(number, places, rounding))),
        _ => Err(unfit("round", "a number", value)),
    }
}

/// How many digits of a fraction are written to round it: at most 17. `None` where rounding changes nothing.
fn digits_written(number: f64, places: i64) -> Option<i64> {
    let written = format!("{number:e}");
    // Zero has no digits, and infinity has no exponent.
    let exponent = written.split_once('e').and_then(|(_, exponent)| exponent.parse::<i64>().ok());
    let digits = places + exponent.filter(|_| number != 0.0)? + 1;
    (digits <= DIGITS_MAX).then_some(digits)
}

/// A fraction's decimal digits are rounded, as Python does it.
fn round_real(number: f64, places: i64, rounding: Rounding) -> f64 {
    let Some(digits) = digits_written(number, places) else {
        return number;
    };
    let unit = format!("1e{}", -places).parse::<f64>().unwrap_or(0.0);
    let nearest = match usize::try_from(digits - 1) {
        Ok(after_first) => format!("{number:.after_first$e}").parse().unwrap_or(number),
        // Less than one unit: whether it is more than half of one.
        Err(_) if digits == 0 && number.abs() > unit / 2.0 => unit.copysign(number),
        Err(_) => 0.0_f64.copysign(number),
    };
    let moved = match rounding {
        Rounding::Up if nearest < number => nearest + unit,
        Rounding::Down if nearest > number => nearest - unit,
        _ => return nearest,
    };
    // The sum is inexact: its digits end where those of the unit do.
    round_real(moved, places, Rounding::Nearest)
}

fn too_large(name: &str) -> Error {
    refuse(format!("`{name}` takes numbers of at most 128 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_rounded_as_python_rounds_them() {
        for (number, places, expected) in [
            (2.675, 2, 2.67),
            (1.005, 2, 1.0),
            (0.5, 0, 0.0),
            (1.5, 0, 2.0),
            (2.5, 0, 2.0),
            (-0.5, 0, -0.0),
            (-2.5, 0, -2.0),
            (0.6, 0, 1.0),
            (9.995, 1, 10.0),
            (99.99, 1, 100.0),
            (1234.5, -2, 1200.0),
            (1250.0, -2, 1200.0),
            (1350.0, -2, 1400.0),
            (50.0, -2, 0.0),
            (51.0, -2, 100.0),
            (1e308, 2, 1e308),
            (1e308, -307, 1e308),
            (1e308, -308, 1e308),
            (5e-324, 2, 0.0),
            (5e-324, 400, 5e-324),
            (0.1, 20, 0.1),
            (1e23, -22, 1e23),
            (123_456.789, 400, 123_456.789),
            (0.0, 2, 0.0),
        ] {
            let rounded = round_real(number, places, Rounding::Nearest);
            assert_eq!(rounded.to_bits(), f64::to_bits(expected), "{number} to {places}: {rounded}");
        }
    }

    #[test]
    fn few_digits_are_written_however_large_or_small_a_fraction_is() {
        for (number, places, expected) in [
            (1e308, 2, None),
            (f64::MAX, 400, None),
            (f64::MIN_POSITIVE, 400, None),
            (0.1, 400, None),
            (f64::INFINITY, 0, None),
            (0.0, 0, None),
            (1234.5, 2, Some(6)),
            (f64::MAX, -300, Some(9)),
            (5e-324, 2, Some(-321)),
        ] {
            assert_eq!(digits_written(number, places), expected, "{number} to {places}");
        }
    }

    #[test]
    fn fractions_are_rounded_up_and_down_when_asked() {
        for (number, places, up, down) in [
            (1.25, 1, 1.3, 1.2),
            (-1.25, 1, -1.2, -1.3),
            (1.2, 1, 1.2, 1.2),
            (0.001, 2, 0.01, 0.0),
            (-0.001, 2, -0.0, -0.01),
            (1e308, 2, 1e308, 1e308),
            (1234.5, -2, 1300.0, 1200.0),
        ] {
            assert_eq!(round_real(number, places, Rounding::Up).to_bits(), f64::to_bits(up), "{number} up");
            assert_eq!(
                round_real(number, places, Rounding::Down).to_bits(),
                f64::to_bits(down),
                "{number} down"
            );
        }
    }
}
