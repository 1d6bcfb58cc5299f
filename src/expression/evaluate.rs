//! Walks the syntax tree over an event.
//!
//! Operators are strict: a missing field is an error as soon as something is done with it. Each node of the tree costs
//! fuel, and the walk has a bound to its depth, so that no template overflows the stack of a Worker (1 MiB).

mod frames;
mod statements;

use super::arguments::RawArguments;
use super::ast::{Application, Argument, Expr, ExprKind, Operator, Statement};
use super::{filters, functions, methods, operators, predicates, signatures};
use crate::value::error::{Error, refuse};
use crate::value::fuel::Fuel;
use crate::value::{List, Object, TEXT_BYTES_MAX, Value, too_long};
use frames::Frames;
pub(super) use frames::LOOP_FIELDS;

/// How deep expressions, statements and calls of `loop(…)` may nest in each other while they are evaluated. A document
/// that nests 64 deep can be walked by a recursive loop.
const DEPTH_MAX: usize = 400;

/// Bytes of output that one unit of fuel pays for.
const OUTPUT_BYTES_PER_FUEL: usize = 64;

/// What taking up one item of a loop costs, in fuel, beside what is done with it.
const ROUND_FUEL: u64 = 3;

/// Values that a template sees by their names.
pub(super) trait Names {
    /// The value of this name.
    fn value(&self, name: &str) -> Option<Value>;
}

/// The value of an expression.
///
/// # Errors
/// See [`Error`].
pub(super) fn expression(expr: &Expr, names: &dyn Names, fuel: &Fuel) -> Result<Value, Error> {
    Evaluator::new(names, fuel).value(expr)
}

/// The text of a template.
///
/// # Errors
/// See [`Error`].
pub(super) fn template(statements: &[Statement], names: &dyn Names, fuel: &Fuel) -> Result<String, Error> {
    let mut evaluator = Evaluator::new(names, fuel);
    evaluator.statements(statements)?;
    Ok(evaluator.output)
}

/// A value in the place of parts of an expression.
pub(super) struct StandIn<'a> {
    pub(super) parts: &'a [&'a Expr],
    pub(super) value: Value,
}

/// The value that an expression would have, if these parts of it had another.
///
/// # Errors
/// See [`Error`].
pub(super) fn with_stand_in<'a>(
    expr: &'a Expr,
    stand_in: &'a StandIn<'a>,
    fuel: &'a Fuel,
) -> Result<Value, Error> {
    let mut evaluator = Evaluator::new(&Nameless, fuel);
    evaluator.stand_in = Some(stand_in);
    evaluator.value(expr)
}

/// No names at all.
struct Nameless;

impl Names for Nameless {
    fn value(&self, _: &str) -> Option<Value> {
        None
    }
}

struct Evaluator<'a> {
    names: &'a dyn Names,
    fuel: &'a Fuel,
    frames: Frames<'a>,
    output: String,
    depth: usize,
    stand_in: Option<&'a StandIn<'a>>,
}

impl<'a> Evaluator<'a> {
    fn new(names: &'a dyn Names, fuel: &'a Fuel) -> Self {
        Self { names, fuel, frames: Frames::new(), output: String::new(), depth: 0, stand_in: None }
    }

    /// Goes one node deeper.
    fn deeper<T>(&mut self, walk: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        self.fuel.spend(1)?;
        if self.depth == DEPTH_MAX {
            return Err(refuse(format!("an evaluation nests at most {DEPTH_MAX} deep")));
        }
        self.depth += 1;
        let result = walk(self);
        self.depth -= 1;
        result
    }

    fn value(&mut self, expr: &'a Expr) -> Result<Value, Error> {
        if let Some(stand_in) = self.stand_in
            && stand_in.parts.iter().any(|part| std::ptr::eq(*part, expr))
        {
            return Ok(stand_in.value.clone());
        }
        self.deeper(|walk| match &expr.kind {
            ExprKind::Constant(Value::TooLong) => Err(too_long()),
            ExprKind::Constant(value) => Ok(value.clone()),
            ExprKind::Variable(name) => walk.variable(name),
            ExprKind::List(items) => {
                let items: Result<_, _> = items.iter().map(|item| walk.value(item)).collect();
                Value::list(items?)
            }
            ExprKind::Object(fields) => walk.object(fields),
            ExprKind::Attribute(of, name) => walk.attribute(of, name),
            ExprKind::Item(of, key) => walk.item(of, key),
            ExprKind::Slice(parts) => walk.slice(parts),
            ExprKind::Not(operand) => Ok(Value::Bool(!walk.value(operand)?.truth()?)),
            ExprKind::Negate(operand) => operators::negate(&walk.value(operand)?),
            ExprKind::Binary(operator, sides) => walk.binary(*operator, sides),
            ExprKind::Conditional(parts, otherwise) => {
                let [then, test] = &**parts;
                match (walk.value(test)?.truth()?, otherwise) {
                    (true, _) => walk.value(then),
                    (false, Some(otherwise)) => walk.value(otherwise),
                    (false, None) => Ok(Value::Nothing),
                }
            }
            ExprKind::Filter(value, filter) => {
                let value = walk.value(value)?;
                walk.filtered(&value, filter)
            }
            ExprKind::Test(value, test) => {
                let value = walk.value(value)?;
                let given = walk.given(&test.arguments)?;
                predicates::apply(walk.fuel, &test.name, &value, given).map(Value::Bool)
            }
            ExprKind::Call(function) => walk.call(function),
            ExprKind::Method(value, method) => walk.method(value, method),
        })
    }

    fn object(&mut self, fields: &'a [(Expr, Expr)]) -> Result<Value, Error> {
        let mut values = Vec::with_capacity(fields.len());
        for (name, value) in fields {
            values.push((self.value(name)?, self.value(value)?));
        }
        Value::object(values)
    }

    /// A variable of the template, or what the event has of this name.
    fn variable(&self, name: &str) -> Result<Value, Error> {
        self.fuel.spend_on_items(self.frames.len() / 8)?;
        let value = match self.frames.value(name)? {
            Some(value) => value,
            None => self.names.value(name).unwrap_or(Value::Missing),
        };
        if matches!(value, Value::TooLong) { Err(too_long()) } else { Ok(value) }
    }

    fn attribute(&mut self, of: &'a Expr, name: &str) -> Result<Value, Error> {
        if let ExprKind::Variable(variable) = &of.kind
            && let Some(field) = self.frames.field(variable, name)
        {
            return Ok(field);
        }
        self.value(of)?.attribute(name)
    }

    fn item(&mut self, of: &'a Expr, key: &'a Expr) -> Result<Value, Error> {
        let (of, key) = (self.value(of)?, self.value(key)?);
        self.fuel.spend_on_text(of.as_text().map_or(0, str::len))?;
        of.item(&key)
    }

    fn slice(&mut self, parts: &'a [Expr; 4]) -> Result<Value, Error> {
        let [of, from, to, step] = parts;
        let of = self.value(of)?;
        let (from, to, step) = (self.value(from)?, self.value(to)?, self.value(step)?);
        operators::slice(self.fuel, &of, [&from, &to, &step])
    }

    fn binary(&mut self, operator: Operator, sides: &'a [Expr; 2]) -> Result<Value, Error> {
        let [left, right] = sides;
        let left = self.value(left)?;
        match operator {
            Operator::And if !left.truth()? => Ok(left),
            Operator::Or if left.truth()? => Ok(left),
            Operator::And | Operator::Or => self.value(right),
            _ => operators::apply(self.fuel, operator, &left, &self.value(right)?),
        }
    }

    fn filtered(&mut self, value: &Value, filter: &'a Application) -> Result<Value, Error> {
        let given = self.given(&filter.arguments)?;
        filters::apply(self.fuel, &filter.name, value, given)
    }

    fn call(&mut self, function: &'a Application) -> Result<Value, Error> {
        let given = self.given(&function.arguments)?;
        if &*function.name == "loop" {
            return self.recurse(&given);
        }
        functions::call(self.fuel, &function.name, given)
    }

    fn method(&mut self, value: &'a Expr, method: &'a Application) -> Result<Value, Error> {
        let value = self.value(value)?;
        let given = self.given(&method.arguments)?;
        let entry = signatures::find(methods::METHODS, &method.name);
        filters::apply_entry(entry.ok_or_else(|| refuse("unknown method"))?, self.fuel, &value, given)
    }

    /// The values of arguments.
    fn given(&mut self, arguments: &'a [Argument]) -> Result<RawArguments, Error> {
        let mut given = RawArguments::default();
        for argument in arguments {
            let value = self.value(argument.expr())?;
            match (argument, value) {
                (Argument::InOrder(_), value) => given.values.push(value),
                (Argument::Named(name, _), value) => given.named.push((name.clone(), value)),
                (Argument::Items(_), Value::List(list)) => {
                    self.fuel.spend_on_items(list.len())?;
                    given.values.extend(list.iter());
                }
                (Argument::Fields(_), Value::Object(object)) => {
                    self.fuel.spend_on_items(object.len())?;
                    let named = object.pairs().map(|(name, value)| (name.to_string().into(), value));
                    given.named.extend(named);
                }
                (_, Value::Missing | Value::Nothing) => return Err(Error::Missing),
                (Argument::Items(_), _) => return Err(refuse("`*` takes a list of arguments")),
                (Argument::Fields(_), _) => return Err(refuse("`**` takes an object of arguments")),
            }
        }
        Ok(given)
    }
}

/// What a loop goes over: the items of a list, the names of an object, the characters of a text.
fn items(value: &Value, fuel: &Fuel) -> Result<List, Error> {
    let items: Vec<Value> = match value {
        Value::List(list) => return Ok(list.clone()),
        Value::Nothing | Value::Null => Vec::new(),
        Value::Missing => return Err(Error::Missing),
        Value::TooLong => return Err(too_long()),
        Value::Text(text) => {
            fuel.spend_on_items(text.len())?;
            text.chars().map(|character| Value::text(character.encode_utf8(&mut [0; 4]))).collect()
        }
        Value::Object(object) => {
            fuel.spend_on_items(object.len())?;
            Object::names(object).collect()
        }
        _ => return Err(refuse(format!("a loop takes a list, an object or a text, not {}", value.kind()))),
    };
    List::new(items)
}

/// Whether so much output is within the bound of a value.
fn check_output(bytes: usize) -> Result<(), Error> {
    if bytes > TEXT_BYTES_MAX {
        return Err(refuse(format!("a value has at most {} KiB as JSON", TEXT_BYTES_MAX / 1024)));
    }
    Ok(())
}
