//! The runs whose targets an invocation is about to notify. It collects them, so that a target that hangs delays nothing else.
//!
//! What does not fit is left to a sweep: the run's `open/` record stays.

use std::cell::RefCell;

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
    /// Whether its `open/` record shows its state.
    pub(super) is_shown: bool,
    /// Whether this invocation entered the end, so that the first attempt is due at once.
    pub(super) is_new: bool,
}

/// The runs that wait.
#[derive(Debug, Default)]
pub(in crate::service) struct Outbox {
    waiting: RefCell<Vec<Waiting>>,
}

impl Outbox {
    /// Adds a run that this invocation has ended or parked, and has shown.
    pub(in crate::service) fn add_new(&self, run: &Run) {
        if run.has_pending_notifications() {
            self.add(Waiting { run: run.for_kv(), is_shown: true, is_new: true });
        }
    }

    /// Adds a run that was ended or parked before, if an attempt is due.
    pub(in crate::service) fn add_due(&self, run: &Run, is_shown: bool, now: Timestamp) {
        if run.notify_at().is_some_and(|due| due <= now) {
            self.add(Waiting { run: run.for_kv(), is_shown, is_new: false });
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
