//! A request: its head, and its body while that has not been read.

use std::fmt;

use futures_util::stream::LocalBoxStream;
use url::Url;

/// A request as it arrived.
pub struct Request {
    /// The method, as it was sent.
    pub method: String,
    /// The address.
    pub url: Url,
    /// The address as a text, just as the runtime has it: senders sign it.
    pub address: String,
    /// The header fields: names in lower case, each once.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: BodyStream,
}

/// The chunks of a body. Nothing is read before the stream is polled.
pub type BodyStream = LocalBoxStream<'static, Result<Vec<u8>, BrokenOff>>;

/// The body ended before it was complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokenOff;

impl Request {
    /// A header field by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The address that called, as Cloudflare states it; empty for a call from the local machine.
    pub(super) fn caller(&self) -> &str {
        self.header("cf-connecting-ip").unwrap_or_default()
    }
}

impl fmt::Debug for Request {
    /// Without headers, query and body: they may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {})", self.method, self.url.path())
    }
}
