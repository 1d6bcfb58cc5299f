//! Deliveries that started nothing.

use serde::Serialize;

use crate::http::recent::ring::RecentDelivery;
use crate::ports::KeptId;
use crate::service::kept::expires_at;
use crate::timestamp::Timestamp;

/// The answer to `GET /api/deliveries`.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct RecentList {
    /// Newest first.
    pub deliveries: Vec<RecentDelivery>,
}

/// The answer to `GET /api/hooks/{hook}/ignored`.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct KeptList {
    /// Newest first.
    pub kept: Vec<KeptView>,
    /// The parameter `cursor` of the next call; `null` if nothing follows.
    pub cursor: Option<String>,
}

/// An ignored delivery that its hook keeps.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "KeptDelivery"))]
pub struct KeptView {
    /// The id under which it is kept.
    pub kept: KeptId,
    /// When it arrived.
    pub received_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
}

impl KeptView {
    pub(in crate::http) fn of(kept: KeptId) -> Self {
        Self { received_at: kept.received_at(), expires_at: expires_at(&kept), kept }
    }
}
