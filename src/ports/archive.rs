//! What archiving needs of the world: downloads, the files bucket, and word of what is under way.
//!
//! Bodies and parts are the runtime's: the service moves them by their handles and never sees a byte.

use serde::{Deserialize, Serialize};
use url::Url;

use super::{Page, StoreError};
use crate::digest::sha256_hex;
use crate::fabricate::{Checksum, FileId, Head, Resume, TaskId, Validator};
use crate::hook::HookName;
use crate::run::RunId;
use crate::timestamp::Timestamp;

/// Where a file comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its address.
    pub url: Url,
    /// Whether Fabricate's key is sent along.
    pub authorized: bool,
}

/// Where a file goes, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Key in the files bucket.
    pub key: String,
    /// The file's name, safe to be shown and stored.
    pub name: String,
    /// Media type, if the task states one.
    pub content_type: Option<String>,
    /// Bytes, if the task states them.
    pub size: Option<u64>,
    /// The run.
    pub run_id: RunId,
    /// Its hook.
    pub hook: HookName,
    /// Its task.
    pub task_id: TaskId,
    /// The file.
    pub file_id: FileId,
}

impl Destination {
    /// Under what word of this copy is kept; a file's id may be any text.
    #[must_use]
    pub fn copy_id(&self) -> String {
        format!("{}/{}", self.run_id, sha256_hex(self.file_id.as_str().as_bytes()))
    }
}

/// An answer to a download, whose body has not been read. Dropping it ends the connection.
#[derive(Debug)]
pub struct Download<B> {
    /// Status and headers.
    pub head: Head,
    /// The bytes to come.
    pub body: B,
}

/// How a body is put in one go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Put {
    /// How many bytes it has: more or fewer make the put fail.
    pub length: u64,
    /// The answer does not state that itself, so the runtime must count.
    pub counted: bool,
    /// What R2 is to check.
    pub checksum: Option<Checksum>,
    /// How long it may take, milliseconds.
    pub limit_ms: u32,
}

/// A piece of a body that is held by the runtime.
#[derive(Debug)]
pub struct Part<P> {
    /// How many bytes it has; fewer than were asked for only at the body's end.
    pub bytes: u64,
    /// Them.
    pub data: P,
}

/// An object in the files bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    /// Bytes.
    pub size: u64,
    /// SHA-256 in hex, if R2 has it.
    pub sha256: Option<String>,
    /// The run that its metadata names.
    pub run_id: Option<RunId>,
    /// The file that its metadata names.
    pub file_id: Option<FileId>,
}

/// Why a file was not copied. No object was left behind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// It never will be: 404, refused, not to be followed.
    #[error("{0}")]
    Refused(String),
    /// Not the stated bytes: another size, another hash, cut short.
    #[error("{0}")]
    BadCopy(String),
    /// Out of reach or out of order; later may be better.
    #[error("{0}")]
    Unavailable(String),
    /// The server does not send the file now; a later attempt may succeed.
    #[error("HTTP {status}")]
    HttpStatus {
        /// The HTTP status.
        status: u16,
        /// How long the server asks the client to wait, milliseconds.
        retry_after_ms: Option<i64>,
    },
    /// The rest did not come; the first so many bytes are kept.
    #[error("{reason}")]
    CutShort {
        /// Bytes that are there.
        bytes: u64,
        /// What happened.
        reason: String,
    },
    /// It takes longer than one invocation may.
    #[error("the download took longer than {0} s")]
    TooSlow(u32),
    /// Another invocation is at it.
    #[error("another invocation copies it")]
    UnderWay,
}

/// R2 numbers its errors. These speak of what it was given: a hash that does not match, an upload that is no more,
/// parts of unequal size, one that is not there or too small. Source:
/// <https://developers.cloudflare.com/r2/api/error-codes/>.
const WRONG: [&str; 5] = ["(10037)", "(10024)", "(10048)", "(10025)", "(10011)"];

/// Whether an error is R2's own; one without a number is that of the stream which it was given: cut short, or not of
/// the length that was said.
fn is_of_r2(reason: &str) -> bool {
    reason.contains("(10")
}

impl CopyError {
    /// What it means that a put to R2 failed with these words.
    #[must_use]
    pub fn of_put(reason: String) -> Self {
        let wrong = WRONG.iter().any(|code| reason.contains(code));
        if is_of_r2(&reason) && !wrong { Self::Unavailable(reason) } else { Self::BadCopy(reason) }
    }

    /// The same, of a put whose bytes were counted on their way, which may have failed by itself. A put that R2 refuses
    /// breaks that as well: only where it does not, the bytes are to blame.
    #[must_use]
    pub fn of_counted_put(reason: String, count: Option<String>, length: u64) -> Self {
        if is_of_r2(&reason) {
            return Self::of_put(reason);
        }
        let reason = count.unwrap_or(reason);
        Self::BadCopy(format!("not the {length} bytes that the task says: {reason}"))
    }
}

impl From<StoreError> for CopyError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Word of a copy under way: who is at it, and how far an upload in parts has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The invocation that copies; `None` once it has stopped.
    pub holder: Option<String>,
    /// The upload, if it goes in parts.
    pub upload: Option<Upload>,
}

/// An upload in parts, with all that is needed to carry on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Key in the files bucket.
    pub key: String,
    /// R2's name for it.
    pub upload_id: String,
    /// The size of each part but the last, bytes.
    pub part_bytes: u64,
    /// The size of the file, if somebody stated it.
    #[serde(default)]
    pub size: Option<u64>,
    /// The parts that are there, in their order, by R2's tags.
    pub etags: Vec<String>,
    /// The bytes of those parts.
    pub bytes: u64,
    /// The last part is among them: it is only to be completed.
    pub whole: bool,
    /// By what to tell that the file is still the same; without it, it cannot be carried on.
    pub validator: Option<Validator>,
}

impl Upload {
    /// One that has just begun.
    #[must_use]
    pub fn new(to: &Destination, upload_id: String, part_bytes: u64) -> Self {
        Self {
            key: to.key.clone(),
            upload_id,
            part_bytes,
            size: None,
            etags: Vec::new(),
            bytes: 0,
            whole: false,
            validator: None,
        }
    }
}

/// A version of a record in R2, and when R2 took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// R2's tag of it.
    pub etag: String,
    /// By R2's clock.
    pub at: Timestamp,
}

/// Downloads, and R2 `FILES`. A file's bytes pass from one to the other without being held, but for two parts where
/// nobody knows their number.
#[expect(async_fn_in_trait, reason = "a Worker has one thread: futures need not be Send")]
pub trait Archive {
    /// Bytes to come. Dropping one ends its connection.
    type Body;
    /// Bytes that came.
    type Data;

    /// Looks for an object.
    async fn find(&self, key: &str) -> Result<Option<Archived>, StoreError>;
    /// Asks for a file once: one outbound request, whose redirects are the caller's. Fails as `Unavailable` alone.
    async fn download(&self, from: &Source, at: Option<&Resume>) -> Result<Download<Self::Body>, CopyError>;
    /// Puts a whole body.
    async fn put(&self, to: &Destination, body: Self::Body, put: &Put) -> Result<Archived, CopyError>;
    /// Puts an object of one part.
    async fn put_data(
        &self,
        to: &Destination,
        data: Self::Data,
        checksum: Option<Checksum>,
    ) -> Result<Archived, CopyError>;
    /// Reads the next so many bytes of a body, fewer at its end alone. Fails where next to none comes for half a minute.
    async fn next_part(&self, body: &mut Self::Body, bytes: u64) -> Result<Part<Self::Data>, CopyError>;

    /// Begins an upload in parts; gives R2's name for it.
    async fn create_upload(&self, to: &Destination) -> Result<String, StoreError>;
    /// Uploads one part (1, 2, 3, …; again is the same); gives R2's tag of it. `BadCopy`: the upload is no more.
    async fn put_part(&self, upload: &Upload, number: u16, data: Self::Data) -> Result<String, CopyError>;
    /// Makes the object of its parts. `BadCopy`: it cannot be made any more.
    async fn complete_upload(&self, upload: &Upload) -> Result<Archived, CopyError>;
    /// Throws it away.
    async fn abort_upload(&self, upload: &Upload) -> Result<(), StoreError>;

    /// Reads word of a copy, by [`Destination::copy_id`].
    async fn get_progress(&self, copy: &str) -> Result<Option<(Progress, Version)>, StoreError>;
    /// Writes it, if it still has the version that is expected, or none; `None`: it has not, and nothing was written.
    async fn put_progress(
        &self,
        copy: &str,
        progress: &Progress,
        expected: Option<&Version>,
    ) -> Result<Option<Version>, StoreError>;
    /// Removes it.
    async fn delete_progress(&self, copy: &str) -> Result<(), StoreError>;
    /// Every copy of which there is word, and when that was written, in no useful order.
    async fn list_progress(&self, cursor: Option<&str>) -> Result<Page<(String, Timestamp)>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_r2s_own_passes_and_what_the_bytes_did_counts() {
        let unavailable = |reason: &str| CopyError::Unavailable(reason.to_owned());
        let bad = |reason: &str| CopyError::BadCopy(reason.to_owned());
        let r2s = [
            "put: We encountered an internal error. Please try again. (10001)",
            "put: Reduce your concurrent request rate for the same object. (10058)",
            "put: service unavailable (10043)",
        ];
        for reason in r2s {
            assert_eq!(CopyError::of_put(reason.to_owned()), unavailable(reason));
            let piped = Some("TypeError: broken".to_owned());
            assert_eq!(CopyError::of_counted_put(reason.to_owned(), piped, 7), unavailable(reason));
        }
        let hash = "put: The SHA-256 checksum you specified did not match what we received. (10037)";
        assert_eq!(CopyError::of_put(hash.to_owned()), bad(hash));
        assert_eq!(CopyError::of_counted_put(hash.to_owned(), None, 7), bad(hash));
        let cut = "Network connection lost.";
        assert_eq!(CopyError::of_put(cut.to_owned()), bad(cut));
        let counted =
            |count: Option<&str>| CopyError::of_counted_put(cut.to_owned(), count.map(str::to_owned), 7);
        assert_eq!(counted(None), bad("not the 7 bytes that the task says: Network connection lost."));
        assert_eq!(counted(Some("too many")), bad("not the 7 bytes that the task says: too many"));
    }
}
