//! The operator's decisions: adopt, abandon, retry one run or many. The service decides.
//!
//! Common to the decisions about one run: 400 the body or the query is not understood, 404 there is no such run, 409 the
//! run has another status (`run` in the problem has it), 503 a store fails.

use super::context::{Context, Handled};
use super::intake::start_after_answer;
use super::problem::Problem;
use super::query::{quoted, read_force, read_selection};
use super::request::Request;
use super::request_body::read_json;
use super::runtime::Runtime;
use super::schema::{
    AbandonManyAnswer, AbandonRequest, AdoptRequest, RetriedRun, RetryManyAnswer, SkippedRun,
};
use crate::fabricate::TaskId;
use crate::run::{Run, RunId, Status, Summary};
use crate::service::abandon_many::abandon_many;
use crate::service::operator::{abandon, adopt};
use crate::service::retry::retry;
use crate::service::retry_many::retry_many;

/// The largest body of a decision, bytes: a task's id or a reason.
const BODY_BYTES_MAX: u64 = 16 * 1024;

/// Gives an `unconfirmed` run the task that the operator found: 200 with the run.
pub(super) async fn adopt_task<R: Runtime>(
    context: &Context<'_, R>,
    request: Request,
    run_id: RunId,
) -> Handled<R> {
    let (ports, now) = (context.ports()?, context.now());
    let AdoptRequest { task_id } = read_json(context, request, BODY_BYTES_MAX).await?;
    let task_id = TaskId::try_from(task_id.clone())
        .map_err(|error| Problem::BadBody(format!("`task_id`: {error}, got {}", quoted(&task_id))))?;
    let run = adopt(&*ports, run_id, &task_id, now).await;
    context.json(200, &run.map_err(|refusal| context.refused(refusal))?.view())
}

/// Gives up a `queued` or `unconfirmed` run: 200 with the run.
pub(super) async fn abandon_run<R: Runtime>(
    context: &Context<'_, R>,
    request: Request,
    run_id: RunId,
) -> Handled<R> {
    let (ports, now) = (context.ports()?, context.now());
    let AbandonRequest { reason } = read_json(context, request, BODY_BYTES_MAX).await?;
    let run = abandon(&*ports, run_id, reason.as_deref(), now).await;
    context.json(200, &run.map_err(|refusal| context.refused(refusal))?.view())
}

/// Gives up the runs that the query selects, up to 50 in one call: 200 with what became of each; 400 the query or the body
/// is not understood, 503 the runs cannot be listed.
pub(super) async fn abandon_runs<R: Runtime>(context: &Context<'_, R>, request: Request) -> Handled<R> {
    let (ports, now) = (context.ports()?, context.now());
    let selection = read_selection(&request.url, Status::Unconfirmed, &[Status::Queued])?;
    let AbandonRequest { reason } = read_json(context, request, BODY_BYTES_MAX).await?;
    let many = abandon_many(&*ports, selection, reason.as_deref(), now).await;
    let many = many.map_err(|error| context.store_failed(&error))?;
    let abandoned: Vec<Summary> = many.abandoned.iter().map(Run::summary).collect();
    let skipped = many.skipped.iter().map(|(run_id, reason)| SkippedRun { run_id: *run_id, reason });
    context.json(
        200,
        &AbandonManyAnswer {
            abandoned: abandoned.iter().map(Summary::view).collect(),
            skipped: skipped.collect(),
            cursor: many.cursor.as_deref(),
        },
    )
}

/// Retries a run: 202 with the new run, 200 with it where an earlier call made it; 409 no rule is for the run any more,
/// too, and 410 its delivery has expired.
pub(super) async fn retry_run<R: Runtime>(
    context: &Context<'_, R>,
    request: &Request,
    run_id: RunId,
) -> Handled<R> {
    let (ports, now) = (context.ports()?, context.now());
    let force = read_force(&request.url)?;
    let retried = retry(&*ports, &context.hooks(), run_id, force, now).await;
    let retried = retried.map_err(|refusal| context.refused(refusal))?;
    let answer = context.json(if retried.is_new { 202 } else { 200 }, &retried.run.view());
    if retried.starts {
        // Nobody waits for it: the answer is the new run as it was accepted.
        drop(start_after_answer(context, &ports, vec![retried.run], now, None));
    }
    answer
}

/// Retries the runs that the query selects, up to 50 in one call: 200 with what became of each; 400 the query is not
/// understood, 503 the runs cannot be listed.
pub(super) async fn retry_runs<R: Runtime>(context: &Context<'_, R>, request: &Request) -> Handled<R> {
    let (ports, now) = (context.ports()?, context.now());
    let selection = read_selection(&request.url, Status::Failed, &[Status::Canceled, Status::Unconfirmed])?;
    let many = retry_many(&*ports, &context.hooks(), selection, now).await;
    let many = many.map_err(|error| context.store_failed(&error))?;
    let new: Vec<(RunId, Summary)> = many.retried.iter().map(|(old, new)| (*old, new.summary())).collect();
    let retried = new.iter().map(|(run_id, new)| RetriedRun { run_id: *run_id, retry: new.view() });
    let skipped = many.skipped.iter().map(|(run_id, reason)| SkippedRun { run_id: *run_id, reason });
    let answer = RetryManyAnswer {
        retried: retried.collect(),
        skipped: skipped.collect(),
        cursor: many.cursor.as_deref(),
    };
    let answer = context.json(200, &answer);
    if !many.to_start.is_empty() {
        drop(start_after_answer(context, &ports, many.to_start, now, None));
    }
    answer
}
