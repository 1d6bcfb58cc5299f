//! Looking at runs: `GET /api/runs` and `GET /api/runs/{run_id}`.

use super::context::{Context, Handled};
use super::query::read_list_query;
use super::request::Request;
use super::runtime::Runtime;
use super::schema::RunList;
use crate::run::RunId;
use crate::service::queries;

/// The runs, newest first. Each call reads KV: one list for every 1,000 open runs, and one to five for the final ones.
///
/// 200; 400 the query is not understood; 503 a store fails.
pub(super) async fn list_runs<R: Runtime>(context: &Context<'_, R>, request: &Request) -> Handled<R> {
    let ports = context.ports()?;
    let query = read_list_query(&request.url)?;
    let listed = queries::list_runs(&*ports, &query).await.map_err(|error| context.store_failed(&error))?;
    let runs = listed.runs.iter().map(|run| run.view()).collect();
    context.json(200, &RunList { runs, cursor: listed.cursor })
}

/// One run, whole.
///
/// 200; 404 there is no such run; 503 a store fails.
pub(super) async fn get_run<R: Runtime>(context: &Context<'_, R>, run_id: RunId) -> Handled<R> {
    let run = context.run(&*context.ports()?, run_id).await?;
    context.json(200, &run.view())
}
