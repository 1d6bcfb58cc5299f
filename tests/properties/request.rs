//! A request as it goes over the wire, before seedhook has looked at it.

use std::collections::BTreeMap;

use seedhook::request::RawRequest;
use seedhook::request::body;
use seedhook::timestamp::Timestamp;
use serde_json::Value;

/// Names and values in their order, and nothing believed.
#[derive(Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn of(delivery: &RawRequest) -> Self {
        let headers = delivery.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            method: delivery.method.clone(),
            url: delivery.url.clone(),
            headers: headers.collect(),
            body: delivery.body.to_vec(),
        }
    }

    pub(crate) fn arrived(&self) -> RawRequest {
        let (headers, body) = (self.headers.clone(), self.body.clone());
        RawRequest::new(&self.method, &self.url, headers, body, Timestamp::from_millis(0))
    }

    /// Every header of this name, as a receiver joins them.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let values = self.headers.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        let values: Vec<&str> = values.map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    pub(crate) fn set_header(&mut self, name: &str, value: &str) {
        self.headers.retain(|(found, _)| !found.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    /// Every parameter of this name, as a receiver joins them.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.url.split_once('?')?;
        let query = query.split('#').next().unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes()).filter(|(found, _)| found == name);
        let values: Vec<String> = pairs.map(|(_, value)| value.into_owned()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// What the body says, taken for `content_type` where the sender's own is known to be another than stated.
    pub(crate) fn value(&self, content_type: Option<&str>) -> Option<Value> {
        let mut headers: BTreeMap<String, String> =
            self.headers.iter().map(|(name, _)| (name.to_ascii_lowercase(), String::new())).collect();
        for (name, value) in &mut headers {
            *value = self.header(name).unwrap_or_default();
        }
        if let Some(content_type) = content_type {
            headers.insert("content-type".to_owned(), content_type.to_owned());
        }
        let content_type = headers.get("content-type").map(String::as_str);
        body::read(content_type, &headers, &self.body.clone().into()).ok().map(|body| body.root().to_value())
    }

    pub(crate) fn is_form(&self) -> bool {
        let stated = self.header("content-type").unwrap_or_default().to_ascii_lowercase();
        stated.split(';').next().is_some_and(|media| media.trim() == "application/x-www-form-urlencoded")
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} {:?}", self.method, self.url)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value:?}")?;
        }
        write!(f, "b{:?}", self.body.escape_ascii().to_string())
    }
}
