//! The stored shape of a run, of its files and of what it was accepted with.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::task::TaskShape;
use super::version::Version;
use crate::fabricate::{FileId, Place, Target, TaskFile};
use crate::hook::archive_key::KeyTemplate;
use crate::hook::delivery::DeliveryId;
use crate::hook::subscription::{RunEvent, Subscription, TargetName};
use crate::hook::{HookName, MaxRunning, OnRedelivery, OnUnconfirmed, RunSettings, WhenBusy};
use crate::run::{
    FileState, MappedFrom, Missing, Notification, NotificationState, Run, RunError, RunFile, RunId, Stage,
    Status,
};
use crate::timestamp::Timestamp;
use crate::trace_context::TraceContext;

/// A [`Run`].
#[derive(Serialize, Deserialize)]
pub(super) struct RunShape {
    #[serde(default)]
    version: Version<1>,
    run_id: RunId,
    hook: HookName,
    delivery_id: DeliveryId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    item_id: Option<DeliveryId>,
    target: TargetShape,
    #[serde(rename = "origin", default)]
    mapped_from: Option<MappedFromShape>,
    params: Arc<Map<String, Value>>,
    settings: SettingsShape,
    status: Status,
    attempts: u32,
    not_before: Option<Timestamp>,
    task: Option<TaskShape>,
    #[serde(default)]
    result_in_journal: bool,
    #[serde(default)]
    unjournalled: bool,
    #[serde(default)]
    missing: Option<MissingShape>,
    #[serde(default)]
    archiving_since: Option<Timestamp>,
    files: Vec<FileShape>,
    #[serde(default)]
    abandoned: bool,
    error: Option<ErrorShape>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notifications: Vec<NotificationShape>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    retry_of: Option<RunId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaced_by: Option<RunId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    skipped_for: Option<RunId>,
    /// [`TraceContext`] as text. One that cannot be read is none: no run waits for its trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
    received_at: Timestamp,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    #[serde(default)]
    written_at: Option<Timestamp>,
}

impl From<&Run> for RunShape {
    fn from(run: &Run) -> Self {
        Self {
            version: Version,
            run_id: run.run_id,
            hook: run.hook.clone(),
            delivery_id: run.delivery_id.clone(),
            item_id: run.item_id.clone(),
            target: TargetShape::from(&*run.target),
            mapped_from: run.mapped_from.map(MappedFromShape::from),
            params: Arc::clone(&run.params),
            settings: SettingsShape::from(&*run.settings),
            status: run.status,
            attempts: run.attempts,
            not_before: run.not_before,
            task: run.task.as_ref().map(TaskShape::from),
            result_in_journal: run.result_in_journal,
            unjournalled: run.unjournalled,
            missing: run.missing.map(MissingShape::from),
            archiving_since: run.archiving_since,
            files: run.files.iter().map(FileShape::from).collect(),
            abandoned: run.abandoned,
            error: run.error.as_ref().map(ErrorShape::from),
            notifications: run.notifications.iter().map(NotificationShape::from).collect(),
            address: run.address.clone(),
            retry_of: run.retry_of,
            key: run.key.clone(),
            replaced_by: run.replaced_by,
            skipped_for: run.skipped_for,
            trace: run.trace.map(|trace| trace.to_string()),
            received_at: run.received_at,
            started_at: run.started_at,
            finished_at: run.finished_at,
            written_at: run.written_at,
        }
    }
}

impl From<RunShape> for Run {
    fn from(shape: RunShape) -> Self {
        Self {
            run_id: shape.run_id,
            hook: shape.hook,
            delivery_id: shape.delivery_id,
            item_id: shape.item_id,
            target: Arc::new(shape.target.into()),
            mapped_from: shape.mapped_from.map(MappedFrom::from),
            params: shape.params,
            settings: Arc::new(shape.settings.into()),
            status: shape.status,
            attempts: shape.attempts,
            not_before: shape.not_before,
            task: shape.task.map(Into::into),
            result_in_journal: shape.result_in_journal,
            unjournalled: shape.unjournalled,
            missing: shape.missing.map(Missing::from),
            archiving_since: shape.archiving_since,
            files: shape.files.into_iter().map(RunFile::from).collect(),
            abandoned: shape.abandoned,
            error: shape.error.map(RunError::from),
            notifications: shape.notifications.into_iter().map(Notification::from).collect(),
            address: shape.address,
            retry_of: shape.retry_of,
            key: shape.key,
            replaced_by: shape.replaced_by,
            skipped_for: shape.skipped_for,
            trace: shape.trace.as_deref().and_then(TraceContext::from_stored),
            received_at: shape.received_at,
            started_at: shape.started_at,
            finished_at: shape.finished_at,
            written_at: shape.written_at,
        }
    }
}

/// A [`Target`]: `{"workspace", "database" or "project", "workflow"}`.
#[derive(Serialize, Deserialize)]
struct TargetShape {
    workspace: String,
    #[serde(flatten)]
    container: ContainerShape,
    workflow: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ContainerShape {
    Database(String),
    Project(String),
}

impl From<&Target> for TargetShape {
    fn from(target: &Target) -> Self {
        let container = match &target.place {
            Place::Database(name) => ContainerShape::Database(name.clone()),
            Place::Project(name) => ContainerShape::Project(name.clone()),
        };
        Self { workspace: target.workspace.clone(), container, workflow: target.workflow.clone() }
    }
}

impl From<TargetShape> for Target {
    fn from(shape: TargetShape) -> Self {
        let container = match shape.container {
            ContainerShape::Database(name) => Place::Database(name),
            ContainerShape::Project(name) => Place::Project(name),
        };
        Self { workspace: shape.workspace, place: container, workflow: shape.workflow }
    }
}

/// [`MappedFrom`].
#[derive(Serialize, Deserialize)]
struct MappedFromShape {
    rule: usize,
    #[serde(default)]
    item: Option<usize>,
}

impl From<MappedFrom> for MappedFromShape {
    fn from(from: MappedFrom) -> Self {
        Self { rule: from.rule_index, item: from.item_index }
    }
}

impl From<MappedFromShape> for MappedFrom {
    fn from(shape: MappedFromShape) -> Self {
        Self { rule_index: shape.rule, item_index: shape.item }
    }
}

/// [`RunSettings`].
#[derive(Serialize, Deserialize)]
struct SettingsShape {
    on_unconfirmed: OnUnconfirmed,
    deadline_ms: i64,
    start_attempts_max: u32,
    archive: KeyTemplate,
    #[serde(default)]
    on_redelivery: OnRedelivery,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notify: Vec<Subscription>,
    #[serde(default, skip_serializing_if = "is_default")]
    when_busy: WhenBusy,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    debounce_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hook_max_running: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    worker_max_running: Option<u32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_default(when_busy: &WhenBusy) -> bool {
    *when_busy == WhenBusy::default()
}

impl From<&RunSettings> for SettingsShape {
    fn from(settings: &RunSettings) -> Self {
        Self {
            on_unconfirmed: settings.on_unconfirmed,
            deadline_ms: settings.deadline_ms,
            start_attempts_max: settings.start_attempts_max,
            archive: settings.archive.clone(),
            on_redelivery: settings.on_redelivery,
            notify: settings.notify.clone(),
            when_busy: settings.when_busy,
            debounce_ms: settings.debounce_ms,
            hook_max_running: settings.max_running.hook,
            worker_max_running: settings.max_running.worker,
        }
    }
}

impl From<SettingsShape> for RunSettings {
    fn from(shape: SettingsShape) -> Self {
        Self {
            on_unconfirmed: shape.on_unconfirmed,
            deadline_ms: shape.deadline_ms,
            start_attempts_max: shape.start_attempts_max,
            archive: shape.archive,
            on_redelivery: shape.on_redelivery,
            notify: shape.notify,
            when_busy: shape.when_busy,
            debounce_ms: shape.debounce_ms,
            max_running: MaxRunning { hook: shape.hook_max_running, worker: shape.worker_max_running },
        }
    }
}

/// [`Missing`], with short names because a summary has it too.
#[derive(Serialize, Deserialize)]
pub(super) struct MissingShape {
    #[serde(rename = "s")]
    since: Timestamp,
    #[serde(rename = "p")]
    polls: u32,
}

impl From<Missing> for MissingShape {
    fn from(Missing { since, polls }: Missing) -> Self {
        Self { since, polls }
    }
}

impl From<MissingShape> for Missing {
    fn from(MissingShape { since, polls }: MissingShape) -> Self {
        Self { since, polls }
    }
}

/// A [`RunError`].
#[derive(Serialize, Deserialize)]
struct ErrorShape {
    stage: Stage,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    at: Timestamp,
    attempts: u32,
}

impl From<&RunError> for ErrorShape {
    fn from(error: &RunError) -> Self {
        Self {
            stage: error.stage,
            message: error.message.clone(),
            http_status: error.http_status,
            at: error.at,
            attempts: error.attempts,
        }
    }
}

impl From<ErrorShape> for RunError {
    fn from(shape: ErrorShape) -> Self {
        Self {
            stage: shape.stage,
            message: shape.message,
            http_status: shape.http_status,
            at: shape.at,
            attempts: shape.attempts,
        }
    }
}

/// A [`Notification`].
#[derive(Serialize, Deserialize)]
struct NotificationShape {
    target: TargetName,
    event: RunEvent,
    state: NotificationState,
    since: Timestamp,
    attempts: u32,
    not_before: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    finished_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl From<&Notification> for NotificationShape {
    fn from(notification: &Notification) -> Self {
        let Notification { target, event, state, since, attempts, not_before, finished_at, error } =
            notification.clone();
        Self { target, event, state, since, attempts, not_before, finished_at, error }
    }
}

impl From<NotificationShape> for Notification {
    fn from(shape: NotificationShape) -> Self {
        let NotificationShape { target, event, state, since, attempts, not_before, finished_at, error } =
            shape;
        Self { target, event, state, since, attempts, not_before, finished_at, error }
    }
}

/// A [`RunFile`]: what the task says of the file and what became of it, in one object.
#[derive(Serialize, Deserialize)]
struct FileShape {
    id: FileId,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    content_type: Option<String>,
    state: FileState,
    key: Option<String>,
    sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    finished_at: Option<Timestamp>,
    error: Option<String>,
    #[serde(default)]
    attempts: u32,
    #[serde(default)]
    not_before: Option<Timestamp>,
    #[serde(default)]
    failing_since: Option<Timestamp>,
    #[serde(default)]
    bad_copies: u32,
    #[serde(default)]
    bytes: Option<u64>,
    #[serde(default)]
    in_parts: bool,
}

impl From<&RunFile> for FileShape {
    fn from(file: &RunFile) -> Self {
        let TaskFile { id, name, size, content_type } = file.file.clone();
        Self {
            id,
            name,
            size,
            content_type,
            state: file.state,
            key: file.key.clone(),
            sha256: file.sha256.clone(),
            finished_at: file.finished_at,
            error: file.error.clone(),
            attempts: file.attempts,
            not_before: file.not_before,
            failing_since: file.failing_since,
            bad_copies: file.bad_copies,
            bytes: file.bytes,
            in_parts: file.in_parts,
        }
    }
}

impl From<FileShape> for RunFile {
    fn from(shape: FileShape) -> Self {
        let FileShape { id, name, size, content_type, .. } = shape;
        Self {
            file: TaskFile { id, name, size, content_type },
            state: shape.state,
            key: shape.key,
            sha256: shape.sha256,
            finished_at: shape.finished_at,
            error: shape.error,
            attempts: shape.attempts,
            not_before: shape.not_before,
            failing_since: shape.failing_since,
            bad_copies: shape.bad_copies,
            bytes: shape.bytes,
            in_parts: shape.in_parts,
        }
    }
}
