//! A run over HTTP, for callers who ask again and again: its version, and an answer that waits for the next one.

use super::context::{Context, Handled};
use super::entity_tag;
use super::problem::Problem;
use super::query::wait_seconds;
use super::request::Request;
use super::response::{Body, Response};
use super::runtime::Runtime;
use crate::digest::sha256_hex;
use crate::run::{Run, RunId};
use crate::service::queries::{self, Waits};

/// How often a run that somebody waits for is looked at, seconds.
const WAIT_STEP_S: u32 = 2;

/// The text of an answer, of a run and what it waits for.
type TextWithWaits<'f> = dyn Fn(&Run, Option<&Waits>) -> Result<String, Problem> + 'f;

/// Makes the text of an answer of a run.
pub(super) enum Shown<'f> {
    /// Of the run alone.
    Alone(&'f dyn Fn(&Run) -> Result<String, Problem>),
    /// And of what it waits for, which takes some reads of R2.
    WithWaits(&'f TextWithWaits<'f>),
}

/// Answers with a run as `shown` makes it. With `Prefer: wait=N` the answer waits until the run is another than the one that
/// `If-None-Match` names, or that is there when the call comes; nobody waits for a final run.
///
/// 200; 304 the caller has it; 404 there is no such run; 503 a store fails; what `shown` returns.
pub(super) async fn answer_run<R: Runtime>(
    context: &Context<'_, R>,
    request: &Request,
    run_id: RunId,
    shown: &Shown<'_>,
) -> Handled<R> {
    let ports = context.ports()?;
    let mut run = context.run(&*ports, run_id).await?;
    let text = async |run: &Run| match shown {
        Shown::Alone(shown) => shown(run),
        Shown::WithWaits(shown) => {
            let waits = queries::waits_of(&*ports, run).await;
            shown(run, waits.map_err(|error| context.store_failed(&error))?.as_ref())
        }
    };
    let mut version = Version::of(text(&run).await?);
    let wait_s = wait_seconds(request);
    let stated = request.header("if-none-match");
    let known = stated.map_or_else(|| version.etag.clone(), ToOwned::to_owned);
    for _ in 0..wait_s.unwrap_or_default().div_ceil(WAIT_STEP_S) {
        if run.status.is_final() || !version.is_among(&known) {
            break;
        }
        context.runtime.sleep_ms(WAIT_STEP_S * 1_000).await;
        // The journal, because KV may show an end a minute late.
        let decided = queries::get_decided_run(&*ports, run_id).await;
        run = decided.map_err(|error| context.store_failed(&error))?.ok_or(Problem::NoSuchRun)?;
        version = Version::of(text(&run).await?);
    }
    let mut response = if stated.is_some_and(|stated| version.is_among(stated)) {
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

    /// Whether a list of entity tags names it.
    fn is_among(&self, list: &str) -> bool {
        entity_tag::names(list, &self.etag)
    }
}
