//! R2 `INBOX`: `handshakes/{hook}`, the token that a handshake brought.

use super::r2_inbox::unwritable;
use super::world::Cloudflare;
use crate::hook::HookName;
use crate::http::runtime::HandshakeTokens;
use crate::ports::{StoreError, Version};
use crate::verify::offered_secret::OfferedSecret;

impl HandshakeTokens for Cloudflare {
    async fn get_token(&self, hook: &HookName) -> Result<Option<(OfferedSecret, Version)>, StoreError> {
        self.read_object(&key(hook)).await
    }

    async fn put_token(
        &self,
        hook: &HookName,
        token: &OfferedSecret,
        expected: Option<&Version>,
    ) -> Result<bool, StoreError> {
        let text = serde_json::to_string(token).map_err(|error| unwritable(&error))?;
        let replaced = expected.map(|version| version.etag.as_str());
        Ok(self.inbox.put(&key(hook), &text, replaced).await?.is_some())
    }
}

fn key(hook: &HookName) -> String {
    format!("handshakes/{hook}")
}
