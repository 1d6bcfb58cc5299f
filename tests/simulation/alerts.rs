//! Simulated R2: when hooks were heard, and the ledger of alerts; and what must be so of alerts.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use seedhook::hook::HookName;
use seedhook::notify::Request;
use seedhook::notify::ledger::{Alert, Ledger, Subject, Told, heard_every_ms};
use seedhook::ports::{AlertLedgers, HeardHooks, KnownLedger, StoreError, Version};
use seedhook::timestamp::Timestamp;

use crate::breakage::Breakage;
use crate::hooks::{CRM, OPS};
use crate::promises::Promise;
use crate::world::{Invocation, State};

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// The hooks, and after how long each is silent, milliseconds.
pub(crate) const HOOKS: [(&str, i64); 2] = [("often", HOUR_MS), ("rarely", 3 * HOUR_MS)];

/// A message may be about what was seen so long before it arrives: a watch makes attempts for a minute, and each takes a while.
const SEEN_MS: i64 = 3 * MINUTE_MS;
/// How far a clock may be from R2's.
const SKEW_MS: i64 = 15 * SECOND_MS;
/// In calm, targets are told so soon after they could be: a sweep looks every ten minutes.
const SOON_MS: i64 = 30 * MINUTE_MS;

/// What is stored, and what was so, of a life of alerts. Other lives have a ledger alone.
#[derive(Default)]
pub(crate) struct Alerts {
    ledger: Option<(Ledger, Version)>,
    /// How often it was written.
    pub(crate) writes: u32,
    /// The alerts that a ledger had, by id.
    decided: BTreeMap<String, Alert>,
    /// When R2 last stored that a hook was heard.
    heard: BTreeMap<HookName, i64>,
    /// Each record of a hook, in the order of time.
    records: Vec<(HookName, i64)>,
    /// When hooks were heard, as far as it is recorded: a delivery soon after a record needs none.
    pub(crate) deliveries: Vec<(HookName, i64)>,
    /// Since when which refusals are known to R2.
    pub(crate) refused: Vec<(i64, Vec<Option<String>>)>,
    /// Who took which message.
    taken: BTreeSet<(String, String)>,
    /// Whether the life is about alerts.
    is_watched: bool,
    /// When faults stop.
    calm_ms: i64,
}

/// The name of a hook.
pub(crate) fn name(text: &str) -> HookName {
    HookName::try_from(text.to_owned()).expect("the name of a hook")
}

impl Alerts {
    /// Those of a life that is about alerts, and whose faults stop then.
    pub(crate) fn of_life(calm_ms: i64) -> Self {
        Self { is_watched: true, calm_ms, ..Self::default() }
    }

    /// Takes what a ledger says.
    fn put(&mut self, on: &Invocation, next: &Ledger, expected: Option<&Version>) -> Option<Version> {
        let etag = |version: &Version| version.etag.clone();
        if self.ledger.as_ref().map(|(_, version)| etag(version)) != expected.map(etag) {
            return None;
        }
        let version = Version { etag: next.author.clone(), at: on.world.now() };
        self.writes += 1;
        if !on.world.breaks(Breakage::LedgersAreLost) {
            self.decided.extend(next.alerts.iter().map(|alert| (alert.id(), alert.clone())));
            self.ledger = Some((next.clone(), version.clone()));
        }
        Some(version)
    }

    fn stored(&self) -> Ledger {
        self.ledger.as_ref().map(|(ledger, _)| ledger.clone()).unwrap_or_default()
    }

    /// How often the ledger was written, unless a target is still to be told.
    pub(crate) fn writes_if_done(&self) -> Option<u32> {
        let is_pending = |alert: &Alert| alert.told.iter().any(Told::is_pending);
        (!self.stored().alerts.iter().any(is_pending)).then_some(self.writes)
    }

    /// Whether the key was refused at a time from then until then.
    fn was_refused(&self, from_ms: i64, until_ms: i64) -> bool {
        let ends = self.refused.iter().skip(1).map(|(at_ms, _)| *at_ms).chain([i64::MAX]);
        let spans = self.refused.iter().zip(ends);
        spans
            .into_iter()
            .any(|((at_ms, refused), end_ms)| !refused.is_empty() && *at_ms <= until_ms && from_ms <= end_ms)
    }
}

impl State {
    /// Whether the life is about alerts; then a target gets a message about one, and may take it.
    pub(crate) fn receive_alert(
        &mut self,
        on: &Invocation,
        target: &str,
        request: &Request,
        is_taken: bool,
    ) -> bool {
        if !self.alerts.is_watched {
            return false;
        }
        let id = request.headers.iter().find(|(name, _)| *name == "webhook-id");
        let id = id.map(|(_, id)| id.clone()).expect("an id");
        on.tell(self, || format!("{target} is told {id}: {}", if is_taken { "taken" } else { "not taken" }));
        let Some(alert) = self.alerts.decided.get(&id).cloned() else {
            let how = format!("{on} tells {target} {id}, which is in no ledger");
            self.breaks(Promise::OnlyAlertsAreTold, how);
            return true;
        };
        let now_ms = on.now_ms();
        let seen_ms = now_ms - SEEN_MS;
        let false_because = match &alert.subject {
            Subject::Silent { hook, silence_ms } => {
                let heard = |(name, at_ms): &&(HookName, i64)| {
                    name == hook && (now_ms - silence_ms + SKEW_MS..seen_ms).contains(at_ms)
                };
                self.alerts.deliveries.iter().find(heard).map(|(_, at_ms)| format!("it is heard at {at_ms}"))
            }
            Subject::Unhealthy { .. } => {
                let refused = self.alerts.was_refused(seen_ms, now_ms);
                (!refused).then(|| "the key is not refused".to_owned())
            }
        };
        if let Some(because) = false_because {
            let how = format!("{on} tells {target} {id}, but {because}");
            self.breaks(Promise::OnlyAlertsAreTold, how);
        }
        if is_taken {
            self.alerts.taken.insert((target.to_owned(), id));
        }
        true
    }
}

/// Judges a life that has come to rest.
pub(crate) fn judge(state: &mut State, now_ms: i64) {
    let mut missing = Vec::new();
    let willing: Vec<&str> =
        [OPS, CRM].into_iter().filter(|target| state.receivers.is_willing(target)).collect();
    let alerts = &state.alerts;
    let mut expect = |id: &str| {
        for target in &willing {
            if !alerts.taken.contains(&((*target).to_owned(), id.to_owned())) {
                missing.push(format!("{target} is not told {id}"));
            }
        }
    };
    for (hook, silence_ms) in HOOKS {
        let hook = name(hook);
        let records: Vec<i64> =
            alerts.records.iter().filter(|(of, _)| *of == hook).map(|(_, at_ms)| *at_ms).collect();
        let ends = records.iter().skip(1).copied().chain([now_ms]);
        let watched_ms = alerts.stored().watched.get(&hook).map(|at| at.as_millis());
        for (record_ms, end_ms) in records.iter().zip(ends) {
            let since_ms = watched_ms.unwrap_or(now_ms).max(*record_ms);
            let silent_ms = since_ms + silence_ms + heard_every_ms(silence_ms);
            if silent_ms > alerts.calm_ms + SKEW_MS && silent_ms + SOON_MS < end_ms {
                expect(&format!("silent_{hook}_{since_ms}"));
            }
        }
    }
    let stored = alerts.stored();
    let episode = stored.alerts.iter().find(|alert| alert.hook().is_none());
    match (alerts.refused.last(), episode) {
        (Some((at_ms, refused)), None) if !refused.is_empty() && at_ms + SOON_MS < now_ms => {
            missing.push(format!("{refused:?} is in no ledger"));
        }
        (Some((_, refused)), Some(alert))
            if !refused.is_empty() && alert.noticed_at.as_millis() > alerts.calm_ms + SKEW_MS =>
        {
            expect(&alert.id());
        }
        _ => {}
    }
    for alert in &stored.alerts {
        let is_late = |told: &&Told| told.is_pending() && now_ms - told.not_before.as_millis() > SOON_MS;
        let late = alert.told.iter().filter(is_late);
        missing.extend(late.map(|told| format!("{} is not tried again: {}", told.target, alert.id())));
    }
    let told = alerts.decided.values().filter(|alert| alert.hook().is_none()).count();
    let most = problems_in_all(&alerts.refused);
    for how in missing {
        state.breaks(Promise::EachAlertIsTold, how);
    }
    if told > most {
        let how = format!("{told} episodes of {most} problems");
        state.breaks(Promise::AlertsAreToldOnce, how);
    }
}

/// A problem that was gone for this, milliseconds, is another one: an hour, less what clocks differ by.
const FLAPPING_MS: i64 = 60 * 60_000 - 10_000;

/// How many problems there were. One that comes again counts again after a time without any problem, or if it was gone for an hour.
fn problems_in_all(refused: &[(i64, Vec<Option<String>>)]) -> usize {
    let mut all = 0;
    // Since when each is gone.
    let mut known: BTreeMap<&Option<String>, Option<i64>> = BTreeMap::new();
    for (at_ms, refused) in refused {
        if refused.is_empty() {
            known.clear();
        }
        for (_, gone_ms) in known.iter_mut().filter(|(workspace, _)| !refused.contains(workspace)) {
            gone_ms.get_or_insert(*at_ms);
        }
        for workspace in refused {
            let is_known = match known.insert(workspace, None) {
                Some(Some(gone_ms)) => at_ms - gone_ms < FLAPPING_MS,
                Some(None) => true,
                None => false,
            };
            all += usize::from(!is_known);
        }
    }
    all
}

impl HeardHooks for Invocation {
    async fn put_heard(&self, hook: &HookName) -> Result<(), StoreError> {
        let put = |state: &mut State| {
            let now_ms = self.now_ms();
            self.tell(state, || format!("R2 heard/{hook}"));
            state.alerts.heard.insert(hook.clone(), now_ms);
            state.alerts.records.push((hook.clone(), now_ms));
            state.alerts.deliveries.push((hook.clone(), now_ms));
            Ok(())
        };
        self.operate_beside("R2 put heard", put).await
    }

    async fn list_heard(&self) -> Result<Vec<(HookName, Timestamp)>, StoreError> {
        let list = |state: &mut State| {
            let heard = state.alerts.heard.iter();
            Ok(heard.map(|(hook, at_ms)| (hook.clone(), Timestamp::from_millis(*at_ms))).collect())
        };
        self.operate_beside("R2 list heard", list).await
    }
}

impl AlertLedgers for Invocation {
    async fn get_ledger(&self) -> Result<Option<(Ledger, Version)>, StoreError> {
        self.operate_beside("R2 get ledger", |state| Ok(state.alerts.ledger.clone())).await
    }

    async fn put_ledger(
        &self,
        ledger: &Ledger,
        expected: Option<&Version>,
    ) -> Result<Option<Version>, StoreError> {
        let put = |state: &mut State| {
            let put = state.alerts.put(self, ledger, expected);
            self.tell(state, || {
                let ids: Vec<String> = ledger.alerts.iter().map(Alert::id).collect();
                format!("R2 ledger := {ids:?}, {} fail: {}", ledger.failing.len(), put.is_some())
            });
            Ok(put)
        };
        self.operate_beside("R2 put ledger", put).await
    }

    fn known_ledger(&self) -> &RefCell<Option<KnownLedger>> {
        &self.world.known_ledger[self.place]
    }
}
