//! What the handlers need of the runtime beside the service's ports, as small traits. `cloudflare/` implements them on
//! Workers, the tests in memory. Nothing here decides anything.

use std::rc::Rc;

use url::Url;

use super::download::{ByteRange, StoredFile};
use super::recent::ring::RecentDelivery;
use crate::fabricate::{ANSWER_BYTES_MAX, ANSWER_TIMEOUT_MS, Answer};
use crate::hook::HookName;
use crate::ports::{Clock, Inbox, KeptKey, KeptLists, Log, Metrics, StoreError, Version, World};
use crate::verify::crypto::Crypto;
use crate::verify::offered_secret::OfferedSecret;

/// The surroundings of one request.
#[expect(async_fn_in_trait, reason = "a Worker has one thread: futures need not be Send")]
pub trait Runtime: Clock + Log + Metrics + Outbound {
    /// The stores and Fabricate.
    type Ports: Ports + 'static;

    /// The stores and Fabricate; `None` where a binding is missing, which is logged.
    fn ports(&self) -> Option<Rc<Self::Ports>>;

    /// The value of a secret; `None` where it is not set, or blank. Handlers ask their context, which refuses those of examples.
    fn secret(&self, name: &str) -> Option<String>;

    /// The cryptography that verification asks for.
    fn crypto(&self) -> &dyn Crypto;

    /// Counts a call of `key` in the rate-limiting binding `binding`, and returns whether it is within the limit.
    ///
    /// # Errors
    /// See [`LimiterError`].
    async fn count_call(&self, binding: &str, key: &str) -> Result<bool, LimiterError>;

    /// Keeps `work` going after the answer, for 30 s at most.
    fn wait_until(&self, work: impl Future<Output = ()> + 'static);
}

/// Why a call was not counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimiterError {
    /// There is no such binding.
    #[error("the binding is missing: {0}")]
    NotBound(String),
    /// The binding failed.
    #[error("{0}")]
    Failed(String),
}

/// Everything that a handler may read, write or ask.
pub trait Ports:
    World + Inbox<KeptKey> + KeptLists + StoredFiles + HandshakeTokens + RecentDeliveries
{
}

impl<P> Ports for P where
    P: World + Inbox<KeptKey> + KeptLists + StoredFiles + HandshakeTokens + RecentDeliveries
{
}

/// Reads archived files from R2 `FILES`.
#[expect(async_fn_in_trait, reason = "a Worker has one thread: futures need not be Send")]
pub trait StoredFiles {
    /// The bytes of an answer, held by the runtime.
    type Stream;

    /// Looks for an object. Its name is for the caller to set.
    async fn head_file(&self, key: &str) -> Result<Option<StoredFile>, StoreError>;

    /// Opens an object, or a part of it, if it still has this entity tag.
    async fn open_file(
        &self,
        key: &str,
        etag: &str,
        part: Option<ByteRange>,
    ) -> Result<OpenedFile<Self::Stream>, StoreError>;
}

/// The outcome of opening an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenedFile<S> {
    /// The bytes.
    Opened(S),
    /// The object has another entity tag by now.
    Changed,
    /// There is no object.
    Missing,
}

/// The stream of a runtime's files.
pub type FileStream<R> = <<R as Runtime>::Ports as StoredFiles>::Stream;

/// The tokens that senders offered in handshakes, for the operator, in R2 `INBOX` at `handshakes/{hook}`. KV would not do: its reads
/// are late and its last write wins, so that a stranger's token could follow the sender's.
#[expect(async_fn_in_trait, reason = "a Worker has one thread: futures need not be Send")]
pub trait HandshakeTokens {
    /// Reads the token of a hook.
    async fn get_token(&self, hook: &HookName) -> Result<Option<(OfferedSecret, Version)>, StoreError>;

    /// Writes the token of a hook, if the stored one still has the expected version, or if there is none and none is
    /// expected. `false`: it was not written.
    async fn put_token(
        &self,
        hook: &HookName,
        token: &OfferedSecret,
        expected: Option<&Version>,
    ) -> Result<bool, StoreError>;
}

/// The deliveries that were refused or ignored lately, in R2 `INBOX` at `recent/{shard}`, as JSON; see [`super::recent`].
#[expect(async_fn_in_trait, reason = "a Worker has one thread: futures need not be Send")]
pub trait RecentDeliveries {
    /// Reads the list of a shard.
    async fn get_recent(&self, shard: u8) -> Result<Option<(Vec<RecentDelivery>, Version)>, StoreError>;

    /// Writes the list of a shard, if the stored one still has the expected version, or if there is none and none is
    /// expected. `false`: it was not written.
    async fn put_recent(
        &self,
        shard: u8,
        recent: &[RecentDelivery],
        expected: Option<&Version>,
    ) -> Result<bool, StoreError>;
}

/// Requests to addresses that [`verify`](crate::verify) allows: at a sender's own hosts, and at Cloudflare Access. They need no
/// binding.
#[expect(async_fn_in_trait, reason = "a Worker has one thread: futures need not be Send")]
pub trait Outbound {
    /// Sends one `GET` without any credentials. Redirects are not followed.
    ///
    /// # Errors
    /// The reason for the log where no whole answer came within the limits.
    async fn get(&self, url: &Url, limits: Limits) -> Result<Answer, String>;
}

/// How long an answer may take, and how large it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Milliseconds.
    pub timeout_ms: u32,
    /// The most bytes of the body.
    pub bytes_max: u32,
}

impl Limits {
    /// Those of all requests but Access's.
    pub const USUAL: Self = Self { timeout_ms: ANSWER_TIMEOUT_MS, bytes_max: ANSWER_BYTES_MAX };
}
