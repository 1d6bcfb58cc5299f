//! What in an expression cannot be: names that do not exist, found before the first delivery.
//!
//! It evaluates nothing, and knows no event.

use std::collections::BTreeSet;

use minijinja::ErrorKind;
use minijinja::machinery::{Instruction, get_compiled_template};

use super::paths::{Path, paths};
use super::{ENV, Expressions, builtins, in_words};
use crate::hook::mistake::nearest;

impl Expressions {
    /// Unknown variables, filters, tests and functions are mistakes now, not at the first delivery.
    pub(super) fn find_mistakes(&self, template: &str) -> Result<(), String> {
        let template = self.environment.template_from_str(template);
        let template = template.map_err(|error| in_words(&error).into_owned())?;
        for variable in template.undeclared_variables(false).iter().collect::<BTreeSet<_>>() {
            let known = self.scope.contains(&variable.as_str())
                || self.environment.globals().any(|(global, _)| global == variable);
            if !known {
                return Err(unknown("variable", variable, self.scope));
            }
        }
        let instructions = &get_compiled_template(&template).instructions;
        for path in paths(instructions) {
            self.find_unknown_env(&path)?;
        }
        let mut state = self.environment.empty_state();
        for instruction in (0..).map_while(|index| instructions.get(index)) {
            let (kind, name, known, error) = match instruction {
                Instruction::ApplyFilter(name, ..) => {
                    ("filter", name, builtins::FILTERS, state.apply_filter(name, &[]).err())
                }
                Instruction::PerformTest(name, ..) => {
                    ("test", name, &[][..], state.perform_test(name, &[]).err())
                }
                // Such a chain would use the engine's own operators.
                Instruction::CompareAndPreserve(_) => {
                    return Err("comparisons make no chain; write `0 < a and a < 9`".to_owned());
                }
                _ => continue,
            };
            let unknown_name = error.is_some_and(|error| {
                matches!(error.kind(), ErrorKind::UnknownFilter | ErrorKind::UnknownTest)
            });
            if unknown_name {
                return Err(unknown(kind, name, known));
            }
        }
        Ok(())
    }

    fn find_unknown_env(&self, path: &Path) -> Result<(), String> {
        let Some(name) = path.keys.first().filter(|_| path.root == ENV) else {
            return Ok(());
        };
        let name = format!("{ENV}.{name}");
        if self.env_names.contains(&name) {
            return Ok(());
        }
        if self.env_names.is_empty() {
            return Err(format!("unknown variable `{name}`; there is nothing in [vars.ENV]"));
        }
        Err(unknown("variable", &name, &self.env_names.iter().map(String::as_str).collect::<Vec<_>>()))
    }
}

fn unknown(kind: &str, name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(near) => format!("unknown {kind} `{name}`; did you mean `{near}`?"),
        None if known.is_empty() => format!("unknown {kind} `{name}`"),
        None => format!("unknown {kind} `{name}`; there are {}", known.join(", ")),
    }
}
