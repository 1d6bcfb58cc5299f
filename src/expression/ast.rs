//! The syntax tree of expressions and templates.
//!
//! It knows how deep it is, and how its parts are reached; what they mean is the evaluator's.

use super::error::ExpressionError;
use crate::value::Value;
use crate::value::arithmetic::Operation;

/// How deep expressions may nest in each other, operators that follow one another included.
const DEPTH_MAX: u16 = 200;

/// A name in a template.
pub(super) type Name = Box<str>;

/// An expression.
#[derive(Debug)]
pub(super) struct Expr {
    pub(super) kind: ExprKind,
    /// Where it is in the source, bytes.
    pub(super) position: usize,
    /// How many expressions nest in it.
    depth: u16,
}

#[derive(Debug)]
pub(super) enum ExprKind {
    Constant(Value),
    Variable(Name),
    /// A list or a tuple: they are the same.
    List(Vec<Expr>),
    Object(Vec<(Expr, Expr)>),
    /// `of.name`
    Attribute(Box<Expr>, Name),
    /// `of[key]`
    Item(Box<Expr>, Box<Expr>),
    /// `of[from:to:step]`: those that are left out are null.
    Slice(Box<[Expr; 4]>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Binary(Operator, Box<[Expr; 2]>),
    /// `then if test else otherwise`
    Conditional(Box<[Expr; 2]>, Option<Box<Expr>>),
    /// `value | filter`
    Filter(Box<Expr>, Application),
    /// `value is test`
    Test(Box<Expr>, Application),
    /// `function(…)`
    Call(Application),
    /// `value.method(…)`
    Method(Box<Expr>, Application),
}

/// The name of a filter, test, function or method, and what it is given.
#[derive(Debug)]
pub(super) struct Application {
    pub(super) name: Name,
    pub(super) arguments: Vec<Argument>,
    /// Where the name is in the source, bytes.
    pub(super) position: usize,
}

#[derive(Debug)]
pub(super) enum Argument {
    InOrder(Expr),
    Named(Name, Expr),
    /// `*list`
    Items(Expr),
    /// `**object`
    Fields(Expr),
}

impl Argument {
    pub(super) fn expr(&self) -> &Expr {
        match self {
            Self::InOrder(expr) | Self::Named(_, expr) | Self::Items(expr) | Self::Fields(expr) => expr,
        }
    }
}

/// An operator with two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Add,
    Concatenate,
    /// Any other calculation.
    Calculate(Operation),
}

/// What a template is made of.
#[derive(Debug)]
pub(super) enum Statement {
    /// Text as it stands.
    Raw(Box<str>),
    /// `{{ expression }}`
    Emit(Expr),
    For(Box<ForLoop>),
    /// The branches of `if` and `elif`, and that of `else`.
    If(Vec<(Expr, Vec<Statement>)>, Vec<Statement>),
    With(Vec<(Target, Expr)>, Vec<Statement>),
    /// `{% set target = value %}`
    Set(Target, Expr),
    /// `{% set target | filter %}…{% endset %}`
    SetBlock(Target, Vec<Application>, Vec<Statement>),
    /// `{% filter name | name %}…{% endfilter %}`
    FilterBlock(Vec<Application>, Vec<Statement>),
    /// `{% do call %}`
    Do(Expr),
}

#[derive(Debug)]
pub(super) struct ForLoop {
    pub(super) target: Target,
    pub(super) of: Expr,
    /// `if` behind the list: which items count.
    pub(super) only_if: Option<Expr>,
    pub(super) is_recursive: bool,
    pub(super) body: Vec<Statement>,
    pub(super) otherwise: Vec<Statement>,
}

/// What a value is given to.
#[derive(Debug)]
pub(super) enum Target {
    Name(Name),
    /// `namespace.field`
    Field(Name, Name),
    /// As many as the list has items.
    Unpack(Vec<Target>),
}

impl Target {
    /// The names that get a value.
    pub(super) fn names(&self) -> Vec<&str> {
        match self {
            Self::Name(name) => vec![name],
            Self::Field(..) => Vec::new(),
            Self::Unpack(targets) => targets.iter().flat_map(Self::names).collect(),
        }
    }
}

impl Expr {
    /// # Errors
    /// When its parts nest too deep.
    pub(super) fn new(kind: ExprKind, position: usize) -> Result<Self, ExpressionError> {
        let mut expr = Self { kind, position, depth: 0 };
        expr.depth = expr.parts().iter().map(|part| part.depth + 1).max().unwrap_or(0);
        if expr.depth > DEPTH_MAX {
            let message = format!("expressions nest at most {DEPTH_MAX} deep, operators in a row included");
            return Err(ExpressionError::new(position, message));
        }
        Ok(expr)
    }

    pub(super) fn constant(value: Value, position: usize) -> Self {
        Self { kind: ExprKind::Constant(value), position, depth: 0 }
    }

    /// The value that it has in any scope, where it is written as such.
    pub(super) fn as_constant(&self) -> Option<&Value> {
        match &self.kind {
            ExprKind::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// The expressions of which it is made, in the order in which they are evaluated.
    pub(super) fn parts(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::Constant(_) | ExprKind::Variable(_) => Vec::new(),
            ExprKind::List(items) => items.iter().collect(),
            ExprKind::Object(fields) => fields.iter().flat_map(|(name, value)| [name, value]).collect(),
            ExprKind::Attribute(of, _) | ExprKind::Not(of) | ExprKind::Negate(of) => vec![of],
            ExprKind::Item(of, key) => vec![of, key],
            ExprKind::Slice(parts) => parts.iter().collect(),
            ExprKind::Binary(_, sides) => sides.iter().collect(),
            ExprKind::Conditional(parts, otherwise) => {
                let [then, test] = &**parts;
                [test, then].into_iter().chain(otherwise.as_deref()).collect()
            }
            ExprKind::Filter(value, application)
            | ExprKind::Test(value, application)
            | ExprKind::Method(value, application) => {
                std::iter::once(&**value).chain(application.arguments.iter().map(Argument::expr)).collect()
            }
            ExprKind::Call(application) => application.arguments.iter().map(Argument::expr).collect(),
        }
    }
}

/// The expressions in statements that are part of no other, in the order in which they stand.
pub(super) fn outermost(statements: &[Statement]) -> Vec<&Expr> {
    let mut found = Vec::new();
    for statement in statements {
        match statement {
            Statement::Raw(_) => {}
            Statement::Emit(expr) | Statement::Do(expr) | Statement::Set(_, expr) => found.push(expr),
            Statement::For(node) => {
                found.push(&node.of);
                found.extend(&node.only_if);
                found.extend(outermost(&node.body));
                found.extend(outermost(&node.otherwise));
            }
            Statement::If(branches, otherwise) => {
                for (condition, body) in branches {
                    found.push(condition);
                    found.extend(outermost(body));
                }
                found.extend(outermost(otherwise));
            }
            Statement::With(assignments, body) => {
                found.extend(assignments.iter().map(|(_, value)| value));
                found.extend(outermost(body));
            }
            Statement::SetBlock(_, filters, body) | Statement::FilterBlock(filters, body) => {
                found.extend(outermost(body));
                found.extend(filters.iter().flat_map(|filter| &filter.arguments).map(Argument::expr));
            }
        }
    }
    found
}
