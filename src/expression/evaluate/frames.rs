//! The variables that a template makes, and the loops that it is in.

use std::collections::BTreeMap;

use super::super::ast::ForLoop;
use crate::value::error::Error;
use crate::value::{List, Value};

/// What `loop` has.
#[rustfmt::skip]
pub(in super::super) const LOOP_FIELDS: &[&str] = &[
    "depth", "depth0", "first", "index", "index0", "last", "length", "nextitem", "previtem", "revindex", "revindex0",
];

/// What a name stands for.
enum Variable {
    Value(Value),
    /// Fields that the template may set.
    Namespace(BTreeMap<String, Value>),
}

/// A loop, a `with` or the template itself.
#[derive(Default)]
struct Frame<'a> {
    variables: BTreeMap<&'a str, Variable>,
    current_loop: Option<LoopState<'a>>,
}

/// How far a loop is.
pub(super) struct LoopState<'a> {
    pub(super) node: &'a ForLoop,
    pub(super) items: List,
    pub(super) index: usize,
    /// How many recursive loops this one is in.
    pub(super) depth: usize,
}

/// All frames, the innermost last.
pub(super) struct Frames<'a>(Vec<Frame<'a>>);

impl<'a> Frames<'a> {
    pub(super) fn new() -> Self {
        Self(vec![Frame::default()])
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn push(&mut self, current_loop: Option<LoopState<'a>>) {
        self.0.push(Frame { variables: BTreeMap::new(), current_loop });
    }

    pub(super) fn pop(&mut self) {
        self.0.pop();
    }

    /// The loop that a template is in.
    pub(super) fn current_loop(&self) -> Option<&LoopState<'a>> {
        self.0.iter().rev().find_map(|frame| frame.current_loop.as_ref())
    }

    /// Goes on to a round of the innermost frame's loop. The variables of the round before are gone.
    pub(super) fn begin_round(&mut self, index: usize) {
        let Some(frame) = self.0.last_mut() else { return };
        frame.variables.clear();
        if let Some(state) = &mut frame.current_loop {
            state.index = index;
        }
    }

    pub(super) fn set(&mut self, name: &'a str, value: Value) {
        self.insert(name, Variable::Value(value));
    }

    pub(super) fn set_namespace(&mut self, name: &'a str, fields: BTreeMap<String, Value>) {
        self.insert(name, Variable::Namespace(fields));
    }

    fn insert(&mut self, name: &'a str, variable: Variable) {
        if let Some(frame) = self.0.last_mut() {
            frame.variables.insert(name, variable);
        }
    }

    /// The fields of the namespace that has this name.
    pub(super) fn namespace(&mut self, name: &str) -> Option<&mut BTreeMap<String, Value>> {
        match self.0.iter_mut().rev().find_map(|frame| frame.variables.get_mut(name))? {
            Variable::Namespace(fields) => Some(fields),
            Variable::Value(_) => None,
        }
    }

    fn find(&self, name: &str) -> Option<&Variable> {
        self.0.iter().rev().find_map(|frame| frame.variables.get(name))
    }

    /// The value of a name; that of a namespace or of `loop` is an object.
    pub(super) fn value(&self, name: &str) -> Result<Option<Value>, Error> {
        let fields = match (self.find(name), self.current_loop()) {
            (Some(Variable::Value(value)), _) => return Ok(Some(value.clone())),
            (Some(Variable::Namespace(fields)), _) => {
                fields.iter().map(|(name, value)| (Value::text(name), value.clone())).collect()
            }
            (None, Some(state)) if name == "loop" => {
                let field = |name: &&str| Some((Value::text(name), state.field(name)?));
                LOOP_FIELDS.iter().filter_map(field).filter(|(_, value)| !value.is_missing()).collect()
            }
            _ => return Ok(None),
        };
        Value::object(fields).map(Some)
    }

    /// The field of a namespace or of `loop`, without all the others.
    pub(super) fn field(&self, variable: &str, name: &str) -> Option<Value> {
        match (self.find(variable), self.current_loop()) {
            (Some(Variable::Namespace(fields)), _) => fields.get(name).cloned(),
            (None, Some(state)) if variable == "loop" => state.field(name),
            _ => None,
        }
    }
}

impl LoopState<'_> {
    fn field(&self, name: &str) -> Option<Value> {
        let length = self.items.len();
        let item =
            |index: Option<usize>| index.and_then(|index| self.items.get(index)).unwrap_or(Value::Missing);
        Some(match name {
            "index" => Value::count(self.index + 1),
            "index0" => Value::count(self.index),
            "revindex" => Value::count(length - self.index),
            "revindex0" => Value::count(length.saturating_sub(self.index + 1)),
            "first" => Value::Bool(self.index == 0),
            "last" => Value::Bool(self.index + 1 == length),
            "length" => Value::count(length),
            "depth" => Value::count(self.depth + 1),
            "depth0" => Value::count(self.depth),
            "previtem" => item(self.index.checked_sub(1)),
            "nextitem" => item(Some(self.index + 1)),
            _ => return None,
        })
    }
}
