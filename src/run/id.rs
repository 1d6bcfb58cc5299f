//! A run's id: a version 7 UUID, so that ids sort by the time they were made.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::timestamp::{MINUTE_MS, Timestamp};

/// The latest moment that such a UUID can hold: 48 bits of milliseconds since 1970.
const MILLIS_MAX: u64 = (1 << 48) - 1;

/// A run's id, written in lower case with hyphens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(Uuid);

/// Why a text cannot be a [`RunId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a run id")]
pub struct InvalidRunId;

impl RunId {
    /// A new id of the moment `now`, of whose 16 random bytes 10 are used.
    #[must_use]
    pub fn new(now: Timestamp, random: [u8; 16]) -> Self {
        let millis = u64::try_from(now.as_millis()).unwrap_or(0).min(MILLIS_MAX);
        let mut tail = [0; 10];
        tail.iter_mut().zip(random).for_each(|(to, from)| *to = from);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid())
    }

    /// When it was made.
    #[must_use]
    pub fn created_at(self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(self.millis()).unwrap_or(0))
    }

    /// 12 hexadecimal digits that sort the newest id first.
    #[must_use]
    pub fn inverted_time(self) -> String {
        format!("{:012x}", MILLIS_MAX - self.millis())
    }

    /// A number from 0 to `period` - 1 that follows from the id's random part, so that runs spread evenly.
    #[must_use]
    pub fn spread(self, period: i64) -> i64 {
        let random = (self.0.as_u128() >> 24) & u128::from(u32::MAX);
        i64::try_from(random).unwrap_or(0).checked_rem(period).unwrap_or(0)
    }

    /// A number that orders runs of equal priority. It follows from the id and the minute, so that another run comes first
    /// each minute.
    #[must_use]
    pub fn tie_break(self, now: Timestamp) -> u32 {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let minute = u64::try_from(now.as_millis() / MINUTE_MS).unwrap_or(0);
        let (time, random) = self.0.as_u64_pair();
        let mixed = (random ^ time ^ minute.wrapping_mul(ODD)).wrapping_mul(ODD);
        u32::try_from((mixed ^ (mixed >> 29)).wrapping_mul(ODD) >> 32).unwrap_or(0)
    }

    /// The id of seedhook's own span in the trace of a run: the half of the id that has its random part.
    #[must_use]
    pub fn span_id(self) -> NonZeroU64 {
        // A UUID of version 7 has a bit of its variant in this half; only the nil UUID of `default` has none.
        NonZeroU64::new(self.0.as_u64_pair().1).unwrap_or(NonZeroU64::MIN)
    }

    fn millis(self) -> u64 {
        u64::try_from(self.0.as_u128() >> 80).unwrap_or(0)
    }
}

impl TryFrom<String> for RunId {
    type Error = InvalidRunId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl std::str::FromStr for RunId {
    type Err = InvalidRunId;

    /// Takes the hyphenated, lower-case form alone: one run has one URL.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uuid = Uuid::parse_str(text).map_err(|_| InvalidRunId)?;
        (uuid.to_string() == text).then_some(Self(uuid)).ok_or(InvalidRunId)
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.to_string()
    }
}

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_their_inversion_the_other_way() {
        let at = |millis| RunId::new(Timestamp::from_millis(millis), [7; 16]);
        let (older, newer) = (at(1_700_000_000_000), at(1_700_000_000_001));
        assert!(older < newer && older.to_string() < newer.to_string());
        assert!(older.inverted_time() > newer.inverted_time());
        assert_eq!(newer.created_at(), Timestamp::from_millis(1_700_000_000_001));
    }

    #[test]
    fn only_the_usual_form_is_read() {
        let id = RunId::new(Timestamp::from_millis(1), [0xab; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "x", &id.to_string().to_uppercase(), &id.to_string().replace('-', ""), "../x"] {
            assert_eq!(text.parse::<RunId>(), Err(InvalidRunId), "{text}");
        }
    }
}
