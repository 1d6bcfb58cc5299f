//! Expressions over an event: `when` conditions and `{{ }}` templates, strict and typed.
//!
//! Only this file and its folder know the expression engine (minijinja). Evaluation is pure, and bounded: by fuel, and
//! by the size of what goes in and comes out.

mod arguments;
mod arithmetic;
mod builtins;
mod date_shapes;
mod dates;
mod headers;
mod json;
mod lazy;
mod lists;
mod methods;
mod mistakes;
mod nearest;
mod numbers;
mod operators;
mod paths;
mod pieces;
mod program;
mod scope;
mod signatures;
mod strict;
mod syntax;
mod text;
mod whole;

pub use lazy::Lazy;
pub use nearest::nearest;
pub use scope::{Given, Scope};

use std::borrow::Cow;
use std::sync::LazyLock;

use minijinja::machinery::{self, Token};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use serde_json::{Map, Value};

use arguments::TEXT_BYTES_MAX;
use program::{Outcome, Program};

/// How much one evaluation may do: instructions, bytes that it creates, items that it visits. Ten thousand times an
/// honest parameter's, and a few milliseconds.
const FUEL: u64 = 20_000;

/// Bytes of its value for which an evaluation is charged one more unit of fuel.
const VALUE_BYTES_PER_FUEL: usize = 8;

/// The longest expression, bytes.
const SOURCE_BYTES_MAX: usize = 4096;

/// The name of the variables that the operator allows: `[vars.ENV]`.
const ENV: &str = "env";

/// What an expression may speak of where a delivery is one event.
pub const SINGLE_EVENT_SCOPE: &[&str] =
    &["body", "headers", "query", "hook", "delivery", "body_sha256", "event", ENV];

/// And where it is a batch of them.
pub const EVENT_SCOPE: &[&str] =
    &["body", "headers", "query", "hook", "delivery", "body_sha256", "event", "item", ENV];

/// Why a value is no id.
const NO_ID: &str = "neither a text nor a number";

/// What begins something that is evaluated.
const DELIMITERS: [&str; 3] = ["{{", "{%", "{#"];

/// The compiled expressions of one hook.
#[derive(Debug)]
pub struct Expressions {
    environment: Environment<'static>,
    scope: &'static [&'static str],
    /// `env.NAME` for each variable that there is.
    env_names: Vec<String>,
}

/// A boolean expression, compiled in the [`Expressions`] that made it.
#[derive(Debug, Clone)]
pub struct Condition {
    program: Program,
}

/// A value with or without `{{ }}` in it, compiled in the [`Expressions`] that made it.
#[derive(Debug, Clone)]
pub struct Template(Form);

#[derive(Debug, Clone)]
enum Form {
    /// No delimiter in it: stands for itself.
    Literal(String),
    /// One expression from brace to brace: keeps its JSON type.
    Typed(Program),
    /// Text with expressions in it.
    Text(Program),
}

/// Why an expression has no value for this event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{source_text}`: {reason}")]
pub struct EvaluationError {
    /// The expression as configured.
    pub source_text: String,
    /// What went wrong, without any value of the event.
    pub reason: String,
    /// Whether it is just that a field is missing.
    pub missing_field: bool,
}

/// The engine with our rules, filters and operators: made once, and shared by all its copies.
static LANGUAGE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_formatter(|output, _, value| Ok(output.write_str(&arguments::written(value)?)?));
    environment.set_fuel(Some(FUEL));
    builtins::restrict(&mut environment);
    operators::add_to(&mut environment);
    dates::add_to(&mut environment);
    json::add_to(&mut environment);
    lists::add_to(&mut environment);
    methods::add_to(&mut environment);
    numbers::add_to(&mut environment);
    pieces::add_to(&mut environment);
    text::add_to(&mut environment);
    environment
});

impl Expressions {
    /// An empty set for the given scope.
    #[must_use]
    pub fn new(scope: &'static [&'static str]) -> Self {
        let environment = LANGUAGE.clone();
        Self { environment, scope, env_names: Vec::new() }.with_env(&Map::new())
    }

    /// The same with the variables that the operator allows, as `env.NAME`, where the scope has `env` at all.
    #[must_use]
    pub fn with_env(mut self, env: &Map<String, Value>) -> Self {
        if self.scope.contains(&ENV) {
            self.env_names = env.keys().map(|name| format!("{ENV}.{name}")).collect();
            self.environment.add_global(ENV, json::from_json(&Value::Object(env.clone())));
        }
        self
    }

    /// Compiles a condition such as `body.type == 'deal.won'`.
    ///
    /// # Errors
    /// In words, when it cannot be compiled or names something that does not exist.
    pub fn condition(&mut self, source: &str) -> Result<Condition, String> {
        if let Some(delimiter) = DELIMITERS.iter().find(|delimiter| source.contains(**delimiter)) {
            return Err(format!("a condition is a bare expression, without `{delimiter}`"));
        }
        Ok(Condition { program: self.compile(source, true)? })
    }

    /// Compiles a template; a string without delimiters is a literal.
    ///
    /// # Errors
    /// In words, when it cannot be compiled or names something that does not exist.
    pub fn template(&mut self, source: &str) -> Result<Template, String> {
        let opens = DELIMITERS.iter().any(|delimiter| source.contains(delimiter));
        Ok(Template(if !opens {
            Form::Literal(source.to_owned())
        } else if let Some(expression) = single_expression(source) {
            let mut program = self.compile(expression, true)?;
            source.clone_into(&mut program.source);
            Form::Typed(program)
        } else {
            Form::Text(self.compile(source, false)?)
        }))
    }

    /// Whether a condition holds. A missing field makes it false; any other failure is an error.
    ///
    /// # Errors
    /// When it cannot be evaluated for another reason than a missing field.
    pub fn holds(&self, condition: &Condition, scope: &Scope) -> Result<bool, EvaluationError> {
        match condition.program.run(&self.environment, scope) {
            Ok(Outcome { value, .. }) if !value.is_undefined() => Ok(value.is_true()),
            Err(error) if !error.missing_field => Err(error),
            _ => Ok(false),
        }
    }

    /// A template's value: JSON of any type for a single expression, else a string.
    ///
    /// # Errors
    /// When a field is missing, a filter is given what it does not take, the value has no JSON form or is too large,
    /// or the work exceeds what one evaluation, or one event, may take.
    pub fn evaluate(&self, template: &Template, scope: &Scope) -> Result<Value, EvaluationError> {
        let (program, value) = match self.run(template, scope)? {
            Ran::Literal(text) => return Ok(Value::String(text)),
            Ran::Program(program, value) => (program, value),
        };
        let fuel = usize::try_from(scope.fuel_left()).unwrap_or(usize::MAX);
        let bytes_max = fuel.saturating_mul(VALUE_BYTES_PER_FUEL).min(TEXT_BYTES_MAX);
        let mut bytes_left = bytes_max;
        let json = json::to_json(&value, &mut bytes_left);
        scope.spend(((bytes_max - bytes_left) / VALUE_BYTES_PER_FUEL) as u64);
        json.map_err(|error| program.failed(&error))
    }

    /// A template's value as an id: a text, or a number with all its digits; `None` for null and for an empty text.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate), and when the value is neither a text nor a number.
    pub fn evaluate_id(&self, template: &Template, scope: &Scope) -> Result<Option<String>, EvaluationError> {
        let (program, value) = match self.run(template, scope)? {
            Ran::Literal(text) => return Ok(Some(text).filter(|text| !text.is_empty())),
            Ran::Program(program, value) => (program, value),
        };
        if value.kind() == ValueKind::None {
            return Ok(None);
        }
        let named = match value.kind() {
            ValueKind::Bool => Err(arguments::refuse(NO_ID)),
            _ => arguments::written(&value),
        };
        let text = named.map_err(|error| match error.kind() {
            ErrorKind::UndefinedError => program.failed(&error),
            _ if matches!(value.kind(), ValueKind::Plain) => program.failed(&error),
            _ => program.failed(&arguments::refuse(NO_ID)),
        })?;
        Ok(Some(text.into_owned()).filter(|text| !text.is_empty()))
    }

    fn run<'t>(&self, template: &'t Template, scope: &Scope) -> Result<Ran<'t>, EvaluationError> {
        Ok(match &template.0 {
            Form::Literal(text) => Ran::Literal(text.clone()),
            Form::Typed(program) => Ran::Program(program, program.run(&self.environment, scope)?.value),
            Form::Text(program) => {
                let text = program.run(&self.environment, scope)?.text;
                Ran::Program(program, minijinja::Value::from(text))
            }
        })
    }

    /// Compiles once; `single` wraps one expression so that its value keeps its type.
    fn compile(&self, source: &str, single: bool) -> Result<Program, String> {
        if source.len() > SOURCE_BYTES_MAX {
            return Err(format!("an expression has at most {SOURCE_BYTES_MAX} bytes"));
        }
        if single {
            // The engine's own check of a lone expression: its message speaks of nothing but the expression.
            machinery::parse_expr(source).map_err(|error| in_words(&error).into_owned())?;
        }
        let template = if single { program::single(source) } else { source.to_owned() };
        self.find_mistakes(&template)?;
        Program::new(template, source).map_err(|error| in_words(&error).into_owned())
    }
}

/// What running a template gave.
enum Ran<'t> {
    Literal(String),
    Program(&'t Program, minijinja::Value),
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
            Form::Typed(program) | Form::Text(program) => &program.source,
        }
    }
}

impl Condition {
    /// The condition as configured.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.program.source
    }
}

/// The expression inside `{{ … }}` where that is all there is.
fn single_expression(source: &str) -> Option<&str> {
    let source = source.trim();
    let tokens: Result<Vec<_>, _> = machinery::tokenize(source, false, SyntaxConfig::default()).collect();
    let tokens = tokens.ok()?;
    let [(Token::VariableStart, start), inner @ .., (Token::VariableEnd, end)] = tokens.as_slice() else {
        return None;
    };
    let alone = !inner.iter().any(|(token, _)| matches!(token, Token::VariableEnd | Token::TemplateData(_)));
    source.get(start.end_offset as usize..end.start_offset as usize).filter(|_| alone && !inner.is_empty())
}

/// The engine's message, without the name and line of a template that has neither for the reader, and without the
/// numbers that it quotes where a calculation fails.
fn in_words(error: &Error) -> Cow<'_, str> {
    match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => Cow::Borrowed("takes more work than one expression may"),
        (_, Some(detail)) if detail.starts_with("unable to calculate") => {
            Cow::Borrowed("a division by zero, or a number too large to calculate with")
        }
        (ErrorKind::InvalidOperation, Some(detail)) => Cow::Borrowed(detail),
        (kind, Some(detail)) => Cow::Owned(format!("{kind}: {detail}")),
        (kind, None) => Cow::Owned(kind.to_string()),
    }
}

#[cfg(test)]
mod tests;
