//! The deliveries that were refused or ignored lately: what the operator looks at first when a webhook "did not arrive".
//!
//! An isolate collects them in memory and stores them after an answer, at most once a minute. It adds them to one of [`SHARDS`]
//! objects, by its entity tag, so that isolates that share an object lose nothing. What an isolate has not stored when it ends is
//! lost: this list is not one of the promises, and no sender waits for it.

pub mod ring;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_util::future::try_join_all;
use serde_json::json;

use super::context::{Context, Handled};
use super::delivery_point::Noted;
use super::problem::Problem;
use super::query::read_recent_query;
use super::request::Request;
use super::runtime::{RecentDeliveries, Runtime};
use super::schema::RecentList;
use crate::hook::HookName;
use crate::hook::delivery::DeliveryId;
use crate::log;
use crate::ports::{Clock, KeptId, Log, StoreError};
use crate::redact::without_queries;
use crate::timestamp::{MINUTE_MS, SECOND_MS, Timestamp};
use ring::{HEADER_CHARS_MAX, HEADERS_MAX, NAME_CHARS_MAX, Outcome, RecentDelivery, newest};

/// How many objects hold the lists. R2 takes one write a second for each.
pub const SHARDS: u8 = 8;

/// How often an isolate stores its list at most, milliseconds.
const STORE_EVERY_MS: i64 = MINUTE_MS;

/// How long an isolate waits at most to store what came too early, milliseconds: the runtime ends an invocation 30 s after its
/// answer.
const WAIT_MAX_MS: i64 = 20 * SECOND_MS;

/// After how many more deliveries those that are not stored yet are brought within their bounds.
const TRIMMED_EVERY: usize = 64;

/// What an isolate has not stored yet.
#[derive(Debug, Default)]
pub(super) struct Recent {
    pending: RefCell<Vec<RecentDelivery>>,
    /// When the list was last stored, or will be by an invocation that waits; `None`: never.
    stored_at: Cell<Option<Timestamp>>,
    /// The number of this isolate's object; chosen at the first use.
    shard: Cell<Option<u8>>,
}

/// What is noted of a sender's request before it is taken apart.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) at: Timestamp,
    pub(super) hook: String,
    content_type: Option<String>,
    bytes: Option<u64>,
    /// In one text, with line breaks between: most requests are not listed.
    header_names: String,
    /// Why it was refused. Only the operator sees it.
    reason: RefCell<Option<String>>,
    /// For its data point.
    pub(super) noted: Noted,
}

impl Seen {
    pub(super) fn of(request: &Request, hook: &str, at: Timestamp) -> Self {
        let mut header_names = String::with_capacity(512);
        for (name, _) in request.headers.iter().take(HEADERS_MAX) {
            header_names.extend(name.chars().take(HEADER_CHARS_MAX + 1));
            header_names.push('\n');
        }
        // Copied up to its bound: these texts are the caller's, and stay in memory for a minute.
        let beginning = |text: &str| text.chars().take(NAME_CHARS_MAX + 1).collect();
        Self {
            at,
            hook: beginning(hook),
            content_type: request.header("content-type").map(beginning),
            bytes: request.header("content-length").and_then(|length| length.parse().ok()),
            header_names,
            reason: RefCell::default(),
            noted: Noted::default(),
        }
    }

    /// Notes why the request is refused.
    pub(super) fn because(&self, reason: &str) {
        // A query may hold a secret.
        *self.reason.borrow_mut() = Some(without_queries(reason).into_owned());
    }

    fn listed(&self, outcome: Outcome, status: u16, reason: String) -> RecentDelivery {
        RecentDelivery {
            at: self.at,
            hook: self.hook.clone(),
            outcome,
            status,
            problem: None,
            reason,
            content_type: self.content_type.clone(),
            bytes: self.bytes,
            header_names: self.header_names.lines().map(ToOwned::to_owned).collect(),
            delivery_id: None,
            kept: None,
        }
    }
}

impl Recent {
    /// Lists a request that was answered with a problem.
    pub(super) fn add_refused(&self, seen: &Seen, problem: &Problem) {
        let kind = problem.kind();
        let reason = seen.reason.take().unwrap_or_else(|| problem.detail().into_owned());
        let delivery = seen.listed(Outcome::Refused, kind.status, reason);
        self.add(RecentDelivery { problem: Some(kind.name.to_owned()), ..delivery });
    }

    /// Lists a delivery that was ignored.
    pub(super) fn add_ignored(&self, seen: &Seen, delivery_id: &DeliveryId, kept: Option<KeptId>) {
        let delivery = seen.listed(Outcome::Ignored, 200, "no rule's `when` holds".to_owned());
        self.add(RecentDelivery { delivery_id: Some(delivery_id.to_string()), kept, ..delivery });
    }

    fn add(&self, delivery: RecentDelivery) {
        let mut pending = self.pending.borrow_mut();
        let now = delivery.at;
        pending.push(delivery.bounded());
        if pending.len().is_multiple_of(TRIMMED_EVERY) {
            *pending = newest(pending.split_off(0), now);
        }
    }

    /// How long to wait before the list is stored, milliseconds; `None`: not by this invocation.
    fn store_in_ms(&self, now: Timestamp) -> Option<i64> {
        if self.pending.borrow().is_empty() {
            return None;
        }
        let passed_ms = self.stored_at.get().map_or(STORE_EVERY_MS, |at| now.since_ms(at));
        Some((STORE_EVERY_MS - passed_ms).max(0)).filter(|wait_ms| *wait_ms <= WAIT_MAX_MS)
    }

    /// Adds what is pending to this isolate's object. It stays pending where that fails.
    async fn store<P: RecentDeliveries + Clock + Log>(&self, ports: &P) {
        let shard = self.shard.get().unwrap_or_else(|| ports.random()[0] % SHARDS);
        self.shard.set(Some(shard));
        let pending = self.pending.take();
        let stored = add_to_shard(ports, shard, &pending).await;
        if !matches!(stored, Ok(true)) {
            self.pending.borrow_mut().extend(pending);
        }
        if let Err(error) = stored {
            ports.log(log::RECENT_NOT_STORED, json!({"error": error.to_string()}));
        }
    }
}

/// Whether it was stored; `false`: another isolate was faster.
async fn add_to_shard<P: RecentDeliveries + Clock>(
    ports: &P,
    shard: u8,
    more: &[RecentDelivery],
) -> Result<bool, StoreError> {
    let (mut all, version) = match ports.get_recent(shard).await {
        Ok(stored) => stored.map_or((Vec::new(), None), |(stored, version)| (stored, Some(version))),
        Err(error) => return Err(error),
    };
    all.extend_from_slice(more);
    ports.put_recent(shard, &newest(all, ports.now()), version.as_ref()).await
}

/// Stores the list after this answer, where it is time.
pub(super) fn store_when_due<R: Runtime>(context: &Context<'_, R>) {
    let recent = &context.isolate.recent;
    let Some(wait_ms) = recent.store_in_ms(context.now()) else { return };
    let Some(ports) = context.runtime.ports() else { return };
    recent.stored_at.set(Some(context.now().plus_ms(wait_ms)));
    let recent = Rc::clone(recent);
    context.runtime.wait_until(async move {
        if let Ok(wait_ms @ 1..) = u32::try_from(wait_ms) {
            ports.sleep_ms(wait_ms).await;
        }
        recent.store(&*ports).await;
    });
}

/// `GET /api/deliveries`: those that were refused or ignored lately, newest first. It costs [`SHARDS`] reads of R2.
///
/// 200; 400 the query is not understood; 503 a store fails.
pub(super) async fn list_recent<R: Runtime>(context: &Context<'_, R>, request: &Request) -> Handled<R> {
    let ports = context.ports()?;
    let RecentQuery { hook, outcome, limit } = read_recent_query(&request.url)?;
    let stored = try_join_all((0..SHARDS).map(|shard| ports.get_recent(shard))).await;
    let stored = stored.map_err(|error| context.store_failed(&error))?;
    let mut all = context.isolate.recent.pending.borrow().clone();
    all.extend(stored.into_iter().flatten().flat_map(|(deliveries, _)| deliveries));
    let is_wanted = |delivery: &RecentDelivery| {
        hook.as_ref().is_none_or(|hook| delivery.hook == hook.as_str())
            && outcome.is_none_or(|outcome| delivery.outcome == outcome)
    };
    let mut deliveries = newest(all, context.now());
    deliveries.retain(is_wanted);
    deliveries.truncate(limit);
    context.json(200, &RecentList { deliveries })
}

/// The query of `GET /api/deliveries`.
#[derive(Debug)]
pub(super) struct RecentQuery {
    pub(super) hook: Option<HookName>,
    pub(super) outcome: Option<Outcome>,
    pub(super) limit: usize,
}
