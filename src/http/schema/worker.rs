//! The Worker itself: whether it is ready, and what its caller may do.

use serde::Serialize;

use crate::http::api_token::Role;
use crate::http::caller::SignedInBy;
use crate::service::health::HealthProblem;
use crate::timestamp::Timestamp;

/// The answer to `GET /health`.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Health {
    /// Whether the Worker does its work.
    pub status: HealthStatus,
    /// The version of seedhook; absent without a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<&'static str>,
    /// Everything that is wrong; absent without a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problems: Option<Vec<HealthProblem>>,
    /// The last heartbeat of the sweeps; absent without a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweeps: Option<HealthSweeps>,
}

/// Whether the Worker does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// It does.
    Ok,
    /// Something is wrong.
    Unhealthy,
}

/// The last heartbeat of the sweeps: one every ten minutes at most, while runs are open.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct HealthSweeps {
    /// When its sweep was due; `null` if there is none.
    pub last_at: Option<Timestamp>,
    /// How many runs were open then; `null` if there is none.
    pub open: Option<usize>,
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
