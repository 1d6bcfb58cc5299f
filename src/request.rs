//! A request as it arrived: its headers, query and body, and how values are found in it.
//!
//! Nothing here is verified, and nothing knows a hook or a sender. It imports only [`document`](crate::document) and
//! [`timestamp`](crate::timestamp).

pub mod body;
mod raw;
mod raw_body;
pub mod source;

pub use raw::RawRequest;
pub use raw_body::RawBody;
