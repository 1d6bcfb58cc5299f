//! The keys of Cloudflare Access that an isolate keeps, and when it asks for them again. It fetches nothing itself.

use std::cell::RefCell;
use std::rc::Rc;

use crate::timestamp::{HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};
use crate::verify::access::AccessKey;

/// How long keys are taken without asking again, milliseconds. Access changes its key every six weeks, and accepts the one
/// before for another week.
const FRESH_MS: i64 = HOUR_MS;

/// How long keys are taken while no newer ones can be fetched, milliseconds.
const KEPT_MS: i64 = 24 * HOUR_MS;

/// The time from one request to the next, milliseconds: tokens with keys that nobody knows cost no more.
const PAUSE_MS: i64 = MINUTE_MS;

/// The same while there is no key, so that nobody gets in.
const PAUSE_WITHOUT_KEYS_MS: i64 = 10 * SECOND_MS;

/// How long the answer may take, milliseconds.
pub(super) const ANSWER_MS: u32 = 5_000;

/// The keys that are known, and the last request for them.
#[derive(Debug, Default)]
pub(super) struct AccessKeys(RefCell<Known>);

#[derive(Debug, Default)]
struct Known {
    keys: Vec<Rc<AccessKey>>,
    fetched_at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
    /// Whether the answer to the last request is awaited.
    is_fetching: bool,
}

/// What there is for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// Its key.
    Key(Rc<AccessKey>),
    /// The team has no such key.
    Unknown,
    /// The keys have to be fetched, by the caller; [`AccessKeys::record`] ends it.
    Fetch,
    /// Another call fetches them.
    Wait,
    /// There are no keys, and it was tried just now.
    Unavailable,
}

impl AccessKeys {
    /// Looks for the key of a token.
    pub(super) fn find(&self, id: &str, now: Timestamp) -> Found {
        let mut known = self.0.borrow_mut();
        let age_ms = known.fetched_at.map_or(i64::MAX, |fetched_at| now.since_ms(fetched_at));
        if age_ms >= KEPT_MS {
            known.keys.clear();
        }
        let key = known.keys.iter().find(|key| key.id == id).cloned();
        let pause_ms = if known.keys.is_empty() { PAUSE_WITHOUT_KEYS_MS } else { PAUSE_MS };
        let tried_ms = known.tried_at.map_or(i64::MAX, |tried_at| now.since_ms(tried_at));
        // A call that broke off records nothing.
        let is_fetching = known.is_fetching && tried_ms <= i64::from(ANSWER_MS);
        match key {
            Some(key) if age_ms < FRESH_MS || tried_ms < pause_ms => Found::Key(key),
            None if is_fetching => Found::Wait,
            None if tried_ms < pause_ms && known.keys.is_empty() => Found::Unavailable,
            None if tried_ms < pause_ms => Found::Unknown,
            _ => {
                known.tried_at = Some(now);
                known.is_fetching = true;
                Found::Fetch
            }
        }
    }

    /// Takes the keys that were fetched; `None`: there was no answer with keys.
    pub(super) fn record(&self, keys: Option<Vec<AccessKey>>, now: Timestamp) {
        let mut known = self.0.borrow_mut();
        known.is_fetching = false;
        if let Some(keys) = keys {
            known.keys = keys.into_iter().map(Rc::new).collect();
            known.fetched_at = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::at;
    use crate::verify::access::testing::{OLD, key_set};

    fn keys(ids: &[&str]) -> Vec<AccessKey> {
        let set = key_set(&ids.iter().map(|id| (*id, &*OLD)).collect::<Vec<_>>());
        AccessKey::read_all(set.as_bytes())
    }

    #[track_caller]
    fn check(known: &AccessKeys, id: &str, at_ms: i64, expected: &str) {
        let found = match known.find(id, at(at_ms)) {
            Found::Key(key) => key.id.clone(),
            other => format!("{other:?}"),
        };
        assert_eq!(found, expected, "at {at_ms} ms");
    }

    #[test]
    fn keys_are_fresh_for_an_hour_and_kept_for_a_day() {
        let known = AccessKeys::default();
        check(&known, "a", 0, "Fetch");
        known.record(Some(keys(&["a"])), at(0));
        check(&known, "a", HOUR_MS - 1, "a");
        check(&known, "a", HOUR_MS, "Fetch");
        check(&known, "a", HOUR_MS, "a");
        known.record(None, at(HOUR_MS));
        check(&known, "a", HOUR_MS + MINUTE_MS - 1, "a");
        check(&known, "a", HOUR_MS + MINUTE_MS, "Fetch");
        known.record(None, at(HOUR_MS + MINUTE_MS));
        check(&known, "a", KEPT_MS - 1, "Fetch");
        check(&known, "a", KEPT_MS - 1, "a");
        check(&known, "a", KEPT_MS, "Wait");
        known.record(None, at(KEPT_MS));
        check(&known, "a", KEPT_MS, "Unavailable");
    }

    #[test]
    fn an_unknown_key_is_asked_for_once_a_minute() {
        let known = AccessKeys::default();
        check(&known, "a", 0, "Fetch");
        known.record(Some(keys(&["a"])), at(0));
        check(&known, "b", MINUTE_MS - 1, "Unknown");
        check(&known, "b", MINUTE_MS, "Fetch");
        known.record(Some(keys(&["a"])), at(MINUTE_MS));
        for garbage in ["b", "c", ""] {
            check(&known, garbage, 2 * MINUTE_MS - 1, "Unknown");
        }
        check(&known, "a", 2 * MINUTE_MS - 1, "a");
        check(&known, "b", 2 * MINUTE_MS, "Fetch");
        known.record(Some(keys(&["b"])), at(2 * MINUTE_MS));
        check(&known, "b", 2 * MINUTE_MS, "b");
        check(&known, "a", 2 * MINUTE_MS, "Unknown");
    }

    #[test]
    fn calls_wait_for_the_one_that_fetches_unless_it_breaks_off() {
        let known = AccessKeys::default();
        check(&known, "a", 0, "Fetch");
        check(&known, "a", 1, "Wait");
        check(&known, "a", 5_000, "Wait");
        check(&known, "a", 5_001, "Unavailable");
        check(&known, "a", 10_000, "Fetch");
        known.record(None, at(10_000));
        check(&known, "a", 10_001, "Unavailable");
        check(&known, "a", 20_000, "Fetch");
        known.record(Some(keys(&["a"])), at(20_000));
        check(&known, "a", 20_001, "a");
    }
}
