//! Cloudflare Queues, where one is bound as `SWEEP_QUEUE`: the sweep sends batches of runs, and this Worker takes them
//! in invocations of their own. Without the binding nothing of this happens.
//!
//! Messages come at least once and in any order. Each is acknowledged or asked for again by itself, and the handler
//! never fails: one that did would bring back all of its messages.

use serde_json::json;
use wasm_bindgen::JsValue;
use worker::{
    BatchMessageBuilder, Context, Env, MessageBatch, MessageExt, QueueContentType, QueueRetryOptions,
    QueueRetryOptionsBuilder, RawMessage, RawMessageBuilder, event,
};

use super::analytics::Points;
use super::clock::WorkerLog;
use super::http_fabricate::one_line;
use super::settings::settings;
use super::world::{self, Cloudflare};
use crate::log;
use crate::ports::{Batch, Log, Queue, StoreError};
use crate::records::Record;
use crate::service::Budget;
use crate::service::sweep::{Handled, advance_batch, batch_budget};

/// The binding.
const SWEEP_QUEUE: &str = "SWEEP_QUEUE";

/// How long a message waits before it comes again, seconds.
const RETRY_S: u32 = 30;

/// The queue that runs are handed to; `None`: it is not bound.
pub(super) fn bound_queue(env: &Env) -> Option<worker::Queue> {
    env.queue(SWEEP_QUEUE).ok()
}

impl Queue for Cloudflare {
    fn has_queue(&self) -> bool {
        self.queue.is_some()
    }

    async fn send(&self, batches: &[Batch], delay_s: u32) -> Result<(), StoreError> {
        let failed = |error: &dyn std::fmt::Display| StoreError::Unavailable {
            store: "queue",
            reason: one_line(error),
        };
        let mut messages = BatchMessageBuilder::new();
        for batch in batches {
            // As text, so that the runtime changes nothing in it.
            let text = batch.to_json().map_err(|error| failed(&error))?;
            let message = RawMessageBuilder::new(JsValue::from_str(&text)).delay_seconds(delay_s);
            messages = messages.message(message.build_with_content_type(QueueContentType::Text));
        }
        let Some(queue) = &self.queue else { return Err(failed(&"not bound")) };
        queue.send_raw_batch(messages.build()).await.map_err(|error| failed(&error))
    }
}

/// The queue's consumer: the batches of one invocation, one after another, within one budget. An error of it would be
/// a panic.
#[event(queue)]
async fn queue(messages: MessageBatch<String>, env: Env, _context: Context) -> worker::Result<()> {
    let settings = settings(&env);
    let Some(world) = world::of_invocation(&env, &settings, &Points::of_invocation(&env)) else {
        // What is missing is in the log.
        messages.retry_all_with_options(&later());
        return Ok(());
    };
    let budget = batch_budget(&*world, settings.isolate.configuration.sweep_requests);
    for message in messages.raw_iter() {
        handle(&world, &message, &budget).await;
    }
    Ok(())
}

async fn handle(world: &Cloudflare, message: &RawMessage, budget: &Budget) {
    let text = message.body().as_string().unwrap_or_default();
    let batch = match Batch::from_json(&text) {
        Ok(batch) => batch,
        Err(error) => {
            // Of another version, or not ours. After its retries it is in the dead-letter queue, if there is one.
            let fields = json!({"message_id": message.id(), "error": error.to_string()});
            WorkerLog.log(log::BATCH_UNREADABLE, fields);
            return message.retry_with_options(&later());
        }
    };
    let (swept, handled) = advance_batch(world, batch, budget).await;
    let fields = json!({"message_id": message.id(), "looked_at": swept.looked_at, "moved": swept.moved,
        "failed": swept.failed, "unreadable": swept.unreadable, "left": swept.left,
        "again": handled == Handled::Redeliver});
    WorkerLog.log(log::BATCH_FINISHED, fields);
    match handled {
        Handled::Done => message.ack(),
        Handled::Redeliver => message.retry_with_options(&later()),
    }
}

fn later() -> QueueRetryOptions {
    QueueRetryOptionsBuilder::new().with_delay_seconds(RETRY_S).build()
}
