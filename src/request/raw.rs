//! A request as it arrived. Nothing about it is verified yet.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use crate::document::{Document, Element};
use crate::request::RawBody;
use crate::request::body::{self, BodyError};
use crate::timestamp::Timestamp;

/// A request as it arrived: nothing about it is verified yet.
#[derive(Debug, Clone)]
pub struct RawRequest {
    /// The method, in upper case.
    pub method: String,
    /// The whole address that was called.
    pub url: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) query: BTreeMap<String, String>,
    /// The body's bytes, up to the hook's limit.
    pub body: RawBody,
    /// When it arrived.
    pub received_at: Timestamp,
    /// The parsed body, once it was asked for.
    document: OnceCell<Result<Arc<Document>, BodyError>>,
}

impl RawRequest {
    /// Makes a request from its parts. Repeated headers and query parameters are joined with `", "`, as HTTP runtimes do with
    /// headers, so a repeated signature or token matches nothing.
    pub fn new(
        method: &str,
        url: &str,
        headers: impl IntoIterator<Item = (String, String)>,
        body: Vec<u8>,
        received_at: Timestamp,
    ) -> Self {
        let headers = joined(headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)));
        let (query, document, body) = (query_of(url), OnceCell::new(), body.into());
        Self { method: method.to_owned(), url: url.to_owned(), headers, query, body, received_at, document }
    }

    /// The value of a header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The decoded value of a query parameter.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// Replaces the address, and with it the query.
    #[must_use]
    pub fn at(self, url: &str) -> Self {
        let query = query_of(url);
        Self { url: url.to_owned(), query, ..self }
    }

    /// Sets a header, by its name in lower case, or removes it.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.headers.insert(name.to_owned(), value.to_owned()),
            None => self.headers.remove(name),
        };
        self
    }

    /// Replaces the stated media type of the body; `None` leaves it.
    #[must_use]
    pub fn with_content_type(mut self, content_type: Option<&str>) -> Self {
        if let Some(content_type) = content_type {
            self.headers.insert("content-type".to_owned(), content_type.to_owned());
        }
        self
    }

    /// The names of all headers in lower case, with their values.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether the body is a URL-encoded form.
    pub(crate) fn is_form(&self) -> bool {
        let stated = self.header("content-type").unwrap_or_default();
        let essence = stated.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    }

    /// The body as JSON, not verified; `None` where it cannot be parsed.
    pub(crate) fn value(&self) -> Option<Element<'_>> {
        self.document.get_or_init(|| self.read()).as_ref().ok().map(|document| document.root())
    }

    /// Why parsing failed, if the body was parsed and exceeds a bound.
    pub(crate) fn too_complex(&self) -> Option<String> {
        match self.document.get() {
            Some(Err(BodyError::TooComplex(reason))) => Some(reason.clone()),
            _ => None,
        }
    }

    /// The parsed body. It is parsed once.
    ///
    /// # Errors
    /// [`BodyError`] when the body cannot be parsed.
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
