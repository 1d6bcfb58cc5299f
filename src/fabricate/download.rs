//! What an answer to a download means: bytes, a redirect, or an error.
//!
//! Pure: it reads a status and headers, and never a body.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::retry_after::retry_after_ms;
use super::status_table::StatusMeaning;
use crate::timestamp::Timestamp;

/// An answer without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// HTTP status.
    pub status: u16,
    /// By name in lower case.
    pub headers: BTreeMap<String, String>,
}

/// What is expected of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expected<'a> {
    /// The file's size, bytes, if the task states it.
    pub size: Option<u64>,
    /// The file's media type, if the task states one.
    pub content_type: Option<&'a str>,
    /// The range that was requested, if the first part is uploaded already.
    pub rest: Option<&'a Resume>,
}

/// A request for the rest of a file, on the condition that the file has not changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// The offset of the first byte; not 0.
    pub from: u64,
    /// The validator of the file's version.
    pub validator: Validator,
}

/// The outcome of a download request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DownloadOutcome {
    /// The file's bytes follow.
    Bytes(BodyInfo),
    /// A redirect; `Location` as sent.
    Elsewhere(Option<String>),
    /// The answer is not the requested range: the file has changed, or the server does not support ranges.
    RangeNotHonoured(String),
    /// The file cannot be downloaded; a later attempt fails too.
    Refused(String),
    /// The answer is another file, or a page.
    Wrong(String),
    /// The server does not send the file now; a later attempt may succeed.
    Unavailable {
        /// The HTTP status.
        status: u16,
        /// How long a busy server asks the client to wait, milliseconds.
        retry_after_ms: Option<i64>,
    },
}

/// What the headers state about the body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BodyInfo {
    /// Whether the body is the requested range, and not the whole file.
    pub is_rest: bool,
    /// The size of the body, bytes. `None`: not stated, or stated only for a compressed form.
    pub length: Option<u64>,
    /// Whether the body is compressed in transit; the runtime decompresses it.
    pub compressed: bool,
    /// The checksum of the file, if the body is the whole file, not compressed.
    pub checksum: Option<Checksum>,
    /// The validator of the file's version.
    pub validator: Option<Validator>,
}

/// A checksum that a server states for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// SHA-256.
    Sha256([u8; 32]),
    /// MD5: it detects damage and not forgery.
    Md5([u8; 16]),
}

/// What `If-Range` takes (RFC 9110, section 13.1.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validator {
    /// A strong `ETag`, in its quotes.
    Etag(String),
    /// `Last-Modified`, as it was sent.
    LastModified(String),
}

impl Validator {
    /// The header's value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Etag(value) | Self::LastModified(value) => value,
        }
    }
}

impl Head {
    fn get(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.trim())
    }

    /// What the answer means for a file of which this is expected.
    #[must_use]
    pub fn read(&self, wanted: &Expected<'_>, now: Timestamp) -> DownloadOutcome {
        match (self.status, wanted.rest) {
            (200, _) => self.whole(wanted),
            (206, Some(rest)) => self.rest(rest, wanted.size),
            (416, Some(_)) => {
                DownloadOutcome::RangeNotHonoured("the file has no such range any more".to_owned())
            }
            _ => self.without_bytes(now),
        }
    }

    /// What an answer means that holds no bytes of the file.
    fn without_bytes(&self, now: Timestamp) -> DownloadOutcome {
        match StatusMeaning::of(self.status) {
            StatusMeaning::Redirect => DownloadOutcome::Elsewhere(self.get("location").map(str::to_owned)),
            // The operator can replace a key, and a signed address may have expired.
            StatusMeaning::KeyRejected
            | StatusMeaning::WorkspaceRejected
            | StatusMeaning::Busy
            | StatusMeaning::NotProcessed
            | StatusMeaning::Failed => {
                DownloadOutcome::Unavailable { status: self.status, retry_after_ms: self.retry_after_ms(now) }
            }
            StatusMeaning::Accepted
            | StatusMeaning::NotFound
            | StatusMeaning::Rejected
            | StatusMeaning::Unexpected => DownloadOutcome::Refused(format!("HTTP {}", self.status)),
        }
    }

    /// How long a busy server asks the client to wait, milliseconds: at most a day.
    pub(super) fn retry_after_ms(&self, now: Timestamp) -> Option<i64> {
        let is_busy = StatusMeaning::of(self.status) == StatusMeaning::Busy;
        self.get("retry-after").filter(|_| is_busy).and_then(|value| retry_after_ms(value, now))
    }

    fn whole(&self, wanted: &Expected<'_>) -> DownloadOutcome {
        let encoding = self.get("content-encoding").unwrap_or("identity").to_ascii_lowercase();
        let compressed = match encoding.as_str() {
            "identity" | "" => false,
            "gzip" | "br" => true,
            _ => {
                let shown: String = encoding.chars().take(40).collect();
                return DownloadOutcome::Wrong(format!(
                    "sent with Content-Encoding {shown}, which was not asked for"
                ));
            }
        };
        let length = if compressed { None } else { self.get("content-length").and_then(|n| n.parse().ok()) };
        if length.is_none_or(|length| wanted.size != Some(length)) && self.is_page_instead(wanted) {
            let stated = wanted.content_type.unwrap_or_default();
            return DownloadOutcome::Wrong(format!("an HTML page is sent in place of {stated}"));
        }
        if let (Some(length), Some(size)) = (length, wanted.size)
            && length != size
        {
            return DownloadOutcome::Wrong(format!("{length} bytes are sent, but the task says {size}"));
        }
        let checksum = if compressed { None } else { self.checksum() };
        let validator = if compressed { None } else { self.validator() };
        DownloadOutcome::Bytes(BodyInfo { is_rest: false, length, compressed, checksum, validator })
    }

    /// A partial answer counts only if it is exactly the requested range of the same version.
    fn rest(&self, rest: &Resume, size: Option<u64>) -> DownloadOutcome {
        let Some(range) = self.get("content-range").and_then(ContentRange::parse) else {
            return DownloadOutcome::RangeNotHonoured(
                "a part of the file is sent that does not say which".to_owned(),
            );
        };
        let whole = range.complete.or(size);
        if range.first != rest.from
            || whole != Some(range.last + 1)
            || size.is_some_and(|size| Some(size) != whole)
        {
            return DownloadOutcome::RangeNotHonoured("another range is sent than was asked for".to_owned());
        }
        if self.is_another_version(&rest.validator) {
            return DownloadOutcome::RangeNotHonoured("the file changed meanwhile".to_owned());
        }
        if !self.get("content-encoding").unwrap_or("identity").eq_ignore_ascii_case("identity") {
            return DownloadOutcome::RangeNotHonoured("the rest of the file is sent compressed".to_owned());
        }
        let (length, validator) = (Some(range.last - range.first + 1), Some(rest.validator.clone()));
        DownloadOutcome::Bytes(BodyInfo { is_rest: true, length, validator, ..BodyInfo::default() })
    }

    /// An answer to `If-Range` repeats its `ETag`, and may leave out `Last-Modified` (RFC 9110, section 15.3.7).
    fn is_another_version(&self, asked: &Validator) -> bool {
        match asked {
            Validator::Etag(tag) => self.get("etag") != Some(tag),
            Validator::LastModified(date) => self.get("last-modified").is_some_and(|now| now != date),
        }
    }

    /// Whether the body is an HTML page where the task states another type: a login or an error page with status 200.
    fn is_page_instead(&self, wanted: &Expected<'_>) -> bool {
        let is_html = |kind: &str| {
            let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            kind == "text/html" || kind == "application/xhtml+xml"
        };
        self.get("content-type").is_some_and(is_html)
            && wanted.content_type.is_some_and(|kind| !is_html(kind))
    }

    fn validator(&self) -> Option<Validator> {
        let strong =
            self.get("etag").filter(|tag| tag.len() >= 2 && tag.starts_with('"') && tag.ends_with('"'));
        let etag = strong.map(|tag| Validator::Etag(tag.to_owned()));
        etag.or_else(|| self.get("last-modified").map(|date| Validator::LastModified(date.to_owned())))
    }

    /// The strongest checksum that the headers state. A malformed one counts as absent.
    fn checksum(&self) -> Option<Checksum> {
        let sha256 = |text: &str| decoded(text).map(Checksum::Sha256);
        let md5 = |text: &str| decoded(text).map(Checksum::Md5);
        let structured = |name| self.listed(name, "sha-256").and_then(|text| sha256(text.trim_matches(':')));
        structured("repr-digest")
            .or_else(|| structured("content-digest"))
            .or_else(|| self.listed("digest", "sha-256").and_then(sha256))
            .or_else(|| self.get("x-amz-checksum-sha256").and_then(sha256))
            .or_else(|| self.listed("digest", "md5").and_then(md5))
            .or_else(|| self.get("content-md5").and_then(md5))
            .or_else(|| self.listed("x-goog-hash", "md5").and_then(md5))
            .or_else(|| self.s3_etag())
    }

    /// The value of `key=value` in a list such as `Digest` (RFC 3230) or `Content-Digest` (RFC 9530).
    fn listed(&self, header: &str, key: &str) -> Option<&str> {
        self.get(header)?.split(',').find_map(|item| {
            let (name, value) = item.split_once('=')?;
            name.trim().eq_ignore_ascii_case(key).then(|| value.trim())
        })
    }

    /// S3's `ETag` is the MD5 of an object that was put whole and not encrypted under a key of its own.
    /// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html>.
    fn s3_etag(&self) -> Option<Checksum> {
        let encryption = self.get("x-amz-server-side-encryption").unwrap_or("AES256");
        let customer = self.get("x-amz-server-side-encryption-customer-algorithm").is_some();
        if self.get("server") != Some("AmazonS3") || encryption != "AES256" || customer {
            return None;
        }
        let tag = self.get("etag")?.strip_prefix('"')?.strip_suffix('"')?;
        let mut md5 = [0; 16];
        let decoded = base16ct::mixed::decode(tag, &mut md5).ok()?;
        (decoded.len() == 16).then_some(Checksum::Md5(md5))
    }
}

/// `Content-Range` of a single range.
struct ContentRange {
    first: u64,
    last: u64,
    /// The whole file's bytes, if the server knows.
    complete: Option<u64>,
}

impl ContentRange {
    fn parse(text: &str) -> Option<Self> {
        let (range, complete) = text.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        let complete = match complete.trim() {
            "*" => None,
            number => Some(number.parse().ok()?),
        };
        (first <= last && last < u64::MAX).then_some(Self { first, last, complete })
    }
}

fn decoded<const N: usize>(base64: &str) -> Option<[u8; N]> {
    BASE64.decode(base64).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests;
