//! Whether Fabricate refuses our API key: what an isolate heard last, added to what is stored of earlier answers.
//!
//! A 401 is about the key, a 403 about one workspace that it does not cover. Only a later answer that accepts the key takes a
//! refusal back. It has no clock and stores nothing.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{StartOutcome, StatusError, Task};
use crate::timestamp::{HOUR_MS, Timestamp};

/// The most refusals that are remembered: of the key, and of workspaces. More would only lengthen a list.
const REFUSALS_MAX: usize = 20;

/// A refusal that did not come again for this long, milliseconds, is dropped: the attempts to start a run take a day, and nobody
/// may ask for the workspace any more.
const KEPT_MS: i64 = 25 * HOUR_MS;

/// Fabricate refuses the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRefusal {
    /// The workspace that the key does not cover (403); `None`: the key itself is refused (401).
    pub workspace: Option<String>,
    /// The first refusal.
    pub since: Timestamp,
    /// The last one.
    pub last_at: Timestamp,
}

/// What an answer says about the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyAnswer {
    /// The key opens the workspace.
    Accepted,
    /// The key is refused everywhere.
    KeyRefused,
    /// The key does not cover the workspace.
    WorkspaceRefused,
}

impl KeyAnswer {
    /// What the answer to a status request says; `None`: nothing.
    #[must_use]
    pub fn of_status(answer: &Result<Task, StatusError>) -> Option<Self> {
        match answer {
            Ok(_) | Err(StatusError::NotFound) => Some(Self::Accepted),
            Err(StatusError::Unauthorized) => Some(Self::KeyRefused),
            Err(StatusError::Forbidden) => Some(Self::WorkspaceRefused),
            Err(_) => None,
        }
    }

    /// What the outcome of a start says; `None`: nothing.
    #[must_use]
    pub fn of_start(outcome: &StartOutcome) -> Option<Self> {
        match outcome {
            StartOutcome::Started(_) => Some(Self::Accepted),
            StartOutcome::NotStarted { status: Some(401), .. } => Some(Self::KeyRefused),
            StartOutcome::NotStarted { status: Some(403), .. } => Some(Self::WorkspaceRefused),
            _ => None,
        }
    }
}

/// The last answers about the key that this isolate heard.
#[derive(Debug, Default)]
pub struct Credentials(RefCell<BTreeMap<Option<String>, (bool, Timestamp)>>);

impl Credentials {
    /// Records an answer about a workspace.
    pub fn record(&self, workspace: &str, answer: KeyAnswer, now: Timestamp) {
        let mut heard = self.0.borrow_mut();
        // Any other answer than a 401 shows that Fabricate knows the key.
        heard.insert(None, (answer == KeyAnswer::KeyRefused, now));
        let is_known = heard.keys().flatten().any(|known| known == workspace);
        if answer != KeyAnswer::KeyRefused && (is_known || make_room(&mut heard)) {
            heard.insert(Some(workspace.to_owned()), (answer == KeyAnswer::WorkspaceRefused, now));
        }
    }

    /// The refusals that hold now: those that were stored then, and what was heard since.
    #[must_use]
    pub fn refusals(&self, stored: &[KeyRefusal], stored_at: Timestamp, now: Timestamp) -> Vec<KeyRefusal> {
        let mut refusals: BTreeMap<Option<String>, KeyRefusal> =
            stored.iter().map(|refusal| (refusal.workspace.clone(), refusal.clone())).collect();
        for (workspace, (is_refused, at)) in &*self.0.borrow() {
            match refusals.get_mut(workspace) {
                Some(refusal) if *at < refusal.last_at => {}
                Some(refusal) if *is_refused => refusal.last_at = *at,
                Some(_) => drop(refusals.remove(workspace)),
                // Another isolate has heard since that it is accepted.
                None if *at < stored_at => {}
                None if *is_refused => {
                    let refusal = KeyRefusal { workspace: workspace.clone(), since: *at, last_at: *at };
                    refusals.insert(workspace.clone(), refusal);
                }
                None => {}
            }
        }
        let kept = refusals.into_values().filter(|refusal| now.since_ms(refusal.last_at) < KEPT_MS);
        kept.take(REFUSALS_MAX).collect()
    }
}

/// Whether one more workspace can be remembered: of those that were accepted, the one that was heard first makes room.
fn make_room(heard: &mut BTreeMap<Option<String>, (bool, Timestamp)>) -> bool {
    if heard.len() < REFUSALS_MAX {
        return true;
    }
    let accepted = heard.iter().filter(|(workspace, (is_refused, _))| workspace.is_some() && !is_refused);
    let oldest = accepted.min_by_key(|(_, (_, at))| *at).map(|(workspace, _)| workspace.clone());
    oldest.is_some_and(|workspace| heard.remove(&workspace).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::at;

    fn refusal(workspace: Option<&str>, since: i64, last_at: i64) -> KeyRefusal {
        KeyRefusal { workspace: workspace.map(str::to_owned), since: at(since), last_at: at(last_at) }
    }

    #[test]
    fn a_refusal_holds_until_a_later_answer_accepts_the_key() {
        let heard = Credentials::default();
        assert_eq!(heard.refusals(&[], at(0), at(0)), []);
        heard.record("a", KeyAnswer::KeyRefused, at(1));
        let refused = heard.refusals(&[], at(0), at(1));
        assert_eq!(refused, [refusal(None, 1, 1)]);
        heard.record("a", KeyAnswer::KeyRefused, at(5));
        assert_eq!(heard.refusals(&refused, at(1), at(5)), [refusal(None, 1, 5)]);
        heard.record("b", KeyAnswer::WorkspaceRefused, at(7));
        let refused = heard.refusals(&refused, at(1), at(7));
        assert_eq!(refused, [refusal(Some("b"), 7, 7)], "the key is known");
        heard.record("a", KeyAnswer::Accepted, at(8));
        assert_eq!(heard.refusals(&refused, at(7), at(8)), refused, "another workspace");
        heard.record("b", KeyAnswer::Accepted, at(9));
        assert_eq!(heard.refusals(&refused, at(7), at(9)), []);
    }

    #[test]
    fn another_isolate_keeps_what_is_stored_and_an_old_answer_changes_nothing() {
        let stored = [refusal(None, 1, 10)];
        assert_eq!(Credentials::default().refusals(&stored, at(10), at(20)), stored);
        let heard = Credentials::default();
        heard.record("a", KeyAnswer::Accepted, at(9));
        assert_eq!(heard.refusals(&stored, at(10), at(20)), stored);
        let heard = Credentials::default();
        heard.record("a", KeyAnswer::KeyRefused, at(9));
        assert_eq!(heard.refusals(&[], at(10), at(20)), []);
    }

    #[test]
    fn refusals_are_few_and_do_not_stay_for_ever() {
        let heard = Credentials::default();
        for workspace in 0..100 {
            heard.record(&workspace.to_string(), KeyAnswer::WorkspaceRefused, at(0));
        }
        assert_eq!(heard.refusals(&[], at(0), at(0)).len(), REFUSALS_MAX - 1);
        assert_eq!(heard.refusals(&[], at(0), at(KEPT_MS)), []);
    }

    #[test]
    fn answers_say_whether_the_key_is_accepted() {
        let start = |status| {
            let reason = String::new();
            StartOutcome::NotStarted { status, reason, retry_after_ms: None, for_key: true }
        };
        assert_eq!(KeyAnswer::of_start(&start(Some(401))), Some(KeyAnswer::KeyRefused));
        assert_eq!(KeyAnswer::of_start(&start(Some(403))), Some(KeyAnswer::WorkspaceRefused));
        assert_eq!(KeyAnswer::of_start(&start(None)), None, "no key is set");
        assert_eq!(KeyAnswer::of_status(&Err(StatusError::Unauthorized)), Some(KeyAnswer::KeyRefused));
        assert_eq!(KeyAnswer::of_status(&Err(StatusError::Forbidden)), Some(KeyAnswer::WorkspaceRefused));
        assert_eq!(KeyAnswer::of_status(&Err(StatusError::NotFound)), Some(KeyAnswer::Accepted));
        assert_eq!(KeyAnswer::of_status(&Err(StatusError::Unavailable("down".to_owned()))), None);
    }

    #[test]
    fn a_refusal_finds_room_among_many_accepted_workspaces() {
        let heard = Credentials::default();
        for number in 0..100 {
            heard.record(&format!("w{number}"), KeyAnswer::Accepted, at(number));
        }
        heard.record("refused", KeyAnswer::WorkspaceRefused, at(200));
        assert_eq!(heard.refusals(&[], at(0), at(201)), [refusal(Some("refused"), 200, 200)]);
        assert_eq!(heard.0.borrow().len(), REFUSALS_MAX);
    }
}
