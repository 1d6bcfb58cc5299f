//! R2 `INBOX`: `sweeps/heartbeat`, when a sweep last listed the open runs.

use std::cell::RefCell;

use super::r2_inbox::unwritable;
use super::world::Cloudflare;
use crate::ports::{Heartbeat, Heartbeats, StoreError, Version};

const KEY: &str = "sweeps/heartbeat";

impl Heartbeats for Cloudflare {
    async fn get_heartbeat(&self) -> Result<Option<(Heartbeat, Version)>, StoreError> {
        let read = |text: &str| Ok(serde_json::from_str(text).unwrap_or_else(|_| Heartbeat::unreadable()));
        self.read_with(KEY, read).await
    }

    async fn put_heartbeat(
        &self,
        heartbeat: &Heartbeat,
        expected: Option<&Version>,
    ) -> Result<bool, StoreError> {
        let text = serde_json::to_string(heartbeat).map_err(|error| unwritable(&error))?;
        let replaced = expected.map(|version| version.etag.as_str());
        Ok(self.inbox.put(KEY, &text, replaced).await?.is_some())
    }

    fn known_heartbeat(&self) -> &RefCell<Option<Heartbeat>> {
        &self.known_heartbeat
    }
}
