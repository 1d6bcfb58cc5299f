//! What became of notifying a target of the end of a run, or that it is `unconfirmed`; and when the next attempt is due.
//!
//! A run that ends, or is parked, gets a [`Notification`] for each target that wants to know. The journal's last entry has them,
//! so that they are decided with the end itself. Later attempts change only the run's KV records.

use serde::{Deserialize, Serialize};

use super::{Run, Status};
use crate::hook::subscription::{RunEvent, TargetName};
use crate::timestamp::{HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};

/// How long after each failed attempt the next one is due, milliseconds: the schedule that Standard Webhooks recommends
/// (specification, "Deliverability and reliability"), 75 hours and 35 minutes in all. A sweep makes the attempts, so each may
/// be a few minutes later.
const DELAYS_MS: [i64; 9] = [
    5 * SECOND_MS,
    5 * MINUTE_MS,
    30 * MINUTE_MS,
    2 * HOUR_MS,
    5 * HOUR_MS,
    10 * HOUR_MS,
    14 * HOUR_MS,
    20 * HOUR_MS,
    24 * HOUR_MS,
];

/// After this, milliseconds since the event, no further attempt is made, also where fewer than ten were made.
pub const GIVEN_UP_MS: i64 = 4 * 24 * HOUR_MS;

/// The longest wait that a target's `Retry-After` is followed for, milliseconds.
const RETRY_AFTER_MS_MAX: i64 = 24 * HOUR_MS;

/// The invocation that enters an end makes the first attempt at once. Sweeps make it after this, milliseconds, if it was lost.
pub const FIRST_ATTEMPT_MS: i64 = MINUTE_MS;

/// How far a notification has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum NotificationState {
    /// An attempt is due, now or later.
    Pending,
    /// The target answered with a 2xx.
    Delivered,
    /// The target was not told: it said that it is gone, it is not configured any more, or the last attempt failed.
    Failed,
}

/// A notification of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The target.
    pub target: TargetName,
    /// What it is told.
    pub event: RunEvent,
    /// How far it has come.
    pub state: NotificationState,
    /// When the event happened.
    pub since: Timestamp,
    /// How many attempts were made.
    pub attempts: u32,
    /// When the next attempt is due, while it is pending.
    pub not_before: Timestamp,
    /// When it was delivered or given up.
    pub finished_at: Option<Timestamp>,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempted {
    /// The target answered with a 2xx.
    Delivered,
    /// The target must not be asked again: it answered 410, or it is not configured.
    Stopped(String),
    /// Another attempt may succeed.
    Failed {
        /// What happened; no part of the target's address.
        reason: String,
        /// How long the target asks to wait, milliseconds.
        retry_after_ms: Option<i64>,
    },
}

/// When the next attempt is due, after so many `attempts` of which the last one failed now; `None`: it was the last one. `since`
/// is when the event happened, `retry_after_ms` how long the target asks to wait.
fn next_attempt_at(
    attempts: u32,
    since: Timestamp,
    retry_after_ms: Option<i64>,
    now: Timestamp,
) -> Option<Timestamp> {
    let delay_ms = DELAYS_MS.get(attempts.checked_sub(1)? as usize)?;
    let asked_ms = retry_after_ms.unwrap_or(0).min(RETRY_AFTER_MS_MAX);
    (now.since_ms(since) < GIVEN_UP_MS).then(|| now.plus_ms((*delay_ms).max(asked_ms)))
}

impl Attempted {
    /// What the attempt with the number `attempts`, which ended now, leaves behind: the state, when the next attempt is due if
    /// there is one, and the error. `since` is when the event happened.
    #[must_use]
    pub fn judge(
        self,
        attempts: u32,
        since: Timestamp,
        now: Timestamp,
    ) -> (NotificationState, Option<Timestamp>, Option<String>) {
        match self {
            Self::Delivered => (NotificationState::Delivered, None, None),
            Self::Stopped(reason) => (NotificationState::Failed, None, Some(reason)),
            Self::Failed { reason, retry_after_ms } => {
                let not_before = next_attempt_at(attempts, since, retry_after_ms, now);
                let state =
                    if not_before.is_some() { NotificationState::Pending } else { NotificationState::Failed };
                (state, not_before, Some(reason))
            }
        }
    }
}

impl Notification {
    fn new(target: TargetName, event: RunEvent, since: Timestamp) -> Self {
        Self {
            target,
            event,
            state: NotificationState::Pending,
            since,
            attempts: 0,
            not_before: since.plus_ms(FIRST_ATTEMPT_MS),
            finished_at: None,
            error: None,
        }
    }

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

    /// Records an attempt that ended now.
    pub fn record(&mut self, attempted: Attempted, now: Timestamp) {
        if !self.is_pending() {
            return;
        }
        self.attempts = self.attempts.saturating_add(1);
        let (state, not_before, error) = attempted.judge(self.attempts, self.since, now);
        self.state = state;
        self.not_before = not_before.unwrap_or(self.not_before);
        self.error = error;
        if !self.is_pending() {
            self.finished_at = Some(now);
        }
    }
}

impl Run {
    /// What targets are notified of in its present state.
    #[must_use]
    pub fn event(&self) -> Option<RunEvent> {
        match self.status {
            Status::Completed => Some(RunEvent::Completed),
            Status::Failed => Some(RunEvent::Failed),
            Status::Canceled => Some(RunEvent::Canceled),
            Status::Unconfirmed => Some(RunEvent::Unconfirmed),
            Status::Queued | Status::InProgress | Status::Archiving => None,
        }
    }

    /// Makes the notifications of its present state, which it has reached now. Those of an earlier state end.
    pub(super) fn plan_notifications(&mut self, now: Timestamp) {
        let Some(event) = self.event() else {
            self.notifications.clear();
            return;
        };
        let subscriptions = self.settings.notify.iter();
        let wanted = subscriptions.filter(|subscription| subscription.on.contains(&event));
        self.notifications =
            wanted.map(|subscription| Notification::new(subscription.target.clone(), event, now)).collect();
    }

    /// Whether a target is still to be notified.
    #[must_use]
    pub fn has_pending_notifications(&self) -> bool {
        self.notifications.iter().any(Notification::is_pending)
    }

    /// When the next attempt to notify a target is due; `None`: nothing is pending.
    #[must_use]
    pub fn notify_at(&self) -> Option<Timestamp> {
        let pending = self.notifications.iter().filter(|notification| notification.is_pending());
        pending.map(|notification| notification.not_before).min()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::Stage;
    use super::super::tests::{at, queued_run};
    use super::*;
    use crate::hook::subscription::Subscription;

    fn name(text: &str) -> TargetName {
        TargetName::try_from(text.to_owned()).unwrap()
    }

    /// A run whose hook notifies `ops` of all, and `crm` of completed runs.
    fn watched_run() -> Run {
        let mut run = queued_run();
        Arc::make_mut(&mut run.settings).notify = vec![
            Subscription { target: name("ops"), on: RunEvent::ALL.to_vec() },
            Subscription { target: name("crm"), on: vec![RunEvent::Completed] },
        ];
        run
    }

    fn failed_run() -> Run {
        let mut run = watched_run();
        run.fail(Stage::Start, "no", at(0));
        run
    }

    fn failure(retry_after_ms: Option<i64>) -> Attempted {
        Attempted::Failed { reason: "HTTP 500".into(), retry_after_ms }
    }

    #[test]
    fn an_end_is_told_to_the_targets_that_want_to_know() {
        let run = failed_run();
        let told: Vec<_> = run.notifications.iter().map(|told| (told.target.as_str(), told.event)).collect();
        assert_eq!(told, [("ops", RunEvent::Failed)]);
        assert_eq!(run.notify_at(), Some(at(FIRST_ATTEMPT_MS)));
        let mut parked = watched_run();
        parked.park(1, "HTTP 500", at(0));
        assert_eq!(parked.notifications[0].event, RunEvent::Unconfirmed);
        parked.start_later(1, at(9));
        assert!(parked.notifications.is_empty(), "it is not unconfirmed any more");
        assert!(watched_run().notifications.is_empty());
    }

    #[test]
    fn attempts_follow_the_schedule_of_standard_webhooks_for_three_days() {
        let mut run = failed_run();
        let notification = &mut run.notifications[0];
        let (mut now, mut waits) = (at(0), Vec::new());
        while notification.is_pending() {
            notification.record(failure(None), now);
            if notification.is_pending() {
                waits.push(notification.not_before.since_ms(now) / SECOND_MS);
                now = notification.not_before;
            }
        }
        assert_eq!(waits, [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]);
        assert_eq!((notification.state, notification.attempts), (NotificationState::Failed, 10));
        assert_eq!(notification.error.as_deref(), Some("HTTP 500"));
        assert_eq!(notification.finished_at, Some(now));
    }

    #[test]
    fn a_target_may_ask_for_a_longer_wait_of_at_most_a_day() {
        for (asked_ms, expected_ms) in
            [(0, 5 * SECOND_MS), (HOUR_MS, HOUR_MS), (300 * HOUR_MS, RETRY_AFTER_MS_MAX)]
        {
            let mut run = failed_run();
            run.notifications[0].record(failure(Some(asked_ms)), at(0));
            assert_eq!(run.notify_at(), Some(at(expected_ms)));
        }
    }

    #[test]
    fn what_is_delivered_or_stopped_is_over() {
        for (attempted, state) in [
            (Attempted::Delivered, NotificationState::Delivered),
            (Attempted::Stopped("HTTP 410".into()), NotificationState::Failed),
        ] {
            let mut run = failed_run();
            run.notifications[0].record(attempted, at(5));
            run.notifications[0].record(failure(None), at(6));
            let notification = &run.notifications[0];
            assert_eq!(
                (notification.state, notification.attempts, notification.finished_at),
                (state, 1, Some(at(5)))
            );
            assert!(!run.has_pending_notifications());
        }
    }

    #[test]
    fn attempts_that_were_delayed_end_after_four_days() {
        let mut run = failed_run();
        run.notifications[0].record(failure(None), at(GIVEN_UP_MS - 1));
        assert!(run.has_pending_notifications());
        run.notifications[0].record(failure(None), at(GIVEN_UP_MS));
        assert!(!run.has_pending_notifications());
    }
}
