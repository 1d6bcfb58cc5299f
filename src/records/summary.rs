//! The stored shape of a run's summary: KV metadata, at most 1,024 bytes as JSON in ASCII, hence the short names.

use serde::{Deserialize, Serialize};

use super::run::MissingShape;
use super::version::Version;
use crate::fabricate::TaskId;
use crate::hook::WhenBusy;
use crate::run::{BriefError, BriefKey, GroupId, Missing, RunId, Stage, Status, Summary, ascii_json};
use crate::timestamp::Timestamp;

/// A summary as KV metadata: JSON in ASCII.
///
/// # Errors
/// When `serde_json` cannot write it. No summary causes that.
pub fn to_metadata(summary: &Summary) -> serde_json::Result<String> {
    ascii_json(&SummaryShape::from(summary))
}

/// Reads the metadata of the record of `run_id`; the id itself is in the record's key.
///
/// # Errors
/// When it is no summary, or one of a newer version than this code knows.
pub fn read_metadata(run_id: RunId, metadata: &str) -> serde_json::Result<Summary> {
    serde_json::from_str::<SummaryShape>(metadata).map(|shape| shape.into_summary(run_id))
}

/// A [`Summary`] but for its run's id. Times are milliseconds since 1970.
#[derive(Serialize, Deserialize)]
pub(super) struct SummaryShape {
    #[serde(rename = "v", default)]
    version: Version<1>,
    #[serde(rename = "h")]
    hook: String,
    #[serde(rename = "d")]
    delivery_id: String,
    #[serde(rename = "s")]
    status: Status,
    #[serde(rename = "w")]
    workspace: String,
    #[serde(rename = "p")]
    container: String,
    #[serde(rename = "pp", default, skip_serializing_if = "is_false")]
    is_project: bool,
    #[serde(rename = "f")]
    workflow: String,
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    task_id: Option<TaskId>,
    #[serde(rename = "tw", default, skip_serializing_if = "Option::is_none")]
    workflow_id: Option<String>,
    #[serde(rename = "ts", default, skip_serializing_if = "Option::is_none")]
    task_status: Option<String>,
    /// Fabricate's times of the task: created, started, completed.
    #[serde(rename = "ta", default, skip_serializing_if = "is_empty")]
    task_times: [Option<i64>; 3],
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    error: Option<BriefErrorShape>,
    #[serde(rename = "a", default)]
    attempts: u32,
    #[serde(rename = "ro", default, skip_serializing_if = "Option::is_none")]
    retry_of: Option<RunId>,
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    waits: Option<BriefKeyShape>,
    #[serde(rename = "rb", default, skip_serializing_if = "Option::is_none")]
    replaced_by: Option<RunId>,
    #[serde(rename = "sf", default, skip_serializing_if = "Option::is_none")]
    skipped_for: Option<RunId>,
    #[serde(rename = "r")]
    received_at: i64,
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    started_at: Option<i64>,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    finished_at: Option<i64>,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    not_before: Option<i64>,
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    deadline_at: Option<i64>,
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    missing: Option<MissingShape>,
    #[serde(rename = "u", default, skip_serializing_if = "is_false")]
    unjournalled: bool,
}

/// A [`BriefKey`].
#[derive(Serialize, Deserialize)]
struct BriefKeyShape {
    /// [`GroupId`], in hexadecimal.
    #[serde(rename = "g")]
    group: String,
    #[serde(rename = "k", default, skip_serializing_if = "String::is_empty")]
    key: String,
    #[serde(rename = "b", default)]
    when_busy: WhenBusy,
}

/// A [`BriefError`].
#[derive(Serialize, Deserialize)]
struct BriefErrorShape {
    #[serde(rename = "s")]
    stage: Stage,
    #[serde(rename = "m")]
    message: String,
    #[serde(rename = "t")]
    at: i64,
}

impl From<&Summary> for SummaryShape {
    fn from(summary: &Summary) -> Self {
        let millis = |time: Option<Timestamp>| time.map(Timestamp::as_millis);
        Self {
            version: Version,
            hook: summary.hook.clone(),
            delivery_id: summary.delivery_id.clone(),
            status: summary.status,
            workspace: summary.workspace.clone(),
            container: summary.container.clone(),
            is_project: summary.is_project,
            workflow: summary.workflow.clone(),
            task_id: summary.task_id.clone(),
            workflow_id: summary.workflow_id.clone(),
            task_status: summary.task_status.clone(),
            task_times: summary.task_times.map(millis),
            error: summary.error.as_ref().map(|error| BriefErrorShape {
                stage: error.stage,
                message: error.message.clone(),
                at: error.at.as_millis(),
            }),
            attempts: summary.attempts,
            retry_of: summary.retry_of,
            waits: summary.waits.as_ref().map(|waits| BriefKeyShape {
                group: waits.group.to_string(),
                key: waits.key.clone(),
                when_busy: waits.when_busy,
            }),
            replaced_by: summary.replaced_by,
            skipped_for: summary.skipped_for,
            received_at: summary.received_at.as_millis(),
            started_at: millis(summary.started_at),
            finished_at: millis(summary.finished_at),
            not_before: millis(summary.not_before),
            deadline_at: millis(summary.deadline_at),
            missing: summary.missing.map(MissingShape::from),
            unjournalled: summary.unjournalled,
        }
    }
}

impl SummaryShape {
    pub(super) fn into_summary(self, run_id: RunId) -> Summary {
        let time = |millis: Option<i64>| millis.map(Timestamp::from_millis);
        Summary {
            run_id,
            hook: self.hook,
            delivery_id: self.delivery_id,
            status: self.status,
            workspace: self.workspace,
            container: self.container,
            is_project: self.is_project,
            workflow: self.workflow,
            task_id: self.task_id,
            workflow_id: self.workflow_id,
            task_status: self.task_status,
            task_times: self.task_times.map(time),
            error: self.error.map(|error| BriefError {
                stage: error.stage,
                message: error.message,
                at: Timestamp::from_millis(error.at),
            }),
            attempts: self.attempts,
            retry_of: self.retry_of,
            waits: self.waits.map(|BriefKeyShape { group, key, when_busy }| BriefKey {
                group: GroupId::parse(&group).unwrap_or_default(),
                key,
                when_busy,
            }),
            replaced_by: self.replaced_by,
            skipped_for: self.skipped_for,
            received_at: Timestamp::from_millis(self.received_at),
            started_at: time(self.started_at),
            finished_at: time(self.finished_at),
            not_before: time(self.not_before),
            deadline_at: time(self.deadline_at),
            missing: self.missing.map(Missing::from),
            unjournalled: self.unjournalled,
        }
    }
}

fn is_empty(times: &[Option<i64>; 3]) -> bool {
    times.iter().all(Option::is_none)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fabricate::{Place, Target};
    use crate::hook::HookName;
    use crate::hook::delivery::DeliveryId;
    use crate::run::Run;
    use crate::run::tests::{at, started_run};

    /// A run each of whose texts is as long as it may be and made of `text`.
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
        run.apply_missing_task(at(0));
        run.attempts = u32::MAX;
        run.fail(Stage::Workflow, long, at(0));
        run.not_before = Some(at(0));
        run.retry_of = Some(run.run_id);
        run.unjournalled = true;
        run
    }

    /// A run that waits, each of whose texts is as long as it may be and made of `text`.
    fn waiting(text: &str) -> Run {
        let task = with_texts(text).task;
        let mut run = Run { status: Status::Queued, task: None, missing: None, ..with_texts(text) };
        assert!(task.is_some());
        run.key = Some(text.repeat(200));
        run.started_at = None;
        run.finished_at = None;
        run
    }

    #[test]
    fn the_longest_key_fits_into_kv_metadata() {
        for text in ["\u{1}\"é", "日本", "🎉", "a"] {
            let mut run = waiting(text);
            for replaced_by in [None, Some(run.run_id)] {
                run.replaced_by = replaced_by;
                let summary = run.summary();
                assert!(summary.waits.is_some());
                let written = to_metadata(&summary).unwrap();
                assert!(written.is_ascii() && written.len() <= 1024, "{} bytes: {written}", written.len());
                assert_eq!(read_metadata(summary.run_id, &written).unwrap(), summary);
            }
        }
    }

    #[test]
    fn the_longest_texts_fit_into_kv_metadata() {
        for text in ["\u{1}\"é", "é", "日本", "🎉", "\u{7f}", "a", "a🎉"] {
            let summary = with_texts(text).summary();
            let written = to_metadata(&summary).unwrap();
            assert!(written.is_ascii() && written.len() <= 1024, "{} bytes: {written}", written.len());
            assert_eq!(read_metadata(summary.run_id, &written).unwrap(), summary);
        }
    }
}
