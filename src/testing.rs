//! For tests: stores in memory, a Fabricate with scripted answers, and a clock that stands still.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::sync::LazyLock;
use std::task::Poll;

use futures_util::FutureExt;
use serde_json::{Map, Value};
use url::Url;

use crate::example_secrets::Exposure;
use crate::fabricate::{
    Checksum, CircuitBreaker, Credentials, FileId, Resume, StartOutcome, StatusError, Target, Task, TaskId,
};
use crate::hook::HookName;
use crate::http::testing::HttpStores;
use crate::journal::{Decision, Entry};
use crate::log::Line;
use crate::notify::ledger::Ledger;
use crate::notify::{Request, Targets};
use crate::ports::{
    AlertLedgers, Archived, Batch, Claim, Clock, CopyError, CopyLease, CopyLeases, DeliveryKey, Destination,
    Download, Downloads, EntryKey, Fabricate, FileBytes, FileStore, HeardHooks, Heartbeat, Heartbeats,
    IdleHint, IdleHints, Inbox, InboxKey, InboxLists, ItemClaim, ItemKey, Kept, KeptId, KeptKey, KeptLists,
    KnownLedger, Log, Metrics, Notifier, Page, Part, Point, Posted, Put, Queue, Retry, RetryKey, RunLists,
    RunPage, RunRecords, ScheduleLedger, Schedules, Source, StoreError, Turns, Upload, Version,
};
use crate::run::tests::at;
use crate::run::{Run, RunId, Turn, TurnKey};
use crate::timestamp::Timestamp;

/// How many runs one page of a list has.
const PAGE: usize = 1_000;

/// A world that keeps what it is given.
#[derive(Default)]
pub(crate) struct MemoryWorld {
    pub(crate) open: RefCell<BTreeMap<RunId, Run>>,
    pub(crate) done: RefCell<BTreeMap<RunId, Run>>,
    pub(crate) journals: RefCell<BTreeMap<(RunId, u32), (Entry, Timestamp)>>,
    pub(crate) claims: RefCell<Vec<(DeliveryKey, Claim)>>,
    pub(crate) items: RefCell<Vec<(ItemKey, ItemClaim)>>,
    pub(crate) retries: RefCell<BTreeMap<RunId, Retry>>,
    /// Turns, with their entity tags and times.
    pub(crate) turns: RefCell<BTreeMap<TurnKey, (Turn, Version)>>,
    /// The ledger of schedules, and its entity tag and time.
    pub(crate) schedules: RefCell<Option<(ScheduleLedger, Version)>>,
    pub(crate) known_schedules: RefCell<Option<ScheduleLedger>>,
    /// What another invocation writes to a turn just before it is written next.
    pub(crate) other_turn: RefCell<Option<Turn>>,
    pub(crate) kept: RefCell<Vec<(KeptKey, Kept)>>,
    /// The decision of another invocation, entered just before the next entry is created.
    pub(crate) faster: RefCell<Option<Decision>>,
    /// Every access to the inbox fails.
    pub(crate) inbox_fails: Cell<bool>,
    /// Every write to KV fails.
    pub(crate) kv_fails: Cell<bool>,
    /// Every read of an `open/` record fails with this.
    pub(crate) read_error: RefCell<Option<StoreError>>,
    /// From this number on, no further item can be claimed.
    pub(crate) items_max: Cell<Option<usize>>,
    /// Claims of items that are being written.
    pub(crate) items_at_once: AtOnce,
    /// Pages of KV lists that were read.
    pub(crate) lists: Cell<usize>,
    /// The hint of sweeps, and its entity tag and time.
    pub(crate) hint: RefCell<Option<(IdleHint, Version)>>,
    pub(crate) hint_fails: Cell<bool>,
    /// How often the hint was read, written and deleted.
    pub(crate) hint_calls: Cell<[usize; 3]>,
    pub(crate) hint_deleted_at: Cell<Option<Timestamp>>,
    /// The heartbeat of sweeps, and its entity tag and time.
    pub(crate) heartbeat: RefCell<Option<(Heartbeat, Version)>>,
    pub(crate) heartbeat_fails: Cell<bool>,
    /// How often the heartbeat was read and written.
    pub(crate) heartbeat_calls: Cell<[usize; 2]>,
    pub(crate) known_heartbeat: RefCell<Option<Heartbeat>>,
    /// When each hook was last heard.
    pub(crate) heard: RefCell<BTreeMap<HookName, Timestamp>>,
    pub(crate) heard_fails: Cell<bool>,
    /// The ledger of alerts, and its entity tag and time.
    pub(crate) ledger: RefCell<Option<(Ledger, Version)>>,
    pub(crate) ledger_fails: Cell<bool>,
    /// How often the ledger was read and written.
    pub(crate) ledger_calls: Cell<[usize; 2]>,
    /// What another invocation writes to the ledger just before the next one is written.
    pub(crate) other_ledger: RefCell<Option<Ledger>>,
    pub(crate) known_ledger: RefCell<Option<KnownLedger>>,
    pub(crate) credentials: Credentials,
    /// `open/` records and journal entries that were read.
    pub(crate) reads: Cell<usize>,
    /// KV records that were written or removed.
    pub(crate) writes: Cell<usize>,
    /// Every operation of KV and of the inbox, and every start request.
    pub(crate) calls: RefCell<Vec<&'static str>>,
    /// Outcomes of the next starts; after them none is answered.
    pub(crate) starts: RefCell<VecDeque<StartOutcome>>,
    /// The `traceparent` of each start request.
    pub(crate) traceparents: RefCell<Vec<Option<String>>>,
    /// Whether each task is completed once there is no other answer for it.
    pub(crate) tasks_complete: Cell<bool>,
    /// Answers to the next polls; after them each task is in progress.
    pub(crate) answers: RefCell<VecDeque<Result<Task, StatusError>>>,
    /// The tasks that were polled.
    pub(crate) polled: RefCell<Vec<String>>,
    /// Polls that are being answered.
    pub(crate) polls_at_once: AtOnce,
    /// Made when Fabricate is first asked.
    pub(crate) breaker: OnceCell<CircuitBreaker>,
    /// Whether a queue is bound.
    pub(crate) queue: Cell<bool>,
    pub(crate) queue_fails: Cell<bool>,
    /// The delay of each call, seconds.
    pub(crate) delays_s: RefCell<Vec<u32>>,
    /// The batches that the queue took, by call.
    pub(crate) sent: RefCell<Vec<Vec<Batch>>>,
    /// Whether time passes while something waits.
    pub(crate) time_passes: Cell<bool>,
    /// The waits, milliseconds.
    pub(crate) slept: RefCell<Vec<u32>>,
    /// The messages that were logged.
    pub(crate) log: RefCell<Vec<String>>,
    /// How long Fabricate takes for each answer, milliseconds.
    pub(crate) answer_ms: Cell<i64>,
    /// The object that is found for each file.
    pub(crate) archived: RefCell<Option<Archived>>,
    /// Why the next download fails.
    pub(crate) download_error: RefCell<Option<CopyError>>,
    /// The data points that were written, as [`shown`] writes them.
    pub(crate) points: RefCell<Vec<String>>,
    /// Now, milliseconds after [`at`]`(0)`.
    pub(crate) now_ms: Cell<i64>,
    /// The targets of notifications.
    pub(crate) targets: Targets,
    /// The secrets of targets.
    pub(crate) target_secrets: BTreeMap<&'static str, &'static str>,
    /// Answers of targets to the next messages; after them each is a 204.
    pub(crate) target_answers: RefCell<VecDeque<Result<Posted, String>>>,
    /// Who can call the Worker.
    pub(crate) exposure: Cell<Exposure>,
    /// What was posted to targets.
    pub(crate) posted: RefCell<Vec<Request>>,
    /// What the HTTP handlers need beside: files, tokens of handshakes.
    pub(crate) http: HttpStores,
    /// How many random numbers were taken.
    random: Cell<u16>,
}

impl MemoryWorld {
    /// A world with the `open/` record of a run, and the decisions in its journal.
    pub(crate) fn with(run: &Run, decisions: &[Decision]) -> Self {
        let world = Self::default();
        world.open.borrow_mut().insert(run.run_id, run.clone());
        for decision in decisions {
            world.append(run.run_id, decision.clone());
        }
        world
    }

    /// Goes on as a world that has taken so many random numbers.
    pub(crate) fn skip_random(&self, count: u16) {
        self.random.set(count);
    }

    pub(crate) fn append(&self, run_id: RunId, decision: Decision) {
        let mut journals = self.journals.borrow_mut();
        let number = 1 + u32::try_from(journals.keys().filter(|(of, _)| *of == run_id).count()).unwrap();
        journals.insert((run_id, number), (Entry { author: "another".into(), decision }, at(0)));
    }

    /// The last decision in a journal.
    pub(crate) fn last_decision(&self, run_id: RunId) -> Option<Decision> {
        let journals = self.journals.borrow();
        let last = journals.iter().rev().find(|((of, _), _)| *of == run_id);
        last.map(|(_, (entry, _))| entry.decision.clone())
    }

    fn call(&self, what: &'static str) {
        self.calls.borrow_mut().push(what);
    }

    fn write(&self, records: &RefCell<BTreeMap<RunId, Run>>, run: &Run) -> Result<(), StoreError> {
        self.call("KV put");
        self.writes.set(self.writes.get() + 1);
        if self.kv_fails.get() {
            return Err(StoreError::Busy("kv"));
        }
        records.borrow_mut().insert(run.run_id, run.clone());
        Ok(())
    }

    fn inbox(&self, what: &'static str) -> Result<(), StoreError> {
        self.call(what);
        if self.inbox_fails.get() { Err(StoreError::Busy("INBOX")) } else { Ok(()) }
    }

    fn page<'r>(&self, runs: impl Iterator<Item = &'r Run>, cursor: Option<&str>) -> RunPage {
        self.call("KV list");
        self.lists.set(self.lists.get() + 1);
        let start = cursor.map_or(0, |cursor| cursor.parse::<usize>().unwrap());
        let mut runs = runs.skip(start).peekable();
        let items = runs.by_ref().take(PAGE).map(|run| Ok(run.summary().into())).collect();
        Page { items, cursor: runs.peek().map(|_| (start + PAGE).to_string()) }
    }
}

/// How many calls run at the same time.
#[derive(Default)]
pub(crate) struct AtOnce {
    now: Cell<usize>,
    /// The most so far.
    pub(crate) most: Cell<usize>,
}

impl AtOnce {
    /// A call that takes a while, so that others can begin.
    async fn call(&self) {
        self.now.set(self.now.get() + 1);
        self.most.set(self.most.get().max(self.now.get()));
        let mut turns = 0;
        std::future::poll_fn(|cx| {
            turns += 1;
            cx.waker().wake_by_ref();
            if turns > 10 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        self.now.set(self.now.get() - 1);
    }
}

/// Runs a future that waits for nothing but its own turns.
pub(crate) fn finish<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    (0..1_000_000).find_map(|_| future.as_mut().now_or_never()).expect("the future never ends")
}

/// A task's id.
pub(crate) fn task_id(text: &str) -> TaskId {
    TaskId::try_from(text.to_owned()).unwrap()
}

impl RunRecords for MemoryWorld {
    async fn put_open(&self, run: &Run) -> Result<(), StoreError> {
        self.write(&self.open, run)
    }
    async fn get_open(&self, run_id: RunId) -> Result<Option<Run>, StoreError> {
        self.call("KV get");
        self.reads.set(self.reads.get() + 1);
        match &*self.read_error.borrow() {
            Some(error) => Err(error.clone()),
            None => Ok(self.open.borrow().get(&run_id).cloned()),
        }
    }
    async fn delete_open(&self, run_id: RunId) -> Result<(), StoreError> {
        self.call("KV delete");
        self.writes.set(self.writes.get() + 1);
        if self.kv_fails.get() {
            return Err(StoreError::Busy("kv"));
        }
        self.open.borrow_mut().remove(&run_id);
        Ok(())
    }
    async fn put_done(&self, run: &Run) -> Result<(), StoreError> {
        self.write(&self.done, run)
    }
    async fn get_done(&self, run_id: RunId) -> Result<Option<Run>, StoreError> {
        self.call("KV get");
        Ok(self.done.borrow().get(&run_id).cloned())
    }
}

impl RunLists for MemoryWorld {
    async fn list_open(&self, cursor: Option<&str>) -> Result<RunPage, StoreError> {
        Ok(self.page(self.open.borrow().values(), cursor))
    }
    async fn list_done(&self, cursor: Option<&str>, _: usize) -> Result<RunPage, StoreError> {
        Ok(self.page(self.done.borrow().values().rev(), cursor))
    }
}

/// Creates a record in a list unless its key is there.
fn create<K: InboxKey + Clone + PartialEq>(
    records: &RefCell<Vec<(K, K::Record)>>,
    key: &K,
    record: &K::Record,
) -> bool
where
    K::Record: Clone,
{
    let is_new = records.borrow().iter().all(|(of, _)| of != key);
    if is_new {
        records.borrow_mut().push((key.clone(), record.clone()));
    }
    is_new
}

impl Inbox<DeliveryKey> for MemoryWorld {
    async fn create(&self, key: &DeliveryKey, claim: &Claim) -> Result<bool, StoreError> {
        self.inbox("R2 put").map(|()| create(&self.claims, key, claim))
    }
    async fn get(&self, key: &DeliveryKey) -> Result<Option<(Claim, Timestamp)>, StoreError> {
        self.inbox("R2 get")?;
        Ok(self.claims.borrow().iter().find(|(of, _)| of == key).map(|(_, claim)| (claim.clone(), at(0))))
    }
}

impl Inbox<ItemKey> for MemoryWorld {
    async fn create(&self, key: &ItemKey, claim: &ItemClaim) -> Result<bool, StoreError> {
        self.items_at_once.call().await;
        if self.items_max.get().is_some_and(|max| self.items.borrow().len() >= max) {
            return Err(StoreError::Busy("INBOX"));
        }
        self.inbox("R2 put").map(|()| create(&self.items, key, claim))
    }
    async fn get(&self, key: &ItemKey) -> Result<Option<(ItemClaim, Timestamp)>, StoreError> {
        self.inbox("R2 get")?;
        Ok(self.items.borrow().iter().find(|(of, _)| of == key).map(|(_, claim)| (claim.clone(), at(0))))
    }
}

impl Inbox<RetryKey> for MemoryWorld {
    async fn create(&self, key: &RetryKey, retry: &Retry) -> Result<bool, StoreError> {
        self.inbox("R2 put")?;
        let is_new = !self.retries.borrow().contains_key(&key.0);
        self.retries.borrow_mut().entry(key.0).or_insert_with(|| retry.clone());
        Ok(is_new)
    }
    async fn get(&self, key: &RetryKey) -> Result<Option<(Retry, Timestamp)>, StoreError> {
        self.inbox("R2 get")?;
        Ok(self.retries.borrow().get(&key.0).map(|retry| (retry.clone(), at(0))))
    }
}

impl Inbox<EntryKey> for MemoryWorld {
    async fn create(&self, key: &EntryKey, entry: &Entry) -> Result<bool, StoreError> {
        self.inbox("R2 put")?;
        if let Some(decision) = self.faster.take() {
            self.append(key.run_id, decision);
        }
        let key = (key.run_id, key.number);
        let is_new = !self.journals.borrow().contains_key(&key);
        self.journals.borrow_mut().entry(key).or_insert_with(|| (entry.clone(), at(0)));
        Ok(is_new)
    }
    async fn get(&self, key: &EntryKey) -> Result<Option<(Entry, Timestamp)>, StoreError> {
        self.reads.set(self.reads.get() + 1);
        self.inbox("R2 get")?;
        Ok(self.journals.borrow().get(&(key.run_id, key.number)).cloned())
    }
}

impl Inbox<KeptKey> for MemoryWorld {
    async fn create(&self, key: &KeptKey, kept: &Kept) -> Result<bool, StoreError> {
        self.inbox("R2 put")?;
        self.kept.borrow_mut().push((key.clone(), kept.clone()));
        Ok(true)
    }
    async fn get(&self, key: &KeptKey) -> Result<Option<(Kept, Timestamp)>, StoreError> {
        self.inbox("R2 get")?;
        let kept = self.kept.borrow();
        Ok(kept.iter().find(|(known, _)| known == key).map(|(_, kept)| (kept.clone(), at(0))))
    }
}

impl KeptLists for MemoryWorld {
    async fn list_kept(
        &self,
        hook: &HookName,
        after: Option<&KeptId>,
        limit: u32,
    ) -> Result<Page<KeptId>, StoreError> {
        let kept = self.kept.borrow();
        let mut ids: Vec<KeptId> =
            kept.iter().filter(|(key, _)| key.hook == *hook).map(|(key, _)| key.id.clone()).collect();
        ids.sort();
        ids.retain(|id| after.is_none_or(|after| id > after));
        let has_more = ids.len() > limit as usize;
        ids.truncate(limit as usize);
        Ok(Page { cursor: ids.last().filter(|_| has_more).map(ToString::to_string), items: ids })
    }
}

impl InboxLists for MemoryWorld {
    async fn list_claims(&self, _: Option<&str>) -> Result<Page<(DeliveryKey, Timestamp)>, StoreError> {
        let keys = self.claims.borrow().iter().map(|(key, _)| (key.clone(), at(0))).collect();
        Ok(Page { items: keys, cursor: None })
    }
    async fn list_retries(&self, _: Option<&str>) -> Result<Page<(RunId, Timestamp)>, StoreError> {
        let runs = self.retries.borrow().keys().map(|run_id| (*run_id, at(0))).collect();
        Ok(Page { items: runs, cursor: None })
    }
}

impl Schedules for MemoryWorld {
    async fn get_schedules(&self) -> Result<Option<(ScheduleLedger, Version)>, StoreError> {
        self.inbox("R2 get")?;
        Ok(self.schedules.borrow().clone())
    }
    async fn put_schedules(
        &self,
        ledger: &ScheduleLedger,
        expected: Option<&Version>,
    ) -> Result<bool, StoreError> {
        self.inbox("R2 put")?;
        let mut stored = self.schedules.borrow_mut();
        let holds = stored.as_ref().map(|(_, version)| version) == expected;
        if holds {
            *stored = Some((ledger.clone(), Version { etag: ledger.author.clone(), at: self.now() }));
        }
        Ok(holds)
    }
    fn known_schedules(&self) -> &RefCell<Option<ScheduleLedger>> {
        &self.known_schedules
    }
}

impl Turns for MemoryWorld {
    async fn get_turn(&self, key: &TurnKey) -> Result<Option<(Turn, Version)>, StoreError> {
        self.inbox("R2 get")?;
        Ok(self.turns.borrow().get(key).cloned())
    }
    async fn put_turn(
        &self,
        key: &TurnKey,
        turn: &Turn,
        expected: Option<&Version>,
    ) -> Result<bool, StoreError> {
        self.inbox("R2 put")?;
        let version = |turn: &Turn| Version { etag: turn.author.clone(), at: self.now() };
        if let Some(other) = self.other_turn.take() {
            self.turns.borrow_mut().insert(key.clone(), (other.clone(), version(&other)));
        }
        let mut turns = self.turns.borrow_mut();
        let holds = turns.get(key).map(|(_, version)| version) == expected;
        if holds {
            turns.insert(key.clone(), (turn.clone(), version(turn)));
        }
        Ok(holds)
    }
}

impl MemoryWorld {
    fn hint_call(&self, call: usize) -> Result<(), StoreError> {
        self.call(["R2 get", "R2 put", "R2 delete"][call]);
        let mut calls = self.hint_calls.get();
        calls[call] += 1;
        self.hint_calls.set(calls);
        if self.hint_fails.get() { Err(StoreError::Busy("INBOX")) } else { Ok(()) }
    }
}

impl IdleHints for MemoryWorld {
    async fn get_hint(&self) -> Result<Option<(IdleHint, Version)>, StoreError> {
        self.hint_call(0)?;
        Ok(self.hint.borrow().clone())
    }
    async fn put_hint(&self, hint: &IdleHint, expected: Option<&Version>) -> Result<bool, StoreError> {
        self.hint_call(1)?;
        let mut stored = self.hint.borrow_mut();
        let holds = stored.as_ref().map(|(_, version)| version) == expected;
        if holds {
            *stored = Some((hint.clone(), Version { etag: hint.author.clone(), at: self.now() }));
        }
        Ok(holds)
    }
    async fn delete_hint(&self) -> Result<(), StoreError> {
        self.hint_call(2)?;
        self.hint.take();
        Ok(())
    }
    fn hint_deleted_at(&self) -> &Cell<Option<Timestamp>> {
        &self.hint_deleted_at
    }
}

impl MemoryWorld {
    fn heartbeat_call(&self, call: usize) -> Result<(), StoreError> {
        let mut calls = self.heartbeat_calls.get();
        calls[call] += 1;
        self.heartbeat_calls.set(calls);
        if self.heartbeat_fails.get() { Err(StoreError::Busy("INBOX")) } else { Ok(()) }
    }
}

impl Heartbeats for MemoryWorld {
    async fn get_heartbeat(&self) -> Result<Option<(Heartbeat, Version)>, StoreError> {
        self.heartbeat_call(0)?;
        Ok(self.heartbeat.borrow().clone())
    }
    async fn put_heartbeat(
        &self,
        heartbeat: &Heartbeat,
        expected: Option<&Version>,
    ) -> Result<bool, StoreError> {
        self.heartbeat_call(1)?;
        let mut stored = self.heartbeat.borrow_mut();
        let holds = stored.as_ref().map(|(_, version)| version) == expected;
        if holds {
            let version = Version { etag: heartbeat.author.clone(), at: self.now() };
            *stored = Some((heartbeat.clone(), version));
        }
        Ok(holds)
    }
    fn known_heartbeat(&self) -> &RefCell<Option<Heartbeat>> {
        &self.known_heartbeat
    }
}

impl HeardHooks for MemoryWorld {
    async fn put_heard(&self, hook: &HookName) -> Result<(), StoreError> {
        if self.heard_fails.get() {
            return Err(StoreError::Busy("INBOX"));
        }
        self.heard.borrow_mut().insert(hook.clone(), self.now());
        Ok(())
    }
    async fn list_heard(&self) -> Result<Vec<(HookName, Timestamp)>, StoreError> {
        self.call("R2 list");
        if self.heard_fails.get() {
            return Err(StoreError::Busy("INBOX"));
        }
        Ok(self.heard.borrow().iter().map(|(hook, at)| (hook.clone(), *at)).collect())
    }
}

impl MemoryWorld {
    fn ledger_call(&self, call: usize) -> Result<(), StoreError> {
        self.call(["R2 get", "R2 put"][call]);
        let mut calls = self.ledger_calls.get();
        calls[call] += 1;
        self.ledger_calls.set(calls);
        if self.ledger_fails.get() { Err(StoreError::Busy("INBOX")) } else { Ok(()) }
    }
}

impl AlertLedgers for MemoryWorld {
    async fn get_ledger(&self) -> Result<Option<(Ledger, Version)>, StoreError> {
        self.ledger_call(0)?;
        Ok(self.ledger.borrow().clone())
    }
    async fn put_ledger(
        &self,
        ledger: &Ledger,
        expected: Option<&Version>,
    ) -> Result<Option<Version>, StoreError> {
        self.ledger_call(1)?;
        let version = |ledger: &Ledger| Version { etag: ledger.author.clone(), at: self.now() };
        let mut stored = self.ledger.borrow_mut();
        if let Some(other) = self.other_ledger.take() {
            let version = version(&other);
            *stored = Some((other, version));
        }
        if stored.as_ref().map(|(_, version)| version) != expected {
            return Ok(None);
        }
        *stored = Some((ledger.clone(), version(ledger)));
        Ok(Some(version(ledger)))
    }
    fn known_ledger(&self) -> &RefCell<Option<KnownLedger>> {
        &self.known_ledger
    }
}

impl Fabricate for MemoryWorld {
    async fn start(&self, _: &Target, _: &Map<String, Value>, traceparent: Option<&str>) -> StartOutcome {
        self.now_ms.set(self.now_ms.get() + self.answer_ms.get());
        self.traceparents.borrow_mut().push(traceparent.map(ToOwned::to_owned));
        self.call("start");
        let unanswered = || StartOutcome::Unknown { status: None, reason: "no answer".to_owned() };
        self.starts.borrow_mut().pop_front().unwrap_or_else(unanswered)
    }
    async fn status(&self, task_id: &TaskId) -> Result<Task, StatusError> {
        self.now_ms.set(self.now_ms.get() + self.answer_ms.get());
        self.polled.borrow_mut().push(task_id.to_string());
        let answer = self.answers.borrow_mut().pop_front();
        self.polls_at_once.call().await;
        answer.unwrap_or_else(|| {
            let mut task = Task::just_started(task_id.clone());
            if self.tasks_complete.get() {
                task.status = "completed".to_owned();
            }
            Ok(task)
        })
    }
    fn download_url(&self, _: &TaskId, _: &FileId) -> Url {
        self.base().join("a-file").unwrap()
    }
    fn base(&self) -> &Url {
        static BASE: LazyLock<Url> =
            LazyLock::new(|| Url::parse("https://fabricate.example/api/v1/").unwrap());
        &BASE
    }
    fn breaker(&self) -> &CircuitBreaker {
        self.breaker.get_or_init(|| CircuitBreaker::new(None))
    }
    fn credentials(&self) -> &Credentials {
        &self.credentials
    }
}

/// No file is archived: no test of a run's life has one.
impl FileBytes for MemoryWorld {
    type Body = ();
    type Data = ();
}

impl Downloads for MemoryWorld {
    async fn download(&self, _: &Source, _: Option<&Resume>) -> Result<Download<()>, CopyError> {
        self.now_ms.set(self.now_ms.get() + self.answer_ms.get());
        Err(self.download_error.take().unwrap_or(CopyError::Refused("nothing can be downloaded".to_owned())))
    }
    async fn next_part(&self, (): &mut (), _: u64) -> Result<Part<()>, CopyError> {
        Ok(Part { bytes: 0, data: () })
    }
}

impl FileStore for MemoryWorld {
    async fn find(&self, _: &str) -> Result<Option<Archived>, StoreError> {
        Ok(self.archived.borrow().clone())
    }
    async fn put(&self, to: &Destination, (): (), _: &Put) -> Result<Archived, CopyError> {
        self.put_data(to, (), None).await
    }
    async fn put_data(&self, _: &Destination, (): (), _: Option<Checksum>) -> Result<Archived, CopyError> {
        Err(CopyError::Refused("nothing can be stored".to_owned()))
    }
    async fn create_upload(&self, _: &Destination) -> Result<String, StoreError> {
        Err(StoreError::Busy("FILES"))
    }
    async fn put_part(&self, _: &Upload, _: u16, (): ()) -> Result<String, CopyError> {
        Err(CopyError::BadCopy("there is no upload".to_owned()))
    }
    async fn complete_upload(&self, _: &Upload) -> Result<Archived, CopyError> {
        Err(CopyError::BadCopy("there is no upload".to_owned()))
    }
    async fn abort_upload(&self, _: &Upload) -> Result<(), StoreError> {
        Ok(())
    }
}

impl CopyLeases for MemoryWorld {
    async fn get_lease(&self, _: &str) -> Result<Option<(CopyLease, Version)>, StoreError> {
        Ok(None)
    }
    async fn put_lease(
        &self,
        _: &str,
        _: &CopyLease,
        _: Option<&Version>,
    ) -> Result<Option<Version>, StoreError> {
        Ok(None)
    }
    async fn delete_lease(&self, _: &str) -> Result<(), StoreError> {
        Ok(())
    }
    async fn list_leases(&self, _: Option<&str>) -> Result<Page<(String, Timestamp)>, StoreError> {
        Ok(Page { items: Vec::new(), cursor: None })
    }
}

impl Queue for MemoryWorld {
    fn has_queue(&self) -> bool {
        self.queue.get()
    }
    async fn send(&self, batches: &[Batch], delay_s: u32) -> Result<(), StoreError> {
        if self.queue_fails.get() {
            return Err(StoreError::Busy("queue"));
        }
        self.sent.borrow_mut().push(batches.to_vec());
        self.delays_s.borrow_mut().push(delay_s);
        Ok(())
    }
}

impl Notifier for MemoryWorld {
    fn targets(&self) -> &Targets {
        &self.targets
    }
    fn notifier_secret(&self, name: &str) -> Option<String> {
        self.target_secrets.get(name).map(|secret| (*secret).to_owned())
    }
    fn exposure(&self) -> Exposure {
        self.exposure.get()
    }
    async fn post(&self, request: &Request, _: u32) -> Result<Posted, String> {
        self.call("POST to a target");
        self.posted.borrow_mut().push(request.clone());
        let next = self.target_answers.borrow_mut().pop_front();
        next.unwrap_or(Ok(Posted { status: 204, retry_after: None }))
    }
}

impl Clock for MemoryWorld {
    fn now(&self) -> Timestamp {
        at(self.now_ms.get())
    }
    async fn sleep_ms(&self, millis: u32) {
        self.slept.borrow_mut().push(millis);
        if self.time_passes.get() {
            self.now_ms.set(self.now_ms.get() + i64::from(millis));
        }
    }
    fn random(&self) -> [u8; 16] {
        self.random.set(self.random.get() + 1);
        let [high, low] = self.random.get().to_be_bytes();
        [low, high, low, high, low, high, low, high, low, high, low, high, low, high, low, high]
    }
}

impl Metrics for MemoryWorld {
    fn write_point(&self, point: &Point<'_>) {
        self.points.borrow_mut().push(shown(point));
    }
}

/// A point as the tests compare it: the texts, then the numbers.
pub(crate) fn shown(point: &Point<'_>) -> String {
    let Point { kind, outcome, detail, hook, workspace, workflow, duration_ms, bytes, attempts } = point;
    let detail = detail.to_text();
    let (kind, outcome) = (kind.as_str(), outcome.as_str());
    format!("{kind} {outcome} [{detail}] {hook} {workspace} {workflow}: {duration_ms} {bytes} {attempts}")
}

impl Log for MemoryWorld {
    fn log(&self, line: Line, _: Value) {
        self.log.borrow_mut().push(line.message.to_owned());
    }
}
