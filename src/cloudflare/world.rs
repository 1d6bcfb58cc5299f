//! The bindings of the Worker. Each port is implemented in a file of its own.
//!
//! An isolate keeps them, and the secrets that it has read: they change with a deploy alone, which makes new isolates.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::rc::Rc;

use serde_json::json;
use wasm_bindgen::{JsCast, JsValue};
use worker::{AnalyticsEngineDataset, Bucket, Env, Queue};

use super::analytics::{METRICS, Points};
use super::clock::{WorkerLog, forward_clock_and_log};
use super::queue::bound_queue;
use super::settings::{self, Settings};
use super::storage::{Namespace, TextBucket};
use crate::example_secrets::Exposure;
use crate::fabricate::{Api, CircuitBreaker, Credentials};
use crate::http::secrets::FABRICATE_API_KEY;
use crate::log;
use crate::notify::Targets;
use crate::ports::{Heartbeat, KnownLedger, Log, ScheduleLedger};
use crate::timestamp::Timestamp;

thread_local! {
    static KEPT: RefCell<Kept> = RefCell::default();
}

/// What this isolate has read of the environment.
#[derive(Default)]
struct Kept {
    /// The environment, so that another one is noticed.
    env: JsValue,
    bindings: Option<Rc<Bindings>>,
    /// Where data points go, once that was looked for.
    dataset: OnceCell<Option<AnalyticsEngineDataset>>,
    secrets: BTreeMap<String, Option<String>>,
}

impl Kept {
    /// Runs `read` on what is kept of this environment.
    fn of<T>(env: &Env, read: impl FnOnce(&mut Self) -> T) -> T {
        KEPT.with_borrow_mut(|kept| {
            if kept.env != **env {
                *kept = Self { env: (**env).clone(), ..Self::default() };
            }
            read(kept)
        })
    }
}

/// The stores and Fabricate for an invocation whose data points go to `points`; `None` as in [`Bindings::new`].
pub(super) fn of_invocation(env: &Env, settings: &Settings, points: &Points) -> Option<Rc<Cloudflare>> {
    let bindings = if let Some(bindings) = Kept::of(env, |kept| kept.bindings.clone()) {
        bindings
    } else {
        let bindings = Rc::new(Bindings::new(env, settings)?);
        Kept::of(env, |kept| kept.bindings = Some(Rc::clone(&bindings)));
        bindings
    };
    Some(Rc::new(Cloudflare { bindings, points: points.clone() }))
}

/// Where data points go; `None`: nothing is bound for them.
pub(super) fn dataset(env: &Env) -> Option<AnalyticsEngineDataset> {
    Kept::of(env, |kept| kept.dataset.get_or_init(|| env.analytics_engine(METRICS).ok()).clone())
}

/// A secret's value, if it is set. The names come from the configuration, so that there are few.
pub(super) fn secret(env: &Env, name: &str) -> Option<String> {
    Kept::of(env, |kept| {
        if let Some(known) = kept.secrets.get(name) {
            return known.clone();
        }
        let value = settings::secret(env, name);
        kept.secrets.insert(name.to_owned(), value.clone());
        value
    })
}

/// As [`secret`], of the environment that this isolate has seen.
pub(super) fn kept_secret(name: &str) -> Option<String> {
    let env: JsValue = KEPT.with_borrow(|kept| kept.env.clone());
    secret(env.unchecked_ref(), name)
}

/// The stores, Fabricate and the targets, as one invocation has them.
pub(super) struct Cloudflare {
    bindings: Rc<Bindings>,
    pub(super) points: Points,
}

impl Deref for Cloudflare {
    type Target = Bindings;

    fn deref(&self) -> &Bindings {
        &self.bindings
    }
}

/// The stores and Fabricate. All invocations of an isolate share them.
pub(super) struct Bindings {
    pub(super) runs: Namespace,
    pub(super) inbox: TextBucket,
    pub(super) files: Bucket,
    pub(super) queue: Option<Queue>,
    pub(super) targets: Rc<Targets>,
    /// [`Notifier::exposure`](crate::ports::Notifier::exposure).
    pub(super) exposure: Rc<Cell<Exposure>>,
    pub(super) api: Api,
    /// `FABRICATE_API_KEY`; without it nothing is started and nothing is asked.
    pub(super) key: Option<String>,
    /// Shared by all invocations in this isolate.
    pub(super) breaker: Rc<CircuitBreaker>,
    /// [`IdleHints::hint_deleted_at`](crate::ports::IdleHints::hint_deleted_at).
    pub(super) hint_deleted_at: Cell<Option<Timestamp>>,
    pub(super) credentials: Credentials,
    /// [`Heartbeats::known_heartbeat`](crate::ports::Heartbeats::known_heartbeat).
    pub(super) known_heartbeat: RefCell<Option<Heartbeat>>,
    /// [`AlertLedgers::known_ledger`](crate::ports::AlertLedgers::known_ledger).
    pub(super) known_ledger: RefCell<Option<KnownLedger>>,
    /// [`Schedules::known_schedules`](crate::ports::Schedules::known_schedules).
    pub(super) known_schedules: RefCell<Option<ScheduleLedger>>,
}

impl Bindings {
    /// Takes the bindings. `None`: one is missing, or `FABRICATE_URL` is a mistake; the log names it.
    fn new(env: &Env, settings: &Settings) -> Option<Self> {
        let missing = |name: &str, error: &dyn std::fmt::Display| {
            let fields = json!({"binding": name, "error": error.to_string()});
            WorkerLog.log(log::BINDING_MISSING, fields);
        };
        Some(Self {
            // A mistake in it was logged when the configuration was read.
            api: settings.isolate.configuration.fabricate.clone()?,
            runs: {
                // It says whether the binding is a KV namespace.
                env.kv("RUNS").map_err(|error| missing("RUNS", &error)).ok()?;
                Namespace::new(js_sys::Reflect::get(env, &"RUNS".into()).unwrap_or_default())
            },
            inbox: TextBucket::new(
                env.bucket("INBOX").map_err(|error| missing("INBOX", &error)).ok()?.into(),
            ),
            files: env.bucket("FILES").map_err(|error| missing("FILES", &error)).ok()?,
            queue: bound_queue(env),
            targets: Rc::clone(&settings.isolate.configuration.targets),
            exposure: settings.isolate.exposure(),
            key: settings::secret(env, FABRICATE_API_KEY),
            breaker: Rc::clone(&settings.breaker),
            hint_deleted_at: Cell::default(),
            credentials: Credentials::default(),
            known_heartbeat: RefCell::default(),
            known_ledger: RefCell::default(),
            known_schedules: RefCell::default(),
        })
    }
}

forward_clock_and_log!(Cloudflare);
