//! What in an expression cannot be: names that do not exist, arguments that are never taken, constants that always
//! fail. Found before the first delivery.
//!
//! It knows no event. What it evaluates are constants: in [`constants`].

mod constants;

use std::collections::BTreeSet;

use super::ast::{Application, Argument, Expr, ExprKind, Statement, Target, outermost};
use super::error::ExpressionError;
use super::evaluate::LOOP_FIELDS;
use super::filters::{self, FILTERS};
use super::functions::FUNCTIONS;
use super::methods::METHODS;
use super::paths::Path;
use super::predicates::TESTS;
use super::signatures::{self, Entry, Signature};
use super::{Code, ENV, Expressions, nearest};
use crate::value::Value;

/// What `delivery` has.
const DELIVERY: &[&str] = &["id", "received_at"];

/// What a `CloudEvent` has, beside the extensions of its sender.
#[rustfmt::skip]
const EVENT: &[&str] = &[
    "data", "data_base64", "datacontenttype", "dataschema", "id", "source", "specversion", "subject", "time", "type",
];

/// Names that are texts, and have nothing in them.
const TEXTS: &[&str] = &["hook", "body_sha256"];

impl Expressions {
    /// Unknown names, wrong arguments and constants that always fail are mistakes now, not at the first delivery.
    pub(super) fn find_mistakes(&self, code: &Code) -> Result<(), ExpressionError> {
        let mut walk = Walk { expressions: self, assigned: vec![BTreeSet::new()] };
        match code {
            Code::Expression(expr) => {
                walk.expression(expr)?;
                constants::check(vec![expr])
            }
            Code::Template(statements) => {
                walk.statements(statements)?;
                constants::check(outermost(statements))
            }
        }
    }
}

/// Goes through a template as it is evaluated, and knows which names have a value where.
struct Walk<'a> {
    expressions: &'a Expressions,
    /// Names that the template itself gives to values: of each loop and branch that it is in.
    assigned: Vec<BTreeSet<&'a str>>,
}

impl<'a> Walk<'a> {
    fn statements(&mut self, statements: &'a [Statement]) -> Result<(), ExpressionError> {
        statements.iter().try_for_each(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &'a Statement) -> Result<(), ExpressionError> {
        match statement {
            Statement::Raw(_) => Ok(()),
            Statement::Emit(expr) | Statement::Do(expr) => self.expression(expr),
            Statement::For(node) => {
                self.expression(&node.of)?;
                self.within(|walk| {
                    walk.assign(&node.target);
                    node.only_if.iter().try_for_each(|condition| walk.expression(condition))?;
                    walk.assigned.extend([BTreeSet::from(["loop"])]);
                    walk.statements(&node.body)?;
                    walk.assigned.pop();
                    Ok(())
                })?;
                self.within(|walk| walk.statements(&node.otherwise))
            }
            Statement::If(branches, otherwise) => {
                for (condition, body) in branches {
                    self.expression(condition)?;
                    self.within(|walk| walk.statements(body))?;
                }
                self.within(|walk| walk.statements(otherwise))
            }
            Statement::With(assignments, body) => self.within(|walk| {
                for (target, value) in assignments {
                    walk.assign(target);
                    walk.expression(value)?;
                }
                walk.statements(body)
            }),
            Statement::Set(target, value) => {
                // `{% set x = x | default(1) %}` gives a name a value where it may have none.
                self.assign(target);
                self.expression(value)
            }
            Statement::SetBlock(target, filters, body) => {
                self.block(filters, body)?;
                self.assign(target);
                Ok(())
            }
            Statement::FilterBlock(filters, body) => self.block(filters, body),
        }
    }

    fn block(&mut self, filters: &'a [Application], body: &'a [Statement]) -> Result<(), ExpressionError> {
        self.within(|walk| walk.statements(body))?;
        for filter in filters {
            check_filter(filter)?;
            filter.arguments.iter().try_for_each(|argument| self.expression(argument.expr()))?;
        }
        Ok(())
    }

    /// Goes through a part whose names are its own.
    fn within(
        &mut self,
        part: impl FnOnce(&mut Self) -> Result<(), ExpressionError>,
    ) -> Result<(), ExpressionError> {
        self.assigned.push(BTreeSet::new());
        part(self)?;
        self.assigned.pop();
        Ok(())
    }

    fn assign(&mut self, target: &'a Target) {
        if let Some(names) = self.assigned.last_mut() {
            names.extend(target.names());
        }
    }

    fn is_assigned(&self, name: &str) -> bool {
        self.assigned.iter().any(|names| names.contains(name))
    }

    /// Whether a name is one of the event's.
    fn is_of_event(&self, name: &str) -> bool {
        self.expressions.scope.contains(&name) && !self.is_assigned(name)
    }

    fn expression(&self, expr: &Expr) -> Result<(), ExpressionError> {
        let at = |position: usize| move |message: String| ExpressionError::new(position, message);
        match &expr.kind {
            ExprKind::Variable(name) => self.check_variable(name).map_err(at(expr.position))?,
            ExprKind::Filter(_, filter) => check_filter(filter)?,
            ExprKind::Test(_, test) => {
                check_named("test", TESTS, &test.name, &test.arguments, test.position)?;
            }
            ExprKind::Call(call) => self.check_call(call).map_err(at(call.position))?,
            ExprKind::Method(_, method) => {
                check_method(&method.name, &method.arguments).map_err(at(method.position))?;
            }
            ExprKind::Attribute(..) | ExprKind::Item(..) => {
                self.check_path(expr).map_err(at(expr.position))?;
            }
            _ => {}
        }
        expr.parts().into_iter().try_for_each(|part| self.expression(part))
    }

    fn check_variable(&self, name: &str) -> Result<(), String> {
        if self.is_assigned(name) || self.expressions.scope.contains(&name) {
            return Ok(());
        }
        if signatures::find(FUNCTIONS, name).is_some() {
            return Err(format!("`{name}` is a function: call it, as in `{name}(…)`"));
        }
        Err(unknown("variable", name, self.expressions.scope))
    }

    fn check_call(&self, call: &Application) -> Result<(), String> {
        let name = &*call.name;
        match signatures::find(FUNCTIONS, name) {
            _ if name == "loop" && self.is_assigned(name) => Ok(()),
            _ if self.is_assigned(name) || self.is_of_event(name) => {
                Err(format!("`{name}` is a value, not a function"))
            }
            Some(entry) => check_arguments(entry.signature, &call.arguments),
            None => Err(unknown("variable", name, self.expressions.scope)),
        }
    }

    /// `delivery.id`, `event.type`, `env.NAME`: of names whose fields are known.
    fn check_path(&self, expr: &Expr) -> Result<(), String> {
        let Some(path) = Path::of(expr) else { return Ok(()) };
        let [key] = path.keys.as_slice() else { return Ok(()) };
        let root = path.root;
        if root == ENV && self.is_of_event(root) {
            return self.expressions.check_env(key);
        }
        let Value::Text(name) = key else { return Ok(()) };
        let known = match root {
            "loop" => LOOP_FIELDS,
            _ if !self.is_of_event(root) => return Ok(()),
            "delivery" => DELIVERY,
            "event" => return check_event(name),
            text if TEXTS.contains(&text) => {
                return Err(format!("`{text}` is a text: there is no `{text}.{name}`"));
            }
            _ => return Ok(()),
        };
        if known.contains(&&**name) {
            return Ok(());
        }
        Err(match nearest(name, known) {
            Some(near) => format!("unknown variable `{root}.{name}`; did you mean `{root}.{near}`?"),
            None => format!("unknown variable `{root}.{name}`; `{root}` has {}", known.join(", ")),
        })
    }
}

impl Expressions {
    fn check_env(&self, key: &Value) -> Result<(), String> {
        let name = format!("{ENV}.{key}");
        let names = &self.env.names;
        if names.contains(&name) {
            return Ok(());
        }
        if names.is_empty() {
            return Err(format!("unknown variable `{name}`; there is nothing in [vars.ENV]"));
        }
        Err(unknown("variable", &name, &names.iter().map(String::as_str).collect::<Vec<_>>()))
    }
}

/// A filter, and the filter or test that it applies to each item.
fn check_filter(filter: &Application) -> Result<(), ExpressionError> {
    let (name, arguments, position) = (&*filter.name, filter.arguments.as_slice(), filter.position);
    check_named("filter", FILTERS, name, arguments, position)?;
    let named = |constant: &Expr, kind: &str| match constant.as_constant() {
        None => Ok(None),
        Some(Value::Text(name)) => Ok(Some(name.to_string())),
        Some(_) => {
            let message = format!("`{name}` takes the name of a {kind} as a text");
            Err(ExpressionError::new(position, message))
        }
    };
    match (name, arguments) {
        ("map", [Argument::InOrder(of), rest @ ..]) => match named(of, "filter")? {
            Some(inner) => check_named("filter", FILTERS, &inner, rest, position),
            None => Ok(()),
        },
        ("map", by_name) => {
            let given = by_name.iter().filter_map(|argument| match argument {
                Argument::Named(name, _) => Some(&**name),
                _ => None,
            });
            let signature = Signature { name: "map", takes: "attribute default?" };
            let is_open = by_name.iter().any(is_splat);
            let checked = if is_open { Ok(()) } else { signatures::check(signature, 0, given) };
            checked.map_err(|error| ExpressionError::new(position, error))
        }
        ("select" | "reject", [Argument::InOrder(of), rest @ ..])
        | ("selectattr" | "rejectattr", [_, Argument::InOrder(of), rest @ ..]) => match named(of, "test")? {
            Some(inner) => check_named("test", TESTS, &inner, rest, position),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// A filter or test that is there, with arguments that it takes.
fn check_named<F>(
    kind: &str,
    known: &'static [Entry<F>],
    name: &str,
    arguments: &[Argument],
    position: usize,
) -> Result<(), ExpressionError> {
    let checked = match signatures::find(known, name) {
        Some(entry) => check_arguments(entry.signature, arguments),
        None if kind == "test" && filters::is_known(name) => {
            Err(format!("unknown test `{name}`; that is a filter: `| {name}`"))
        }
        None if kind == "filter" && signatures::find(METHODS, name).is_some() => {
            Err(format!("unknown filter `{name}`; that is a method: `.{name}(…)`"))
        }
        None => match name.split_once('.') {
            Some((first, field)) if signatures::find(known, first).is_some() => {
                Err(format!("unknown {kind} `{name}`; write `(… | {first}).{field}`"))
            }
            _ => Err(unknown(kind, name, &signatures::names(known))),
        },
    };
    checked.map_err(|error| ExpressionError::new(position, error))
}

fn check_method(name: &str, arguments: &[Argument]) -> Result<(), String> {
    match signatures::find(METHODS, name) {
        Some(entry) => check_arguments(entry.signature, arguments),
        None => Err(unknown_method(name)),
    }
}

/// Names of a `CloudEvent`'s attributes are of lower-case letters and digits; any such name may be an extension's. What
/// is none, but near to one that is known, is a mistake.
fn check_event(name: &str) -> Result<(), String> {
    let may_be = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if may_be || EVENT.contains(&name) {
        return Ok(());
    }
    let lower = name.to_ascii_lowercase();
    let plain = lower.replace(['_', '-'], "");
    match nearest(&lower, EVENT).or_else(|| nearest(&plain, EVENT)) {
        Some(near) => Err(format!("unknown variable `event.{name}`; did you mean `event.{near}`?")),
        None => Ok(()),
    }
}

fn is_splat(argument: &Argument) -> bool {
    matches!(argument, Argument::Items(_) | Argument::Fields(_))
}

fn check_arguments(signature: Signature, arguments: &[Argument]) -> Result<(), String> {
    // How many there are of `*list` is known when the template runs.
    if arguments.iter().any(is_splat) {
        return Ok(());
    }
    let in_order = arguments.iter().filter(|argument| matches!(argument, Argument::InOrder(_))).count();
    let by_name = arguments.iter().filter_map(|argument| match argument {
        Argument::Named(name, _) => Some(&**name),
        _ => None,
    });
    signatures::check(signature, in_order, by_name)
}

fn unknown_method(name: &str) -> String {
    match name {
        "format" => "unknown method `format`; write `'%s' | format(value)`".to_owned(),
        "append" | "extend" | "insert" => {
            format!("unknown method `{name}`: lists do not change; write `list + [item]`")
        }
        name if filters::is_known(name) => {
            format!("unknown method `{name}`; that is a filter: `| {name}`")
        }
        name => unknown("method", name, &signatures::names(METHODS)),
    }
}

fn unknown(kind: &str, name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(near) => format!("unknown {kind} `{name}`; did you mean `{near}`?"),
        None if known.is_empty() => format!("unknown {kind} `{name}`"),
        None => format!("unknown {kind} `{name}`; there are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests;
