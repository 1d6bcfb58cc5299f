//! Reads `concurrency`, `debounce` and `max_running`: which runs wait for each other.

use super::fields::{HookReader, Table};
use crate::expression::Env;
use crate::hook::concurrency::{ConcurrencyKey, DEBOUNCE_MS, MAX_RUNNING_MAX};

const EXAMPLE: &str = "write concurrency = \"{{ workspace }}/{{ database }}\"";

impl HookReader {
    /// The template of the key. `when_busy` and `debounce` without one are mistakes.
    pub(super) fn concurrency(&mut self, table: &Table<'_>, env: &Env) -> Option<ConcurrencyKey> {
        if table.get("concurrency").is_none() {
            for field in ["when_busy", "debounce"] {
                if table.get(field).is_some() {
                    let problem = "needs `concurrency`: it is about runs with the same key";
                    self.mistake_at(table, field, problem, EXAMPLE);
                }
            }
            return None;
        }
        if table.get("debounce").is_some()
            && let Some(word) = table.get("when_busy").and_then(|word| word.as_str())
            && word != "replace"
        {
            let problem =
                "cannot be used together with `debounce`, in which the newest run replaces the others";
            self.mistake_at(table, "when_busy", problem, "leave when_busy out, or write \"replace\"");
        }
        let source = self.optional_text(table, "concurrency")?;
        if source.trim().is_empty() {
            self.wrong_value(table, "concurrency", "a template with a value", EXAMPLE);
            return None;
        }
        match ConcurrencyKey::new(&source, env, table.get("each").is_some()) {
            Ok(key) => {
                self.expressions.note_mentions(key.expressions());
                Some(key)
            }
            Err(problem) => {
                self.mistake_at(table, "concurrency", problem, EXAMPLE);
                None
            }
        }
    }

    /// `debounce = "30s"`.
    pub(super) fn debounce_ms(&mut self, table: &Table<'_>) -> Option<i64> {
        let remedy = "write \"30s\" or \"5m\", or a number of seconds";
        self.duration_ms(table, "debounce", &DEBOUNCE_MS, "1 second to 1 hour", remedy)
    }

    /// `max_running = 4`.
    pub(super) fn max_running(&mut self, table: &Table<'_>) -> Option<u32> {
        let value = table.get("max_running")?;
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        let number = number.filter(|number| (1..=MAX_RUNNING_MAX).contains(number));
        if number.is_none() {
            let takes = format!("a whole number from 1 to {MAX_RUNNING_MAX}");
            self.wrong_value(table, "max_running", takes, "leave it out for no limit");
        }
        number
    }
}
