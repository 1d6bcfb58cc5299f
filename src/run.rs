//! The run: our unit of work, its state, and what comes next.
//!
//! Pure: no store, network or clock. The service applies to a run what happened ([`Run::apply_task`] and its
//! neighbours), and asks it what to do next ([`Summary::next_step`]). A final state never changes.

mod archive;
mod ascii_json;
mod expiry;
mod file;
mod id;
mod mapped_from;
mod memory;
mod notification;
mod poll;
mod retry;
mod schedule;
mod status;
mod summary;
mod turn;
mod view;

pub use ascii_json::ascii_json;
pub use expiry::Expiry;
pub use file::{ARCHIVE_PATIENCE_MS, BAD_COPIES_MAX, FileState, RunFile};
pub use id::{InvalidRunId, RunId};
pub use mapped_from::MappedFrom;
pub use memory::memory_of;
pub use notification::{Attempted, FIRST_ATTEMPT_MS, GIVEN_UP_MS, Notification, NotificationState};
pub use poll::{Effect, FILES_MAX, MISSING_MS, MISSING_POLLS, Missing};
pub use schedule::{Step, Tick, backoff_ms};
pub use status::{RunError, Stage, Status};
pub use summary::{BriefError, BriefKey, Summary};
pub use turn::{GroupId, Holder, Turn, TurnKey, WaitingFor};
pub use view::{PlaceView, RunBrief, RunErrorView, RunFileView, RunView, TaskBrief, TaskView, WaitingView};

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::fabricate::{JsonText, Target, Task, TaskId};
use crate::hook::delivery::DeliveryId;
use crate::hook::{HookName, OnUnconfirmed, RunSettings};
use crate::timestamp::Timestamp;
use crate::trace_context::TraceContext;

/// A larger `task.result` is not kept in KV but only in the journal's last entry, bytes. A result beyond
/// [`crate::fabricate::RESULT_BYTES_MAX`] is kept nowhere.
pub const KV_RESULT_BYTES_MAX: usize = 256 * 1024;

/// The longest reason that an operator may give for abandoning a run, characters; the rest is cut.
const REASON_CHARS_MAX: usize = 300;

/// One run.
///
/// What it was accepted with never changes and may have megabytes: clones share it.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Names the run everywhere.
    pub run_id: RunId,
    /// The hook that accepted it.
    pub hook: HookName,
    /// The delivery that it was accepted with; with the hook's name the key of the stored delivery.
    pub delivery_id: DeliveryId,
    /// The item of a batch that it is for, where items are claimed one by one; with the hook's name the key of the item's
    /// claim, which names the stored delivery.
    pub item_id: Option<DeliveryId>,
    /// The workflow that it runs.
    pub target: Arc<Target>,
    /// The rule and the item that it was mapped from; `None` in records from before this was kept.
    pub mapped_from: Option<MappedFrom>,
    /// The workflow's parameters.
    pub params: Arc<Map<String, Value>>,
    /// What it keeps of its hook, as configured when it was accepted.
    pub settings: Arc<RunSettings>,
    /// Its state.
    pub status: Status,
    /// How many start requests were made.
    pub attempts: u32,
    /// No start request is made before this; `None`: at once.
    pub not_before: Option<Timestamp>,
    /// Fabricate's task, as last seen; its files are in `files`. `None` before the workflow was started.
    pub task: Option<Task>,
    /// Whether the task's result is too large for KV: then only the journal's last entry holds it.
    pub result_in_journal: bool,
    /// Whether Fabricate named the task but the journal could not be written. The entry must be written before anything
    /// else is done.
    pub unjournalled: bool,
    /// Set while Fabricate answers 404 for the task.
    pub missing: Option<Missing>,
    /// When the first pass over the files began; `None` before it.
    pub archiving_since: Option<Timestamp>,
    /// The task's files, at most [`FILES_MAX`]; empty until the task is completed.
    pub files: Vec<RunFile>,
    /// Whether it was ended although its workflow may have run: by the operator, or because its start expired
    /// ([`Expiry`]). Only the operator may retry it, one run at a time.
    pub abandoned: bool,
    /// Why it failed or is unconfirmed.
    pub error: Option<RunError>,
    /// The notifications of its present state, one for each target that wants to know: at most
    /// [`TARGETS_MAX`](crate::hook::subscription::TARGETS_MAX).
    pub notifications: Vec<Notification>,
    /// The Worker's address, such as `https://seedhook.example`, as the sender called it: notifications link to it. `None` where
    /// there is nobody to notify.
    pub address: Option<String>,
    /// The run that this one repeats.
    pub retry_of: Option<RunId>,
    /// The trace of the delivery that it was accepted with, or of the run that it repeats; `None`: its sender named none.
    pub trace: Option<TraceContext>,
    /// Runs with the same key run one at a time, at most [`KEY_BYTES_MAX`](crate::hook::concurrency::KEY_BYTES_MAX) bytes; `None`: it
    /// waits for no other run.
    pub key: Option<String>,
    /// The newer run of its key that came while this one waited, and ended it.
    pub replaced_by: Option<RunId>,
    /// The older run of its key that was started, or waited, when this one came and ended.
    pub skipped_for: Option<RunId>,
    /// When it was accepted.
    pub received_at: Timestamp,
    /// When Fabricate was first known to execute its task.
    pub started_at: Option<Timestamp>,
    /// When it became final.
    pub finished_at: Option<Timestamp>,
    /// When its `open/` record was last written: KV takes one write a second for each key.
    pub written_at: Option<Timestamp>,
}

impl Run {
    /// Whether, after a start request that was never answered, its hook wants another one and `attempts` allows it.
    #[must_use]
    pub fn may_restart(&self, attempts: u32) -> bool {
        self.settings.on_unconfirmed == OnUnconfirmed::Restart && attempts < self.settings.start_attempts_max
    }

    /// Fabricate executes it as `task_id` since `at`.
    pub fn mark_started(&mut self, task_id: TaskId, attempts: u32, at: Timestamp) {
        if self.status.is_final() {
            return;
        }
        self.status = Status::InProgress;
        self.attempts = attempts;
        self.task = Some(Task::just_started(task_id));
        self.started_at = Some(at);
        self.not_before = None;
        self.error = None;
        self.notifications.clear();
    }

    /// The workflow was certainly not started, or may be started again: the next attempt is not made before `not_before`.
    pub fn start_later(&mut self, attempts: u32, not_before: Timestamp) {
        if self.status.is_final() {
            return;
        }
        self.status = Status::Queued;
        self.attempts = attempts;
        self.not_before = Some(not_before);
        self.notifications.clear();
    }

    /// Parks it as `unconfirmed`: nobody knows whether the workflow was started.
    pub fn park(&mut self, attempts: u32, reason: &str, now: Timestamp) {
        if self.status.is_final() {
            return;
        }
        self.status = Status::Unconfirmed;
        self.attempts = attempts;
        self.not_before = None;
        self.set_error(Stage::Start, reason.to_owned(), now);
        self.plan_notifications(now);
    }

    /// The header that continues its trace in requests to Fabricate. A poll has none: it knows a run by its summary, in which
    /// there is no room for the trace, and it does not read the record for that.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        self.trace.map(|trace| trace.traceparent(self.run_id.span_id()))
    }

    /// Adds the HTTP status of the answer that caused the run's error.
    pub fn record_http_status(&mut self, status: Option<u16>) {
        if let Some(error) = &mut self.error {
            error.http_status = status;
        }
    }

    /// Ends it as `failed`.
    pub fn fail(&mut self, stage: Stage, message: impl Into<String>, now: Timestamp) {
        self.end(Status::Failed, now);
        self.set_error(stage, message.into(), now);
    }

    /// Ends it because the operator abandons it, for a `reason` of at most 300 characters.
    pub fn abandon(&mut self, attempts: u32, reason: Option<&str>, now: Timestamp) {
        if self.status.is_final() {
            return;
        }
        self.attempts = attempts;
        self.abandoned = true;
        let reason: Option<String> = reason.map(|reason| reason.chars().take(REASON_CHARS_MAX).collect());
        let why = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        self.fail(Stage::Start, format!("abandoned by the operator{why}"), now);
    }

    /// Ends it because its start stayed undecided for too long, or its journal has expired.
    pub fn expire(&mut self, attempts: u32, expiry: Expiry, now: Timestamp) {
        if self.status.is_final() {
            return;
        }
        self.attempts = attempts;
        self.abandoned = expiry.may_have_run();
        self.fail(Stage::Start, expiry.message(), now);
    }

    /// The copy that is kept in KV: without a result that is too large for it.
    #[must_use]
    pub fn for_kv(&self) -> Self {
        let mut copy = self.clone();
        if let Some(task) = &mut copy.task
            && task.result.as_str().len() > KV_RESULT_BYTES_MAX
        {
            task.result = JsonText::default();
            copy.result_in_journal = true;
        }
        copy
    }

    fn end(&mut self, status: Status, now: Timestamp) {
        self.status = status;
        self.finished_at = Some(now);
        self.not_before = None;
        self.plan_notifications(now);
    }

    fn set_error(&mut self, stage: Stage, message: String, at: Timestamp) {
        self.error = Some(RunError { stage, message, http_status: None, at, attempts: self.attempts });
    }
}

#[cfg(test)]
pub(crate) mod tests;
