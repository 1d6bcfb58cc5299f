//! `/hooks/{hook}`: from a sender's request to its answer. Accepted runs are started after the answer.

use std::pin::pin;
use std::rc::Rc;

use futures_channel::oneshot;
use futures_util::future::select;
use serde_json::json;

use super::certificates::get_certificate;
use super::context::{Context, Handled};
use super::delivery_point::write_point;
use super::handshake::answer_handshake;
use super::heard::note_heard;
use super::problem::Problem;
use super::query::wait_seconds;
use super::rate_limit::count_hook_call;
use super::recent::Seen;
use super::request::Request;
use super::request_body::in_flight::Lease;
use super::request_body::{no_room, read_delivery};
use super::response::Response;
use super::route::require_method;
use super::runtime::Runtime;
use super::schema::{DeliveryAnswer, DeliveryStatus, RunOfDelivery};
use super::secrets::FABRICATE_API_KEY;
use super::status::StatusLinks;
use crate::hook::Hook;
use crate::hook::admission::{Admitted, Rejection};
use crate::hook::delivery::Delivery;
use crate::hook::event::Event;
use crate::log::{self, Line};
use crate::ports::StoreError;
use crate::request::RawRequest;
use crate::run::{Run, RunId};
use crate::service::follow::follow_started;
use crate::service::kept::keep;
use crate::service::receive::{
    Received, STARTED_MAX, Unplanned, plan_delivery, start_accepted, store_delivery,
};
use crate::service::{queries, with_trace};
use crate::timestamp::Timestamp;
use crate::trace_context::TraceContext;
use crate::verify::answer::SenderReply;
use crate::verify::{VerifyContext, VerifyError};

/// How many runs of one delivery a log line names.
const RUNS_LOGGED_MAX: usize = 20;

/// Answers a sender.
///
/// 404 no such hook, 405, 429 over its rate limit; 408, 413, 415 or 503 the body is not read; then what
/// [`Hook::admit`] decides: a handshake's answer, 401 not verified, 403 or 400 a bad handshake, 503 misconfigured; then
/// 503 paused, 400, 413 or 415 not parsed, and the answers of [`accept_event`].
pub(super) async fn receive_webhook<R: Runtime>(
    context: &Context<'_, R>,
    request: Request,
    name: String,
) -> Handled<R> {
    let seen = Seen::of(&request, &name, context.now());
    let (hook, answered) = match context.hook(name) {
        Ok(hook) if hook.has_address() => (Some(hook), answer_sender(context, request, hook, &seen).await),
        Ok(_) => (None, Err(Problem::NoSuchHook)),
        Err(problem) => (None, Err(problem)),
    };
    write_point(context, seen.at, (&seen.hook, hook), &seen.noted, &answered);
    if let Err(problem) = &answered {
        context.isolate.recent.add_refused(&seen, problem);
    }
    answered
}

async fn answer_sender<R: Runtime>(
    context: &Context<'_, R>,
    request: Request,
    hook: &Hook,
    seen: &Seen,
) -> Handled<R> {
    require_method(&request.method, hook.methods())?;
    if let Some(limit) = &hook.rate_limit {
        count_hook_call(context, hook, limit, &request).await?;
    }
    let ports = context.ports()?;
    let wait_s = wait_seconds(&request);
    let links = StatusLinks::of(context, hook, &request.url);
    let (delivery, lease) = read_delivery(context, request, hook.body_bytes_max).await?;
    seen.noted.read(delivery.body.len());
    let verified = match admit(context, hook, delivery, seen).await? {
        Admitted::Handshake(reply) => return Box::pin(answer_handshake(context, &ports, hook, reply)).await,
        Admitted::Delivery(verified) => verified,
    };
    note_heard(context, &ports, hook);
    if hook.paused {
        return Err(Problem::Paused);
    }
    let reply = hook.answer_to(verified.delivery());
    let event = Event::parse(verified, hook, &context.fresh_id())?;
    accept_event(context, ports, NewEvent { hook, event, lease, wait_s, reply, links, seen: Some(seen) })
        .await
}

/// Verifies a request, with the certificate that this may need.
async fn admit<R: Runtime>(
    context: &Context<'_, R>,
    hook: &Hook,
    delivery: RawRequest,
    seen: &Seen,
) -> Result<Admitted, Problem> {
    let rejected = |error: &Rejection| {
        let reason = match error {
            Rejection::Verify(error) => context.explained(error.clone()).to_string(),
            _ => error.to_string(),
        };
        seen.because(&reason);
        let fields = json!({"hook": hook.name, "scheme": hook.verify.scheme, "error": reason});
        match error {
            Rejection::Verify(VerifyError::Misconfigured { .. }) => {
                context.log(log::HOOK_CLOSED, fields);
            }
            _ => context.log(log::DELIVERY_NOT_VERIFIED, fields),
        }
        Problem::from(error)
    };
    let address = hook.verify.certificate_url(&delivery).map_err(|error| rejected(&error.into()))?;
    let certificate = match &address {
        Some(address) => Box::pin(get_certificate(context, address)).await?,
        None => None,
    };
    let secret = |name: &str| context.secret(name);
    let (certificate, crypto) = (certificate.as_deref(), context.runtime.crypto());
    let context = VerifyContext { secret: &secret, certificate, crypto, now: context.now() };
    hook.admit(delivery, &context).await.map_err(|error| rejected(&error))
}

/// An event that its sender, or the operator, sent to a hook.
pub(super) struct NewEvent<'h> {
    pub(super) hook: &'h Hook,
    pub(super) event: Event,
    /// The memory of the request. It is released once the event's runs are started.
    pub(super) lease: Lease,
    /// How long the caller waits for the runs to start, seconds.
    pub(super) wait_s: Option<u32>,
    /// The answer that the hook states instead of the runs.
    pub(super) reply: Option<SenderReply>,
    /// The links to runs that the hook gives out.
    pub(super) links: Option<StatusLinks>,
    /// The request of a sender; `None`: the operator sent the event.
    pub(super) seen: Option<&'h Seen>,
}

/// Accepts an event, and answers with what became of it.
///
/// 202 accepted, or retried because its hook wants that; 200 ignored, or a duplicate; 413 too many runs; 503 the
/// memory is used up, a store fails or the Fabricate key is not set.
pub(super) async fn accept_event<R: Runtime>(
    context: &Context<'_, R>,
    ports: Rc<R::Ports>,
    new: NewEvent<'_>,
) -> Handled<R> {
    let NewEvent { hook, event, mut lease, wait_s, reply, links, seen } = new;
    if context.secret(FABRICATE_API_KEY).is_none() {
        context.log(log::API_KEY_NOT_SET, json!({"hook": hook.name}));
        return Err(Problem::NotReady);
    }
    // The event's sender is verified; the log has no header of any other.
    let trace = TraceContext::of_headers(&event.delivery.headers);
    let now = context.now();
    let received = match plan_delivery(&*ports, hook, event, now) {
        Ok(planned) => {
            lease.hold_more(planned.params_bytes()).map_err(|error| no_room(context, error))?;
            let stored = store_delivery(&*ports, hook, planned, now).await;
            stored.map_err(|error| delivery_not_stored(context, hook, &error, trace))?
        }
        Err(Unplanned::TooMany(runs_max)) => {
            let fields = json!({"hook": hook.name, "runs": []});
            context.log(log::DELIVERY_TOO_MANY, with_trace(fields, trace));
            return Err(Problem::TooManyRuns(runs_max));
        }
        Err(Unplanned::Ignored(delivery)) => {
            let fields = json!({"hook": hook.name, "runs": []});
            context.log(log::DELIVERY_IGNORED, with_trace(fields, trace));
            note_ignored(context, &ports, hook, *delivery, seen).await?;
            let answer = DeliveryAnswer { status: DeliveryStatus::Ignored, runs: Vec::new() };
            return reply_with(context, 200, &answer, reply, wait_s);
        }
    };
    log_received(context, hook, &received, trace);
    let (status, outcome, runs, mut to_start) = match received {
        Received::Accepted { runs, to_start } => (202, DeliveryStatus::Accepted, runs, to_start),
        Received::Duplicate { runs, to_start, retried: 0 } => {
            (200, DeliveryStatus::Duplicate, runs, to_start)
        }
        Received::Duplicate { runs, to_start, .. } => (202, DeliveryStatus::Retried, runs, to_start),
    };
    if let Some(seen) = seen {
        seen.noted.became(outcome);
    }
    let mut answer = DeliveryAnswer { status: outcome, runs: runs.iter().map(RunOfDelivery::of).collect() };
    drop(runs);
    to_start.truncate(STARTED_MAX);
    // The body is freed. What the runs still to be started take stays counted until they are; without room for them, the
    // next sweep starts them.
    if lease.hold(to_start.iter().map(Run::params_bytes).sum()).is_err() {
        to_start.clear();
    }
    let started = start_after_answer(context, &ports, to_start, now, Some(lease));
    if let Some(wait_s) = wait_s {
        select(started, pin!(context.runtime.sleep_ms(wait_s * 1_000))).await;
        for run in &mut answer.runs {
            // Without a newer record, the run is shown as it was accepted.
            if let Ok(Some(later)) = queries::get_run(&*ports, run.run_id).await {
                *run = RunOfDelivery::with_task(&later);
            }
        }
    }
    if let Some(links) = links {
        for run in &mut answer.runs {
            if let Some(url) = links.url(run.run_id, now) {
                run.status_url = url;
            }
        }
    }
    reply_with(context, status, &answer, reply, wait_s)
}

/// Keeps an ignored delivery of a sender where its hook wants that, and lists it.
///
/// 503 a store fails.
async fn note_ignored<R: Runtime>(
    context: &Context<'_, R>,
    ports: &R::Ports,
    hook: &Hook,
    delivery: Delivery,
    seen: Option<&Seen>,
) -> Result<(), Problem> {
    let Some(seen) = seen else { return Ok(()) };
    seen.noted.became(DeliveryStatus::Ignored);
    let delivery_id = delivery.delivery_id.clone();
    let kept = if hook.keeps_ignored { Some(Box::pin(keep(ports, delivery)).await) } else { None };
    let kept = kept.transpose().map_err(|error| {
        context.log(log::IGNORED_NOT_KEPT, json!({"hook": hook.name, "error": error.to_string()}));
        Problem::NotReady
    })?;
    context.isolate.recent.add_ignored(seen, &delivery_id, kept);
    Ok(())
}

/// The answer to an event: what its hook states, or else the runs.
fn reply_with<R: Runtime>(
    context: &Context<'_, R>,
    status: u16,
    answer: &DeliveryAnswer,
    reply: Option<SenderReply>,
    wait_s: Option<u32>,
) -> Handled<R> {
    let mut response = match reply {
        Some(reply) => Response::of_reply(reply.for_delivery(context.json_text(answer)?)),
        None => context.json(status, answer)?,
    };
    if let Some(wait_s) = wait_s {
        response.set("Preference-Applied", format!("wait={wait_s}"));
    }
    Ok(response)
}

/// Starts runs and follows them, whether or not anyone waits for it: the runtime keeps this going after the answer. The
/// receiver ends with the starts.
pub(super) fn start_after_answer<R: Runtime>(
    context: &Context<'_, R>,
    ports: &Rc<R::Ports>,
    runs: Vec<Run>,
    now: Timestamp,
    lease: Option<Lease>,
) -> oneshot::Receiver<()> {
    let (sender, started) = oneshot::channel();
    if runs.is_empty() {
        // Without its sender, the receiver ends at once.
        return started;
    }
    let ports = Rc::clone(ports);
    context.runtime.wait_until(async move {
        let started = start_accepted(&*ports, runs, now).await;
        drop(lease);
        // The receiver is gone where the caller does not wait.
        let _ = sender.send(());
        follow_started(&*ports, started).await;
    });
    started
}

fn delivery_not_stored<R: Runtime>(
    context: &Context<'_, R>,
    hook: &Hook,
    error: &StoreError,
    trace: Option<TraceContext>,
) -> Problem {
    let fields = json!({"hook": hook.name, "error": error.to_string()});
    context.log(log::DELIVERY_NOT_STORED, with_trace(fields, trace));
    Problem::NotReady
}

/// Logs what became of a delivery, without its id: that may come from the body. Its runs have it.
fn log_received<R: Runtime>(
    context: &Context<'_, R>,
    hook: &Hook,
    received: &Received,
    trace: Option<TraceContext>,
) {
    let ids = |runs: &[Run]| runs.iter().take(RUNS_LOGGED_MAX).map(|run| run.run_id).collect();
    let (line, runs): (Line, Vec<RunId>) = match received {
        Received::Accepted { runs, .. } => (log::DELIVERY_ACCEPTED, ids(runs)),
        Received::Duplicate { runs, retried: 0, .. } => (log::DELIVERY_DUPLICATE, ids(runs)),
        Received::Duplicate { runs, .. } => (log::DELIVERY_RETRIED, ids(runs)),
    };
    context.log(line, with_trace(json!({"hook": hook.name, "runs": runs}), trace));
}
