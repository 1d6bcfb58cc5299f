//! The use cases over the ports: receive a delivery, advance a run, sweep, reconcile, look.
//!
//! Nothing here knows Cloudflare, and nothing but [`advance`] moves a run: a webhook and a sweep only poke it.

pub mod advance;
mod archive;
mod decide;
pub mod look;
pub mod receive;
pub mod reconcile;
mod record;
pub mod sweep;

use std::cell::Cell;

/// How many outbound requests may still be made in this invocation.
#[derive(Debug)]
pub struct Budget(Cell<u32>);

impl Budget {
    /// A budget of `requests`.
    #[must_use]
    pub fn new(requests: u32) -> Self {
        Self(Cell::new(requests))
    }

    /// Takes one request; `false` when there is none left.
    pub fn take(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left > 0
    }
}

/// A name for one attempt to write, so that it can be told from another's after a lost answer.
fn author(world: &impl crate::ports::Clock) -> String {
    hex::encode(world.random())
}
