//! A wrangler configuration, `wrangler.toml` or `wrangler.jsonc`, as JSON, with the position of each key.
//!
//! Nothing here knows what the keys mean.

mod jsonc;
mod toml;

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value as Json};

use crate::host::{self, Host};

/// The names that wrangler looks for, in its order.
pub(crate) const NAMES: [&str; 3] = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];

/// A configuration.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    /// Its path, as messages name it.
    pub(crate) path: String,
    /// What it says. A TOML value that JSON does not have is null.
    pub(crate) root: Map<String, Json>,
    /// The values that the Worker would not get as they are written.
    pub(crate) lossy: Vec<LossyValue>,
    text: String,
    format: Format,
}

/// What a text says, and its lossy values; otherwise the offset of a mistake and what it is.
type Parsed = Result<(Map<String, Json>, Vec<LossyValue>), (usize, String)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Toml,
    Jsonc,
}

/// A value that the Worker would not get as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LossyValue {
    /// The keys that lead to it, from the root of the file.
    pub(crate) path: Vec<String>,
    /// Why it is lost, after the value: "is a date …".
    pub(crate) reason: &'static str,
    /// The value as the file has it.
    pub(crate) written: String,
}

/// A file that cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}:{line}:{column}: {message}")]
pub(crate) struct SyntaxError {
    /// The file's path.
    pub(crate) path: String,
    /// The line, from 1.
    pub(crate) line: usize,
    /// The column, from 1, characters.
    pub(crate) column: usize,
    /// What is wrong: "not TOML: …".
    pub(crate) message: String,
}

impl ConfigFile {
    /// The path of the configuration: a file, or the one in a folder; without either, the one in this folder.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn find(host: &impl Host, given: Option<&str>) -> Result<String> {
        let folder = match given {
            None => "",
            Some(path) => match host.entry(path) {
                Some(entry) if entry.is_folder => path,
                Some(_) => return Ok(path.to_owned()),
                None => bail!("{path} does not exist"),
            },
        };
        let path = |name: &str| Path::new(folder).join(name).to_string_lossy().into_owned();
        let found = NAMES.iter().map(|name| path(name)).find(|path| host.entry(path).is_some());
        found.with_context(|| {
            let place = if folder.is_empty() { "this folder" } else { folder };
            format!(
                "{place} has no wrangler.toml and no wrangler.jsonc: go to your project, name it with --config, or make \
                 one with `npx seedhook init`"
            )
        })
    }

    /// Reads a file, by its extension as TOML or as JSON with comments.
    ///
    /// # Errors
    /// When it cannot be read, or [`SyntaxError`] when it cannot be parsed.
    pub(crate) fn read(host: &impl Host, path: &str) -> Result<Self> {
        let text = host::read_text(host, path)?.with_context(|| format!("{path} does not exist"))?;
        Ok(Self::parse(path, text)?)
    }

    /// Parses a text. `path` is its name in messages, and says by its extension which format it has.
    pub(crate) fn parse(path: &str, text: String) -> Result<Self, SyntaxError> {
        let is_json = Path::new(path).extension().is_some_and(|ending| ending == "json" || ending == "jsonc");
        let format = if is_json { Format::Jsonc } else { Format::Toml };
        let parsed = match format {
            Format::Toml => toml::parse(&text),
            Format::Jsonc => jsonc::parse(&text),
        };
        match parsed {
            Ok((root, lossy)) => Ok(Self { path: path.to_owned(), root, lossy, text, format }),
            Err((offset, message)) => {
                let (line, column) = position(&text, offset);
                Err(SyntaxError { path: path.to_owned(), line, column, message })
            }
        }
    }

    /// The variables, or none.
    pub(crate) fn variables(&self) -> Map<String, Json> {
        self.root.get("vars").and_then(Json::as_object).cloned().unwrap_or_default()
    }

    /// The path of a file in the same folder.
    pub(crate) fn beside(&self, name: &str) -> String {
        Path::new(&self.path).with_file_name(name).to_string_lossy().into_owned()
    }

    /// The offset of the deepest key of a path that exists, bytes; 0 if none does.
    pub(crate) fn offset(&self, path: &[String]) -> usize {
        match self.format {
            Format::Toml => toml::offset(&self.text, path),
            Format::Jsonc => jsonc::offset(&self.text, path),
        }
    }

    /// The line and column of an offset. Both count from 1, and columns count characters.
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        position(&self.text, offset)
    }
}

/// Why a large number is lossy.
const ROUNDED: &str = "is beyond ±(2^53 - 1), and JavaScript would round it";

/// Whether JavaScript's numbers can hold it exactly: up to 2^53 - 1 in both directions.
fn is_exact(number: i64) -> bool {
    number.unsigned_abs() < 1 << 53
}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(path: &str, text: &str) -> Result<ConfigFile, SyntaxError> {
        ConfigFile::parse(path, text.to_owned())
    }

    #[test]
    fn both_formats_say_the_same() {
        let toml = parse("w.toml", "name = \"a\"\n[vars]\nN = [1, { b = 1.5 }]\n").unwrap();
        let text =
            "// why\n{\n  \"name\": \"a\", /* so */\n  \"vars\": { \"N\": [1, { \"b\": 1.5 },], },\n}\n";
        let jsonc = parse("w.jsonc", text).unwrap();
        assert_eq!(toml.root, jsonc.root);
        assert_eq!(Json::Object(toml.variables()), json!({"N": [1, {"b": 1.5}]}));
        let at = |file: &ConfigFile| {
            let path = ["vars", "N", "1", "b"].map(ToOwned::to_owned);
            file.position(file.offset(&path))
        };
        assert_eq!(at(&toml), (3, 11));
        assert_eq!(at(&jsonc), (4, 24));
        assert_eq!(jsonc.position(jsonc.offset(&["vars".to_owned(), "M".to_owned()])), (4, 3));
        assert_eq!(jsonc.position(jsonc.offset(&["env".to_owned()])), (1, 1));
    }

    #[test]
    fn a_syntax_error_has_its_position() {
        let toml = parse("w.toml", "name = \"x\"\nvars = {\n  a = = 1\n}\n").unwrap_err();
        assert!(toml.to_string().starts_with("w.toml:3:7: not TOML: "), "{toml}");
        let jsonc = parse("w.jsonc", "{\n  \"a\": = 1\n}\n").unwrap_err();
        assert!(jsonc.to_string().starts_with("w.jsonc:2:8: not JSON: "), "{jsonc}");
        for text in ["", "// nothing\n", "[1]", "\"a\""] {
            let error = parse("w.json", text).unwrap_err().to_string();
            assert!(error.ends_with("not JSON: it must be an object"), "{text}: {error}");
        }
    }

    #[test]
    fn lines_of_windows_and_a_byte_order_mark_change_nothing() {
        let toml = parse("w.toml", "name = \"a\"\r\n[vars]\r\nb = 1\r\n").unwrap();
        assert_eq!(toml.position(toml.offset(&["vars".to_owned(), "b".to_owned()])), (3, 1));
        assert_eq!(parse("w.toml", "\u{feff}name = \"a\"\r\n").unwrap().root["name"], "a");
        assert_eq!(parse("w.jsonc", "\u{feff}{\"name\": \"a\"}\r\n").unwrap().root["name"], "a");
    }

    #[test]
    fn numbers_that_javascript_rounds_are_lossy_in_both_formats() {
        for (path, text) in [("w.toml", "a = [9007199254740992]"), ("w.json", "{\"a\": [9007199254740992]}")]
        {
            let file = parse(path, text).unwrap();
            let found: Vec<_> =
                file.lossy.iter().map(|value| (value.path.join("."), &*value.written)).collect();
            assert_eq!(found, [("a.0".to_owned(), "9007199254740992")], "{path}");
        }
    }
}
