//! Sweeps over a hand-made world: what they cost, what a failing Fabricate is spared, what the queue gets.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use futures_util::FutureExt;
use serde_json::{Map, Value};
use url::Url;

use super::*;
use crate::fabricate::{FAILURES_MAX, FileId, Health, Pace, StartOutcome, StatusError, Target, Task, TaskId};
use crate::journal::{Entry, Recorded};
use crate::ports::{
    Claim, Clock, DeliveryKey, Fabricate, Inbox, ItemClaim, ItemKey, Log, Page, Retry, RunPage, RunStore,
    StoreError,
};
use crate::records::Record;
use crate::run::tests::{at, queued_run, started_run};
use crate::run::{Run, RunId};
use crate::service::receive::start_accepted;
use crate::timestamp::{HOUR_MS, SECOND_MS, Timestamp};

/// Everything runs and nothing ends: a write, or a read beside the list, fails the test.
struct Fake {
    open: Vec<Run>,
    now_ms: Cell<i64>,
    pace: Pace,
    /// What is answered to status requests, in turn; then each task is in progress.
    answers: RefCell<VecDeque<StatusError>>,
    asked: RefCell<Vec<String>>,
    in_flight: Cell<usize>,
    most_in_flight: Cell<usize>,
    lists: Cell<usize>,
    told: RefCell<Vec<String>>,
    queue_fails: Cell<bool>,
    sent: RefCell<Vec<Vec<Batch>>>,
    /// How often a run's record was asked for, and what is answered.
    reads: Cell<usize>,
    read_error: StoreError,
}

impl Fake {
    /// So many runs, each in progress for two hours when the first sweep comes.
    fn new(count: usize) -> Self {
        let started = (1..=count).map(|index| {
            let mut run = started_run();
            let random = (index as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
            run.run_id = RunId::new(at(0), random.to_le_bytes());
            run.mark_started(TaskId::try_from(format!("task{index}")).unwrap(), 1, at(0));
            run
        });
        Self {
            open: started.collect(),
            now_ms: Cell::new(2 * HOUR_MS),
            pace: Pace::new(None),
            answers: RefCell::default(),
            asked: RefCell::default(),
            in_flight: Cell::default(),
            most_in_flight: Cell::default(),
            lists: Cell::default(),
            told: RefCell::default(),
            queue_fails: Cell::default(),
            sent: RefCell::default(),
            reads: Cell::default(),
            read_error: StoreError::Busy("KV"),
        }
    }

    fn tick(&self) -> Tick {
        Tick { now: self.now(), since: self.now().plus_ms(-2 * MINUTE_MS) }
    }

    /// Lets two minutes pass, and sweeps.
    fn sweep(&self, requests: u32) -> Swept {
        self.now_ms.set(self.now_ms.get() + 2 * MINUTE_MS);
        finish(sweep(self, self.tick(), requests))
    }

    fn asked(&self) -> usize {
        self.asked.take().len()
    }

    fn fail(&self, count: usize, error: &StatusError) {
        self.answers.replace(vec![error.clone(); count].into());
    }

    fn batches(&self) -> Vec<Batch> {
        self.sent.take().into_iter().flatten().collect()
    }
}

/// Runs a future that waits for nothing but its own turns.
fn finish<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    for _ in 0..1_000_000 {
        if let Some(output) = future.as_mut().now_or_never() {
            return output;
        }
    }
    panic!("it never ends");
}

/// Gives the others some turns, as an answer that takes its time does.
async fn wait() {
    let mut turns = 0;
    std::future::poll_fn(|cx| {
        turns += 1;
        cx.waker().wake_by_ref();
        if turns > 10 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

impl RunStore for Fake {
    async fn put_open(&self, _: &Run) -> Result<(), StoreError> {
        unreachable!("nothing has changed")
    }
    async fn get_open(&self, _: RunId) -> Result<Option<Run>, StoreError> {
        self.reads.set(self.reads.get() + 1);
        Err(self.read_error.clone())
    }
    async fn delete_open(&self, _: RunId) -> Result<(), StoreError> {
        unreachable!("nothing has changed")
    }
    async fn put_done(&self, _: &Run) -> Result<(), StoreError> {
        unreachable!("nothing has changed")
    }
    async fn get_done(&self, _: RunId) -> Result<Option<Run>, StoreError> {
        unreachable!("nothing has changed")
    }
    async fn list_open(&self, cursor: Option<&str>) -> Result<RunPage, StoreError> {
        self.lists.set(self.lists.get() + 1);
        let start = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let end = (start + 1_000).min(self.open.len());
        let items = self.open[start..end].iter().map(|run| Ok(run.summary().into()));
        Ok(Page { items: items.collect(), cursor: (end < self.open.len()).then(|| end.to_string()) })
    }
    async fn list_done(&self, _: Option<&str>, _: usize) -> Result<RunPage, StoreError> {
        unreachable!("a sweep lists open runs")
    }
}

impl Inbox for Fake {
    async fn create_claim(&self, _: &DeliveryKey, _: &Claim) -> Result<bool, StoreError> {
        unreachable!("a sweep claims nothing")
    }
    async fn get_claim(&self, _: &DeliveryKey) -> Result<Option<(Claim, Timestamp)>, StoreError> {
        unreachable!("a sweep reads no claim")
    }
    async fn list_claims(&self, _: Option<&str>) -> Result<Page<(DeliveryKey, Timestamp)>, StoreError> {
        unreachable!("a sweep lists no claims")
    }
    async fn create_item(&self, _: &ItemKey, _: &ItemClaim) -> Result<bool, StoreError> {
        unreachable!("a sweep claims nothing")
    }
    async fn get_item(&self, _: &ItemKey) -> Result<Option<(ItemClaim, Timestamp)>, StoreError> {
        unreachable!("a sweep reads no claim")
    }
    async fn create_retry(&self, _: RunId, _: &Retry) -> Result<bool, StoreError> {
        unreachable!("a sweep retries nothing")
    }
    async fn get_retry(&self, _: RunId) -> Result<Option<(Retry, Timestamp)>, StoreError> {
        unreachable!("a sweep reads no retry")
    }
    async fn list_retries(&self, _: Option<&str>) -> Result<Page<(RunId, Timestamp)>, StoreError> {
        unreachable!("a sweep lists no retries")
    }
    async fn create_entry(&self, _: RunId, _: u32, _: &Entry) -> Result<bool, StoreError> {
        unreachable!("nothing has changed")
    }
    async fn get_entry(&self, _: RunId, _: u32) -> Result<Option<Recorded>, StoreError> {
        self.reads.set(self.reads.get() + 1);
        Ok(None)
    }
}

impl Fabricate for Fake {
    async fn start(&self, _: &Target, _: &Map<String, Value>) -> StartOutcome {
        unreachable!("all are started")
    }
    async fn status(&self, task_id: &TaskId) -> Result<Task, StatusError> {
        self.asked.borrow_mut().push(task_id.to_string());
        self.in_flight.set(self.in_flight.get() + 1);
        self.most_in_flight.set(self.most_in_flight.get().max(self.in_flight.get()));
        let answer = self.answers.borrow_mut().pop_front();
        wait().await;
        self.in_flight.set(self.in_flight.get() - 1);
        answer.map_or_else(|| Ok(Task::just_started(task_id.clone())), Err)
    }
    fn download_url(&self, _: &TaskId, _: &FileId) -> Url {
        unreachable!("there are no files")
    }
    fn base(&self) -> &Url {
        unreachable!("there are no files")
    }
    fn pace(&self) -> &Pace {
        &self.pace
    }
}

crate::ports::unused::no_archive!(Fake);

impl Clock for Fake {
    fn now(&self) -> Timestamp {
        at(self.now_ms.get())
    }
    async fn sleep_ms(&self, _: u32) {}
    fn random(&self) -> [u8; 16] {
        [0; 16]
    }
}

impl Log for Fake {
    fn log(&self, _: Level, message: &str, _: Value) {
        self.told.borrow_mut().push(message.to_owned());
    }
}

impl Queue for Fake {
    async fn send(&self, batches: &[Batch]) -> Result<(), StoreError> {
        if self.queue_fails.get() {
            return Err(StoreError::Busy("queue"));
        }
        self.sent.borrow_mut().push(batches.to_vec());
        Ok(())
    }
}

fn down() -> StatusError {
    StatusError::Unavailable("HTTP 502".to_owned())
}

#[test]
fn unchanged_runs_cost_a_list_and_a_status_request_each_and_no_write() {
    // Every 15 minutes each: 134 in a sweep, on average.
    let world = Fake::new(1_000);
    for _ in 0..8 {
        let swept = world.sweep(200);
        assert_eq!((swept.open, swept.moved, swept.failed, swept.left), (1_000, 0, 0, 0));
    }
    assert_eq!((world.lists.get(), world.reads.get()), (8, 0));
    assert_eq!(world.most_in_flight.get(), pass::AT_ONCE);
    let mut asked = BTreeMap::new();
    world.asked.take().into_iter().for_each(|task| *asked.entry(task).or_insert(0) += 1);
    assert_eq!(asked.len(), 1_000, "each was asked for");
    assert!(asked.values().all(|times| *times <= 2) && asked.values().sum::<u32>() < 1_150);
}

#[test]
fn twenty_thousand_runs_cost_twenty_lists_and_no_more_than_the_budget() {
    let world = Fake::new(20_000);
    for _ in 0..20 {
        let swept = world.sweep(40);
        assert_eq!((swept.open, swept.looked_at), (20_000, 40));
    }
    assert_eq!((world.lists.get(), world.reads.get()), (400, 0));
    let asked: BTreeSet<String> = world.asked.take().into_iter().collect();
    assert!(asked.len() > 790, "hardly any twice: {}", asked.len());
}

#[test]
fn a_failing_fabricate_is_left_alone_and_told_of_once() {
    let world = Fake::new(1_000);
    world.fail(1_000, &down());
    let swept = world.sweep(100);
    let asked = world.asked();
    let most = FAILURES_MAX as usize + pass::AT_ONCE - 1;
    assert!((FAILURES_MAX as usize..=most).contains(&asked), "{asked} requests");
    assert_eq!((swept.looked_at, swept.looked_at + swept.left), (asked, 100), "the others are left");
    for _ in 0..10 {
        world.sweep(100);
        assert_eq!(world.asked(), 1, "a probe");
    }
    assert_eq!(world.told.borrow().len(), 11, "once in each sweep: {:?}", world.told.borrow());
    world.fail(0, &down());
    assert!(world.sweep(100).looked_at > 90, "it goes on");
    assert_eq!(world.reads.get(), 0, "and none of it was read or entered anywhere");
}

#[test]
fn a_key_that_is_refused_is_not_used_again_in_this_sweep_and_that_is_told() {
    #[track_caller]
    fn check(error: &StatusError, told: &str) {
        let world = Fake::new(1_000);
        world.fail(1_000, error);
        for _ in 0..2 {
            world.sweep(100);
            let asked = world.asked();
            assert!((1..=pass::AT_ONCE).contains(&asked), "those that were under way: {asked}");
            let messages = world.told.take();
            assert!(matches!(&messages[..], [message] if message.contains(told)), "{messages:?}");
        }
        assert_eq!(world.reads.get(), 0, "and no run is touched");
    }
    check(&StatusError::Unauthorized, "(401)");
    check(&StatusError::Forbidden, "(403)");
}

#[test]
fn a_large_answer_without_room_is_left_to_the_next_sweep_and_says_nothing_of_fabricate() {
    let world = Fake::new(1_000);
    world.fail(20, &StatusError::NoRoom);
    let swept = world.sweep(100);
    assert_eq!((swept.left, swept.moved, swept.failed), (20, 0, 0));
    assert_eq!(
        (world.asked(), world.reads.get()),
        (100, 0),
        "the others are asked for, and nothing is entered"
    );
    assert!(world.pace.is_asking() && world.told.borrow().is_empty());
}

#[test]
fn retry_after_is_honoured_across_sweeps() {
    let world = Fake::new(1_000);
    world.fail(1, &StatusError::Busy { reason: "HTTP 429".into(), retry_after_ms: Some(5 * MINUTE_MS) });
    world.sweep(40);
    assert!(world.asked() <= pass::AT_ONCE, "those that were under way");
    assert_eq!([world.sweep(40).looked_at, world.sweep(40).looked_at], [0, 0]);
    assert_eq!(world.sweep(40).looked_at, 40);
}

#[test]
fn after_an_outage_nobody_storms() {
    let mut world = Fake::new(1_000);
    world.pace = Pace::new(Some(25));
    for run in &mut world.open {
        *run = Run { run_id: run.run_id, ..queued_run() };
    }
    assert_eq!(world.sweep(100).looked_at, 25, "as many as the rate allows, although 1,000 are due");
    let world = Fake { pace: Pace::new(Some(25)), ..Fake::new(1_000) };
    world.sweep(100);
    assert_eq!(world.asked(), 25);
}

#[test]
fn a_start_that_is_not_sent_now_is_entered_nowhere() {
    // Creating an entry, and starting, would fail the test.
    let mut world = Fake::new(0);
    for _ in 0..FAILURES_MAX {
        world.pace.hear(Health::Failing { wait_ms: None }, world.now());
    }
    finish(start_accepted(&world, vec![queued_run()], world.now()));
    world.pace = Pace::new(Some(5));
    while world.pace.take(world.now()) {}
    finish(start_accepted(&world, vec![queued_run()], world.now()));
    assert_eq!(world.reads.get(), 2, "its journal was read each time");
    assert!(world.told.borrow().is_empty());
}

#[test]
fn the_queue_gets_each_due_run_once_in_bounded_batches() {
    let world = Fake::new(3_000);
    let swept = finish(hand_on(&world, &world, world.tick(), 40));
    assert_eq!((swept.looked_at, world.asked(), world.lists.get()), (0, 0, 3));
    assert!(world.sent.borrow().iter().all(|batches| batches.len() <= BATCHES_AT_ONCE));
    let mut handed_on = BTreeSet::new();
    for batch in world.batches() {
        let message = batch.to_json().unwrap();
        assert!(message.len() < 64_000 && batch.runs.len() <= BATCH_RUNS_MAX);
        assert_eq!(Batch::from_json(&message).unwrap(), batch);
        for run in batch.runs {
            assert!(handed_on.insert(run.run_id), "once");
        }
    }
    assert_eq!(handed_on.len(), swept.handed_on);
    assert!((300..500).contains(&handed_on.len()), "{} of 3,000, due every 15 minutes", handed_on.len());
}

#[test]
fn a_batch_asks_for_its_runs_each_time_it_comes() {
    let world = Fake::new(200);
    finish(hand_on(&world, &world, world.tick(), 40));
    let batches = world.batches();
    let runs: usize = batches.iter().map(|batch| batch.runs.len()).sum();
    for _ in 0..2 {
        for batch in &batches {
            let budget = batch_budget(&world, 40);
            let (swept, handled) = finish(advance_batch(&world, batch.clone(), &budget));
            assert_eq!((swept.looked_at, handled), (batch.runs.len(), Handled::Done));
        }
    }
    assert_eq!((world.asked(), world.reads.get()), (2 * runs, 0));
}

#[test]
fn a_queue_that_fails_delays_only() {
    let world = Fake::new(3_000);
    world.queue_fails.set(true);
    let swept = finish(hand_on(&world, &world, world.tick(), 40));
    assert_eq!((swept.handed_on, swept.looked_at, world.asked()), (0, 40 + swept.left, 40));
}

#[test]
fn a_batch_comes_again_where_that_helps_and_only_there() {
    let batch_of = |world: &Fake| {
        finish(hand_on(world, world, world.tick(), 40));
        world.batches().remove(0)
    };
    let handled = |world: &Fake, requests| {
        let budget = batch_budget(world, requests);
        finish(advance_batch(world, batch_of(world), &budget)).1
    };
    assert_eq!(handled(&Fake::new(1_000), 40), Handled::Done);
    assert_eq!(handled(&Fake::new(1_000), 5), Handled::Again, "no request was left");
    let world = Fake::new(1_000);
    world.fail(1_000, &down());
    assert_eq!(handled(&world, 40), Handled::Done, "a later sweep asks anew");
    let mut world = Fake::new(10);
    world.open = vec![queued_run()];
    assert_eq!(handled(&world, 40), Handled::Again, "a store failed");
    world.read_error = StoreError::Unreadable { key: "open/run".into(), reason: "damaged".into() };
    assert_eq!(handled(&world, 40), Handled::Done, "as unreadable the next time");
    let world = Fake::new(1_000);
    let batch = batch_of(&world);
    world.now_ms.set(world.now_ms.get() + BATCH_MS_MAX + SECOND_MS);
    let budget = batch_budget(&world, 40);
    assert_eq!(finish(advance_batch(&world, batch, &budget)).1, Handled::Done, "too old");
    assert_eq!(world.asked(), 0);
}
