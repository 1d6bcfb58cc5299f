//! An answer: status, headers and body, before a runtime sends it.

use std::borrow::Cow;

use crate::verify::answer::{SenderReply, may_have_body};

/// An answer whose files are streams `S` of the runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response<S> {
    /// HTTP status.
    pub status: u16,
    /// Header fields, each name once.
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// The body. The runtime leaves it out for `HEAD`.
    pub body: Body<S>,
}

/// The body of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body<S> {
    /// No body.
    Empty,
    /// This text.
    Text(String),
    /// The bytes of a file.
    Stream(S),
}

impl<S> Response<S> {
    /// An answer with the headers that every answer has unless it states others: no cache keeps it, no browser guesses
    /// its type, and no page that it leads to learns its address, which may be a signed link.
    #[must_use]
    pub fn new(status: u16, body: Body<S>) -> Self {
        let headers = [
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
        ];
        let headers = headers.map(|(name, value)| (Cow::Borrowed(name), value.to_owned()));
        Self { status, headers: headers.into(), body }
    }

    /// The answer to a handshake, or the answer to a delivery that the sender's hook states.
    #[must_use]
    pub fn of_reply(reply: SenderReply) -> Self {
        let body = if may_have_body(reply.status) { Body::Text(reply.body) } else { Body::Empty };
        let mut response = Self::new(reply.status, body);
        if let Some(content_type) = reply.content_type {
            response.set("Content-Type", content_type);
        }
        for (name, value) in reply.headers {
            response.set(name, value);
        }
        response
    }

    /// The same with a header field.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }

    /// The same with these header fields.
    #[must_use]
    pub fn with_all(self, headers: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        headers.into_iter().fold(self, |response, (name, value)| response.with(name, value))
    }

    /// Sets a header field; one of the same name is replaced.
    pub fn set(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        let (name, value) = (name.into(), value.into());
        match self.headers.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
            Some((_, known)) => *known = value,
            None => self.headers.push((name, value)),
        }
    }

    /// A header field by its name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}
