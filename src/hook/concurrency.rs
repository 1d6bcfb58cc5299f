//! The key of a run, made by the `concurrency` template of its hook: runs with the same key run one at a time.
//!
//! It evaluates the template. Who may start is decided in `service/turns.rs`.

use crate::expression::{Env, ExpressionError, Expressions, Scope, ScopeValue, Template};
use crate::fabricate::Target;

/// The longest key, bytes.
pub const KEY_BYTES_MAX: usize = 256;

/// The shortest and the longest `debounce`, milliseconds. Sweeps come every two minutes: a longer one than an hour is a schedule.
pub const DEBOUNCE_MS: std::ops::RangeInclusive<i64> = 1_000..=3_600_000;

/// A run starts at the latest after so many times its `debounce`, counted from the first run that was replaced.
pub const DEBOUNCE_TIMES_MAX: i64 = 10;

/// The largest `max_running`: where all slots are taken, each is read once in a sweep.
pub const MAX_RUNNING_MAX: u32 = 50;

/// What a key may be made of: what expressions see, and the target of the run. `database` and `project` are the same name.
#[rustfmt::skip]
const SCOPE: &[&str] = &[
    "body", "headers", "query", "hook", "delivery", "body_sha256", "event", "scheduled_at", "env",
    "workspace", "database", "project", "workflow",
];

/// And where a delivery is a batch.
#[rustfmt::skip]
const BATCH_SCOPE: &[&str] = &[
    "body", "headers", "query", "hook", "delivery", "body_sha256", "event", "scheduled_at", "env",
    "workspace", "database", "project", "workflow", "item",
];

/// A `concurrency` template, and what it is evaluated with.
#[derive(Debug)]
pub struct ConcurrencyKey {
    template: Template,
    expressions: Expressions,
}

impl ConcurrencyKey {
    /// Compiles a template; `is_batch`: it sees an item.
    ///
    /// # Errors
    /// When it is no template, or names something that does not exist.
    pub fn new(source: &str, env: &Env, is_batch: bool) -> Result<Self, ExpressionError> {
        let mut expressions = Expressions::new(if is_batch { BATCH_SCOPE } else { SCOPE }).with_env(env);
        let template = expressions.template(source)?;
        Ok(Self { template, expressions })
    }

    /// The template as configured.
    #[must_use]
    pub fn source(&self) -> &str {
        self.template.source()
    }

    /// What the template is evaluated with.
    #[must_use]
    pub fn expressions(&self) -> &Expressions {
        &self.expressions
    }

    /// The key of a run with this target; expressions see the event as `scope`.
    ///
    /// # Errors
    /// Why there is no key, for the run's error.
    pub fn evaluate(&self, scope: &Scope, target: &Target) -> Result<String, String> {
        let place = target.place.name();
        let scope = scope
            .with("workspace", ScopeValue::Text(&target.workspace))
            .with("database", ScopeValue::Text(place))
            .with("project", ScopeValue::Text(place))
            .with("workflow", ScopeValue::Text(&target.workflow));
        match self.expressions.evaluate_id(&self.template, &scope) {
            Ok(Some(key)) if key.len() <= KEY_BYTES_MAX => Ok(key),
            Ok(Some(_)) => Err(format!("concurrency: the key is longer than {KEY_BYTES_MAX} bytes")),
            Ok(None) => Err("concurrency: the key is empty".to_owned()),
            Err(error) => Err(format!("concurrency: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::run::tests::queued_run;

    #[track_caller]
    fn check(source: &str, expected: Result<&str, &str>) {
        let scope = Scope::new(&json!({"body": {"account": 7, "none": null, "long": "x".repeat(257)}}));
        let key = ConcurrencyKey::new(source, &Env::default(), false).unwrap();
        let evaluated = key.evaluate(&scope, &queued_run().target);
        match expected {
            Ok(expected) => assert_eq!(evaluated.as_deref(), Ok(expected)),
            Err(part) => {
                assert!(evaluated.as_ref().is_err_and(|error| error.contains(part)), "{evaluated:?}");
            }
        }
    }

    #[test]
    fn a_key_is_made_of_the_event_and_the_target() {
        check("{{ workspace }}/{{ database }}", Ok("acme/sales-demo"));
        check("{{ project }}: {{ workflow }}", Ok("sales-demo: seed"));
        check("{{ body.account }}", Ok("7"));
        check("all", Ok("all"));
    }

    #[test]
    fn what_has_no_key_says_why() {
        check("{{ body.missing }}", Err("concurrency: "));
        check("{{ body.none }}", Err("concurrency: the key is empty"));
        check("{{ body.long }}", Err("longer than 256 bytes"));
        check("{{ body }}", Err("neither a text nor a number"));
    }
}
