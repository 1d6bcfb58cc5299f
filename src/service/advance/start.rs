//! One attempt to start a run's workflow: entered in the journal, sent, its outcome entered and shown.

use serde_json::json;

use crate::fabricate::{Health, KeyAnswer, StartOutcome};
use crate::journal::{Decision, Journal, START_FRESH_MS};
use crate::log::{self, Line};
use crate::ports::{Metrics, Point, PointKind, PointOutcome, StoreError, World};
use crate::run::{Run, Stage, backoff_ms};
use crate::timestamp::Timestamp;

use super::super::Budget;
use super::super::close::close_and_show;
use super::super::journals::{Appended, append};
use super::super::kv_records::{TRIES, show_open};
use super::super::turns::{Admission, replaced_by, take_turns};
use super::super::{http_text, log_fields, record_health, record_key_answer};
use super::Advanced;

/// From which time on a run counts as one that has waited for others, milliseconds. Less is what its acceptance takes.
const WAITED_MS_MIN: i64 = 5_000;

/// Makes one attempt to start a run, if the budget has a request for it.
pub(super) async fn start<W: World>(
    world: &W,
    run: &mut Run,
    journal: &Journal,
    now: Timestamp,
    budget: &Budget,
) -> Result<Advanced, StoreError> {
    if run.waits_for_others() {
        let admission = Box::pin(take_turns(world, run, journal, budget)).await?;
        if admission != Admission::Starts {
            return not_admitted(world, run, journal, admission, now, budget).await;
        }
    }
    if !budget.take(world) {
        return Ok(Advanced::OutOfBudget);
    }
    let (attempts, number) = (journal.attempts() + 1, journal.next_entry_number());
    let began = world.now();
    if append(world, run.run_id, number, Decision::Start).await? == Appended::Theirs {
        return Ok(Advanced::Unchanged);
    }
    let waited_ms = began.since_ms(run.received_at);
    if attempts == 1 && run.waits_for_others() && waited_ms >= WAITED_MS_MIN {
        world.log(log::RUN_WAITED, json!({"run_id": run.run_id, "hook": run.hook, "waited_ms": waited_ms}));
    }
    // Others take a `start` entry without an outcome for lost after a while: a request that late must not be sent.
    let asked = world.now();
    let fresh = asked.since_ms(began) < START_FRESH_MS;
    let outcome = if fresh {
        let traceparent = run.traceparent();
        let outcome = world.start(&run.target, &run.params, traceparent.as_deref()).await;
        record_health(world, Health::of_start(&outcome));
        record_key_answer(world, &run.target.workspace, KeyAnswer::of_start(&outcome));
        outcome
    } else {
        let reason = "not sent in time".to_owned();
        StartOutcome::NotStarted { status: None, reason, retry_after_ms: None, for_key: false }
    };
    // A sweep may have begun minutes ago: waits are counted from the answer.
    let answered = world.now();
    let now = now.plus_ms(answered.since_ms(began));
    let [a, b, c, d, ..] = world.random();
    let next = take_outcome(run, outcome, attempts, u32::from_le_bytes([a, b, c, d]), now);
    if fresh {
        write_point(world, run, &next, answered.since_ms(asked));
    }
    record(world, run, number + 1, next, now, budget).await
}

/// Ends a run that waits for its next attempt, if a newer one has replaced it meanwhile.
pub(super) async fn give_way<W: World>(
    world: &W,
    run: &mut Run,
    journal: &Journal,
    now: Timestamp,
    budget: &Budget,
) -> Result<Advanced, StoreError> {
    match replaced_by(world, run, journal, budget).await? {
        Some(newer) => not_admitted(world, run, journal, Admission::ReplacedBy(newer), now, budget).await,
        None => Ok(Advanced::Unchanged),
    }
}

/// What a run does that may not start now.
async fn not_admitted<W: World>(
    world: &W,
    run: &mut Run,
    journal: &Journal,
    admission: Admission,
    now: Timestamp,
    budget: &Budget,
) -> Result<Advanced, StoreError> {
    match admission {
        // The last run of a long burst waits for less time than the others did.
        Admission::WaitsUntil(until) if run.not_before.is_some_and(|due| until < due) => {
            run.not_before = Some(until);
            show_open(world, run, TRIES).await?;
            return Ok(Advanced::Moved);
        }
        Admission::Starts | Admission::Waits | Admission::WaitsUntil(_) => return Ok(Advanced::Unchanged),
        Admission::ReplacedBy(newer) => run.replace(newer, now),
        Admission::SkippedFor(older) => run.skip(older, now),
    }
    run.attempts = journal.attempts();
    end(world, run, journal.next_entry_number(), now, budget).await
}

/// Ends a run that was refused, or gave way to another one. `number` is the entry's.
async fn end<W: World>(
    world: &W,
    run: &mut Run,
    number: u32,
    now: Timestamp,
    budget: &Budget,
) -> Result<Advanced, StoreError> {
    if close_and_show(world, number, run, now).await? == Appended::Ours {
        budget.outbox().add_new(run);
    }
    Ok(Advanced::Moved)
}

/// Writes the data point of a start request, which took `duration_ms`.
fn write_point(world: &impl Metrics, run: &Run, next: &Next, duration_ms: i64) {
    let (outcome, status) = match next {
        Next::Ended => (PointOutcome::Refused, run.error.as_ref().and_then(|error| error.http_status)),
        Next::Decided { decision: Decision::Task { .. }, status, .. } => (PointOutcome::Started, *status),
        Next::Decided { decision: Decision::NoAnswer { not_before: None, .. }, status, .. } => {
            (PointOutcome::Unconfirmed, *status)
        }
        Next::Decided { status, .. } => (PointOutcome::Later, *status),
    };
    world.write_point(&Point {
        detail: status.into(),
        duration_ms,
        attempts: run.attempts,
        ..Point::of_run(PointKind::Start, outcome, run)
    });
}

/// Enters what an outcome decided, then logs and shows it.
async fn record<W: World>(
    world: &W,
    run: &mut Run,
    number: u32,
    next: Next,
    now: Timestamp,
    budget: &Budget,
) -> Result<Advanced, StoreError> {
    let Next::Decided { decision, line, status } = next else {
        return end(world, run, number, now, budget).await;
    };
    let mut fields = log_fields(run);
    let has_reason = matches!(decision, Decision::StartLater { .. } | Decision::NoAnswer { .. });
    if let (true, Some(fields)) = (has_reason, fields.as_object_mut()) {
        let reason = status.map_or_else(|| "no answer".to_owned(), http_text);
        fields.insert("reason".to_owned(), reason.into());
    }
    let started = matches!(decision, Decision::Task { .. });
    match append(world, run.run_id, number, decision).await {
        Ok(Appended::Ours) => {
            // Otherwise the line of the delivery, or of the retry, has named the run a moment ago.
            if !started || run.attempts > 1 {
                world.log(line, fields);
            }
            show_open(world, run, TRIES).await?;
            budget.outbox().add_new(run);
        }
        Ok(Appended::Theirs) => {}
        Err(error) if started => {
            // Fabricate answered: KV gets the task all the same, marked as not yet in the journal.
            run.unjournalled = true;
            show_open(world, run, TRIES).await?;
            return Err(error);
        }
        Err(error) => return Err(error),
    }
    Ok(Advanced::Moved)
}

/// What follows from the outcome of a start request.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// The journal gets this decision, and the log this line.
    Decided {
        /// The decision.
        decision: Decision,
        /// The log line.
        line: Line,
        /// The HTTP status of the answer, if there was one.
        status: Option<u16>,
    },
    /// The run has failed.
    Ended,
}

/// Takes the outcome of attempt number `attempts` into the run. `random` spreads the wait before the next attempt.
pub(super) fn take_outcome(
    run: &mut Run,
    outcome: StartOutcome,
    attempts: u32,
    random: u32,
    now: Timestamp,
) -> Next {
    let later = |asked_ms| now.plus_ms(backoff_ms(attempts, random, asked_ms));
    run.attempts = attempts;
    match outcome {
        StartOutcome::Started(task_id) => {
            run.mark_started(task_id.clone(), attempts, now);
            let decision = Decision::Task { task_id };
            Next::Decided { decision, line: log::WORKFLOW_STARTED, status: None }
        }
        StartOutcome::NotStarted { status, reason, retry_after_ms, .. }
            if attempts < run.settings.start_attempts_max =>
        {
            let not_before = later(retry_after_ms);
            run.start_later(attempts, not_before);
            let decision = Decision::StartLater { not_before, reason };
            Next::Decided { decision, line: log::WORKFLOW_NOT_STARTED, status }
        }
        StartOutcome::NotStarted { status, reason, .. } => {
            run.fail(Stage::Start, format!("not started in {attempts} attempts; last: {reason}"), now);
            run.record_http_status(status);
            Next::Ended
        }
        StartOutcome::Refused { status, message } => {
            run.fail(Stage::Start, message, now);
            run.record_http_status(status);
            Next::Ended
        }
        StartOutcome::Unknown { status, reason } if run.may_restart(attempts) => {
            let not_before = later(None);
            run.start_later(attempts, not_before);
            let decision = Decision::NoAnswer { reason, not_before: Some(not_before) };
            Next::Decided { decision, line: log::START_NOT_ANSWERED, status }
        }
        StartOutcome::Unknown { status, reason } => {
            run.park(attempts, &reason, now);
            run.record_http_status(status);
            let decision = Decision::NoAnswer { reason, not_before: None };
            Next::Decided { decision, line: log::START_UNCONFIRMED, status }
        }
    }
}
