//! One compiled expression or template: made strict once, and run as often as there are events.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use minijinja::machinery::{self, Instructions};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, ErrorKind};
use self_cell::self_cell;

use super::{EvaluationError, FUEL, Scope, in_words, strict};

/// What an evaluation is taken to have done that failed, other than for want of fuel: the engine does not say. So the
/// conditions of 32 rules may all miss a field.
const FAILURE_FUEL: u64 = FUEL / 64;

/// The name under which a single expression leaves its typed value.
pub(super) const RESULT: &str = "__result";

/// The engine's name for a program, of which no message speaks.
pub(super) const NAME: &str = "program";

self_cell! {
    /// The engine's instructions, which point into their source.
    struct Code {
        owner: String,
        #[covariant]
        dependent: Instructions,
    }
}

#[derive(Clone)]
pub(super) struct Program {
    code: Arc<Code>,
    /// As configured.
    pub(super) source: String,
}

/// What a program left behind.
pub(super) struct Outcome {
    /// Of a single expression its value, else undefined.
    pub(super) value: minijinja::Value,
    pub(super) text: String,
}

/// The template whose one expression keeps its type.
pub(super) fn single(expression: &str) -> String {
    format!("{{% set {RESULT} = {expression} %}}")
}

impl Program {
    /// Compiles `template`, which is `source` as the engine takes it.
    pub(super) fn new(template: String, source: &str) -> Result<Self, Error> {
        let code = Code::try_new(template, |template| compiled(template))?;
        Ok(Self { code: Arc::new(code), source: source.to_owned() })
    }

    pub(super) fn instructions(&self) -> &Instructions<'_> {
        self.code.borrow_dependent()
    }

    pub(super) fn run(
        &self,
        environment: &Environment<'static>,
        scope: &Scope,
    ) -> Result<Outcome, EvaluationError> {
        if scope.is_spent() {
            return Err(self.error("the expressions over one event took too much work together".to_owned()));
        }
        let (mut text, blocks) = (String::new(), BTreeMap::new());
        let mut output = machinery::make_string_output(&mut text);
        let (code, values) = (self.instructions(), scope.values.clone());
        let result = machinery::eval(environment, code, values, &blocks, &mut output, AutoEscape::None);
        drop(output);
        match result {
            Ok((_, state)) => {
                scope.spend(state.fuel_levels().map_or(FUEL, |(spent, _)| spent));
                Ok(Outcome { value: state.lookup(RESULT).unwrap_or_default(), text })
            }
            Err(error) => {
                scope.spend(if error.kind() == ErrorKind::OutOfFuel { FUEL } else { FAILURE_FUEL });
                Err(self.failed(&error))
            }
        }
    }

    pub(super) fn failed(&self, error: &Error) -> EvaluationError {
        let missing_field = error.kind() == ErrorKind::UndefinedError;
        let reason =
            if missing_field { "a field is missing".to_owned() } else { in_words(error).into_owned() };
        EvaluationError { missing_field, ..self.error(reason) }
    }

    fn error(&self, reason: String) -> EvaluationError {
        EvaluationError { source_text: self.source.clone(), reason, missing_field: false }
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Program").field(&self.source).finish()
    }
}

fn compiled(template: &str) -> Result<Instructions<'_>, Error> {
    let parsed = machinery::parse(template, NAME, SyntaxConfig::default())?;
    Ok(strict::compiled(&parsed, NAME, template))
}
