//! A secret that a handshake brings before the hook has one: which of several is kept for the operator, and how long it
//! is shown.
//!
//! Anybody can send such a handshake while the secret is not set. The first token stays for its hour, so that a stranger
//! who sends another a minute later changes nothing, and makes no write. It knows the time it is given, and no store.

use serde::{Deserialize, Serialize};

use crate::timestamp::{HOUR_MS, Timestamp};

/// How long the first token stays, whatever comes after it, milliseconds. After that the next one takes its place: the
/// sender's, when the operator has it sent again.
pub const STAYS_MS: i64 = HOUR_MS;

/// How long a token is shown, milliseconds.
pub const SHOWN_MS: i64 = 24 * HOUR_MS;

/// What is stored of it: at the most one a hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brought {
    /// The token as the handshake brought it.
    pub token: String,
}

/// What becomes of a token that is brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// It is stored: there is none.
    Create,
    /// It is stored in place of one that had its hour.
    Replace,
    /// It is not stored: one that came before has its hour.
    Leave,
}

impl Keep {
    /// Decides about a token that comes `now`, where one was stored at `standing` or none was.
    #[must_use]
    pub fn of(standing: Option<Timestamp>, now: Timestamp) -> Self {
        match standing {
            None => Self::Create,
            Some(at) if now.since_ms(at) < STAYS_MS => Self::Leave,
            Some(_) => Self::Replace,
        }
    }
}

/// Whether a token that was stored `at` is shown to the operator `now`.
#[must_use]
pub fn is_shown(at: Timestamp, now: Timestamp) -> bool {
    now.since_ms(at) < SHOWN_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_760_000_000_000);

    #[test]
    fn the_first_token_stays_for_its_hour() {
        assert_eq!(Keep::of(None, AT), Keep::Create);
        for (after_ms, expected) in
            [(0, Keep::Leave), (-1000, Keep::Leave), (STAYS_MS - 1, Keep::Leave), (STAYS_MS, Keep::Replace)]
        {
            assert_eq!(Keep::of(Some(AT), AT.plus_ms(after_ms)), expected, "{after_ms}");
        }
    }

    #[test]
    fn a_token_is_shown_for_a_day() {
        assert!(is_shown(AT, AT) && is_shown(AT, AT.plus_ms(SHOWN_MS - 1)));
        assert!(!is_shown(AT, AT.plus_ms(SHOWN_MS)));
    }
}
