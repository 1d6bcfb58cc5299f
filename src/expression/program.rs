//! One compiled expression or template: made strict once, and run as often as there are events.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use minijinja::machinery::{self, Instructions};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, ErrorKind};
use self_cell::self_cell;

use super::{EvaluationError, FUEL, Scope, in_words, strict};

/// The engine does not say how much work a failed evaluation did, so that it is repeated with less fuel until it runs
/// out: these are the amounts. Most conditions that miss a field do so within the first.
const FAILURE_FUEL: [u64; 3] = [64, 512, 4096];

/// The name under which a single expression leaves its typed value.
pub(super) const RESULT: &str = "__result";

/// What is said where the expressions over an event have used up their fuel.
const OUT_OF_FUEL: &str = "the expressions over one event took too much work together";

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

    /// Runs with what fuel the scope has left, at most [`FUEL`], and takes from the scope what was needed.
    pub(super) fn run(
        &self,
        environment: &Environment<'static>,
        scope: &Scope,
    ) -> Result<Outcome, EvaluationError> {
        let fuel = FUEL.min(scope.fuel_left());
        if fuel == 0 {
            return Err(self.error(OUT_OF_FUEL.to_owned()));
        }
        match self.run_with(fuel, environment, scope) {
            Ok((outcome, spent)) => {
                scope.spend(spent);
                Ok(outcome)
            }
            Err(error) if error.kind() == ErrorKind::OutOfFuel => {
                scope.spend(fuel);
                Err(if fuel < FUEL { self.error(OUT_OF_FUEL.to_owned()) } else { self.failed(&error) })
            }
            Err(error) => {
                let is_enough = |less: &u64| {
                    let again = self.run_with(*less, environment, scope);
                    again.is_err_and(|error| error.kind() != ErrorKind::OutOfFuel)
                };
                let tried = FAILURE_FUEL.into_iter().take_while(|less| *less < fuel);
                scope.spend(tried.into_iter().find(is_enough).unwrap_or(fuel));
                Err(self.failed(&error))
            }
        }
    }

    /// The outcome, and how much fuel it took.
    fn run_with(
        &self,
        fuel: u64,
        environment: &Environment<'static>,
        scope: &Scope,
    ) -> Result<(Outcome, u64), Error> {
        let limited;
        let environment = if environment.fuel() == Some(fuel) {
            environment
        } else {
            let mut copy = environment.clone();
            copy.set_fuel(Some(fuel));
            limited = copy;
            &limited
        };
        let (mut text, blocks) = (String::new(), BTreeMap::new());
        let mut output = machinery::make_string_output(&mut text);
        let (code, values) = (self.instructions(), scope.values.clone());
        let (_, state) = machinery::eval(environment, code, values, &blocks, &mut output, AutoEscape::None)?;
        let spent = state.fuel_levels().map_or(fuel, |(spent, _)| spent);
        let value = state.lookup(RESULT).unwrap_or_default();
        drop((state, output));
        Ok((Outcome { value, text }, spent))
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
