//! The use cases over the ports: preview and receive a delivery, advance a run, sweep, reconcile, look; and the operator's
//! decisions.
//!
//! Nothing here knows Cloudflare, and nothing but [`advance`] moves a run: a webhook and a sweep only poke it.

mod accept;
pub mod advance;
mod archive;
mod decide;
pub mod look;
pub mod operate;
pub mod plan;
pub mod preview;
pub mod receive;
pub mod reconcile;
mod record;
mod redeliver;
pub mod retry;
pub mod retry_many;
pub mod sweep;

use std::cell::Cell;

use crate::timestamp::Timestamp;

/// How much may still be done in this invocation.
#[derive(Debug)]
pub struct Budget {
    requests: Cell<u32>,
    files_each: u32,
    no_file_after: Option<Timestamp>,
}

impl Budget {
    /// A budget of so many outbound requests.
    #[must_use]
    pub fn new(requests: u32) -> Self {
        Self { requests: Cell::new(requests), files_each: u32::MAX, no_file_after: None }
    }

    /// Lets each run copy at most `files_each` files, and none that would begin after a moment.
    #[must_use]
    pub fn for_files(self, files_each: u32, no_file_after: Timestamp) -> Self {
        Self { files_each, no_file_after: Some(no_file_after), ..self }
    }

    /// Takes one request; `false` when there is none left.
    pub fn take(&self) -> bool {
        let left = self.requests.get();
        self.requests.set(left.saturating_sub(1));
        left > 0
    }

    /// How many requests are left.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.requests.get()
    }

    /// Whether a run that has copied `copied` files in this invocation may begin another.
    fn allows_file(&self, copied: u32, now: Timestamp) -> bool {
        copied < self.files_each && self.no_file_after.is_none_or(|moment| now < moment)
    }
}

/// A name for one attempt to write, so that it can be told from another's after a lost answer.
fn author(world: &impl crate::ports::Clock) -> String {
    hex::encode(world.random())
}
