//! The ledger of alerts: what targets are told that is about no run (a silent hook, an unhealthy Worker), and which targets fail.
//!
//! Pure: [`crate::service::alerts`] reads and writes it, and posts what it says.

mod alert;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::message::cut;
use crate::hook::HookName;
use crate::hook::subscription::TargetName;
use crate::run::Attempted;
use crate::timestamp::{HOUR_MS, Timestamp};

pub use alert::{Alert, Subject, Told};

/// The most hooks that are watched: each may have an alert with its targets in the ledger.
pub const WATCHED_MAX: usize = 100;

/// The most problems of one alert; the first ones count.
pub const PROBLEMS_MAX: usize = 20;

/// How many problems an episode remembers, also those that are gone.
const REMEMBERED_MAX: usize = 2 * PROBLEMS_MAX;

/// A problem that comes again within this, milliseconds, while another one lasts, begins no other episode.
const FLAPPING_MS: i64 = HOUR_MS;

/// The longest text of a problem, of its id and of an error, characters; longer ones are cut.
const TEXT_CHARS_MAX: usize = 300;

/// How old [`FailingTarget::last_at`] is before a further failure with the same error is written, milliseconds.
const FAILING_AGAIN_MS: i64 = HOUR_MS;

/// Stored as JSON, one for the whole Worker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Names the invocation that wrote it, so that no two ledgers have the same entity tag.
    pub author: String,
    /// Since when each hook with `silence` is watched, at most 100. A hook that was heard only before that counts as heard then:
    /// it had no `silence`, so that later deliveries were not recorded.
    #[serde(default)]
    pub watched: BTreeMap<HookName, Timestamp>,
    /// What is so now and is told, or was.
    #[serde(default)]
    pub alerts: Vec<Alert>,
    /// The targets whose last attempt failed, at most as many as are configured.
    #[serde(default)]
    pub failing: BTreeMap<TargetName, FailingTarget>,
}

/// A target whose last attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct FailingTarget {
    /// The first attempt that failed since the last one that succeeded.
    pub since: Timestamp,
    /// The last attempt that failed; it may be an hour out of date.
    pub last_at: Timestamp,
    /// Why it failed; no part of the target's address.
    pub error: String,
}

/// A hook with `silence` and what is known of it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// The hook.
    pub hook: HookName,
    /// Its `silence`, milliseconds.
    pub silence_ms: i64,
    /// When a verified delivery was last recorded; `None`: never.
    pub heard_at: Option<Timestamp>,
    /// Who is told.
    pub targets: Vec<TargetName>,
}

/// Something that is wrong with the Worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Names the problem, the same as long as it lasts.
    pub id: String,
    /// What is wrong, for people.
    pub text: String,
}

/// What a watch sees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The hooks that are watched, at most 100.
    pub hooks: Vec<Watched>,
    /// What is wrong now.
    pub problems: Vec<Problem>,
    /// The targets that are told of it.
    pub told_of_health: Vec<TargetName>,
}

/// What an attempt at a target showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// When it ended.
    pub at: Timestamp,
    /// Why it failed; `None`: it did not.
    pub error: Option<String>,
}

/// How often an isolate records that a hook was heard, milliseconds, where it is silent after `silence_ms`.
#[must_use]
pub fn heard_every_ms(silence_ms: i64) -> i64 {
    (silence_ms / 8).min(HOUR_MS)
}

impl Watched {
    /// Since when the hook is silent, if it is; `watched_since` is when it was first watched.
    ///
    /// The last delivery may have come as much later than its record as an isolate waits with the next one. That is added, so that
    /// no hook is called silent that was heard within its `silence`.
    fn silent_since(&self, watched_since: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let since = self.heard_at.map_or(watched_since, |heard| heard.max(watched_since));
        let silent_after_ms = self.silence_ms.saturating_add(heard_every_ms(self.silence_ms));
        (now.since_ms(since) >= silent_after_ms).then_some(since)
    }
}

impl Ledger {
    /// Takes over what a watch sees now: alerts begin and end. Returns the ids of those that begin.
    pub fn watch(&mut self, seen: &Seen, now: Timestamp) -> Vec<String> {
        let hooks = seen.hooks.get(..WATCHED_MAX).unwrap_or(&seen.hooks);
        self.watched.retain(|name, _| hooks.iter().any(|watched| watched.hook == *name));
        let silent: Vec<(&Watched, Timestamp)> = hooks
            .iter()
            .filter_map(|watched| {
                let since = *self.watched.entry(watched.hook.clone()).or_insert(now);
                Some((watched, watched.silent_since(since, now)?))
            })
            .collect();
        self.alerts.retain(|alert| match &alert.subject {
            Subject::Silent { hook, .. } => {
                silent.iter().any(|(watched, since)| watched.hook == *hook && *since == alert.since)
            }
            Subject::Unhealthy { .. } => true,
        });
        let mut begun = Vec::new();
        for (watched, since) in silent {
            if self.alerts.iter().any(|alert| alert.hook() == Some(&watched.hook)) {
                continue;
            }
            let subject = Subject::Silent { hook: watched.hook.clone(), silence_ms: watched.silence_ms };
            let alert = Alert::new(subject, since, &watched.targets, now);
            begun.push(alert.id());
            self.alerts.push(alert);
        }
        begun.extend(self.watch_health(seen, now));
        begun
    }

    /// Ends the episode, or begins one: the first, or another because of a problem that was not in it. What the targets of the
    /// former one were not told yet is told with the new one.
    fn watch_health(&mut self, seen: &Seen, now: Timestamp) -> Option<String> {
        if !self.lacks(&seen.problems) {
            if seen.problems.is_empty() {
                self.alerts.retain(|alert| alert.hook().is_some());
            }
            self.forget_problems(&seen.problems, now);
            return None;
        }
        let problems = first(&seen.problems);
        let mut ids: Vec<String> = problems.iter().map(Problem::stored_id).collect();
        let former = self.episode_ids().iter().filter(|id| !ids.contains(id)).cloned().collect::<Vec<_>>();
        ids.extend(former);
        ids.truncate(REMEMBERED_MAX);
        self.alerts.retain(|alert| alert.hook().is_some());
        let problems = problems.iter().map(|problem| cut(&problem.text, TEXT_CHARS_MAX)).collect();
        let alert = Alert::new(
            Subject::Unhealthy { problems, ids, gone: BTreeMap::new() },
            now,
            &seen.told_of_health,
            now,
        );
        let id = alert.id();
        self.alerts.push(alert);
        Some(id)
    }

    /// Forgets the problems of the episode that have been gone for long.
    fn forget_problems(&mut self, present: &[Problem], now: Timestamp) {
        let present: Vec<String> = first(present).iter().map(Problem::stored_id).collect();
        for alert in &mut self.alerts {
            let Subject::Unhealthy { ids, gone, .. } = &mut alert.subject else { continue };
            gone.retain(|id, _| !present.contains(id));
            for id in ids.iter().filter(|id| !present.contains(id)) {
                gone.entry(id.clone()).or_insert(now);
            }
            ids.retain(|id| gone.get(id).is_none_or(|since| now.since_ms(*since) < FLAPPING_MS));
            gone.retain(|id, _| ids.contains(id));
        }
    }

    /// Whether one of these problems belongs to no episode yet.
    #[must_use]
    pub fn lacks(&self, problems: &[Problem]) -> bool {
        let known = self.episode_ids();
        first(problems).iter().any(|problem| !known.contains(&problem.stored_id()))
    }

    fn episode_ids(&self) -> &[String] {
        let ids = self.alerts.iter().find_map(|alert| match &alert.subject {
            Subject::Unhealthy { ids, .. } => Some(ids.as_slice()),
            Subject::Silent { .. } => None,
        });
        ids.unwrap_or_default()
    }

    /// Whether an attempt is due.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.alerts.iter().any(|alert| alert.told.iter().any(|told| told.is_due(now)))
    }

    /// Records an attempt that ended now. An alert that has ended since is left out.
    pub fn record(&mut self, alert_id: &str, target: &TargetName, attempted: Attempted, now: Timestamp) {
        let Some(alert) = self.alerts.iter_mut().find(|alert| alert.id() == alert_id) else { return };
        let noticed_at = alert.noticed_at;
        if let Some(told) = alert.told.iter_mut().find(|told| told.target == *target) {
            told.record(attempted, noticed_at, now);
        }
    }

    /// How far a target is told of an alert.
    #[must_use]
    pub fn told(&self, alert_id: &str, target: &TargetName) -> Option<&Told> {
        let alert = self.alerts.iter().find(|alert| alert.id() == alert_id)?;
        alert.told.iter().find(|told| told.target == *target)
    }

    /// Takes over what the last attempt at a target showed. One that goes on failing is the same for an hour, if its error is.
    pub fn record_outcome(&mut self, target: &TargetName, outcome: &Outcome) {
        let Outcome { at, error } = outcome;
        let known = self.failing.get_mut(target);
        match (known, error.as_deref().map(|error| cut(error, TEXT_CHARS_MAX))) {
            (None, None) => {}
            (Some(known), None) if *at < known.last_at => {}
            (Some(_), None) => drop(self.failing.remove(target)),
            (None, Some(error)) => {
                let failing = FailingTarget { since: *at, last_at: *at, error };
                self.failing.insert(target.clone(), failing);
            }
            (Some(known), Some(error)) => {
                if error != known.error || at.since_ms(known.last_at) >= FAILING_AGAIN_MS {
                    known.error = error;
                    known.last_at = known.last_at.max(*at);
                }
            }
        }
    }
}

/// The problems that count.
fn first(problems: &[Problem]) -> &[Problem] {
    problems.get(..PROBLEMS_MAX).unwrap_or(problems)
}

impl Problem {
    fn stored_id(&self) -> String {
        cut(&self.id, TEXT_CHARS_MAX)
    }
}

#[cfg(test)]
mod tests;
