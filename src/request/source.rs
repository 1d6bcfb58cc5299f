//! Where in a delivery a text stands: `headers.x-signature`, `query.token`, `body.data.id`, `items.t`; or, where senders
//! differ, one place after another: `body.signature.token|body.token`.
//!
//! It finds and judges nothing: what is found is not yet to be believed.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::raw::RawRequest;
use crate::document::{Content, Element};

/// The longest text that is taken from a place, bytes: ids, timestamps, signatures and challenges are far shorter.
const TEXT_BYTES_MAX: usize = 16 * 1024;

/// The most parts of one body that are judged one by one.
const PARTS_MAX: usize = 500;

/// A place in a delivery, written in the words that expressions use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    written: String,
    /// The first that has a text counts.
    places: Vec<Place>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Header(String),
    Query(String),
    Body(Vec<String>),
    /// A labelled item of the signature's own header, as `t` in `t=1,v1=…`.
    Item(String),
}

/// What a source is looked up in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    /// The delivery.
    pub(crate) delivery: &'a RawRequest,
    /// What `body` stands for: the whole body, or the part of it that is being judged.
    pub(crate) body: Option<Element<'a>>,
    /// The labelled items of the signature's header.
    pub(crate) items: &'a [(&'a str, &'a str)],
}

/// The place of `each` holds no list of parts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place} must be a list of 1 to {PARTS_MAX} items")]
pub(crate) struct NotAList {
    place: String,
}

impl<'a> View<'a> {
    /// The whole delivery.
    pub(crate) fn of(delivery: &'a RawRequest) -> Self {
        Self { delivery, body: None, items: &[] }
    }

    /// The parts that are judged one by one: the items of the list at `each`, or the whole.
    ///
    /// # Errors
    /// [`NotAList`] when `each` is not a list of 1 to [`PARTS_MAX`] items.
    pub(crate) fn parts(self, each: Option<&Source>) -> Result<Vec<Self>, NotAList> {
        let Some(each) = each else { return Ok(vec![self]) };
        let list = each.find_value(self).filter(|list| list.is_list());
        let list = list.filter(|list| (1..=PARTS_MAX).contains(&list.count()));
        let list = list.ok_or_else(|| NotAList { place: each.as_str().to_owned() })?;
        Ok(list.items().map(|item| Self { body: Some(item), ..self }).collect())
    }

    fn body(&self) -> Option<Element<'a>> {
        self.body.or_else(|| self.delivery.value())
    }
}

impl Source {
    /// Reads a place as it is written in the configuration.
    ///
    /// # Errors
    /// In words, when it names none.
    pub fn parse(written: &str) -> Result<Self, String> {
        let places = written.split('|').map(Place::parse).collect::<Result<_, _>>()?;
        Ok(Self { written: written.to_owned(), places })
    }

    /// A header by its name.
    #[must_use]
    pub fn header(name: &str) -> Self {
        Self { written: format!("headers.{name}"), places: vec![Place::Header(name.to_ascii_lowercase())] }
    }

    /// The place as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// What a person looks for: a header's bare name, else the place as written.
    #[must_use]
    pub fn label(&self) -> &str {
        match self.place() {
            Some(Place::Header(name)) => name,
            _ => &self.written,
        }
    }

    /// The header that it names, in lower case.
    #[must_use]
    pub fn header_name(&self) -> Option<&str> {
        match self.place() {
            Some(Place::Header(name)) => Some(name),
            _ => None,
        }
    }

    /// The query's parameter that it names.
    #[must_use]
    pub fn query_name(&self) -> Option<&str> {
        match self.place() {
            Some(Place::Query(name)) => Some(name),
            _ => None,
        }
    }

    /// The label of the item that it names.
    pub(crate) fn item_label(&self) -> Option<&str> {
        match self.place() {
            Some(Place::Item(label)) => Some(label),
            _ => None,
        }
    }

    /// What stands at a path of a body.
    pub(crate) fn value_by<'a>(body: Element<'a>, path: &[String]) -> Option<Element<'a>> {
        value_at(body, path)
    }

    /// Writes a text there; `part` is the path of what `body` stands for.
    ///
    /// # Errors
    /// In words, where the delivery has no such place.
    pub(crate) fn put(
        &self,
        delivery: &mut RawRequest,
        part: Option<&[String]>,
        text: Value,
    ) -> Result<(), String> {
        let plain = || text.as_str().map_or_else(|| text.to_string(), ToOwned::to_owned);
        match self.place() {
            Some(Place::Header(name)) => delivery.set_header(name, &plain()),
            Some(Place::Query(name)) => delivery.set_query(name, &plain()),
            Some(Place::Body(path)) => {
                let path = [part.unwrap_or_default(), path].concat();
                let mut body: Value = serde_json::from_slice(&delivery.body)
                    .map_err(|_| "the signature stands in a JSON body".to_owned())?;
                let slot = slot_at(&mut body, &path);
                *slot.ok_or_else(|| format!("the body has no place for {}", self.written))? = text;
                delivery.set_body(body.to_string().into_bytes());
            }
            Some(Place::Item(_)) | None => return Err(format!("{} cannot be written", self.written)),
        }
        Ok(())
    }

    /// The same places as templates; what expressions do not see is left out.
    pub(crate) fn templates(&self) -> impl Iterator<Item = String> {
        let quoted = |name: &str| Value::from(name).to_string();
        self.places.iter().filter_map(move |place| {
            let expression = match place {
                Place::Header(name) => format!("headers[{}]", quoted(name)),
                Place::Query(name) => format!("query[{}]", quoted(name)),
                Place::Body(path) => {
                    let index = |part: &String| match part.parse::<usize>() {
                        Ok(number) => format!("[{number}]"),
                        Err(_) => format!("[{}]", quoted(part)),
                    };
                    format!("body{}", path.iter().map(index).collect::<String>())
                }
                Place::Item(_) => return None,
            };
            Some(format!("{{{{ {expression} }}}}"))
        })
    }

    /// The path in the body that it names.
    #[must_use]
    pub(crate) fn body_path(&self) -> Option<&[String]> {
        match self.place() {
            Some(Place::Body(path)) => Some(path),
            _ => None,
        }
    }

    fn place(&self) -> Option<&Place> {
        self.places.first()
    }

    /// The text that stands there. None where there is nothing, no scalar, too much, or two items of one label.
    pub(crate) fn find<'a>(&self, view: View<'a>) -> Option<Cow<'a, str>> {
        let text = self.places.iter().find_map(|place| place.find(view));
        text.filter(|text| text.len() <= TEXT_BYTES_MAX)
    }

    /// Whether something stands there that is no usable text: an object, a list, too much. A null is nothing.
    pub(crate) fn is_unreadable(&self, view: View<'_>) -> bool {
        self.find(view).is_none() && self.places.iter().any(|place| place.is_occupied(view))
    }

    /// The JSON value that stands there in a body.
    pub(crate) fn value_in<'a>(&self, body: Element<'a>) -> Option<Element<'a>> {
        value_at(body, self.body_path()?)
    }

    /// The JSON value that stands there, for a place in the body.
    pub(crate) fn find_value<'a>(&self, view: View<'a>) -> Option<Element<'a>> {
        value_at(view.body()?, self.body_path()?)
    }
}

impl Place {
    fn parse(written: &str) -> Result<Self, String> {
        let (root, rest) = written.split_once('.').unwrap_or((written, ""));
        Ok(match root {
            "headers" if !rest.is_empty() => Self::Header(rest.to_ascii_lowercase()),
            "query" if !rest.is_empty() => Self::Query(rest.to_owned()),
            "items" if !rest.is_empty() => Self::Item(rest.to_owned()),
            "body" => {
                Self::Body(rest.split('.').filter(|part| !part.is_empty()).map(ToOwned::to_owned).collect())
            }
            _ => {
                return Err("names no place in a delivery: write headers.NAME, query.NAME, body.PATH, or \
                            items.LABEL for an item of the signature's header"
                    .to_owned());
            }
        })
    }

    fn find<'a>(&self, view: View<'a>) -> Option<Cow<'a, str>> {
        match self {
            Self::Header(name) => view.delivery.header(name).map(Cow::Borrowed),
            Self::Query(name) => view.delivery.query(name).map(Cow::Borrowed),
            Self::Item(label) => {
                let mut same = view.items.iter().filter(|(name, _)| name == label).map(|(_, value)| *value);
                let first = same.next().map(Cow::Borrowed);
                if same.next().is_some() { None } else { first }
            }
            Self::Body(path) => value_at(view.body()?, path).and_then(scalar),
        }
    }

    fn is_occupied(&self, view: View<'_>) -> bool {
        match self {
            Self::Header(name) => view.delivery.header(name).is_some(),
            Self::Query(name) => view.delivery.query(name).is_some(),
            Self::Item(label) => view.items.iter().any(|(name, _)| name == label),
            Self::Body(path) => {
                let value = view.body().and_then(|body| value_at(body, path));
                value.is_some_and(|value| !value.is_null())
            }
        }
    }
}

fn value_at<'a>(value: Element<'a>, path: &[String]) -> Option<Element<'a>> {
    path.iter().try_fold(value, |value, part| match value.content() {
        Content::List => value.item(part.parse::<usize>().ok()?),
        _ => value.get(part),
    })
}

/// The place at a path; objects on the way are made where they are missing.
fn slot_at<'a>(value: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(value, |value, part| match value {
        Value::Array(items) => items.get_mut(part.parse::<usize>().ok()?),
        Value::Object(object) => {
            Some(object.entry(part.as_str()).or_insert_with(|| Value::Object(Map::new())))
        }
        _ => None,
    })
}

/// A whole number with all its digits, another as JSON writes it in its shortest form.
fn scalar(value: Element<'_>) -> Option<Cow<'_, str>> {
    match value.content() {
        Content::Text(text) => Some(Cow::Borrowed(text)),
        Content::Number(digits) if digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') => {
            Some(Cow::Borrowed(digits))
        }
        Content::Number(_) => Some(Cow::Owned(value.to_value().to_string())),
        Content::Bool(truth) => Some(Cow::Borrowed(if truth { "true" } else { "false" })),
        Content::Null | Content::List | Content::Object => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timestamp::Timestamp;

    fn delivery() -> RawRequest {
        let headers = [("X-Id", "h1"), ("X-Twice", "a"), ("x-twice", "b")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let body = br#"{"id": 7, "data": {"items": [{"ok": true}], "none": null}}"#.to_vec();
        let url = "https://seedhook.example/hooks/h?hub.mode=subscribe&x=1%202";
        RawRequest::new("POST", url, headers, body, Timestamp::from_millis(0))
    }

    #[track_caller]
    fn check(written: &str, expected: Option<&str>) {
        let delivery = delivery();
        let items = [("t", "1"), ("v1", "a"), ("v1", "b")];
        let view = View { items: &items, ..View::of(&delivery) };
        assert_eq!(Source::parse(written).unwrap().find(view).as_deref(), expected, "{written}");
    }

    #[test]
    fn a_place_is_found_by_its_name() {
        check("headers.X-Id", Some("h1"));
        check("headers.x-absent", None);
        check("headers.x-twice", Some("a, b"));
        check("query.hub.mode", Some("subscribe"));
        check("query.x", Some("1 2"));
        check("body.id", Some("7"));
        check("body.data.items.0.ok", Some("true"));
        check("body.data.none", None);
        check("body.data", None);
        check("body.data.items.9", None);
        check("items.t", Some("1"));
        check("items.v1", None);
        check("body.data|body.id", Some("7"));
        check("body.data|body.absent", None);
    }

    #[test]
    fn what_is_no_text_is_not_nothing() {
        let delivery = delivery();
        let items = [("t", "1"), ("v1", "a"), ("v1", "b")];
        let view = View { items: &items, ..View::of(&delivery) };
        let is_unreadable = |written: &str| Source::parse(written).unwrap().is_unreadable(view);
        assert!(is_unreadable("body.data") && is_unreadable("body.data.items") && is_unreadable("items.v1"));
        assert!(
            !is_unreadable("body.id") && !is_unreadable("body.data|body.id") && !is_unreadable("items.t")
        );
        assert!(
            !is_unreadable("body.absent") && !is_unreadable("body.data.none") && !is_unreadable("headers.x")
        );
        let long = vec![("x-long".to_owned(), "x".repeat(TEXT_BYTES_MAX + 1))];
        let delivery = RawRequest::new("POST", "", long, Vec::new(), Timestamp::from_millis(0));
        assert!(Source::header("x-long").is_unreadable(View::of(&delivery)));
    }

    #[test]
    fn places_are_templates_too() {
        let source = Source::parse("headers.X-Id|query.a|body.a.0.b c|items.t").unwrap();
        let expected = ["{{ headers[\"x-id\"] }}", "{{ query[\"a\"] }}", "{{ body[\"a\"][0][\"b c\"] }}"];
        assert_eq!(source.templates().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_names_no_place_is_refused() {
        for bad in ["", "header.x", "headers", "query.", "x-signature", "event.id"] {
            assert!(Source::parse(bad).is_err(), "{bad}");
        }
    }
}
