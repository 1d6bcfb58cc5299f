//! What the service needs of the world, as a few traits. The edge implements them on Cloudflare, the simulation
//! in memory. Nothing here decides anything.

mod alerts;
mod archive;
mod heartbeat;
mod kept;
mod metrics;
mod notifier;
mod schedules;
mod turns;

pub use alerts::{AlertLedgers, HeardHooks, KnownLedger};
pub use archive::{
    Archived, CopyError, CopyLease, CopyLeases, Destination, Download, Downloads, FileBytes, FileStore, Part,
    Put, Source, Upload, Version,
};

pub use heartbeat::{Heartbeat, Heartbeats, SweepGap};
pub use kept::{InvalidKeptId, Kept, KeptId, KeptKey, KeptLists};
pub use metrics::{Metrics, Point, PointDetail, PointKind, PointOutcome};
pub use notifier::{Notifier, Posted};
pub use schedules::{ScheduleLedger, ScheduleMark, Schedules};
pub use turns::Turns;

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::fabricate::{CircuitBreaker, Credentials, StartOutcome, StatusError, Target, Task, TaskId};
use crate::hook::HookName;
use crate::hook::delivery::{Delivery, DeliveryId};
use crate::journal::Entry;
use crate::log::Line;
use crate::run::{Run, RunId, Summary, Tick};
use crate::timestamp::Timestamp;

/// A store did not do what it was asked, or nobody knows whether it did.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Written too often: one write a second for each key. Wait, then write again.
    #[error("{0}: more than one write a second")]
    Busy(&'static str),
    /// Out of order, or out of reach.
    #[error("{store}: {reason}")]
    Unavailable {
        /// Which store.
        store: &'static str,
        /// What it said.
        reason: String,
    },
    /// What is stored cannot be read: written by another version, or damaged. It is left alone.
    #[error("{key} cannot be read: {reason}")]
    Unreadable {
        /// The record.
        key: String,
        /// Why.
        reason: String,
    },
}

/// One page of a list, and where the next begins.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// What is on it; may be empty although more follows.
    pub items: Vec<T>,
    /// `None`: this was the last.
    pub cursor: Option<String>,
}

/// A page of runs in brief, which are passed on and looked at in many places: none is copied for that.
pub type RunPage = Page<Result<Rc<Summary>, StoreError>>;

/// KV `RUNS`, one run at a time. Eventually consistent, and the last write wins: it shows runs and decides nothing.
#[expect(async_fn_in_trait, reason = "a Worker has one thread: futures need not be Send")]
pub trait RunRecords {
    /// Writes the record of a run that is not final, and its summary.
    async fn put_open(&self, run: &Run) -> Result<(), StoreError>;
    /// Reads the `open/` record, which may be minutes old.
    async fn get_open(&self, run_id: RunId) -> Result<Option<Run>, StoreError>;
    /// Removes the `open/` record.
    async fn delete_open(&self, run_id: RunId) -> Result<(), StoreError>;
    /// Writes the record of a final run, which expires after its retention.
    async fn put_done(&self, run: &Run) -> Result<(), StoreError>;
    /// Reads the `done/` record.
    async fn get_done(&self, run_id: RunId) -> Result<Option<Run>, StoreError>;
}

/// KV `RUNS`, lists of summaries. An unreadable record is an `Err` in its place.
#[expect(async_fn_in_trait, reason = "a Worker has one thread: futures need not be Send")]
pub trait RunLists {
    /// Runs that are not final, oldest first, up to 1,000 a page.
    async fn list_open(&self, cursor: Option<&str>) -> Result<RunPage, StoreError>;
    /// Final runs, newest first, up to `limit` a page.
    async fn list_done(&self, cursor: Option<&str>, limit: usize) -> Result<RunPage, StoreError>;
}

/// Under what a delivery is claimed: redeliveries share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryKey {
    /// The hook.
    pub hook: HookName,
    /// [`DeliveryId::digest`].
    pub digest: String,
}

impl DeliveryKey {
    /// The key of a delivery.
    #[must_use]
    pub fn of(hook: &HookName, id: &DeliveryId) -> Self {
        Self { hook: hook.clone(), digest: id.digest() }
    }

    /// A key of its own for the attempt `author`, where the delivery's key is taken by an earlier attempt.
    #[must_use]
    pub fn of_attempt(&self, author: &str) -> Self {
        Self { hook: self.hook.clone(), digest: format!("{}-{author}", self.digest) }
    }
}

/// What is stored of an accepted delivery: dedupe gate, write-ahead log and replay source in one.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Names the attempt to write, see [`Entry::author`].
    pub author: String,
    /// The delivery, whole.
    pub delivery: Delivery,
    /// The runs that it became, as they were when accepted; none where each item of the batch has a claim of its own.
    pub runs: Vec<Run>,
    /// The items of the batch that this attempt found unclaimed, as [`ItemKey::digest`], at most 500. A listed item may
    /// be claimed by another delivery all the same: its own [`ItemClaim`] decides.
    pub items: Vec<String>,
}

/// Under what one item of a batch is claimed: every delivery that holds the item finds the same claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemKey {
    /// The hook.
    pub hook: HookName,
    /// [`DeliveryId::digest`] of the item's id.
    pub digest: String,
}

impl ItemKey {
    /// The key of an item.
    #[must_use]
    pub fn of(hook: &HookName, id: &DeliveryId) -> Self {
        Self { hook: hook.clone(), digest: id.digest() }
    }
}

/// What is stored of an item of a batch. The delivery, which may have megabytes, is stored once for all its items.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemClaim {
    /// Names the attempt to write, see [`Entry::author`].
    pub author: String,
    /// [`DeliveryKey::digest`] of the claim that holds the delivery. It was written just before this one, so both expire
    /// together.
    pub delivery: String,
    /// The runs that the item became, one for each rule that held, as they were when accepted.
    pub runs: Vec<Run>,
}

/// What is stored of a retry: the gate that lets each run be retried once, and the new run, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Names the attempt to write, see [`Entry::author`].
    pub author: String,
    /// The new run, as it was when accepted.
    pub run: Run,
}

/// The key of the retry of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryKey(pub RunId);

/// The key of one entry of a run's journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryKey {
    /// The run.
    pub run_id: RunId,
    /// 1, 2, 3, … without a gap.
    pub number: u32,
}

/// A key in the inbox. Its type decides what is stored under it.
pub trait InboxKey {
    /// What is stored.
    type Record;

    /// Names the attempt that wrote a record, so that a writer who lost the answer to its put recognises its own.
    fn author(record: &Self::Record) -> &str;
}

impl InboxKey for DeliveryKey {
    type Record = Claim;

    fn author(claim: &Claim) -> &str {
        &claim.author
    }
}

impl InboxKey for ItemKey {
    type Record = ItemClaim;

    fn author(claim: &ItemClaim) -> &str {
        &claim.author
    }
}

impl InboxKey for RetryKey {
    type Record = Retry;

    fn author(retry: &Retry) -> &str {
        &retry.author
    }
}

impl InboxKey for EntryKey {
    type Record = Entry;

    fn author(entry: &Entry) -> &str {
        &entry.author
    }
}

/// R2 `INBOX`, records of one kind. Strongly consistent, and a record is created once and never changed: it decides.
#[expect(async_fn_in_trait, reason = "a Worker has one thread: futures need not be Send")]
pub trait Inbox<K: InboxKey> {
    /// Creates a record; `false` when there is one under this key.
    async fn create(&self, key: &K, record: &K::Record) -> Result<bool, StoreError>;
    /// Reads a record and when R2 created it.
    async fn get(&self, key: &K) -> Result<Option<(K::Record, Timestamp)>, StoreError>;
}

/// R2 `INBOX`, the lists that the hourly pass reads. Both are in no useful order.
#[expect(async_fn_in_trait, reason = "a Worker has one thread: futures need not be Send")]
pub trait InboxLists {
    /// The key of each claimed delivery and when R2 created the claim. Claims of items are not listed.
    async fn list_claims(&self, cursor: Option<&str>) -> Result<Page<(DeliveryKey, Timestamp)>, StoreError>;
    /// Each run that has a retry and when R2 created the retry.
    async fn list_retries(&self, cursor: Option<&str>) -> Result<Page<(RunId, Timestamp)>, StoreError>;
}

/// What sweeps found in the list of open runs, while it is empty. Stored as JSON; a hint that cannot be read is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleHint {
    /// Names the sweep that wrote the hint, so that no two hints have the same entity tag.
    pub author: String,
    /// Whether sweeps need not list; `false`: one list was empty, and a later one has to confirm it.
    pub is_idle: bool,
}

/// R2 `INBOX`, the one [`IdleHint`]. Strongly consistent.
#[expect(async_fn_in_trait, reason = "a Worker has one thread: futures need not be Send")]
pub trait IdleHints {
    /// Reads the hint.
    async fn get_hint(&self) -> Result<Option<(IdleHint, Version)>, StoreError>;
    /// Writes the hint, if the stored one still has the expected version, or if there is none and none is expected. `false`: it
    /// was not written.
    async fn put_hint(&self, hint: &IdleHint, expected: Option<&Version>) -> Result<bool, StoreError>;
    /// Deletes the hint, if there is one. R2 charges nothing for it.
    async fn delete_hint(&self) -> Result<(), StoreError>;
    /// A time just before this isolate last deleted the hint; shared by all that runs in it.
    fn hint_deleted_at(&self) -> &Cell<Option<Timestamp>>;
}

/// Fabricate, asked over HTTP. Each call is one outbound request.
#[expect(async_fn_in_trait, reason = "a Worker has one thread: futures need not be Send")]
pub trait Fabricate {
    /// Starts a workflow, in the trace that the header `traceparent` names. There is no second try inside: what a failure
    /// proves is for the caller.
    async fn start(
        &self,
        target: &Target,
        params: &serde_json::Map<String, Value>,
        traceparent: Option<&str>,
    ) -> StartOutcome;
    /// Asks for a task.
    async fn status(&self, task_id: &TaskId) -> Result<Task, StatusError>;
    /// Where a file's download begins, and Fabricate's own address.
    fn download_url(&self, task_id: &TaskId, file_id: &crate::fabricate::FileId) -> Url;
    /// Fabricate's own address, against which redirects are judged.
    fn base(&self) -> &Url;
    /// Whether it may be asked now; shared by all that runs in this isolate.
    fn breaker(&self) -> &CircuitBreaker;
    /// Whether it accepted the key lately; shared by all that runs in this isolate.
    fn credentials(&self) -> &Credentials;
}

/// Where runs are handed on, to be advanced in invocations of their own. At least once: each may come twice.
#[expect(async_fn_in_trait, reason = "a Worker has one thread: futures need not be Send")]
pub trait Queue {
    /// Whether a queue is bound. Without one, nothing is sent.
    fn has_queue(&self) -> bool;
    /// Sends these batches, to be delivered after `delay_s` seconds: all of them, or nobody knows which.
    async fn send(&self, batches: &[Batch], delay_s: u32) -> Result<(), StoreError>;
}

/// A message of the queue: runs as the list shows them, so that the receiver needs no read.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// When the sweep was due, or the poll of a followed run is.
    pub tick: Tick,
    /// How often the run was sent before, if it is followed; `None`: a sweep sent the runs.
    pub followed: Option<u8>,
    /// The runs; [`crate::service::sweep::BATCH_RUNS_MAX`] at the most.
    pub runs: Vec<Rc<Summary>>,
}

/// Time and chance.
#[expect(async_fn_in_trait, reason = "a Worker has one thread: futures need not be Send")]
pub trait Clock {
    /// What time it is.
    fn now(&self) -> Timestamp;
    /// Waits.
    async fn sleep_ms(&self, millis: u32);
    /// 128 random bits that nobody can guess.
    fn random(&self) -> [u8; 16];
}

/// Where log lines go.
pub trait Log {
    /// Writes one line with its fields, a JSON object. No field has a secret, a body or a parameter's value.
    fn log(&self, line: Line, fields: Value);
}

/// The whole inbox.
pub trait WholeInbox:
    Inbox<DeliveryKey>
    + Inbox<ItemKey>
    + Inbox<RetryKey>
    + Inbox<EntryKey>
    + InboxLists
    + IdleHints
    + Heartbeats
    + HeardHooks
    + AlertLedgers
    + Turns
    + Schedules
{
}

impl<W> WholeInbox for W where
    W: Inbox<DeliveryKey>
        + Inbox<ItemKey>
        + Inbox<RetryKey>
        + Inbox<EntryKey>
        + InboxLists
        + IdleHints
        + Heartbeats
        + HeardHooks
        + AlertLedgers
        + Turns
        + Schedules
{
}

/// Every port: what advancing a run may need.
pub trait World:
    RunRecords
    + RunLists
    + WholeInbox
    + Fabricate
    + Notifier
    + Queue
    + Downloads
    + FileStore
    + CopyLeases
    + Clock
    + Log
    + Metrics
{
}

impl<W> World for W where
    W: RunRecords
        + RunLists
        + WholeInbox
        + Fabricate
        + Notifier
        + Queue
        + Downloads
        + FileStore
        + CopyLeases
        + Clock
        + Log
        + Metrics
{
}

impl fmt::Display for DeliveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.hook, self.digest)
    }
}

impl fmt::Display for ItemKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.hook, self.digest)
    }
}
