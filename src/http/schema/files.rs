//! Links to files.

use serde::{Deserialize, Serialize};

use crate::link::ExpiresIn;
use crate::timestamp::Timestamp;

/// The body of `POST /api/runs/{run_id}/files/{file_id}/link`; may be left out.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LinkRequest {
    /// How long the link works, seconds: 1 to 604,800; 3,600 if it is absent or `null`.
    #[serde(default)]
    pub expires_in: Option<ExpiresIn>,
}

/// The answer to `POST /api/runs/{run_id}/files/{file_id}/link`.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct LinkAnswer {
    /// The whole address of the link.
    pub url: String,
    /// The time from which on the link does not work.
    pub expires_at: Timestamp,
}
