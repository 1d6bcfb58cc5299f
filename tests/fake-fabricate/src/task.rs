//! A task and all the tasks that are kept; what a task says follows from the time alone. It must
//! not know how a task is asked for.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::clock::rfc3339;
use crate::files::{File, Listing};
use crate::parameter::Parameters;
use crate::stored::Stored;
use crate::workflow::{Outcome, Workflow};

/// More tasks are not kept: the oldest is dropped, as if it were unknown.
pub(crate) const TASKS_MAX: usize = 10_000;
/// The first file of a server has the id that Tonic's page shows.
const FILE_ID_FIRST: u64 = 123;

/// One execution of a workflow.
#[derive(Debug)]
struct Task {
    workflow: &'static Workflow,
    parameters: Arc<Parameters>,
    created_ms: u64,
    ends_ms: u64,
    files: Vec<Arc<Stored>>,
    seen: bool,
}

/// A task as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct TaskView {
    id: Uuid,
    workflow_id: String,
    pub(crate) status: &'static str,
    /// `null` where there is a text.
    result: Option<Value>,
    #[serde(skip)]
    result_text: Option<String>,
    files: Vec<FileView>,
    error: Option<&'static str>,
    started_at: String,
    completed_at: Option<String>,
    created_at: String,
}

#[derive(Debug, Serialize)]
struct FileView {
    id: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Value>,
    size: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<Value>,
}

/// The tasks of one server.
#[derive(Debug)]
pub(crate) struct Tasks {
    by_id: HashMap<Uuid, Task>,
    oldest_first: VecDeque<Uuid>,
    next_file_id: u64,
}

impl Tasks {
    pub(crate) fn new() -> Self {
        Self { by_id: HashMap::new(), oldest_first: VecDeque::new(), next_file_id: FILE_ID_FIRST }
    }

    /// Adds a task that runs from now until `ends_ms`.
    pub(crate) fn add(
        &mut self,
        workflow: &'static Workflow,
        parameters: Arc<Parameters>,
        now_ms: u64,
        ends_ms: u64,
    ) -> Uuid {
        let id = Uuid::new_v4();
        let files = (self.next_file_id..).zip((workflow.files)(&parameters));
        let stored = |(number, file): (u64, File)| {
            Arc::new(Stored::new(file.listing().id.clone().unwrap_or(number.into()), file))
        };
        let files: Vec<_> = files.map(stored).collect();
        self.next_file_id += files.len() as u64;
        let task = Task { workflow, parameters, created_ms: now_ms, ends_ms, files, seen: false };
        self.by_id.insert(id, task);
        self.oldest_first.push_back(id);
        if self.oldest_first.len() > TASKS_MAX
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.by_id.remove(&oldest);
        }
        id
    }

    /// What a task says about itself now, and the name of its workflow.
    pub(crate) fn look(&mut self, id: Uuid, now_ms: u64) -> Option<(TaskView, &'static str)> {
        let task = self.by_id.get_mut(&id)?;
        if matches!(task.workflow.outcome, Outcome::IsForgotten) && task.seen {
            return None;
        }
        task.seen = true;
        Some((task.view(id, now_ms), task.workflow.name))
    }

    /// A file that a task shows now; the first, if several have the same id.
    pub(crate) fn file(&self, id: Uuid, file_id: &str, now_ms: u64) -> Option<Arc<Stored>> {
        let files = self.by_id.get(&id)?.shown_files(now_ms);
        files.iter().find(|stored| stored.name() == file_id).cloned()
    }

    /// Drops all tasks.
    pub(crate) fn clear(&mut self) {
        self.by_id.clear();
        self.oldest_first.clear();
    }
}

impl Task {
    fn status(&self, now_ms: u64) -> &'static str {
        let ended = now_ms >= self.ends_ms;
        match self.workflow.outcome {
            Outcome::NeverEnds | Outcome::IsForgotten => "in_progress",
            Outcome::Pauses if !ended => "paused",
            _ if !ended => "in_progress",
            Outcome::Completes | Outcome::CompletesWithError(_) | Outcome::Pauses => "completed",
            Outcome::Fails(_) => "failed",
            Outcome::Cancels => "canceled",
        }
    }

    fn shown_files(&self, now_ms: u64) -> &[Arc<Stored>] {
        if self.status(now_ms) == "completed" { &self.files } else { &[] }
    }

    fn view(&self, id: Uuid, now_ms: u64) -> TaskView {
        let status = self.status(now_ms);
        let ended = !matches!(status, "in_progress" | "paused");
        let completed = status == "completed";
        let error = match self.workflow.outcome {
            Outcome::Fails(error) | Outcome::CompletesWithError(error) if ended => Some(error),
            _ => None,
        };
        TaskView {
            id,
            workflow_id: self.workflow.id(),
            status,
            result: (completed && self.workflow.result_text.is_none())
                .then(|| (self.workflow.result)(&self.parameters)),
            result_text: self.workflow.result_text.filter(|_| completed).map(|text| text(&self.parameters)),
            files: self.shown_files(now_ms).iter().map(|stored| FileView::of(stored)).collect(),
            error,
            started_at: rfc3339(self.created_ms),
            completed_at: ended.then(|| rfc3339(self.ends_ms)),
            created_at: rfc3339(self.created_ms),
        }
    }
}

impl TaskView {
    /// The answer's body. A result that is a text stands in it as it is.
    pub(crate) fn body(&self) -> Result<String, serde_json::Error> {
        let body = serde_json::to_string(self)?;
        Ok(match &self.result_text {
            Some(text) => body.replacen(r#""result":null"#, &format!(r#""result":{text}"#), 1),
            None => body,
        })
    }
}

impl FileView {
    fn of(stored: &Stored) -> Self {
        let Listing { name, content_type, size, .. } = stored.file.listing().clone();
        Self { id: stored.id.clone(), name, size, content_type }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CREATED_MS: u64 = 1_705_314_600_000;
    const ENDS_MS: u64 = CREATED_MS + 45_000;

    fn task(workflow: &str, parameters: &Value) -> (Tasks, Uuid) {
        let mut tasks = Tasks::new();
        let parameters = Arc::new(parameters.as_object().unwrap().clone());
        let id = tasks.add(crate::workflow(workflow).unwrap(), parameters, CREATED_MS, ENDS_MS);
        (tasks, id)
    }

    /// The task as it is shown, without its id.
    #[track_caller]
    fn check(workflow: &str, now_ms: u64, expected: &Value) {
        let (mut tasks, id) = task(workflow, &json!({"startDate": "2024-01-01", "rows": 1500}));
        let mut found = serde_json::to_value(tasks.look(id, now_ms).unwrap().0).unwrap();
        assert_eq!(found.as_object_mut().unwrap().remove("id"), Some(json!(id.to_string())));
        assert_eq!(&found, expected);
    }

    #[test]
    fn a_task_in_progress_is_as_documented() {
        check(
            "seed-account",
            ENDS_MS - 1,
            &json!({"workflow_id": "wf-seed-account", "status": "in_progress", "result": null, "files": [], "error": null,
                "started_at": "2024-01-15T10:30:00Z", "completed_at": null, "created_at": "2024-01-15T10:30:00Z"}),
        );
    }

    #[test]
    fn a_completed_task_is_as_documented() {
        let sizes: Vec<_> =
            crate::files::expected("seed-account", &json!({"startDate": "2024-01-01", "rows": 1500}))
                .unwrap()
                .iter()
                .map(|file| file.content().bytes().len())
                .collect();
        check(
            "seed-account",
            ENDS_MS,
            &json!({"workflow_id": "wf-seed-account", "status": "completed",
                "result": {"rows_processed": 1500, "success": true},
                "files": [
                    {"id": 123, "name": "report.csv", "size": sizes[0], "content_type": "text/csv"},
                    {"id": 124, "name": "summary.pdf", "size": sizes[1], "content_type": "application/pdf"}],
                "error": null, "started_at": "2024-01-15T10:30:00Z",
                "completed_at": "2024-01-15T10:30:45Z", "created_at": "2024-01-15T10:30:00Z"}),
        );
    }

    #[test]
    fn a_failed_task_is_as_documented() {
        check(
            "fails",
            ENDS_MS,
            &json!({"workflow_id": "wf-fails", "status": "failed", "result": null, "files": [],
                "error": "Database connection failed", "started_at": "2024-01-15T10:30:00Z",
                "completed_at": "2024-01-15T10:30:45Z", "created_at": "2024-01-15T10:30:00Z"}),
        );
    }

    #[test]
    fn an_unfinished_task_has_no_error_and_no_files_to_download() {
        let (mut tasks, id) = task("completed-with-error", &json!({}));
        let (view, _) = tasks.look(id, ENDS_MS - 1).unwrap();
        assert_eq!((view.status, view.error), ("in_progress", None));
        assert!(tasks.file(id, "123", ENDS_MS - 1).is_none());
        assert!(tasks.file(id, "123", ENDS_MS).is_some());
    }

    #[test]
    fn a_file_belongs_to_one_task() {
        let (mut tasks, first) = task("many-files", &json!({}));
        let second = tasks.add(crate::workflow("no-length").unwrap(), Arc::default(), CREATED_MS, ENDS_MS);
        assert!(tasks.file(first, "142", ENDS_MS).is_some());
        assert!(tasks.file(first, "143", ENDS_MS).is_none());
        assert!(tasks.file(second, "143", ENDS_MS).is_some());
    }

    #[test]
    fn the_oldest_task_is_dropped() {
        let (mut tasks, first) = task("no-files", &json!({}));
        let add = |tasks: &mut Tasks| {
            tasks.add(crate::workflow("no-files").unwrap(), Arc::default(), CREATED_MS, ENDS_MS)
        };
        let second = add(&mut tasks);
        for _ in 2..TASKS_MAX {
            add(&mut tasks);
        }
        assert!(tasks.look(first, ENDS_MS).is_some(), "as many as are kept");
        add(&mut tasks);
        assert!(tasks.look(first, ENDS_MS).is_none(), "one too many");
        assert!(tasks.look(second, ENDS_MS).is_some());
        assert_eq!(tasks.by_id.len(), TASKS_MAX);
    }
}
