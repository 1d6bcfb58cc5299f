//! A request: its head, and its body while that has not been read.

use std::fmt;

use futures_util::future::LocalBoxFuture;
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
    pub body: Body,
}

/// The body of a request.
pub enum Body {
    /// The runtime read it before: it is small.
    Whole(Vec<u8>),
    /// It still arrives.
    Arriving(Box<dyn Arriving>),
}

/// A body that still arrives. The runtime holds its bytes until it is whole.
pub trait Arriving {
    /// Waits for more of it.
    fn more(&mut self) -> LocalBoxFuture<'_, Arrived>;

    /// The bytes that have arrived.
    fn take(self: Box<Self>) -> Vec<u8>;
}

/// What came of waiting for more of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrived {
    /// So many more bytes.
    Bytes(usize),
    /// The body is whole.
    End,
    /// It ended before it was whole.
    BrokenOff,
    /// The runtime waited for it in vain.
    Late,
}

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
