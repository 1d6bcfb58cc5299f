//! The version that a shape states.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The version of a shape. It is written as `NEWEST`; a newer one cannot be read. Its default is for records without a
/// version, which are version 0.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Version<const NEWEST: u32>;

impl<const NEWEST: u32> Serialize for Version<NEWEST> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(NEWEST)
    }
}

impl<'de, const NEWEST: u32> Deserialize<'de> for Version<NEWEST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let version = u64::deserialize(deserializer)?;
        if version > u64::from(NEWEST) {
            let reason =
                format!("the record has version {version}, and {NEWEST} is the newest that is known");
            return Err(de::Error::custom(reason));
        }
        Ok(Self)
    }
}
