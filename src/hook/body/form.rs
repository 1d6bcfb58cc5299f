//! Forms: `application/x-www-form-urlencoded`, and what all forms have in common.
//!
//! Reads as <https://url.spec.whatwg.org/#urlencoded-parsing> says, but refuses bytes that are no text, where that
//! replaces them.

use std::borrow::Cow;

use percent_encoding::percent_decode;
use serde_json::map::Entry;
use serde_json::{Map, Value};

use super::charset::Charset;
use super::{BodyError, json};

/// How many fields a form may have: a mail or a payment has some 50.
pub const FIELDS_MAX: usize = 1_000;

/// A form whose only field is one of these and holds a JSON object or list *is* that document:
/// - `payload`: GitHub, where a webhook's content type is left as it is
///   (<https://docs.github.com/en/webhooks/using-webhooks/creating-webhooks>), and Slack's interactions
///   (<https://api.slack.com/interactivity/handling>);
/// - `json`: Dropbox Sign (<https://developers.hellosign.com/docs/events/walkthrough/>);
/// - `mandrill_events`: Mailchimp Transactional
///   (<https://mandrill.zendesk.com/hc/en-us/articles/360038740594-Webhook-Format>).
const DOCUMENT_FIELDS: &[&str] = &["payload", "json", "mandrill_events"];

/// Reads a form of the kind that browsers send by default.
pub(super) fn read(charset: Charset, body: &[u8]) -> Result<Value, BodyError> {
    let mut fields = Fields::default();
    let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    for (count, pair) in pairs.enumerate() {
        if count == FIELDS_MAX {
            let text = format!("the form has more than {FIELDS_MAX} fields: send fewer");
            return Err(BodyError::TooComplex(text));
        }
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = decode(charset, halves.next().unwrap_or_default())?;
        let value = decode(charset, halves.next().unwrap_or_default())?;
        fields.add(name, Value::String(value));
    }
    fields.into_body()
}

fn decode(charset: Charset, encoded: &[u8]) -> Result<String, BodyError> {
    let spaced: Vec<u8> = encoded.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let bytes: Cow<'_, [u8]> = percent_decode(&spaced).into();
    let text = charset.decode(&bytes);
    text.map(Cow::into_owned)
        .ok_or_else(|| BodyError::malformed("the form is not UTF-8: send its fields in UTF-8"))
}

/// The fields of a form of either kind.
#[derive(Debug, Default)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// Adds a text or a file. A name that is given again becomes a list.
    pub(super) fn add(&mut self, name: String, value: Value) {
        match self.0.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert(value);
            }
            Entry::Occupied(mut entry) => match entry.get_mut() {
                // No field is a list of its own accord, so this one was made below.
                Value::Array(values) => values.push(value),
                first => *first = Value::Array(vec![first.take(), value]),
            },
        }
    }

    /// The fields as an object, or the document that they wrap.
    pub(super) fn into_body(self) -> Result<Value, BodyError> {
        let mut fields = self.0.iter();
        if let (Some((name, Value::String(text))), None) = (fields.next(), fields.next())
            && DOCUMENT_FIELDS.contains(&name.as_str())
            && text.trim_start().starts_with(['{', '['])
        {
            return json::read(text, &format!("the form's field {name}"));
        }
        Ok(Value::Object(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(body: &str, expected: &Value) {
        assert_eq!(read(Charset::Utf8, body.as_bytes()).as_ref(), Ok(expected), "{body}");
    }

    #[test]
    fn fields_are_texts() {
        check("", &json!({}));
        check(
            "a=1&b=x+y%20z%2B&c&=d&&e=f=g",
            &json!({"a": "1", "b": "x y z+", "c": "", "": "d", "e": "f=g"}),
        );
        check("caf%C3%A9=%e2%82%ac&é=%zz%4", &json!({"café": "€", "é": "%zz%4"}));
        check("a[b]=1&a%5B%5D=2", &json!({"a[b]": "1", "a[]": "2"}));
    }

    #[test]
    fn a_name_given_again_becomes_a_list() {
        check("a=1&b=2&a=3&a=4", &json!({"a": ["1", "3", "4"], "b": "2"}));
    }

    #[test]
    fn a_form_that_only_wraps_a_document_is_that_document() {
        check("payload=%7B%22action%22%3A%22opened%22%7D", &json!({"action": "opened"}));
        check("mandrill_events=+%5B%7B%22event%22:%22open%22%7D%5D", &json!([{"event": "open"}]));
        check("json={\"event\":{}}", &json!({"event": {}}));
    }

    #[test]
    fn any_other_form_is_its_fields() {
        check("payload={}&token=x", &json!({"payload": "{}", "token": "x"}));
        check("payload={}&payload={}", &json!({"payload": ["{}", "{}"]}));
        check("payload=text", &json!({"payload": "text"}));
        check("payload=1", &json!({"payload": "1"}));
        check("data={}", &json!({"data": "{}"}));
    }

    #[test]
    fn a_wrapped_document_is_held_to_the_same_bounds() {
        let error = read(Charset::Utf8, b"payload={\"s3cret\"").unwrap_err();
        assert!(error.to_string().starts_with("the form's field payload is not JSON: EOF"), "{error}");
        let deep = format!("payload={}", "[".repeat(100_000));
        assert!(matches!(read(Charset::Utf8, deep.as_bytes()), Err(BodyError::TooComplex(_))));
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_unless_the_charset_says_so() {
        for body in [&b"a=%ff"[..], b"%c3=1", b"a=\xe9"] {
            assert!(matches!(read(Charset::Utf8, body), Err(BodyError::Malformed(_))), "{body:?}");
        }
        assert_eq!(read(Charset::Windows1252, b"a=caf%E9"), Ok(json!({"a": "café"})));
    }

    #[test]
    fn a_form_has_1_000_fields_and_no_more() {
        assert!(read(Charset::Utf8, "a=1&".repeat(FIELDS_MAX).as_bytes()).is_ok());
        for body in ["a=1&".repeat(FIELDS_MAX + 1), "a&".repeat(500_000)] {
            assert!(matches!(read(Charset::Utf8, body.as_bytes()), Err(BodyError::TooComplex(_))));
        }
        check(&"&".repeat(1_000_000), &json!({}));
    }
}
