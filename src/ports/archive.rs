//! Ports of archiving: downloads, the files bucket, and the records of copies under way.

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
    /// Whether the request carries Fabricate's API key.
    pub authorized: bool,
    /// The header that continues the run's trace; `None`: the run has none, or the address is not Fabricate's.
    pub traceparent: Option<String>,
}

/// Where a file goes, and what its task says about it.
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
    /// The key of this copy's [`CopyLease`]. The file's id is hashed, because it may be any text.
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
    /// The body, not read yet.
    pub body: B,
}

/// How a whole body is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Put {
    /// The body's size, bytes. A body of another size makes the put fail.
    pub length: u64,
    /// Whether the runtime must count the bytes, because the answer does not state its length.
    pub counted: bool,
    /// The checksum that R2 verifies.
    pub checksum: Option<Checksum>,
    /// The longest time that it may take, milliseconds.
    pub limit_ms: u32,
}

/// A piece of a body, held by the runtime.
#[derive(Debug)]
pub struct Part<P> {
    /// Its size, bytes; smaller than requested only at the body's end.
    pub bytes: u64,
    /// The bytes.
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

/// Why a file was not copied. No object exists afterwards.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// It can never be copied: 404, another refusal, or a redirect that must not be followed.
    #[error("{0}")]
    Refused(String),
    /// Other bytes than the task states: another size or another hash.
    #[error("{0}")]
    BadCopy(String),
    /// The server or the bucket failed; a later attempt may succeed.
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
    /// The connection broke; the first bytes are kept.
    #[error("{reason}")]
    CutShort {
        /// How many bytes are kept.
        bytes: u64,
        /// What happened.
        reason: String,
    },
    /// The copy took longer than its limit, seconds.
    #[error("the download took longer than {0} s")]
    TooSlow(u32),
    /// Another invocation copies the file.
    #[error("another invocation copies it")]
    UnderWay,
}

impl From<StoreError> for CopyError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// The stored record of a copy under way: which invocation copies, and how far an upload in parts has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyLease {
    /// The invocation that copies; `None` once it has stopped.
    pub holder: Option<String>,
    /// The upload, if the file is copied in parts.
    pub upload: Option<Upload>,
}

/// An upload in parts, with all that is needed to resume it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Key in the files bucket.
    pub key: String,
    /// R2's id of the upload.
    pub upload_id: String,
    /// The size of each part but the last, bytes.
    pub part_bytes: u64,
    /// The size of the file, bytes, if the task or the server states it.
    #[serde(default)]
    pub size: Option<u64>,
    /// R2's tags of the uploaded parts, in order.
    pub etags: Vec<String>,
    /// The bytes of those parts.
    pub bytes: u64,
    /// Whether the last part is uploaded, so that the upload is only to be completed.
    pub whole: bool,
    /// The server's validator of the file's version. Without it the upload cannot be resumed.
    pub validator: Option<Validator>,
}

impl Upload {
    /// An upload without parts.
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

/// A version of a record in R2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// R2's tag of the version.
    pub etag: String,
    /// When R2 wrote it, by R2's clock.
    pub at: Timestamp,
}

/// The bytes of files, which the runtime holds: the service passes handles on and never sees a byte.
pub trait FileBytes {
    /// The bytes of a download that are still to come. Dropping it ends the connection.
    type Body;
    /// Bytes that have arrived.
    type Data;
}

/// Downloads over HTTP.
#[expect(async_fn_in_trait, reason = "a Worker has one thread: futures need not be Send")]
pub trait Downloads: FileBytes {
    /// Requests a file, or its rest: one outbound request, whose redirects the caller follows.
    ///
    /// # Errors
    /// [`CopyError::Unavailable`] when no answer comes.
    async fn download(&self, from: &Source, at: Option<&Resume>) -> Result<Download<Self::Body>, CopyError>;
    /// Reads the next `bytes` bytes of a body; fewer only at its end.
    ///
    /// # Errors
    /// [`CopyError::Unavailable`] when the body is cut short, or next to nothing arrives for half a minute.
    async fn next_part(&self, body: &mut Self::Body, bytes: u64) -> Result<Part<Self::Data>, CopyError>;
}

/// R2 `FILES`. An object appears whole or not at all.
#[expect(async_fn_in_trait, reason = "a Worker has one thread: futures need not be Send")]
pub trait FileStore: FileBytes {
    /// Looks for an object.
    async fn find(&self, key: &str) -> Result<Option<Archived>, StoreError>;
    /// Puts a whole body.
    async fn put(&self, to: &Destination, body: Self::Body, put: &Put) -> Result<Archived, CopyError>;
    /// Puts an object of one part.
    async fn put_data(
        &self,
        to: &Destination,
        data: Self::Data,
        checksum: Option<Checksum>,
    ) -> Result<Archived, CopyError>;
    /// Begins an upload in parts; returns R2's id of it.
    async fn create_upload(&self, to: &Destination) -> Result<String, StoreError>;
    /// Uploads part `number` (1, 2, 3, …); uploading it again replaces it. Returns R2's tag of the part.
    ///
    /// # Errors
    /// [`CopyError::BadCopy`] when the upload no longer exists.
    async fn put_part(&self, upload: &Upload, number: u16, data: Self::Data) -> Result<String, CopyError>;
    /// Makes the object of the uploaded parts.
    ///
    /// # Errors
    /// [`CopyError::BadCopy`] when that can never succeed.
    async fn complete_upload(&self, upload: &Upload) -> Result<Archived, CopyError>;
    /// Discards an upload and its parts.
    async fn abort_upload(&self, upload: &Upload) -> Result<(), StoreError>;
}

/// R2 `INBOX`, the records of copies under way, by [`Destination::copy_id`]. They change, each by compare-and-set.
#[expect(async_fn_in_trait, reason = "a Worker has one thread: futures need not be Send")]
pub trait CopyLeases {
    /// Reads the record of a copy.
    async fn get_lease(&self, copy_id: &str) -> Result<Option<(CopyLease, Version)>, StoreError>;
    /// Writes the record of a copy if it still has the `expected` version (`None`: if there is no record). `None`: another
    /// invocation wrote it, and nothing was changed.
    async fn put_lease(
        &self,
        copy_id: &str,
        lease: &CopyLease,
        expected: Option<&Version>,
    ) -> Result<Option<Version>, StoreError>;
    /// Removes the record of a copy.
    async fn delete_lease(&self, copy_id: &str) -> Result<(), StoreError>;
    /// The id of each copy with a record, and when that was written, in no useful order.
    async fn list_leases(&self, cursor: Option<&str>) -> Result<Page<(String, Timestamp)>, StoreError>;
}
