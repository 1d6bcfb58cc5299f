//! Statements: what they write, and which variables they make.

use super::super::arguments::RawArguments;
use super::super::ast::{Application, Expr, ExprKind, ForLoop, Statement, Target};
use super::super::functions::NAMESPACE;
use super::frames::LoopState;
use super::{Evaluator, OUTPUT_BYTES_PER_FUEL, ROUND_FUEL, check_output, items};
use crate::value::error::{Error, refuse};
use crate::value::{List, Value, too_long};

impl<'a> Evaluator<'a> {
    pub(super) fn statements(&mut self, statements: &'a [Statement]) -> Result<(), Error> {
        statements.iter().try_for_each(|statement| self.deeper(|walk| walk.statement(statement)))
    }

    fn statement(&mut self, statement: &'a Statement) -> Result<(), Error> {
        match statement {
            Statement::Raw(text) => self.write(text),
            Statement::Emit(expr) => {
                let value = self.value(expr)?;
                self.write(&value.written()?)
            }
            Statement::For(node) => self.for_loop(node),
            Statement::If(branches, otherwise) => {
                for (condition, body) in branches {
                    if self.value(condition)?.truth()? {
                        return self.statements(body);
                    }
                }
                self.statements(otherwise)
            }
            Statement::With(assignments, body) => {
                self.frames.push(None);
                assignments.iter().try_for_each(|(target, value)| self.set(target, value))?;
                self.statements(body)?;
                self.frames.pop();
                Ok(())
            }
            Statement::Set(target, value) => self.set(target, value),
            Statement::SetBlock(target, filters, body) => {
                let value = self.filtered_block(filters, body)?;
                self.assign(target, value)
            }
            Statement::FilterBlock(filters, body) => {
                let value = self.filtered_block(filters, body)?;
                self.write(&value.written()?)
            }
            Statement::Do(call) => self.value(call).map(|_| ()),
        }
    }

    fn write(&mut self, text: &str) -> Result<(), Error> {
        self.fuel.spend((text.len() / OUTPUT_BYTES_PER_FUEL) as u64)?;
        check_output(self.output.len() + text.len())?;
        self.output.push_str(text);
        Ok(())
    }

    /// What something writes, as a text.
    fn captured(&mut self, write: impl FnOnce(&mut Self) -> Result<(), Error>) -> Result<Value, Error> {
        let outer = std::mem::take(&mut self.output);
        write(self)?;
        Ok(Value::text(&std::mem::replace(&mut self.output, outer)))
    }

    fn filtered_block(&mut self, filters: &'a [Application], body: &'a [Statement]) -> Result<Value, Error> {
        let text = self.captured(|walk| walk.statements(body))?;
        filters.iter().try_fold(text, |value, filter| self.filtered(&value, filter))
    }

    fn for_loop(&mut self, node: &'a ForLoop) -> Result<(), Error> {
        let of = self.value(&node.of)?;
        let mut list = items(&of, self.fuel)?;
        if let Some(condition) = &node.only_if {
            list = self.passing(&list, &node.target, condition)?;
        }
        if list.len() == 0 {
            return self.statements(&node.otherwise);
        }
        self.rounds(node, &list)
    }

    /// The items for which the condition of a loop holds.
    fn passing(&mut self, list: &List, target: &'a Target, condition: &'a Expr) -> Result<List, Error> {
        let mut passing = Vec::new();
        self.frames.push(None);
        for item in list.iter() {
            self.fuel.spend(ROUND_FUEL)?;
            self.assign(target, item.clone())?;
            if self.value(condition)?.truth()? {
                passing.push(item);
            }
        }
        self.frames.pop();
        List::new(passing)
    }

    fn rounds(&mut self, node: &'a ForLoop, items: &List) -> Result<(), Error> {
        let outer = self.frames.current_loop().filter(|outer| outer.node.is_recursive);
        let depth = outer.map_or(0, |outer| outer.depth + 1);
        self.frames.push(Some(LoopState { node, items: items.clone(), index: 0, depth }));
        for (index, item) in items.iter().enumerate() {
            self.fuel.spend(ROUND_FUEL)?;
            self.frames.begin_round(index);
            self.assign(&node.target, item)?;
            self.statements(&node.body)?;
        }
        self.frames.pop();
        Ok(())
    }

    /// `loop(items)`: what the loop writes for other items.
    pub(super) fn recurse(&mut self, given: &RawArguments) -> Result<Value, Error> {
        let recursive = self.frames.current_loop().map(|state| state.node).filter(|node| node.is_recursive);
        let node = recursive.ok_or_else(|| refuse("`loop(…)` stands in a loop that is `recursive`"))?;
        let ([of], []) = (given.values.as_slice(), given.named.as_slice()) else {
            return Err(refuse("`loop(…)` takes one list"));
        };
        let items = items(of, self.fuel)?;
        self.captured(|walk| walk.rounds(node, &items))
    }

    /// `{% set ns = namespace(…) %}` makes fields that can be set; anything else a value.
    fn set(&mut self, target: &'a Target, expr: &'a Expr) -> Result<(), Error> {
        let value = self.value(expr)?;
        match (target, &expr.kind, &value) {
            (Target::Name(name), ExprKind::Call(function), Value::Object(object))
                if &*function.name == NAMESPACE =>
            {
                let named = |(name, value): (Value, Value)| Some((name.as_text()?.to_owned(), value));
                self.frames.set_namespace(name, object.pairs().filter_map(named).collect());
                Ok(())
            }
            _ => self.assign(target, value),
        }
    }

    fn assign(&mut self, target: &'a Target, value: Value) -> Result<(), Error> {
        match (target, value) {
            (_, Value::TooLong) => Err(too_long()),
            (Target::Name(name), value) => {
                self.frames.set(name, value);
                Ok(())
            }
            (Target::Field(namespace, field), value) => {
                let fields = self.frames.namespace(namespace);
                let fields = fields.ok_or_else(|| {
                    refuse("only the fields of a namespace can be set: `{% set name = namespace(…) %}`")
                })?;
                fields.insert(field.to_string(), value);
                Ok(())
            }
            (Target::Unpack(targets), value @ (Value::List(_) | Value::Object(_))) => {
                let list = items(&value, self.fuel)?;
                if list.len() != targets.len() {
                    let (wanted, found) = (targets.len(), list.len());
                    return Err(refuse(format!("{wanted} names cannot take the values of {found} items")));
                }
                targets.iter().zip(list.iter()).try_for_each(|(target, item)| self.assign(target, item))
            }
            (Target::Unpack(_), Value::Missing | Value::Nothing) => Err(Error::Missing),
            (Target::Unpack(_), value) => {
                Err(refuse(format!("several names take the items of a list, not {}", value.kind())))
            }
        }
    }
}
