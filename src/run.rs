//! The run: our unit of work, what state it is in, and what comes next.
//!
//! Pure. A run never reaches out; it is told what was seen ([`Run::saw_task`] and its neighbours) and says what
//! to do ([`Summary::next_step`]). Its final states never change.

mod ascii_json;
mod file;
mod id;
mod memory;
mod origin;
mod schedule;
mod status;
mod summary;
mod view;

pub use ascii_json::{ascii_json, is_ascii_json};
pub use file::{ARCHIVE_PATIENCE_MS, BAD_COPIES_MAX, FileState, RunFile};
pub use id::{InvalidRunId, RunId};
pub use memory::memory_of;
pub use origin::Origin;
pub use schedule::{Step, Tick, backoff_ms};
pub use status::{RunError, Stage, Status};
pub use summary::Summary;
pub use view::RunView;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::fabricate::{JsonText, Target, Task, TaskFile, TaskId, TaskStatus};
use crate::hook::archive_key::KeyParts;
use crate::hook::delivery::DeliveryId;
use crate::hook::{HookName, OnRedelivery, OnUnconfirmed, RunSettings};
use crate::journal::retention::GivenUp;
use crate::timestamp::{MINUTE_MS, Timestamp};

/// A task that Fabricate no longer knows is given up after this many polls…
pub const MISSING_POLLS: u32 = 3;
/// …and this long after the first of them.
pub const MISSING_MS: i64 = 15 * MINUTE_MS;

/// The most files that a task may have: each pass looks up each in R2, and the free plan allows 1,000 operations an
/// invocation. More fail the run, so that none is left out silently.
pub const FILES_MAX: usize = 400;

/// A larger `task.result` is not kept in KV but only in the journal's last entry, bytes. One beyond
/// [`crate::fabricate::RESULT_BYTES_MAX`] is kept nowhere.
pub const KV_RESULT_BYTES_MAX: usize = 256 * 1024;

/// The longest reason that an operator may give for abandoning a run, characters.
const REASON_CHARS_MAX: usize = 300;

/// A task that Fabricate answers 404 for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// When it was first missed.
    #[serde(rename = "s")]
    pub since: Timestamp,
    /// How many polls missed it; counted up to [`MISSING_POLLS`].
    #[serde(rename = "p")]
    pub polls: u32,
}

/// One run. This is what KV's `open/` and `done/` records and the journal's `end` entry hold.
///
/// What it was accepted with never changes, and may be megabytes: its copies share that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its name.
    pub run_id: RunId,
    /// The hook that accepted it.
    pub hook: HookName,
    /// The event it is for; with the hook's name the key of the stored delivery.
    pub delivery_id: DeliveryId,
    /// The item of a batch that it is for, where items are claimed one by one; with the hook's name the key of the item's
    /// claim, which names the stored delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item_id: Option<DeliveryId>,
    /// What it runs.
    pub target: Arc<Target>,
    /// The part of its hook and of its event that it is for; not known of runs from before it was kept.
    #[serde(default)]
    pub origin: Option<Origin>,
    /// The workflow's parameters.
    pub params: Arc<Map<String, Value>>,
    /// What its hook said when it was accepted.
    pub settings: Arc<RunSettings>,
    /// Where it stands.
    pub status: Status,
    /// Start requests made.
    pub attempts: u32,
    /// No start request before this.
    pub not_before: Option<Timestamp>,
    /// Fabricate's record, as last seen; without its files, which are in `files`.
    pub task: Option<Task>,
    /// The task's result was too large for KV: read it from the journal.
    #[serde(default)]
    pub result_in_journal: bool,
    /// Fabricate answered, but the journal could not be written: it must be before anything else.
    #[serde(default)]
    pub unjournalled: bool,
    /// Set while Fabricate does not know the task.
    #[serde(default)]
    pub missing: Option<Missing>,
    /// When archiving began, once it outlasts a sweep.
    #[serde(default)]
    pub archiving_since: Option<Timestamp>,
    /// The task's files.
    pub files: Vec<RunFile>,
    /// It was given up although its workflow may have run: by the operator, or because its journal expired or nobody
    /// decided in time ([`crate::journal::retention`]). Only the operator retries it, and by itself.
    #[serde(default)]
    pub abandoned: bool,
    /// Why it failed or is parked.
    pub error: Option<RunError>,
    /// The run that this one repeats.
    pub retry_of: Option<RunId>,
    /// When it was accepted.
    pub received_at: Timestamp,
    /// When Fabricate was known to execute it.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// When its `open/` record was last written: KV takes one write a second for each key.
    #[serde(default)]
    pub written_at: Option<Timestamp>,
}

impl Run {
    /// Whether a restart is what its hook wants, and still allowed, after a start whose answer never came.
    #[must_use]
    pub fn may_restart(&self, attempts: u32) -> bool {
        self.settings.on_unconfirmed == OnUnconfirmed::Restart && attempts < self.settings.start_attempts_max
    }

    /// Fabricate executes it as `task_id` since `at`.
    pub fn started(&mut self, task_id: TaskId, attempts: u32, at: Timestamp) {
        if self.status.is_final() {
            return;
        }
        self.status = Status::InProgress;
        self.attempts = attempts;
        self.task = Some(Task::just_started(task_id));
        self.started_at = Some(at);
        self.not_before = None;
        self.error = None;
    }

    /// Definitely not started; to be tried again.
    pub fn start_later(&mut self, attempts: u32, not_before: Timestamp) {
        if self.status.is_final() {
            return;
        }
        self.status = Status::Queued;
        self.attempts = attempts;
        self.not_before = Some(not_before);
    }

    /// Nobody knows whether it was started.
    pub fn parked(&mut self, attempts: u32, reason: &str, now: Timestamp) {
        if self.status.is_final() {
            return;
        }
        self.status = Status::Unconfirmed;
        self.attempts = attempts;
        self.error = Some(RunError { stage: Stage::Start, message: reason.to_owned(), at: now, attempts });
    }

    /// Ends as `failed`.
    pub fn failed(&mut self, stage: Stage, message: impl Into<String>, now: Timestamp) {
        let message = message.into();
        self.end(Status::Failed, now);
        self.error = Some(RunError { stage, message, at: now, attempts: self.attempts });
    }

    /// Ends because the operator gives it up.
    pub fn abandon(&mut self, attempts: u32, reason: Option<&str>, now: Timestamp) {
        if self.status.is_final() {
            return;
        }
        self.attempts = attempts;
        self.abandoned = true;
        let reason: Option<String> = reason.map(|reason| reason.chars().take(REASON_CHARS_MAX).collect());
        let why = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        self.failed(Stage::Start, format!("abandoned by the operator{why}"), now);
    }

    /// Ends because its start stayed undecided for too long, or its journal has expired.
    pub fn give_up(&mut self, attempts: u32, why: GivenUp, now: Timestamp) {
        if self.status.is_final() {
            return;
        }
        self.attempts = attempts;
        self.abandoned = why.may_have_run();
        self.failed(Stage::Start, why.message(), now);
    }

    /// Whether its sender may have it retried by delivering its event again. Not where a workflow may have run or be
    /// running of which nobody knows: that is for the operator.
    #[must_use]
    pub fn may_be_redelivered(&self) -> bool {
        let unknown = self.abandoned || self.error.as_ref().is_some_and(|error| error.stage == Stage::Poll);
        self.settings.on_redelivery == OnRedelivery::RetryFailed && self.status == Status::Failed && !unknown
    }

    /// Whether its task is completed, and only files are missing.
    #[must_use]
    pub fn lacks_files_only(&self) -> bool {
        let archiving = self.error.as_ref().is_some_and(|error| error.stage == Stage::Archive);
        self.status == Status::Failed && archiving && self.task.is_some()
    }

    /// A new run for the task of this one, which [lacks files only](Self::lacks_files_only): files that are archived
    /// stay where they are, the others are asked for anew.
    #[must_use]
    pub fn for_missing_files(&self, run_id: RunId, settings: Arc<RunSettings>, now: Timestamp) -> Self {
        let anew = |file: &RunFile| match file.state {
            FileState::Archived => file.clone(),
            _ => RunFile::pending(file.file.clone()),
        };
        let task_id = self.task.as_ref().map(|task| task.id.clone());
        let mut run = Self {
            run_id,
            settings,
            status: Status::Queued,
            attempts: 0,
            task: None,
            result_in_journal: false,
            missing: None,
            archiving_since: None,
            files: self.files.iter().map(anew).collect(),
            error: None,
            retry_of: Some(self.run_id),
            received_at: now,
            started_at: None,
            finished_at: None,
            written_at: None,
            ..self.clone()
        };
        if let Some(task_id) = task_id {
            run.started(task_id, 0, now);
        }
        run
    }

    /// Takes in what Fabricate says of the task. Says whether the run's record changed.
    pub fn saw_task(&mut self, mut task: Task, now: Timestamp) -> Seen {
        if self.status.is_final() {
            return Seen::Ended;
        }
        let reappeared = self.missing.take().is_some();
        let status = task.status();
        let files = std::mem::take(&mut task.files);
        let message = task.error_text().unwrap_or_else(|| "the workflow failed".to_owned());
        task.error = task.error_text().map(Value::String);
        match status {
            TaskStatus::InProgress if self.is_late(now) => {
                self.task = Some(task);
                self.failed(Stage::Poll, "not finished within its deadline", now);
                return Seen::Ended;
            }
            TaskStatus::InProgress => {
                return if reappeared { Seen::Changed } else { Seen::Unchanged };
            }
            TaskStatus::Completed if files.len() > FILES_MAX => {
                self.task = Some(task);
                self.failed(Stage::Archive, format!("the task has more than {FILES_MAX} files"), now);
            }
            TaskStatus::Completed => {
                self.take_files(files);
                self.task = Some(task);
                return Seen::Completed;
            }
            TaskStatus::Failed => {
                self.task = Some(task);
                self.failed(Stage::Workflow, message, now);
            }
            TaskStatus::Canceled => {
                self.task = Some(task);
                self.end(Status::Canceled, now);
            }
        }
        Seen::Ended
    }

    /// Takes in that Fabricate does not know the task.
    pub fn missed_task(&mut self, now: Timestamp) -> Seen {
        let before = self.missing.unwrap_or(Missing { since: now, polls: 0 });
        let polls = before.polls.saturating_add(1).min(MISSING_POLLS);
        if polls >= MISSING_POLLS && now.since_ms(before.since) >= MISSING_MS {
            let stage = if self.archiving_since.is_some() { Stage::Archive } else { Stage::Poll };
            self.failed(stage, "Fabricate no longer knows the task", now);
            return Seen::Ended;
        }
        self.missing = Some(Missing { polls, ..before });
        if polls == before.polls { Seen::Unchanged } else { Seen::Changed }
    }

    /// Takes in that what Fabricate says of the task is more than is read: the run ends, because asking again would
    /// bring the same.
    pub fn answer_too_large(&mut self, reason: &str, now: Timestamp) -> Seen {
        self.failed(Stage::Poll, reason, now);
        Seen::Ended
    }

    /// Takes in that the task could not be asked for at all.
    pub fn poll_failed(&mut self, reason: &str, now: Timestamp) -> Seen {
        if self.is_late(now) {
            self.failed(Stage::Poll, format!("not finished within its deadline; last: {reason}"), now);
            return Seen::Ended;
        }
        Seen::Unchanged
    }

    /// Takes in one pass over its files: ends it when each is archived or given up, else says to go on.
    ///
    /// `changed`: something was learned that the next pass must know.
    pub fn saw_archive(&mut self, changed: bool, now: Timestamp) -> Seen {
        let first = self.archiving_since.is_none();
        self.archiving_since.get_or_insert(now);
        if self.files.iter().any(RunFile::is_open) {
            self.status = Status::Archiving;
            return if first || changed { Seen::Changed } else { Seen::Unchanged };
        }
        if self.is_archived() {
            self.end(Status::Completed, now);
        } else {
            let message = self.archive_failure();
            self.failed(Stage::Archive, message, now);
        }
        Seen::Ended
    }

    /// Whether each of its files is in R2.
    #[must_use]
    pub fn is_archived(&self) -> bool {
        self.files.iter().all(|file| file.state == FileState::Archived)
    }

    /// Where a file of its task goes in the files bucket.
    ///
    /// # Errors
    /// The reason, when the hook's template yields no usable key for this file.
    pub fn archive_key(&self, task_id: &TaskId, file: &TaskFile) -> Result<String, String> {
        let parts = KeyParts {
            hook: &self.hook,
            date: self.received_at.date(),
            run_id: self.run_id.to_string(),
            task_id,
            target: &self.target,
            file,
        };
        self.settings.archive.key(&parts).map_err(|error| format!("the archive template {error}"))
    }

    /// The moment from which on an unfinished task fails the run; none once the task is completed.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let unfinished = self.status == Status::InProgress;
        self.started_at.filter(|_| unfinished).map(|at| at.plus_ms(self.settings.deadline_ms))
    }

    fn is_late(&self, now: Timestamp) -> bool {
        self.deadline().is_some_and(|deadline| now >= deadline)
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
    }

    /// Keeps what is known of files already seen: their states survive another look at the task.
    fn take_files(&mut self, files: Vec<TaskFile>) {
        if !self.files.is_empty() {
            return;
        }
        let mut listed = BTreeMap::new();
        for file in files {
            match listed.get(&file.id) {
                None => {
                    listed.insert(file.id.clone(), file.clone());
                    self.files.push(RunFile::pending(file));
                }
                // An id has one download: listed once more, it is the same file.
                Some(known) if *known == file => {}
                Some(_) => {
                    let mut other = RunFile::pending(file);
                    other.refused("the task lists this id twice, with different particulars");
                    self.files.push(other);
                }
            }
        }
    }

    fn archive_failure(&self) -> String {
        let failed: Vec<String> = self
            .files
            .iter()
            .filter(|file| file.state == FileState::Failed)
            .map(|file| format!("file {}: {}", file.file.id, file.error.as_deref().unwrap_or("failed")))
            .collect();
        let shown: Vec<&str> = failed.iter().take(5).map(String::as_str).collect();
        format!("{} of {} files not archived: {}", failed.len(), self.files.len(), shown.join("; "))
    }
}

/// What a look at the world did to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Nothing to write.
    Unchanged,
    /// The record changed.
    Changed,
    /// The task is completed: its files come next.
    Completed,
    /// The run is final.
    Ended,
}

#[cfg(test)]
pub(crate) mod tests;
