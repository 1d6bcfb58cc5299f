//! What sweeps over runs in memory cost, how they spare a failing Fabricate, and what the queue gets.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::fabricate::{CircuitBreaker, FAILURES_MAX, Health, StatusError, TaskId};
use crate::ports::{Clock, Fabricate, StoreError};
use crate::records::Record;
use crate::run::tests::{at, queued_run, started_run};
use crate::run::{Run, RunId};
use crate::service::receive::start_accepted;
use crate::testing::{MemoryWorld, finish};
use crate::timestamp::{HOUR_MS, SECOND_MS};

/// `count` runs, each in progress for two hours when the first sweep comes.
fn world_of(count: usize) -> MemoryWorld {
    let world = MemoryWorld::default();
    world.now_ms.set(2 * HOUR_MS);
    for index in 1..=count {
        let mut run = started_run();
        let random = (index as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        run.run_id = RunId::new(at(0), random.to_le_bytes());
        run.mark_started(TaskId::try_from(format!("task{index}")).unwrap(), 1, at(0));
        world.open.borrow_mut().insert(run.run_id, run);
    }
    world
}

/// A world whose Fabricate takes so many requests in a minute.
fn limited(count: usize, requests: u32) -> MemoryWorld {
    let world = world_of(count);
    assert!(world.breaker.set(CircuitBreaker::new(Some(requests))).is_ok());
    world
}

fn tick(world: &MemoryWorld) -> Tick {
    Tick { now: world.now(), since: world.now().plus_ms(-2 * MINUTE_MS) }
}

/// Lets two minutes pass, and sweeps.
fn sweep_after(world: &MemoryWorld, requests: u32) -> Swept {
    world.now_ms.set(world.now_ms.get() + 2 * MINUTE_MS);
    finish(sweep(world, tick(world), requests, false))
}

/// How many tasks were polled since the last call.
fn polled(world: &MemoryWorld) -> usize {
    world.polled.take().len()
}

fn fail(world: &MemoryWorld, count: usize, error: &StatusError) {
    world.answers.replace(vec![Err(error.clone()); count].into());
}

fn enqueue(world: &MemoryWorld) -> Swept {
    finish(enqueue_due(world, tick(world), 40, false))
}

fn batches(world: &MemoryWorld) -> Vec<Batch> {
    world.sent.take().into_iter().flatten().collect()
}

/// Whether nothing was read beside the list, and nothing written.
fn is_untouched(world: &MemoryWorld) -> bool {
    world.reads.get() == 0 && world.writes.get() == 0 && world.journals.borrow().is_empty()
}

fn down() -> StatusError {
    StatusError::Unavailable("HTTP 502".to_owned())
}

#[test]
fn unchanged_runs_cost_a_list_and_a_status_request_each_and_no_write() {
    // Every 15 minutes each: 134 in a sweep, on average.
    let world = world_of(1_000);
    for _ in 0..8 {
        let swept = sweep_after(&world, 200);
        assert_eq!((swept.open, swept.moved, swept.failed, swept.left), (1_000, 0, 0, 0));
    }
    assert!(world.lists.get() == 8 && is_untouched(&world));
    assert_eq!(world.polls_at_once.most.get(), pass::AT_ONCE);
    let mut asked = BTreeMap::new();
    world.polled.take().into_iter().for_each(|task| *asked.entry(task).or_insert(0) += 1);
    assert_eq!(asked.len(), 1_000, "each was asked for");
    assert!(asked.values().all(|times| *times <= 2) && asked.values().sum::<u32>() < 1_150);
}

#[test]
fn twenty_thousand_runs_cost_twenty_lists_and_no_more_than_the_budget() {
    let world = world_of(20_000);
    for _ in 0..20 {
        let swept = sweep_after(&world, 40);
        assert_eq!((swept.open, swept.looked_at), (20_000, 40));
    }
    assert!(world.lists.get() == 400 && is_untouched(&world));
    let asked: BTreeSet<String> = world.polled.take().into_iter().collect();
    assert!(asked.len() > 790, "hardly any twice: {}", asked.len());
}

#[test]
fn a_failing_fabricate_is_left_alone_and_logged_once() {
    let world = world_of(1_000);
    fail(&world, 1_000, &down());
    let swept = sweep_after(&world, 100);
    let asked = polled(&world);
    let most = FAILURES_MAX as usize + pass::AT_ONCE - 1;
    assert!((FAILURES_MAX as usize..=most).contains(&asked), "{asked} requests");
    assert_eq!((swept.looked_at, swept.looked_at + swept.left), (asked, 100), "the others are left");
    for _ in 0..10 {
        sweep_after(&world, 100);
        assert_eq!(polled(&world), 1, "a probe");
    }
    assert_eq!(world.log.borrow().len(), 11, "once in each sweep: {:?}", world.log.borrow());
    fail(&world, 0, &down());
    assert!(sweep_after(&world, 100).looked_at > 90, "it goes on");
    assert!(is_untouched(&world));
}

#[test]
fn a_key_that_is_refused_is_not_used_again_in_this_sweep_and_that_is_told() {
    #[track_caller]
    fn check(error: &StatusError, told: &str) {
        let world = world_of(1_000);
        fail(&world, 1_000, error);
        for _ in 0..2 {
            sweep_after(&world, 100);
            let asked = polled(&world);
            assert!((1..=pass::AT_ONCE).contains(&asked), "those that were under way: {asked}");
            let messages = world.log.take();
            assert!(matches!(&messages[..], [message] if message.contains(told)), "{messages:?}");
        }
        assert!(is_untouched(&world));
    }
    check(&StatusError::Unauthorized, "(401)");
    check(&StatusError::Forbidden, "(403)");
}

#[test]
fn a_large_answer_without_room_is_left_to_the_next_sweep_and_says_nothing_of_fabricate() {
    let world = world_of(1_000);
    fail(&world, 20, &StatusError::NoRoom);
    let swept = sweep_after(&world, 100);
    assert_eq!((swept.left, swept.moved, swept.failed), (20, 0, 0));
    assert!(polled(&world) == 100 && is_untouched(&world), "the others are polled");
    assert!(world.breaker().is_closed() && world.log.borrow().is_empty());
}

#[test]
fn retry_after_is_honoured_across_sweeps() {
    let world = world_of(1_000);
    fail(&world, 1, &StatusError::Busy { reason: "HTTP 429".into(), retry_after_ms: Some(5 * MINUTE_MS) });
    sweep_after(&world, 40);
    assert!(polled(&world) <= pass::AT_ONCE, "those that were under way");
    assert_eq!([sweep_after(&world, 40).looked_at, sweep_after(&world, 40).looked_at], [0, 0]);
    assert_eq!(sweep_after(&world, 40).looked_at, 40);
}

#[test]
fn an_outage_ends_without_a_burst() {
    let world = limited(1_000, 25);
    for run in world.open.borrow_mut().values_mut() {
        *run = Run { run_id: run.run_id, ..queued_run() };
    }
    assert_eq!(sweep_after(&world, 100).looked_at, 25, "as many as the rate allows, although 1,000 are due");
    let world = limited(1_000, 25);
    sweep_after(&world, 100);
    assert_eq!(polled(&world), 25);
}

#[test]
fn a_start_that_may_not_be_sent_now_is_not_entered() {
    let stopped = world_of(0);
    for _ in 0..FAILURES_MAX {
        stopped.breaker().record_outcome(Health::Failing { wait_ms: None }, stopped.now());
    }
    let used_up = limited(0, 5);
    while used_up.breaker().take(used_up.now()) {}
    for world in [stopped, used_up] {
        finish(start_accepted(&world, vec![queued_run()], world.now()));
        assert_eq!((world.reads.get(), world.writes.get()), (0, 0));
        assert!(world.journals.borrow().is_empty() && world.log.borrow().is_empty());
    }
}

#[test]
fn the_queue_gets_each_due_run_once_in_bounded_batches() {
    let world = world_of(3_000);
    let swept = enqueue(&world);
    assert_eq!((swept.looked_at, polled(&world), world.lists.get()), (0, 0, 3));
    assert!(world.sent.borrow().iter().all(|batches| batches.len() <= BATCHES_AT_ONCE));
    let mut enqueued = BTreeSet::new();
    for batch in batches(&world) {
        let message = batch.to_json().unwrap();
        assert!(message.len() < 64_000 && batch.runs.len() <= BATCH_RUNS_MAX);
        assert_eq!(Batch::from_json(&message).unwrap(), batch);
        for run in batch.runs {
            assert!(enqueued.insert(run.run_id), "once");
        }
    }
    assert_eq!(enqueued.len(), swept.enqueued);
    assert!((300..500).contains(&enqueued.len()), "{} of 3,000, due every 15 minutes", enqueued.len());
}

#[test]
fn a_batch_asks_for_its_runs_each_time_it_comes() {
    let world = world_of(200);
    enqueue(&world);
    let batches = batches(&world);
    let runs: usize = batches.iter().map(|batch| batch.runs.len()).sum();
    for _ in 0..2 {
        for batch in &batches {
            let budget = batch_budget(&world, 40);
            let (swept, handled) = finish(advance_batch(&world, batch.clone(), &budget));
            assert_eq!((swept.looked_at, handled), (batch.runs.len(), Handled::Done));
        }
    }
    assert_eq!((polled(&world), world.reads.get()), (2 * runs, 0));
}

#[test]
fn a_queue_that_fails_delays_only() {
    let world = world_of(3_000);
    world.queue_fails.set(true);
    let swept = enqueue(&world);
    assert_eq!((swept.enqueued, swept.looked_at, polled(&world)), (0, 40 + swept.left, 40));
}

#[test]
fn a_batch_comes_again_where_that_helps_and_only_there() {
    let batch_of = |world: &MemoryWorld| {
        enqueue(world);
        batches(world).remove(0)
    };
    let handled = |world: &MemoryWorld, requests| {
        let budget = batch_budget(world, requests);
        finish(advance_batch(world, batch_of(world), &budget)).1
    };
    assert_eq!(handled(&world_of(1_000), 40), Handled::Done);
    assert_eq!(handled(&world_of(1_000), 5), Handled::Redeliver, "no request was left");
    let world = world_of(1_000);
    fail(&world, 1_000, &down());
    assert_eq!(handled(&world, 40), Handled::Done, "a later sweep asks anew");
    let world = MemoryWorld::with(&queued_run(), &[]);
    world.read_error.replace(Some(StoreError::Busy("KV")));
    assert_eq!(handled(&world, 40), Handled::Redeliver, "a store failed");
    world
        .read_error
        .replace(Some(StoreError::Unreadable { key: "open/run".into(), reason: "damaged".into() }));
    assert_eq!(handled(&world, 40), Handled::Done, "as unreadable the next time");
    let world = world_of(1_000);
    let batch = batch_of(&world);
    world.now_ms.set(world.now_ms.get() + BATCH_MS_MAX + SECOND_MS);
    let budget = batch_budget(&world, 40);
    assert_eq!(finish(advance_batch(&world, batch, &budget)).1, Handled::Done, "too old");
    assert_eq!(polled(&world), 0);
}

#[test]
fn a_quarter_of_the_requests_is_left_for_runs_that_wait() {
    for (starts, requests, polled) in [(0, 40, 40), (1, 40, 39), (100, 40, 30), (3, 5, 4)] {
        let mut runs: Vec<Rc<Summary>> = (0..requests).map(|_| Rc::new(queued_run().summary())).collect();
        leave_requests(&mut runs, starts, requests);
        assert_eq!(runs.len(), polled, "{starts} of {requests}");
    }
}
