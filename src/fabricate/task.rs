//! Fabricate's record of a workflow it executes, as its status request returns it.
//!
//! It is tolerant where the API page promises nothing: a field that may be absent or null is optional here.

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::result::{JsonText, ResultOmitted};

/// The longest task id that is taken: it must fit into a record's KV metadata.
const TASK_ID_BYTES_MAX: usize = 128;

/// The longest error message of Fabricate that is kept, characters.
pub(super) const MESSAGE_CHARS_MAX: usize = 500;

/// Fabricate's name for a task; a UUID in all examples, but any printable text that can stand in a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TaskId(String);

/// Why a text cannot be a [`TaskId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a task id is 1 to 128 printable ASCII characters without spaces, quotes or backslashes")]
pub struct InvalidTaskId;

impl TaskId {
    /// The id as Fabricate wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TaskId {
    type Error = InvalidTaskId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
        if printable && text.len() <= TASK_ID_BYTES_MAX && super::is_path_part(&text) {
            Ok(Self(text))
        } else {
            Err(InvalidTaskId)
        }
    }
}

impl From<TaskId> for String {
    fn from(id: TaskId) -> Self {
        id.0
    }
}

impl std::fmt::Display for TaskId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A file's id: a number at Fabricate, a text here, so that no number is too large for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct FileId(String);

impl FileId {
    /// The id, as it stands in paths.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for FileId {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl std::fmt::Display for FileId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for FileId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Number(number) => Ok(Self(number.to_string())),
            Value::String(text) if super::is_path_part(&text) => Ok(Self(text)),
            _ => Err(serde::de::Error::custom("a file id is a number or a text")),
        }
    }
}

/// The status of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskStatus {
    /// The workflow is executing. An unknown status counts as this one, as in the official clients.
    InProgress,
    /// The workflow has finished, and its result and files exist.
    Completed,
    /// An error ended the workflow.
    Failed,
    /// A user ended the workflow.
    Canceled,
}

/// The most files of a task that are read, one more than a run may have (`run::FILES_MAX`); the others are skipped.
pub(super) const FILES_READ_MAX: usize = 401;

/// One task. Times are kept as Fabricate wrote them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// The workflow's id; may be absent.
    #[serde(default)]
    pub workflow_id: Option<String>,
    /// Status as Fabricate spelled it.
    pub status: String,
    /// Any JSON of at most [`super::RESULT_BYTES_MAX`] bytes; `null` until the task is completed. The reader of answers
    /// takes it from the answer's bytes.
    #[serde(skip)]
    pub result: JsonText,
    /// Why `result` is `null` although Fabricate sent one.
    #[serde(skip)]
    pub result_omitted: Option<ResultOmitted>,
    /// The files that the workflow produced; at most 401 are read.
    #[serde(default, deserialize_with = "read_files")]
    pub files: Vec<TaskFile>,
    /// Fabricate's error; absent unless the workflow failed.
    #[serde(default)]
    pub error: Option<Value>,
    /// When it was created, RFC 3339.
    #[serde(default)]
    pub created_at: Option<String>,
    /// When it began, RFC 3339.
    #[serde(default)]
    pub started_at: Option<String>,
    /// When it ended, RFC 3339.
    #[serde(default)]
    pub completed_at: Option<String>,
}

impl Task {
    /// A task between its start and the first answer about it: only the id is known.
    #[must_use]
    pub fn just_started(id: TaskId) -> Self {
        Self {
            id,
            workflow_id: None,
            status: "in_progress".to_owned(),
            result: JsonText::default(),
            result_omitted: None,
            files: Vec::new(),
            error: None,
            created_at: None,
            started_at: None,
            completed_at: None,
        }
    }

    /// What the task's status and error together mean: `completed` with an error is a failure.
    #[must_use]
    pub fn status(&self) -> TaskStatus {
        match self.status.as_str() {
            "completed" if self.error_text().is_some() => TaskStatus::Failed,
            "completed" => TaskStatus::Completed,
            "failed" => TaskStatus::Failed,
            "canceled" => TaskStatus::Canceled,
            _ => TaskStatus::InProgress,
        }
    }

    /// The error as text, cut to 500 characters; `None` for an empty one.
    #[must_use]
    pub fn error_text(&self) -> Option<String> {
        let text = match self.error.as_ref()? {
            Value::Null => return None,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        (!text.trim().is_empty()).then(|| text.chars().take(MESSAGE_CHARS_MAX).collect())
    }
}

/// A file that a task produced.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TaskFile {
    /// Its id within the task.
    pub id: FileId,
    /// Its name. It may be any text, and is never used as a path.
    #[serde(default)]
    pub name: Option<String>,
    /// Bytes.
    #[serde(default)]
    pub size: Option<u64>,
    /// Media type.
    #[serde(default)]
    pub content_type: Option<String>,
}

/// Reads a list of files, or `null` for an empty one, and keeps the first [`FILES_READ_MAX`].
fn read_files<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<TaskFile>, D::Error> {
    struct Files;

    impl<'de> Visitor<'de> for Files {
        type Value = Vec<TaskFile>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a list of files or null")
        }

        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut files = Vec::new();
            while files.len() < FILES_READ_MAX {
                match items.next_element()? {
                    Some(file) => files.push(file),
                    None => return Ok(files),
                }
            }
            while items.next_element::<IgnoredAny>()?.is_some() {}
            Ok(files)
        }
    }

    deserializer.deserialize_any(Files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status_of(json: &str) -> TaskStatus {
        serde_json::from_str::<Task>(json).unwrap().status()
    }

    #[test]
    fn the_four_statuses_and_their_traps() {
        assert_eq!(status_of(r#"{"id":"t","status":"in_progress"}"#), TaskStatus::InProgress);
        assert_eq!(status_of(r#"{"id":"t","status":"completed","error":null}"#), TaskStatus::Completed);
        assert_eq!(status_of(r#"{"id":"t","status":"completed","error":""}"#), TaskStatus::Completed);
        assert_eq!(status_of(r#"{"id":"t","status":"completed","error":"no"}"#), TaskStatus::Failed);
        assert_eq!(status_of(r#"{"id":"t","status":"failed"}"#), TaskStatus::Failed);
        assert_eq!(status_of(r#"{"id":"t","status":"canceled"}"#), TaskStatus::Canceled);
        assert_eq!(status_of(r#"{"id":"t","status":"paused"}"#), TaskStatus::InProgress);
    }

    #[test]
    fn the_documented_answer_is_read() {
        let task: Task = serde_json::from_str(
            r#"{"id":"550e8400-e29b-41d4-a716-446655440000","workflow_id":"abc-123","status":"completed",
                "files":[{"id":123,"name":"report.csv","size":45678,"content_type":"text/csv"}],
                "error":null,"started_at":"2024-01-15T10:30:00Z","completed_at":"2024-01-15T10:30:45Z",
                "created_at":"2024-01-15T10:30:00Z"}"#,
        )
        .unwrap();
        assert_eq!(task.files[0].id.as_str(), "123");
        assert_eq!(task.files[0].size, Some(45678));
    }

    #[test]
    fn no_more_files_are_read_than_show_that_there_are_too_many() {
        assert_eq!(FILES_READ_MAX, crate::run::FILES_MAX + 1);
        let files = vec![r#"{"id":1}"#; 5_000].join(",");
        let task: Task =
            serde_json::from_str(&format!(r#"{{"id":"t","status":"completed","files":[{files}]}}"#)).unwrap();
        assert_eq!(task.files.len(), FILES_READ_MAX);
    }

    #[test]
    fn what_may_be_absent_or_null_is_tolerated() {
        let task: Task = serde_json::from_str(r#"{"id":"t","status":"completed","files":null}"#).unwrap();
        assert!(task.files.is_empty());
        let task: Task = serde_json::from_str(
            r#"{"id":"t","status":"completed","files":[{"id":"a","name":null,"size":null}]}"#,
        )
        .unwrap();
        assert_eq!(task.files[0].name, None);
    }

    #[test]
    fn a_task_id_that_would_leave_its_path_is_refused() {
        for text in ["", "..", "a b", "a\nb", "é", &"x".repeat(129)] {
            assert_eq!(TaskId::try_from(text.to_owned()), Err(InvalidTaskId), "{text}");
        }
        assert!(TaskId::try_from("550e8400-e29b-41d4-a716-446655440000".to_owned()).is_ok());
    }
}
