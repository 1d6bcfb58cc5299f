//! Telling people and programs what happened: the configured targets, the messages, and how a message becomes a request.
//!
//! Pure: no network, store or clock. [`crate::service::notify`] decides when, and the edge sends. What became of the
//! notifications of a run is in [`crate::run::Notification`].

mod discord;
pub mod ledger;
pub mod message;
mod news;
mod signature;
mod slack;
pub mod target;
mod teams;

pub use message::{Message, Severity};
pub use news::{run_message, silent_message, test_message, unhealthy_message};
pub use signature::SigningKey;
pub use target::{Format, Include, Request, Target, Targets, UnusableTarget};

#[cfg(test)]
mod tests;
