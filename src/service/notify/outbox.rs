//! The runs whose targets an invocation is about to notify. It collects them, so that a target that hangs delays nothing else.
//!
//! What does not fit is left to a sweep: the run's `open/` record stays.

use std::cell::RefCell;

use super::super::kv_records::Untold;
use crate::run::Run;
use crate::timestamp::Timestamp;

/// The most runs that wait at the same time.
const RUNS_MAX: usize = 200;

/// The most memory that they may take, bytes.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// About how many bytes a run takes beside its parameters and its result.
const RUN_BYTES: u64 = 4 * 1024;

/// About how many bytes a file of a run takes.
const FILE_BYTES: u64 = 512;

/// A run whose targets are to be notified.
#[derive(Debug)]
pub(in crate::service) struct Waiting {
    pub(super) run: Run,
    /// Whether there is a `done/` record, or the run is parked and has none.
    pub(super) is_shown: bool,
    /// When this invocation wrote the `done/` record; `None`: it did not.
    pub(super) shown_at: Option<Timestamp>,
    /// Whether this invocation entered the end, so that the first attempt is due at once.
    pub(super) is_new: bool,
}

/// The runs that wait.
#[derive(Debug, Default)]
pub(in crate::service) struct Outbox {
    waiting: RefCell<Vec<Waiting>>,
}

impl Outbox {
    /// Adds a run that this invocation has ended or parked. `is_shown`: it has just written the run's record.
    pub(in crate::service) fn add_new(&self, run: &Run, is_shown: bool, now: Timestamp) {
        if run.has_pending_notifications() {
            let shown_at = (is_shown && run.status.is_final()).then_some(now);
            self.add(Waiting { run: run.for_kv(), is_shown, shown_at, is_new: true });
        }
    }

    /// Adds a run that was ended or parked before, if an attempt is due.
    pub(in crate::service) fn add_due(&self, untold: Option<Untold>, now: Timestamp) {
        let Some(Untold { run, is_shown }) = untold else { return };
        if run.notify_at().is_some_and(|due| due <= now) {
            self.add(Waiting { run: run.for_kv(), is_shown, shown_at: None, is_new: false });
        }
    }

    /// Takes all runs.
    pub(in crate::service) fn take(&self) -> Vec<Waiting> {
        self.waiting.take()
    }

    fn add(&self, waiting: Waiting) {
        let mut all = self.waiting.borrow_mut();
        let bytes: u64 = all.iter().map(|waiting| bytes_of(&waiting.run)).sum();
        let fits = all.is_empty() || bytes.saturating_add(bytes_of(&waiting.run)) <= BYTES_MAX;
        if all.len() < RUNS_MAX && fits {
            all.push(waiting);
        }
    }
}

/// About how many bytes a run takes in memory.
fn bytes_of(run: &Run) -> u64 {
    let result = run.task.as_ref().map_or(0, |task| task.result.as_str().len()) as u64;
    RUN_BYTES + run.params_bytes() + result + run.files.len() as u64 * FILE_BYTES
}
