//! Reads one field of a table: returns its value, or records a mistake that says what the field takes.
//!
//! It checks types and bounds. It does not know what a field is for.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::mistake::{Mistake, quoted};
use crate::expression::Expressions;
use crate::expression::nearest;
use crate::fabricate::is_path_part;
use crate::request::source::Source;
use crate::timestamp::{HOUR_MS, MINUTE_MS, SECOND_MS};

/// The longest separator, prefix or label, bytes.
const SHORT_TEXT_BYTES_MAX: usize = 64;

/// The longest name of a workspace, database, project or workflow, bytes.
const NAME_BYTES_MAX: usize = 256;

/// A table of the configuration.
pub(super) struct Table<'a> {
    pub(super) own: &'a Map<String, Value>,
    pub(super) own_path: &'a [String],
    /// The table of the hook, from which a rule takes the fields that it leaves out.
    pub(super) base: Option<(&'a Map<String, Value>, &'a [String])>,
}

impl<'a> Table<'a> {
    /// A table that inherits nothing.
    pub(super) fn new(own: &'a Map<String, Value>, own_path: &'a [String]) -> Self {
        Self { own, own_path, base: None }
    }

    /// The value of a field.
    pub(super) fn get(&self, field: &str) -> Option<&'a Value> {
        self.find(field).map(|(value, _)| value)
    }

    /// The path of a field in the configuration; that of the table where the field is absent.
    pub(super) fn path_of(&self, field: &str) -> Vec<String> {
        match self.find(field) {
            Some((_, path)) => [path, &[field.to_owned()]].concat(),
            None => self.own_path.to_vec(),
        }
    }

    /// The value of a field, and the path of the table that has it.
    fn find(&self, field: &str) -> Option<(&'a Value, &'a [String])> {
        if let Some(value) = self.own.get(field) {
            return Some((value, self.own_path));
        }
        // `database` and `project` are two names of one field.
        let is_container = |name: &str| name == "database" || name == "project";
        if is_container(field) && self.own.keys().any(|name| is_container(name)) {
            return None;
        }
        let (base, path) = self.base?;
        Some((base.get(field)?, path))
    }
}

/// Reads a hook, collects its mistakes and compiles its expressions.
pub(super) struct HookReader {
    pub(super) mistakes: Vec<Mistake>,
    pub(super) expressions: Expressions,
}

impl HookReader {
    pub(super) fn mistake(&mut self, path: &[String], problem: impl Display, remedy: impl Display) {
        let mistake = Mistake::new(path.to_vec(), problem, remedy);
        // A rule inherits fields of its hook, and their mistakes; each is reported once.
        if !self.mistakes.contains(&mistake) {
            self.mistakes.push(mistake);
        }
    }

    /// Records a mistake in the value of a field.
    pub(super) fn mistake_at(
        &mut self,
        table: &Table<'_>,
        field: &str,
        problem: impl Display,
        remedy: impl Display,
    ) {
        self.mistake(&table.path_of(field), problem, remedy);
    }

    /// Records that a field must be something else; the mistake quotes the value. Not for fields that may hold a secret.
    pub(super) fn wrong_value(
        &mut self,
        table: &Table<'_>,
        field: &str,
        takes: impl Display,
        remedy: impl Display,
    ) {
        let got = table.get(field).map_or_else(String::new, |value| format!(", got {}", quoted(value)));
        self.mistake_at(table, field, format_args!("must be {takes}{got}"), remedy);
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

    /// The name of an object in Fabricate. Required.
    pub(super) fn name(&mut self, table: &Table<'_>, field: &str) -> Option<String> {
        let name = self.text(table, field)?;
        if is_path_part(&name) && name.len() <= NAME_BYTES_MAX {
            return Some(name);
        }
        let remedy = format!("write the {field}'s name as Fabricate shows it");
        self.wrong_value(table, field, format_args!("a name of at most {NAME_BYTES_MAX} bytes"), remedy);
        None
    }

    /// A required text.
    pub(super) fn text(&mut self, table: &Table<'_>, field: &str) -> Option<String> {
        if table.get(field).is_none() {
            self.mistake(
                table.own_path,
                format_args!("`{field}` is missing"),
                format_args!("write {field} = \"…\""),
            );
        }
        self.optional_text(table, field)
    }

    pub(super) fn optional_text(&mut self, table: &Table<'_>, field: &str) -> Option<String> {
        let value = table.get(field)?;
        let text = value.as_str().map(ToOwned::to_owned);
        if text.is_none() {
            self.wrong_value(table, field, "a text", format_args!("write {field} = \"…\""));
        }
        text
    }

    /// A boolean; false where it is absent.
    pub(super) fn boolean(&mut self, table: &Table<'_>, field: &str) -> bool {
        let Some(value) = table.get(field) else { return false };
        value.as_bool().unwrap_or_else(|| {
            let remedy = format!("write {field} = true, without quotes");
            self.wrong_value(table, field, "true or false", remedy);
            false
        })
    }

    pub(super) fn number<T>(
        &mut self,
        table: &Table<'_>,
        field: &str,
        default: T,
        bounds: &RangeInclusive<T>,
    ) -> T
    where
        T: Copy + Display + PartialOrd + TryFrom<u64>,
    {
        let Some(value) = table.get(field) else { return default };
        let number = value.as_u64().and_then(|number| T::try_from(number).ok());
        number.filter(|number| bounds.contains(number)).unwrap_or_else(|| {
            let takes = format!("a whole number from {} to {}", bounds.start(), bounds.end());
            self.wrong_value(table, field, takes, format_args!("the default is {default}"));
            default
        })
    }

    /// A duration in milliseconds; `bounds_text` names the bounds for the mistake. `None` where it is absent or a mistake.
    pub(super) fn duration_ms(
        &mut self,
        table: &Table<'_>,
        field: &str,
        bounds: &RangeInclusive<i64>,
        bounds_text: &str,
        remedy: &str,
    ) -> Option<i64> {
        let value = table.get(field)?;
        let duration_ms = read_duration_ms(value).filter(|ms| bounds.contains(ms));
        if duration_ms.is_none() {
            self.wrong_value(table, field, bounds_text, remedy);
        }
        duration_ms
    }

    /// The name of a header. Required.
    pub(super) fn header(&mut self, table: &Table<'_>, field: &str) -> Option<String> {
        let name = self.text(table, field)?;
        if is_header_name(&name) {
            return Some(name);
        }
        self.wrong_value(table, field, "the name of a header", "write header = \"x-signature\"");
        None
    }

    pub(super) fn source(&mut self, table: &Table<'_>, field: &str) -> Option<Source> {
        let written = self.optional_text(table, field)?;
        self.source_at(table, field, &written)
    }

    pub(super) fn source_at(&mut self, table: &Table<'_>, field: &str, written: &str) -> Option<Source> {
        Source::parse(written)
            .map_err(|error| {
                self.mistake_at(table, field, error, "for a header: headers.x-acme-timestamp");
            })
            .ok()
    }

    pub(super) fn short_text(&mut self, table: &Table<'_>, field: &str) -> Option<String> {
        let text = self.optional_text(table, field)?;
        if (1..=SHORT_TEXT_BYTES_MAX).contains(&text.len()) {
            return Some(text);
        }
        let takes = format!("a text of 1 to {SHORT_TEXT_BYTES_MAX} bytes");
        self.wrong_value(table, field, takes, "leave it out where there is none");
        None
    }

    /// One of a few words; the first is the default. `None`: a mistake.
    pub(super) fn word<T: Copy>(&mut self, table: &Table<'_>, field: &str, words: &[(&str, T)]) -> Option<T> {
        if table.get(field).is_none() {
            return words.first().map(|(_, value)| *value);
        }
        let written = self.optional_text(table, field)?;
        let found = words.iter().find(|(word, _)| *word == written);
        if found.is_none() {
            let known = words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
            let remedy = "write one of these words, or leave it out for the first";
            self.wrong_value(table, field, format_args!("one of {known}"), remedy);
        }
        found.map(|(_, value)| *value)
    }
}

/// `"90m"`, `"24h"`, `"2d"`, `"30s"`, or a number of seconds; returns milliseconds.
fn read_duration_ms(value: &Value) -> Option<i64> {
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

/// Whether a text is the name of a header (RFC 9110, section 5.6.2) of at most 128 bytes.
pub(super) fn is_header_name(name: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=128).contains(&name.len()) && name.bytes().all(token)
}
