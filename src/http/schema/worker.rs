//! The Worker itself: whether it is ready, and what its caller may do.

use serde::Serialize;

use crate::http::api_token::Role;

/// The answer to `GET /health`.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Health {
    /// `ok`
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("const" = "ok")))]
    pub status: &'static str,
}

/// The answer to `GET /api/session`.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Session {
    /// What the caller's token allows.
    pub role: Role,
    /// The version of seedhook.
    pub version: &'static str,
    /// Whether links to files can be made.
    #[serde(rename = "links")]
    pub has_links: bool,
}
