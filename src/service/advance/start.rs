//! One attempt to start a run's workflow: decided on, sent, its outcome entered and shown.

use crate::fabricate::{Health, StartOutcome};
use crate::journal::{Decision, Journal, START_FRESH_MS};
use crate::mutation::{Mutation, makes};
use crate::ports::{Level, StoreError, World};
use crate::run::{Run, Stage, backoff_ms};
use crate::timestamp::Timestamp;

use super::super::Budget;
use super::super::decide::{Entered, enter};
use super::super::record::{TRIES, finish, put_open};
use super::{Advanced, UNCONFIRMED, fields, hear, http_status, tell};

/// Decides on an attempt, sends it, enters its outcome, shows it.
pub(super) async fn start<W: World>(
    world: &W,
    run: &mut Run,
    journal: &Journal,
    now: Timestamp,
    budget: &Budget,
) -> Result<Advanced, StoreError> {
    if !budget.take(world) {
        return Ok(Advanced::OutOfBudget);
    }
    let (attempts, place) = (journal.attempts() + 1, journal.next_entry_number());
    let began = world.now();
    if !makes(Mutation::StartsAreNotEntered)
        && enter(world, run.run_id, place, Decision::Start).await? == Entered::Taken
    {
        return Ok(Advanced::Unchanged);
    }
    // The entry may have taken so long that others will soon hold it for lost: then it must not be sent any more.
    let fresh = world.now().since_ms(began) < START_FRESH_MS;
    let outcome = if fresh || makes(Mutation::StaleStartsAreSent) {
        let outcome = world.start(&run.target, &run.params).await;
        hear(world, Health::of_start(&outcome));
        outcome
    } else {
        let reason = "not sent in time".to_owned();
        StartOutcome::NotStarted { reason, retry_after_ms: None, for_key: false }
    };
    // A sweep may be minutes old by now: waits are counted from the answer.
    let now = now.plus_ms(world.now().since_ms(began));
    let decision = take_outcome(world, run, outcome, attempts, now);
    let started = matches!(decision, Decision::Task { .. });
    if makes(Mutation::OutcomesAreNotEntered) && !run.status.is_final() {
        return put_open(world, run, TRIES).await.map(|()| Advanced::Moved);
    }
    match enter(world, run.run_id, place + 1, decision).await {
        Ok(Entered::Mine) if run.status.is_final() => finish(world, run).await?,
        Ok(Entered::Mine) => put_open(world, run, TRIES).await?,
        Ok(Entered::Taken) => {}
        Err(error) if started && !makes(Mutation::UnenteredTasksAreDropped) => {
            // Fabricate answered: KV gets the task all the same, marked as not yet decided.
            run.unjournalled = true;
            put_open(world, run, TRIES).await?;
            return Err(error);
        }
        Err(error) => return Err(error),
    }
    Ok(Advanced::Moved)
}

/// What the outcome of a start request decides, in the run and for the journal.
pub(super) fn take_outcome<W: World>(
    world: &W,
    run: &mut Run,
    outcome: StartOutcome,
    attempts: u32,
    now: Timestamp,
) -> Decision {
    let later = |asked_ms| {
        let [a, b, c, d, ..] = world.random();
        now.plus_ms(backoff_ms(attempts, u32::from_le_bytes([a, b, c, d]), asked_ms))
    };
    run.attempts = attempts;
    match outcome {
        StartOutcome::Started(task_id) => {
            run.mark_started(task_id.clone(), attempts, now);
            tell(world, Level::Info, "workflow started", run);
            return Decision::Task { task_id };
        }
        StartOutcome::NotStarted { reason, retry_after_ms, .. }
            if attempts < run.settings.start_attempts_max =>
        {
            let not_before = later(retry_after_ms);
            run.start_later(attempts, not_before);
            tell_why(world, "workflow not started, will be tried again", run, &reason);
            return Decision::StartLater { not_before, reason };
        }
        StartOutcome::NotStarted { reason, .. } => {
            run.fail(Stage::Start, format!("not started in {attempts} attempts; last: {reason}"), now);
        }
        StartOutcome::Refused { message } => run.fail(Stage::Start, message, now),
        StartOutcome::Unknown { reason } if makes(Mutation::TimeoutsAreRetried) => {
            return Decision::StartLater { not_before: now, reason };
        }
        StartOutcome::Unknown { reason } if run.may_restart(attempts) => {
            let not_before = later(None);
            run.start_later(attempts, not_before);
            tell_why(world, "no answer to the start, will be sent again", run, &reason);
            return Decision::NoAnswer { reason, not_before: Some(not_before) };
        }
        StartOutcome::Unknown { reason } => {
            run.park(attempts, &reason, now);
            tell(world, Level::Error, UNCONFIRMED, run);
            return Decision::NoAnswer { reason, not_before: None };
        }
    }
    tell(world, Level::Error, "workflow not started", run);
    Decision::End { run: Box::new(run.clone()) }
}

fn tell_why<W: World>(world: &W, message: &str, run: &Run, reason: &str) {
    let mut fields = fields(run);
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("reason".to_owned(), http_status(reason).unwrap_or("no answer").into());
    }
    world.log(Level::Warn, message, fields);
}
