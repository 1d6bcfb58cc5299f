//! What the operator may decide where a run stands so or so; and the stores in memory that the tests of its retries
//! start from, too.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;

use futures_util::FutureExt;
use serde_json::{Map, Value};
use url::Url;

use super::*;
use crate::fabricate::{FileId, JsonText, Pace, StartOutcome, StatusError, Target, Task};
use crate::journal::{Entry, Recorded, START_LOST_MS};
use crate::ports::{
    Claim, Clock, DeliveryKey, Fabricate, Inbox, ItemClaim, ItemKey, Log, Page, Retry, RunPage, RunStore,
};
use crate::run::Stage;
use crate::run::tests::{at, queued_run};

/// Stores that hold what they are given.
#[derive(Default)]
pub(crate) struct Stores {
    pub(crate) open: RefCell<BTreeMap<RunId, Run>>,
    pub(crate) done: RefCell<BTreeMap<RunId, Run>>,
    pub(crate) journals: RefCell<BTreeMap<(RunId, u32), Recorded>>,
    pub(crate) claims: RefCell<Vec<(DeliveryKey, Claim)>>,
    pub(crate) items: RefCell<Vec<(ItemKey, ItemClaim)>>,
    /// How many claims of items are written now, and how many were at most at once.
    pub(crate) items_at_once: Cell<(usize, usize)>,
    /// From how many items on no further one can be claimed.
    pub(crate) items_max: Cell<Option<usize>>,
    pub(crate) retries: RefCell<BTreeMap<RunId, Retry>>,
    /// Somebody else's decision, entered just before ours.
    pub(crate) faster: RefCell<Option<Decision>>,
    pub(crate) kv_fails: Cell<bool>,
    /// What was waited for, milliseconds: no time passes.
    pub(crate) slept: RefCell<Vec<u32>>,
    /// What Fabricate says of a task, where it may be asked.
    pub(crate) seen: RefCell<Option<Task>>,
    /// Made when Fabricate is first to be asked.
    pub(crate) pace: OnceCell<Pace>,
    /// What only the HTTP side reads.
    pub(crate) http: crate::http::testing::HttpStores,
    random: Cell<u16>,
}

impl Stores {
    /// With a run as KV has it, and what its journal says.
    pub(crate) fn with(run: &Run, decisions: &[Decision]) -> Self {
        let stores = Self::default();
        stores.open.borrow_mut().insert(run.run_id, run.clone());
        for decision in decisions {
            stores.append(run.run_id, decision.clone(), at(0));
        }
        stores
    }

    fn append(&self, run_id: RunId, decision: Decision, at: Timestamp) {
        let mut journals = self.journals.borrow_mut();
        let place = 1 + u32::try_from(journals.keys().filter(|(of, _)| *of == run_id).count()).unwrap();
        let entry = Entry { author: "another".into(), decision };
        journals.insert((run_id, place), Recorded { entry, at });
    }

    pub(crate) fn last(&self, run_id: RunId) -> Option<Decision> {
        let journals = self.journals.borrow();
        let last = journals.iter().rev().find(|((of, _), _)| *of == run_id);
        last.map(|(_, recorded)| recorded.entry.decision.clone())
    }

    fn kv<T>(&self, value: T) -> Result<T, StoreError> {
        if self.kv_fails.get() { Err(StoreError::Busy("kv")) } else { Ok(value) }
    }
}

impl RunStore for Stores {
    async fn put_open(&self, run: &Run) -> Result<(), StoreError> {
        self.kv(())?;
        self.open.borrow_mut().insert(run.run_id, run.clone());
        Ok(())
    }
    async fn get_open(&self, run_id: RunId) -> Result<Option<Run>, StoreError> {
        Ok(self.open.borrow().get(&run_id).cloned())
    }
    async fn delete_open(&self, run_id: RunId) -> Result<(), StoreError> {
        self.kv(())?;
        self.open.borrow_mut().remove(&run_id);
        Ok(())
    }
    async fn put_done(&self, run: &Run) -> Result<(), StoreError> {
        self.kv(())?;
        self.done.borrow_mut().insert(run.run_id, run.clone());
        Ok(())
    }
    async fn get_done(&self, run_id: RunId) -> Result<Option<Run>, StoreError> {
        Ok(self.done.borrow().get(&run_id).cloned())
    }
    async fn list_open(&self, _: Option<&str>) -> Result<RunPage, StoreError> {
        let items = self.open.borrow().values().map(|run| Ok(run.summary().into())).collect();
        Ok(Page { items, cursor: None })
    }
    async fn list_done(&self, _: Option<&str>, _: usize) -> Result<RunPage, StoreError> {
        let items = self.done.borrow().values().rev().map(|run| Ok(run.summary().into())).collect();
        Ok(Page { items, cursor: None })
    }
}

impl Inbox for Stores {
    async fn create_claim(&self, key: &DeliveryKey, claim: &Claim) -> Result<bool, StoreError> {
        let is_new = self.get_claim(key).await?.is_none();
        if is_new {
            self.claims.borrow_mut().push((key.clone(), claim.clone()));
        }
        Ok(is_new)
    }
    async fn get_claim(&self, key: &DeliveryKey) -> Result<Option<(Claim, Timestamp)>, StoreError> {
        let claims = self.claims.borrow();
        Ok(claims.iter().find(|(of, _)| of == key).map(|(_, claim)| (claim.clone(), at(0))))
    }
    async fn list_claims(&self, _: Option<&str>) -> Result<Page<(DeliveryKey, Timestamp)>, StoreError> {
        unreachable!("only a reconcile pass lists")
    }
    async fn create_item(&self, key: &ItemKey, claim: &ItemClaim) -> Result<bool, StoreError> {
        let at_once = self.items_at_once.get();
        self.items_at_once.set((at_once.0 + 1, at_once.1.max(at_once.0 + 1)));
        let mut waits = true;
        std::future::poll_fn(|cx| {
            cx.waker().wake_by_ref();
            if std::mem::take(&mut waits) { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
        })
        .await;
        self.items_at_once.set((self.items_at_once.get().0 - 1, self.items_at_once.get().1));
        if self.items_max.get().is_some_and(|max| self.items.borrow().len() >= max) {
            return Err(StoreError::Busy("inbox"));
        }
        let is_new = self.get_item(key).await?.is_none();
        if is_new {
            self.items.borrow_mut().push((key.clone(), claim.clone()));
        }
        Ok(is_new)
    }
    async fn get_item(&self, key: &ItemKey) -> Result<Option<(ItemClaim, Timestamp)>, StoreError> {
        let items = self.items.borrow();
        Ok(items.iter().find(|(of, _)| of == key).map(|(_, claim)| (claim.clone(), at(0))))
    }
    async fn create_retry(&self, run_id: RunId, retry: &Retry) -> Result<bool, StoreError> {
        Ok(self.retries.borrow_mut().try_insert_new(run_id, retry))
    }
    async fn get_retry(&self, run_id: RunId) -> Result<Option<(Retry, Timestamp)>, StoreError> {
        Ok(self.retries.borrow().get(&run_id).map(|retry| (retry.clone(), at(0))))
    }
    async fn list_retries(&self, _: Option<&str>) -> Result<Page<(RunId, Timestamp)>, StoreError> {
        unreachable!("only a reconcile pass lists")
    }
    async fn create_entry(&self, run_id: RunId, place: u32, entry: &Entry) -> Result<bool, StoreError> {
        if let Some(decision) = self.faster.take() {
            self.append(run_id, decision, at(0));
        }
        let recorded = Recorded { entry: entry.clone(), at: at(0) };
        Ok(self.journals.borrow_mut().try_insert_new((run_id, place), &recorded))
    }
    async fn get_entry(&self, run_id: RunId, place: u32) -> Result<Option<Recorded>, StoreError> {
        Ok(self.journals.borrow().get(&(run_id, place)).cloned())
    }
}

/// As R2's `onlyIf`.
trait CreateOnly<K, V> {
    fn try_insert_new(&mut self, key: K, value: &V) -> bool;
}

impl<K: Ord, V: Clone> CreateOnly<K, V> for BTreeMap<K, V> {
    fn try_insert_new(&mut self, key: K, value: &V) -> bool {
        let is_new = !self.contains_key(&key);
        self.entry(key).or_insert_with(|| value.clone());
        is_new
    }
}

impl Fabricate for Stores {
    async fn start(&self, _: &Target, _: &Map<String, Value>) -> StartOutcome {
        StartOutcome::Unknown { reason: "this Fabricate starts nothing".to_owned() }
    }
    async fn status(&self, _: &TaskId) -> Result<Task, StatusError> {
        Ok(self.seen.take().expect("an operator's call asks for no task"))
    }
    fn download_url(&self, _: &TaskId, _: &FileId) -> Url {
        unreachable!("an operator's call copies nothing")
    }
    fn base(&self) -> &Url {
        unreachable!("an operator's call copies nothing")
    }
    fn pace(&self) -> &Pace {
        self.pace.get_or_init(|| Pace::new(None))
    }
}

crate::ports::unused::no_archive!(Stores);

impl Clock for Stores {
    fn now(&self) -> Timestamp {
        at(0)
    }
    async fn sleep_ms(&self, millis: u32) {
        self.slept.borrow_mut().push(millis);
    }
    fn random(&self) -> [u8; 16] {
        self.random.set(self.random.get() + 1);
        let [high, low] = self.random.get().to_be_bytes();
        [low, high, low, high, low, high, low, high, low, high, low, high, low, high, low, high]
    }
}

impl Log for Stores {
    fn log(&self, _: Level, _: &str, _: Value) {}
}

pub(crate) fn task_id(text: &str) -> TaskId {
    TaskId::try_from(text.to_owned()).unwrap()
}

fn no_answer() -> Decision {
    Decision::NoAnswer { reason: "HTTP 500".into(), not_before: None }
}

fn wait() -> Decision {
    Decision::Retry { not_before: at(9), reason: "HTTP 503".into() }
}

fn task(text: &str) -> Decision {
    Decision::Task { task_id: task_id(text) }
}

fn ended(change: impl FnOnce(&mut Run)) -> Decision {
    let mut run = queued_run();
    change(&mut run);
    Decision::End { run: Box::new(run) }
}

/// What a call came to: the run's status, or why not and how the run stands.
type Outcome = Result<&'static str, &'static str>;

fn outcome(result: &Result<Run, Refusal>) -> Outcome {
    match result {
        Ok(run) => Ok(run.status.as_str()),
        Err(Refusal::WrongState { run, .. }) => Err(run.status.as_str()),
        Err(Refusal::NoSuchRun) => Err("no such run"),
        Err(_) => Err("store"),
    }
}

#[track_caller]
fn check_adopt(decisions: &[Decision], age_ms: i64, expected: Outcome) {
    let run = queued_run();
    let stores = Stores::with(&run, decisions);
    let adopted = adopt(&stores, run.run_id, &task_id("found"), at(age_ms)).now_or_never().unwrap();
    assert_eq!(outcome(&adopted), expected);
    if adopted.is_ok() {
        assert_eq!(stores.last(run.run_id), Some(task("found")));
    } else {
        assert_eq!(stores.last(run.run_id).as_ref(), decisions.last(), "nothing was decided");
    }
}

#[test]
fn only_an_unconfirmed_run_adopts() {
    check_adopt(&[], 0, Err("queued"));
    check_adopt(&[Decision::Start], 0, Err("queued"));
    check_adopt(&[Decision::Start], START_LOST_MS + 1, Ok("in_progress"));
    check_adopt(&[Decision::Start, no_answer()], 0, Ok("in_progress"));
    check_adopt(&[Decision::Start, wait()], 0, Err("queued"));
    check_adopt(&[Decision::Start, task("other")], 0, Err("in_progress"));
    check_adopt(&[Decision::Start, task("found")], 0, Ok("in_progress"));
    check_adopt(&[Decision::Start, ended(|run| run.failed(Stage::Start, "no", at(1)))], 0, Err("failed"));
}

#[track_caller]
fn check_abandon(decisions: &[Decision], age_ms: i64, expected: Outcome) {
    let run = queued_run();
    let stores = Stores::with(&run, decisions);
    let abandoned = abandon(&stores, run.run_id, Some("enough"), at(age_ms)).now_or_never().unwrap();
    assert_eq!(outcome(&abandoned), expected);
    match abandoned {
        Ok(run) => {
            assert_eq!(stores.last(run.run_id), Some(Decision::End { run: Box::new(run) }));
        }
        Err(_) => assert_eq!(stores.last(run.run_id).as_ref(), decisions.last(), "nothing was decided"),
    }
}

#[test]
fn a_queued_or_unconfirmed_run_is_abandoned() {
    check_abandon(&[], 0, Ok("failed"));
    check_abandon(&[Decision::Start], 0, Err("queued"));
    check_abandon(&[Decision::Start], START_LOST_MS + 1, Ok("failed"));
    check_abandon(&[Decision::Start, no_answer()], 0, Ok("failed"));
    check_abandon(&[Decision::Start, wait()], 0, Ok("failed"));
    check_abandon(&[Decision::Start, task("other")], 0, Err("in_progress"));
    check_abandon(&[Decision::Start, ended(|run| run.failed(Stage::Start, "no", at(1)))], 0, Err("failed"));
    check_abandon(&[Decision::Start, ended(|run| run.abandon(1, None, at(1)))], 0, Ok("failed"));
}

#[test]
fn what_was_abandoned_says_so_and_is_shown_as_done() {
    let run = queued_run();
    let stores = Stores::with(&run, &[Decision::Start, no_answer()]);
    abandon(&stores, run.run_id, Some(&"x".repeat(1_000)), at(5)).now_or_never().unwrap().unwrap();
    let done = stores.done.borrow()[&run.run_id].clone();
    let error = done.error.clone().unwrap();
    assert!(error.message.starts_with("abandoned by the operator: xxx") && error.message.len() < 400);
    assert_eq!((error.stage, done.attempts, done.finished_at), (Stage::Start, 1, Some(at(5))));
    assert!(done.abandoned && stores.open.borrow().is_empty());
}

#[test]
fn who_loses_the_place_decides_nothing() {
    let run = queued_run();
    let lose = |decision: Decision| {
        let stores = Stores::with(&run, &[Decision::Start, no_answer()]);
        stores.faster.replace(Some(decision.clone()));
        let adopted = adopt(&stores, run.run_id, &task_id("found"), at(0)).now_or_never().unwrap();
        assert_eq!(stores.last(run.run_id), Some(decision.clone()));
        stores.faster.replace(None);
        let stores = Stores::with(&run, &[Decision::Start, no_answer()]);
        stores.faster.replace(Some(decision));
        let abandoned = abandon(&stores, run.run_id, None, at(0)).now_or_never().unwrap();
        assert!(stores.done.borrow().is_empty(), "KV is not written by who lost");
        (outcome(&adopted), outcome(&abandoned))
    };
    assert_eq!(lose(task("other")), (Err("in_progress"), Err("in_progress")));
    assert_eq!(lose(task("found")), (Ok("in_progress"), Err("in_progress")));
    assert_eq!(lose(Decision::Start), (Err("queued"), Err("queued")));
    let given_up = ended(|run| run.abandon(1, None, at(1)));
    assert_eq!(lose(given_up), (Err("failed"), Ok("failed")));
}

#[test]
fn a_run_that_nobody_knows_is_no_run_and_one_that_kv_does_not_show_yet_is_asked_for_again() {
    let run = queued_run();
    let ask = |stores: &Stores| outcome(&abandon(stores, run.run_id, None, at(0)).now_or_never().unwrap());
    assert_eq!(ask(&Stores::default()), Err("no such run"));
    let stores = Stores::with(&run, &[Decision::Start, no_answer()]);
    stores.open.borrow_mut().clear();
    assert_eq!(ask(&stores), Err("store"));
}

#[test]
fn a_task_that_only_kv_knows_is_entered_first() {
    let mut run = queued_run();
    run.started(task_id("known"), 1, at(0));
    run.unjournalled = true;
    let stores = Stores::with(&run, &[Decision::Start]);
    let adopted =
        adopt(&stores, run.run_id, &task_id("found"), at(START_LOST_MS + 1)).now_or_never().unwrap();
    assert_eq!(outcome(&adopted), Err("in_progress"));
    assert_eq!(stores.last(run.run_id), Some(task("known")));
}

#[test]
fn a_decision_stands_although_kv_cannot_show_it() {
    let run = queued_run();
    let stores = Stores::with(&run, &[Decision::Start, no_answer()]);
    stores.kv_fails.set(true);
    let adopted = adopt(&stores, run.run_id, &task_id("found"), at(0)).now_or_never().unwrap();
    assert_eq!(outcome(&adopted), Ok("in_progress"));
    assert_eq!(stores.last(run.run_id), Some(task("found")));
}

#[test]
fn a_run_is_looked_up_as_its_journal_has_it() {
    let look_up = |run: &Run, decisions: &[Decision]| {
        let stores = Stores::with(run, decisions);
        look_up(&stores, run.run_id, at(50)).now_or_never().unwrap().unwrap().run
    };
    let queued = queued_run();
    let mut started = queued_run();
    started.started(task_id("one"), 1, at(0));
    started.task.as_mut().unwrap().result = Value::from("seen").into();
    assert_eq!(
        look_up(&started, &[Decision::Start, task("one")]),
        started,
        "what is known of its task stays"
    );
    let other = look_up(&started, &[Decision::Start, task("another")]);
    assert_eq!(
        other.task.map(|task| (task.id, task.result)),
        Some((task_id("another"), JsonText::default()))
    );
    let parked = look_up(&queued, &[Decision::Start, no_answer()]);
    assert_eq!(
        (parked.status, parked.error.as_ref().map(|error| error.at)),
        (Status::Unconfirmed, Some(at(50)))
    );
    let mut before = queued_run();
    before.parked(1, "HTTP 500", at(10));
    assert_eq!(look_up(&before, &[Decision::Start, no_answer()]), before, "also since when it is parked");
    let later = look_up(&queued, &[Decision::Start, wait()]);
    assert_eq!((later.status, later.not_before), (Status::Queued, Some(at(9))));
}

#[test]
fn who_cannot_abandon_is_told_whether_to_ask_again() {
    let why = |decision| {
        let run = queued_run();
        let stores = Stores::with(&run, &[decision]);
        let abandoned = abandon(&stores, run.run_id, None, at(0)).now_or_never().unwrap();
        abandoned.unwrap_err().to_string()
    };
    assert!(why(Decision::Start).contains("in a moment"));
    assert!(!why(task("other")).contains("in a moment"));
}
