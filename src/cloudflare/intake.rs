//! `POST /hooks/{hook}`: from a sender's request to its answer. Starting what was accepted comes after the answer.

use std::pin::pin;

use futures_channel::oneshot;
use futures_util::future::select;
use serde::Serialize;
use serde_json::{Value, json};
use worker::{Context, Env, Request, Response};

use super::Cloudflare;
use super::clock::{WorkerClock, WorkerLog};
use super::http_fabricate::delay;
use super::respond::{self, Problem};
use super::settings::{Settings, secret};
use super::stream::{ReadError, read_capped};
use crate::fabricate::TaskId;
use crate::hook::delivery::{Event, RawDelivery};
use crate::hook::verify::{Verified, VerifyError};
use crate::hook::{Hook, HookName};
use crate::ports::{Clock, Level, Log};
use crate::run::{Run, RunId, Status};
use crate::service::look::get_run;
use crate::service::receive::{Received, receive, start_accepted};
use crate::timestamp::Timestamp;

/// The longest that `Prefer: wait=N` (RFC 7240) may ask for, seconds.
const WAIT_MAX_S: u32 = 25;

/// Answers a sender.
///
/// 404 no such hook, 503 paused or misconfigured, 415, 413, 401 not verified, 400 not parsed, then what
/// [`receive`] says: 200 ignored, 202 accepted, 200 duplicate, 503 when a store fails.
pub(super) async fn intake(
    request: Request,
    env: &Env,
    context: &Context,
    settings: &Settings,
    name: String,
) -> Result<worker::Result<Response>, Problem> {
    let hook = find_hook(settings, name)?;
    let world = Cloudflare::new(env, settings)?;
    if world.key.is_none() {
        WorkerLog.log(Level::Error, "FABRICATE_API_KEY is not set", json!({"hook": hook.name}));
        return Err(Problem::not_ready());
    }
    let wait_s = request.headers().get("prefer").ok().flatten().and_then(|value| wait_seconds(&value));
    let now = WorkerClock.now();
    let delivery = read_delivery(request, hook).await?;
    let verified = verify(hook, delivery, env)?;
    let fresh_id = RunId::new(now, world.random()).to_string();
    let event = Event::parse(verified, &hook.name, hook.verify.scheme, &fresh_id)
        .map_err(|error| Problem::not_parsed(&error))?;
    // An id that the sender states may be logged; one that an expression takes from the body may be anything.
    let logged_id = match hook.delivery_id {
        None => event.delivery.delivery_id.to_string(),
        Some(_) => "from an expression".to_owned(),
    };
    let received = receive(&world, hook, event, now).await.map_err(|error| {
        let fields = json!({"hook": hook.name, "delivery_id": logged_id, "error": error.to_string()});
        WorkerLog.log(Level::Error, "delivery not stored, the sender is asked to try again", fields);
        Problem::not_ready()
    })?;
    tell(hook, &logged_id, &received);
    let (status, outcome, mut runs, pending) = match received {
        Received::Ignored => (200, "ignored", Vec::new(), Vec::new()),
        Received::Accepted(runs) => (202, "accepted", runs.iter().map(RunAnswer::of).collect(), runs),
        Received::Duplicate { runs, healed } => {
            (200, "duplicate", runs.iter().map(RunAnswer::of).collect(), healed)
        }
    };
    let started = start_after_answer(world.clone(), context, pending, now);
    if let Some(wait_s) = wait_s {
        wait_for(started, wait_s).await;
        for run in &mut runs {
            let later = get_run(&world, run.run_id).await.ok().flatten();
            *run = later.map_or_else(|| run.clone(), |later| RunAnswer::with_task(&later));
        }
    }
    let response =
        respond::json(status, &json!({"status": outcome, "runs": runs})).and_then(|mut response| {
            if let Some(wait_s) = wait_s {
                response.headers_mut().set("Preference-Applied", &format!("wait={wait_s}"))?;
            }
            Ok(response)
        });
    Ok(response)
}

/// A run as its sender sees it.
#[derive(Clone, Serialize)]
struct RunAnswer {
    run_id: RunId,
    status: Status,
    status_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<TaskId>,
    /// The stage alone: the expression and the reason are for the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
}

impl RunAnswer {
    fn of(run: &Run) -> Self {
        Self {
            run_id: run.run_id,
            status: run.status,
            status_url: format!("/api/runs/{}", run.run_id),
            task_id: None,
            error: run.error.as_ref().map(|error| json!({"stage": error.stage})),
        }
    }

    fn with_task(run: &Run) -> Self {
        Self { task_id: run.task.as_ref().map(|task| task.id.clone()), ..Self::of(run) }
    }
}

fn find_hook(settings: &Settings, name: String) -> Result<&Hook, Problem> {
    let name = HookName::try_from(name).map_err(|_| Problem::no_such_hook())?;
    match settings.configuration.hooks.get(&name) {
        Some(Ok(hook)) if hook.paused => Err(Problem::paused()),
        Some(Ok(hook)) => Ok(hook),
        // What is wrong was logged when the configuration was read, and is in `GET /api/hooks`.
        Some(Err(_)) => Err(Problem::not_ready()),
        None => Err(Problem::no_such_hook()),
    }
}

async fn read_delivery(mut request: Request, hook: &Hook) -> Result<RawDelivery, Problem> {
    let header = |name: &str| request.headers().get(name).ok().flatten();
    if header("content-encoding").is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(Problem::encoded());
    }
    let bytes_max = hook.body_bytes_max;
    let stated: Option<u64> = header("content-length").and_then(|length| length.parse().ok());
    if stated.is_some_and(|length| length > bytes_max) {
        return Err(Problem::too_large(bytes_max));
    }
    let body = match request.stream() {
        Ok(stream) => read_capped(stream, bytes_max).await.map_err(|error| match error {
            ReadError::TooLarge => Problem::too_large(bytes_max),
            ReadError::Broken(_) => Problem::unreadable_body(),
        })?,
        // A request without a body has no stream.
        Err(_) => Vec::new(),
    };
    let url = request.url().map_err(|_| Problem::no_such_page())?;
    let headers: Vec<(String, String)> = request.headers().entries().collect();
    Ok(RawDelivery::new(headers, url.query().unwrap_or_default(), body, WorkerClock.now()))
}

fn verify(hook: &Hook, delivery: RawDelivery, env: &Env) -> Result<Verified, Problem> {
    let now = WorkerClock.now();
    hook.verify.verify(delivery, |name| secret(env, name), now).map_err(|error| {
        let fields =
            json!({"hook": hook.name, "scheme": hook.verify.scheme.name(), "error": error.to_string()});
        match error {
            VerifyError::NotVerified(_) => {
                WorkerLog.log(Level::Warn, "delivery not verified", fields);
                Problem::not_verified()
            }
            VerifyError::Misconfigured { .. } => {
                WorkerLog.log(Level::Error, "hook closed: its secret cannot be used", fields);
                Problem::not_ready()
            }
        }
    })
}

/// Starts the runs whether or not anybody waits for it: the runtime keeps this going after the answer.
fn start_after_answer(
    world: Cloudflare,
    context: &Context,
    runs: Vec<Run>,
    now: Timestamp,
) -> oneshot::Receiver<()> {
    let (tell, started) = oneshot::channel();
    context.wait_until(async move {
        start_accepted(&world, runs, now).await;
        // Nobody listens where the sender does not wait, or has given up.
        let _ = tell.send(());
    });
    started
}

async fn wait_for(started: oneshot::Receiver<()>, wait_s: u32) {
    select(started, pin!(delay(wait_s * 1_000))).await;
}

/// `wait=N` of a `Prefer` header, at most [`WAIT_MAX_S`].
fn wait_seconds(prefer: &str) -> Option<u32> {
    let preference = prefer.split([',', ';']).map(str::trim).find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().trim_matches('"'))
    })?;
    preference.parse().ok().map(|seconds: u32| seconds.min(WAIT_MAX_S))
}

fn tell(hook: &Hook, delivery_id: &str, received: &Received) {
    let (message, runs): (&str, Vec<RunId>) = match received {
        Received::Ignored => ("delivery ignored", Vec::new()),
        Received::Accepted(runs) => ("delivery accepted", runs.iter().map(|run| run.run_id).collect()),
        Received::Duplicate { runs, .. } => ("delivery known", runs.iter().map(|run| run.run_id).collect()),
    };
    let fields = json!({"hook": hook.name, "delivery_id": delivery_id, "runs": runs});
    WorkerLog.log(Level::Info, message, fields);
}
