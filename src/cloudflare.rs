//! The edge: the only code that knows Cloudflare. Events arrive here, ports are implemented below, and nothing is
//! decided.

mod body;
mod clock;
mod http;
mod http_fabricate;
mod kv_put;
mod kv_runs;
mod platform_errors;
mod queue;
mod r2_downloads;
mod r2_files;
mod r2_handshakes;
mod r2_idle;
mod r2_inbox;
mod r2_uploads;
mod settings;
mod status_body;
mod stream;
mod world;

use std::cell::Cell;

use serde_json::json;
use worker::{Context, Env, Request, Response, ScheduleContext, ScheduledEvent, event};

use crate::http::handle;
use crate::log;
use crate::ports::{Clock, Log, Queue};
use crate::run::Tick;
use crate::service::reconcile::reconcile;
use crate::service::sweep::{enqueue_due, sweep};
use crate::timestamp::{HOUR_MS, MINUTE_MS, Timestamp};
use clock::{WorkerClock, WorkerLog};
use http::Invocation;
use settings::settings;
use world::Cloudflare;

/// A request: from a sender, the operator, or anyone.
#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> worker::Result<Response> {
    let settings = settings(&env);
    let invocation = Invocation { env: &env, context: &context, settings: &settings };
    http::send(match http::read_request(request) {
        Ok(request) => handle(&settings.isolate, &invocation, request).await,
        Err(problem) => problem.into_response(),
    })
}

thread_local! {
    /// When this isolate last swept; another isolate may have swept since.
    static LAST_SWEEP: Cell<Option<Timestamp>> = const { Cell::new(None) };
}

/// The cron trigger: a sweep, and the reconcile pass in the first sweep of each hour. Where `SWEEP_QUEUE` is bound, the
/// sweep hands its runs on ([`queue`]).
#[event(scheduled)]
async fn scheduled(event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    let settings = settings(&env);
    let Some(world) = Cloudflare::new(&env, &settings) else { return };
    // The cron's own time, so that a sweep that comes late counts as when it was due.
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 fit for 290 million years")]
    let now = Timestamp::from_millis(event.schedule() as i64);
    let last = LAST_SWEEP.replace(Some(now)).filter(|last| *last < now);
    let before = now.plus_ms(-period_ms(&event.cron()));
    let tick = Tick { now, since: last.unwrap_or(before) };
    let requests = settings.isolate.configuration.sweep_requests;
    let began = WorkerClock.now();
    let first_of_the_hour = now.as_millis() / HOUR_MS != tick.since.as_millis() / HOUR_MS;
    // First, because a sweep may take all the time there is. It starts something only after a loss.
    let left = if first_of_the_hour { reconcile(&world, tick, requests).await } else { requests };
    // Not by `since`: of many isolates, each would list once an hour.
    let hourly = now.as_millis() / HOUR_MS != before.as_millis() / HOUR_MS;
    let swept = if world.has_queue() {
        enqueue_due(&world, tick, left, hourly).await
    } else {
        sweep(&world, tick, left, hourly).await
    };
    let took_ms = WorkerClock.now().since_ms(began);
    let fields = json!({"open": swept.open, "looked_at": swept.looked_at, "moved": swept.moved,
        "failed": swept.failed, "unreadable": swept.unreadable, "left": swept.left, "enqueued": swept.enqueued,
        "took_ms": took_ms});
    WorkerLog.log(log::SWEEP_FINISHED, fields);
}

/// How often a cron fires that says `*` or `*/n` minutes; an hour for any other, which only makes a sweep do more.
fn period_ms(cron: &str) -> i64 {
    let minutes = cron.split_whitespace().next().unwrap_or_default();
    let step = if minutes == "*" { Some(1) } else { minutes.strip_prefix("*/").and_then(|n| n.parse().ok()) };
    step.unwrap_or(60).clamp(1, 60) * MINUTE_MS
}
