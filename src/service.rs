//! The use cases over the ports: preview and receive a delivery, advance a run, sweep, reconcile, list and read runs; and the operator's
//! decisions.
//!
//! Nothing here knows Cloudflare, and nothing but [`advance`] moves a run: a webhook and a sweep only poke it.
//!
//! What is rare or large is waited for in a box (`Box::pin`): a future is as large as the largest that it may wait for,
//! and is moved whole before it begins. A sweep that finds nothing due should not carry the copying of a file along.

mod accept;
pub mod advance;
mod archive;
mod at_once;
mod batch;
mod budget;
mod decide;
pub mod operate;
pub mod plan;
pub mod preview;
pub mod queries;
pub mod receive;
pub mod reconcile;
mod record;
mod redeliver;
pub mod retry;
pub mod retry_many;
pub mod sweep;

use crate::ports::Clock;

pub use budget::Budget;

/// A name for one attempt to write, so that it can be told from another's after a lost answer.
fn author(world: &impl Clock) -> String {
    base16ct::lower::encode_string(&world.random())
}
