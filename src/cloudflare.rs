//! The edge: the only code that knows Cloudflare. Events arrive here, ports are implemented below, and nothing is
//! decided.

mod analytics;
mod body;
mod clock;
mod executor;
mod http;
mod http_fabricate;
mod http_targets;
mod io;
mod kv_runs;
mod outbound;
mod platform_errors;
mod queue;
mod r2_alerts;
mod r2_downloads;
mod r2_files;
mod r2_handshakes;
mod r2_heartbeat;
mod r2_idle;
mod r2_inbox;
mod r2_recent;
mod r2_schedules;
mod r2_turns;
mod r2_uploads;
mod settings;
mod slots;
mod status_body;
mod storage;
pub(crate) mod web_crypto;
mod world;

use std::cell::Cell;

use js_sys::Promise;
use serde_json::json;
use wasm_bindgen::prelude::*;
use worker::Env;

use crate::http::handle;
use crate::http::request::Body;
use crate::log;
use crate::ports::{Clock, Log, Queue};
use crate::run::Tick;
use crate::service::alerts::watch;
use crate::service::reconcile::reconcile;
use crate::service::schedule::run_scheduled;
use crate::service::sweep::{enqueue_due, sweep};
use crate::timestamp::{HOUR_MS, MINUTE_MS, Timestamp};
use analytics::Points;
use clock::{WorkerClock, WorkerLog};
use http::{BodyOfEntry, Invocation};
use settings::settings;

/// A request: from a sender, the operator, or anyone. `entry.js` calls it with the head of the request
/// ([`http::read_request`]) and its body: the bytes, or what they are read from. It returns a `Response`, or a promise of one.
#[wasm_bindgen]
#[expect(unreachable_pub, reason = "wasm-bindgen exports public functions")]
pub fn receive(
    env: Env,
    context: &JsValue,
    head: &str,
    whole: Option<Vec<u8>>,
    arriving: Option<io::Arriving>,
) -> JsValue {
    let body = match arriving {
        Some(arriving) => Body::Arriving(Box::new(BodyOfEntry(arriving))),
        None => Body::Whole(whole.unwrap_or_default()),
    };
    let settings = settings(&env);
    let request = http::read_request(head, body);
    let points = Points::of_invocation(&env);
    let invocation = Invocation { env, context: context.clone(), settings, points };
    let answer = async move {
        match request {
            Ok(request) => handle(&invocation.settings.isolate, &invocation, request).await,
            Err(problem) => problem.into_response(),
        }
    };
    http::answer(answer, context)
}

thread_local! {
    /// When this isolate last swept; another isolate may have swept since.
    static LAST_SWEEP: Cell<Option<Timestamp>> = const { Cell::new(None) };
}

/// The cron trigger: a sweep, and the reconcile pass in the first sweep of each hour. Where `SWEEP_QUEUE` is bound, the
/// sweep hands its runs on ([`queue`]).
///
/// `cron` is its schedule, `due_ms` the cron's own time, so that a sweep that comes late counts as when it was due.
#[wasm_bindgen]
#[expect(unreachable_pub, reason = "wasm-bindgen exports public functions")]
pub fn scheduled(env: Env, cron: &str, due_ms: f64) -> Promise {
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 fit for 290 million years")]
    let due = Timestamp::from_millis(due_ms as i64);
    let period_ms = period_ms(cron);
    http::spawn(async move { sweep_due(&env, due, period_ms).await })
}

async fn sweep_due(env: &Env, now: Timestamp, period_ms: i64) {
    let settings = settings(env);
    let points = Points::of_invocation(env);
    let Some(world) = world::of_invocation(env, &settings, &points) else { return };
    let last = LAST_SWEEP.replace(Some(now)).filter(|last| *last < now);
    let before = now.plus_ms(-period_ms);
    let tick = Tick { now, since: last.unwrap_or(before) };
    let requests = settings.isolate.configuration.sweep_requests;
    let began = WorkerClock.now();
    let first_of_the_hour = now.as_millis() / HOUR_MS != tick.since.as_millis() / HOUR_MS;
    // First, because a sweep may take all the time there is. It starts something only after a loss.
    let left = if first_of_the_hour { reconcile(&*world, tick, requests).await } else { requests };
    // Whether or not anything is open: the hint that spares a sweep its list is not asked.
    let left = run_scheduled(&*world, &settings.isolate.configuration, tick, left).await;
    // Not by `since`: of many isolates, each would list once an hour.
    let hourly = now.as_millis() / HOUR_MS != before.as_millis() / HOUR_MS;
    let swept = if world.has_queue() {
        enqueue_due(&*world, tick, left, hourly).await
    } else {
        sweep(&*world, tick, left, hourly).await
    };
    let took_ms = WorkerClock.now().since_ms(began);
    let fields = json!({"open": swept.open, "looked_at": swept.looked_at, "moved": swept.moved,
        "failed": swept.failed, "unreadable": swept.unreadable, "left": swept.left, "enqueued": swept.enqueued,
        "took_ms": took_ms});
    WorkerLog.log(log::SWEEP_FINISHED, fields);
    watch(&*world, &settings.isolate.configuration, tick, swept.requests_left).await;
    // Also those of hooks that nobody calls. After the sweep, because reading every hook takes CPU time.
    if last.is_none() {
        settings.isolate.log_hook_mistakes(&WorkerLog);
        let exposure = settings.isolate.exposure().get();
        settings.isolate.log_example_secrets(exposure, &WorkerLog, |name| world::secret(env, name));
    }
}

/// How often a cron fires that says `*` or `*/n` minutes; an hour for any other, which only makes a sweep do more.
fn period_ms(cron: &str) -> i64 {
    let minutes = cron.split_whitespace().next().unwrap_or_default();
    let step = if minutes == "*" { Some(1) } else { minutes.strip_prefix("*/").and_then(|n| n.parse().ok()) };
    step.unwrap_or(60).clamp(1, 60) * MINUTE_MS
}
