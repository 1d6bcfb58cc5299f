//! Arithmetic of two numbers: exact for whole numbers, that of 64-bit floating point for fractions.
//!
//! A whole number is never rounded on its way into a fraction: what would lose a digit is an error.

use super::Value;
use super::error::{Error, refuse};
use super::whole::Whole;

/// What is done with two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Power,
}

impl Operation {
    /// As a template writes it.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::FloorDivide => "//",
            Self::Remainder => "%",
            Self::Power => "**",
        }
    }

    /// The exact result; `None` where there is none within 128 bits.
    fn whole(self, left: Whole, right: Whole) -> Option<Whole> {
        match self {
            Self::Add => left.add(right),
            Self::Subtract => left.subtract(right),
            Self::Multiply => left.multiply(right),
            Self::Divide => {
                left.divide(right).filter(|(_, rest)| rest.is_zero()).map(|(quotient, _)| quotient)
            }
            Self::FloorDivide => left.divide(right).map(|(quotient, _)| quotient),
            Self::Remainder => left.divide(right).map(|(_, remainder)| remainder),
            Self::Power => left.power(right),
        }
    }

    fn real(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
            Self::FloorDivide => ((left - remainder(left, right)) / right).round(),
            Self::Remainder => remainder(left, right),
            Self::Power => left.powf(right),
        }
    }
}

/// What remains, with the divisor's sign.
fn remainder(left: f64, right: f64) -> f64 {
    let remainder = left % right;
    if remainder != 0.0 && (remainder < 0.0) != (right < 0.0) { remainder + right } else { remainder }
}

#[derive(Clone, Copy)]
enum Number {
    Whole(Whole),
    Real(f64),
}

impl Number {
    fn of(value: &Value) -> Result<Self, Error> {
        match value {
            Value::Real(real) => Ok(Self::Real(*real)),
            _ => Whole::of(value).map(Self::Whole).ok_or_else(|| refuse("a calculation takes numbers")),
        }
    }

    fn is_zero(self) -> bool {
        match self {
            Self::Whole(number) => number.is_zero(),
            Self::Real(number) => number == 0.0,
        }
    }

    fn real(self) -> Result<f64, Error> {
        match self {
            Self::Real(number) => Ok(number),
            Self::Whole(number) => number.real().ok_or_else(inexact),
        }
    }
}

/// The result of an operation on two numbers.
///
/// # Errors
/// Where the divisor is zero, the result is too large, or a whole number would lose digits.
pub(crate) fn calculate(operation: Operation, left: &Value, right: &Value) -> Result<Value, Error> {
    let (left, right) = (Number::of(left)?, Number::of(right)?);
    let divides = matches!(operation, Operation::Divide | Operation::FloorDivide | Operation::Remainder);
    if divides && right.is_zero() {
        return Err(refuse(format!("`{}`: a division by zero", operation.sign())));
    }
    match (left, right) {
        (Number::Whole(left), Number::Whole(right)) => {
            let is_fraction = operation == Operation::Divide
                || (operation == Operation::Power && right.is_negative() && !left.is_zero());
            if !is_fraction {
                return operation.whole(left, right).and_then(Whole::value).ok_or_else(too_large);
            }
            quotient(operation, left, right)
        }
        (left, right) => mixed(operation, left, right),
    }
}

/// A fraction of two whole numbers. Where it is a whole number, it has all its digits or is an error.
fn quotient(operation: Operation, left: Whole, right: Whole) -> Result<Value, Error> {
    let exact = if operation == Operation::Divide { operation.whole(left, right) } else { None };
    if let Some(exact) = exact {
        return exact.real().map(Value::Real).ok_or_else(inexact);
    }
    let (Some(left), Some(right)) = (left.real(), right.real()) else {
        return Err(inexact());
    };
    finite(operation.real(left, right))
}

/// At least one of the two is a fraction, or written as one.
fn mixed(operation: Operation, left: Number, right: Number) -> Result<Value, Error> {
    let whole = |number| match number {
        Number::Whole(number) => Some(number),
        Number::Real(number) => Whole::of_real(number),
    };
    let one_is_whole = matches!(left, Number::Whole(_)) || matches!(right, Number::Whole(_));
    let exact = matches!(operation, Operation::Add | Operation::Subtract | Operation::Multiply);
    let (left_real, right_real) = (left.real()?, right.real()?);
    if let (true, Some(left), Some(right)) = (one_is_whole && exact, whole(left), whole(right))
        && let Some(result) = operation.whole(left, right)
    {
        return result.real().map(Value::Real).ok_or_else(inexact);
    }
    finite(operation.real(left_real, right_real))
}

fn finite(number: f64) -> Result<Value, Error> {
    if number.is_finite() { Ok(Value::Real(number)) } else { Err(too_large()) }
}

fn too_large() -> Error {
    refuse("a number too large to calculate with")
}

fn inexact() -> Error {
    refuse("a whole number of more than 53 bits in a calculation with fractions would lose digits; use `//`")
}
