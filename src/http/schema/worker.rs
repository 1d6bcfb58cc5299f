//! The Worker itself: whether it is ready, and what its caller may do.

use serde::Serialize;

use crate::http::api_token::Role;
use crate::http::caller::SignedInBy;

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
pub struct Session<'a> {
    /// What the caller may do.
    pub role: Role,
    /// The version of seedhook.
    pub version: &'static str,
    /// Whether links to files can be made.
    #[serde(rename = "links")]
    pub has_links: bool,
    /// What says who calls.
    pub signed_in_by: SignedInBy,
    /// Who signed in by Cloudflare Access, at most 256 characters: an address of e-mail, or the common name of a service
    /// token. `null` with one of our tokens.
    pub user: Option<&'a str>,
}
