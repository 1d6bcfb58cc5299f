//! JSON with comments and trailing commas, as wrangler reads it.

use jsonc_parser::ast::{ObjectPropName, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, CommentCollectionStrategy, ParseOptions, parse_to_ast};
use serde_json::{Number, Value as Json};

use super::{LossyValue, Parsed};

/// The most levels of nesting: to read a text takes stack for each.
const LEVELS_MAX: usize = 128;

/// Parses a text.
pub(super) fn parse(text: &str) -> Parsed {
    let value = ast(text)?;
    let mut lossy = Vec::new();
    match value.map(|value| of_value(&value, &mut Vec::new(), &mut lossy)) {
        Some(Json::Object(root)) => Ok((root, lossy)),
        _ => Err((0, "not JSON: it must be an object".to_owned())),
    }
}

/// The offset of the deepest key of a path that exists, bytes; 0 if none does.
pub(super) fn offset(text: &str, path: &[String]) -> usize {
    let Ok(Some(root)) = ast(text) else { return 0 };
    let (mut here, mut at) = (0, &root);
    for part in path {
        let next = match at {
            Value::Object(object) => {
                let named = object.properties.iter().find(|property| property.name.as_str() == part.as_str());
                named.map(|property| (property.range().start, &property.value))
            }
            Value::Array(array) => {
                let item = part.parse().ok().and_then(|index: usize| array.elements.get(index));
                item.map(|item| (item.range().start, item))
            }
            _ => None,
        };
        let Some((start, value)) = next else { break };
        (here, at) = (start, value);
    }
    // The parser does not count a byte order mark.
    here + text.len() - unmarked(text).len()
}

fn unmarked(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The offset of the bracket that opens one level more than [`LEVELS_MAX`]. Brackets in texts and comments are none.
fn too_deep(text: &str) -> Option<usize> {
    let (mut levels, mut rest) = (0_usize, text.bytes().enumerate().peekable());
    while let Some((at, byte)) = rest.next() {
        let next = rest.peek().map(|(_, next)| *next);
        match (byte, next) {
            (b'"', _) => {
                while let Some((_, inside)) = rest.next().filter(|(_, inside)| *inside != b'"') {
                    if inside == b'\\' {
                        rest.next();
                    }
                }
            }
            (b'/', Some(b'/')) => while rest.next_if(|(_, inside)| *inside != b'\n').is_some() {},
            (b'/', Some(b'*')) => {
                rest.next();
                let mut before = b' ';
                while let Some((_, inside)) =
                    rest.next().filter(|(_, inside)| (before, *inside) != (b'*', b'/'))
                {
                    before = inside;
                }
            }
            (b'[' | b'{', _) => {
                levels += 1;
                if levels > LEVELS_MAX {
                    return Some(at);
                }
            }
            (b']' | b'}', _) => levels = levels.saturating_sub(1),
            _ => {}
        }
    }
    None
}

fn ast(text: &str) -> Result<Option<Value<'_>>, (usize, String)> {
    if let Some(at) = too_deep(text) {
        return Err((at, format!("not read: there are more than {LEVELS_MAX} levels of brackets")));
    }
    let collected = CollectOptions { comments: CommentCollectionStrategy::Off, tokens: false };
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_extended_string_escapes: false,
        allow_non_finite_numbers: false,
    };
    match parse_to_ast(unmarked(text), &collected, &options) {
        Ok(parsed) => Ok(parsed.value),
        Err(error) => Err((error.range().start, format!("not JSON: {}", error.kind()))),
    }
}

fn of_value(value: &Value<'_>, path: &mut Vec<String>, lossy: &mut Vec<LossyValue>) -> Json {
    match value {
        Value::StringLit(text) => Json::String(text.value.to_string()),
        Value::BooleanLit(truth) => Json::Bool(truth.value),
        Value::NullKeyword(_) => Json::Null,
        Value::NumberLit(number) => of_number(number.value, path, lossy),
        Value::Array(array) => {
            let items = array.elements.iter().enumerate();
            items.map(|(index, item)| inside(index.to_string(), item, path, lossy)).collect()
        }
        Value::Object(object) => {
            let entries = object.properties.iter().map(|property| {
                let name = match &property.name {
                    ObjectPropName::String(name) => name.value.to_string(),
                    ObjectPropName::Word(name) => name.value.to_owned(),
                };
                (name.clone(), inside(name, &property.value, path, lossy))
            });
            Json::Object(entries.collect())
        }
    }
}

fn inside(key: String, value: &Value<'_>, path: &mut Vec<String>, lossy: &mut Vec<LossyValue>) -> Json {
    path.push(key);
    let json = of_value(value, path, lossy);
    path.pop();
    json
}

/// JavaScript has floating-point numbers alone.
fn of_number(written: &str, path: &[String], lossy: &mut Vec<LossyValue>) -> Json {
    if let Ok(number) = written.parse::<i64>() {
        if !super::is_exact(number) {
            let reason = super::ROUNDED;
            lossy.push(LossyValue { path: path.to_vec(), reason, written: written.to_owned() });
        }
        return Json::from(number);
    }
    written.parse().ok().and_then(Number::from_f64).map_or(Json::Null, Json::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> String {
        let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
        format!("{{\"a\": {open}1{close}}}")
    }

    #[test]
    fn levels_are_bounded() {
        assert!(parse(&nested(LEVELS_MAX)).is_ok());
        for levels in [LEVELS_MAX + 1, 1_000_000] {
            let (at, message) = parse(&nested(levels)).unwrap_err();
            assert_eq!((at, message.as_str()), (133, "not read: there are more than 128 levels of brackets"));
        }
        assert_eq!(offset(&nested(1_000_000), &["a".to_owned()]), 0);
    }

    #[test]
    fn brackets_in_texts_and_comments_are_no_levels() {
        let many = "[{".repeat(LEVELS_MAX);
        let text = format!("{{\"a\": \"{many}\\\"{many}\", // {many}\n/* {many} **/ \"b\": 1}}");
        let (root, _) = parse(&text).unwrap();
        assert_eq!((root["a"].as_str().unwrap().len(), root["b"].as_i64()), (4 * LEVELS_MAX + 1, Some(1)));
        let rows = format!("{{\"a\": [{}]}}", vec!["[{}]"; 1_000].join(","));
        assert!(parse(&rows).is_ok());
    }
}
