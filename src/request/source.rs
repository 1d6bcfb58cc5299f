//! Finds values in a request by selectors: `headers.x-signature`, `query.token`, `body.data.id`, `items.t`, or several of
//! them: `body.signature.token|body.token`.
//!
//! It verifies nothing: the values are not trusted yet.

use std::borrow::Cow;

use serde_json::Value;

use super::raw::RawRequest;
use crate::document::{Content, Element};

/// The longest text that a source finds, bytes; ids, timestamps, signatures and challenges are far shorter.
const TEXT_BYTES_MAX: usize = 16 * 1024;

/// The most items of a batch that are verified one by one.
const PARTS_MAX: usize = 500;

/// Where a request holds a value, written like a path in an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    written: String,
    /// The first one that finds a text decides.
    selectors: Vec<Selector>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Selector {
    Header(String),
    Query(String),
    Body(Vec<String>),
    /// The label of an item in the signature's header, as `t` in `t=1,v1=…`.
    Item(String),
}

/// Why a text is not a [`Source`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be headers.NAME, query.NAME, body.PATH, or items.LABEL for an item of the signature's header, got \"{selector}\""
)]
pub struct InvalidSource {
    selector: String,
}

/// What a source searches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) delivery: &'a RawRequest,
    /// The item of a batch that `body` selects; `None`: the whole body.
    pub(crate) body: Option<Element<'a>>,
    /// The labels and values of the items in the signature's header.
    pub(crate) items: &'a [(&'a str, &'a str)],
}

/// The source of a batch does not hold a list of a usable length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{selector} must be a list of 1 to {PARTS_MAX} items")]
pub(crate) struct NotAList {
    selector: String,
}

impl<'a> View<'a> {
    /// The whole request, without header items.
    pub(crate) fn whole(delivery: &'a RawRequest) -> Self {
        Self { delivery, body: None, items: &[] }
    }

    /// The parts that are verified one by one: the items of the list at `batch`, or the whole request.
    ///
    /// # Errors
    /// [`NotAList`] when `batch` does not hold a list of 1 to 500 items.
    pub(crate) fn parts(self, batch: Option<&Source>) -> Result<Vec<Self>, NotAList> {
        let Some(batch) = batch else { return Ok(vec![self]) };
        let list = batch.find_value(self).filter(|list| list.is_list());
        let list = list.filter(|list| (1..=PARTS_MAX).contains(&list.count()));
        let list = list.ok_or_else(|| NotAList { selector: batch.as_str().to_owned() })?;
        Ok(list.items().map(|item| Self { body: Some(item), ..self }).collect())
    }

    fn body(&self) -> Option<Element<'a>> {
        self.body.or_else(|| self.delivery.value())
    }
}

impl Source {
    /// Reads a source as the configuration writes it.
    ///
    /// # Errors
    /// [`InvalidSource`] when one of its selectors is none of the four kinds.
    pub fn parse(written: &str) -> Result<Self, InvalidSource> {
        let selectors = written.split('|').map(Selector::parse).collect::<Result<_, _>>()?;
        Ok(Self { written: written.to_owned(), selectors })
    }

    /// The source of a header, by its name in any case.
    #[must_use]
    pub fn header(name: &str) -> Self {
        Self {
            written: format!("headers.{name}"),
            selectors: vec![Selector::Header(name.to_ascii_lowercase())],
        }
    }

    /// The source as the configuration writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The source in messages: the name of a header, otherwise [`Self::as_str`].
    #[must_use]
    pub fn label(&self) -> &str {
        match self.first() {
            Some(Selector::Header(name)) => name,
            _ => &self.written,
        }
    }

    /// The name of the header in lower case, if the first selector is a header.
    #[must_use]
    pub fn header_name(&self) -> Option<&str> {
        match self.first() {
            Some(Selector::Header(name)) => Some(name),
            _ => None,
        }
    }

    /// The name of the query parameter, if the first selector is one.
    #[must_use]
    pub fn query_name(&self) -> Option<&str> {
        match self.first() {
            Some(Selector::Query(name)) => Some(name),
            _ => None,
        }
    }

    /// The label of the header item, if the first selector is one.
    pub(crate) fn item_label(&self) -> Option<&str> {
        match self.first() {
            Some(Selector::Item(label)) => Some(label),
            _ => None,
        }
    }

    /// One template for each selector. Header items are left out, because expressions do not see them.
    pub(crate) fn templates(&self) -> impl Iterator<Item = String> {
        let quoted = |name: &str| Value::from(name).to_string();
        self.selectors.iter().filter_map(move |selector| {
            let expression = match selector {
                Selector::Header(name) => format!("headers[{}]", quoted(name)),
                Selector::Query(name) => format!("query[{}]", quoted(name)),
                Selector::Body(path) => {
                    let index = |part: &String| match part.parse::<usize>() {
                        Ok(number) => format!("[{number}]"),
                        Err(_) => format!("[{}]", quoted(part)),
                    };
                    format!("body{}", path.iter().map(index).collect::<String>())
                }
                Selector::Item(_) => return None,
            };
            Some(format!("{{{{ {expression} }}}}"))
        })
    }

    /// The path in the body, if the first selector is one; an empty path is the whole body.
    #[must_use]
    pub(crate) fn body_path(&self) -> Option<&[String]> {
        match self.first() {
            Some(Selector::Body(path)) => Some(path),
            _ => None,
        }
    }

    fn first(&self) -> Option<&Selector> {
        self.selectors.first()
    }

    /// Finds a text, or a number or boolean as text. `None` when the value is absent, is null, a list or an object, has more
    /// than 16 KiB, or when two header items have the label.
    pub(crate) fn find<'a>(&self, view: View<'a>) -> Option<Cow<'a, str>> {
        let text = self.selectors.iter().find_map(|selector| selector.find(view));
        text.filter(|text| text.len() <= TEXT_BYTES_MAX)
    }

    /// Whether there is a value that [`Self::find`] does not return, such as a list. Null counts as absent.
    pub(crate) fn is_unreadable(&self, view: View<'_>) -> bool {
        self.find(view).is_none() && self.selectors.iter().any(|selector| selector.is_present(view))
    }

    /// Finds a JSON value in the given body.
    pub(crate) fn value_in<'a>(&self, body: Element<'a>) -> Option<Element<'a>> {
        value_at(body, self.body_path()?)
    }

    /// Finds a JSON value in the body of a view.
    pub(crate) fn find_value<'a>(&self, view: View<'a>) -> Option<Element<'a>> {
        value_at(view.body()?, self.body_path()?)
    }
}

impl Selector {
    fn parse(written: &str) -> Result<Self, InvalidSource> {
        let (root, rest) = written.split_once('.').unwrap_or((written, ""));
        Ok(match root {
            "headers" if !rest.is_empty() => Self::Header(rest.to_ascii_lowercase()),
            "query" if !rest.is_empty() => Self::Query(rest.to_owned()),
            "items" if !rest.is_empty() => Self::Item(rest.to_owned()),
            "body" => {
                Self::Body(rest.split('.').filter(|part| !part.is_empty()).map(ToOwned::to_owned).collect())
            }
            _ => return Err(InvalidSource { selector: written.to_owned() }),
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

    fn is_present(&self, view: View<'_>) -> bool {
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

/// The value at a path of an element; list items are numbered from 0.
pub(crate) fn value_at<'a>(value: Element<'a>, path: &[String]) -> Option<Element<'a>> {
    path.iter().try_fold(value, |value, part| match value.content() {
        Content::List => value.item(part.parse::<usize>().ok()?),
        _ => value.get(part),
    })
}

/// The text of a scalar: a whole number with all its digits, another number in its shortest JSON form.
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
mod tests;
