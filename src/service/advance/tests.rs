//! What a run is settled to, by what its journal says.

use std::sync::Arc;

use super::start::{Next, take_outcome};
use super::*;
use crate::fabricate::StartOutcome;
use crate::hook::OnUnconfirmed;
use crate::journal::START_LOST_MS;
use crate::run::tests::{at, queued_run, started_run};
use crate::testing::{MemoryWorld, finish, task_id};
use crate::timestamp::HOUR_MS;

/// Settles a run for which no request is left: `OutOfBudget` says that it would be started.
fn settled(run: &Run, decisions: &[Decision], age_ms: i64) -> (Advanced, MemoryWorld) {
    let stores = MemoryWorld::with(run, decisions);
    let settled = finish(settle(&stores, &mut run.clone(), at(age_ms), &Budget::new(0)));
    assert!(stores.breaker.get().is_none(), "no request of the minute's share is taken");
    (settled.unwrap(), stores)
}

#[track_caller]
fn check(run: &Run, decisions: &[Decision], age_ms: i64, expected: Advanced) {
    assert_eq!(settled(run, decisions, age_ms).0, expected);
}

fn no_answer(not_before: Option<Timestamp>) -> [Decision; 2] {
    [Decision::Start, Decision::NoAnswer { reason: "HTTP 500".into(), not_before }]
}

fn that_restarts(attempts_max: u32) -> Run {
    let mut run = queued_run();
    Arc::make_mut(&mut run.settings).on_unconfirmed = OnUnconfirmed::Restart;
    Arc::make_mut(&mut run.settings).start_attempts_max = attempts_max;
    run
}

#[test]
fn a_run_is_started_when_its_journal_says_so_and_not_before() {
    let wait = [Decision::Start, Decision::StartLater { not_before: at(9), reason: "HTTP 503".into() }];
    check(&queued_run(), &[], 0, Advanced::OutOfBudget);
    check(&queued_run(), &[Decision::Start], START_LOST_MS, Advanced::Unchanged);
    check(&queued_run(), &wait, 8, Advanced::Unchanged);
    check(&queued_run(), &wait, 9, Advanced::OutOfBudget);
}

#[test]
fn a_run_that_may_be_restarted_is_after_its_wait() {
    check(&that_restarts(2), &no_answer(Some(at(9))), 8, Advanced::Unchanged);
    check(&that_restarts(2), &no_answer(Some(at(9))), 9, Advanced::OutOfBudget);
    check(&that_restarts(2), &no_answer(None), 0, Advanced::OutOfBudget);
    check(&that_restarts(2), &[Decision::Start], START_LOST_MS + 1, Advanced::OutOfBudget);
}

#[test]
fn any_other_is_parked_and_that_is_written_once() {
    for run in [queued_run(), that_restarts(1)] {
        let (moved, stores) = settled(&run, &no_answer(None), 5);
        let parked = stores.open.borrow()[&run.run_id].clone();
        assert_eq!((moved, parked.status, parked.attempts), (Advanced::Moved, Status::Unconfirmed, 1));
        check(&parked, &no_answer(None), 6, Advanced::Unchanged);
    }
}

#[test]
fn a_task_that_only_the_record_has_is_entered_and_one_of_the_journals_is_shown() {
    let mut known = queued_run();
    known.mark_started(task_id("known"), 1, at(0));
    known.unjournalled = true;
    let decided = Decision::Task { task_id: task_id("known") };
    for (run, decisions) in
        [(&known, &[Decision::Start][..]), (&queued_run(), &[Decision::Start, decided.clone()])]
    {
        let (moved, stores) = settled(run, decisions, 5);
        assert_eq!((moved, stores.last_decision(run.run_id)), (Advanced::Moved, Some(decided.clone())));
        let shown = stores.open.borrow()[&run.run_id].clone();
        assert_eq!((shown.status, shown.unjournalled), (Status::InProgress, false));
        assert_eq!(shown.task.map(|task| task.id), Some(task_id("known")));
    }
}

/// What the outcome of an attempt decides (`None`: the run ended), and the run then.
fn decided(run: &Run, outcome: StartOutcome, attempts: u32) -> (Option<Decision>, Run) {
    let mut run = run.clone();
    let next = take_outcome(&mut run, outcome, attempts, 0, at(0));
    assert_eq!(run.attempts, attempts);
    let decision = match next {
        Next::Decided { decision, .. } => Some(decision),
        Next::Ended => None,
    };
    (decision, run)
}

#[test]
fn a_start_that_came_to_nothing_is_tried_as_often_as_its_hook_says() {
    let asked_ms = 20 * HOUR_MS;
    let (run, reason) = (that_restarts(3), "HTTP 503".to_owned());
    let outcome = StartOutcome::NotStarted {
        status: Some(503),
        reason: reason.clone(),
        retry_after_ms: Some(asked_ms),
        for_key: false,
    };
    let retry = Decision::StartLater { not_before: at(asked_ms), reason };
    let (decision, waiting) = decided(&run, outcome.clone(), 2);
    assert_eq!((decision, waiting.status), (Some(retry), Status::Queued));
    let (decision, failed) = decided(&run, outcome, 3);
    assert_eq!((decision, failed.status), (None, Status::Failed));
    assert_eq!(failed.error.as_ref().unwrap().http_status, Some(503));
    assert_eq!(failed.error.unwrap().message, "not started in 3 attempts; last: HTTP 503");
}

#[test]
fn a_start_without_an_answer_is_parked_unless_its_hook_says_otherwise() {
    let outcome = StartOutcome::Unknown { status: Some(500), reason: "HTTP 500".into() };
    let [_, parked] = no_answer(None);
    for (run, attempts) in [(queued_run(), 1), (that_restarts(2), 2)] {
        let (decision, run) = decided(&run, outcome.clone(), attempts);
        assert_eq!((decision.as_ref(), run.status), (Some(&parked), Status::Unconfirmed));
    }
    let (decision, run) = decided(&that_restarts(2), outcome, 1);
    let Some(Decision::NoAnswer { not_before, .. }) = decision else { panic!("no second attempt") };
    assert!(run.status == Status::Queued && not_before.is_some_and(|moment| moment > at(0)));
}

/// What becomes of a run whose record has the task `shown`, started at 5 ms, when that is seen to be completed. Its
/// journal has a task of 0 ms.
#[track_caller]
fn check_poll(decided: &str, expected: (Advanced, Status, &str, i64)) {
    let mut run = queued_run();
    run.mark_started(task_id("shown"), 1, at(5));
    let stores = MemoryWorld::with(&run, &[Decision::Start, Decision::Task { task_id: task_id(decided) }]);
    let completed = serde_json::json!({"id": "shown", "status": "completed"});
    stores.answers.borrow_mut().push_back(Ok(serde_json::from_value(completed).unwrap()));
    let tick = Tick { now: at(HOUR_MS), since: at(0) };
    let moved = finish(advance(&stores, &run.summary(), tick, &Budget::new(1))).unwrap();
    let (open, done) = (stores.open.take(), stores.done.take());
    let records: Vec<Run> = open.into_values().chain(done.into_values()).collect();
    let [run] = &records[..] else { panic!("one record") };
    let task = run.task.as_ref().map_or("none", |task| task.id.as_str());
    let started_ms = run.started_at.unwrap().as_millis() - at(0).as_millis();
    assert_eq!((moved, run.status, task, started_ms), expected);
}

#[test]
fn a_task_is_believed_only_if_it_is_the_journals() {
    check_poll("shown", (Advanced::Moved, Status::Completed, "shown", 5));
    check_poll("another", (Advanced::Moved, Status::InProgress, "another", 0));
}

#[test]
fn an_end_counts_every_start_of_the_journal_although_the_record_is_older() {
    let mut run = queued_run();
    run.mark_started(task_id("t"), 1, at(0));
    let starts = [
        Decision::Start,
        no_answer(None)[1].clone(),
        Decision::Start,
        Decision::Task { task_id: task_id("t") },
    ];
    let stores = MemoryWorld::with(&run, &starts);
    let mut failed = Task::just_started(task_id("t"));
    failed.status = "failed".into();
    stores.answers.borrow_mut().push_back(Ok(failed));
    let summary = run.summary();
    finish(poll(&stores, &summary, task_id("t"), at(1), &Budget::new(9))).unwrap();
    assert_eq!(stores.done.borrow()[&run.run_id].attempts, 2);
}

/// The data point of a start request with this outcome, at the attempt `attempts`.
#[track_caller]
fn check_start(run: &Run, outcome: StartOutcome, expected: &str) {
    let world = MemoryWorld::with(run, &[]);
    world.starts.borrow_mut().push_back(outcome);
    world.answer_ms.set(40);
    finish(start_new(&world, &mut run.clone(), at(0), &Budget::new(1))).unwrap();
    let points = world.points.take();
    assert_eq!(points.first().map(String::as_str), Some(expected), "{points:?}");
    assert_eq!(points.iter().filter(|point| point.starts_with("start ")).count(), 1, "{points:?}");
}

#[test]
fn each_start_request_is_a_data_point() {
    let run = queued_run();
    let (status, reason) = (Some(503), String::new());
    check_start(&run, StartOutcome::Started(task_id("t")), "start started [] hook acme seed: 40 0 1");
    let later = StartOutcome::NotStarted { status, reason, retry_after_ms: None, for_key: false };
    check_start(&run, later.clone(), "start later [503] hook acme seed: 40 0 1");
    check_start(&that_restarts(1), later, "start refused [503] hook acme seed: 40 0 1");
    let refused = StartOutcome::Refused { status: Some(422), message: String::new() };
    check_start(&run, refused, "start refused [422] hook acme seed: 40 0 1");
    let unknown = StartOutcome::Unknown { status: None, reason: String::new() };
    check_start(&run, unknown.clone(), "start unconfirmed [] hook acme seed: 40 0 1");
    check_start(&that_restarts(2), unknown, "start later [] hook acme seed: 40 0 1");
}

#[test]
fn no_request_is_no_data_point() {
    let (_, world) = settled(&queued_run(), &[], 0);
    assert!(world.points.take().is_empty());
    let run = started_run();
    let tick = crate::run::Tick { now: at(120_000), since: at(0) };
    finish(advance(&world, &run.summary(), tick, &Budget::new(0))).unwrap();
    assert!(world.points.take().is_empty());
}

#[test]
fn each_poll_is_a_data_point() {
    let polled = |answer: Result<Task, StatusError>| {
        let run = started_run();
        let world = MemoryWorld::with(&run, &[Decision::Start, Decision::Task { task_id: task_id("task") }]);
        world.answers.borrow_mut().push_back(answer);
        world.answer_ms.set(40);
        let tick = crate::run::Tick { now: at(120_000), since: at(0) };
        finish(advance(&world, &run.summary(), tick, &Budget::new(1))).unwrap();
        let points = world.points.take();
        let (poll, end) = (points[0].clone(), points.get(1).map(|point| point.starts_with("end ")));
        (poll, end)
    };
    let task = |status: &str| {
        let mut task = Task::just_started(task_id("task"));
        status.clone_into(&mut task.status);
        Ok(task)
    };
    for (answer, words, end) in [
        (task("in_progress"), "unchanged [200]", None),
        (task("completed"), "completed [200]", Some(true)),
        (task("failed"), "failed [200]", Some(true)),
        (task("canceled"), "canceled [200]", Some(true)),
        (Err(StatusError::Unauthorized), "refused [401]", None),
        (Err(StatusError::Forbidden), "refused [403]", None),
        (Err(StatusError::NotFound), "not_answered [404]", None),
        (Err(StatusError::Unavailable("HTTP 502".into())), "not_answered []", None),
    ] {
        assert_eq!(polled(answer), (format!("poll {words} hook acme seed: 40 0 0"), end));
    }
}
