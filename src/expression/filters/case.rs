//! Filters that change upper and lower case, as Python does.

use std::borrow::Cow;

use super::super::arguments::Arguments;
use crate::value::Value;
use crate::value::error::Error;

/// `text | upper`
pub(in super::super) fn upper(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    Ok(Value::text(&paid_text(value, arguments)?.to_uppercase()))
}

/// `text | lower`
pub(in super::super) fn lower(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    Ok(Value::text(&paid_text(value, arguments)?.to_lowercase()))
}

/// `text | capitalize`
pub(in super::super) fn capitalize(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let text = paid_text(value, arguments)?;
    let first = text.chars().next().map(title_case).unwrap_or_default();
    Ok(Value::text(&format!("{first}{}", lower_after_first(&text))))
}

/// `text | title`: the first letter of each word in upper case, the others in lower case.
pub(in super::super) fn title(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let is_between =
        |character: char| matches!(character, '-' | '(' | '{' | '[' | '<') || character.is_whitespace();
    let text = paid_text(value, arguments)?;
    let mut titled = String::with_capacity(text.len());
    for part in text.split_inclusive(is_between) {
        let word = part.trim_end_matches(is_between);
        titled.extend(word.chars().next().into_iter().flat_map(char::to_uppercase));
        titled.push_str(&lower_after_first(word));
        titled.push_str(part.get(word.len()..).unwrap_or_default());
    }
    Ok(Value::text(&titled))
}

/// The text that a filter takes: to read it is paid for, and to write as much.
fn paid_text<'v>(value: &'v Value, arguments: &Arguments) -> Result<Cow<'v, str>, Error> {
    let text = arguments.own_text(value)?;
    arguments.fuel.spend_on_text(text.len())?;
    Ok(text)
}

/// All but the first character in lower case; how a final sigma is written depends on the whole word.
fn lower_after_first(text: &str) -> String {
    let first: usize = text.chars().next().into_iter().flat_map(char::to_lowercase).map(char::len_utf8).sum();
    text.to_lowercase().split_off(first)
}

/// A character at the start of a word: `ß` is `Ss`, `ǆ` is `ǅ`.
fn title_case(character: char) -> String {
    let code = u32::from(character);
    let own_form = match code {
        0x1c4..=0x1cc => code - (code - 0x1c4) % 3 + 1,
        0x1f1..=0x1f3 => 0x1f2,
        // Greek letters with an iota below.
        0x1f80..=0x1faf => code | 8,
        0x1fb3 | 0x1fc3 | 0x1ff3 => code + 9,
        // Those that have this form; Georgian letters have capitals, but not at the start of a word.
        0x1fbc | 0x1fcc | 0x1ffc | 0x10d0..=0x10fa | 0x10fd..=0x10ff => code,
        _ => 0,
    };
    if let Some(form) = char::from_u32(own_form).filter(|_| own_form != 0) {
        return form.to_string();
    }
    let mut upper = character.to_uppercase();
    let first = upper.next().into_iter();
    let lower = |rest: char| if rest == '\u{399}' { vec!['\u{345}'] } else { rest.to_lowercase().collect() };
    first.chain(upper.flat_map(lower)).collect()
}
