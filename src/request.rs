//! A request as it arrived: its headers, query and body, and how values are found in it.
//!
//! Nothing here is verified, and nothing knows a hook or a sender. It imports only [`document`](crate::document) and
//! [`timestamp`](crate::timestamp).

pub mod body;
mod raw;
pub mod source;

pub use raw::RawRequest;
