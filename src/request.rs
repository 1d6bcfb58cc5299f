//! A request as it arrived: its headers, query and body, and where values are found in it.
//!
//! Nothing in it is verified. It knows no hook and no sender, and imports only [`document`](crate::document) and
//! [`timestamp`](crate::timestamp).

pub mod body;
mod raw;
pub mod source;

pub use raw::RawRequest;
