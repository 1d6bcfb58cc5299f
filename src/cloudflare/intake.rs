//! `POST /hooks/{hook}`: from a sender's request to its answer. Starting what was accepted comes after the answer.

use std::pin::pin;

use futures_channel::oneshot;
use futures_util::future::select;
use serde::Serialize;
use serde_json::{Value, json};
use worker::{Context, Env, Request, Response};

use super::clock::{WorkerClock, WorkerLog};
use super::http_fabricate::delay;
use super::request_body::{self, read_body};
use super::respond::{self, Problem};
use super::route::allow;
use super::settings::{Settings, secret};
use super::{Cloudflare, certificates, handshake, rate_limit};
use crate::fabricate::TaskId;
use crate::hook::admission::{Admitted, Rejection};
use crate::hook::event::Event;
use crate::hook::{Hook, HookName};
use crate::ports::{Clock, Level, Log};
use crate::request::RawRequest;
use crate::run::{Run, RunId, Status};
use crate::service::in_flight::Lease;
use crate::service::look::get_run;
use crate::service::receive::{Received, STARTED_MAX, plan_delivery, start_accepted, store_delivery};
use crate::timestamp::Timestamp;
use crate::verify::answer::SenderReply;
use crate::verify::{VerifyContext, VerifyError};

/// How many runs of one delivery a log line names.
const RUNS_TOLD_MAX: usize = 20;

/// The longest that `Prefer: wait=N` (RFC 7240) may ask for, seconds.
const WAIT_MAX_S: u32 = 25;

/// Answers a sender.
///
/// 404 no such hook, 405, 429 over its rate, 408, 413, 415 or 503 the body is not read ([`read_body`]), then what the
/// hook's door says ([`Hook::admit`]): a handshake's answer, 401 not verified, 403 or 400 a bad handshake, 503
/// misconfigured; then 503 paused, 400, 413 or 415 not parsed, and what [`plan_delivery`] and [`store_delivery`] say: 200
/// ignored, 202 accepted, 200 duplicate, 202 retried, 413 too many runs, 503 when a store fails.
pub(super) async fn intake(
    request: Request,
    env: &Env,
    context: &Context,
    settings: &Settings,
    name: String,
) -> Result<worker::Result<Response>, Problem> {
    let hook = find_hook(settings, name)?;
    allow(&request.inner().method(), hook.methods())?;
    if let Some(limit) = &hook.rate_limit {
        rate_limit::check(env, hook, limit, &request).await?;
    }
    let world = Cloudflare::new(env, settings)?;
    let wait_s = wait_of(&request);
    let (delivery, lease) = read_delivery(request, hook.body_bytes_max).await?;
    let verified = match admit(&world, env, hook, delivery).await? {
        Admitted::Handshake(reply) => return handshake::answer(&world, hook, reply).await,
        Admitted::Delivery(verified) => verified,
    };
    if hook.paused {
        return Err(Problem::paused());
    }
    let answer = hook.answer_to(verified.delivery());
    let event = Event::parse(verified, hook, &fresh_id()).map_err(|error| Problem::not_parsed(&error))?;
    accept(world, context, hook, event, lease, wait_s, answer).await
}

/// Takes in an event, and says what became of it; `answer` is what its sender wants to hear instead. The request's lease
/// ends once its runs are started.
pub(super) async fn accept(
    world: Cloudflare,
    context: &Context,
    hook: &Hook,
    event: Event,
    mut lease: Lease,
    wait_s: Option<u32>,
    answer: Option<SenderReply>,
) -> Result<worker::Result<Response>, Problem> {
    if world.key.is_none() {
        WorkerLog.log(Level::Error, "FABRICATE_API_KEY is not set", json!({"hook": hook.name}));
        return Err(Problem::not_ready());
    }
    let now = WorkerClock.now();
    let received = match plan_delivery(&world, hook, event, now) {
        Ok(planned) => {
            lease.hold_more(planned.params_bytes()).map_err(request_body::full)?;
            let stored = store_delivery(&world, hook, planned, now).await;
            stored.map_err(|error| {
                let fields = json!({"hook": hook.name, "error": error.to_string()});
                WorkerLog.log(Level::Error, "delivery not stored, the sender is asked to try again", fields);
                Problem::not_ready()
            })?
        }
        Err(unplanned) => unplanned,
    };
    tell(hook, &received);
    let (status, outcome, mut runs, mut pending) = match received {
        Received::Ignored => (200, "ignored", Vec::new(), Vec::new()),
        Received::TooMany(runs_max) => return Err(Problem::too_many_runs(runs_max)),
        Received::Accepted { runs, to_start } => {
            (202, "accepted", runs.iter().map(RunAnswer::of).collect(), to_start)
        }
        Received::Duplicate { runs, to_start, retried } => {
            let (status, outcome) = if retried > 0 { (202, "retried") } else { (200, "duplicate") };
            (status, outcome, runs.iter().map(RunAnswer::of).collect(), to_start)
        }
    };
    pending.truncate(STARTED_MAX);
    // The body is gone. What the runs still to be started take stays counted until they are; without room for them, the
    // next sweep starts them.
    if lease.hold(pending.iter().map(Run::params_bytes).sum()).is_err() {
        pending.clear();
    }
    let started = start_after_answer(world.clone(), context, pending, now, Some(lease));
    if let Some(wait_s) = wait_s {
        wait_for(started, wait_s).await;
        for run in &mut runs {
            let later = get_run(&world, run.run_id).await.ok().flatten();
            *run = later.map_or_else(|| run.clone(), |later| RunAnswer::with_task(&later));
        }
    }
    let said = json!({"status": outcome, "runs": runs});
    let response = match answer {
        Some(reply) => respond::reply(&reply.for_delivery(&said)),
        None => respond::json(status, &said),
    };
    Ok(response.and_then(|mut response| {
        if let Some(wait_s) = wait_s {
            response.headers_mut().set("Preference-Applied", &format!("wait={wait_s}"))?;
        }
        Ok(response)
    }))
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

/// A hook without mistakes.
pub(super) fn find_hook(settings: &Settings, name: String) -> Result<&Hook, Problem> {
    let name = HookName::try_from(name).map_err(|_| Problem::no_such_hook())?;
    match settings.configuration.hooks.get(&name) {
        Some(Ok(hook)) => Ok(hook),
        // What is wrong was logged when the configuration was read, and is in `GET /api/hooks`.
        Some(Err(_)) => Err(Problem::not_ready()),
        None => Err(Problem::no_such_hook()),
    }
}

/// Reads a request with a body of at most `bytes_max` bytes. The lease counts the memory of the body and of what is made
/// of it, until it is dropped.
pub(super) async fn read_delivery(
    mut request: Request,
    bytes_max: u64,
) -> Result<(RawRequest, Lease), Problem> {
    let (body, lease) = read_body(&mut request, bytes_max).await?;
    let (method, url) = (request.inner().method(), request.inner().url());
    let headers: Vec<(String, String)> = request.headers().entries().collect();
    Ok((RawRequest::new(&method, &url, headers, body, WorkerClock.now()), lease))
}

/// Lets a request through the hook's door, with the certificate that it may need.
async fn admit(
    world: &Cloudflare,
    env: &Env,
    hook: &Hook,
    delivery: RawRequest,
) -> Result<Admitted, Problem> {
    let refused = |error: &Rejection| {
        let fields = json!({"hook": hook.name, "scheme": hook.verify.scheme, "error": error.to_string()});
        match error {
            Rejection::Verify(VerifyError::Misconfigured { .. }) => {
                WorkerLog.log(Level::Error, "hook closed: its secret cannot be used", fields);
            }
            _ => WorkerLog.log(Level::Warn, "delivery not verified", fields),
        }
        Problem::rejected(error)
    };
    let address = hook.verify.certificate_url(&delivery).map_err(|error| refused(&error.into()))?;
    let certificate = match &address {
        Some(address) => certificates::get(world, address).await?,
        None => None,
    };
    let secret = |name: &str| secret(env, name);
    let context =
        VerifyContext { secret: &secret, certificate: certificate.as_deref(), now: WorkerClock.now() };
    hook.admit(delivery, &context).map_err(|error| refused(&error))
}

/// An id for an event that nobody names.
pub(super) fn fresh_id() -> String {
    RunId::new(WorkerClock.now(), WorkerClock.random()).to_string()
}

/// Starts the runs whether or not anybody waits for it: the runtime keeps this going after the answer.
pub(super) fn start_after_answer(
    world: Cloudflare,
    context: &Context,
    runs: Vec<Run>,
    now: Timestamp,
    lease: Option<Lease>,
) -> oneshot::Receiver<()> {
    let (tell, started) = oneshot::channel();
    context.wait_until(async move {
        start_accepted(&world, runs, now).await;
        drop(lease);
        // Nobody listens where the sender does not wait, or has given up.
        let _ = tell.send(());
    });
    started
}

async fn wait_for(started: oneshot::Receiver<()>, wait_s: u32) {
    select(started, pin!(delay(wait_s * 1_000))).await;
}

/// How long the caller would wait for the start, seconds.
pub(super) fn wait_of(request: &Request) -> Option<u32> {
    request.headers().get("prefer").ok().flatten().and_then(|value| wait_seconds(&value))
}

/// `wait=N` of a `Prefer` header, at most [`WAIT_MAX_S`].
fn wait_seconds(prefer: &str) -> Option<u32> {
    let preference = prefer.split([',', ';']).map(str::trim).find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().trim_matches('"'))
    })?;
    preference.parse().ok().map(|seconds: u32| seconds.min(WAIT_MAX_S))
}

/// A delivery's id is not told: it may come from the body. Its runs have it.
fn tell(hook: &Hook, received: &Received) {
    let ids = |runs: &[Run]| runs.iter().take(RUNS_TOLD_MAX).map(|run| run.run_id).collect();
    let (message, runs): (&str, Vec<RunId>) = match received {
        Received::Ignored => ("delivery ignored", Vec::new()),
        Received::TooMany(_) => ("delivery rejected: more than 500 items or runs", Vec::new()),
        Received::Accepted { runs, .. } => ("delivery accepted", ids(runs)),
        Received::Duplicate { runs, retried: 0, .. } => ("delivery is a duplicate", ids(runs)),
        Received::Duplicate { runs, .. } => {
            ("delivery is a duplicate: its failed runs are retried", ids(runs))
        }
    };
    WorkerLog.log(Level::Info, message, json!({"hook": hook.name, "runs": runs}));
}
