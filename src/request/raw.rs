//! A request as it arrived. Nothing about it is believed yet.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use crate::document::{Document, Element};
use crate::request::body::{self, BodyError};
use crate::timestamp::Timestamp;

/// A delivery as it arrived: nothing about it is believed yet.
#[derive(Debug, Clone)]
pub struct RawRequest {
    /// The method, in capitals.
    pub method: String,
    /// The whole address that was called.
    pub url: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) query: BTreeMap<String, String>,
    /// The body's bytes, up to the hook's limit.
    pub body: Vec<u8>,
    /// When it arrived.
    pub received_at: Timestamp,
    /// What the body says, once somebody asked.
    document: OnceCell<Result<Arc<Document>, BodyError>>,
}

impl RawRequest {
    /// From an HTTP request. What is there twice is joined with a comma, as every HTTP runtime does with headers: so a
    /// doubled signature or token matches nothing.
    pub fn new(
        method: &str,
        url: &str,
        headers: impl IntoIterator<Item = (String, String)>,
        body: Vec<u8>,
        received_at: Timestamp,
    ) -> Self {
        let headers = joined(headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)));
        let (query, document) = (query_of(url), OnceCell::new());
        Self { method: method.to_owned(), url: url.to_owned(), headers, query, body, received_at, document }
    }

    /// A header by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// A parameter of the query, decoded.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// The same at another address.
    #[must_use]
    pub fn at(self, url: &str) -> Self {
        let query = query_of(url);
        Self { url: url.to_owned(), query, ..self }
    }

    /// The same with another header, or without it.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.headers.insert(name.to_owned(), value.to_owned()),
            None => self.headers.remove(name),
        };
        self
    }

    /// Takes the body for another media type than the one that is stated.
    #[must_use]
    pub fn with_content_type(mut self, content_type: Option<&str>) -> Self {
        if let Some(content_type) = content_type {
            self.headers.insert("content-type".to_owned(), content_type.to_owned());
        }
        self
    }

    /// Every header, by its name in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn set_header(&mut self, name: &str, value: &str) {
        self.headers.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn set_query(&mut self, name: &str, value: &str) {
        let pair = url::form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
        let separator = if self.url.contains('?') { '&' } else { '?' };
        self.url = format!("{}{separator}{pair}", self.url);
        self.query.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn set_body(&mut self, body: Vec<u8>) {
        self.body = body;
        self.document = OnceCell::new();
    }

    /// Whether the body is a URL-encoded form.
    pub(crate) fn is_form(&self) -> bool {
        let stated = self.header("content-type").unwrap_or_default();
        let essence = stated.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    }

    /// What the body says, not yet believed; none where it cannot be read.
    pub(crate) fn value(&self) -> Option<Element<'_>> {
        self.document.get_or_init(|| self.read()).as_ref().ok().map(|document| document.root())
    }

    /// Why the body was not read, where somebody asked what it says and it has more in it than is read.
    pub(crate) fn too_complex(&self) -> Option<String> {
        match self.document.get() {
            Some(Err(BodyError::TooComplex(reason))) => Some(reason.clone()),
            _ => None,
        }
    }

    /// What the body says, read once.
    pub(crate) fn document(&self) -> Result<Arc<Document>, BodyError> {
        self.document.get_or_init(|| self.read()).clone()
    }

    fn read(&self) -> Result<Arc<Document>, BodyError> {
        body::read(self.header("content-type"), &self.headers, &self.body).map(Arc::new)
    }
}

fn query_of(url: &str) -> BTreeMap<String, String> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    joined(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())))
}

fn joined(pairs: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pairs {
        match joined.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert(value);
            }
            Entry::Occupied(mut entry) => {
                entry.get_mut().push_str(", ");
                entry.get_mut().push_str(&value);
            }
        }
    }
    joined
}
