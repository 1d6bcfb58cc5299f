//! An archived file, back out: what a `GET` or `HEAD` of it is answered (RFC 9110), as any good file server does.
//!
//! Values in, values out: it reads no store and holds no byte of a file.

mod disposition;
mod precondition;
mod range;

pub use range::ByteRange;

pub(crate) use disposition::attachment;

use crate::timestamp::Timestamp;
use precondition::Evaluated;
use range::Requested;

/// Whoever keeps a copy asks each time whether it is still to be had: a file can be removed, a link expires. No shared
/// cache keeps one, and none on the way compresses it, which would make the entity tag weak and the length unknown.
const CACHE_CONTROL: &str = "private, no-cache, no-transform";

/// The media type of a file that has none, or none that can stand in a header.
const OCTET_STREAM: &str = "application/octet-stream";

/// The longest media type that is sent, bytes: as long as RFC 6838, section 4.2, lets both names be.
const MEDIA_TYPE_BYTES_MAX: usize = 255;

/// A file as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// What it is to be saved as.
    pub name: String,
    /// Media type, as it was stored.
    pub content_type: Option<String>,
    /// Strong entity tag, with its quotes.
    pub etag: String,
    /// When it was stored.
    pub last_modified: Timestamp,
    /// Bytes.
    pub size: u64,
}

/// The methods that read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The file, or a part of it.
    Get,
    /// What `GET` would answer without `Range`, but for the bytes.
    Head,
}

/// The header fields of a request that matter here, as they were sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    /// `If-Match`
    pub if_match: Option<String>,
    /// `If-None-Match`
    pub if_none_match: Option<String>,
    /// `If-Modified-Since`
    pub if_modified_since: Option<String>,
    /// `If-Unmodified-Since`
    pub if_unmodified_since: Option<String>,
    /// `If-Range`
    pub if_range: Option<String>,
    /// `Range`
    pub range: Option<String>,
}

impl Fields {
    /// Looks each up by its name, in lower case.
    #[must_use]
    pub fn read(header: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            if_match: header("if-match"),
            if_none_match: header("if-none-match"),
            if_modified_since: header("if-modified-since"),
            if_unmodified_since: header("if-unmodified-since"),
            if_range: header("if-range"),
            range: header("range"),
        }
    }
}

/// What a request is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// 200, 206 or 304.
    Send(Reply),
    /// 412: the file is not the one that the client speaks of.
    PreconditionFailed,
    /// 416: no byte that is asked for is there.
    RangeNotSatisfiable {
        /// How many bytes there are.
        size: u64,
    },
}

/// An answer that is no error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// 200, 206 or 304.
    pub status: u16,
    /// Names and values; those of `HEAD` are those of `GET`.
    pub headers: Vec<(&'static str, String)>,
    /// Which bytes follow.
    pub body: Body,
}

/// Which bytes of a file are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// None.
    Empty,
    /// All of at least one.
    Whole,
    /// Some.
    Part(ByteRange),
}

/// Answers a request for a file: conditions first, then ranges.
#[must_use]
pub fn answer(file: &StoredFile, method: Method, fields: &Fields) -> Answer {
    match precondition::evaluate(file, fields) {
        Evaluated::Failed => return Answer::PreconditionFailed,
        Evaluated::NotModified => {
            return Answer::Send(Reply { status: 304, headers: file.validators(), body: Body::Empty });
        }
        Evaluated::Proceed => {}
    }
    // Ranges are for GET alone (section 14.2), and one of another version would not fit to what the client has.
    let range = fields.range.as_deref().filter(|_| method == Method::Get);
    let range = range.filter(|_| precondition::fits(file, fields.if_range.as_deref()));
    match range.map_or(Requested::Whole, |field| range::requested(field, file.size)) {
        Requested::NotSatisfiable => Answer::RangeNotSatisfiable { size: file.size },
        Requested::Part(part) => {
            let mut headers = file.headers(part.length);
            headers.push(("Content-Range", part.content_range(file.size)));
            Answer::Send(Reply { status: 206, headers, body: Body::Part(part) })
        }
        Requested::Whole => {
            let body = if method == Method::Head || file.size == 0 { Body::Empty } else { Body::Whole };
            Answer::Send(Reply { status: 200, headers: file.headers(file.size), body })
        }
    }
}

impl StoredFile {
    /// What a cache needs to know: all that a 304 has to have (section 15.4.5).
    fn validators(&self) -> Vec<(&'static str, String)> {
        vec![
            ("ETag", self.etag.clone()),
            ("Last-Modified", self.last_modified.http_date()),
            ("Cache-Control", CACHE_CONTROL.to_owned()),
        ]
    }

    /// Files are hostile on an origin that also has a token: saved and never shown, never guessed at, never run.
    fn headers(&self, content_length: u64) -> Vec<(&'static str, String)> {
        let mut headers = self.validators();
        headers.extend([
            ("Content-Type", self.media_type().to_owned()),
            ("Content-Length", content_length.to_string()),
            ("Content-Disposition", attachment(&self.name)),
            ("Content-Security-Policy", "sandbox".to_owned()),
            ("X-Content-Type-Options", "nosniff".to_owned()),
            ("Accept-Ranges", "bytes".to_owned()),
        ]);
        headers
    }

    fn media_type(&self) -> &str {
        let usable = |kind: &&str| {
            kind.len() <= MEDIA_TYPE_BYTES_MAX
                && kind.contains('/')
                && kind.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        };
        self.content_type.as_deref().filter(usable).unwrap_or(OCTET_STREAM)
    }
}

#[cfg(test)]
mod tests;
