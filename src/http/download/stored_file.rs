//! A file as the store has it, and the headers that are sent with it.

use super::disposition::attachment;
use crate::timestamp::Timestamp;

/// A client that keeps a copy must ask each time whether it may still use it: a file can be removed, and a link expires.
/// No shared cache may keep one, and no proxy may compress it, which would make the entity tag weak and the length unknown.
const CACHE_CONTROL: &str = "private, no-cache, no-transform";

/// The media type of a file that has none, or one that cannot be the value of a header.
pub(super) const OCTET_STREAM: &str = "application/octet-stream";

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

impl StoredFile {
    /// The fields that a cache needs, and that a 304 must have (section 15.4.5).
    pub(super) fn validators(&self) -> Vec<(&'static str, String)> {
        vec![
            ("ETag", self.etag.clone()),
            ("Last-Modified", self.last_modified.http_date()),
            ("Cache-Control", CACHE_CONTROL.to_owned()),
        ]
    }

    /// A file may be hostile, and the same origin takes the operator's token: a browser must save it, and must not show it,
    /// guess its type or run it.
    pub(super) fn headers(&self, content_length: u64) -> Vec<(&'static str, String)> {
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

    pub(super) fn media_type(&self) -> &str {
        let usable = |kind: &&str| {
            kind.len() <= MEDIA_TYPE_BYTES_MAX
                && kind.contains('/')
                && kind.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        };
        self.content_type.as_deref().filter(usable).unwrap_or(OCTET_STREAM)
    }
}
