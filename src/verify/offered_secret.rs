//! A secret that a sender offers in a handshake before the hook has one: which of several offers is stored for the
//! operator, and for how long it is shown.
//!
//! While the secret is not set, any caller can send such a handshake. The first offer is kept for an hour, so that a later
//! one of another caller changes nothing and causes no write. These functions access no store.

use serde::{Deserialize, Serialize};

use crate::timestamp::{HOUR_MS, Timestamp};

/// How long a stored offer cannot be replaced, milliseconds. After that the next offer replaces it: the sender's own, when
/// the operator has it sent again.
pub const KEPT_MS: i64 = HOUR_MS;

/// How long a stored offer is shown to the operator, milliseconds.
pub const SHOWN_MS: i64 = 24 * HOUR_MS;

/// The stored object; each hook has at most one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedSecret {
    /// The secret as the handshake offered it.
    pub token: String,
}

/// What to do with an offered secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferDecision {
    /// Store it: nothing is stored.
    Create,
    /// Store it in place of the stored one, which is older than [`KEPT_MS`].
    Replace,
    /// Ignore it: the stored one is younger than [`KEPT_MS`].
    Ignore,
}

impl OfferDecision {
    /// Decides about an offer that arrives at `now`; `stored_at` is when the stored one was written.
    #[must_use]
    pub fn new(stored_at: Option<Timestamp>, now: Timestamp) -> Self {
        match stored_at {
            None => Self::Create,
            Some(at) if now.since_ms(at) < KEPT_MS => Self::Ignore,
            Some(_) => Self::Replace,
        }
    }
}

/// Whether an offer that was stored at `stored_at` is still shown to the operator.
#[must_use]
pub fn is_shown(stored_at: Timestamp, now: Timestamp) -> bool {
    now.since_ms(stored_at) < SHOWN_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_760_000_000_000);

    #[test]
    fn the_first_offer_is_kept_for_an_hour() {
        assert_eq!(OfferDecision::new(None, AT), OfferDecision::Create);
        for (after_ms, expected) in [
            (0, OfferDecision::Ignore),
            (-1000, OfferDecision::Ignore),
            (KEPT_MS - 1, OfferDecision::Ignore),
            (KEPT_MS, OfferDecision::Replace),
        ] {
            assert_eq!(OfferDecision::new(Some(AT), AT.plus_ms(after_ms)), expected, "{after_ms}");
        }
    }

    #[test]
    fn an_offer_is_shown_for_a_day() {
        assert!(is_shown(AT, AT) && is_shown(AT, AT.plus_ms(SHOWN_MS - 1)));
        assert!(!is_shown(AT, AT.plus_ms(SHOWN_MS)));
    }
}
