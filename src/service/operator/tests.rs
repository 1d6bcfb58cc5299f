//! What the operator may decide, by what the journal of a run says.

use futures_util::FutureExt;

use super::*;
use crate::journal::START_LOST_MS;
use crate::run::Stage;
use crate::run::tests::{at, queued_run};
use crate::testing::{MemoryWorld, task_id};

fn no_answer() -> Decision {
    Decision::NoAnswer { reason: "HTTP 500".into(), not_before: None }
}

fn wait() -> Decision {
    Decision::StartLater { not_before: at(9), reason: "HTTP 503".into() }
}

fn task(text: &str) -> Decision {
    Decision::Task { task_id: task_id(text) }
}

fn ended(change: impl FnOnce(&mut Run)) -> Decision {
    let mut run = queued_run();
    change(&mut run);
    Decision::End { run: Box::new(run) }
}

/// The run's status after a call, or, of a refused call, the status that it found or the reason.
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
    let stores = MemoryWorld::with(&run, decisions);
    let adopted = adopt(&stores, run.run_id, &task_id("found"), at(age_ms)).now_or_never().unwrap();
    assert_eq!(outcome(&adopted), expected);
    if adopted.is_ok() {
        assert_eq!(stores.last_decision(run.run_id), Some(task("found")));
    } else {
        assert_eq!(stores.last_decision(run.run_id).as_ref(), decisions.last(), "nothing was decided");
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
    check_adopt(&[Decision::Start, ended(|run| run.fail(Stage::Start, "no", at(1)))], 0, Err("failed"));
}

#[track_caller]
fn check_abandon(decisions: &[Decision], age_ms: i64, expected: Outcome) {
    let run = queued_run();
    let stores = MemoryWorld::with(&run, decisions);
    let abandoned = abandon(&stores, run.run_id, Some("enough"), at(age_ms)).now_or_never().unwrap();
    assert_eq!(outcome(&abandoned), expected);
    match abandoned {
        Ok(run) => {
            assert_eq!(stores.last_decision(run.run_id), Some(Decision::End { run: Box::new(run) }));
        }
        Err(_) => {
            assert_eq!(stores.last_decision(run.run_id).as_ref(), decisions.last(), "nothing was decided");
        }
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
    check_abandon(&[Decision::Start, ended(|run| run.fail(Stage::Start, "no", at(1)))], 0, Err("failed"));
    check_abandon(&[Decision::Start, ended(|run| run.abandon(1, None, at(1)))], 0, Ok("failed"));
}

#[test]
fn what_was_abandoned_says_so_and_is_shown_as_done() {
    let run = queued_run();
    let stores = MemoryWorld::with(&run, &[Decision::Start, no_answer()]);
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
        let stores = MemoryWorld::with(&run, &[Decision::Start, no_answer()]);
        stores.faster.replace(Some(decision.clone()));
        let adopted = adopt(&stores, run.run_id, &task_id("found"), at(0)).now_or_never().unwrap();
        assert_eq!(stores.last_decision(run.run_id), Some(decision.clone()));
        stores.faster.replace(None);
        let stores = MemoryWorld::with(&run, &[Decision::Start, no_answer()]);
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
    let ask =
        |stores: &MemoryWorld| outcome(&abandon(stores, run.run_id, None, at(0)).now_or_never().unwrap());
    assert_eq!(ask(&MemoryWorld::default()), Err("no such run"));
    let stores = MemoryWorld::with(&run, &[Decision::Start, no_answer()]);
    stores.open.borrow_mut().clear();
    assert_eq!(ask(&stores), Err("store"));
}

#[test]
fn a_task_that_only_kv_knows_is_entered_first() {
    let mut run = queued_run();
    run.mark_started(task_id("known"), 1, at(0));
    run.unjournalled = true;
    let stores = MemoryWorld::with(&run, &[Decision::Start]);
    let adopted =
        adopt(&stores, run.run_id, &task_id("found"), at(START_LOST_MS + 1)).now_or_never().unwrap();
    assert_eq!(outcome(&adopted), Err("in_progress"));
    assert_eq!(stores.last_decision(run.run_id), Some(task("known")));
}

#[test]
fn a_decision_stands_although_kv_cannot_show_it() {
    let run = queued_run();
    let stores = MemoryWorld::with(&run, &[Decision::Start, no_answer()]);
    stores.kv_fails.set(true);
    let adopted = adopt(&stores, run.run_id, &task_id("found"), at(0)).now_or_never().unwrap();
    assert_eq!(outcome(&adopted), Ok("in_progress"));
    assert_eq!(stores.last_decision(run.run_id), Some(task("found")));
}

#[test]
fn who_cannot_abandon_is_told_whether_to_ask_again() {
    let why = |decision| {
        let run = queued_run();
        let stores = MemoryWorld::with(&run, &[decision]);
        let abandoned = abandon(&stores, run.run_id, None, at(0)).now_or_never().unwrap();
        abandoned.unwrap_err().to_string()
    };
    assert!(why(Decision::Start).contains("in a moment"));
    assert!(!why(task("other")).contains("in a moment"));
}
