//! A file as a task keeps it: under its id, with the number of its downloads; it must not know how
//! a download is asked for.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::files::{Chunks, Content, Delivery, File, Gzip};

/// What a segment of a path cannot say as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A file of a task.
#[derive(Debug)]
pub(crate) struct Stored {
    /// A string or a number.
    pub(crate) id: Value,
    pub(crate) file: File,
    downloads: AtomicU64,
    digest: OnceLock<Option<(HeaderName, HeaderValue)>>,
}

/// One download of a file: the n-th, from 1 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn(pub(crate) u64);

impl Stored {
    pub(crate) fn new(id: Value, file: File) -> Self {
        Self { id, file, downloads: AtomicU64::new(0), digest: OnceLock::new() }
    }

    /// The id as a path names it, before it is encoded.
    pub(crate) fn name(&self) -> String {
        self.id.as_str().map_or_else(|| self.id.to_string(), str::to_owned)
    }

    /// The id as a segment of a path.
    pub(crate) fn segment(&self) -> String {
        utf8_percent_encode(&self.name(), ENCODED).to_string()
    }

    pub(crate) fn delivery(&self) -> &Delivery {
        self.file.delivery()
    }

    /// Counts a download.
    pub(crate) fn turn(&self) -> Turn {
        Turn(self.downloads.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// The bytes of a download.
    pub(crate) fn content(&self, turn: Turn) -> Content {
        self.file.content().version(self.version(turn))
    }

    /// The SHA-256 of the whole file, in lower-case hex; of one that changes, as the last download got it.
    pub(crate) fn sha256(&self) -> String {
        self.content(Turn(self.downloads.load(Ordering::SeqCst))).sha256()
    }

    /// The `ETag` of a download, unless it is a digest. That of a changed file has the number of its
    /// changes before the last quotation mark.
    pub(crate) fn etag(&self, turn: Turn) -> Option<HeaderValue> {
        let etag = self.delivery().etag.as_ref()?;
        let change = match self.version(turn) {
            0 => String::new(),
            version => format!("-{version}"),
        };
        let (before, after) = match etag.as_bytes().strip_suffix(b"\"") {
            Some(before) => (before, "\""),
            None => (etag.as_bytes(), ""),
        };
        HeaderValue::from_bytes(&[before, change.as_bytes(), after.as_bytes()].concat()).ok()
    }

    /// The digest of a download. The first time, and of a file that changes each time, it takes as
    /// long as hashing.
    pub(crate) fn digest(&self, turn: Turn) -> Option<(HeaderName, HeaderValue)> {
        let digest = self.delivery().digest?;
        let make = || digest.header(self.encoded(self.content(turn).chunks()));
        if self.delivery().changes { make() } else { self.digest.get_or_init(make).clone() }
    }

    /// The bytes as they are sent.
    pub(crate) fn encoded(
        &self,
        chunks: impl Iterator<Item = <Chunks as Iterator>::Item> + Send + 'static,
    ) -> Box<dyn Iterator<Item = <Chunks as Iterator>::Item> + Send> {
        if self.delivery().is_gzip() { Box::new(Gzip::new(chunks)) } else { Box::new(chunks) }
    }

    /// How many changes came before this download.
    fn version(&self, Turn(downloads): Turn) -> u64 {
        let delivery = self.delivery();
        if delivery.changes { delivery.served(downloads).saturating_sub(1) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stored(entry: &Value) -> Stored {
        let file = crate::files::expected("files", &json!({ "files": [entry] })).unwrap().remove(0);
        Stored::new(file.listing().id.clone().unwrap_or(json!(7)), file)
    }

    #[test]
    fn an_id_is_a_segment_of_a_path() {
        assert_eq!(stored(&json!({})).segment(), "7");
        assert_eq!(stored(&json!({"id": -1.5})).segment(), "-1.5");
        assert_eq!(stored(&json!({"id": "a/b ü?.~_"})).segment(), "a%2Fb%20%C3%BC%3F.~_");
    }

    #[test]
    fn a_file_that_changes_has_other_bytes_each_time() {
        let stored = stored(&json!({"changes": true, "etag": "\"v\"", "status": 503, "times": 1}));
        let of = |n: u64| (stored.etag(Turn(n)).unwrap(), stored.content(Turn(n)).sha256());
        assert_eq!(
            (of(2).0, of(3).0, of(4).0),
            ("\"v\"".parse().unwrap(), "\"v-1\"".parse().unwrap(), "\"v-2\"".parse().unwrap())
        );
        assert!(of(2).1 != of(3).1 && of(3).1 != of(4).1);
        assert_eq!(stored.sha256(), of(2).1, "before any download");
        for _ in 0..3 {
            stored.turn();
        }
        assert_eq!(stored.sha256(), of(3).1, "the last download");
    }

    #[test]
    fn a_file_that_does_not_change_stays() {
        let stored = stored(&json!({"etag": "W/x"}));
        assert_eq!((stored.turn(), stored.turn()), (Turn(1), Turn(2)));
        assert_eq!(stored.etag(Turn(2)).unwrap(), "W/x");
        assert_eq!(stored.content(Turn(2)).sha256(), stored.file.content().sha256());
    }

    #[test]
    fn a_digest_is_of_what_is_sent() {
        let digest = |entry: Value| stored(&entry).digest(Turn(1)).unwrap().1;
        let plain = digest(json!({"digest": "s3-etag", "fill": "zeros"}));
        // $ head -c 1024 /dev/zero | md5sum
        assert_eq!(plain, "\"0f343b0931126a20f133d67c2b018a3b\"");
        assert_ne!(digest(json!({"digest": "s3-etag", "fill": "zeros", "encoding": "gzip"})), plain);
    }
}
