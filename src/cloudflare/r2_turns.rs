//! R2 `INBOX`: `turns/{hash of key}`, which of the runs that wait for each other may start.

use super::r2_inbox::unwritable;
use super::world::Cloudflare;
use crate::ports::{StoreError, Turns, Version};
use crate::records::Record;
use crate::run::{Turn, TurnKey};

fn object_key(key: &TurnKey) -> String {
    format!("turns/{}", key.as_str())
}

impl Turns for Cloudflare {
    async fn get_turn(&self, key: &TurnKey) -> Result<Option<(Turn, Version)>, StoreError> {
        self.read_with(&object_key(key), Turn::from_json).await
    }

    async fn put_turn(
        &self,
        key: &TurnKey,
        turn: &Turn,
        expected: Option<&Version>,
    ) -> Result<bool, StoreError> {
        let text = turn.to_json().map_err(|error| unwritable(&error))?;
        let replaced = expected.map(|version| version.etag.as_str());
        Ok(self.inbox.put(&object_key(key), &text, replaced).await?.is_some())
    }
}
