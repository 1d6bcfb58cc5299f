//! A run as the operator's API shows it. A run's settings and its bookkeeping are not in it.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{
    FileState, Notification, NotificationState, Run, RunFile, RunId, Stage, Status, Summary, WaitingFor,
};
use crate::fabricate::{FileId, JsonText, Place, ResultOmitted, Task, TaskId, encode_path_part};
use crate::hook::HookName;
use crate::hook::archive_key::safe_name;
use crate::hook::delivery::DeliveryId;
use crate::hook::subscription::{RunEvent, TargetName};
use crate::timestamp::Timestamp;

/// One run, whole: the answer to `GET /api/runs/{run_id}`. All times are RFC 3339 in UTC, with milliseconds.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Run"))]
pub struct RunView<'a> {
    /// UUID of version 7.
    pub run_id: RunId,
    /// The name of the hook that accepted the run.
    pub hook: &'a HookName,
    /// The event's id, which redeliveries share.
    pub delivery_id: &'a DeliveryId,
    /// The run's status.
    pub status: Status,
    /// Name of the Fabricate workspace.
    pub workspace: &'a str,
    /// `database` or `project`.
    #[serde(flatten)]
    pub place: PlaceView<'a>,
    /// Name of the workflow.
    pub workflow: &'a str,
    /// When the run reached its final status; `null` before.
    pub finished_at: Option<Timestamp>,
    /// Why the run failed, or why it is `unconfirmed`; `null` otherwise.
    pub error: Option<RunErrorView<'a>>,
    /// How many start requests were sent.
    pub attempts: u32,
    /// One for each target that is notified of the run's present state; empty while it runs.
    pub notifications: Vec<NotificationView<'a>>,
    /// The run that this run retries; `null` if the run came from a delivery.
    pub retry_of: Option<RunId>,
    /// The id of the trace that the sender's `traceparent` header named: 32 hexadecimal digits; `null` if it named none.
    pub trace_id: Option<String>,
    /// When the delivery was accepted.
    pub received_at: Timestamp,
    /// When the workflow was started; `null` before.
    pub started_at: Option<Timestamp>,
    /// The workflow's parameters.
    pub params: &'a Map<String, Value>,
    /// The task's files, in Fabricate's order; empty until the task is completed.
    pub files: Vec<RunFileView<'a>>,
    /// The run's key, by `concurrency`: runs with the same key run one at a time. Absent if it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<&'a str>,
    /// What the run waits for; absent unless it is `queued` and waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<WaitingView<'a>>,
    /// The newer run with the same key that replaced this one; absent for other runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<RunId>,
    /// The run with the same key because of which this one was skipped; absent for other runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped_for: Option<RunId>,
    /// The id of the item of a batch that the run is for; absent for other runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item_id: Option<&'a DeliveryId>,
    /// Fabricate's task; `null` until the workflow is started.
    pub task: Option<TaskView<'a>>,
}

/// A run in brief, as lists and problems show it: without parameters, result and files, and with long texts cut.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct RunBrief<'a> {
    /// UUID of version 7.
    pub run_id: RunId,
    /// The name of the hook that accepted the run.
    pub hook: &'a str,
    /// The event's id, which redeliveries share; may be cut.
    pub delivery_id: &'a str,
    /// The run's status.
    pub status: Status,
    /// Name of the Fabricate workspace; may be cut.
    pub workspace: &'a str,
    /// `database` or `project`.
    #[serde(flatten)]
    pub place: PlaceView<'a>,
    /// Name of the workflow; may be cut.
    pub workflow: &'a str,
    /// Fabricate's task; `null` until the workflow is started.
    pub task: Option<TaskBrief<'a>>,
    /// Why the run failed, or why it is `unconfirmed`; `null` otherwise.
    pub error: Option<RunErrorView<'a>>,
    /// How many start requests were sent.
    pub attempts: u32,
    /// The run that this run retries; `null` if the run came from a delivery.
    pub retry_of: Option<RunId>,
    /// When the delivery was accepted.
    pub received_at: Timestamp,
    /// When the workflow was started; `null` before.
    pub started_at: Option<Timestamp>,
    /// When the run reached its final status; `null` before.
    pub finished_at: Option<Timestamp>,
    /// What the run may wait for; absent unless it is `queued`. Lists do not look whether another run is in its way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<WaitingView<'a>>,
    /// The newer run with the same key that replaced this one; absent for other runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<RunId>,
    /// The run with the same key because of which this one was skipped; absent for other runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped_for: Option<RunId>,
}

/// What a run waits for that is not started.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Waiting"))]
pub struct WaitingView<'a> {
    /// What the run waits for first.
    #[serde(rename = "for")]
    pub reason: WaitingFor,
    /// The run's key; may be cut in lists; `null` if it has none.
    pub key: Option<&'a str>,
    /// The runs that have to end, or to start, before this one starts, as far as they are known; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind: Option<Vec<RunId>>,
    /// The run does not start before this; `null`: it starts as soon as nothing is in its way.
    pub not_before: Option<Timestamp>,
}

/// Where the workflow is: one field, which is named for what it holds.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Place"))]
#[serde(rename_all = "lowercase")]
pub enum PlaceView<'a> {
    /// Name of the database.
    Database(&'a str),
    /// Name of the project.
    Project(&'a str),
}

/// Why a run failed, or why it is `unconfirmed`.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "RunError"))]
pub struct RunErrorView<'a> {
    /// Where it happened.
    pub stage: Stage,
    /// The reason, for people; may be cut in lists.
    pub message: &'a str,
    /// When it was seen.
    pub at: Timestamp,
    /// How many start requests had been sent by then.
    pub attempts: u32,
}

/// Fabricate's task.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Task"))]
pub struct TaskView<'a> {
    /// Fabricate's id of the task.
    pub id: &'a TaskId,
    /// Fabricate's id of the workflow; `null` if Fabricate did not state it.
    pub workflow_id: Option<&'a str>,
    /// The status, as Fabricate spells it.
    pub status: &'a str,
    /// When Fabricate created the task, as Fabricate wrote it; `null` if it did not.
    pub created_at: Option<&'a str>,
    /// When the task began, as Fabricate wrote it; `null` if it did not.
    pub started_at: Option<&'a str>,
    /// When the task ended, as Fabricate wrote it; `null` if it did not.
    pub completed_at: Option<&'a str>,
    /// Fabricate's error, any JSON; `null` if there is none.
    pub error: Option<&'a Value>,
    /// Fabricate's result, any JSON, byte for byte; `null` if there is none, or if it is not kept.
    #[serde(serialize_with = "as_json")]
    pub result: &'a JsonText,
    /// Why `result` is not kept; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_omitted: Option<&'a ResultOmitted>,
}

/// Fabricate's task in brief.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct TaskBrief<'a> {
    /// Fabricate's id of the task.
    pub id: &'a TaskId,
    /// Fabricate's id of the workflow; may be cut; `null` if Fabricate did not state it.
    pub workflow_id: Option<&'a str>,
    /// The status, as Fabricate spells it.
    pub status: Option<&'a str>,
    /// When Fabricate created the task; `null` if it did not say.
    pub created_at: Option<Timestamp>,
    /// When the task began; `null` if Fabricate did not say.
    pub started_at: Option<Timestamp>,
    /// When the task ended; `null` if Fabricate did not say.
    pub completed_at: Option<Timestamp>,
    /// Why the workflow failed; may be cut; `null` if it did not fail.
    pub error: Option<&'a str>,
}

/// How far a target was notified of a run's end, or that the run is `unconfirmed`.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Notification"))]
pub struct NotificationView<'a> {
    /// The name of the target.
    pub target: &'a TargetName,
    /// What the target is told.
    pub event: RunEvent,
    /// Whether the target was told.
    pub state: NotificationState,
    /// How many attempts were made.
    pub attempts: u32,
    /// When the next attempt is due; `null` unless the state is `pending`.
    pub not_before: Option<Timestamp>,
    /// When the notification was delivered or given up; `null` before.
    pub finished_at: Option<Timestamp>,
    /// Why the last attempt failed; `null` if it did not.
    pub error: Option<&'a str>,
}

/// A file of a run's task.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "RunFile"))]
pub struct RunFileView<'a> {
    /// Fabricate's id of the file.
    pub id: &'a FileId,
    /// The name under which the file is saved.
    pub name: String,
    /// Bytes; `null` if neither Fabricate states them nor the file is archived.
    pub size: Option<u64>,
    /// Media type; `null` if Fabricate does not state it.
    pub content_type: Option<&'a str>,
    /// Whether the file is archived.
    pub state: FileState,
    /// The object's key in the files bucket; `null` until the file is archived.
    pub key: Option<&'a str>,
    /// SHA-256 in hexadecimal; `null` if it is not known.
    pub sha256: Option<&'a str>,
    /// When its state became `archived` or `failed`; `null` before, and for files of older versions of seedhook.
    pub finished_at: Option<Timestamp>,
    /// How many bytes are copied so far; `null` unless the file is being copied in parts.
    pub bytes: Option<u64>,
    /// Why the last attempt failed; `null` if it did not.
    pub error: Option<&'a str>,
    /// How many attempts failed.
    pub attempts: u32,
    /// The path of the call that answers with the file.
    pub url: String,
}

impl Run {
    /// The whole run, as the operator sees it. Whether other runs are in its way, it does not say: [`view_waiting`](Self::view_waiting)
    /// does.
    #[must_use]
    pub fn view(&self) -> RunView<'_> {
        let is_moment = |reason: &WaitingFor| matches!(reason, WaitingFor::Retry | WaitingFor::Debounce);
        let error = self.error.as_ref().map(|error| RunErrorView {
            stage: error.stage,
            message: &error.message,
            at: error.at,
            attempts: error.attempts,
        });
        RunView {
            run_id: self.run_id,
            hook: &self.hook,
            delivery_id: &self.delivery_id,
            status: self.status,
            workspace: &self.target.workspace,
            place: match &self.target.place {
                Place::Database(name) => PlaceView::Database(name),
                Place::Project(name) => PlaceView::Project(name),
            },
            workflow: &self.target.workflow,
            finished_at: self.finished_at,
            error,
            attempts: self.attempts,
            notifications: self.notifications.iter().map(Notification::view).collect(),
            retry_of: self.retry_of,
            trace_id: self.trace.map(|trace| trace.trace_id()),
            received_at: self.received_at,
            started_at: self.started_at,
            params: &self.params,
            files: self.files.iter().map(|file| file.view(self.run_id)).collect(),
            key: self.key.as_deref(),
            waiting: self.waiting_view(self.waiting_for().filter(is_moment), &[]),
            replaced_by: self.replaced_by,
            skipped_for: self.skipped_for,
            item_id: self.item_id.as_ref(),
            task: self.task.as_ref().map(Task::view),
        }
    }

    /// [`view`](Self::view), of a run that waits for `reason`, and for these runs; `None`: it does not wait.
    #[must_use]
    pub fn view_waiting(&self, reason: Option<WaitingFor>, behind: &[RunId]) -> RunView<'_> {
        RunView { waiting: self.waiting_view(reason, behind), ..self.view() }
    }

    fn waiting_view(&self, reason: Option<WaitingFor>, behind: &[RunId]) -> Option<WaitingView<'_>> {
        Some(WaitingView {
            reason: reason?,
            key: self.key.as_deref(),
            behind: Some(behind.to_vec()),
            not_before: self.not_before,
        })
    }
}

impl Notification {
    fn view(&self) -> NotificationView<'_> {
        NotificationView {
            target: &self.target,
            event: self.event,
            state: self.state,
            attempts: self.attempts,
            not_before: Some(self.not_before).filter(|_| self.is_pending()),
            finished_at: self.finished_at,
            error: self.error.as_deref(),
        }
    }
}

impl Task {
    fn view(&self) -> TaskView<'_> {
        TaskView {
            id: &self.id,
            workflow_id: self.workflow_id.as_deref(),
            status: &self.status,
            created_at: self.created_at.as_deref(),
            started_at: self.started_at.as_deref(),
            completed_at: self.completed_at.as_deref(),
            error: self.error.as_ref(),
            result: &self.result,
            result_omitted: self.result_omitted.as_ref(),
        }
    }
}

impl RunFile {
    fn view(&self, run_id: RunId) -> RunFileView<'_> {
        RunFileView {
            id: self.id(),
            name: safe_name(self.file.name.as_deref()),
            size: self.file.size,
            content_type: self.file.content_type.as_deref(),
            state: self.state,
            key: self.key.as_deref(),
            sha256: self.sha256.as_deref(),
            finished_at: self.finished_at,
            bytes: self.bytes,
            error: self.error.as_deref(),
            attempts: self.attempts,
            url: format!("/api/runs/{run_id}/files/{}", encode_path_part(self.id().as_str())),
        }
    }
}

impl Summary {
    /// The run in brief, as the operator sees it at this time: once a debounce is over, only other runs are in the way of its run.
    #[must_use]
    pub fn view_at(&self, now: Timestamp) -> RunBrief<'_> {
        let mut view = self.view();
        if let Some(waiting) = &mut view.waiting
            && waiting.reason == WaitingFor::Debounce
            && self.not_before.is_some_and(|moment| moment <= now)
        {
            waiting.reason = WaitingFor::Concurrency;
        }
        view
    }

    /// The run in brief, as it was written.
    #[must_use]
    pub fn view(&self) -> RunBrief<'_> {
        let error = self.error.as_ref().map(|error| RunErrorView {
            stage: error.stage,
            message: &error.message,
            at: error.at,
            attempts: self.attempts,
        });
        RunBrief {
            run_id: self.run_id,
            hook: &self.hook,
            delivery_id: &self.delivery_id,
            status: self.status,
            workspace: self.workspace(),
            place: self.place(),
            workflow: self.workflow(),
            task: self.task_view(),
            error,
            attempts: self.attempts,
            retry_of: self.retry_of,
            received_at: self.received_at,
            started_at: self.started_at,
            finished_at: self.finished_at,
            waiting: self.waiting_for().map(|reason| WaitingView {
                reason,
                key: self.waits.as_ref().map(|waits| waits.key.as_str()).filter(|key| !key.is_empty()),
                behind: None,
                not_before: self.not_before,
            }),
            replaced_by: self.replaced_by,
            skipped_for: self.skipped_for,
        }
    }

    fn task_view(&self) -> Option<TaskBrief<'_>> {
        let failed = self.error.as_ref().filter(|error| error.stage == Stage::Workflow);
        let [created_at, started_at, completed_at] = self.task_times;
        Some(TaskBrief {
            id: self.task_id.as_ref()?,
            workflow_id: self.workflow_id.as_deref(),
            status: self.task_status.as_deref(),
            created_at,
            started_at,
            completed_at,
            error: failed.map(|error| error.message.as_str()),
        })
    }
}

/// Writes a JSON text as the value that it is: it is never made a tree of values.
fn as_json<S: Serializer>(text: &JsonText, serializer: S) -> Result<S::Ok, S::Error> {
    let value: &RawValue = serde_json::from_str(text.as_str()).map_err(serde::ser::Error::custom)?;
    value.serialize(serializer)
}
