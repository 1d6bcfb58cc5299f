//! Where an archived file lies in the files bucket: the `archive` key template.
//!
//! No name that a sender or Fabricate chose can leave the run's own part of the bucket.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use icu_normalizer::ComposingNormalizerBorrowed;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::HookName;
use crate::digest::sha256_hex;
use crate::expression::{Expressions, Scope, ScopeValue, Template};
use crate::fabricate::{Target, TaskFile, TaskId};

/// The template of a hook that states none.
pub const DEFAULT: &str = "{{ hook }}/{{ date }}/{{ run_id }}/{{ file.id }}-{{ file.name }}";

/// What a key may speak of.
const SCOPE: &[&str] = &["hook", "date", "run_id", "task_id", "workspace", "database", "workflow", "file"];

/// R2's longest key, bytes.
const KEY_BYTES_MAX: usize = 1024;

/// The longest file name, bytes, and what is tried in its stead where the key would be too long.
const NAME_BYTES_MAX: usize = 200;
const SHORTER_NAMES: [usize; 4] = [NAME_BYTES_MAX, 100, 50, 25];

/// How many templates stay compiled: more than an account has hooks, and each takes a few KB.
const COMPILED_MAX: usize = 128;

/// A checked `archive` template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyTemplate(String);

/// What a key is made of.
#[derive(Debug, Clone)]
pub struct KeyParts<'a> {
    /// The run's hook.
    pub hook: &'a HookName,
    /// The day on which the run was accepted, as `2026-11-23`.
    pub date: String,
    /// The run.
    pub run_id: String,
    /// Its task.
    pub task_id: &'a TaskId,
    /// What it ran.
    pub target: &'a Target,
    /// The file.
    pub file: &'a TaskFile,
}

impl Default for KeyTemplate {
    fn default() -> Self {
        Self(DEFAULT.to_owned())
    }
}

impl KeyTemplate {
    /// Takes a template that can be compiled and names both `run_id` and `file.id`.
    ///
    /// # Errors
    /// In words.
    pub fn new(source: &str) -> Result<Self, String> {
        let key = Compiled::new(source)?.render(&Scope::new(&example()))?;
        if key.contains("example-run") && key.contains("example-file") {
            Ok(Self(source.to_owned()))
        } else {
            Err("must contain {{ run_id }} and {{ file.id }}, or two runs could share an object".to_owned())
        }
    }

    /// The key of one file of a run.
    ///
    /// # Errors
    /// In words, when the template does not yield a usable key for this file.
    pub fn key(&self, of: &KeyParts<'_>) -> Result<String, String> {
        let template = Compiled::of(&self.0)?;
        let (file_id, name) = (own_part(of.file.id.as_str()), safe_name(of.file.name.as_deref()));
        let Target { workspace, place, workflow } = of.target;
        let parts = [of.task_id.as_str(), workspace, place.name(), workflow].map(safe_part);
        let [task_id, workspace, database, workflow] = parts.each_ref();
        for bytes_max in SHORTER_NAMES {
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
                return Err("the archive template leaves out the run's or the file's id".to_owned());
            }
            if key.len() <= KEY_BYTES_MAX {
                return Ok(key);
            }
        }
        Err(format!("the archive template makes a key of more than {KEY_BYTES_MAX} bytes"))
    }
}

/// A template that is ready to be rendered.
struct Compiled {
    expressions: Expressions,
    template: Template,
    source: String,
}

thread_local! {
    /// A run carries its template as text: compiled here once, and not for each of its files.
    static COMPILED: RefCell<BTreeMap<String, Rc<Compiled>>> = const { RefCell::new(BTreeMap::new()) };
}

impl Compiled {
    fn new(source: &str) -> Result<Self, String> {
        let mut expressions = Expressions::new(SCOPE);
        let template = expressions.template(source)?;
        Ok(Self { expressions, template, source: source.to_owned() })
    }

    /// The compiled form of a template, kept for the next time.
    fn of(source: &str) -> Result<Rc<Self>, String> {
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

    fn render(&self, scope: &Scope) -> Result<String, String> {
        match self.expressions.evaluate(&self.template, scope) {
            Ok(serde_json::Value::String(key)) => Ok(key),
            Ok(_) => Err(format!("`{}` is not a text", self.source)),
            Err(error) => Err(error.to_string()),
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

/// The file's base name without anything that means something in a path, a header or a terminal.
///
/// `../../etc/passwd` becomes `passwd`; what is empty or only dots becomes `file`; long names keep their ending.
#[must_use]
pub fn safe_name(name: Option<&str>) -> String {
    let base = name.unwrap_or_default().rsplit(['/', '\\']).next().unwrap_or_default();
    let name = shorten(&clean(base), NAME_BYTES_MAX);
    if name.chars().all(|character| character == '.' || character == '_') { "file".to_owned() } else { name }
}

fn safe_part(text: &str) -> String {
    shorten(&clean(text), NAME_BYTES_MAX)
}

/// An id that is made safe, and no other's: where cleaning changes it, part of its hash follows.
fn own_part(id: &str) -> String {
    let safe = safe_part(id);
    if safe == id {
        safe
    } else {
        format!("{safe}~{}", sha256_hex(id.as_bytes()).get(..16).unwrap_or_default())
    }
}

/// In Unicode's composed form, so that names which look the same are.
fn clean(text: &str) -> Cow<'_, str> {
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(text.trim());
    if composed.contains(is_unsafe) { Cow::Owned(composed.replace(is_unsafe, "_")) } else { composed }
}

fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '/' | '\\' | '"' | '<' | '>' | ':' | '|' | '?' | '*' | '#' | '%')
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Cuts a long name in its middle, so that an extension of up to 16 bytes stays.
fn shorten(name: &str, bytes_max: usize) -> String {
    if name.len() <= bytes_max {
        return name.to_owned();
    }
    let extension = match name.rfind('.') {
        Some(dot) if name.len() - dot <= 17 => name.get(dot..).unwrap_or_default(),
        _ => "",
    };
    let mut end = bytes_max - extension.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{extension}", name.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fabricate::{FileId, Place};

    #[track_caller]
    fn check(name: Option<&str>, expected: &str) {
        assert_eq!(safe_name(name), expected, "{name:?}");
    }

    #[test]
    fn a_name_cannot_leave_its_folder() {
        check(Some("report.csv"), "report.csv");
        check(Some("../../etc/passwd"), "passwd");
        check(Some("..\\..\\boot.ini"), "boot.ini");
        for nothing in [None, Some(""), Some(".."), Some("/"), Some("  "), Some("a/..")] {
            check(nothing, "file");
        }
        check(Some("a\"b\r\nX: y.csv"), "a_b__X_ y.csv");
        check(Some("démo – données.csv"), "démo – données.csv");
        check(Some("de\u{301}mo.csv"), "d\u{e9}mo.csv");
        check(Some("gpj.\u{202e}exe"), "gpj._exe");
    }

    #[test]
    fn a_long_name_keeps_its_ending() {
        let short = safe_name(Some(&format!("{}.csv", "é".repeat(300))));
        assert!(short.len() <= NAME_BYTES_MAX && short.ends_with("é.csv"), "{short}");
        assert_eq!(safe_name(Some(&"x".repeat(300))).len(), NAME_BYTES_MAX);
    }

    /// The key of a file by a template.
    fn key_of(template: &str, id: &str, name: &str) -> Result<String, String> {
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
        // More templates than stay compiled, each of which is its own.
        for folder in (0..COMPILED_MAX * 2).chain(0..COMPILED_MAX) {
            let key = key(&format!("{folder}/{{{{ run_id }}}}/{{{{ file.id }}}}"));
            assert_eq!(key, format!("{folder}/the-run/12_3~a87aa3a288730587"));
            assert!(COMPILED.with_borrow(|kept| kept.len() <= COMPILED_MAX));
        }
    }

    #[test]
    fn ids_that_look_alike_have_keys_of_their_own() {
        let ids =
            ["12/3", "12_3", "12\\3", " 12_3", "e\u{301}", "\u{e9}", &"x".repeat(300), &"x".repeat(301)];
        let own: BTreeMap<String, &str> = ids.iter().map(|id| (own_part(id), *id)).collect();
        assert_eq!(own.len(), ids.len(), "{own:?}");
        assert_eq!(own_part("12_3"), "12_3");
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
        assert!(key(989).unwrap_err().contains("1024 bytes"));
    }

    #[test]
    fn a_template_that_lets_runs_collide_is_refused() {
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
