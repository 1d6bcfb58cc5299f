//! The names of the Worker's own secrets. Those that hooks check are named in the configuration.

/// The token that opens everything under `/api/`.
pub const OPERATOR_TOKEN: &str = "OPERATOR_TOKEN";
/// The token that reads everything under `/api/` and decides nothing; may be left out.
pub const READ_TOKEN: &str = "READ_TOKEN";
pub use crate::fabricate::FABRICATE_API_KEY;
pub use crate::link::LINK_SECRET;
