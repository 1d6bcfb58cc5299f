//! Which targets fail: what an invocation's attempts show, and how the ledger learns it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::json;

use super::super::alerts::{known, update};
use super::Effort;
use crate::hook::subscription::TargetName;
use crate::log;
use crate::notify::ledger::{Ledger, Outcome};
use crate::notify::{Targets, UnusableTarget};
use crate::ports::{AlertLedgers, Clock, Log, Notifier};
use crate::run::Attempted;
use crate::timestamp::Timestamp;

/// The last outcome at each target in an invocation.
#[derive(Debug, Default)]
pub(in crate::service) struct Outcomes(RefCell<BTreeMap<TargetName, Last>>);

#[derive(Debug)]
struct Last {
    outcome: Outcome,
    /// An attempt failed before it: another isolate may have written that since this one has read the ledger.
    is_retry: bool,
}

impl Outcomes {
    pub(super) fn add(&self, target: &TargetName, attempted: &Attempted, is_retry: bool, at: Timestamp) {
        let error = match attempted {
            Attempted::Delivered => None,
            // It is told nothing until somebody acts.
            Attempted::Stopped(reason) | Attempted::Failed { reason, .. } => Some(reason.clone()),
        };
        self.0.borrow_mut().insert(target.clone(), Last { outcome: Outcome { at, error }, is_retry });
    }

    /// Records in the ledger what the attempts showed of targets that are configured, and forgets the others.
    pub(in crate::service) fn record_in(&self, ledger: &mut Ledger, targets: &Targets) {
        let is_configured = |name: &TargetName| targets.get(name) != Err(UnusableTarget::NotConfigured);
        ledger.failing.retain(|name, _| is_configured(name));
        for (name, last) in self.0.borrow().iter().filter(|(name, _)| is_configured(name)) {
            ledger.record_outcome(name, &last.outcome);
        }
    }

    /// Whether a ledger that is minutes old may lack nothing of it.
    fn are_in(&self, known: &Ledger, targets: &Targets) -> bool {
        let mut ledger = known.clone();
        self.record_in(&mut ledger, targets);
        let has_recovered = |last: &Last| last.is_retry && last.outcome.error.is_none();
        ledger == *known && !self.0.borrow().values().any(has_recovered)
    }
}

/// Records which targets fail, or do so no more: once an invocation has made its attempts. Nothing is read or written while the
/// ledger is known to say the same.
pub(in crate::service) async fn record_outcomes<W>(world: &W, effort: &Effort)
where
    W: AlertLedgers + Notifier + Clock + Log,
{
    let (outcomes, targets) = (effort.outcomes(), world.targets());
    if outcomes.0.borrow().is_empty()
        || known(world, world.now()).is_some_and(|known| outcomes.are_in(&known, targets))
    {
        return;
    }
    let updated = update(world, None, |ledger| outcomes.record_in(ledger, targets)).await;
    if let Err(error) = updated {
        world.log(log::TARGETS_NOT_RECORDED, json!({"error": error.to_string()}));
    }
}
