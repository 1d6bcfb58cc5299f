//! Forms: `application/x-www-form-urlencoded` by <https://url.spec.whatwg.org/#urlencoded-parsing>, and the fields that
//! multipart forms share with them. Bytes that are not text become U+FFFD.

use std::borrow::Cow;
use std::collections::BTreeMap;

use percent_encoding::percent_decode;

use super::BodyError;
use super::charset::Charset;
use crate::document::{Builder, Document, ParseError};

/// The most fields of a form; a mail or a payment has about 50.
pub const FIELDS_MAX: usize = 1_000;

/// The member of a file that holds its size in bytes.
pub(super) const SIZE: &str = "size";

/// A form whose only field is one of these and holds a JSON object or list *is* that document:
/// - `payload`: GitHub, where a webhook's content type is left as it is
///   (<https://docs.github.com/en/webhooks/using-webhooks/creating-webhooks>), and Slack's interactions
///   (<https://api.slack.com/interactivity/handling>);
/// - `json`: Dropbox Sign (<https://developers.hellosign.com/docs/events/walkthrough/>);
/// - `mandrill_events`: Mailchimp Transactional
///   (<https://mandrill.zendesk.com/hc/en-us/articles/360038740594-Webhook-Format>).
const DOCUMENT_FIELDS: &[&str] = &["payload", "json", "mandrill_events"];

/// Parses a form as browsers send it by default.
pub(super) fn read(charset: Charset, body: &[u8]) -> Result<Document, BodyError> {
    let mut fields = Fields::default();
    let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    for (count, pair) in pairs.enumerate() {
        if count == FIELDS_MAX {
            let text = format!("the form has more than {FIELDS_MAX} fields: send fewer");
            return Err(BodyError::TooComplex(text));
        }
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = decode(charset, halves.next().unwrap_or_default());
        let value = decode(charset, halves.next().unwrap_or_default());
        fields.add(name, Field::Text(value.into()));
    }
    fields.into_document()
}

fn decode(charset: Charset, encoded: &[u8]) -> String {
    let spaced: Vec<u8> = encoded.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let bytes: Cow<'_, [u8]> = percent_decode(&spaced).into();
    charset.decode(&bytes).into_owned()
}

/// The value of a field.
#[derive(Debug)]
pub(super) enum Field<'b> {
    Text(Cow<'b, str>),
    /// A file, as the members of the object that describes it.
    File(Vec<(&'static str, Cow<'b, str>)>),
}

/// The fields of a form of either type, in the order in which each name first appeared.
#[derive(Debug, Default)]
pub(super) struct Fields<'b> {
    /// The index in `values` of each name.
    indexes: BTreeMap<String, usize>,
    values: Vec<Vec<Field<'b>>>,
}

impl<'b> Fields<'b> {
    /// Adds a field. A repeated name becomes a list.
    pub(super) fn add(&mut self, name: String, value: Field<'b>) {
        let index = *self.indexes.entry(name).or_insert(self.values.len());
        match self.values.get_mut(index) {
            Some(values) => values.push(value),
            None => self.values.push(vec![value]),
        }
    }

    /// Makes an object of the fields, or the document that the only field holds.
    pub(super) fn into_document(self) -> Result<Document, BodyError> {
        let mut names: Vec<(usize, String)> =
            self.indexes.into_iter().map(|(name, index)| (index, name)).collect();
        names.sort_unstable();
        if let ([(_, name)], [values]) = (names.as_slice(), self.values.as_slice())
            && let [Field::Text(text)] = values.as_slice()
            && DOCUMENT_FIELDS.contains(&name.as_str())
            && text.trim_start().starts_with(['{', '['])
        {
            return super::parse(text.clone().into_owned().into(), &format!("the form's field {name}"));
        }
        let fields = names.iter().map(|(_, name)| name.as_str()).zip(&self.values);
        build(fields).map_err(|error| BodyError::from_document("the form", error))
    }
}

fn build<'f>(fields: impl Iterator<Item = (&'f str, &'f Vec<Field<'f>>)>) -> Result<Document, ParseError> {
    let mut builder = Builder::default();
    builder.begin_object()?;
    for (name, values) in fields {
        builder.name(name)?;
        if values.len() > 1 {
            builder.begin_list()?;
        }
        for value in values {
            value.write(&mut builder)?;
        }
        if values.len() > 1 {
            builder.end();
        }
    }
    Ok(builder.finish())
}

impl Field<'_> {
    fn write(&self, builder: &mut Builder) -> Result<(), ParseError> {
        match self {
            Self::Text(text) => builder.text(text),
            Self::File(members) => {
                builder.begin_object()?;
                for (name, value) in members {
                    builder.name(name)?;
                    // The size is the only number.
                    if *name == SIZE { builder.number(value)? } else { builder.text(value)? }
                }
                builder.end();
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[track_caller]
    fn check_bytes(body: &[u8], expected: &Value) {
        let read = read(Charset::Utf8, body).unwrap();
        assert_eq!(read.root().to_value(), *expected, "{body:?}");
    }

    fn check(body: &str, expected: &Value) {
        check_bytes(body.as_bytes(), expected);
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
    fn a_repeated_name_becomes_a_list() {
        check("a=1&b=2&a=3&a=4", &json!({"a": ["1", "3", "4"], "b": "2"}));
    }

    #[test]
    fn a_form_whose_only_field_is_a_document_is_that_document() {
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
    fn a_document_in_a_field_has_the_same_bounds() {
        let error = read(Charset::Utf8, b"payload={\"s3cret\"").unwrap_err();
        assert!(
            error.to_string().starts_with("the form's field payload is not JSON: expected `:`"),
            "{error}"
        );
        let deep = format!("payload={}", "[".repeat(100_000));
        assert!(matches!(read(Charset::Utf8, deep.as_bytes()), Err(BodyError::TooComplex(_))));
    }

    #[test]
    fn bytes_that_are_not_text_are_replaced_unless_the_charset_has_them() {
        check_bytes(b"a=%ff&b=1", &json!({"a": "\u{fffd}", "b": "1"}));
        check_bytes(b"%c3=1", &json!({"\u{fffd}": "1"}));
        check_bytes(b"a=x\xe9", &json!({"a": "x\u{fffd}"}));
        check_bytes(b"a=cut+%ED%A0%BD", &json!({"a": "cut \u{fffd}\u{fffd}\u{fffd}"}));
        let latin = read(Charset::Windows1252, b"a=caf%E9").unwrap();
        assert_eq!(latin.root().to_value(), json!({"a": "café"}));
    }

    #[test]
    fn fields_keep_their_order() {
        let form = read(Charset::Utf8, b"z=1&b=2&a=3&b=4").unwrap();
        let names: Vec<_> = form.root().members().map(|(name, _)| name).collect();
        assert_eq!(names, ["z", "b", "a"]);
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
