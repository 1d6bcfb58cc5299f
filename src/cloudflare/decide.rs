//! The operator's decisions over HTTP: adopt, abandon, retry one run or many. What is decided is the service's.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use worker::{Context, Request, Response};

use super::Cloudflare;
use super::api::{read_cursor, read_hook_name, read_limit, read_status, store_failed};
use super::clock::WorkerClock;
use super::intake::start_after_answer;
use super::request_body::read_body;
use super::respond::{self, Problem};
use super::route::Decide;
use super::settings::Settings;
use crate::fabricate::TaskId;
use crate::hook::{Hook, HookName};
use crate::ports::Clock;
use crate::run::{RunId, Status};
use crate::service::operator::{Refusal, abandon, adopt};
use crate::service::retry::retry;
use crate::service::retry_many::{MANY_MAX, Selection, retry_many};
use crate::timestamp::Timestamp;

/// A body of such a call is a task's id or a reason, bytes.
const BODY_BYTES_MAX: u64 = 16 * 1024;

/// What can be retried in numbers.
const RETRIABLE: [Status; 3] = [Status::Failed, Status::Canceled, Status::Unconfirmed];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Adopt {
    task_id: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Abandon {
    #[serde(default)]
    reason: Option<String>,
}

/// Answers a decision about one run.
///
/// 200 with the run as it stands then; of a retry 202 with the new run, and 200 with it where an earlier call made it.
/// 400 the body or the query is not understood, 404 no such run, 409 the run stands elsewhere (`run` in the problem), or
/// no rule is for it any more, 410 its delivery has expired, 503 when a store fails.
pub(super) async fn decide(
    request: Request,
    world: Cloudflare,
    context: &Context,
    settings: &Settings,
    run_id: RunId,
    what: Decide,
) -> Result<worker::Result<Response>, Problem> {
    let now = WorkerClock.now();
    let decided = match what {
        Decide::Adopt => {
            let Adopt { task_id } = read_object(request).await?;
            let task_id = TaskId::try_from(task_id).map_err(|error| Problem::bad_body(error.to_string()))?;
            adopt(&world, run_id, &task_id, now).await
        }
        Decide::Abandon => {
            let Abandon { reason } = read_object(request).await?;
            abandon(&world, run_id, reason.as_deref(), now).await
        }
        Decide::Retry => {
            let force = read_force(&request)?;
            let retried = retry(&world, &hooks(settings), run_id, force, now).await;
            let retried = retried.map_err(|refusal| refused(&refusal))?;
            let answer = respond::run(if retried.is_new { 202 } else { 200 }, &retried.run);
            if retried.starts {
                // Nobody waits for it: the answer is the new run as it was accepted.
                drop(start_after_answer(world, context, vec![retried.run], now, None));
            }
            return Ok(answer);
        }
    };
    let run = decided.map_err(|refusal| refused(&refusal))?;
    Ok(respond::run(200, &run))
}

/// Retries the runs that the query selects, so many in one call: 200 with what became of each.
pub(super) async fn retry_listed(
    request: &Request,
    world: Cloudflare,
    context: &Context,
    settings: &Settings,
) -> Result<worker::Result<Response>, Problem> {
    let (selection, now) = (read_selection(request)?, WorkerClock.now());
    let many = retry_many(&world, &hooks(settings), selection, now).await;
    let many = many.map_err(|error| store_failed(&error))?;
    let retried: Vec<Value> = many
        .retried
        .iter()
        .map(|(run_id, new)| json!({"run_id": run_id, "retry": new.summary().view()}))
        .collect();
    let skipped: Vec<Value> =
        many.skipped.iter().map(|(run_id, reason)| json!({"run_id": run_id, "reason": reason})).collect();
    let body = json!({"retried": retried, "skipped": skipped, "cursor": many.cursor});
    if !many.to_start.is_empty() {
        drop(start_after_answer(world, context, many.to_start, now, None));
    }
    Ok(respond::json(200, &body))
}

fn hooks<'s>(settings: &'s Settings) -> impl Fn(&HookName) -> Option<&'s Hook> {
    move |name| settings.configuration.hooks.get(name)?.as_ref().ok()
}

fn refused(refusal: &Refusal) -> Problem {
    if let Refusal::Store(error) = refusal {
        return store_failed(error);
    }
    Problem::refused(refusal)
}

/// A JSON object; nothing at all is an empty one.
async fn read_object<T: DeserializeOwned>(mut request: Request) -> Result<T, Problem> {
    let (mut body, _lease) = read_body(&mut request, BODY_BYTES_MAX).await?;
    if body.is_empty() {
        body = b"{}".to_vec();
    }
    serde_json::from_slice(&body).map_err(|error| Problem::bad_body(error.to_string()))
}

fn read_force(request: &Request) -> Result<bool, Problem> {
    let url = request.url().map_err(|_| Problem::no_such_page())?;
    let mut force = false;
    for (name, value) in url.query_pairs() {
        force = match (&*name, &*value) {
            ("force", "true") => true,
            ("force", "false") => false,
            ("force", _) => return Err(Problem::bad_query("force is true or false")),
            (other, _) => return Err(Problem::bad_query(format!("unknown parameter {other}"))),
        };
    }
    Ok(force)
}

fn read_selection(request: &Request) -> Result<Selection, Problem> {
    let url = request.url().map_err(|_| Problem::no_such_page())?;
    let mut selection =
        Selection { status: Status::Failed, hook: None, since: None, limit: MANY_MAX, after: None };
    for (name, value) in url.query_pairs() {
        match &*name {
            "status" => selection.status = read_status(&value, &RETRIABLE)?,
            "hook" => selection.hook = Some(read_hook_name(&value)?),
            "limit" => selection.limit = read_limit(&value, MANY_MAX)?,
            "cursor" => selection.after = Some(read_cursor(&value)?),
            "since" => {
                let since = Timestamp::parse(&value);
                selection.since = Some(
                    since
                        .ok_or_else(|| Problem::bad_query("since is a time such as 2026-11-25T00:00:00Z"))?,
                );
            }
            other => return Err(Problem::bad_query(format!("unknown parameter {other}"))),
        }
    }
    Ok(selection)
}
