//! Reading one field of a table: its value where it is of the right kind, else a mistake that says so.
//!
//! It knows kinds and bounds, not what any field means.

use serde_json::{Map, Value};

use super::mistake::Mistake;
use crate::expression::Expressions;
use crate::expression::nearest;
use crate::fabricate::is_path_part;
use crate::request::source::Source;
use crate::timestamp::{HOUR_MS, MINUTE_MS, SECOND_MS};

/// The longest separator, prefix or label, bytes.
const TOKEN_BYTES_MAX: usize = 64;

/// The longest name of a workspace, database, project or workflow, bytes.
const NAME_BYTES_MAX: usize = 256;

/// A table, and, for a rule, the hook's table from which it takes what it leaves out.
pub(super) struct Table<'a> {
    pub(super) own: &'a Map<String, Value>,
    pub(super) own_path: &'a [String],
    pub(super) base: Option<(&'a Map<String, Value>, &'a [String])>,
}

impl<'a> Table<'a> {
    /// A field's value and where it stands.
    pub(super) fn get(&self, field: &str) -> Option<(&'a Value, Vec<String>)> {
        let at = |path: &[String]| [path, &[field.to_owned()]].concat();
        if let Some(value) = self.own.get(field) {
            return Some((value, at(self.own_path)));
        }
        // `database` and `project` are one field under two names.
        let place = |name: &str| name == "database" || name == "project";
        if place(field) && self.own.keys().any(|name| place(name)) {
            return None;
        }
        let (base, path) = self.base?;
        Some((base.get(field)?, at(path)))
    }
}

/// Reads a hook; collects its mistakes and compiles its expressions on the way.
pub(super) struct Reader {
    pub(super) mistakes: Vec<Mistake>,
    pub(super) expressions: Expressions,
}

impl Reader {
    pub(super) fn mistake(&mut self, path: &[String], problem: impl Into<String>, remedy: impl Into<String>) {
        let mistake = Mistake { path: path.to_vec(), problem: problem.into(), remedy: remedy.into() };
        // A rule inherits its hook's fields, mistakes too: each is told once.
        if !self.mistakes.contains(&mistake) {
            self.mistakes.push(mistake);
        }
    }

    pub(super) fn unknown_fields(&mut self, table: &Table<'_>, known: &[&str]) {
        for name in table.own.keys().filter(|name| !known.contains(&name.as_str())) {
            let path = [table.own_path, std::slice::from_ref(name)].concat();
            let remedy = match nearest(name, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the fields here are {}", known.join(", ")),
            };
            self.mistake(&path, "unknown field", remedy);
        }
    }

    pub(super) fn name(&mut self, table: &Table<'_>, field: &str) -> Option<String> {
        let name = self.text(table, field)?;
        if is_path_part(&name) && name.len() <= NAME_BYTES_MAX {
            return Some(name);
        }
        self.mistake_at(
            table,
            field,
            "is no name",
            &format!("give the {field}'s name as Fabricate shows it, at most {NAME_BYTES_MAX} bytes"),
        );
        None
    }

    pub(super) fn text(&mut self, table: &Table<'_>, field: &str) -> Option<String> {
        if table.get(field).is_none() {
            self.mistake(table.own_path, format!("`{field}` is missing"), format!("write {field} = \"…\""));
        }
        self.optional_text(table, field)
    }

    pub(super) fn optional_text(&mut self, table: &Table<'_>, field: &str) -> Option<String> {
        let (value, path) = table.get(field)?;
        let text = value.as_str().map(ToOwned::to_owned);
        if text.is_none() {
            self.mistake(&path, "is not a text", format!("write {field} = \"…\""));
        }
        text
    }

    pub(super) fn boolean(&mut self, table: &Table<'_>, field: &str) -> bool {
        let Some((value, path)) = table.get(field) else {
            return false;
        };
        value.as_bool().unwrap_or_else(|| {
            self.mistake(&path, "is neither true nor false", format!("write {field} = true, without quotes"));
            false
        })
    }

    pub(super) fn number(&mut self, table: &Table<'_>, field: &str, default: u64, min: u64, max: u64) -> u64 {
        let Some((value, path)) = table.get(field) else {
            return default;
        };
        value.as_u64().filter(|number| (min..=max).contains(number)).unwrap_or_else(|| {
            let problem = format!("is no whole number from {min} to {max}");
            self.mistake(&path, problem, format!("the default is {default}"));
            default
        })
    }

    pub(super) fn header(&mut self, table: &Table<'_>, field: &str) -> Option<String> {
        let name = self.text(table, field)?;
        if is_header_name(&name) {
            return Some(name);
        }
        self.mistake_at(table, field, "is no header's name", "write header = \"x-signature\"");
        None
    }

    pub(super) fn source(&mut self, table: &Table<'_>, field: &str) -> Option<Source> {
        let written = self.optional_text(table, field)?;
        self.source_at(table, field, &written)
    }

    pub(super) fn source_at(&mut self, table: &Table<'_>, field: &str, written: &str) -> Option<Source> {
        let found = Source::parse(written);
        if let Err(problem) = &found {
            self.mistake_at(table, field, problem, "for a header: headers.x-acme-timestamp");
        }
        found.ok()
    }

    pub(super) fn short_text(&mut self, table: &Table<'_>, field: &str) -> Option<String> {
        let text = self.optional_text(table, field)?;
        if (1..=TOKEN_BYTES_MAX).contains(&text.len()) {
            return Some(text);
        }
        let problem = format!("is no text of 1 to {TOKEN_BYTES_MAX} bytes");
        self.mistake_at(table, field, &problem, "leave it out where there is none");
        None
    }

    /// One of a few words; the first is the default.
    pub(super) fn word<T: Copy>(&mut self, table: &Table<'_>, field: &str, words: &[(&str, T)]) -> Option<T> {
        let Some(written) = self.optional_text(table, field) else {
            return words.first().map(|(_, value)| *value);
        };
        let found = words.iter().find(|(word, _)| *word == written);
        if found.is_none() {
            let known = words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
            self.mistake_at(table, field, "is not known", &format!("it is one of {known}"));
        }
        found.map(|(_, value)| *value)
    }

    /// A mistake in the value of a field that is there.
    pub(super) fn mistake_at(&mut self, table: &Table<'_>, field: &str, problem: &str, remedy: &str) {
        let path = table.get(field).map_or_else(|| table.own_path.to_vec(), |(_, path)| path);
        self.mistake(&path, problem, remedy);
    }
}

/// `"90m"`, `"24h"`, `"2d"`, `"30s"`, or seconds as a number; milliseconds.
pub(super) fn read_duration_ms(value: &Value) -> Option<i64> {
    if let Some(seconds) = value.as_i64() {
        return seconds.checked_mul(SECOND_MS);
    }
    let text = value.as_str()?;
    let unit_at = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(unit_at)?;
    let unit_ms = match unit {
        "s" => SECOND_MS,
        "m" => MINUTE_MS,
        "h" => HOUR_MS,
        "d" => 24 * HOUR_MS,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(unit_ms)
}

/// RFC 9110, section 5.6.2.
pub(super) fn is_header_name(name: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=128).contains(&name.len()) && name.bytes().all(token)
}
