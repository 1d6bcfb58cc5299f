//! Downloads of archived files: how a `GET` or `HEAD` of one is answered, with conditions and ranges (RFC 9110).
//!
//! Values in, values out: it must not read a store or hold a byte of a file.

mod disposition;
mod precondition;
mod range;

pub use range::ByteRange;

pub(crate) use disposition::attachment;

use crate::timestamp::Timestamp;
use precondition::Evaluated;
use range::Requested;

/// A client that keeps a copy must ask each time whether it may still use it: a file can be removed, and a link expires.
/// No shared cache may keep one, and no proxy may compress it, which would make the entity tag weak and the length unknown.
const CACHE_CONTROL: &str = "private, no-cache, no-transform";

/// The media type of a file that has none, or one that cannot be the value of a header.
const OCTET_STREAM: &str = "application/octet-stream";

/// The longest media type that is sent, bytes: RFC 6838, section 4.2, allows 127 for each of its two names.
const MEDIA_TYPE_BYTES_MAX: usize = 255;

/// A file as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// The name under which it is saved.
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
    /// The headers of the answer to a `GET` without `Range`.
    Head,
}

/// The header fields of a request that state conditions and a range, as they were sent.
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
    /// Reads each field by its name, in lower case.
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

/// The answer to a request for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileAnswer {
    /// 200, 206 or 304.
    Send(FileReply),
    /// 412: the file is not the one that the client's conditions name.
    PreconditionFailed,
    /// 416: the file has none of the bytes that the client asks for.
    RangeNotSatisfiable {
        /// How many bytes the file has.
        size: u64,
    },
}

/// An answer that is not an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReply {
    /// 200, 206 or 304.
    pub status: u16,
    /// Names and values; they are the same for `HEAD` and `GET`.
    pub headers: Vec<(&'static str, String)>,
    /// Which bytes are sent.
    pub body: FileBody,
}

/// The bytes of a file that are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileBody {
    /// No bytes.
    Empty,
    /// The whole file, which is not empty.
    Whole,
    /// A part of it.
    Part(ByteRange),
}

/// Answers a request for a file: conditions first, then ranges.
#[must_use]
pub fn answer(file: &StoredFile, method: Method, fields: &Fields) -> FileAnswer {
    match precondition::evaluate(file, fields) {
        Evaluated::Failed => return FileAnswer::PreconditionFailed,
        Evaluated::NotModified => {
            return FileAnswer::Send(FileReply {
                status: 304,
                headers: file.validators(),
                body: FileBody::Empty,
            });
        }
        Evaluated::Proceed => {}
    }
    // Only a GET may ask for a range (section 14.2). A range of another version would not fit the client's bytes.
    let range = fields.range.as_deref().filter(|_| method == Method::Get);
    let range = range.filter(|_| precondition::fits(file, fields.if_range.as_deref()));
    match range.map_or(Requested::Whole, |field| range::requested(field, file.size)) {
        Requested::NotSatisfiable => FileAnswer::RangeNotSatisfiable { size: file.size },
        Requested::Part(part) => {
            let mut headers = file.headers(part.length);
            headers.push(("Content-Range", part.content_range(file.size)));
            FileAnswer::Send(FileReply { status: 206, headers, body: FileBody::Part(part) })
        }
        Requested::Whole => {
            let body =
                if method == Method::Head || file.size == 0 { FileBody::Empty } else { FileBody::Whole };
            FileAnswer::Send(FileReply { status: 200, headers: file.headers(file.size), body })
        }
    }
}

impl StoredFile {
    /// The fields that a cache needs, and that a 304 must have (section 15.4.5).
    fn validators(&self) -> Vec<(&'static str, String)> {
        vec![
            ("ETag", self.etag.clone()),
            ("Last-Modified", self.last_modified.http_date()),
            ("Cache-Control", CACHE_CONTROL.to_owned()),
        ]
    }

    /// A file may be hostile, and the same origin takes the operator's token: a browser must save it, and must not show it,
    /// guess its type or run it.
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
