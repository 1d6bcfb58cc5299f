//! What the answers to polls change in a run.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Run, RunFile, Stage, Status};
use crate::fabricate::{Task, TaskFile, TaskStatus};
use crate::timestamp::{MINUTE_MS, Timestamp};

/// A run whose task Fabricate does not know fails after this many polls that answer 404…
pub const MISSING_POLLS: u32 = 3;
/// …and not before this long after the first of them, milliseconds.
pub const MISSING_MS: i64 = 15 * MINUTE_MS;

/// The most files that a task may have: each pass looks up each in R2, and the free plan allows 1,000 operations an
/// invocation. A task with more files fails its run, so that no file is left out silently.
pub const FILES_MAX: usize = 400;

/// That Fabricate answers 404 for a run's task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// When the first of these polls was answered.
    pub since: Timestamp,
    /// How many polls were answered so; counted up to [`MISSING_POLLS`].
    pub polls: u32,
}

/// What an answer, or a pass over the files, changed in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: the run's record stays as it is.
    Unchanged,
    /// The run's record must be written.
    Changed,
    /// The task is completed: archive its files next.
    TaskCompleted,
    /// The run is final.
    Ended,
}

impl Run {
    /// Applies the task as Fabricate shows it now.
    pub fn apply_task(&mut self, mut task: Task, now: Timestamp) -> Effect {
        if self.status.is_final() {
            return Effect::Ended;
        }
        let reappeared = self.missing.take().is_some();
        let status = task.status();
        let files = std::mem::take(&mut task.files);
        let message = task.error_text().unwrap_or_else(|| "the workflow failed".to_owned());
        task.error = task.error_text().map(Value::String);
        match status {
            TaskStatus::InProgress if self.is_late(now) => {
                self.task = Some(task);
                self.fail(Stage::Poll, "not finished within its deadline", now);
            }
            TaskStatus::InProgress => {
                return if reappeared { Effect::Changed } else { Effect::Unchanged };
            }
            TaskStatus::Completed if files.len() > FILES_MAX => {
                self.task = Some(task);
                self.fail(Stage::Archive, format!("the task has more than {FILES_MAX} files"), now);
            }
            TaskStatus::Completed => {
                self.take_files(files);
                self.task = Some(task);
                return Effect::TaskCompleted;
            }
            TaskStatus::Failed => {
                self.task = Some(task);
                self.fail(Stage::Workflow, message, now);
            }
            TaskStatus::Canceled => {
                self.task = Some(task);
                self.end(Status::Canceled, now);
            }
        }
        Effect::Ended
    }

    /// Applies that Fabricate does not know the task.
    pub fn apply_missing_task(&mut self, now: Timestamp) -> Effect {
        let before = self.missing.unwrap_or(Missing { since: now, polls: 0 });
        let polls = before.polls.saturating_add(1).min(MISSING_POLLS);
        if polls >= MISSING_POLLS && now.since_ms(before.since) >= MISSING_MS {
            let stage = if self.archiving_since.is_some() { Stage::Archive } else { Stage::Poll };
            self.fail(stage, "Fabricate no longer knows the task", now);
            return Effect::Ended;
        }
        self.missing = Some(Missing { polls, ..before });
        if polls == before.polls { Effect::Unchanged } else { Effect::Changed }
    }

    /// Applies that Fabricate's answer has more bytes than are read. The run fails, because the next poll would bring the
    /// same answer.
    pub fn apply_oversized_answer(&mut self, reason: &str, now: Timestamp) -> Effect {
        self.fail(Stage::Poll, reason, now);
        Effect::Ended
    }

    /// Applies that a poll brought no usable answer. The run goes on until its deadline.
    pub fn apply_poll_failure(&mut self, reason: &str, now: Timestamp) -> Effect {
        if self.is_late(now) {
            self.fail(Stage::Poll, format!("not finished within its deadline; last: {reason}"), now);
            return Effect::Ended;
        }
        Effect::Unchanged
    }

    /// The moment from which on an unfinished task fails the run; `None` before its start and once the task is completed.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let unfinished = self.status == Status::InProgress;
        self.started_at.filter(|_| unfinished).map(|at| at.plus_ms(self.settings.deadline_ms))
    }

    fn is_late(&self, now: Timestamp) -> bool {
        self.deadline().is_some_and(|deadline| now >= deadline)
    }

    /// Takes the files of a completed task, the first time that the task is seen completed. Later answers change nothing,
    /// so that the files keep their states.
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
                // An id has one download: an entry that is listed once more is the same file.
                Some(known) if *known == file => {}
                Some(_) => {
                    let mut other = RunFile::pending(file);
                    other.record_refusal("the task lists this id twice, with different particulars");
                    self.files.push(other);
                }
            }
        }
    }
}
