//! The sample webhook: what a CRM would send when a deal is won.
//!
//! It is for one hook, that of the project's own wrangler.toml.

/// The hook that it is for.
pub(crate) const HOOK: &str = "crm-deal-won";

/// What happened, in the words of the hook's expressions.
pub(crate) const BODY: &str = r#"{"type":"deal.won","data":{"amount":25000,"seats":12,"closed_at":"2026-11-20T16:45:00Z","account":{"name":"Globex"}}}"#;
