//! A run as the operator's API shows it, without its settings and bookkeeping.

use serde_json::{Map, Value, json};

use super::{Run, RunError, RunFile, Summary};
use crate::fabricate::{Task, encode_path_part};
use crate::hook::archive_key::safe_name;
use crate::timestamp::Timestamp;

/// A run as `GET /api/runs/{run_id}` shows it.
#[derive(Debug)]
pub struct RunView<'a> {
    /// Everything but `task`.
    fields: Map<String, Value>,
    task: Option<&'a Task>,
}

impl RunView<'_> {
    /// The view as JSON. It has the task's result byte for byte, and never makes a tree of values of it.
    #[must_use]
    pub fn into_json(self) -> String {
        let fields = Value::Object(self.fields).to_string();
        let task = self.task.map_or_else(|| "null".to_owned(), task_json);
        with_member(&fields, "task", &task)
    }
}

impl Run {
    /// The whole run.
    #[must_use]
    pub fn view(&self) -> RunView<'_> {
        let summary = self.summary();
        let (container, _) = summary.container();
        let mut fields = summary.fields();
        fields.remove("task");
        let files = self.files.iter().map(|file| self.file_view(file)).collect();
        let whole = [
            ("delivery_id", json!(self.delivery_id)),
            ("workspace", json!(self.target.workspace)),
            (container, json!(self.target.place.name())),
            ("workflow", json!(self.target.workflow)),
            ("params", Value::Object(Map::clone(&self.params))),
            ("files", Value::Array(files)),
            ("error", json!(self.error.as_ref().map(error_view))),
        ];
        fields.extend(whole.map(|(name, value)| (name.to_owned(), value)));
        if let Some(item_id) = &self.item_id {
            fields.insert("item_id".to_owned(), json!(item_id));
        }
        RunView { fields, task: self.task.as_ref() }
    }

    fn file_view(&self, file: &RunFile) -> Value {
        json!({
            "id": file.id(),
            "name": safe_name(file.file.name.as_deref()),
            "size": file.file.size,
            "content_type": file.file.content_type,
            "state": file.state,
            "key": file.key,
            "sha256": file.sha256,
            "bytes": file.bytes,
            "error": file.error,
            "attempts": file.attempts,
            "url": format!("/api/runs/{}/files/{}", self.run_id, encode_path_part(file.id().as_str())),
        })
    }
}

impl Summary {
    /// The run in brief: the same object without `params`, `task.result` and `files`, long texts cut.
    #[must_use]
    pub fn view(&self) -> Value {
        Value::Object(self.fields())
    }

    fn fields(&self) -> Map<String, Value> {
        let (container, name) = self.container();
        let error = self.error.as_ref().map(|error| {
            json!({"stage": error.stage, "message": error.message, "at": error.at, "attempts": self.attempts})
        });
        let fields = [
            ("run_id", json!(self.run_id)),
            ("hook", json!(self.hook)),
            ("delivery_id", json!(self.delivery_id)),
            ("status", json!(self.status)),
            ("workspace", json!(self.workspace())),
            (container, json!(name)),
            ("workflow", json!(self.workflow())),
            ("task", self.task_view()),
            ("error", json!(error)),
            ("attempts", json!(self.attempts)),
            ("retry_of", json!(self.retry_of)),
            ("notification", Value::Null),
            ("received_at", json!(self.received_at)),
            ("started_at", json!(self.started_at)),
            ("finished_at", json!(self.finished_at)),
        ];
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn task_view(&self) -> Value {
        let Some(id) = &self.task_id else {
            return Value::Null;
        };
        let failed = self.error.as_ref().filter(|error| error.stage == super::Stage::Workflow);
        let [created, started, completed] = self.task_times;
        let time = |time: Option<Timestamp>| json!(time);
        json!({
            "id": id,
            "workflow_id": self.workflow_id,
            "status": self.task_status,
            "created_at": time(created),
            "started_at": time(started),
            "completed_at": time(completed),
            "error": failed.map(|error| &error.message),
        })
    }
}

fn error_view(error: &RunError) -> Value {
    json!({"stage": error.stage, "message": error.message, "at": error.at, "attempts": error.attempts})
}

fn task_json(task: &Task) -> String {
    let fields = json!({
        "id": task.id,
        "workflow_id": task.workflow_id,
        "status": task.status,
        "created_at": task.created_at,
        "started_at": task.started_at,
        "completed_at": task.completed_at,
        "error": task.error,
    });
    let task_text = with_member(&fields.to_string(), "result", task.result.as_str());
    match &task.result_omitted {
        Some(omitted) => with_member(&task_text, "result_omitted", &json!(omitted).to_string()),
        None => task_text,
    }
}

/// An object's text with one more member, whose name needs no escapes. The object must not be empty.
fn with_member(object: &str, name: &str, value: &str) -> String {
    let open = object.strip_suffix('}').unwrap_or(object);
    [open, ",\"", name, "\":", value, "}"].concat()
}
