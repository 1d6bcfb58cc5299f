//! The stored shape of Fabricate's task. A task's status answer is not read here, but in [`crate::fabricate`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::plain_json::read_plain;
use crate::fabricate::{FileId, JsonText, ResultOmitted, Task, TaskFile, TaskId};

/// A [`Task`]. `result_text` is a string that holds the result's JSON, so that a reader that buffers the record keeps every
/// number and escape as it is.
#[derive(Serialize, Deserialize)]
pub(super) struct TaskShape {
    id: TaskId,
    workflow_id: Option<String>,
    status: String,
    /// The result of the oldest records, as plain JSON. It is not written any more.
    #[serde(rename = "result", default, deserialize_with = "read_plain", skip_serializing)]
    plain_result: JsonText,
    /// Absent where the result is `null`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result_text: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result_omitted: Option<OmittedShape>,
    #[serde(default)]
    files: Vec<TaskFileShape>,
    error: Option<Value>,
    created_at: Option<String>,
    started_at: Option<String>,
    completed_at: Option<String>,
}

impl From<&Task> for TaskShape {
    fn from(task: &Task) -> Self {
        Self {
            id: task.id.clone(),
            workflow_id: task.workflow_id.clone(),
            status: task.status.clone(),
            plain_result: JsonText::default(),
            result_text: (!task.result.is_null()).then(|| task.result.shared()),
            result_omitted: task.result_omitted.as_ref().map(OmittedShape::from),
            files: task.files.iter().map(TaskFileShape::from).collect(),
            error: task.error.clone(),
            created_at: task.created_at.clone(),
            started_at: task.started_at.clone(),
            completed_at: task.completed_at.clone(),
        }
    }
}

impl From<TaskShape> for Task {
    fn from(shape: TaskShape) -> Self {
        Self {
            id: shape.id,
            workflow_id: shape.workflow_id,
            status: shape.status,
            result: shape.result_text.map_or(shape.plain_result, JsonText::recorded),
            result_omitted: shape.result_omitted.map(ResultOmitted::from),
            files: shape.files.into_iter().map(TaskFile::from).collect(),
            error: shape.error,
            created_at: shape.created_at,
            started_at: shape.started_at,
            completed_at: shape.completed_at,
        }
    }
}

/// [`ResultOmitted`].
#[derive(Serialize, Deserialize)]
struct OmittedShape {
    bytes: u64,
    reason: String,
}

impl From<&ResultOmitted> for OmittedShape {
    fn from(omitted: &ResultOmitted) -> Self {
        Self { bytes: omitted.bytes, reason: omitted.reason.clone() }
    }
}

impl From<OmittedShape> for ResultOmitted {
    fn from(OmittedShape { bytes, reason }: OmittedShape) -> Self {
        Self { bytes, reason }
    }
}

/// A [`TaskFile`]. A run moves them to its own files, so that a stored task hardly ever has one.
#[derive(Serialize, Deserialize)]
struct TaskFileShape {
    id: FileId,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    content_type: Option<String>,
}

impl From<&TaskFile> for TaskFileShape {
    fn from(file: &TaskFile) -> Self {
        let TaskFile { id, name, size, content_type } = file.clone();
        Self { id, name, size, content_type }
    }
}

impl From<TaskFileShape> for TaskFile {
    fn from(TaskFileShape { id, name, size, content_type }: TaskFileShape) -> Self {
        Self { id, name, size, content_type }
    }
}
