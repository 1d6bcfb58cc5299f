//! What sweeps, redeliveries and operators make of a run whose journal expired, or whose start nobody decided on.

use std::sync::Arc;

use futures_util::FutureExt;

use super::super::super::accept::{Healing, heal};
use super::super::super::operator::{Refusal, abandon, adopt};
use super::super::super::retry::retry;
use super::super::{Advanced, Budget, settle};
use super::*;
use crate::hook::OnRedelivery;
use crate::journal::Decision;
use crate::journal::retention::{FIRST_START_MS_MAX, UNDECIDED_MS_MAX};
use crate::run::tests::{at, queued_run};
use crate::run::{Stage, Status};
use crate::testing::{MemoryWorld, task_id};
use crate::timestamp::HOUR_MS;

/// Settles a run for which no request is left: `OutOfBudget` says that it would be started.
fn settled(stores: &MemoryWorld, run: &Run, age_ms: i64) -> Advanced {
    settle(stores, &mut run.clone(), at(age_ms), &Budget::new(0)).now_or_never().unwrap().unwrap()
}

fn attempted() -> Run {
    let mut run = queued_run();
    run.start_later(1, at(9));
    run
}

fn parked() -> Run {
    let mut run = queued_run();
    run.park(1, "HTTP 500", at(9));
    run
}

fn no_answer() -> [Decision; 2] {
    [Decision::Start, Decision::NoAnswer { reason: "HTTP 500".into(), not_before: None }]
}

#[track_caller]
fn check_ends(run: &Run, decisions: &[Decision], age_ms: i64, why: Expiry) -> Run {
    let stores = MemoryWorld::with(run, decisions);
    assert_eq!(settled(&stores, run, age_ms), Advanced::Moved);
    assert!(stores.open.borrow().is_empty());
    let done = stores.done.borrow()[&run.run_id].clone();
    assert_eq!(stores.last_decision(run.run_id), Some(Decision::End { run: Box::new(done.clone()) }));
    let error = done.error.clone().unwrap();
    assert_eq!(
        (done.status, error.stage, error.message.as_str()),
        (Status::Failed, Stage::Start, why.message())
    );
    assert_eq!(error.attempts, done.attempts);
    done
}

#[test]
fn a_run_whose_journal_may_have_expired_ends_without_a_start() {
    assert_eq!(check_ends(&queued_run(), &[], FIRST_START_MS_MAX, Expiry::EmptyJournal).attempts, 0);
    assert_eq!(check_ends(&attempted(), &[], HOUR_MS, Expiry::LostAttempts).attempts, 1);
    assert_eq!(check_ends(&parked(), &[], HOUR_MS, Expiry::LostAttempts).attempts, 1);
    let stores = MemoryWorld::with(&queued_run(), &[]);
    assert_eq!(settled(&stores, &queued_run(), FIRST_START_MS_MAX - 1), Advanced::OutOfBudget);
}

#[test]
fn a_run_ends_when_nobody_decided_on_its_start_within_thirty_days() {
    check_ends(&parked(), &no_answer(), UNDECIDED_MS_MAX, Expiry::Undecided);
    check_ends(&queued_run(), &[Decision::Start], UNDECIDED_MS_MAX, Expiry::Undecided);
    let mut restarting = queued_run();
    Arc::make_mut(&mut restarting.settings).on_unconfirmed = crate::hook::OnUnconfirmed::Restart;
    check_ends(&restarting, &no_answer(), UNDECIDED_MS_MAX, Expiry::Undecided);
    let wait = [Decision::Start, Decision::StartLater { not_before: at(9), reason: "HTTP 503".into() }];
    check_ends(&attempted(), &wait, UNDECIDED_MS_MAX, Expiry::NeverStarted);
    let stores = MemoryWorld::with(&parked(), &no_answer());
    assert_eq!(settled(&stores, &parked(), UNDECIDED_MS_MAX - 1), Advanced::Unchanged);
}

#[test]
fn a_sender_has_only_those_retried_that_certainly_did_not_run() {
    let may_be_redelivered = |why| {
        let mut run = queued_run();
        Arc::make_mut(&mut run.settings).on_redelivery = OnRedelivery::RetryFailed;
        run.expire(1, why, at(9));
        run.may_be_redelivered()
    };
    let all = [
        Expiry::EmptyJournal,
        Expiry::LostAttempts,
        Expiry::StaleAttempt,
        Expiry::Undecided,
        Expiry::NeverStarted,
    ];
    assert_eq!(all.map(may_be_redelivered), [false, false, false, false, true]);
}

#[test]
fn a_task_that_the_record_shows_is_followed_where_the_journal_has_expired() {
    let mut run = queued_run();
    run.mark_started(task_id("known"), 2, at(5));
    let stores = MemoryWorld::with(&run, &[]);
    assert_eq!(settled(&stores, &run, UNDECIDED_MS_MAX), Advanced::Moved);
    assert_eq!(stores.last_decision(run.run_id), Some(Decision::Task { task_id: task_id("known") }));
    let shown = stores.open.borrow()[&run.run_id].clone();
    assert_eq!((shown.status, shown.attempts, shown.started_at), (Status::InProgress, 2, Some(at(5))));
}

#[test]
fn a_run_that_is_shown_as_done_ended_before_and_stays_as_it_is() {
    let mut done = queued_run();
    done.fail(Stage::Workflow, "out of rows", at(7));
    let mut started = queued_run();
    started.mark_started(task_id("known"), 1, at(5));
    for run in [parked(), started] {
        let stores = MemoryWorld::with(&run, &[]);
        stores.done.borrow_mut().insert(done.run_id, done.clone());
        settled(&stores, &run, HOUR_MS);
        assert!(stores.open.borrow().is_empty());
        assert_eq!(
            (stores.done.borrow().get(&done.run_id), stores.last_decision(done.run_id)),
            (Some(&done), None)
        );
    }
}

/// What a redelivery finds of a run of which nothing is left but its claim.
fn healed(run: &Run, age_ms: i64) -> (bool, MemoryWorld) {
    let stores = MemoryWorld::default();
    let healing = heal(&stores, run.clone(), at(0), at(age_ms)).now_or_never().unwrap().unwrap();
    (matches!(healing, Healing::Healed(_)), stores)
}

#[test]
fn a_redelivery_starts_no_run_that_is_older_than_seven_days() {
    let run = queued_run();
    let (starts, stores) = healed(&run, FIRST_START_MS_MAX - 1);
    assert!(starts && stores.open.borrow().len() == 1);
    let (starts, stores) = healed(&run, FIRST_START_MS_MAX);
    assert!(!starts && stores.open.borrow().is_empty());
    let message = stores.done.borrow()[&run.run_id].error.as_ref().map(|error| error.message.clone());
    assert_eq!(message.as_deref(), Some(Expiry::EmptyJournal.message()));
}

#[test]
fn a_run_whose_mapping_failed_is_shown_as_that_at_any_age() {
    let mut run = queued_run();
    run.fail(Stage::Mapping, "no seats", at(0));
    let (starts, stores) = healed(&run, UNDECIDED_MS_MAX);
    assert!(!starts);
    assert_eq!(stores.done.borrow().get(&run.run_id), Some(&run));
}

#[test]
fn an_operator_decides_on_a_run_whose_journal_has_expired() {
    let stores = || MemoryWorld::with(&parked(), &[]);
    let run_id = parked().run_id;
    let adopting = stores();
    let adopted = adopt(&adopting, run_id, &task_id("found"), at(HOUR_MS)).now_or_never().unwrap().unwrap();
    assert_eq!((adopted.status, adopted.attempts), (Status::InProgress, 1));
    assert_eq!(adopting.last_decision(run_id), Some(Decision::Task { task_id: task_id("found") }));
    let abandoning = stores();
    let abandoned = abandon(&abandoning, run_id, None, at(HOUR_MS)).now_or_never().unwrap().unwrap();
    assert_eq!((abandoned.status, abandoned.attempts), (Status::Failed, 1));
    assert!(matches!(abandoning.last_decision(run_id), Some(Decision::End { .. })));
}

#[test]
fn an_operator_finds_a_run_that_is_shown_as_done_ended() {
    let mut done = queued_run();
    done.fail(Stage::Workflow, "out of rows", at(7));
    let stores = MemoryWorld::with(&parked(), &[]);
    stores.done.borrow_mut().insert(done.run_id, done.clone());
    let abandoned = abandon(&stores, done.run_id, None, at(HOUR_MS)).now_or_never().unwrap();
    assert!(matches!(abandoned, Err(Refusal::WrongState { run, .. }) if *run == done));
    assert_eq!(stores.last_decision(done.run_id), None);
}

#[test]
fn a_retry_without_its_delivery_decides_nothing() {
    let stores = MemoryWorld::with(&parked(), &[]);
    let hook = crate::service::retry::tests::hook(&serde_json::json!({}));
    let hooks = |_: &crate::hook::HookName| Some(&hook);
    let retried = retry(&stores, &hooks, parked().run_id, false, at(HOUR_MS)).now_or_never().unwrap();
    assert_eq!(retried, Err(Refusal::NoDelivery));
    assert_eq!(stores.last_decision(parked().run_id), None);
}
