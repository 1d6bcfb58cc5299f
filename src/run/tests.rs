//! A run's life, step by step; and the runs that other modules' tests start from.

use serde_json::json;

use super::*;
use crate::fabricate::{Place, ResultOmitted};
use crate::hook::archive_key::KeyTemplate;
use crate::hook::{DEADLINE_DEFAULT_MS, MaxRunning, OnRedelivery, START_ATTEMPTS_DEFAULT, WhenBusy};

/// `millis` after the moment at which these runs were accepted and started.
pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + millis)
}

pub(crate) fn queued_run() -> Run {
    Run {
        run_id: RunId::new(at(0), [7; 16]),
        hook: HookName::try_from("hook".to_owned()).unwrap(),
        delivery_id: DeliveryId::from("delivery"),
        item_id: None,
        target: Arc::new(Target {
            workspace: "acme".into(),
            place: Place::Database("sales-demo".into()),
            workflow: "seed".into(),
        }),
        params: Arc::default(),
        settings: Arc::new(RunSettings {
            on_unconfirmed: OnUnconfirmed::Park,
            deadline_ms: DEADLINE_DEFAULT_MS,
            start_attempts_max: START_ATTEMPTS_DEFAULT,
            archive: KeyTemplate::default(),
            on_redelivery: OnRedelivery::Ignore,
            notify: Vec::new(),
            when_busy: WhenBusy::Wait,
            debounce_ms: None,
            max_running: MaxRunning::default(),
        }),
        mapped_from: None,
        abandoned: false,
        status: Status::Queued,
        attempts: 0,
        not_before: None,
        task: None,
        result_in_journal: false,
        unjournalled: false,
        missing: None,
        archiving_since: None,
        files: Vec::new(),
        error: None,
        notifications: Vec::new(),
        address: None,
        retry_of: None,
        key: None,
        replaced_by: None,
        skipped_for: None,
        trace: None,
        received_at: at(0),
        started_at: None,
        finished_at: None,
        written_at: None,
    }
}

pub(crate) fn started_run() -> Run {
    let mut run = queued_run();
    run.mark_started(TaskId::try_from("task".to_owned()).unwrap(), 1, at(0));
    run
}

fn task(value: serde_json::Value) -> Task {
    serde_json::from_value(value).unwrap()
}

fn with_files(count: u32) -> Run {
    let files: Vec<_> = (0..count).map(|id| json!({"id": id, "name": "a.csv"})).collect();
    let mut run = started_run();
    let seen = run.apply_task(task(json!({"id": "task", "status": "completed", "files": files})), at(1));
    assert_eq!(seen, Effect::TaskCompleted);
    run
}

#[test]
fn a_completed_task_without_files_completes_its_run() {
    let mut run = with_files(0);
    assert_eq!(run.apply_archive_pass(false, at(2)), Effect::Ended);
    assert_eq!((run.status, run.finished_at), (Status::Completed, Some(at(2))));
}

#[test]
fn each_of_fabricates_ends_is_the_runs_end() {
    #[track_caller]
    fn check(answer: serde_json::Value, expected: Status, stage: Option<Stage>) {
        let mut run = started_run();
        assert_eq!(run.apply_task(task(answer), at(5)), Effect::Ended);
        assert_eq!(run.status, expected);
        assert_eq!(run.error.map(|error| error.stage), stage);
    }
    check(json!({"id": "t", "status": "failed", "error": "no"}), Status::Failed, Some(Stage::Workflow));
    check(json!({"id": "t", "status": "failed"}), Status::Failed, Some(Stage::Workflow));
    check(json!({"id": "t", "status": "completed", "error": "no"}), Status::Failed, Some(Stage::Workflow));
    check(json!({"id": "t", "status": "canceled"}), Status::Canceled, None);
}

#[test]
fn a_final_state_never_changes() {
    let mut run = started_run();
    run.fail(Stage::Poll, "x", at(1));
    let before = run.clone();
    run.mark_started(TaskId::try_from("other".to_owned()).unwrap(), 2, at(2));
    run.start_later(3, at(3));
    run.park(4, "x", at(4));
    assert_eq!(run.apply_task(task(json!({"id": "t", "status": "completed"})), at(5)), Effect::Ended);
    assert_eq!(run, before);
}

#[test]
fn an_unchanged_task_writes_nothing_until_the_deadline() {
    let mut run = started_run();
    let answer = || task(json!({"id": "task", "status": "paused"}));
    assert_eq!(run.apply_task(answer(), at(DEADLINE_DEFAULT_MS - 1)), Effect::Unchanged);
    assert_eq!(run.apply_task(answer(), at(DEADLINE_DEFAULT_MS)), Effect::Ended);
    assert_eq!(run.error.as_ref().map(|error| error.stage), Some(Stage::Poll));
    let mut run = started_run();
    assert_eq!(run.apply_poll_failure("HTTP 500", at(5)), Effect::Unchanged);
    assert_eq!(run.apply_poll_failure("HTTP 500", at(DEADLINE_DEFAULT_MS)), Effect::Ended);
    let mut run = with_files(1);
    run.apply_archive_pass(false, at(2));
    let seen = run.apply_poll_failure("HTTP 502", at(DEADLINE_DEFAULT_MS));
    assert_eq!(seen, Effect::Unchanged, "a completed task is not late");
    let late = Err(crate::fabricate::StatusError::Unavailable("HTTP 502".into()));
    assert!(run.summary().is_unchanged_by(&late, at(DEADLINE_DEFAULT_MS)));
}

#[test]
fn an_answer_that_is_too_large_ends_the_run_at_stage_poll() {
    let mut run = started_run();
    let reason = "the status answer has more than 67108864 bytes";
    let answer = Err(crate::fabricate::StatusError::TooLarge(reason.into()));
    assert!(!run.summary().is_unchanged_by(&answer, at(5)));
    assert_eq!(run.apply_oversized_answer(reason, at(5)), Effect::Ended);
    let error = run.error.unwrap();
    assert_eq!((run.status, error.stage, error.message.as_str()), (Status::Failed, Stage::Poll, reason));
}

#[test]
fn a_missing_task_is_given_up_after_three_polls_and_a_quarter_of_an_hour() {
    let mut run = started_run();
    assert_eq!(run.apply_missing_task(at(0)), Effect::Changed);
    assert_eq!(run.apply_missing_task(at(1)), Effect::Changed);
    assert_eq!(run.apply_missing_task(at(2)), Effect::Changed);
    assert_eq!(run.apply_missing_task(at(3)), Effect::Unchanged);
    assert_eq!(run.apply_missing_task(at(MISSING_MS)), Effect::Ended);
    assert_eq!(run.error.as_ref().map(|error| error.stage), Some(Stage::Poll));

    let mut run = started_run();
    run.apply_missing_task(at(0));
    assert_eq!(run.apply_missing_task(at(MISSING_MS)), Effect::Changed, "only the second poll");
    let seen = run.apply_task(task(json!({"id": "task", "status": "in_progress"})), at(MISSING_MS));
    assert_eq!((seen, run.missing), (Effect::Changed, None));
}

#[test]
fn a_run_waits_for_each_of_its_files() {
    let mut run = with_files(3);
    run.files[0].mark_archived("key", 1, None);
    run.files[1].record_failure("HTTP 500", at(10));
    assert_eq!(run.apply_archive_pass(false, at(10)), Effect::Changed);
    assert_eq!(run.status, Status::Archiving);
    assert_eq!(run.apply_archive_pass(false, at(20)), Effect::Unchanged);
    assert_eq!(run.apply_archive_pass(true, at(30)), Effect::Changed);
    run.files[1].record_refusal("HTTP 404");
    run.files[2].mark_archived("other", 1, None);
    assert_eq!(run.apply_archive_pass(true, at(40)), Effect::Ended);
    assert_eq!(run.status, Status::Failed);
    let error = run.error.unwrap();
    assert_eq!(
        (error.stage, error.message.as_str()),
        (Stage::Archive, "1 of 3 files not archived: file 1: HTTP 404")
    );
}

#[test]
fn an_id_that_is_listed_twice_is_one_file_or_a_mistake() {
    let files = json!([{"id": 1, "name": "a"}, {"id": "1", "name": "a"}, {"id": 1, "name": "b"}, {"id": 2}]);
    let mut run = started_run();
    run.apply_task(task(json!({"id": "task", "status": "completed", "files": files})), at(1));
    let files: Vec<_> = run.files.iter().map(|file| (file.id().as_str(), file.state)).collect();
    let expected = [("1", FileState::Pending), ("1", FileState::Failed), ("2", FileState::Pending)];
    assert_eq!(files, expected);
}

#[test]
fn too_many_files_fail_the_run_instead_of_being_left_out() {
    let files: Vec<_> = (0..=FILES_MAX).map(|id| json!({"id": id})).collect();
    let mut run = started_run();
    let seen = run.apply_task(task(json!({"id": "task", "status": "completed", "files": files})), at(1));
    assert_eq!((seen, run.error.map(|error| error.stage)), (Effect::Ended, Some(Stage::Archive)));
}

#[test]
fn a_file_that_was_given_up_fails_the_run_once_the_others_are_done() {
    let mut run = with_files(2);
    run.files[0].state = FileState::Failed;
    assert_eq!(run.apply_archive_pass(false, at(1)), Effect::Changed);
    run.files[1].state = FileState::Archived;
    assert_eq!(run.apply_archive_pass(false, at(2)), Effect::Ended);
    assert_eq!(run.status, Status::Failed);
}

#[test]
fn another_look_at_the_task_keeps_what_is_archived() {
    let mut run = with_files(1);
    run.files[0].state = FileState::Archived;
    run.apply_task(task(json!({"id": "task", "status": "completed", "files": [{"id": 0}]})), at(9));
    assert!(run.is_archived());
}

#[test]
fn a_large_result_stays_out_of_kv() {
    let mut run = started_run();
    run.task.as_mut().unwrap().result = json!("x".repeat(KV_RESULT_BYTES_MAX - 1)).into();
    let copy = run.for_kv();
    assert!(copy.result_in_journal && copy.task.unwrap().result.is_null());
    run.task.as_mut().unwrap().result = json!("x".repeat(KV_RESULT_BYTES_MAX - 2)).into();
    assert_eq!(run.for_kv(), run);
}

fn text_of(run: &Run) -> String {
    serde_json::to_string(&run.view()).unwrap()
}

fn view_of(run: &Run) -> serde_json::Value {
    serde_json::from_str(&text_of(run)).unwrap()
}

#[test]
fn the_view_has_the_result_byte_for_byte() {
    let mut run = with_files(1);
    let task = run.task.as_mut().unwrap();
    task.result = JsonText::parse(r#"{"b" : 1e400, "a":["cut \ud83d",1.00]}"#).unwrap();
    let text = text_of(&run);
    assert!(text.contains(r#""result":{"b" : 1e400, "a":["cut \ud83d",1.00]}"#), "{text}");
    // The grammar is right, although no reader has a number for 1e400.
    serde_json::from_str::<serde::de::IgnoredAny>(&text).unwrap();
    run.task.as_mut().unwrap().result = JsonText::default();
    let view = view_of(&run);
    assert_eq!(view["task"]["result"], json!(null));
    assert!(view["task"].get("result_omitted").is_none());
}

#[test]
fn a_result_that_is_left_out_is_shown_with_the_reason() {
    let mut run = with_files(1);
    let reason = "the result has more than 1048576 bytes".to_owned();
    run.task.as_mut().unwrap().result_omitted =
        Some(ResultOmitted { bytes: 7_900_000, reason: reason.clone() });
    for run in [&run, &run.for_kv()] {
        let task = &view_of(run)["task"];
        assert_eq!(task["result"], json!(null));
        assert_eq!(task["result_omitted"], json!({"bytes": 7_900_000, "reason": reason}));
    }
}

#[test]
fn the_view_is_the_contract_to_the_byte() {
    let mut run = with_files(1);
    Arc::make_mut(&mut run.params).insert("rows".into(), json!(5));
    run.item_id = Some(DeliveryId::from("item"));
    run.task.as_mut().unwrap().result = JsonText::parse(r#"{"b" : 1e400}"#).unwrap();
    let id = run.run_id;
    let whole = format!(
        r#"{{"run_id":"{id}","hook":"hook","delivery_id":"delivery","status":"in_progress","workspace":"acme","database":"sales-demo","workflow":"seed","finished_at":null,"error":null,"attempts":1,"notifications":[],"retry_of":null,"trace_id":null,"received_at":"2023-11-14T22:13:20.000Z","started_at":"2023-11-14T22:13:20.000Z","params":{{"rows":5}},"files":[{{"id":"0","name":"a.csv","size":null,"content_type":null,"state":"pending","key":null,"sha256":null,"finished_at":null,"bytes":null,"error":null,"attempts":0,"url":"/api/runs/{id}/files/0"}}],"item_id":"item","task":{{"id":"task","workflow_id":null,"status":"completed","created_at":null,"started_at":null,"completed_at":null,"error":null,"result":{{"b" : 1e400}}}}}}"#
    );
    assert_eq!(text_of(&run), whole);
    run.fail(Stage::Workflow, "broken", at(7));
    let brief = format!(
        r#"{{"run_id":"{id}","hook":"hook","delivery_id":"delivery","status":"failed","workspace":"acme","database":"sales-demo","workflow":"seed","task":{{"id":"task","workflow_id":null,"status":"completed","created_at":null,"started_at":null,"completed_at":null,"error":"broken"}},"error":{{"stage":"workflow","message":"broken","at":"2023-11-14T22:13:20.007Z","attempts":1}},"attempts":1,"retry_of":null,"received_at":"2023-11-14T22:13:20.000Z","started_at":"2023-11-14T22:13:20.000Z","finished_at":"2023-11-14T22:13:20.007Z"}}"#
    );
    assert_eq!(serde_json::to_string(&run.summary().view()).unwrap(), brief);
    run.task = None;
    Arc::make_mut(&mut run.target).place = Place::Project("p".into());
    assert_eq!(view_of(&run)["project"], "p");
    assert_eq!(serde_json::to_value(run.summary().view()).unwrap()["project"], "p");
}

#[test]
fn a_list_says_what_a_run_may_wait_for_and_a_run_alone_for_which_moment() {
    let mut run = queued_run();
    run.key = Some("acme/sales".into());
    let for_of = |shown: serde_json::Value| shown["waiting"]["for"].as_str().map(ToOwned::to_owned);
    let listed = |run: &Run, now: i64| for_of(serde_json::to_value(run.summary().view_at(at(now))).unwrap());
    assert_eq!((for_of(view_of(&run)), listed(&run, 0).as_deref()), (None, Some("concurrency")));
    run.not_before = Some(at(5));
    assert_eq!(for_of(view_of(&run)).as_deref(), Some("debounce"));
    assert_eq!(listed(&run, 4).as_deref(), Some("debounce"));
    assert_eq!(listed(&run, 5).as_deref(), Some("concurrency"));
    run.attempts = 1;
    assert_eq!(listed(&run, 5).as_deref(), Some("retry"));
}
