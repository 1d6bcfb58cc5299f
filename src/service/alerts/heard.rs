//! Recording that hooks with `silence` are heard: a flood of deliveries costs one write in a while.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::json;

use crate::hook::HookName;
use crate::log;
use crate::notify::ledger::heard_every_ms;
use crate::ports::{Clock, HeardHooks, Log};
use crate::timestamp::{MINUTE_MS, Timestamp};

/// How long after a write that failed, or that its invocation did not live to see, the next delivery is recorded, milliseconds.
const AGAIN_MS: i64 = MINUTE_MS;

/// When this isolate last recorded each hook; as many as are configured.
#[derive(Debug, Default)]
pub struct Heard(RefCell<BTreeMap<HookName, Recorded>>);

#[derive(Debug)]
struct Recorded {
    tried_at: Timestamp,
    /// `None`: not yet.
    at: Option<Timestamp>,
}

impl Heard {
    /// Whether this isolate has recorded the hook so lately that a delivery now needs no record.
    #[must_use]
    pub fn is_recorded(&self, hook: &HookName, silence_ms: i64, now: Timestamp) -> bool {
        let every_ms = heard_every_ms(silence_ms);
        let at = self.0.borrow().get(hook).and_then(|recorded| recorded.at);
        at.is_some_and(|at| now.since_ms(at) < every_ms)
    }

    /// Whether a delivery now is to be recorded, by the one who asks.
    #[must_use]
    pub fn take(&self, hook: &HookName, silence_ms: i64, now: Timestamp) -> bool {
        if self.is_recorded(hook, silence_ms, now) {
            return false;
        }
        let mut all = self.0.borrow_mut();
        let recorded = all.get(hook);
        if recorded.is_some_and(|recorded| now.since_ms(recorded.tried_at) < AGAIN_MS) {
            return false;
        }
        let at = recorded.and_then(|recorded| recorded.at);
        all.insert(hook.clone(), Recorded { tried_at: now, at });
        true
    }

    /// Records that a verified delivery of a hook came. A failure is logged.
    pub async fn record<W: HeardHooks + Clock + Log>(&self, world: &W, hook: &HookName) {
        // The record is not older than this.
        let now = world.now();
        if let Err(error) = world.put_heard(hook).await {
            world.log(log::HEARD_NOT_RECORDED, json!({"hook": hook, "error": error.to_string()}));
            return;
        }
        self.0.borrow_mut().insert(hook.clone(), Recorded { tried_at: now, at: Some(now) });
    }
}
