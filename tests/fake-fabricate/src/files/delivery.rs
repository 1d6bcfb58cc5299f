//! How a download sends a file, in one description; it must not send anything.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode};

use super::digest::Digest;

/// How a download sends the file. The default sends the bytes at once, with `Content-Length`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Delivery {
    /// Redirects before anything else, followed in turn.
    pub(crate) redirects: Vec<Target>,
    /// The status of the redirects; `None` is 302.
    pub(crate) redirect_status: Option<StatusCode>,
    /// An error in place of the bytes.
    pub(crate) refusal: Option<Refusal>,
    /// `Content-Type`; `None` is what the task says.
    pub(crate) content_type: Option<HeaderValue>,
    /// Whether `Content-Length` is left out.
    pub(crate) chunked: bool,
    /// `Content-Encoding`; the bytes are only encoded for `gzip`.
    pub(crate) encoding: Option<HeaderValue>,
    pub(crate) ranges: Ranges,
    pub(crate) etag: Option<HeaderValue>,
    pub(crate) last_modified: Option<HeaderValue>,
    /// Whether each download gets other bytes than the one before, and another `ETag` if it has one.
    pub(crate) changes: bool,
    pub(crate) digest: Option<Digest>,
    /// How many zeros follow the bytes that the answer speaks of.
    pub(crate) extra_bytes: u64,
    pub(crate) pace: Pace,
    /// Where the connection is closed.
    pub(crate) cut: Option<Break>,
    /// Where nothing comes any more, although the connection stays open.
    pub(crate) stall: Option<Break>,
}

/// Where a redirect leads.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// The file at the storage.
    Storage,
    /// An address at the storage that answers 401.
    StorageUnauthorized,
    /// The file on the same origin, by a relative address.
    Relative,
    /// The same address again, without end.
    Loop,
    /// Any address.
    Literal(HeaderValue),
}

/// An error in place of the bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// How many downloads of the file; `None` is all.
    pub(crate) times: Option<u64>,
    /// `Retry-After` in seconds.
    pub(crate) retry_after_s: Option<u32>,
}

/// What is answered to `Range`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Ranges {
    /// The whole file.
    #[default]
    Ignored,
    /// The range.
    Honoured,
    /// A range that starts elsewhere.
    Wrong,
}

/// How fast the bytes are sent. The default is as fast as they are taken.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pace {
    /// How many bytes are sent at once, at most.
    pub(crate) chunk_bytes: Option<u64>,
    /// The pause before each chunk.
    pub(crate) pause: Option<Pause>,
    /// How many bytes are sent in a second.
    pub(crate) bytes_per_s: Option<u64>,
}

/// A pause between two chunks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pause {
    /// The server's setting.
    Tick,
    Fixed(Duration),
}

/// Where a transfer breaks off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Break {
    /// After how many bytes of the body.
    pub(crate) after_bytes: u64,
    /// How many downloads of the file, of those that are not refused; `None` is all.
    pub(crate) times: Option<u64>,
}

impl Delivery {
    /// Whether the bytes that are sent are not those of the file.
    pub(crate) fn is_gzip(&self) -> bool {
        self.encoding.as_ref().is_some_and(|encoding| encoding == "gzip")
    }

    /// The status in place of the file's n-th download, if there is one.
    pub(crate) fn refusal_of(&self, download: u64) -> Option<Refusal> {
        self.refusal.filter(|refusal| refusal.times.is_none_or(|times| download <= times))
    }

    /// How many of the file's first n downloads got bytes, if the n-th did.
    pub(crate) fn served(&self, downloads: u64) -> u64 {
        let refused = self.refusal.and_then(|refusal| refusal.times).unwrap_or_default();
        downloads.saturating_sub(refused)
    }
}

impl Break {
    /// A break of every download.
    pub(crate) fn always(after_bytes: u64) -> Self {
        Self { after_bytes, times: None }
    }

    /// Where the n-th download that gets bytes breaks off, if it does.
    pub(crate) fn of(self, download: u64) -> Option<u64> {
        self.times.is_none_or(|times| download <= times).then_some(self.after_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_break_is_counted_after_the_refusals() {
        let refusal =
            Refusal { status: StatusCode::SERVICE_UNAVAILABLE, times: Some(2), retry_after_s: None };
        let cut = Break { after_bytes: 9, times: Some(1) };
        let delivery = Delivery { refusal: Some(refusal), ..Delivery::default() };
        let refused: Vec<_> = (1..5).map(|download| delivery.refusal_of(download).is_some()).collect();
        assert_eq!(refused, [true, true, false, false]);
        let cuts: Vec<_> = (3..5).map(|download| cut.of(delivery.served(download))).collect();
        assert_eq!(cuts, [Some(9), None]);
        assert_eq!(Break::always(9).of(1_000), Some(9));
    }
}
