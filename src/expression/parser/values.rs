//! Values, what follows them, and what stands in brackets.

use super::super::ast::{Application, Argument, Expr, ExprKind, Name};
use super::super::error::ExpressionError;
use super::super::lexer::Token;
use super::Parser;
use crate::value::Value;
use crate::value::whole::Whole;

/// The most arguments of one filter, test, function or method.
const ARGUMENTS_MAX: usize = 256;

/// Words that no test takes as its argument: they go on after it.
const AFTER_TEST: &[&str] = &["and", "else", "if", "in", "is", "not", "or", "recursive"];

impl Parser<'_> {
    /// A value and `.name`, `[…]` and `(…)` behind it.
    pub(super) fn postfixed(&mut self) -> Result<Expr, ExpressionError> {
        let mut expr = self.primary()?;
        loop {
            let position = self.position;
            if self.skip_sign(".")? {
                expr = match self.token {
                    Token::Name(name) => {
                        self.advance()?;
                        Expr::new(ExprKind::Attribute(Box::new(expr), name.into()), position)?
                    }
                    Token::Whole(index) => {
                        let key = Expr::constant(whole(index), self.position);
                        self.advance()?;
                        Expr::new(ExprKind::Item(Box::new(expr), Box::new(key)), position)?
                    }
                    _ => return self.unexpected("a field's name or an item's number"),
                };
            } else if self.is_sign("[") {
                expr = self.nested(|parser| parser.subscript(expr))?;
            } else if self.is_sign("(") {
                let arguments = self.arguments()?;
                expr = self.called(expr, arguments, position)?;
            } else {
                return Ok(expr);
            }
        }
    }

    /// `f(…)` is a function, `value.f(…)` a method.
    fn called(
        &self,
        callee: Expr,
        arguments: Vec<Argument>,
        position: usize,
    ) -> Result<Expr, ExpressionError> {
        let Expr { kind, position: named, .. } = callee;
        match kind {
            ExprKind::Variable(name) => {
                Expr::new(ExprKind::Call(Application { name, arguments, position: named }), named)
            }
            ExprKind::Attribute(value, name) => {
                Expr::new(ExprKind::Method(value, Application { name, arguments, position: named }), position)
            }
            _ => self.error(position, "only functions and methods can be called, by their names"),
        }
    }

    /// `[key]` or `[from:to:step]`
    fn subscript(&mut self, of: Expr) -> Result<Expr, ExpressionError> {
        let position = self.position;
        self.expect_sign("[")?;
        let absent = |parser: &Self| Expr::constant(Value::Null, parser.position);
        let from = if self.is_sign(":") { absent(self) } else { self.expression()? };
        if self.skip_sign("]")? {
            return Expr::new(ExprKind::Item(Box::new(of), Box::new(from)), position);
        }
        self.expect_sign(":")?;
        let is_left_out = self.is_sign("]") || self.is_sign(":");
        let to = if is_left_out { absent(self) } else { self.expression()? };
        let has_step = self.skip_sign(":")? && !self.is_sign("]");
        let step = if has_step { self.expression()? } else { absent(self) };
        self.expect_sign("]")?;
        Expr::new(ExprKind::Slice(Box::new([of, from, to, step])), position)
    }

    /// The name of a filter or test, with its arguments in brackets.
    pub(super) fn application(&mut self) -> Result<Application, ExpressionError> {
        let position = self.position;
        let mut name = self.expect_name()?.to_owned();
        // No filter has a point in its name; the check says what to write instead.
        while self.skip_sign(".")? {
            name = format!("{name}.{}", self.expect_name()?);
        }
        let arguments = if self.is_sign("(") { self.arguments()? } else { Vec::new() };
        Ok(Application { name: name.into(), arguments, position })
    }

    /// A test may have one argument without brackets: `is divisibleby 3`.
    pub(super) fn test(&mut self) -> Result<Application, ExpressionError> {
        let has_brackets = |parser: &Self| parser.is_sign("(");
        let mut test = self.application()?;
        let has_argument = match self.token {
            Token::Name(name) => !AFTER_TEST.contains(&name),
            Token::Text(_) | Token::Whole(_) | Token::Real(_) => true,
            Token::Sign(sign) => matches!(sign, "-" | "[" | "{"),
            _ => false,
        };
        if test.arguments.is_empty() && has_argument && !has_brackets(self) {
            test.arguments.push(Argument::InOrder(self.signed()?));
        }
        Ok(test)
    }

    /// `(1, name=2, *list, **object)`
    fn arguments(&mut self) -> Result<Vec<Argument>, ExpressionError> {
        let mut has_names = false;
        self.nested(|parser| {
            parser.sequence("(", ")", |parser| {
                if parser.skip_sign("**")? {
                    has_names = true;
                    return parser.expression().map(Argument::Fields);
                }
                if parser.skip_sign("*")? {
                    return parser.expression().map(Argument::Items);
                }
                let position = parser.position;
                let expr = parser.expression()?;
                match expr.kind {
                    ExprKind::Variable(name) if parser.skip_sign("=")? => {
                        has_names = true;
                        Ok(Argument::Named(name, parser.expression()?))
                    }
                    _ if has_names => parser.error(position, "arguments by name come last"),
                    kind => Expr::new(kind, expr.position).map(Argument::InOrder),
                }
            })
        })
    }

    /// What stands between brackets, with commas; one may be behind the last.
    fn sequence<T>(
        &mut self,
        open: &str,
        close: &str,
        mut item: impl FnMut(&mut Self) -> Result<T, ExpressionError>,
    ) -> Result<Vec<T>, ExpressionError> {
        self.expect_sign(open)?;
        let mut items = Vec::new();
        while !self.skip_sign(close)? {
            if !items.is_empty() {
                self.expect_sign(",")?;
                if self.skip_sign(close)? {
                    break;
                }
            }
            if items.len() == ARGUMENTS_MAX && open == "(" {
                return self.error(self.position, "too many arguments");
            }
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// A value without operators.
    fn primary(&mut self) -> Result<Expr, ExpressionError> {
        let position = self.position;
        let value = match &self.token {
            Token::Sign("(") => return self.nested(Self::bracketed),
            Token::Sign("[") => {
                let items = self.nested(|parser| parser.sequence("[", "]", Self::expression))?;
                return list(items, position);
            }
            Token::Sign("{") => return self.nested(Self::object),
            Token::Name("true" | "True") => Value::Bool(true),
            Token::Name("false" | "False") => Value::Bool(false),
            Token::Name("none" | "None") => Value::Null,
            Token::Name(name) => {
                let name: Name = (*name).into();
                self.advance()?;
                return Expr::new(ExprKind::Variable(name), position);
            }
            Token::Whole(number) => whole(*number),
            Token::Real(number) => Value::Real(*number),
            Token::Text(_) => return self.texts(),
            _ => return self.unexpected("an expression"),
        };
        self.advance()?;
        Ok(Expr::constant(value, position))
    }

    /// Texts that follow one another are one.
    fn texts(&mut self) -> Result<Expr, ExpressionError> {
        let position = self.position;
        let mut text = String::new();
        while let Token::Text(part) = &self.token {
            text.push_str(part);
            self.advance()?;
        }
        Ok(Expr::constant(Value::text(&text), position))
    }

    /// `(x)` is x, `(x,)` a list.
    fn bracketed(&mut self) -> Result<Expr, ExpressionError> {
        let position = self.position;
        self.expect_sign("(")?;
        if self.skip_sign(")")? {
            return list(Vec::new(), position);
        }
        let first = self.expression()?;
        if self.skip_sign(")")? {
            return Ok(first);
        }
        let mut items = vec![first];
        while !self.skip_sign(")")? {
            self.expect_sign(",")?;
            if !self.is_sign(")") {
                items.push(self.expression()?);
            }
        }
        list(items, position)
    }

    /// `{name: value}`
    fn object(&mut self) -> Result<Expr, ExpressionError> {
        let position = self.position;
        let fields = self.sequence("{", "}", |parser| {
            let name = parser.expression()?;
            parser.expect_sign(":")?;
            Ok((name, parser.expression()?))
        })?;
        let constants: Option<Vec<_>> = fields
            .iter()
            .map(|(name, value)| Some((name.as_constant()?.clone(), value.as_constant()?.clone())))
            .collect();
        match constants.and_then(|fields| Value::object(fields).ok()) {
            Some(object) => Ok(Expr::constant(object, position)),
            None => Expr::new(ExprKind::Object(fields), position),
        }
    }
}

/// A list; one of constants is a constant.
fn list(items: Vec<Expr>, position: usize) -> Result<Expr, ExpressionError> {
    let constants: Option<Vec<Value>> = items.iter().map(|item| item.as_constant().cloned()).collect();
    match constants.and_then(|items| Value::list(items).ok()) {
        Some(list) => Ok(Expr::constant(list, position)),
        None => Expr::new(ExprKind::List(items), position),
    }
}

fn whole(magnitude: u128) -> Value {
    Whole::new(false, magnitude).value().unwrap_or(Value::Null)
}
