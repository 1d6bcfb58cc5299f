//! Looking at runs: `GET /api/runs`, and what is below `GET /api/runs/{run_id}`.

use super::context::{Context, Handled};
use super::entity_tag;
use super::problem::Problem;
use super::query::{read_list_query, wait_seconds};
use super::request::Request;
use super::response::{Body, Response};
use super::runtime::Runtime;
use super::schema::{DeliveryView, RunList};
use crate::digest::sha256_hex;
use crate::run::RunId;
use crate::service::queries;

/// How often a run that somebody waits for is looked at, seconds.
const WAIT_STEP_S: u32 = 2;

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

/// One run, whole. With `If-None-Match` and `Prefer: wait=N`, the answer waits until the run is another than the caller knows.
///
/// 200; 304 the caller has it; 404 there is no such run; 503 a store fails.
pub(super) async fn get_run<R: Runtime>(
    context: &Context<'_, R>,
    request: &Request,
    run_id: RunId,
) -> Handled<R> {
    let ports = context.ports()?;
    let known = request.header("if-none-match");
    let wait_s = known.and_then(|_| wait_seconds(request));
    let run = context.run(&*ports, run_id).await?;
    let mut version = Version::of(context.json_text(&run.view())?);
    for _ in 0..wait_s.unwrap_or_default().div_ceil(WAIT_STEP_S) {
        if !version.is_known(known) {
            break;
        }
        context.runtime.sleep_ms(WAIT_STEP_S * 1_000).await;
        // The journal, because KV may show a change a minute late.
        let run = queries::get_decided_run(&*ports, run_id).await;
        let run = run.map_err(|error| context.store_failed(&error))?.ok_or(Problem::NoSuchRun)?;
        version = Version::of(context.json_text(&run.view())?);
    }
    let mut response = if version.is_known(known) {
        Response::new(304, Body::Empty)
    } else {
        Response::new(200, Body::Text(version.text)).with("Content-Type", "application/json")
    };
    response.set("ETag", version.etag);
    if let Some(wait_s) = wait_s {
        response.set("Preference-Applied", format!("wait={wait_s}"));
    }
    Ok(response)
}

/// An answer as a caller may have it already.
struct Version {
    text: String,
    /// The hash of the text.
    etag: String,
}

impl Version {
    fn of(text: String) -> Self {
        let etag = format!("\"{}\"", sha256_hex(text.as_bytes()));
        Self { text, etag }
    }

    fn is_known(&self, if_none_match: Option<&str>) -> bool {
        if_none_match.is_some_and(|list| entity_tag::names(list, &self.etag))
    }
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
