//! The use cases over the ports: preview and receive a delivery, advance a run, sweep, reconcile, query; and the operator's
//! decisions.
//!
//! Nothing here knows Cloudflare or HTTP. Only [`advance`] moves a run, and only `close` ends one.
//!
//! Rare or large futures are boxed (`Box::pin`): a future is as large as the largest one that it may wait for, and is
//! moved whole before it begins. A sweep that finds nothing due should not carry the copying of a file along.

pub mod abandon_many;
mod accept;
pub mod advance;
pub mod alerts;
mod archive;
mod at_once;
mod batch;
mod budget;
mod close;
mod create_once;
pub mod explain;
pub mod follow;
pub mod health;
pub mod heartbeat;
mod idle;
mod journals;
pub mod kept;
mod kv_records;
pub mod many;
pub mod notify;
pub mod operator;
mod origin;
pub mod overview;
pub mod plan;
pub mod preview;
pub mod queries;
pub mod receive;
pub mod reconcile;
mod redelivery;
pub mod retry;
pub mod retry_many;
mod run_state;
pub mod schedule;
pub mod sweep;
pub mod timeline;
mod turns;

use serde_json::{Value, json};

use crate::fabricate::{Health, KeyAnswer};
use crate::log::{self, Line};
use crate::ports::{Clock, Fabricate, Log};
use crate::run::Run;
use crate::trace_context::TraceContext;

pub use budget::Budget;

/// A random name for one attempt to write, so that its author recognises the record after a lost answer.
fn author(world: &impl Clock) -> String {
    base16ct::lower::encode_string(&world.random())
}

/// Logs that something happened to a run.
fn log_run(world: &impl Log, line: Line, run: &Run) {
    world.log(line, log_fields(run));
}

/// What the log says of a run: ids and states alone. What Fabricate says may quote a parameter's value, and what a
/// failed mapping says may quote the event.
fn log_fields(run: &Run) -> Value {
    let fields = json!({
        "run_id": run.run_id, "hook": run.hook, "status": run.status, "attempts": run.attempts,
        "task_id": run.task.as_ref().map(|task| &task.id),
        "stage": run.error.as_ref().map(|error| error.stage),
        "error": run.error.as_ref().and_then(|error| error.http_status).map(http_text),
    });
    with_trace(with_reason(fields, run), run.trace)
}

/// The fields of a log line with the run to which this one gave way, if it did.
fn with_reason(mut fields: Value, run: &Run) -> Value {
    for (name, other) in [("replaced_by", run.replaced_by), ("skipped_for", run.skipped_for)] {
        if let (Some(other), Some(fields)) = (other, fields.as_object_mut()) {
            fields.insert(name.to_owned(), json!(other));
        }
    }
    fields
}

/// The fields of a log line with the trace's id, where there is a trace. Only a verified sender's trace gets here.
pub(crate) fn with_trace(mut fields: Value, trace: Option<TraceContext>) -> Value {
    if let (Some(trace), Some(fields)) = (trace, fields.as_object_mut()) {
        fields.insert("trace_id".to_owned(), trace.trace_id().into());
    }
    fields
}

/// An HTTP status as the log shows it.
fn http_text(status: u16) -> String {
    format!("HTTP {status}")
}

/// Records an answer of Fabricate in the circuit breaker, and logs when that opens it.
fn record_health<W: Fabricate + Clock + Log>(world: &W, health: Health) {
    if world.breaker().record_outcome(health, world.now()) {
        world.log(log::FABRICATE_FAILING, json!({}));
    }
}

/// Records what an answer about a workspace says of the API key, if it says anything.
fn record_key_answer<W: Fabricate + Clock>(world: &W, workspace: &str, answer: Option<KeyAnswer>) {
    if let Some(answer) = answer {
        world.credentials().record(workspace, answer, world.now());
    }
}
