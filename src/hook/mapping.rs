//! Maps an event to the parameters of a workflow.
//!
//! A field that the event does not have is an error, never an empty string or null. The size of parameters is not bounded
//! here: each value has its own bound, and all evaluations over one event share another.

use serde_json::{Map, Value};

use crate::expression::{EvaluationError, Expressions, Scope, Template};

/// The most levels of nested parameters.
const DEPTH_MAX: usize = 16;

/// A hook's `params`, compiled.
#[derive(Debug, Default)]
pub struct Params(Vec<(String, Param)>);

#[derive(Debug)]
enum Param {
    Literal(Value),
    Template(Template),
    List(Vec<Param>),
    Object(Vec<(String, Param)>),
}

/// Why an event yields no parameters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {cause}")]
pub struct MappingError {
    /// The path of the parameter in the hook, such as `params.rows`.
    pub path: String,
    /// The expression and the reason.
    #[source]
    pub cause: EvaluationError,
}

impl MappingError {
    /// Puts `outer` before the path.
    fn within(self, outer: &str) -> Self {
        Self { path: format!("{outer}{}", self.path), ..self }
    }
}

impl Params {
    /// Compiles every string in `params`. Calls `mistake` with the path of each one that is not a valid template.
    pub fn compile(
        params: &Map<String, Value>,
        expressions: &mut Expressions,
        mistake: &mut dyn FnMut(&[&str], String),
    ) -> Self {
        let mut path = Vec::new();
        Self(compile_object(params, expressions, &mut path, mistake))
    }

    /// The parameters as they are configured, templates as texts.
    #[must_use]
    pub fn as_configured(&self) -> Map<String, Value> {
        as_configured(&self.0)
    }

    /// Evaluates the parameters for one event.
    ///
    /// # Errors
    /// [`MappingError`] for the first expression that has no value.
    pub fn evaluate(
        &self,
        expressions: &Expressions,
        scope: &Scope,
    ) -> Result<Map<String, Value>, MappingError> {
        evaluate_object(&self.0, expressions, scope).map_err(|error| error.within("params"))
    }
}

fn compile_object<'a>(
    object: &'a Map<String, Value>,
    expressions: &mut Expressions,
    path: &mut Vec<&'a str>,
    mistake: &mut dyn FnMut(&[&str], String),
) -> Vec<(String, Param)> {
    let mut compiled = Vec::new();
    for (name, value) in object {
        path.push(name);
        compiled.push((name.clone(), compile_value(value, expressions, path, mistake)));
        path.pop();
    }
    compiled
}

fn compile_value<'a>(
    value: &'a Value,
    expressions: &mut Expressions,
    path: &mut Vec<&'a str>,
    mistake: &mut dyn FnMut(&[&str], String),
) -> Param {
    match value {
        Value::Array(_) | Value::Object(_) if path.len() >= DEPTH_MAX => {
            mistake(path, format!("parameters nest at most {DEPTH_MAX} deep"));
            Param::Literal(Value::Null)
        }
        Value::String(text) => match expressions.template(text) {
            Ok(template) => Param::Template(template),
            Err(problem) => {
                mistake(path, problem.message);
                Param::Literal(Value::Null)
            }
        },
        Value::Array(items) => {
            Param::List(items.iter().map(|item| compile_value(item, expressions, path, mistake)).collect())
        }
        Value::Object(object) => Param::Object(compile_object(object, expressions, path, mistake)),
        literal => Param::Literal(literal.clone()),
    }
}

fn as_configured(params: &[(String, Param)]) -> Map<String, Value> {
    params.iter().map(|(name, param)| (name.clone(), param.as_configured())).collect()
}

impl Param {
    fn as_configured(&self) -> Value {
        match self {
            Self::Literal(value) => value.clone(),
            Self::Template(template) => template.source().into(),
            Self::List(items) => items.iter().map(Self::as_configured).collect(),
            Self::Object(object) => as_configured(object).into(),
        }
    }
}

fn evaluate_object(
    params: &[(String, Param)],
    expressions: &Expressions,
    scope: &Scope,
) -> Result<Map<String, Value>, MappingError> {
    params
        .iter()
        .map(|(name, param)| {
            let value = evaluate_param(param, expressions, scope);
            Ok((name.clone(), value.map_err(|error| error.within(&format!(".{name}")))?))
        })
        .collect()
}

fn evaluate_param(param: &Param, expressions: &Expressions, scope: &Scope) -> Result<Value, MappingError> {
    match param {
        Param::Literal(value) => Ok(value.clone()),
        Param::Template(template) => {
            expressions.evaluate(template, scope).map_err(|cause| MappingError { path: String::new(), cause })
        }
        Param::List(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| {
                evaluate_param(item, expressions, scope).map_err(|error| error.within(&format!("[{index}]")))
            })
            .collect::<Result<_, _>>()
            .map(Value::Array),
        Param::Object(object) => evaluate_object(object, expressions, scope).map(Value::Object),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::EVENT_SCOPE;
    use serde_json::json;

    fn evaluate(params: &Value) -> Result<Value, MappingError> {
        let mut expressions = Expressions::new(EVENT_SCOPE);
        let mut reject = |path: &[&str], problem: String| panic!("{path:?}: {problem}");
        let params = Params::compile(params.as_object().unwrap(), &mut expressions, &mut reject);
        let scope = Scope::new(&json!({"body": {"seats": 15, "name": "Ann"}}));
        params.evaluate(&expressions, &scope).map(Value::Object)
    }

    #[test]
    fn strings_are_mapped_at_any_depth_and_the_rest_is_literal() {
        assert_eq!(
            evaluate(&json!({
                "rows": "{{ body.seats * 10 }}", "label": "for {{ body.name }}",
                "tables": ["accounts", "{{ body.name }}"], "n": 1, "on": true,
                "deep": {"rows": "{{ body.seats }}"},
            })),
            Ok(json!({
                "rows": 150, "label": "for Ann", "tables": ["accounts", "Ann"], "n": 1, "on": true,
                "deep": {"rows": 15},
            }))
        );
    }

    #[test]
    fn an_error_names_the_path_and_the_expression() {
        let error = evaluate(&json!({"deep": {"list": ["x", "{{ body.absent }}"]}})).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("params.deep.list[1]: `{{ body.absent }}`: "), "{text}");
    }

    #[test]
    fn nesting_is_bounded() {
        let mut value = json!("x");
        for _ in 0..20 {
            value = json!({"a": value});
        }
        let mut problems = Vec::new();
        Params::compile(value.as_object().unwrap(), &mut Expressions::new(EVENT_SCOPE), &mut |_, problem| {
            problems.push(problem);
        });
        assert_eq!(problems.len(), 1);
    }
}
