//! `GET /health`: whether the Worker does its work. Anyone learns whether it does, a caller with a token also what is wrong.

use std::cell::RefCell;

use serde_json::json;

use super::access::token_of;
use super::caller::Caller;
use super::context::{Context, Handled};
use super::problem::{Problem, RETRY_AFTER_S};
use super::request::Request;
use super::runtime::Runtime;
use super::schema::{Health, HealthProblem, HealthStatus, HealthSweeps};
use crate::log;
use crate::service::health::of_configuration;
use crate::service::heartbeat::{Pulse, SweepState, pulse, refusals};
use crate::timestamp::{SECOND_MS, Timestamp};

/// How long an isolate answers from what it read of R2, milliseconds: so a flood of calls costs nothing.
const READ_FOR_MS: i64 = 30 * SECOND_MS;

/// The longest time between two calls, milliseconds, over which [`SweepState::Awaited`] counts as one: a sweep between them has
/// written a heartbeat, which is not older than that.
const AWAITED_GAP_MS: i64 = 15 * 60 * SECOND_MS;

/// What an isolate last read.
#[derive(Debug, Default)]
pub(super) struct LastPulse(RefCell<Option<Read>>);

#[derive(Debug, Clone)]
struct Read {
    at: Timestamp,
    /// `None`: R2 failed.
    pulse: Option<Pulse>,
    /// Since when a sweep is awaited, call after call.
    awaited_since: Option<Timestamp>,
}

/// Whether the Worker has what it needs, its sweeps go on, and Fabricate accepts its key. Two objects of R2 are read at most, and
/// only every 30 s.
///
/// 200; 503 something is wrong.
pub(super) async fn health<R: Runtime>(context: &Context<'_, R>, request: &Request) -> Handled<R> {
    let is_known = may_see(context, request).await;
    let read = read(context).await;
    let problems = problems(context, read.as_ref());
    let status = if problems.is_empty() { HealthStatus::Ok } else { HealthStatus::Unhealthy };
    if !is_known {
        return match status {
            HealthStatus::Ok => {
                context.json(200, &Health { status, version: None, problems: None, sweeps: None })
            }
            HealthStatus::Unhealthy => Err(Problem::NotReady),
        };
    }
    let heartbeat = read.and_then(|read| read.pulse).and_then(|pulse| pulse.heartbeat);
    let sweeps = HealthSweeps {
        last_at: heartbeat.as_ref().map(|heartbeat| heartbeat.at).filter(|at| at.as_millis() > 0),
        open: heartbeat.map(|heartbeat| heartbeat.open),
    };
    let version = Some(env!("CARGO_PKG_VERSION"));
    let health = Health { status, version, problems: Some(problems), sweeps: Some(sweeps) };
    match status {
        HealthStatus::Ok => context.json(200, &health),
        HealthStatus::Unhealthy => {
            Ok(context.json(503, &health)?.with("Retry-After", RETRY_AFTER_S.to_string()))
        }
    }
}

/// Whether the caller may see what is wrong. A wrong token is counted as everywhere, and is then as none.
async fn may_see<R: Runtime>(context: &Context<'_, R>, request: &Request) -> bool {
    let offers = request.header("authorization").is_some()
        || (context.isolate.configuration.access.is_some() && token_of(request).is_some());
    offers && Box::pin(Caller::authenticate(context, request)).await.is_ok()
}

/// What R2 says, or said a moment ago. `None`: a binding is missing.
async fn read<R: Runtime>(context: &Context<'_, R>) -> Option<Read> {
    let ports = context.runtime.ports()?;
    let now = context.now();
    let last = context.isolate.pulse.0.borrow().clone();
    if let Some(last) = last.as_ref().filter(|last| (0..READ_FOR_MS).contains(&now.since_ms(last.at))) {
        return Some(last.clone());
    }
    let pulse = pulse(&*ports, now).await;
    let pulse = pulse.map_err(|error| context.log(log::STORE_FAILED, json!({"error": error.to_string()})));
    let pulse = pulse.ok();
    let is_awaited = pulse.as_ref().is_some_and(|pulse| pulse.state == SweepState::Awaited);
    let before = last.filter(|last| now.since_ms(last.at) <= AWAITED_GAP_MS);
    let awaited_since = is_awaited.then(|| before.and_then(|before| before.awaited_since).unwrap_or(now));
    let read = Read { at: now, pulse, awaited_since };
    context.isolate.pulse.0.replace(Some(read.clone()));
    Some(read)
}

/// Everything that is wrong.
fn problems<R: Runtime>(context: &Context<'_, R>, read: Option<&Read>) -> Vec<HealthProblem> {
    let configuration = &context.isolate.configuration;
    let mut problems = of_configuration(configuration, &|name| context.usable_secret(name));
    let (Some(read), Some(ports)) = (read, context.runtime.ports()) else {
        // Without a usable `FABRICATE_URL` it is not known, and the mistake is above.
        problems.extend(configuration.fabricate.as_ref().map(|_| HealthProblem::no_binding()));
        return problems;
    };
    let Some(pulse) = &read.pulse else {
        problems.push(HealthProblem::store_failed());
        return problems;
    };
    let refusals = refusals(&*ports, pulse.heartbeat.as_ref(), context.now());
    problems.extend(refusals.into_iter().map(HealthProblem::refused));
    problems.extend(HealthProblem::no_sweep(pulse, read.awaited_since.map(|since| read.at.since_ms(since))));
    problems
}
