//! The secrets of this machine: `.dev.vars`, as wrangler reads it. Their values are never printed.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::config_file::ConfigFile;
use crate::host::{Host, read_text};

/// The values of secrets, by name.
pub(crate) type Secrets = BTreeMap<String, String>;

/// The file, which git ignores.
pub(crate) const FILE: &str = ".dev.vars";

/// The file that a repository may have in its place.
pub(crate) const EXAMPLE: &str = ".dev.vars.example";

/// Reads the `.dev.vars` in the folder of a configuration, or the `.dev.vars.example` from which `dev` makes it. No secrets
/// where neither exists.
pub(crate) fn read_beside(host: &impl Host, file: &ConfigFile) -> Result<Secrets> {
    for name in [FILE, EXAMPLE] {
        if let Some(text) = read_text(host, &file.beside(name))? {
            return Ok(parse(&text));
        }
    }
    Ok(Secrets::new())
}

/// Parses `NAME=value` lines by the rules of dotenv 16, with which wrangler reads the file
/// (<https://github.com/motdotla/dotenv/blob/v16.3.1/lib/main.js>). Other lines are ignored. When a name occurs twice,
/// the last value counts.
///
/// - The name may follow `export `. Blanks and line breaks may surround `=`, and `: ` may replace it.
/// - A value without quotes ends at `#` or at the end of the line, and is trimmed.
/// - A value in `'…'`, `"…"` or a pair of backticks may contain `#` and line breaks. A quote after `\` does not end
///   the value, and the `\` stays in it. Only `"…"` turns `\n` into a line feed and `\r` into a carriage return.
/// - Only a comment may follow the closing quote. Otherwise the quotes are part of the value.
pub(crate) fn parse(text: &str) -> Secrets {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut secrets = Secrets::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        rest = rest.trim_start_matches(is_blank);
        if let Some((name, value, after)) = read_line(rest) {
            secrets.insert(name.to_owned(), value);
            rest = after;
        }
        rest = rest.split_once('\n').map_or("", |(_, next)| next);
    }
    secrets
}

/// The name and value at the start of a line, and the text from the end of its last line on.
fn read_line(text: &str) -> Option<(&str, String, &str)> {
    let exported = text.strip_prefix("export").filter(|rest| rest.starts_with(is_blank));
    // A variable may be named `export` too.
    exported.and_then(|rest| read_pair(rest.trim_start_matches(is_blank))).or_else(|| read_pair(text))
}

fn read_pair(text: &str) -> Option<(&str, String, &str)> {
    let is_name = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '-');
    let (name, rest) = text.split_at_checked(text.find(|character| !is_name(character))?)?;
    let equals = rest.trim_start_matches(is_blank).strip_prefix('=');
    let colon = || rest.strip_prefix(':')?.strip_prefix(is_blank);
    let rest = equals.or_else(colon).filter(|_| !name.is_empty())?;
    if let Some((value, after)) = quoted(rest) {
        return Some((name, value, after));
    }
    let (bare, after) = rest.split_at_checked(rest.find(['#', '\n']).unwrap_or(rest.len()))?;
    // A bare value reaches to the comment or the end of the line, so the rest always parses.
    Some((name, unquoted(bare.trim_matches(is_blank)), end_of_pair(after)?))
}

/// A value in quotes, and the text after it. `None` when the quote is not closed, or when more than a comment follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start_matches(is_blank);
    let quote = text.chars().next().filter(|first| matches!(first, '\'' | '"' | '`'))?;
    // The positions after quotes that may close the value: escaped ones, then the first that is not escaped.
    let mut closing = Vec::new();
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        if character == quote {
            closing.push(at + 1);
            if !escaped {
                break;
            }
        }
        escaped = character == '\\';
    }
    closing.into_iter().rev().find_map(|end| {
        let (value, rest) = text.split_at_checked(end)?;
        Some((unquoted(value), end_of_pair(rest)?))
    })
}

/// The text after a value, its blanks and its comment, from the end of its last line on. `None` when something else
/// follows on the value's own line.
fn end_of_pair(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(is_blank);
    if rest.starts_with('#') {
        return rest.get(rest.find('\n').unwrap_or(rest.len())..);
    }
    let blanks = text.get(..text.len() - rest.len())?;
    if rest.is_empty() { Some(rest) } else { text.get(blanks.rfind('\n')?..) }
}

/// A value without its pair of quotes, if it has one.
fn unquoted(value: &str) -> String {
    let mut quotes = ['\'', '"', '`'].into_iter();
    let inside = quotes.find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    let inside = inside.unwrap_or(value);
    if value.starts_with('"') { inside.replace("\\n", "\n").replace("\\r", "\r") } else { inside.to_owned() }
}

/// Whether a character matches `\s` in JavaScript.
fn is_blank(character: char) -> bool {
    character.is_whitespace() && character != '\u{85}' || character == '\u{feff}'
}

#[cfg(test)]
mod tests {
    use seedhook::config::Configuration;
    use seedhook::http::api_token::ApiToken;
    use seedhook::link::LinkSecret;

    use super::*;
    use crate::testing;

    /// `expected` is what dotenv 16.3.1 parsed in Node.
    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let expected = expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        assert_eq!(parse(text), expected.collect(), "{text:?}");
    }

    #[test]
    fn values_without_quotes_end_at_a_comment_or_a_line() {
        check(
            "# A=1\nB=plain # why\nC= a b \nE=\n\nno line\nF=1",
            &[("B", "plain"), ("C", "a b"), ("E", ""), ("F", "1")],
        );
        check("A=a#b\r\nB=x\\ny\rC=1", &[("A", "a"), ("B", "x\\ny"), ("C", "1")]);
        check("A=it's\nB=a=b=", &[("A", "it's"), ("B", "a=b=")]);
        check("A=# nothing\nB=1", &[("A", ""), ("B", "1")]);
        check("A=1\nA=2", &[("A", "2")]);
    }

    #[test]
    fn only_double_quotes_unescape_line_breaks() {
        check(r#"A="a\nb\r" # x"#, &[("A", "a\nb\r")]);
        check(r"A='a\nb'", &[("A", r"a\nb")]);
        check(r"A=`a\nb`", &[("A", r"a\nb")]);
        check("A=\"-----BEGIN\nb#c\n-----END\"\nB=1", &[("A", "-----BEGIN\nb#c\n-----END"), ("B", "1")]);
        check("A=''\nB=\"\"\nC=``", &[("A", ""), ("B", ""), ("C", "")]);
    }

    #[test]
    fn an_escaped_quote_does_not_end_a_value_and_keeps_its_backslash() {
        check(r#"A="a\"b""#, &[("A", r#"a\"b"#)]);
        check(r"A='a\'b' # c", &[("A", r"a\'b")]);
        check("A=\"it's `so`\"", &[("A", "it's `so`")]);
        check(r"A='a\' # c", &[("A", r"a\")]);
    }

    #[test]
    fn quotes_that_do_not_enclose_the_value_are_part_of_it() {
        check("A='x' y", &[("A", "'x' y")]);
        check("A='x' y'", &[("A", "x' y")]);
        check("A=\"open\\n\nB=1", &[("A", "\"open\n"), ("B", "1")]);
        check("A=\"", &[("A", "\"")]);
        check("A=\"a#b", &[("A", "\"a")]);
    }

    #[test]
    fn names_may_be_exported_and_blanks_may_surround_the_equals_sign() {
        check(
            " export D='d'\n export = 2\nexport\tA.b-C = 1",
            &[("D", "d"), ("export", "2"), ("A.b-C", "1")],
        );
        check("A: 1\nB:2\nC\n=\n'3'\nD E=4", &[("A", "1"), ("C", "3")]);
        check("A=\nB=1", &[("A", ""), ("B", "1")]);
        check("\u{feff}A=1\n\u{a0}B=\u{a0}2", &[("A", "1"), ("B", "2")]);
    }

    #[test]
    fn the_example_has_every_secret_of_wrangler_toml() {
        let example = parse(&testing::project_text(".dev.vars.example"));
        assert!(LinkSecret::new(example.get("LINK_SECRET").map(String::as_str)).is_ok());
        assert!(ApiToken::new(example.get("OPERATOR_TOKEN").map(String::as_str)).is_ok());
        let file = ConfigFile::parse("wrangler.toml", testing::project_text("wrangler.toml")).unwrap();
        for name in Configuration::read(&file.variables()).secret_names() {
            assert!(example.contains_key(name), "{name}");
        }
    }
}
