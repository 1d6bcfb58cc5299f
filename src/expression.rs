//! Expressions over an event: `when` conditions and `{{ }}` templates, strict and typed.
//!
//! A source becomes tokens (`lexer.rs`), these a syntax tree (`parser.rs`, `ast.rs`), that is checked (`mistakes.rs`) and
//! then walked over each event (`evaluate.rs`). Evaluation is pure, and bounded: by fuel, by depth, and by the size of
//! what goes in and comes out.

mod arguments;
mod ast;
mod error;
mod evaluate;
mod filters;
mod functions;
mod lexer;
mod methods;
mod mistakes;
mod nearest;
mod operators;
mod parser;
mod paths;
mod predicates;
mod scope;
mod signatures;

pub use crate::value::lazy::Lazy;
pub use error::{EvaluationError, ExpressionError};
pub use nearest::nearest;
pub use scope::{Scope, ScopeValue};

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::value::error::{Error, refuse};
use crate::value::fuel::{FUEL, Fuel};
use crate::value::{TEXT_BYTES_MAX, Value};
use ast::{Expr, Statement};
use evaluate::Names;

/// Bytes of its value for which an evaluation is charged one more unit of fuel.
const VALUE_BYTES_PER_FUEL: usize = 8;

/// The longest expression, bytes.
const SOURCE_BYTES_MAX: usize = 4096;

/// The name of the variables that the operator allows: `[vars.ENV]`.
const ENV: &str = "env";

/// The name of the SHA-256 of the body, in hex.
pub const BODY_SHA256: &str = "body_sha256";

/// The name of the time at which a scheduled run was due.
pub const SCHEDULED_AT: &str = "scheduled_at";

/// What an expression may speak of where a delivery is one event.
pub const SINGLE_EVENT_SCOPE: &[&str] =
    &["body", "headers", "query", "hook", "delivery", BODY_SHA256, "event", SCHEDULED_AT, ENV];

/// And where it is a batch of them.
pub const EVENT_SCOPE: &[&str] =
    &["body", "headers", "query", "hook", "delivery", BODY_SHA256, "event", SCHEDULED_AT, "item", ENV];

/// Why a value is no id.
const NO_ID: &str = "neither a text nor a number";

/// What begins something that is evaluated.
const DELIMITERS: [&str; 3] = ["{{", "{%", "{#"];

/// What is said where the expressions over an event have used up their fuel.
const OUT_OF_FUEL: &str = "the expressions over one event took too much work together";

/// What the expressions of one hook may speak of.
#[derive(Debug)]
pub struct Expressions {
    scope: &'static [&'static str],
    env: Env,
    mentions_body_sha256: bool,
}

/// The variables that the operator allows. All hooks share them.
#[derive(Debug, Clone)]
pub struct Env {
    value: Value,
    /// `env.NAME` for each variable that there is.
    names: Arc<[String]>,
}

impl Default for Env {
    fn default() -> Self {
        Self::new(&Map::new())
    }
}

impl Env {
    /// From the variables by name.
    #[must_use]
    pub fn new(env: &Map<String, Json>) -> Self {
        let names = env.keys().map(|name| format!("{ENV}.{name}")).collect();
        let fields = env.iter().map(|(name, value)| (Value::text(name), Value::from_json(value)));
        Self { value: Value::object(fields.collect()).unwrap_or(Value::Null), names }
    }
}

/// A boolean expression, compiled by the [`Expressions`] with which it is evaluated.
#[derive(Debug, Clone)]
pub struct Condition(Program);

/// A value with or without `{{ }}` in it, compiled by the [`Expressions`] with which it is evaluated.
#[derive(Debug, Clone)]
pub struct Template(Form);

#[derive(Debug, Clone)]
enum Form {
    /// No delimiter in it: stands for itself.
    Literal(String),
    Code(Program),
}

/// A source and its syntax tree.
#[derive(Clone)]
struct Program {
    source: String,
    code: Arc<Code>,
}

#[derive(Debug)]
enum Code {
    /// One expression: keeps its type.
    Expression(Expr),
    /// Text with expressions in it.
    Template(Vec<Statement>),
}

impl Expressions {
    /// Those that speak of these names.
    #[must_use]
    pub fn new(scope: &'static [&'static str]) -> Self {
        let none = Env { value: Value::Missing, names: Arc::default() };
        Self { scope, env: none, mentions_body_sha256: false }.with_env(&Env::default())
    }

    /// The same with the variables that the operator allows, as `env.NAME`, where the scope has `env` at all.
    #[must_use]
    pub fn with_env(mut self, env: &Env) -> Self {
        if self.scope.contains(&ENV) {
            self.env = env.clone();
        }
        self
    }

    /// Notes what others mention over the same event.
    pub(crate) fn note_mentions(&mut self, others: &Self) {
        self.mentions_body_sha256 |= others.mentions_body_sha256;
    }

    /// Whether any of those compiled so far has `body_sha256` in it, so that the hash is worth its time.
    #[must_use]
    pub fn mention_body_sha256(&self) -> bool {
        self.mentions_body_sha256
    }

    /// Compiles a condition such as `body.type == 'deal.won'`.
    ///
    /// # Errors
    /// When it is no expression, names something that does not exist, or can never be evaluated.
    pub fn condition(&mut self, source: &str) -> Result<Condition, ExpressionError> {
        if let Some(delimiter) = DELIMITERS.iter().find(|delimiter| source.contains(**delimiter)) {
            let message = format!("a condition is a bare expression, without `{delimiter}`");
            return Err(ExpressionError::new(source.find(delimiter).unwrap_or(0), message));
        }
        self.compile(source, |source| parser::expression(source).map(Code::Expression)).map(Condition)
    }

    /// Compiles a template; a string without delimiters is a literal.
    ///
    /// # Errors
    /// When it is no template, names something that does not exist, or can never be evaluated.
    pub fn template(&mut self, source: &str) -> Result<Template, ExpressionError> {
        if !DELIMITERS.iter().any(|delimiter| source.contains(delimiter)) {
            return Ok(Template(Form::Literal(source.to_owned())));
        }
        let program = self.compile(source, |source| {
            let mut statements = parser::template(source)?;
            Ok(match statements.pop_if(|last| matches!(last, Statement::Emit(_))) {
                Some(Statement::Emit(expr)) if statements.is_empty() => Code::Expression(expr),
                last => {
                    statements.extend(last);
                    Code::Template(statements)
                }
            })
        });
        program.map(|program| Template(Form::Code(program)))
    }

    fn compile(
        &mut self,
        source: &str,
        parse: impl FnOnce(&str) -> Result<Code, ExpressionError>,
    ) -> Result<Program, ExpressionError> {
        if source.len() > SOURCE_BYTES_MAX {
            let message = format!("an expression has at most {SOURCE_BYTES_MAX} bytes");
            return Err(ExpressionError::new(SOURCE_BYTES_MAX, message));
        }
        let code = parse(source)?;
        self.find_mistakes(&code)?;
        self.mentions_body_sha256 |= source.contains(BODY_SHA256);
        Ok(Program { source: source.to_owned(), code: Arc::new(code) })
    }

    /// Whether a condition holds. A missing field makes it false; any other failure is an error.
    ///
    /// # Errors
    /// When it cannot be evaluated for another reason than a missing field.
    pub fn holds(&self, condition: &Condition, scope: &Scope) -> Result<bool, EvaluationError> {
        let truth = self.run(&condition.0, scope).and_then(|value| condition.0.checked(value.truth()));
        match truth {
            Err(error) if error.missing_field => Ok(false),
            truth => truth,
        }
    }

    /// A template's value: JSON of any type for a single expression, else a string.
    ///
    /// # Errors
    /// When a field is missing, a filter is given what it does not take, the value has no JSON form or is too large,
    /// or the work exceeds what one evaluation, or one event, may take.
    pub fn evaluate(&self, template: &Template, scope: &Scope) -> Result<Json, EvaluationError> {
        let program = match &template.0 {
            Form::Literal(text) => return Ok(Json::String(text.clone())),
            Form::Code(program) => program,
        };
        let value = self.run(program, scope)?;
        let fuel = usize::try_from(scope.fuel_left()).unwrap_or(usize::MAX);
        let bytes_max = fuel.saturating_mul(VALUE_BYTES_PER_FUEL).min(TEXT_BYTES_MAX);
        let mut bytes_left = bytes_max;
        let json = filters::to_json(&value, &mut bytes_left);
        scope.spend(((bytes_max - bytes_left) / VALUE_BYTES_PER_FUEL) as u64);
        program.checked(json)
    }

    /// A template's value as an id: a text, or a number with all its digits; `None` for null and for an empty text.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate), and when the value is neither a text nor a number.
    pub fn evaluate_id(&self, template: &Template, scope: &Scope) -> Result<Option<String>, EvaluationError> {
        let program = match &template.0 {
            Form::Literal(text) => return Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Form::Code(program) => program,
        };
        let value = self.run(program, scope)?;
        let text = match &value {
            Value::Null => return Ok(None),
            Value::Bool(_) | Value::List(_) | Value::Object(_) => Err(refuse(NO_ID)),
            value => value.written(),
        };
        let text = program.checked(text)?;
        Ok(Some(text.into_owned()).filter(|text| !text.is_empty()))
    }

    /// Evaluates with what fuel the scope has left, at most [`FUEL`], and takes from the scope what was spent.
    fn run(&self, program: &Program, scope: &Scope) -> Result<Value, EvaluationError> {
        let units = FUEL.min(scope.fuel_left());
        if units == 0 {
            return Err(program.error(OUT_OF_FUEL));
        }
        let (fuel, names) = (Fuel::new(units), self.names(scope));
        let value = match &*program.code {
            Code::Expression(expr) => evaluate::expression(expr, &names, &fuel),
            Code::Template(statements) => {
                evaluate::template(statements, &names, &fuel).map(|text| Value::text(&text))
            }
        };
        scope.spend(units - fuel.left());
        match value {
            Err(Error::OutOfFuel) if units < FUEL => Err(program.error(OUT_OF_FUEL)),
            value => program.checked(value),
        }
    }

    fn names<'a>(&'a self, scope: &'a Scope) -> EventNames<'a> {
        EventNames { scope, env: &self.env.value }
    }
}

/// What an event, and the operator's variables, have by name.
struct EventNames<'a> {
    scope: &'a Scope,
    env: &'a Value,
}

impl Names for EventNames<'_> {
    fn value(&self, name: &str) -> Option<Value> {
        self.scope.value(name).or_else(|| (name == ENV).then(|| self.env.clone()))
    }
}

impl Program {
    /// The value, or why there is none.
    fn checked<T>(&self, value: Result<T, Error>) -> Result<T, EvaluationError> {
        value.map_err(|error| EvaluationError {
            missing_field: error == Error::Missing,
            ..self.error(&error.to_string())
        })
    }

    fn error(&self, reason: &str) -> EvaluationError {
        let (source_text, reason) = (self.source.clone(), reason.to_owned());
        EvaluationError { source_text, reason, missing_field: false }
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Program").field(&self.source).finish()
    }
}

impl Template {
    /// Whether it has the same value for every event.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        matches!(self.0, Form::Literal(_))
    }

    /// The template as configured.
    #[must_use]
    pub fn source(&self) -> &str {
        match &self.0 {
            Form::Literal(text) => text,
            Form::Code(program) => &program.source,
        }
    }
}

impl Condition {
    /// The condition as configured.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }
}

#[cfg(test)]
mod tests;
