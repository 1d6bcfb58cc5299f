//! The key of an archived file in the files bucket, made by the `archive` template of a hook.
//!
//! No name from a sender or from Fabricate can lead out of the run's part of the bucket.

mod safe_name;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::HookName;
use crate::expression::{Expressions, Scope, ScopeValue, Template};
use crate::fabricate::{Target, TaskFile, TaskId};
pub use safe_name::safe_name;
use safe_name::{NAME_BYTES_MAX, safe_part, shorten, unique_part};

/// Default of `archive`.
pub const DEFAULT: &str = "{{ hook }}/{{ date }}/{{ run_id }}/{{ file.id }}-{{ file.name }}";

/// The variables of a key template.
const SCOPE: &[&str] = &["hook", "date", "run_id", "task_id", "workspace", "database", "workflow", "file"];

/// The longest key that R2 allows, bytes.
const KEY_BYTES_MAX: usize = 1024;

/// The bounds on the file name that are tried in turn until the key is short enough, bytes.
const NAME_BOUNDS: [usize; 4] = [NAME_BYTES_MAX, 100, 50, 25];

/// The most templates that stay compiled: more than an account has hooks. Each takes a few KB.
const COMPILED_MAX: usize = 128;

/// A valid `archive` template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyTemplate(String);

/// The values of a key template.
#[derive(Debug, Clone)]
pub struct KeyParts<'a> {
    /// The hook of the run.
    pub hook: &'a HookName,
    /// The day on which the run was accepted, as `2026-11-23`.
    pub date: String,
    /// The id of the run.
    pub run_id: String,
    /// The task of the run.
    pub task_id: &'a TaskId,
    /// The workflow that it ran.
    pub target: &'a Target,
    /// The file.
    pub file: &'a TaskFile,
}

/// Why a template yields no key. Each text continues "the archive template …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyTemplateError {
    /// The template cannot be compiled or evaluated; holds the reason.
    #[error("{0}")]
    Expression(String),
    /// The value of the template is not a text.
    #[error("must make a text: `{0}`")]
    NotText(String),
    /// The template leaves out an id, so that two files could share an object.
    #[error("must contain {{{{ run_id }}}} and {{{{ file.id }}}}, or two runs could share an object")]
    IdsMissing,
    /// The key is too long, even with the shortest name of the file.
    #[error("makes a key of more than {KEY_BYTES_MAX} bytes")]
    KeyTooLong,
}

impl Default for KeyTemplate {
    fn default() -> Self {
        Self(DEFAULT.to_owned())
    }
}

impl KeyTemplate {
    /// Checks a template by the key of an example file.
    ///
    /// # Errors
    /// [`KeyTemplateError`] when it cannot be compiled, or its key lacks the id of the run or of the file.
    pub fn new(source: &str) -> Result<Self, KeyTemplateError> {
        let key = Compiled::new(source)?.render(&Scope::new(&example()))?;
        if key.contains("example-run") && key.contains("example-file") {
            Ok(Self(source.to_owned()))
        } else {
            Err(KeyTemplateError::IdsMissing)
        }
    }

    /// The key of one file of a run.
    ///
    /// # Errors
    /// [`KeyTemplateError`] when the template has no value for this file, or a key that lacks an id or is too long.
    pub fn key(&self, of: &KeyParts<'_>) -> Result<String, KeyTemplateError> {
        let template = Compiled::of(&self.0)?;
        let (file_id, name) = (unique_part(of.file.id.as_str()), safe_name(of.file.name.as_deref()));
        let Target { workspace, place, workflow } = of.target;
        let parts = [of.task_id.as_str(), workspace, place.name(), workflow].map(safe_part);
        let [task_id, workspace, database, workflow] = parts.each_ref();
        for bytes_max in NAME_BOUNDS {
            let name = shorten(&name, bytes_max);
            let scope = Scope::named([
                ("database", ScopeValue::Text(database)),
                ("date", ScopeValue::Text(&of.date)),
                ("file", ScopeValue::Fields(&[("id", &file_id), ("name", &name)])),
                ("hook", ScopeValue::Text(of.hook.as_str())),
                ("run_id", ScopeValue::Text(&of.run_id)),
                ("task_id", ScopeValue::Text(task_id)),
                ("workflow", ScopeValue::Text(workflow)),
                ("workspace", ScopeValue::Text(workspace)),
            ]);
            let key = template.render(&scope)?;
            if !key.contains(&of.run_id) || !key.contains(&file_id) {
                return Err(KeyTemplateError::IdsMissing);
            }
            if key.len() <= KEY_BYTES_MAX {
                return Ok(key);
            }
        }
        Err(KeyTemplateError::KeyTooLong)
    }
}

/// A compiled template.
struct Compiled {
    expressions: Expressions,
    template: Template,
    source: String,
}

thread_local! {
    /// A run stores its template as text. It is compiled once here, not for each file.
    static COMPILED: RefCell<BTreeMap<String, Rc<Compiled>>> = const { RefCell::new(BTreeMap::new()) };
}

impl Compiled {
    fn new(source: &str) -> Result<Self, KeyTemplateError> {
        let mut expressions = Expressions::new(SCOPE);
        let template =
            expressions.template(source).map_err(|error| KeyTemplateError::Expression(error.to_string()))?;
        Ok(Self { expressions, template, source: source.to_owned() })
    }

    /// The compiled template, from the cache or added to it.
    fn of(source: &str) -> Result<Rc<Self>, KeyTemplateError> {
        COMPILED.with_borrow_mut(|kept| {
            if let Some(compiled) = kept.get(source) {
                return Ok(Rc::clone(compiled));
            }
            let compiled = Rc::new(Self::new(source)?);
            if kept.len() >= COMPILED_MAX {
                kept.clear();
            }
            kept.insert(source.to_owned(), Rc::clone(&compiled));
            Ok(compiled)
        })
    }

    fn render(&self, scope: &Scope) -> Result<String, KeyTemplateError> {
        match self.expressions.evaluate(&self.template, scope) {
            Ok(serde_json::Value::String(key)) => Ok(key),
            Ok(_) => Err(KeyTemplateError::NotText(self.source.clone())),
            Err(error) => Err(KeyTemplateError::Expression(error.to_string())),
        }
    }
}

fn example() -> serde_json::Value {
    json!({
        "hook": "hook", "date": "2026-01-31", "run_id": "example-run", "task_id": "task", "workspace": "workspace",
        "database": "database", "workflow": "workflow",
        "file": {"id": "example-file", "name": "report.csv"},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fabricate::{FileId, Place};

    /// The key of a file by a template.
    fn key_of(template: &str, id: &str, name: &str) -> Result<String, KeyTemplateError> {
        let (id, name) = (FileId::from(id), Some(name.to_owned()));
        let target =
            Target { workspace: "a/b".into(), place: Place::Project("p".into()), workflow: "w".into() };
        KeyTemplate::new(template)?.key(&KeyParts {
            hook: &HookName::try_from("crm".to_owned()).unwrap(),
            date: "2026-11-23".into(),
            run_id: "the-run".into(),
            task_id: &TaskId::try_from("the-task".to_owned()).unwrap(),
            target: &target,
            file: &TaskFile { id, name, size: None, content_type: None },
        })
    }

    #[test]
    fn a_key_holds_the_run_and_the_file() {
        let key = |template: &str| key_of(template, "12/3", "../a.csv").unwrap();
        assert_eq!(key(DEFAULT), "crm/2026-11-23/the-run/12_3~a87aa3a288730587-a.csv");
        let other = key("{{ workspace }}/{{ task_id }}/{{ run_id }}/{{ file.id }}");
        assert_eq!(other, "a_b/the-task/the-run/12_3~a87aa3a288730587");
        // More templates than stay compiled; each one keeps its own keys.
        for folder in (0..COMPILED_MAX * 2).chain(0..COMPILED_MAX) {
            let key = key(&format!("{folder}/{{{{ run_id }}}}/{{{{ file.id }}}}"));
            assert_eq!(key, format!("{folder}/the-run/12_3~a87aa3a288730587"));
            assert!(COMPILED.with_borrow(|kept| kept.len() <= COMPILED_MAX));
        }
    }

    #[test]
    fn a_key_that_would_be_too_long_has_a_shorter_name() {
        let key = |folder: usize| {
            let folder = "f".repeat(folder);
            let template = format!("{folder}/{{{{ run_id }}}}/{{{{ file.id }}}}-{{{{ file.name }}}}");
            key_of(&template, "1", &format!("{}.csv", "n".repeat(300)))
        };
        for (folder, expected) in [(0, 211), (813, 1_024), (814, 925), (913, 1_024), (988, 1_024)] {
            let key = key(folder).unwrap();
            assert_eq!(key.len(), expected, "{folder}");
            assert!(key.ends_with("n.csv"));
        }
        assert!(key(989).unwrap_err().to_string().contains("1024 bytes"));
    }

    #[test]
    fn a_template_with_which_runs_collide_is_rejected() {
        for source in [
            "{{ hook }}/{{ file.name }}",
            "{{ run_id }}",
            "{{ file.id }}",
            "{% if false %}{{ run_id }}{{ file.id }}{% endif %}",
            "{{ run_id }}/{{ file.idd }}",
            "{{ body.x }}/{{ run_id }}/{{ file.id }}",
        ] {
            assert!(KeyTemplate::new(source).is_err(), "{source}");
        }
        assert!(KeyTemplate::new("x/{{ run_id }}/{{ file.id }}").is_ok());
    }
}
