//! What lists and sweeps know of a run without reading its record: the KV metadata, under 1,024 bytes of ASCII.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ascii_json::ascii_json_bytes;
use super::{Missing, PlaceView, Run, RunError, RunId, Stage, Status};
use crate::fabricate::{Place, StatusError, Target, Task, TaskId, TaskStatus};
use crate::timestamp::Timestamp;

/// A run in brief. Texts of the payload are cut; the whole is in the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// From the record's key, which is why it is not in the metadata.
    #[serde(skip)]
    pub run_id: RunId,
    #[serde(rename = "h")]
    pub(super) hook: String,
    #[serde(rename = "d")]
    pub(super) delivery_id: String,
    /// Where the run stands.
    #[serde(rename = "s")]
    pub status: Status,
    #[serde(rename = "w")]
    workspace: String,
    #[serde(rename = "p")]
    place: String,
    #[serde(rename = "pp", default, skip_serializing_if = "is_false")]
    is_project: bool,
    #[serde(rename = "f")]
    workflow: String,
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub(super) task_id: Option<TaskId>,
    #[serde(rename = "tw", default, skip_serializing_if = "Option::is_none")]
    pub(super) workflow_id: Option<String>,
    #[serde(rename = "ts", default, skip_serializing_if = "Option::is_none")]
    pub(super) task_status: Option<String>,
    #[serde(rename = "ta", default, skip_serializing_if = "TaskTimes::is_empty")]
    pub(super) task_times: TaskTimes,
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<BriefError>,
    #[serde(rename = "a", default)]
    pub(super) attempts: u32,
    #[serde(rename = "ro", default, skip_serializing_if = "Option::is_none")]
    pub(super) retry_of: Option<RunId>,
    #[serde(rename = "r", with = "millis")]
    pub(super) received_at: Timestamp,
    #[serde(rename = "b", default, with = "option_millis", skip_serializing_if = "Option::is_none")]
    pub(super) started_at: Option<Timestamp>,
    #[serde(rename = "c", default, with = "option_millis", skip_serializing_if = "Option::is_none")]
    pub(super) finished_at: Option<Timestamp>,
    #[serde(rename = "n", default, with = "option_millis", skip_serializing_if = "Option::is_none")]
    pub(super) not_before: Option<Timestamp>,
    #[serde(rename = "l", default, with = "option_millis", skip_serializing_if = "Option::is_none")]
    pub(super) deadline_at: Option<Timestamp>,
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub(super) missing: Option<Missing>,
    #[serde(rename = "u", default, skip_serializing_if = "is_false")]
    pub(super) unjournalled: bool,
}

/// Fabricate's times of a task: created, started, completed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "[Option<i64>; 3]", into = "[Option<i64>; 3]")]
pub(super) struct TaskTimes(pub(super) [Option<Timestamp>; 3]);

impl From<[Option<i64>; 3]> for TaskTimes {
    fn from(millis: [Option<i64>; 3]) -> Self {
        Self(millis.map(|time| time.map(Timestamp::from_millis)))
    }
}

impl From<TaskTimes> for [Option<i64>; 3] {
    fn from(times: TaskTimes) -> Self {
        times.0.map(|time| time.map(Timestamp::as_millis))
    }
}

impl TaskTimes {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct BriefError {
    #[serde(rename = "s")]
    pub(super) stage: Stage,
    #[serde(rename = "m")]
    pub(super) message: String,
    #[serde(rename = "t", with = "millis")]
    pub(super) at: Timestamp,
}

impl Run {
    /// The run in brief.
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
            place: cap(place.name(), 64),
            is_project: matches!(place, Place::Project(_)),
            workflow: cap(workflow, 64),
            task_id: task.map(|task| task.id.clone()),
            workflow_id: task.and_then(|task| task.workflow_id.as_deref()).map(|id| cap(id, 40)),
            task_status: task.map(|task| cap(&task.status, 16)),
            task_times: task.map_or_else(TaskTimes::default, |task| {
                TaskTimes([&task.created_at, &task.started_at, &task.completed_at].map(time))
            }),
            error: self.error.as_ref().map(BriefError::of),
            attempts: self.attempts,
            retry_of: self.retry_of,
            received_at: self.received_at,
            started_at: self.started_at,
            finished_at: self.finished_at,
            not_before: self.not_before,
            deadline_at: self.deadline(),
            missing: self.missing,
            unjournalled: self.unjournalled,
        }
    }
}

impl Summary {
    /// Reads the metadata of the record of `run_id`.
    ///
    /// # Errors
    /// When it is not a summary: written by another version, or damaged.
    pub fn read(run_id: RunId, metadata: serde_json::Value) -> Result<Self, serde_json::Error> {
        Ok(Self { run_id, ..serde_json::from_value(metadata)? })
    }

    /// The workspace whose key a request about it needs.
    #[must_use]
    pub fn workspace(&self) -> &str {
        &self.workspace
    }

    /// The hook that accepted it.
    #[must_use]
    pub fn hook(&self) -> &str {
        &self.hook
    }

    /// Whether this answer to a poll leaves the run's record as it is.
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
        if self.is_project { PlaceView::Project(&self.place) } else { PlaceView::Database(&self.place) }
    }

    pub(super) fn workflow(&self) -> &str {
        &self.workflow
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

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_false(value: &bool) -> bool {
    !value
}

mod millis {
    use super::{Deserialize, Deserializer, Serializer, Timestamp};

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
    pub(super) fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(time.as_millis())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(d).map(Timestamp::from_millis)
    }
}

mod option_millis {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Timestamp};

    #[expect(clippy::ref_option, reason = "the signature that serde asks for")]
    pub(super) fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(Timestamp::as_millis).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<i64>::deserialize(d)?.map(Timestamp::from_millis))
    }
}

#[cfg(test)]
mod tests {
    use super::super::ascii_json::ascii_json;
    use super::super::tests::{at, started_run};
    use super::*;
    use crate::hook::HookName;
    use crate::hook::delivery::DeliveryId;

    /// A run each of whose texts is as long as it may be and made of what JSON writes longest.
    fn largest() -> Run {
        with_texts("\u{1}\"é")
    }

    fn with_texts(text: &str) -> Run {
        let long = text.repeat(200);
        let mut run = started_run();
        run.hook = HookName::try_from("h".repeat(63)).unwrap();
        run.delivery_id = DeliveryId::from(long.as_str());
        let (workspace, place, workflow) = (long.clone(), Place::Project(long.clone()), long.clone());
        run.target = Target { workspace, place, workflow }.into();
        let task = run.task.as_mut().unwrap();
        task.id = TaskId::try_from("x".repeat(128)).unwrap();
        task.workflow_id = Some(long.clone());
        task.status.clone_from(&long);
        for time in [&mut task.created_at, &mut task.started_at, &mut task.completed_at] {
            *time = Some("2024-01-15T10:30:00Z".into());
        }
        run.missed_task(at(0));
        run.attempts = u32::MAX;
        run.failed(Stage::Workflow, long, at(0));
        run.not_before = Some(at(0));
        run.retry_of = Some(run.run_id);
        run.unjournalled = true;
        run
    }

    #[test]
    fn it_fits_into_kv_metadata_whatever_the_payload() {
        for text in ["\u{1}\"é", "é", "日本", "🎉", "\u{7f}", "a", "a🎉"] {
            let summary = with_texts(text).summary();
            let written = ascii_json(&summary).unwrap();
            assert!(written.is_ascii() && written.len() <= 1024, "{} bytes: {written}", written.len());
            let read = serde_json::from_str(&written).unwrap();
            assert_eq!(Summary::read(summary.run_id, read).unwrap(), summary);
        }
    }

    #[test]
    fn a_text_is_cut_between_characters_where_its_escapes_end() {
        assert_eq!(cap("🎉🎉", 23), "🎉");
        assert_eq!(cap("🎉🎉", 24), "🎉🎉");
        assert_eq!(cap("éa", 6), "é");
        assert_eq!(cap("éa", 5), "");
        assert_eq!(cap("ab", 2), "ab");
    }

    #[test]
    fn it_reads_what_it_writes() {
        for run in [largest(), started_run(), super::super::tests::queued_run()] {
            let summary = run.summary();
            let metadata = serde_json::to_value(&summary).unwrap();
            assert_eq!(Summary::read(run.run_id, metadata).unwrap(), summary);
        }
    }
}
