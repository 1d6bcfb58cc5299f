//! Expressions over an event: `when` conditions and `{{ }}` templates, strict and typed.
//!
//! The only file that knows the expression engine (minijinja). Evaluation is pure and bounded by fuel.

use std::collections::BTreeSet;

use minijinja::machinery::{Instruction, get_compiled_template};
use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use serde_json::Value;

/// How much one evaluation may do: instructions, and bytes that it creates. Far above any honest mapping.
const FUEL: u64 = 200_000;

/// The longest expression, bytes.
const SOURCE_BYTES_MAX: usize = 4096;

/// What an expression may speak of.
pub const EVENT_SCOPE: &[&str] = &["body", "headers", "query", "hook", "delivery", "body_sha256"];

/// The name under which a single expression leaves its typed value.
const RESULT: &str = "__result";

const DELIMITERS: [&str; 6] = ["{{", "}}", "{%", "%}", "{#", "#}"];

/// The compiled expressions of one hook.
#[derive(Debug)]
pub struct Expressions {
    environment: Environment<'static>,
    scope: &'static [&'static str],
    count: usize,
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

#[derive(Debug, Clone)]
struct Program {
    name: String,
    source: String,
}

/// The values that expressions see.
#[derive(Debug, Clone)]
pub struct Scope(minijinja::Value);

impl Scope {
    /// From a JSON object whose keys are the scope's names.
    #[must_use]
    pub fn new(values: &Value) -> Self {
        Self(minijinja::Value::from(minijinja::value::Serde(values)))
    }
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

impl Expressions {
    /// An empty set for the given scope.
    #[must_use]
    pub fn new(scope: &'static [&'static str]) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        Self { environment, scope, count: 0 }
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
        let opens = ["{{", "{%", "{#"].iter().any(|delimiter| source.contains(delimiter));
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
        match self.evaluate_program(&condition.program, scope) {
            Ok(value) => Ok(value.is_true()),
            Err(error) if error.missing_field => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A template's value: JSON of any type for a single expression, else a string.
    ///
    /// # Errors
    /// When a field is missing, or the value has no JSON form.
    pub fn evaluate(&self, template: &Template, scope: &Scope) -> Result<Value, EvaluationError> {
        match &template.0 {
            Form::Literal(text) => Ok(Value::String(text.clone())),
            Form::Typed(program) => {
                let value = self.evaluate_program(program, scope)?;
                to_json(&value).ok_or_else(|| program.error("the value has no JSON form".to_owned()))
            }
            Form::Text(program) => {
                let template =
                    self.environment.get_template(&program.name).map_err(|error| program.failed(&error))?;
                let text = template.render(scope.0.clone()).map_err(|error| program.failed(&error))?;
                Ok(Value::String(text))
            }
        }
    }

    fn evaluate_program(
        &self,
        program: &Program,
        scope: &Scope,
    ) -> Result<minijinja::Value, EvaluationError> {
        let value = self
            .environment
            .get_template(&program.name)
            .and_then(|template| template.render_captured(scope.0.clone()))
            .map_err(|error| program.failed(&error))?
            .state()
            .lookup(RESULT)
            .unwrap_or_default();
        if value.is_undefined() {
            return Err(EvaluationError {
                missing_field: true,
                ..program.error("a field is missing (undefined value)".to_owned())
            });
        }
        Ok(value)
    }

    /// Compiles once; `single` wraps one expression so that its value keeps its type.
    fn compile(&mut self, source: &str, single: bool) -> Result<Program, String> {
        if source.len() > SOURCE_BYTES_MAX {
            return Err(format!("an expression has at most {SOURCE_BYTES_MAX} bytes"));
        }
        if single {
            // The engine's own check of a lone expression: its message speaks of nothing but the expression.
            self.environment.compile_expression_owned(source.to_owned()).map_err(|e| in_words(&e))?;
        }
        let text = if single { format!("{{% set {RESULT} = {source} %}}") } else { source.to_owned() };
        let name = format!("{}", self.count);
        self.count += 1;
        self.environment.add_template_owned(name.clone(), text).map_err(|e| in_words(&e))?;
        self.find_unknown_names(&name)?;
        Ok(Program { name, source: source.to_owned() })
    }

    /// Unknown variables, filters, tests and functions are mistakes now, not at the first delivery.
    fn find_unknown_names(&self, name: &str) -> Result<(), String> {
        let template = self.environment.get_template(name).map_err(|error| in_words(&error))?;
        for variable in template.undeclared_variables(false).iter().collect::<BTreeSet<_>>() {
            let known = self.scope.contains(&variable.as_str())
                || self.environment.globals().any(|(global, _)| global == variable);
            if !known {
                return Err(unknown("variable", variable, self.scope));
            }
        }
        let instructions = &get_compiled_template(&template).instructions;
        let mut state = self.environment.empty_state();
        for index in 0.. {
            let Some(instruction) = instructions.get(index) else {
                break;
            };
            let (kind, name, error) = match instruction {
                Instruction::ApplyFilter(name, ..) => ("filter", name, state.apply_filter(name, &[]).err()),
                Instruction::PerformTest(name, ..) => ("test", name, state.perform_test(name, &[]).err()),
                _ => continue,
            };
            let unknown_name = error.is_some_and(|error| {
                matches!(error.kind(), ErrorKind::UnknownFilter | ErrorKind::UnknownTest)
            });
            if unknown_name {
                return Err(unknown(kind, name, &[]));
            }
        }
        Ok(())
    }
}

impl Template {
    /// Whether it has the same value for every event.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        matches!(self.0, Form::Literal(_))
    }
}

impl Condition {
    /// The condition as configured.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.program.source
    }
}

impl Program {
    fn failed(&self, error: &minijinja::Error) -> EvaluationError {
        EvaluationError {
            missing_field: error.kind() == ErrorKind::UndefinedError,
            ..self.error(in_words(error))
        }
    }

    fn error(&self, reason: String) -> EvaluationError {
        EvaluationError { source_text: self.source.clone(), reason, missing_field: false }
    }
}

/// The expression inside `{{ … }}` where that is all there is, with no delimiter inside.
fn single_expression(source: &str) -> Option<&str> {
    let inner = source.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.strip_prefix('-').unwrap_or(inner);
    let inner = inner.strip_suffix('-').unwrap_or(inner).trim();
    let alone = !DELIMITERS.iter().any(|delimiter| inner.contains(delimiter));
    (alone && !inner.is_empty()).then_some(inner)
}

/// JSON for a value, or `None` for what JSON cannot say (functions, not-a-number, infinity).
fn to_json(value: &minijinja::Value) -> Option<Value> {
    let number_lost = f64::try_from(value.clone()).is_ok_and(|number| !number.is_finite());
    if number_lost {
        return None;
    }
    serde_json::to_value(value).ok()
}

/// The engine's message, without the name and line of a template that has neither for the reader.
fn in_words(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

fn unknown(kind: &str, name: &str, known: &[&str]) -> String {
    match super::mistake::nearest(name, known) {
        Some(near) => format!("unknown {kind} `{name}`; did you mean `{near}`?"),
        None if known.is_empty() => format!("unknown {kind} `{name}`"),
        None => format!("unknown {kind} `{name}`; there are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scope() -> Scope {
        Scope::new(&json!({
            "body": {"type": "deal.won", "seats": 15, "price": 1.5, "name": "Ann & Co", "tags": ["a", "b"],
                     "none": null, "closed_at": "2024-01-15T10:00:00Z", "huge": 9_007_199_254_740_993_i64},
            "headers": {}, "query": {}, "hook": "h", "delivery": {"id": "d"}, "body_sha256": "",
        }))
    }

    #[track_caller]
    fn check(source: &str, expected: &Value) {
        let mut expressions = Expressions::new(EVENT_SCOPE);
        let template = expressions.template(source).unwrap();
        assert_eq!(expressions.evaluate(&template, &scope()).as_ref(), Ok(expected), "{source}");
    }

    #[track_caller]
    fn check_missing(source: &str) {
        let mut expressions = Expressions::new(EVENT_SCOPE);
        let template = expressions.template(source).unwrap();
        let error = expressions.evaluate(&template, &scope()).unwrap_err();
        assert!(error.missing_field, "{source}: {error}");
        assert!(error.to_string().contains(source), "{error}");
    }

    #[track_caller]
    fn check_holds(source: &str, expected: bool) {
        let mut expressions = Expressions::new(EVENT_SCOPE);
        let condition = expressions.condition(source).unwrap();
        assert_eq!(expressions.holds(&condition, &scope()), Ok(expected), "{source}");
    }

    #[test]
    fn one_whole_expression_keeps_its_type() {
        check("{{ body.seats * 10 }}", &json!(150));
        check("  {{- body.seats -}} ", &json!(15));
        check("{{ body.price }}", &json!(1.5));
        check("{{ body.tags }}", &json!(["a", "b"]));
        check("{{ body.none }}", &json!(null));
        check("{{ body.seats > 3 }}", &json!(true));
        check("{{ body.huge }}", &json!(9_007_199_254_740_993_i64));
        check("{{ {'a': 1} }}", &json!({"a": 1}));
        check("{{ body.closed_at[:10] }}", &json!("2024-01-15"));
    }

    #[test]
    fn anything_else_with_braces_is_text() {
        check("Demo for {{ body.name }}", &json!("Demo for Ann & Co"));
        check("{{ body.seats }} {{ body.seats }}", &json!("15 15"));
        check("{% if body.seats > 3 %}big{% else %}small{% endif %}", &json!("big"));
        check("{{ body.seats }}\n", &json!(15));
        check("no braces } {", &json!("no braces } {"));
    }

    #[test]
    fn a_missing_field_is_an_error_in_a_parameter() {
        check_missing("{{ body.absent }}");
        check_missing("{{ body.absent.deeper }}");
        check_missing("x {{ body.absent }}");
        check_missing("{{ body.absent | upper }}");
        check("{{ body.absent | default('x') }}", &json!("x"));
    }

    #[test]
    fn a_missing_field_makes_a_condition_false() {
        check_holds("body.type == 'deal.won' and body.seats >= 10", true);
        for source in [
            "body.absent == 1",
            "body.absent != 1",
            "body.absent < 5",
            "body.absent > 5",
            "body.absent",
            "not body.absent",
            "body.absent.deeper == 1",
            "body.absent in ['a']",
            "'a' in body.absent",
        ] {
            check_holds(source, false);
        }
        check_holds("body.absent is not defined", true);
        check_holds("body.absent | default(3) == 3", true);
    }

    #[test]
    fn a_condition_that_cannot_be_evaluated_is_an_error() {
        let mut expressions = Expressions::new(EVENT_SCOPE);
        let condition = expressions.condition("body.name + 1 > 2").unwrap();
        assert!(expressions.holds(&condition, &scope()).is_err());
    }

    #[test]
    fn mistakes_are_found_before_the_first_delivery() {
        let mut expressions = Expressions::new(EVENT_SCOPE);
        let mut check = |source: &str, word: &str| {
            let message = expressions.template(source).unwrap_err();
            assert!(message.contains(word), "{source}: {message}");
        };
        check("{{ body. }}", "syntax error");
        check("{{ body.x | uper }}", "unknown filter `uper`");
        check("{{ body.x is evn }}", "unknown test `evn`");
        check("{{ bdy.x }}", "did you mean `body`?");
        check("{{ frobnicate() }}", "unknown variable `frobnicate`");
        check("{% if body.x %}", "syntax error");
        assert!(expressions.condition("{{ body.x }}").is_err());
    }

    #[test]
    fn an_endless_expression_runs_out_of_fuel() {
        for source in [
            "{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}",
            "{{ 'x' * 1000000000 }}",
        ] {
            let mut expressions = Expressions::new(EVENT_SCOPE);
            let template = expressions.template(source).unwrap();
            assert!(expressions.evaluate(&template, &scope()).is_err(), "{source}");
        }
    }
}
