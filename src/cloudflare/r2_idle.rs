//! R2 `INBOX`: `sweeps/idle`, the hint that no run is open.

use std::cell::Cell;

use super::r2_inbox::unwritable;
use super::world::Cloudflare;
use crate::ports::{IdleHint, IdleHints, StoreError, Version};
use crate::timestamp::Timestamp;

const KEY: &str = "sweeps/idle";

impl IdleHints for Cloudflare {
    async fn get_hint(&self) -> Result<Option<(IdleHint, Version)>, StoreError> {
        self.read_object(KEY).await
    }

    async fn put_hint(&self, hint: &IdleHint, expected: Option<&Version>) -> Result<bool, StoreError> {
        let text = serde_json::to_string(hint).map_err(|error| unwritable(&error))?;
        let replaced = expected.map(|version| version.etag.as_str());
        Ok(self.inbox.put(KEY, &text, replaced).await?.is_some())
    }

    async fn delete_hint(&self) -> Result<(), StoreError> {
        self.inbox.delete(KEY).await
    }

    fn hint_deleted_at(&self) -> &Cell<Option<Timestamp>> {
        &self.hint_deleted_at
    }
}
