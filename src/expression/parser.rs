//! From tokens to the syntax tree.
//!
//! Operators bind as in Jinja, from weak to strong: `if else`, `or`, `and`, `not`, comparisons, `+ -`, `~`, `* / // %`,
//! `**`, `-x`, and what follows a value: `.name`, `[…]`, `(…)`, then `| filter` and `is test`.

mod statements;
mod values;

use super::ast::{Expr, ExprKind, Operator, Statement};
use super::error::ExpressionError;
use super::lexer::{Lexer, Token};
use crate::value::Value;
use crate::value::arithmetic::Operation;
use crate::value::whole::Whole;

/// How deep brackets, statements and right sides of operators may nest in each other: the parser calls itself for each.
const NESTING_MAX: usize = 100;

/// The template that a source is.
///
/// # Errors
/// When it is none, or nests too deep.
pub(super) fn template(source: &str) -> Result<Vec<Statement>, ExpressionError> {
    // White space around a single expression does not make a text of it.
    let start = source.len() - source.trim_start().len();
    let trimmed = parse_template(Lexer::template(source.trim_end(), start))?;
    if matches!(trimmed.as_slice(), [Statement::Emit(_)]) {
        return Ok(trimmed);
    }
    parse_template(Lexer::template(source, 0))
}

fn parse_template(lexer: Lexer) -> Result<Vec<Statement>, ExpressionError> {
    let mut parser = Parser::new(lexer)?;
    let (statements, _) = parser.statements(&[])?;
    Ok(statements)
}

/// The expression without delimiters that a source is.
///
/// # Errors
/// When it is none, or nests too deep.
pub(super) fn expression(source: &str) -> Result<Expr, ExpressionError> {
    let mut parser = Parser::new(Lexer::bare(source))?;
    let expr = parser.expression()?;
    if parser.token == Token::End { Ok(expr) } else { parser.unexpected("the end of the expression") }
}

struct Parser<'s> {
    lexer: Lexer<'s>,
    /// The token that comes next, and where it begins.
    token: Token<'s>,
    position: usize,
    nesting: usize,
}

impl<'s> Parser<'s> {
    fn new(mut lexer: Lexer<'s>) -> Result<Self, ExpressionError> {
        let (token, position) = lexer.next_token()?;
        Ok(Self { lexer, token, position, nesting: 0 })
    }

    /// Takes the token that comes next.
    fn advance(&mut self) -> Result<Token<'s>, ExpressionError> {
        let (next, position) = self.lexer.next_token()?;
        self.position = position;
        Ok(std::mem::replace(&mut self.token, next))
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.token, Token::Sign(next) if next == sign)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.token, Token::Name(next) if next == word)
    }

    /// Takes a sign, if it comes next.
    fn skip_sign(&mut self, sign: &str) -> Result<bool, ExpressionError> {
        let found = self.is_sign(sign);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    /// Takes a word, if it comes next.
    fn skip_word(&mut self, word: &str) -> Result<bool, ExpressionError> {
        let found = self.is_word(word);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect_sign(&mut self, sign: &str) -> Result<(), ExpressionError> {
        if self.skip_sign(sign)? { Ok(()) } else { self.unexpected(&format!("`{sign}`")) }
    }

    fn expect_name(&mut self) -> Result<&'s str, ExpressionError> {
        match self.token {
            Token::Name(name) => self.advance().map(|_| name),
            _ => self.unexpected("a name"),
        }
    }

    fn unexpected<T>(&self, wanted: &str) -> Result<T, ExpressionError> {
        self.error(self.position, &format!("unexpected {}, expected {wanted}", self.token))
    }

    fn error<T>(&self, position: usize, message: &str) -> Result<T, ExpressionError> {
        Err(ExpressionError::syntax(self.lexer.source(), position, message))
    }

    /// Parses what stands within something else.
    fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, ExpressionError>,
    ) -> Result<T, ExpressionError> {
        if self.nesting == NESTING_MAX {
            let message = format!("brackets and statements nest at most {NESTING_MAX} deep");
            return Err(ExpressionError::new(self.position, message));
        }
        self.nesting += 1;
        let parsed = parse(self);
        self.nesting -= 1;
        parsed
    }

    /// Any expression, `a if b else c` among them.
    fn expression(&mut self) -> Result<Expr, ExpressionError> {
        let mut open = Vec::new();
        let mut expr = self.without_if()?;
        while self.is_word("if") {
            let position = self.position;
            self.advance()?;
            let test = self.without_if()?;
            if self.skip_word("else")? {
                open.push((expr, test, position));
                expr = self.without_if()?;
            } else {
                expr = Expr::new(ExprKind::Conditional(Box::new([expr, test]), None), position)?;
            }
        }
        while let Some((then, test, position)) = open.pop() {
            let kind = ExprKind::Conditional(Box::new([then, test]), Some(Box::new(expr)));
            expr = Expr::new(kind, position)?;
        }
        Ok(expr)
    }

    /// An expression in which `if` has no meaning.
    fn without_if(&mut self) -> Result<Expr, ExpressionError> {
        self.binary(Binding::Or)
    }

    /// An expression of operators that bind at least so strongly.
    fn binary(&mut self, weakest: Binding) -> Result<Expr, ExpressionError> {
        let is_negation = weakest <= Binding::Not && self.is_word("not");
        let mut left = if is_negation { self.negation()? } else { self.unary()? };
        let mut is_compared = false;
        while let Some((operator, binding)) = self.operator() {
            if binding < weakest {
                break;
            }
            let position = self.position;
            if is_compared && binding == Binding::Compare {
                let message = "comparisons cannot be chained; write `0 < a and a < 9`";
                return Err(ExpressionError::new(position, message));
            }
            is_compared = binding == Binding::Compare;
            self.advance()?;
            if operator == Operator::NotIn && !self.skip_word("in")? {
                return self.unexpected("`in`");
            }
            let right = self.nested(|parser| parser.binary(binding.stronger()))?;
            left = Expr::new(ExprKind::Binary(operator, Box::new([left, right])), position)?;
        }
        Ok(left)
    }

    /// `not not x`
    fn negation(&mut self) -> Result<Expr, ExpressionError> {
        let mut positions = Vec::new();
        while self.is_word("not") {
            positions.push(self.position);
            self.advance()?;
        }
        let mut expr = self.binary(Binding::Compare)?;
        while let Some(position) = positions.pop() {
            expr = Expr::new(ExprKind::Not(Box::new(expr)), position)?;
        }
        Ok(expr)
    }

    /// The operator that comes next, if one does.
    fn operator(&self) -> Option<(Operator, Binding)> {
        let calculated = |operation, binding| (Operator::Calculate(operation), binding);
        Some(match self.token {
            Token::Name("or") => (Operator::Or, Binding::Or),
            Token::Name("and") => (Operator::And, Binding::And),
            Token::Name("in") => (Operator::In, Binding::Compare),
            Token::Name("not") => (Operator::NotIn, Binding::Compare),
            Token::Sign("==") => (Operator::Equal, Binding::Compare),
            Token::Sign("!=") => (Operator::NotEqual, Binding::Compare),
            Token::Sign("<") => (Operator::Less, Binding::Compare),
            Token::Sign("<=") => (Operator::LessOrEqual, Binding::Compare),
            Token::Sign(">") => (Operator::Greater, Binding::Compare),
            Token::Sign(">=") => (Operator::GreaterOrEqual, Binding::Compare),
            Token::Sign("+") => (Operator::Add, Binding::Add),
            Token::Sign("-") => calculated(Operation::Subtract, Binding::Add),
            Token::Sign("~") => (Operator::Concatenate, Binding::Concatenate),
            Token::Sign("*") => calculated(Operation::Multiply, Binding::Multiply),
            Token::Sign("/") => calculated(Operation::Divide, Binding::Multiply),
            Token::Sign("//") => calculated(Operation::FloorDivide, Binding::Multiply),
            Token::Sign("%") => calculated(Operation::Remainder, Binding::Multiply),
            Token::Sign("**") => calculated(Operation::Power, Binding::Power),
            _ => return None,
        })
    }

    /// A value with what follows it, filters and tests included: `-x | abs` is `(-x) | abs`.
    fn unary(&mut self) -> Result<Expr, ExpressionError> {
        let mut expr = self.signed()?;
        loop {
            let position = self.position;
            if self.skip_sign("|")? {
                let filter = self.application()?;
                expr = Expr::new(ExprKind::Filter(Box::new(expr), filter), position)?;
            } else if self.skip_word("is")? {
                let is_negated = self.skip_word("not")?;
                let test = self.test()?;
                expr = Expr::new(ExprKind::Test(Box::new(expr), test), position)?;
                if is_negated {
                    expr = Expr::new(ExprKind::Not(Box::new(expr)), position)?;
                }
            } else {
                return Ok(expr);
            }
        }
    }

    /// A value with what follows it, but neither filters nor tests; perhaps with `-` before it.
    fn signed(&mut self) -> Result<Expr, ExpressionError> {
        let mut positions = Vec::new();
        while self.is_sign("-") {
            positions.push(self.position);
            self.advance()?;
        }
        let mut expr = self.postfixed()?;
        while let Some(position) = positions.pop() {
            // `-5` is a number; any other minus is an operation.
            expr = match expr.as_constant().and_then(negative) {
                Some(number) => Expr::constant(number, position),
                None => Expr::new(ExprKind::Negate(Box::new(expr)), position)?,
            };
        }
        Ok(expr)
    }
}

/// How strongly an operator binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Or,
    And,
    Not,
    Compare,
    Add,
    Concatenate,
    Multiply,
    Power,
    Unary,
}

impl Binding {
    /// The next stronger one.
    fn stronger(self) -> Self {
        match self {
            Self::Or => Self::And,
            Self::And => Self::Not,
            Self::Not => Self::Compare,
            Self::Compare => Self::Add,
            Self::Add => Self::Concatenate,
            Self::Concatenate => Self::Multiply,
            Self::Multiply => Self::Power,
            Self::Power | Self::Unary => Self::Unary,
        }
    }
}

fn negative(number: &Value) -> Option<Value> {
    match number {
        Value::Real(number) => Some(Value::Real(-number)),
        _ => Whole::of(number)?.negated().value(),
    }
}
