//! Constants that can never be right: `'5' * 2`, `body.at | at_offset('Europe/Berlin')`.
//!
//! An expression of constants is evaluated. Where one part of it is a value of the event, it is evaluated with values
//! of every kind in that place: it is a mistake only if none of them is right.

use std::iter;

use super::super::arguments::RawArguments;
use super::super::ast::{Application, Argument, Expr, ExprKind, Operator};
use super::super::error::ExpressionError;
use super::super::evaluate::{self, StandIn};
use super::super::filters;
use super::super::methods::METHODS;
use super::super::predicates;
use super::super::signatures::find;
use super::is_splat;
use crate::value::Value;
use crate::value::error::Error;
use crate::value::fuel::{FUEL, Fuel};

/// How many expressions in one template are evaluated. Real templates have a few; others go unchecked from here on.
const EVALUATED_MAX: usize = 64;

/// A number that is large, and exact as a fraction, too.
const LARGE: i64 = 1_000_000_000_000_000;

/// Values of every kind: each filter, test, operator and method takes at least one of them.
fn values() -> impl Iterator<Item = Value> {
    // Most take a number, and need no other value to be made.
    iter::once(Value::Int(7)).chain(iter::once_with(other_values).flatten())
}

fn other_values() -> Vec<Value> {
    let text = Value::text;
    let list = |items: &[Value]| Value::list(items.to_vec()).unwrap_or(Value::Null);
    let mut values = Vec::new();
    let texts = ["2024-01-31T22:30:00Z", "2024-01-31", "12", "Aa", "aGk=", "[1]", "1d", "+01:00", "%Y"];
    values.extend(texts.map(text));
    values.extend([2, 0, LARGE, -LARGE].map(Value::Int));
    values.push(Value::Real(1.5));
    let letters = list(&[text("a"), text("b")]);
    values.extend([list(&[Value::Int(1), Value::Int(2)]), letters.clone()]);
    let object = Value::object(vec![(text("a"), text("b"))]).unwrap_or(Value::Null);
    values.extend([list(std::slice::from_ref(&object)), object, list(&[letters])]);
    values.extend([Value::Bool(true), Value::Null]);
    values
}

/// Whether these expressions, or parts of them, are constants that fail for every event.
pub(super) fn check(mut open: Vec<&Expr>) -> Result<(), ExpressionError> {
    let mut evaluated = 0;
    while let Some(expr) = open.pop() {
        let fails = |error: String| ExpressionError::new(expr.position, error);
        match wrong_part(expr) {
            Wrong::Nothing => open.extend(expr.parts()),
            _ if evaluated >= EVALUATED_MAX => return Ok(()),
            Wrong::Itself => {
                evaluated += 1;
                check_constant(expr).map_err(fails)?;
            }
            Wrong::With(parts) => {
                evaluated += 1;
                let tried = |value| evaluated_with(expr, &parts, value);
                check_with_values(values().chain(written_by(expr)), tried).map_err(fails)?;
                open.extend(expr.parts());
            }
        }
        if let ExprKind::Filter(_, filter) = &expr.kind {
            evaluated += 1;
            check_of_items(filter).map_err(fails)?;
        }
    }
    Ok(())
}

fn check_constant(expr: &Expr) -> Result<(), String> {
    match evaluated_with(expr, &[], Value::Missing) {
        Err(error) if error != Error::Missing => Err(always_fails(&error.to_string())),
        _ => Ok(()),
    }
}

fn check_with_values(
    values: impl IntoIterator<Item = Value>,
    tried: impl Fn(Value) -> Result<(), Error>,
) -> Result<(), String> {
    let mut reasons: Vec<String> = Vec::new();
    for value in values {
        match tried(value) {
            Err(error) if error != Error::Missing => reasons.push(error.to_string()),
            _ => return Ok(()),
        }
    }
    // The reason that is not about the kind of the value which stood in.
    let reason = reasons.iter().find(|reason| !reason.contains(", not ")).or(reasons.first());
    let reason = reason.map_or("it", |reason| reason.split(", not ").next().unwrap_or_default());
    Err(always_fails(reason))
}

/// Evaluates an expression with a value in the place of these parts.
fn evaluated_with(expr: &Expr, parts: &[&Expr], value: Value) -> Result<(), Error> {
    evaluate::with_stand_in(expr, &StandIn { parts, value }, &Fuel::new(FUEL)).map(|_| ())
}

/// A moment as the pattern of `strptime` writes it.
fn written_by(expr: &Expr) -> Option<Value> {
    let ExprKind::Filter(_, filter) = &expr.kind else { return None };
    let [Argument::InOrder(pattern) | Argument::Named(_, pattern)] = filter.arguments.as_slice() else {
        return None;
    };
    let pattern = pattern.as_constant().filter(|_| &*filter.name == "strptime")?;
    let given = RawArguments { values: vec![pattern.clone()], named: Vec::new() };
    filters::apply(&Fuel::new(FUEL), "strftime", &Value::text("2024-01-31T22:30:00Z"), given).ok()
}

/// What `map`, `select` and `selectattr` do to each item, by the name of a filter or test.
fn check_of_items(filter: &Application) -> Result<(), String> {
    let from_name = match &*filter.name {
        "map" | "select" | "reject" => filter.arguments.as_slice(),
        "selectattr" | "rejectattr" => filter.arguments.get(1..).unwrap_or_default(),
        _ => return Ok(()),
    };
    let [Argument::InOrder(name), arguments @ ..] = from_name else { return Ok(()) };
    let Some(name) = name.as_constant().and_then(Value::as_text).filter(|_| !arguments.is_empty()) else {
        return Ok(());
    };
    let mut constants = Vec::new();
    for argument in arguments {
        match argument {
            Argument::InOrder(expr) if is_constant(expr) => {
                let none = StandIn { parts: &[], value: Value::Missing };
                match evaluate::with_stand_in(expr, &none, &Fuel::new(FUEL)) {
                    Ok(value) => constants.push(value),
                    Err(Error::Missing) => return Ok(()),
                    Err(error) => return Err(always_fails(&error.to_string())),
                }
            }
            _ => return Ok(()),
        }
    }
    check_with_values(values(), |item| {
        let (fuel, given) = (Fuel::new(FUEL), RawArguments { values: constants.clone(), named: Vec::new() });
        if &*filter.name == "map" {
            return filters::apply(&fuel, name, &item, given).map(|_| ());
        }
        predicates::apply(&fuel, name, &item, given).map(|_| ())
    })
}

fn always_fails(reason: &str) -> String {
    format!("{reason}; this fails for every event")
}

/// The part of an expression, if any, that may make it fail for every event.
enum Wrong<'a> {
    Nothing,
    /// It is made of constants alone.
    Itself,
    /// All parts but these are constants.
    With(Vec<&'a Expr>),
}

fn wrong_part(expr: &Expr) -> Wrong<'_> {
    let Some(operands) = operands(expr) else {
        return Wrong::Nothing;
    };
    let (constant, open): (Vec<_>, Vec<_>) = operands.into_iter().partition(|operand| is_constant(operand));
    // All of a pattern's arguments may be of one kind; of other arguments that is not known.
    let is_pattern = matches!(&expr.kind, ExprKind::Filter(_, filter) if &*filter.name == "format");
    match (constant.len(), open.len()) {
        (0, _) => Wrong::Nothing,
        (_, 0) => Wrong::Itself,
        (_, 1) => Wrong::With(open),
        _ if is_pattern => Wrong::With(open),
        _ => Wrong::Nothing,
    }
}

/// The values that an operation takes; `None` for what is no operation, or takes a number of values that is unknown.
fn operands(expr: &Expr) -> Option<Vec<&Expr>> {
    let all_known =
        |application: &Application| (!application.arguments.iter().any(is_splat)).then(|| expr.parts());
    match &expr.kind {
        ExprKind::Filter(value, filter) => {
            let are_constant = || filter.arguments.iter().map(Argument::expr).all(is_constant);
            let is_open = match &*filter.name {
                // Which filter or test they apply is checked by itself.
                "map" | "select" | "reject" | "selectattr" | "rejectattr" | "default" => true,
                // How many arguments a pattern takes is known where the pattern is.
                "format" => !is_constant(value),
                // Whether a pattern fits a text depends on both.
                "strptime" => !are_constant(),
                _ => false,
            };
            if is_open { None } else { all_known(filter) }
        }
        ExprKind::Test(_, test) => all_known(test),
        // Whether `index` finds something depends on the text.
        ExprKind::Method(_, method) => {
            find(METHODS, &method.name).filter(|_| &*method.name != "index")?;
            all_known(method)
        }
        ExprKind::Call(call) if &*call.name == "range" => all_known(call),
        ExprKind::Binary(Operator::And | Operator::Or, _) => None,
        ExprKind::Binary(..) | ExprKind::Slice(_) | ExprKind::Negate(_) => Some(expr.parts()),
        _ => None,
    }
}

/// Whether an expression has the same value for every event.
fn is_constant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Constant(_) => true,
        ExprKind::List(_)
        | ExprKind::Object(_)
        | ExprKind::Conditional(..)
        | ExprKind::Not(_)
        | ExprKind::Negate(_)
        | ExprKind::Binary(..) => expr.parts().into_iter().all(is_constant),
        _ => operands(expr).is_some_and(|operands| operands.into_iter().all(is_constant)),
    }
}
