//! R2 `INBOX`: `sweeps/idle`, the hint that no run is open.

use std::cell::Cell;

use super::r2_handshakes::expects;
use super::r2_inbox::{failed, uploaded};
use super::world::Cloudflare;
use crate::ports::{IdleHint, IdleHints, StoreError, Version};
use crate::timestamp::Timestamp;

const KEY: &str = "sweeps/idle";

impl IdleHints for Cloudflare {
    async fn get_hint(&self) -> Result<Option<(IdleHint, Version)>, StoreError> {
        let read = self.read_object(KEY.to_owned()).await?;
        Ok(read.map(|(hint, object)| (hint, Version { etag: object.etag(), at: uploaded(&object) })))
    }

    async fn put_hint(&self, hint: &IdleHint, expected: Option<&Version>) -> Result<bool, StoreError> {
        let body = serde_json::to_string(hint).map_err(|error| failed(&error))?;
        let put = self.inbox.put(KEY, body).only_if(expects(expected)).execute().await;
        put.map(|object| object.is_some()).map_err(|error| failed(&error))
    }

    async fn delete_hint(&self) -> Result<(), StoreError> {
        self.inbox.delete(KEY).await.map_err(|error| failed(&error))
    }

    fn hint_deleted_at(&self) -> &Cell<Option<Timestamp>> {
        &self.hint_deleted_at
    }
}
