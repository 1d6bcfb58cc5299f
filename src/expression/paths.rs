//! The paths that an expression names, such as `body.items[0].price`, and what stands there.
//!
//! It shows and judges nothing. What [`Expressions::values_seen`] tells are values of the event: for the operator alone.

use std::fmt;

use minijinja::machinery::{Instruction, Instructions};
use serde_json::Value;

use super::{Condition, ENV, Expressions, Form, Scope, Template, json};

/// The most paths that are told.
const PATHS_MAX: usize = 32;

/// The longest value that is told whole, bytes as JSON.
const VALUE_BYTES_MAX: usize = 256;

/// The function that `.get(…)` is.
const GET: &str = "method get";

/// A variable, and the constant keys that lead from it.
#[derive(Debug, PartialEq)]
pub(super) struct Path {
    pub(super) root: String,
    pub(super) keys: Vec<minijinja::Value>,
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.root)?;
        self.keys.iter().try_for_each(|key| match key.as_str() {
            Some(name) if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') => {
                write!(f, ".{name}")
            }
            Some(name) => write!(f, "['{name}']"),
            None => write!(f, "[{key}]"),
        })
    }
}

/// Every path in a program, in the order in which they are named, each once.
pub(super) fn paths(program: &Instructions<'_>) -> Vec<Path> {
    let mut paths: Vec<Path> = Vec::new();
    let mut open: Option<Path> = None;
    // Constants since the path's last key: what `[…]` or `.get(…)` takes next.
    let mut constants: Vec<minijinja::Value> = Vec::new();
    for instruction in (0..).map_while(|index| program.get(index)) {
        match (instruction, &mut open, constants.as_slice()) {
            (Instruction::GetAttr(name), Some(path), []) => path.keys.push(minijinja::Value::from(*name)),
            (Instruction::GetItem | Instruction::CallFunction(GET, Some(2)), Some(path), [key])
            | (Instruction::CallFunction(GET, Some(3)), Some(path), [key, _]) => {
                path.keys.push(key.clone());
                constants.clear();
            }
            (Instruction::LoadConst(constant), Some(_), [] | [_]) => constants.push(constant.clone()),
            (other, ..) => {
                paths.extend(open.take());
                constants.clear();
                if let Instruction::Lookup(name) = other {
                    open = Some(Path { root: (*name).to_owned(), keys: Vec::new() });
                }
            }
        }
    }
    paths.extend(open);
    let mut once = Vec::new();
    for path in paths {
        if !once.contains(&path) {
            once.push(path);
        }
    }
    once
}

impl Template {
    /// Whether it names one of these variables.
    pub(crate) fn names_any(&self, variables: &[&str]) -> bool {
        match &self.0 {
            Form::Literal(_) => false,
            Form::Typed(program) | Form::Text(program) => {
                paths(program.instructions()).iter().any(|path| variables.contains(&path.root.as_str()))
            }
        }
    }
}

impl Expressions {
    /// The paths that a condition names, each with the value that it has in this scope; `None`: there is none. At
    /// most 32; a long text is cut, a large list or object is told by its size.
    #[must_use]
    pub fn values_seen(&self, condition: &Condition, scope: &Scope) -> Vec<(String, Option<Value>)> {
        let named = paths(condition.program.instructions());
        let in_scope = named.into_iter().filter(|path| self.scope.contains(&path.root.as_str()));
        in_scope.take(PATHS_MAX).map(|path| (path.to_string(), self.value_at(&path, scope))).collect()
    }

    fn value_at(&self, path: &Path, scope: &Scope) -> Option<Value> {
        let root = match self.environment.globals().find(|(name, _)| *name == path.root && *name == ENV) {
            Some((_, env)) => env,
            None => scope.values.get_attr(&path.root).ok()?,
        };
        let value = path.keys.iter().try_fold(root, |value, key| value.get_item(key).ok())?;
        (!value.is_undefined()).then(|| shown(&value))
    }
}

/// The value if it is short, else what it is.
fn shown(value: &minijinja::Value) -> Value {
    if let Some(text) = value.as_str().filter(|text| text.len() > VALUE_BYTES_MAX) {
        let start = text.get(..text.floor_char_boundary(VALUE_BYTES_MAX)).unwrap_or_default();
        return Value::String(format!("{start}…"));
    }
    // A little more, for the quotes of a text.
    let mut bytes_left = VALUE_BYTES_MAX + 8;
    json::to_json(value, &mut bytes_left).unwrap_or_else(|_| {
        Value::String(match value.len() {
            Some(length) => format!("({length} items)"),
            None => "(a long text)".to_owned(),
        })
    })
}
