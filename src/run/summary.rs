//! A run in brief: what lists and sweeps know of it without reading its record.
//!
//! It is stored as KV metadata, which takes 1,024 bytes: texts are cut so that it always fits.

use super::ascii_json::ascii_json_bytes;
use super::{GroupId, Missing, PlaceView, Run, RunError, RunId, Stage, Status};
use crate::fabricate::{Place, StatusError, Target, Task, TaskId, TaskStatus};
use crate::hook::WhenBusy;
use crate::timestamp::Timestamp;

/// A run in brief. Texts of the payload are cut to the bounds that [`Run::summary`] states; the whole is in the record.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The run's id. KV's metadata lacks it: it is in the record's key.
    pub run_id: RunId,
    pub(crate) hook: String,
    pub(crate) delivery_id: String,
    /// The run's status.
    pub status: Status,
    pub(crate) workspace: String,
    /// The name of the database or project.
    pub(crate) container: String,
    pub(crate) is_project: bool,
    pub(crate) workflow: String,
    pub(crate) task_id: Option<TaskId>,
    pub(crate) workflow_id: Option<String>,
    pub(crate) task_status: Option<String>,
    /// Fabricate's times of the task: created, started, completed.
    pub(crate) task_times: [Option<Timestamp>; 3],
    pub(crate) error: Option<BriefError>,
    pub(crate) attempts: u32,
    pub(crate) retry_of: Option<RunId>,
    /// What it may wait for, while it is queued.
    pub(crate) waits: Option<BriefKey>,
    pub(crate) replaced_by: Option<RunId>,
    pub(crate) skipped_for: Option<RunId>,
    pub(crate) received_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    /// When the next start request may be made; of a run that is final or `unconfirmed`, when the next notification is due.
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) deadline_at: Option<Timestamp>,
    pub(crate) missing: Option<Missing>,
    pub(crate) unjournalled: bool,
}

/// The runs that a queued run may have to wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BriefKey {
    /// The runs among which one starts at a time, or a few.
    pub(crate) group: GroupId,
    /// The key, cut; empty where only `max_running` limits the run.
    pub(crate) key: String,
    /// What the run does while another one is started, or waits.
    pub(crate) when_busy: WhenBusy,
}

/// A [`RunError`] in brief: its message is cut, and its attempts are the summary's.
#[derive(Debug, Clone, PartialEq)]
pub struct BriefError {
    pub(crate) stage: Stage,
    pub(crate) message: String,
    pub(crate) at: Timestamp,
}

impl Run {
    /// The run in brief. Each text is cut to a number of bytes as JSON in ASCII; together they fit into KV metadata.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let Target { workspace, place, workflow } = &*self.target;
        let task = self.task.as_ref();
        let time = |text: &Option<String>| text.as_deref().and_then(Timestamp::parse);
        Summary {
            run_id: self.run_id,
            hook: self.hook.to_string(),
            delivery_id: cap(self.delivery_id.as_str(), 92),
            status: self.status,
            workspace: cap(workspace, 64),
            container: cap(place.name(), 64),
            is_project: matches!(place, Place::Project(_)),
            workflow: cap(workflow, 64),
            task_id: task.map(|task| task.id.clone()),
            workflow_id: task.and_then(|task| task.workflow_id.as_deref()).map(|id| cap(id, 40)),
            task_status: task.map(|task| cap(&task.status, 16)),
            task_times: task
                .map_or([None; 3], |task| [&task.created_at, &task.started_at, &task.completed_at].map(time)),
            error: self.error.as_ref().map(BriefError::of),
            attempts: self.attempts,
            retry_of: self.retry_of,
            waits: (self.status == Status::Queued).then(|| BriefKey::of(self)).flatten(),
            replaced_by: self.replaced_by,
            skipped_for: self.skipped_for,
            received_at: self.received_at,
            started_at: self.started_at,
            finished_at: self.finished_at,
            not_before: if self.notifications.is_empty() { self.not_before } else { self.notify_at() },
            deadline_at: self.deadline(),
            missing: self.missing,
            unjournalled: self.unjournalled,
        }
    }
}

impl Summary {
    /// The workspace, whose API key a request about the run needs; at most 64 bytes.
    #[must_use]
    pub fn workspace(&self) -> &str {
        &self.workspace
    }

    /// The name of the hook that accepted the run.
    #[must_use]
    pub fn hook(&self) -> &str {
        &self.hook
    }

    /// Whether it is queued, was never attempted, and may have to wait for other runs.
    #[must_use]
    pub fn waits_for_others(&self) -> bool {
        self.waits.is_some() && self.attempts == 0 && self.status == Status::Queued
    }

    /// Whether this answer to a poll changes nothing in the run's record.
    #[must_use]
    pub fn is_unchanged_by(&self, answer: &Result<Task, StatusError>, now: Timestamp) -> bool {
        let waits = match answer {
            Ok(task) => task.status() == TaskStatus::InProgress && self.missing.is_none(),
            Err(StatusError::NotFound | StatusError::TooLarge(_)) => false,
            Err(_) => true,
        };
        waits && self.deadline_at.is_none_or(|deadline| now < deadline)
    }

    pub(super) fn place(&self) -> PlaceView<'_> {
        if self.is_project {
            PlaceView::Project(&self.container)
        } else {
            PlaceView::Database(&self.container)
        }
    }

    pub(crate) fn workflow(&self) -> &str {
        &self.workflow
    }
}

impl BriefKey {
    fn of(run: &Run) -> Option<Self> {
        let when_busy = if run.replaces() { WhenBusy::Replace } else { run.settings.when_busy };
        let key = cap(run.key.as_deref().unwrap_or_default(), 64);
        Some(Self { group: run.group()?, key, when_busy })
    }
}

impl BriefError {
    fn of(error: &RunError) -> Self {
        Self { stage: error.stage, message: cap(&error.message, 110), at: error.at }
    }
}

/// Cuts a text so that it takes at most `bytes_max` bytes as JSON in ASCII: an emoji takes 12.
fn cap(text: &str, bytes_max: usize) -> String {
    let mut bytes = 0;
    let mut is_beyond = |character: char| {
        bytes += ascii_json_bytes(character);
        bytes > bytes_max
    };
    let end = text.find(&mut is_beyond).unwrap_or(text.len());
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_where_its_escapes_end() {
        assert_eq!(cap("🎉🎉", 23), "🎉");
        assert_eq!(cap("🎉🎉", 24), "🎉🎉");
        assert_eq!(cap("éa", 6), "é");
        assert_eq!(cap("éa", 5), "");
        assert_eq!(cap("ab", 2), "ab");
    }
}
