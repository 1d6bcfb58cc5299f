//! When followed runs are polled, what ends the following, and what the queue gets.

use serde_json::json;

use super::*;
use crate::fabricate::{StatusError, Task};
use crate::journal::Decision;
use crate::ports::Fabricate;
use crate::run::tests::{at, queued_run, started_run};
use crate::run::{RunId, Status};
use crate::service::receive::start_accepted;
use crate::service::sweep::{Handled, advance_batch};
use crate::testing::{MemoryWorld, finish, task_id};
use crate::timestamp::MINUTE_MS;

/// `count` runs that were started a moment ago, and what their invocation has to follow.
fn started(count: u8) -> (MemoryWorld, Started) {
    let (world, mut started) = (MemoryWorld::default(), Started::since(at(0)));
    for number in 1..=count {
        let mut run = Run { run_id: RunId::new(at(0), [number; 16]), ..started_run() };
        run.mark_started(task_id(&format!("task{number}")), 1, at(0));
        world.append(run.run_id, Decision::Start);
        world.append(run.run_id, Decision::Task { task_id: task_id(&format!("task{number}")) });
        started.add(&run);
        world.open.borrow_mut().insert(run.run_id, run);
    }
    (world, started)
}

#[expect(clippy::unnecessary_wraps, reason = "it is the answer to a poll")]
fn task(value: serde_json::Value) -> Result<Task, StatusError> {
    Ok(serde_json::from_value(value).unwrap())
}

fn in_progress() -> Result<Task, StatusError> {
    task(json!({"id": "task1", "status": "in_progress"}))
}

/// Follows one run that is polled with these answers, and then is in progress; the number of polls.
fn polls(world: &MemoryWorld, started: Started, answers: Vec<Result<Task, StatusError>>) -> usize {
    world.answers.replace(answers.into());
    finish(follow_started(world, started));
    world.polled.borrow().len()
}

#[test]
fn a_run_is_polled_at_its_times_and_an_unchanged_one_is_neither_read_nor_written() {
    let (world, started) = started(1);
    world.time_passes.set(true);
    assert_eq!(polls(&world, started, Vec::new()), 6);
    assert_eq!(world.slept.take(), [1_000, 1_000, 2_000, 4_000, 7_000, 10_000]);
    assert_eq!((world.reads.get(), world.writes.get(), world.sent.borrow().len()), (0, 0, 0));
}

#[test]
fn a_run_that_ends_is_closed_and_not_polled_again() {
    let (world, started) = started(1);
    world.time_passes.set(true);
    let completed = task(json!({"id": "task1", "status": "completed"}));
    assert_eq!(polls(&world, started, vec![in_progress(), in_progress(), completed]), 3);
    assert_eq!(world.now_ms.get(), 4_000);
    let done = world.done.borrow();
    assert!(done.values().all(|run| run.status == Status::Completed) && done.len() == 1);
    assert!(world.open.borrow().is_empty());
    assert_eq!(world.writes.get(), 2, "one put and one delete");
}

#[test]
fn a_run_that_does_not_end_costs_no_write() {
    let files = |count: usize, size: u64| {
        let files: Vec<_> = (0..count).map(|id| json!({"id": id, "name": "a", "size": size})).collect();
        task(json!({"id": "task1", "status": "completed", "files": files}))
    };
    for answer in
        [files(1, FILES_BYTES_MAX + 1), files(FILES_MAX as usize + 1, 1), Err(StatusError::NotFound)]
    {
        let (world, started) = started(1);
        assert_eq!(polls(&world, started, vec![answer]), 1, "it is left to the sweeps");
        assert_eq!(world.writes.get(), 0);
    }
}

#[test]
fn runs_are_not_followed_late_or_in_large_deliveries_or_before_they_are_started() {
    let (world, started) = started(1);
    world.now_ms.set(LAST_POLL_MS);
    assert_eq!(polls(&world, started, Vec::new()), 0, "the start took too long");
    let (world, started) = self::started(1);
    world.now_ms.set(20 * SECOND_MS);
    assert_eq!(polls(&world, started, Vec::new()), 3);
    let mut unstarted = Started::since(at(0));
    let unjournalled = Run { unjournalled: true, ..started_run() };
    for run in [queued_run(), unjournalled] {
        unstarted.add(&run);
    }
    assert!(unstarted.runs.is_empty());
    let (world, started) = self::started(3);
    assert_eq!(polls(&world, started, Vec::new()), 18);
    assert_eq!(world.polls_at_once.most.get(), FOLLOWED_MAX);
}

#[test]
fn of_a_delivery_with_more_runs_than_can_be_followed_none_is() {
    let followed = |count| {
        let (world, _) = started(count);
        let runs = world.open.borrow().values().cloned().collect();
        finish(start_accepted(&world, runs, at(0))).runs.len()
    };
    assert_eq!([3, 4].map(followed), [FOLLOWED_MAX, 0]);
}

#[test]
fn a_fabricate_that_fails_or_refuses_the_key_is_not_asked_again() {
    let busy = StatusError::Busy { reason: "HTTP 429".into(), retry_after_ms: None };
    let down = StatusError::Unavailable("HTTP 502".into());
    for error in [busy, down, StatusError::Unauthorized, StatusError::Forbidden] {
        let (world, started) = started(1);
        world.queue.set(true);
        assert_eq!(polls(&world, started, vec![in_progress(), Err(error)]), 2);
        assert!(world.sent.borrow().is_empty());
    }
    let (world, started) = started(2);
    let wait = Err(StatusError::Busy { reason: "HTTP 429".into(), retry_after_ms: Some(MINUTE_MS) });
    assert_eq!(polls(&world, started, vec![wait]), 2, "the other run's poll was under way");
    let (world, started) = self::started(1);
    world.breaker().record_outcome(crate::fabricate::Health::Failing { wait_ms: Some(MINUTE_MS) }, at(0));
    assert_eq!(polls(&world, started, Vec::new()), 0);
}

#[test]
fn a_queue_goes_on_with_a_run_that_is_still_open_and_not_for_ever() {
    let (world, started) = started(1);
    world.queue.set(true);
    polls(&world, started, Vec::new());
    let mut delays = Vec::new();
    loop {
        let Some(batches) = world.sent.borrow_mut().pop() else { break };
        delays.extend(world.delays_s.take());
        let budget = Budget::new(40);
        let (swept, handled) = finish(advance_batch(&world, batches[0].clone(), &budget));
        assert_eq!((swept.looked_at, handled), (1, Handled::Done));
    }
    assert_eq!(delays, [30, 60, 120, 240]);
    assert_eq!((world.polled.borrow().len(), world.writes.get()), (6 + 4, 0));
}

#[test]
fn a_run_with_large_files_is_handed_to_the_queue_at_once_and_a_lost_message_is_no_failure() {
    let large = || {
        let file = json!({"id": 1, "name": "a", "size": FILES_BYTES_MAX + 1});
        task(json!({"id": "task1", "status": "completed", "files": [file]}))
    };
    let (world, started) = started(1);
    world.queue.set(true);
    polls(&world, started, vec![large()]);
    assert_eq!((world.sent.borrow().len(), world.delays_s.take()), (1, vec![0]));
    let (world, started) = self::started(1);
    world.queue.set(true);
    world.queue_fails.set(true);
    polls(&world, started, vec![large()]);
    assert_eq!(world.log.borrow().len(), 1);
}

#[test]
fn a_followed_run_that_ended_elsewhere_or_waits_for_fabricate_is_not_sent_again() {
    let (world, started) = started(1);
    world.queue.set(true);
    polls(&world, started, Vec::new());
    let message = world.sent.take().remove(0).remove(0);
    let comes = |answer| {
        world.answers.replace(vec![answer].into());
        let budget = Budget::new(40);
        finish(advance_batch(&world, message.clone(), &budget));
        world.sent.take().len()
    };
    assert_eq!(comes(in_progress()), 1);
    assert_eq!(comes(Err(StatusError::Unauthorized)), 0);
    assert_eq!(comes(task(json!({"id": "task1", "status": "failed"}))), 0);
    assert_eq!(comes(task(json!({"id": "task1", "status": "failed"}))), 0, "it has no open record any more");
    world.breaker().record_outcome(crate::fabricate::Health::Failing { wait_ms: Some(MINUTE_MS) }, at(0));
    let asked = world.polled.borrow().len();
    assert_eq!((comes(in_progress()), world.polled.borrow().len()), (0, asked));
}
