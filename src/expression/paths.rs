//! The paths that an expression names, such as `body.items[0].price`, and what stands there.
//!
//! It shows and judges nothing. What [`Expressions::values_seen`] returns are values of the event: for the operator
//! alone.

use std::fmt;

use serde_json::Value as Json;

use super::ast::{Argument, Expr, ExprKind, outermost};
use super::evaluate::Names;
use super::filters::to_json;
use super::{Code, Condition, Expressions, Form, Scope, Template};
use crate::value::Value;

/// The most paths that are shown.
const PATHS_MAX: usize = 32;

/// The longest value that is shown whole, bytes as JSON.
const VALUE_BYTES_MAX: usize = 256;

/// A variable, and the constant keys that lead from it.
#[derive(Debug, PartialEq)]
pub(super) struct Path<'a> {
    pub(super) root: &'a str,
    pub(super) keys: Vec<Value>,
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.root)?;
        self.keys.iter().try_for_each(|key| match key.as_text() {
            Some(name) if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') => {
                write!(f, ".{name}")
            }
            Some(name) => write!(f, "['{name}']"),
            None => write!(f, "[{key}]"),
        })
    }
}

impl<'a> Path<'a> {
    /// The path that an expression is: a variable, or a constant key of another path.
    pub(super) fn of(expr: &'a Expr) -> Option<Self> {
        let (of, key) = match &expr.kind {
            ExprKind::Variable(name) => return Some(Self { root: name, keys: Vec::new() }),
            ExprKind::Attribute(of, name) => (of, Value::text(name)),
            ExprKind::Item(of, key) => (of, key.as_constant()?.clone()),
            ExprKind::Method(of, method) if &*method.name == "get" => {
                let [Argument::InOrder(key), default @ ..] = method.arguments.as_slice() else {
                    return None;
                };
                default.iter().try_for_each(|default| default.expr().as_constant().map(|_| ()))?;
                (of, key.as_constant()?.clone())
            }
            _ => return None,
        };
        let mut path = Self::of(of)?;
        path.keys.push(key);
        Some(path)
    }
}

/// Every path in an expression, in the order in which they are evaluated, each once.
fn collect<'a>(expr: &'a Expr, paths: &mut Vec<Path<'a>>) {
    match Path::of(expr) {
        Some(path) if paths.contains(&path) => {}
        Some(path) => paths.push(path),
        None => expr.parts().into_iter().for_each(|part| collect(part, paths)),
    }
}

impl Template {
    /// Whether it names one of these variables.
    pub(crate) fn names_any(&self, variables: &[&str]) -> bool {
        let expressions = match &self.0 {
            Form::Literal(_) => Vec::new(),
            Form::Code(program) => match &*program.code {
                Code::Expression(expr) => vec![expr],
                Code::Template(statements) => outermost(statements),
            },
        };
        let mut paths = Vec::new();
        for expr in expressions {
            collect(expr, &mut paths);
        }
        paths.iter().any(|path| variables.contains(&path.root))
    }
}

impl Expressions {
    /// The paths that a condition names, each with the value that it has in this scope; `None`: there is none. At
    /// most 32; a long text is cut, a large list or object is shown by its size.
    #[must_use]
    pub fn values_seen(&self, condition: &Condition, scope: &Scope) -> Vec<(String, Option<Json>)> {
        let mut named = Vec::new();
        if let Code::Expression(expr) = &*condition.0.code {
            collect(expr, &mut named);
        }
        let in_scope = named.into_iter().filter(|path| self.scope.contains(&path.root));
        in_scope.take(PATHS_MAX).map(|path| (path.to_string(), self.value_at(&path, scope))).collect()
    }

    fn value_at(&self, path: &Path, scope: &Scope) -> Option<Json> {
        let root = self.names(scope).value(path.root)?;
        let value = path.keys.iter().try_fold(root, |value, key| value.item(key)).ok()?;
        (!value.is_missing()).then(|| shown(&value))
    }
}

/// The value if it is short, else what it is.
fn shown(value: &Value) -> Json {
    if let Some(text) = value.as_text().filter(|text| text.len() > VALUE_BYTES_MAX) {
        let start = text.get(..text.floor_char_boundary(VALUE_BYTES_MAX)).unwrap_or_default();
        return Json::String(format!("{start}…"));
    }
    // A little more, for the quotes of a text.
    let mut bytes_left = VALUE_BYTES_MAX + 8;
    to_json(value, &mut bytes_left).unwrap_or_else(|_| {
        Json::String(match value {
            Value::List(list) => format!("({} items)", list.len()),
            Value::Object(object) => format!("({} items)", object.len()),
            _ => "(a long text)".to_owned(),
        })
    })
}
