//! One value for each line of a fixture, in the same order.
//!
//! Every struct is written out field by field: a new field does not compile until a value for it stands here, and the
//! line of the newest version shows how it is stored.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use seedhook::fabricate::{FileId, JsonText, Place, ResultOmitted, Target, Task, TaskFile, TaskId};
use seedhook::hook::archive_key::KeyTemplate;
use seedhook::hook::delivery::{Delivery, DeliveryId, StoredBody};
use seedhook::hook::subscription::{RunEvent, Subscription, TargetName};
use seedhook::hook::{HookName, MaxRunning, OnRedelivery, OnUnconfirmed, RunSettings, WhenBusy};
use seedhook::journal::{Decision, Entry};
use seedhook::ports::{Batch, Claim, ItemClaim, Kept, Retry};
use seedhook::run::{
    FileState, Holder, MappedFrom, Missing, Notification, NotificationState, Run, RunError, RunFile, RunId,
    Stage, Status, Summary, Tick, Turn,
};
use seedhook::timestamp::Timestamp;
use seedhook::trace_context::TraceContext;
use serde_json::{Map, Value, json};

/// `millis` after the moment at which the runs were accepted.
fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + millis)
}

fn run_id(number: u8) -> RunId {
    RunId::new(at(0), [number; 16])
}

fn task_id() -> TaskId {
    TaskId::try_from("550e8400-e29b-41d4-a716-446655440000".to_owned()).expect("a task id")
}

fn hook() -> HookName {
    HookName::try_from("crm-deal-won".to_owned()).expect("a name")
}

fn params(value: &Value) -> Arc<Map<String, Value>> {
    Arc::new(value.as_object().expect("an object").clone())
}

/// A run of the oldest records: what they did not have yet is absent.
fn oldest() -> Run {
    let file = RunFile {
        file: TaskFile {
            id: FileId::from("123"),
            name: Some("report.csv".into()),
            size: Some(45_678),
            content_type: Some("text/csv".into()),
        },
        state: FileState::Archived,
        key: Some("crm-deal-won/123-report.csv".into()),
        sha256: None,
        finished_at: None,
        error: None,
        attempts: 0,
        not_before: None,
        failing_since: None,
        bad_copies: 0,
        bytes: None,
        in_parts: false,
    };
    let mut task = Task::just_started(task_id());
    task.status = "completed".into();
    task.result = JsonText::parse(r#"{"rows":[1,2.5,"x"],"none":null}"#).expect("JSON");
    Run {
        status: Status::Completed,
        attempts: 1,
        task: Some(task),
        files: vec![file],
        started_at: Some(at(1_000)),
        finished_at: Some(at(2_000)),
        ..queued()
    }
}

/// A run with no field that can be absent.
fn queued() -> Run {
    Run {
        run_id: run_id(1),
        hook: hook(),
        delivery_id: DeliveryId::from("delivery-1"),
        item_id: None,
        target: Arc::new(Target {
            workspace: "acme".into(),
            place: Place::Database("sales-demo".into()),
            workflow: "seed".into(),
        }),
        mapped_from: None,
        params: Arc::default(),
        settings: Arc::new(RunSettings {
            on_unconfirmed: OnUnconfirmed::Park,
            deadline_ms: 86_400_000,
            start_attempts_max: 8,
            archive: KeyTemplate::default(),
            on_redelivery: OnRedelivery::Ignore,
            notify: Vec::new(),
            when_busy: WhenBusy::Wait,
            debounce_ms: None,
            max_running: MaxRunning::default(),
        }),
        status: Status::Queued,
        attempts: 0,
        not_before: None,
        task: None,
        result_in_journal: false,
        unjournalled: false,
        missing: None,
        archiving_since: None,
        files: Vec::new(),
        abandoned: false,
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

/// A run with every field, each with another value than the one it has when it is absent.
fn full() -> Run {
    Run {
        run_id: run_id(2),
        hook: hook(),
        delivery_id: DeliveryId::from("évènement \"2\""),
        item_id: Some(DeliveryId::from("item-2")),
        target: Arc::new(Target {
            workspace: "big corp/eu".into(),
            place: Place::Project("démo 🎉".into()),
            workflow: "seed & mask".into(),
        }),
        mapped_from: Some(MappedFrom { rule_index: 1, item_index: Some(2) }),
        params: params(&json!({
            "rows": 500, "ratio": 0.25, "name": "Müller\n", "on": true, "none": null,
            "nested": {"list": [1, "x", {"big": 9_007_199_254_740_993_u64}]},
        })),
        settings: Arc::new(RunSettings {
            on_unconfirmed: OnUnconfirmed::Restart,
            deadline_ms: 3_600_000,
            start_attempts_max: 3,
            archive: KeyTemplate::new("{{ hook }}/{{ run_id }}/{{ file.id }}").expect("a template"),
            on_redelivery: OnRedelivery::RetryFailed,
            notify: Vec::new(),
            when_busy: WhenBusy::Wait,
            debounce_ms: None,
            max_running: MaxRunning::default(),
        }),
        status: Status::Failed,
        attempts: 3,
        not_before: Some(at(1)),
        task: Some(full_task()),
        result_in_journal: true,
        unjournalled: true,
        missing: Some(Missing { since: at(2), polls: 2 }),
        archiving_since: Some(at(3)),
        files: [FileState::Pending, FileState::Archiving, FileState::Archived, FileState::Failed]
            .map(full_file)
            .into(),
        abandoned: true,
        error: Some(RunError {
            stage: Stage::Archive,
            message: "1 of 4 files not archived".into(),
            http_status: None,
            at: at(4),
            attempts: 3,
        }),
        notifications: Vec::new(),
        address: None,
        retry_of: Some(run_id(1)),
        key: None,
        replaced_by: None,
        skipped_for: None,
        trace: None,
        received_at: at(5),
        started_at: Some(at(6)),
        finished_at: Some(at(7)),
        written_at: Some(at(8)),
    }
}

/// A run that waits for others.
fn waiting() -> Run {
    let mut run = Run { key: Some("acme/sales-demo".into()), not_before: Some(at(30_000)), ..queued() };
    let settings = Arc::make_mut(&mut run.settings);
    settings.when_busy = WhenBusy::Replace;
    settings.debounce_ms = Some(30_000);
    settings.max_running = MaxRunning { hook: Some(4), worker: Some(8) };
    run
}

/// A run that a newer one replaced.
fn replaced() -> Run {
    let mut run = waiting();
    run.replace(run_id(3), at(9));
    run
}

/// A run that was skipped because of an older one.
fn skipped() -> Run {
    let mut run = Run { run_id: run_id(3), key: Some("acme/sales-demo".into()), ..queued() };
    Arc::make_mut(&mut run.settings).when_busy = WhenBusy::Skip;
    run.skip(run_id(1), at(9));
    run
}

/// Turns of runs that wait for each other, and a slot.
pub(crate) fn turns() -> Vec<Turn> {
    let holder = Holder { run_id: run_id(1), entry: 1, deadline_ms: 86_400_000 };
    vec![
        Turn { author: "author-1".into(), holder: Some(holder), ..Turn::default() },
        Turn {
            author: "author-2".into(),
            holder: Some(Holder { entry: 3, ..holder }),
            waiting: Some(run_id(2)),
            newest: Some(run_id(3)),
            burst_since: Some(at(7)),
        },
    ]
}

/// A parked run of which one target was told and another is not yet.
fn told() -> Run {
    let name = |text: &str| TargetName::try_from(text.to_owned()).expect("a name");
    let pending = Notification {
        target: name("crm"),
        event: RunEvent::Unconfirmed,
        state: NotificationState::Pending,
        since: at(1),
        attempts: 2,
        not_before: at(300),
        finished_at: None,
        error: Some("HTTP 500".into()),
    };
    let delivered = Notification {
        target: name("ops"),
        state: NotificationState::Delivered,
        attempts: 1,
        not_before: at(60),
        finished_at: Some(at(2)),
        error: None,
        ..pending.clone()
    };
    let mut run = queued();
    Arc::make_mut(&mut run.settings).notify = vec![
        Subscription { target: name("crm"), on: vec![RunEvent::Failed, RunEvent::Unconfirmed] },
        Subscription { target: name("ops"), on: RunEvent::ALL.to_vec() },
    ];
    run.park(1, "HTTP 500", at(1));
    Run { notifications: vec![pending, delivered], address: Some("https://seedhook.example".into()), ..run }
}

fn full_task() -> Task {
    Task {
        id: task_id(),
        workflow_id: Some("abc-123".into()),
        status: "completed".into(),
        result: JsonText::parse(r#"{"b" : 1e400, "a":["cut \ud83d",1.00]}"#).expect("JSON"),
        result_omitted: Some(ResultOmitted { bytes: 7_900_000, reason: "too large".into() }),
        files: vec![task_file()],
        error: Some(Value::String("no".into())),
        created_at: Some("2024-01-15T10:30:00Z".into()),
        started_at: Some("2024-01-15T10:30:01Z".into()),
        completed_at: Some("2024-01-15T10:30:45+02:00".into()),
    }
}

fn task_file() -> TaskFile {
    TaskFile {
        id: FileId::from("file/1"),
        name: Some("../démo.csv".into()),
        size: Some(u64::MAX),
        content_type: Some("text/csv".into()),
    }
}

fn full_file(state: FileState) -> RunFile {
    RunFile {
        file: task_file(),
        state,
        key: Some("crm-deal-won/1".into()),
        sha256: Some("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".into()),
        finished_at: None,
        error: Some("HTTP 500".into()),
        attempts: 2,
        not_before: Some(at(1)),
        failing_since: Some(at(2)),
        bad_copies: 1,
        bytes: Some(1_024),
        in_parts: true,
    }
}

/// Runs as KV's `open/` and `done/` records hold them.
pub(crate) fn runs() -> Vec<Run> {
    let mut runs = runs_of_version_0();
    runs.push(with_http_status());
    runs.push(with_time_of_file());
    runs.push(with_trace());
    runs.push(told());
    // From here on, lines say which seedhook wrote them.
    runs.push(queued());
    runs.push(waiting());
    runs.push(replaced());
    runs.push(skipped());
    runs
}

fn with_trace() -> Run {
    let trace = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03");
    Run { trace, ..queued() }
}

fn with_time_of_file() -> Run {
    let file = RunFile { finished_at: Some(at(3)), ..full_file(FileState::Archived) };
    Run { status: Status::Completed, files: vec![file], ..queued() }
}

fn with_http_status() -> Run {
    let error = RunError {
        stage: Stage::Start,
        message: "no such workflow (HTTP 404)".into(),
        http_status: Some(404),
        at: at(1),
        attempts: 1,
    };
    Run { status: Status::Failed, error: Some(error), ..queued() }
}

/// The runs of which version 0 has lines. No run is added here: records of other shapes hold them.
fn runs_of_version_0() -> Vec<Run> {
    let with_status = |status| Run { status, ..queued() };
    let with_stage = |stage| {
        let error = Some(RunError { stage, message: "no".into(), http_status: None, at: at(1), attempts: 0 });
        Run {
            status: Status::Failed,
            mapped_from: Some(MappedFrom { rule_index: 0, item_index: None }),
            error,
            ..queued()
        }
    };
    let stages = [Stage::Mapping, Stage::Start, Stage::Workflow, Stage::Poll, Stage::Archive];
    let bare_task = Run { task: Some(Task::just_started(task_id())), ..with_status(Status::InProgress) };
    [oldest(), queued(), full(), bare_task]
        .into_iter()
        .chain(Status::ALL.map(with_status))
        .chain(stages.map(with_stage))
        .collect()
}

/// The same runs in brief, as KV's metadata has them.
pub(crate) fn summaries() -> Vec<Summary> {
    runs().iter().map(Run::summary).collect()
}

/// Entries of journals.
pub(crate) fn entries() -> Vec<Entry> {
    let reason = || "HTTP 503".to_owned();
    let end = |run| Decision::End { run: Box::new(run) };
    [
        Decision::NoAnswer { reason: reason(), not_before: None },
        end(oldest()),
        Decision::Start,
        Decision::Task { task_id: task_id() },
        Decision::StartLater { not_before: at(1), reason: reason() },
        Decision::NoAnswer { reason: reason(), not_before: None },
        Decision::NoAnswer { reason: reason(), not_before: Some(at(1)) },
        end(full()),
        end(queued()),
        // From here on, lines say which seedhook wrote them.
        end(queued()),
    ]
    .map(|decision| Entry { author: "0a1b2c3d4e5f".into(), decision })
    .into()
}

fn delivery(body: StoredBody) -> Delivery {
    let map = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    Delivery {
        hook: hook(),
        delivery_id: DeliveryId::from("delivery-1"),
        received_at: at(0),
        headers: map("content-type", "application/json"),
        query: map("tenant", "é"),
        body,
    }
}

/// Claims of deliveries.
pub(crate) fn claims() -> Vec<Claim> {
    let claim =
        |body, runs, items| Claim { author: "0a1b2c3d4e5f".into(), delivery: delivery(body), runs, items };
    let text = || StoredBody::Text("{\"a\": \"é\\n\"}".to_owned().into());
    vec![
        claim(text(), vec![oldest()], Vec::new()),
        claim(text(), vec![queued(), full()], Vec::new()),
        claim(StoredBody::Base64("/wAB".into()), Vec::new(), vec!["digest-1".into(), "digest-2".into()]),
        // From here on, lines say which seedhook wrote them.
        claim(text(), vec![queued()], Vec::new()),
    ]
}

/// Claims of items of a batch.
pub(crate) fn item_claims() -> Vec<ItemClaim> {
    // From the third on, lines say which seedhook wrote them.
    let runs = [vec![oldest()], vec![queued(), full()], vec![queued()]];
    let claim = |runs| ItemClaim { author: "0a1b2c3d4e5f".into(), delivery: "digest-1".into(), runs };
    runs.map(claim).into()
}

/// Retries of runs.
pub(crate) fn retries() -> Vec<Retry> {
    // From the fourth on, lines say which seedhook wrote them.
    [oldest(), queued(), full(), queued()].map(|run| Retry { author: "0a1b2c3d4e5f".into(), run }).into()
}

/// Ignored deliveries that are kept.
pub(crate) fn kept() -> Vec<Kept> {
    let text = || StoredBody::Text("{\"a\": \"é\\n\"}".to_owned().into());
    // From the third on, lines say which seedhook wrote them.
    [text(), StoredBody::Base64("/wAB".into()), text()]
        .map(|body| Kept { author: "0a1b2c3d4e5f".into(), delivery: delivery(body) })
        .into()
}

/// What is sent to the queue: by a sweep, and of a followed run.
pub(crate) fn batches() -> Vec<Batch> {
    let runs = runs_of_version_0().iter().map(|run| Rc::new(run.summary())).collect();
    let tick = Tick { now: at(120_000), since: at(0) };
    let followed = Batch { tick, followed: Some(1), runs: vec![Rc::new(full().summary())] };
    // From the third on, lines say which seedhook wrote them.
    vec![Batch { tick, followed: None, runs }, followed.clone(), followed]
}
