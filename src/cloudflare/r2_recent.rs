//! R2 `INBOX`: `recent/{shard}`, the deliveries that were refused or ignored lately.

use super::r2_inbox::unwritable;
use super::world::Cloudflare;
use crate::http::recent::ring::RecentDelivery;
use crate::http::runtime::RecentDeliveries;
use crate::ports::{StoreError, Version};

impl RecentDeliveries for Cloudflare {
    async fn get_recent(&self, shard: u8) -> Result<Option<(Vec<RecentDelivery>, Version)>, StoreError> {
        // A list of another version is replaced: it is no record of a run.
        self.read_with(&key(shard), |text| Ok(serde_json::from_str(text).unwrap_or_default())).await
    }

    async fn put_recent(
        &self,
        shard: u8,
        recent: &[RecentDelivery],
        expected: Option<&Version>,
    ) -> Result<bool, StoreError> {
        let text = serde_json::to_string(recent).map_err(|error| unwritable(&error))?;
        let replaced = expected.map(|version| version.etag.as_str());
        Ok(self.inbox.put(&key(shard), &text, replaced).await?.is_some())
    }
}

fn key(shard: u8) -> String {
    format!("recent/{shard}")
}
