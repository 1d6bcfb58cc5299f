//! R2 `INBOX`: `handshakes/{hook}`, the token that a handshake brought.

use worker::Conditional;

use super::r2_inbox::{failed, uploaded};
use super::world::Cloudflare;
use crate::hook::HookName;
use crate::http::runtime::HandshakeTokens;
use crate::ports::{StoreError, Version};
use crate::verify::offered_secret::OfferedSecret;

impl HandshakeTokens for Cloudflare {
    async fn get_token(&self, hook: &HookName) -> Result<Option<(OfferedSecret, Version)>, StoreError> {
        let read = self.read_object(key(hook)).await?;
        Ok(read.map(|(token, object)| (token, Version { etag: object.etag(), at: uploaded(&object) })))
    }

    async fn put_token(
        &self,
        hook: &HookName,
        token: &OfferedSecret,
        expected: Option<&Version>,
    ) -> Result<bool, StoreError> {
        let body = serde_json::to_string(token).map_err(|error| failed(&error))?;
        let put = self.inbox.put(key(hook), body).only_if(expects(expected)).execute().await;
        put.map(|object| object.is_some()).map_err(|error| failed(&error))
    }
}

/// The condition of a put: that the stored object has this version, or that there is none.
pub(super) fn expects(version: Option<&Version>) -> Conditional {
    match version {
        Some(version) => Conditional { etag_matches: Some(version.etag.clone()), ..Conditional::default() },
        None => Conditional { etag_does_not_match: Some("*".to_owned()), ..Conditional::default() },
    }
}

fn key(hook: &HookName) -> String {
    format!("handshakes/{hook}")
}
