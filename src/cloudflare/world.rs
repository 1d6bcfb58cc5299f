//! The bindings of the Worker, as one invocation has them. Each port is implemented in a file of its own.

use std::cell::Cell;
use std::rc::Rc;

use serde_json::json;
use wasm_bindgen::JsValue;
use worker::kv::KvStore;
use worker::{Bucket, Env, Queue};

use super::clock::{WorkerLog, forward_clock_and_log};
use super::queue::bound_queue;
use super::settings::{self, Settings};
use crate::fabricate::{Api, CircuitBreaker};
use crate::http::secrets::FABRICATE_API_KEY;
use crate::log;
use crate::ports::Log;
use crate::timestamp::Timestamp;

/// The stores and Fabricate, as one invocation has them.
pub(super) struct Cloudflare {
    pub(super) runs: KvStore,
    /// The same KV namespace, for [`kv_put`](super::kv_put).
    pub(super) runs_namespace: JsValue,
    pub(super) inbox: Bucket,
    pub(super) files: Bucket,
    pub(super) queue: Option<Queue>,
    pub(super) api: Api,
    /// `FABRICATE_API_KEY`; without it nothing is started and nothing is asked.
    pub(super) key: Option<String>,
    /// Shared by all invocations in this isolate.
    pub(super) breaker: Rc<CircuitBreaker>,
    /// Shared by all invocations in this isolate.
    pub(super) hint_deleted_at: Rc<Cell<Option<Timestamp>>>,
}

impl Cloudflare {
    /// Takes the bindings. `None`: one is missing, or `FABRICATE_URL` is a mistake; the log names it.
    pub(super) fn new(env: &Env, settings: &Settings) -> Option<Self> {
        let missing = |name: &str, error: &dyn std::fmt::Display| {
            let fields = json!({"binding": name, "error": error.to_string()});
            WorkerLog.log(log::BINDING_MISSING, fields);
        };
        Some(Self {
            // A mistake in it was logged when the configuration was read.
            api: settings.isolate.configuration.fabricate.clone()?,
            runs: env.kv("RUNS").map_err(|error| missing("RUNS", &error)).ok()?,
            // `env.kv` has found it.
            runs_namespace: js_sys::Reflect::get(env, &"RUNS".into()).unwrap_or_default(),
            inbox: env.bucket("INBOX").map_err(|error| missing("INBOX", &error)).ok()?,
            files: env.bucket("FILES").map_err(|error| missing("FILES", &error)).ok()?,
            queue: bound_queue(env),
            key: settings::secret(env, FABRICATE_API_KEY),
            breaker: Rc::clone(&settings.breaker),
            hint_deleted_at: Rc::clone(&settings.hint_deleted_at),
        })
    }
}

forward_clock_and_log!(Cloudflare);
