//! The timeline of one run: what happened to it, in order of time. Nothing is written.
//!
//! What seedhook decided comes from the run's journal, at the time when R2 created the entry. What happened at Fabricate has the
//! time that Fabricate states, by Fabricate's clock.

use serde::Serialize;

use crate::fabricate::{FileId, TaskId};
use crate::hook::archive_key::safe_name;
use crate::hook::subscription::TargetName;
use crate::journal::{Decision, Recorded};
use crate::ports::{EntryKey, Inbox, RetryKey, StoreError};
use crate::run::{FileState, Notification, NotificationState, Run, RunFile, RunId, Stage, Status};
use crate::timestamp::Timestamp;

use super::journals::read_journal;

/// Something that happened to a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "TimelineEvent"))]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// The delivery was accepted; or the run was made, which retries another.
    Accepted {
        /// The run that it retries; `null` if it came from a delivery.
        retry_of: Option<RunId>,
    },
    /// A start request was decided on.
    StartDecided {
        /// 1 is the first.
        attempt: u32,
    },
    /// Fabricate certainly did not take the start request.
    StartPutOff {
        /// Why.
        reason: String,
        /// The earliest moment of the next one.
        not_before: Timestamp,
    },
    /// Nobody knows whether the start request took effect.
    StartUnconfirmed {
        /// What was seen instead of an answer.
        reason: String,
        /// The earliest moment of the next one; `null` where the operator decides.
        not_before: Option<Timestamp>,
    },
    /// The task of the run is known.
    Started {
        /// Fabricate's id of the task.
        task_id: TaskId,
    },
    /// Fabricate created the task.
    TaskCreated,
    /// Fabricate began to execute the workflow.
    TaskStarted,
    /// Fabricate ended the workflow.
    TaskEnded {
        /// The task's status, as Fabricate spells it.
        status: String,
    },
    /// A file was archived.
    FileArchived {
        /// Fabricate's id of the file.
        file_id: FileId,
        /// The name under which it is saved.
        name: String,
        /// Bytes; `null` if they are not known.
        bytes: Option<u64>,
    },
    /// A file failed for good.
    FileFailed {
        /// Fabricate's id of the file.
        file_id: FileId,
        /// The name under which it would be saved.
        name: String,
        /// Why.
        reason: Option<String>,
    },
    /// The run ended.
    Ended {
        /// `completed`, `failed` or `canceled`.
        status: Status,
        /// Where it failed; `null` if it did not.
        stage: Option<Stage>,
        /// Why it failed; `null` if it did not.
        reason: Option<String>,
        /// The newer run with the same key that replaced it; absent for other runs.
        #[serde(skip_serializing_if = "Option::is_none")]
        replaced_by: Option<RunId>,
        /// The run with the same key because of which it was skipped; absent for other runs.
        #[serde(skip_serializing_if = "Option::is_none")]
        skipped_for: Option<RunId>,
    },
    /// A target was told of the run's present state.
    Notified {
        /// The name of the target.
        target: TargetName,
        /// How many attempts it took.
        attempts: u32,
    },
    /// No further attempt is made to tell a target of the run's present state.
    NotificationFailed {
        /// The name of the target.
        target: TargetName,
        /// Why the last attempt failed.
        reason: Option<String>,
    },
    /// The run was retried.
    Retried {
        /// The new run.
        run_id: RunId,
    },
}

/// Reads what happened to a run. Events of the same moment are in the order in which one leads to the next.
///
/// # Errors
/// `StoreError` when a store fails.
pub async fn timeline<W: Inbox<EntryKey> + Inbox<RetryKey>>(
    world: &W,
    run: &Run,
) -> Result<Vec<Event>, StoreError> {
    let accepted = What::Accepted { retry_of: run.retry_of };
    let mut events = vec![Event { at: run.received_at, what: accepted }];
    let mut attempt = 0;
    for Recorded { entry, at } in read_journal(world, run.run_id).await?.into_entries() {
        attempt += u32::from(entry.decision == Decision::Start);
        events.push(Event { at, what: decided(entry.decision, attempt) });
    }
    events.extend(of_task(run));
    events.extend(run.files.iter().filter_map(of_file));
    events.extend(run.notifications.iter().filter_map(of_notification));
    if let Some((retry, at)) = world.get(&RetryKey(run.run_id)).await? {
        events.push(Event { at, what: What::Retried { run_id: retry.run.run_id } });
    }
    // Stable: what Fabricate states comes after a decision of the same moment.
    events.sort_by_key(|event| event.at);
    Ok(events)
}

/// That a target was told, or is given up.
fn of_notification(notification: &Notification) -> Option<Event> {
    let target = notification.target.clone();
    let what = match notification.state {
        NotificationState::Pending => return None,
        NotificationState::Delivered => What::Notified { target, attempts: notification.attempts },
        NotificationState::Failed => What::NotificationFailed { target, reason: notification.error.clone() },
    };
    Some(Event { at: notification.finished_at?, what })
}

fn decided(decision: Decision, attempt: u32) -> What {
    match decision {
        Decision::Start => What::StartDecided { attempt },
        Decision::Task { task_id } => What::Started { task_id },
        Decision::StartLater { not_before, reason } => What::StartPutOff { reason, not_before },
        Decision::NoAnswer { reason, not_before } => What::StartUnconfirmed { reason, not_before },
        Decision::End { run } => What::Ended {
            status: run.status,
            stage: run.error.as_ref().map(|error| error.stage),
            reason: run.error.map(|error| error.message),
            replaced_by: run.replaced_by,
            skipped_for: run.skipped_for,
        },
    }
}

/// What Fabricate states of the task. A time that cannot be read is left out.
fn of_task(run: &Run) -> Vec<Event> {
    let Some(task) = &run.task else { return Vec::new() };
    let at = |time: &Option<String>, what: What| {
        time.as_deref().and_then(Timestamp::parse).map(|at| Event { at, what })
    };
    let ended = What::TaskEnded { status: task.status.clone() };
    let all = [
        at(&task.created_at, What::TaskCreated),
        at(&task.started_at, What::TaskStarted),
        at(&task.completed_at, ended),
    ];
    all.into_iter().flatten().collect()
}

/// What became of a file, where the time of it is known.
fn of_file(file: &RunFile) -> Option<Event> {
    let (at, file_id) = (file.finished_at?, file.id().clone());
    let name = safe_name(file.file.name.as_deref());
    let what = match file.state {
        FileState::Failed => What::FileFailed { file_id, name, reason: file.error.clone() },
        _ => What::FileArchived { file_id, name, bytes: file.file.size },
    };
    Some(Event { at, what })
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use serde_json::{Value, json};

    use super::*;
    use crate::fabricate::Task;
    use crate::ports::Retry;
    use crate::run::tests::{at, queued_run, started_run};
    use crate::testing::{MemoryWorld, task_id};

    fn shown(world: &MemoryWorld, run: &Run) -> Value {
        serde_json::to_value(timeline(world, run).now_or_never().unwrap().unwrap()).unwrap()
    }

    #[test]
    fn decisions_and_fabricates_times_are_in_order() {
        let mut run = started_run();
        run.fail(Stage::Workflow, "it broke", at(9_000));
        let task = run.task.as_mut().unwrap();
        task.status = "failed".into();
        task.created_at = Some(at(0).to_string());
        task.started_at = Some("yesterday".into());
        task.completed_at = Some(at(-1).to_string());
        let put_off = Decision::StartLater { not_before: at(5), reason: "HTTP 503".into() };
        let no_answer = Decision::NoAnswer { reason: "cut".into(), not_before: None };
        let end = Decision::End { run: Box::new(run.clone()) };
        let decisions = [
            Decision::Start,
            put_off,
            Decision::Start,
            no_answer,
            Decision::Task { task_id: task_id("t") },
            end,
        ];
        let world = MemoryWorld::with(&run, &decisions);
        let retry = Retry { author: "a".into(), run: queued_run() };
        world.retries.borrow_mut().insert(run.run_id, retry);
        let shown = shown(&world, &run);
        let events: Vec<&str> =
            shown.as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap()).collect();
        assert_eq!(
            events,
            [
                "task_ended",
                "accepted",
                "start_decided",
                "start_put_off",
                "start_decided",
                "start_unconfirmed",
                "started",
                "ended",
                "task_created",
                "retried"
            ],
            "{shown}"
        );
        let now = at(0).to_string();
        assert_eq!(shown[0], json!({"at": at(-1).to_string(), "event": "task_ended", "status": "failed"}));
        assert_eq!(shown[1], json!({"at": now, "event": "accepted", "retry_of": null}));
        assert_eq!(
            shown[3],
            json!({"at": now, "event": "start_put_off", "reason": "HTTP 503", "not_before": at(5).to_string()})
        );
        assert_eq!(shown[4], json!({"at": now, "event": "start_decided", "attempt": 2}));
        let ended = json!({"at": now, "event": "ended", "status": "failed", "stage": "workflow", "reason": "it broke"});
        assert_eq!(shown[7], ended);
    }

    #[test]
    fn files_are_shown_where_their_time_is_known() {
        let mut run = started_run();
        let task: Task = serde_json::from_value(json!({"id": "task", "status": "completed", "files":
            [{"id": "1", "name": "a.csv", "size": 5}, {"id": "2"}, {"id": "3"}]}))
        .unwrap();
        run.apply_task(task, at(0));
        run.files[0].mark_archived("key", 5, None);
        run.files[1].record_refusal("HTTP 404");
        run.files[2].mark_archived("other", 1, None);
        run.files[0].finished_at = Some(at(2));
        run.files[1].finished_at = Some(at(1));
        let shown = shown(&MemoryWorld::default(), &run);
        let of_files: Vec<&Value> =
            shown.as_array().unwrap().iter().filter(|event| event["file_id"] != json!(null)).collect();
        assert_eq!(of_files[0]["event"], "file_failed");
        assert_eq!(
            (&of_files[0]["reason"], &of_files[0]["at"]),
            (&json!("HTTP 404"), &json!(at(1).to_string()))
        );
        let archived = json!({"at": at(2).to_string(), "event": "file_archived", "file_id": "1", "name": "a.csv", "bytes": 5});
        assert_eq!(of_files[1..], [&archived], "that of an older version has no time");
    }

    #[test]
    fn a_run_that_gave_way_names_the_other_one() {
        let other = started_run().run_id;
        for name in ["replaced_by", "skipped_for"] {
            let mut run = queued_run();
            if name == "replaced_by" {
                run.replace(other, at(0));
            } else {
                run.skip(other, at(0));
            }
            let end = Decision::End { run: Box::new(run.clone()) };
            let shown = shown(&MemoryWorld::with(&run, &[end]), &run);
            let expected = json!({"at": at(0).to_string(), "event": "ended", "status": "canceled", "stage": null,
                "reason": null, name: other.to_string()});
            assert_eq!(shown[1], expected);
        }
    }

    #[test]
    fn a_run_that_waits_was_accepted_and_no_more() {
        let run = queued_run();
        let shown = shown(&MemoryWorld::default(), &run);
        assert_eq!(
            shown,
            json!([{"at": run.received_at.to_string(), "event": "accepted", "retry_of": null}])
        );
    }
}
