//! An alert, and how far its targets are told of it.
//!
//! It does not know when an alert begins or ends: that is the ledger's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::TEXT_CHARS_MAX;
use crate::hook::HookName;
use crate::hook::subscription::TargetName;
use crate::notify::message::{Message, cut};
use crate::notify::news::{silent_message, unhealthy_message};
use crate::run::{Attempted, FIRST_ATTEMPT_MS, NotificationState};
use crate::timestamp::Timestamp;

/// Something that targets are told of once, while it lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// What it is about.
    pub subject: Subject,
    /// Since when it is so.
    pub since: Timestamp,
    /// When it was noticed.
    pub noticed_at: Timestamp,
    /// The targets, as they were configured then.
    pub told: Vec<Told>,
}

/// What an alert is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Subject {
    /// A hook is silent.
    Silent {
        /// The hook.
        hook: HookName,
        /// Its `silence`, milliseconds.
        silence_ms: i64,
    },
    /// The Worker is unhealthy: an episode.
    Unhealthy {
        /// What was wrong when it began, for people; at most 20.
        problems: Vec<String>,
        /// The [`Problem::id`](super::Problem::id)s of the episode, also of problems that went lately; at most 40.
        ids: Vec<String>,
        /// Since when problems of the episode are gone, by their ids.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        gone: BTreeMap<String, Timestamp>,
    },
}

/// How far one target is told of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The target.
    pub target: TargetName,
    /// How far it is.
    pub state: NotificationState,
    /// How many attempts were made.
    pub attempts: u32,
    /// When the next attempt is due, while it is pending.
    pub not_before: Timestamp,
    /// Why the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Alert {
    pub(super) fn new(subject: Subject, since: Timestamp, targets: &[TargetName], now: Timestamp) -> Self {
        // The invocation that notices it makes the first attempt at once. Another one makes it after this, if it was lost.
        let not_before = now.plus_ms(FIRST_ATTEMPT_MS);
        let told = |target: &TargetName| Told {
            target: target.clone(),
            state: NotificationState::Pending,
            attempts: 0,
            not_before,
            error: None,
        };
        Self { subject, since, noticed_at: now, told: targets.iter().map(told).collect() }
    }

    /// The silent hook; `None`: the Worker is unhealthy.
    #[must_use]
    pub fn hook(&self) -> Option<&HookName> {
        match &self.subject {
            Subject::Silent { hook, .. } => Some(hook),
            Subject::Unhealthy { .. } => None,
        }
    }

    /// The id of its message, the same over all attempts and targets.
    #[must_use]
    pub fn id(&self) -> String {
        self.message().id
    }

    /// What its targets are told.
    #[must_use]
    pub fn message(&self) -> Message {
        match &self.subject {
            Subject::Silent { hook, silence_ms } => {
                silent_message(hook, self.since, *silence_ms, self.noticed_at)
            }
            Subject::Unhealthy { problems, .. } => unhealthy_message(problems, self.since),
        }
    }
}

impl Told {
    /// Whether an attempt is still to be made.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.state == NotificationState::Pending
    }

    /// Whether an attempt is due.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.is_pending() && self.not_before <= now
    }

    /// Records an attempt by the schedule of notifications.
    pub(super) fn record(&mut self, attempted: Attempted, noticed_at: Timestamp, now: Timestamp) {
        if !self.is_pending() {
            return;
        }
        self.attempts = self.attempts.saturating_add(1);
        let (state, not_before, error) = attempted.judge(self.attempts, noticed_at, now);
        self.state = state;
        self.not_before = not_before.unwrap_or(self.not_before);
        self.error = error.map(|error| cut(&error, TEXT_CHARS_MAX));
    }
}
