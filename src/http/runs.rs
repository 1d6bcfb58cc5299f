//! Looking at runs: `GET /api/runs`, and what is below `GET /api/runs/{run_id}`.

use super::context::{Context, Handled};
use super::problem::Problem;
use super::query::{read_hours, read_list_query};
use super::request::Request;
use super::runtime::Runtime;
use super::schema::{DeliveryView, OverviewView, RunList, Timeline};
use super::watched_run::{Shown, answer_run};
use crate::run::{Run, RunId};
use crate::service::explain::explain;
use crate::service::overview::overview;
use crate::service::queries;
use crate::service::timeline::timeline;

/// The runs, newest first. Each call reads KV: one list for every 1,000 open runs, and one to five for the final ones; those of one
/// delivery are found without a list.
///
/// 200; 400 the query is not understood; 503 a store fails.
pub(super) async fn list_runs<R: Runtime>(context: &Context<'_, R>, request: &Request) -> Handled<R> {
    let ports = context.ports()?;
    let (query, delivery_id) = read_list_query(&request.url)?;
    let listed = match delivery_id {
        None => queries::list_runs(&*ports, &query).await,
        Some(id) => {
            let hooks = context.isolate.configuration.hooks.names();
            queries::runs_of_delivery(&*ports, hooks, &id, &query).await
        }
    };
    let listed = listed.map_err(|error| context.store_failed(&error))?;
    let now = context.now();
    let runs = listed.runs.iter().map(|run| run.view_at(now)).collect();
    context.json(200, &RunList { runs, cursor: listed.cursor })
}

/// How runs went in the last hours. Each call reads KV: one list for every 1,000 open runs, and one to five for the final ones.
///
/// 200; 400 the query is not understood; 503 a store fails.
pub(super) async fn get_overview<R: Runtime>(context: &Context<'_, R>, request: &Request) -> Handled<R> {
    let ports = context.ports()?;
    let hours = read_hours(&request.url)?;
    let overview = overview(&*ports, hours, context.now()).await;
    let overview = overview.map_err(|error| context.store_failed(&error))?;
    context.json(200, &OverviewView::of(&overview))
}

/// One run, whole.
///
/// 200; 304 the caller has it; 404 there is no such run; 503 a store fails.
pub(super) async fn get_run<R: Runtime>(
    context: &Context<'_, R>,
    request: &Request,
    run_id: RunId,
) -> Handled<R> {
    let shown = |run: &Run, waits: Option<&queries::Waits>| {
        let (reason, behind) = waits.map_or((None, &[][..]), |waits| (Some(waits.reason), &waits.behind));
        context.json_text(&run.view_waiting(reason, behind))
    };
    answer_run(context, request, run_id, &Shown::WithWaits(&shown)).await
}

/// What happened to a run.
///
/// 200; 404 there is no such run; 503 a store fails.
pub(super) async fn get_timeline<R: Runtime>(context: &Context<'_, R>, run_id: RunId) -> Handled<R> {
    let ports = context.ports()?;
    let run = context.run(&*ports, run_id).await?;
    let events = timeline(&*ports, &run).await.map_err(|error| context.store_failed(&error))?;
    context.json(200, &Timeline { events })
}

/// How the parameters of a run were made.
///
/// 200; 404 there is no such run; 409 no rule is for the run any more; 410 its delivery has expired; 503 a store fails.
pub(super) async fn get_mapping<R: Runtime>(context: &Context<'_, R>, run_id: RunId) -> Handled<R> {
    let ports = context.ports()?;
    let run = context.run(&*ports, run_id).await?;
    let explained = explain(&*ports, &context.hooks(), &run).await;
    context.json(200, &explained.map_err(|refusal| context.refused(refusal))?)
}

/// The delivery that a run was accepted with, as it is stored: without credentials.
///
/// 200; 404 there is no such run; 410 its delivery has expired; 503 a store fails.
pub(super) async fn get_delivery<R: Runtime>(context: &Context<'_, R>, run_id: RunId) -> Handled<R> {
    let ports = context.ports()?;
    let run = context.run(&*ports, run_id).await?;
    let stored = queries::stored_delivery(&*ports, &run).await;
    let (delivery, _) = stored.map_err(|error| context.store_failed(&error))?.ok_or(Problem::NoDelivery)?;
    context.json(200, &DeliveryView::of(&delivery))
}
