//! A new version finds what each earlier one stored, and goes on: nothing is lost, nothing is shown otherwise, and nothing starts
//! twice.
//!
//! `tests/upgrade/{version}/` has what that version left after the same short life: `stores.json` is KV and R2, by key, and
//! `shown.json` what the API said of it. A release adds its own, by `SEEDHOOK_UPGRADE=write cargo test --lib upgrade`, and no folder is
//! ever changed once it is released.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;

use super::*;
use crate::config::Configuration;
use crate::fabricate::{FileId, StartOutcome, Task, TaskFile};
use crate::hook::HookName;
use crate::journal::Entry;
use crate::ports::{
    Archived, Claim, DeliveryKey, ItemClaim, ItemKey, Kept, KeptId, KeptKey, Posted, Retry, Version,
};
use crate::records::{Record, read_metadata, to_metadata};
use crate::run::{Run, RunId, Tick};
use crate::service::reconcile::reconcile;
use crate::service::sweep::sweep;
use crate::testing::{MemoryWorld, finish, task_id};
use crate::timestamp::MINUTE_MS;

/// What is stored or shown, as JSON by key.
type Texts = BTreeMap<String, Value>;

/// More than the random numbers that any version took for its stores, so that no author is here again.
const RANDOM: u16 = 10_000;

/// The time at which a version's life ended; its key in `stores.json`.
const NOW: &str = "now_ms";

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/upgrade"].iter().collect()
}

fn read(version: &str, file: &str) -> Texts {
    let path = folder().join(version).join(file);
    serde_json::from_str(&fs::read_to_string(&path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn write(version: &str, file: &str, texts: &Texts) {
    let path = folder().join(version);
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join(file), serde_json::to_string_pretty(texts).unwrap() + "\n").unwrap();
}

/// The versions whose stores are here.
fn versions() -> BTreeSet<String> {
    let names = fs::read_dir(folder()).into_iter().flatten();
    names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// A Worker of this version, and its empty stores.
fn worker() -> Stage {
    let vars = json!({
        "NOTIFY": {"ops": {"url": "https://ops.example", "format": "slack", "unhealthy": false}},
        "HOOKS": {
            "crm": hook(|hook| hook["notify"] = json!(["ops"])),
            "batch": hook(|hook| {
                hook["each"] = json!("body.items");
                hook["item_id"] = json!("{{ item.id }}");
            }),
            "keeper": hook(|hook| {
                hook["when"] = json!("body.type == 'won'");
                hook["keep_ignored"] = json!(true);
            }),
        },
    });
    let mut stage = Stage::with_vars(&vars);
    let mut world = MemoryWorld::default();
    let targets = Configuration::read(vars.as_object().unwrap()).targets;
    world.targets = Rc::into_inner(targets).unwrap();
    stage.stores = Some(Rc::new(world));
    stage
}

/// Lets time pass for the requests and for the stores.
fn pass(stage: &Stage, millis: i64) {
    stage.pass_ms(millis);
    stage.stores().now_ms.set(stage.now_ms());
}

fn started(task: &str) -> StartOutcome {
    StartOutcome::Started(task_id(task))
}

/// Posts a delivery and does the work after its answer, in which its runs start as `starts` say. Returns the status of the answer, what
/// became of the delivery, and the ids of its runs.
fn deliver(stage: &Stage, hook: &str, body: &Value, starts: Vec<StartOutcome>) -> (u16, String, Vec<String>) {
    stage.stores().starts.replace(starts.into());
    let got = stage.post(hook, &body.to_string());
    let answer = got.json();
    let runs = answer["runs"].as_array().into_iter().flatten();
    let ids: Vec<String> = runs.map(|run| run["run_id"].as_str().unwrap().to_owned()).collect();
    // A file of the run is in the bucket.
    let run_id = ids.first().map(|id| id.parse().unwrap());
    let archived = Archived { size: 7, sha256: None, run_id, file_id: Some(FileId::from("1")) };
    stage.stores().archived.replace(Some(archived));
    stage.finish_work();
    stage.stores().starts.take();
    (got.status, answer["status"].as_str().unwrap_or_default().to_owned(), ids)
}

fn swept(stage: &Stage) {
    pass(stage, 15 * MINUTE_MS);
    let now = at(stage.now_ms());
    let tick = Tick { now, since: now.plus_ms(-15 * MINUTE_MS) };
    finish(sweep(stage.stores(), tick, 40, false));
}

/// The deliveries of a life, by their ids.
fn deliveries() -> Vec<(&'static str, Value)> {
    let batch = ("batch", json!({"id": "batch", "items": [{"id": "a"}, {"id": "b"}]}));
    // The last one, because Fabricate is not asked for a while after its start.
    let all = ["main", "untold", "parked", "failed", "retried", "open", "later"];
    let mut all: Vec<_> = all.map(|id| ("crm", json!({"id": id}))).into();
    all.insert(0, batch);
    all
}

/// A short life with a run of every kind.
fn live(stage: &Stage) {
    let world = stage.stores();
    let refused = || StartOutcome::Refused { status: Some(404), message: "no such workflow".to_owned() };
    let not_started = || StartOutcome::NotStarted {
        status: Some(503),
        reason: "HTTP 503".to_owned(),
        retry_after_ms: Some(60 * MINUTE_MS),
        for_key: false,
    };
    for (hook, body) in deliveries() {
        pass(stage, 1_000);
        let id = body["id"].as_str().unwrap();
        let starts = match id {
            "parked" => vec![StartOutcome::Unknown { status: None, reason: "no answer".to_owned() }],
            "failed" | "retried" => vec![refused()],
            "later" => vec![not_started()],
            "batch" => vec![started("task-a"), started("task-b")],
            id => vec![started(&format!("task-{id}"))],
        };
        if let "main" | "untold" = id {
            let mut task = Task::just_started(task_id(&format!("task-{id}")));
            task.status = "completed".to_owned();
            if id == "main" {
                let (file, name) = (FileId::from("1"), Some("report.csv".to_owned()));
                task.files =
                    vec![TaskFile { id: file, name, size: Some(7), content_type: Some("text/csv".into()) }];
            }
            world.answers.borrow_mut().push_back(Ok(task));
        }
        let status = if id == "untold" { 503 } else { 204 };
        world.target_answers.replace([Ok(Posted { status, retry_after: None })].into());
        assert_eq!(deliver(stage, hook, &body, starts).0, 202, "{id}");
        if id == "retried" {
            world.starts.replace([started("task-retry")].into());
            let retried = &run_of(stage, id)[0];
            assert_eq!(stage.operator("POST", &format!("/api/runs/{retried}/retry"), "").status, 202);
            stage.finish_work();
        }
    }
    assert_eq!(deliver(stage, "keeper", &json!({"id": "kept", "type": "lost"}), Vec::new()).1, "ignored");
    // An isolate stores once a minute what it refused.
    pass(stage, MINUTE_MS);
    stage.post("stray", "{}");
    stage.finish_work();
    pass(stage, MINUTE_MS);
    world.target_answers.replace([Ok(Posted { status: 503, retry_after: None })].into());
    let now = at(stage.now_ms());
    finish(sweep(world, Tick { now, since: now.plus_ms(-2 * MINUTE_MS) }, 40, false));
}

/// The runs of a delivery as the API lists them, oldest first.
fn run_of(stage: &Stage, delivery_id: &str) -> Vec<String> {
    let list = stage.operator("GET", &format!("/api/runs?delivery_id={delivery_id}"), "").json();
    let runs = list["runs"].as_array().unwrap().iter();
    let ids: BTreeSet<String> = runs.map(|run| run["run_id"].as_str().unwrap().to_owned()).collect();
    ids.into_iter().collect()
}

/// Everything that the API shows.
fn shown(stage: &Stage) -> Texts {
    let mut shown = Texts::new();
    let mut show = |path: String| {
        let got = stage.operator("GET", &path, "");
        let answer = json!({"status": got.status, "body": got.json()});
        shown.insert(path, answer.clone());
        answer
    };
    let list = show("/api/runs?limit=100".to_owned());
    for run in list["body"]["runs"].as_array().unwrap() {
        let run = run["run_id"].as_str().unwrap();
        for about in ["", "/timeline", "/delivery"] {
            show(format!("/api/runs/{run}{about}"));
        }
    }
    for hook in ["keeper", "crm"] {
        show(format!("/api/hooks/{hook}/ignored"));
    }
    show("/api/deliveries".to_owned());
    shown
}

/// What the stores hold, by key.
fn stored(world: &MemoryWorld) -> Texts {
    let mut all = Texts::from([(NOW.to_owned(), world.now_ms.get().into())]);
    let value = |text: String| -> Value { serde_json::from_str(&text).unwrap() };
    for (prefix, runs) in [("open", &world.open), ("done", &world.done)] {
        for (run_id, run) in &*runs.borrow() {
            let (text, metadata) = (run.for_kv().to_json().unwrap(), to_metadata(&run.summary()).unwrap());
            all.insert(
                format!("{prefix}/{run_id}"),
                json!({"value": value(text), "metadata": value(metadata)}),
            );
        }
    }
    let mut put = |key: String, text: serde_json::Result<String>| all.insert(key, value(text.unwrap()));
    for ((run_id, number), (entry, _)) in &*world.journals.borrow() {
        put(format!("journal/{run_id}/{number}"), entry.to_json());
    }
    for (key, claim) in &*world.claims.borrow() {
        put(format!("deliveries/{key}"), claim.to_json());
    }
    for (key, claim) in &*world.items.borrow() {
        put(format!("deliveries/~items/{key}"), claim.to_json());
    }
    for (run_id, retry) in &*world.retries.borrow() {
        put(format!("retries/{run_id}"), retry.to_json());
    }
    for (KeptKey { hook, id }, kept) in &*world.kept.borrow() {
        put(format!("ignored/{hook}/{id}"), kept.to_json());
    }
    if let Some((hint, _)) = &*world.hint.borrow() {
        put("sweeps/idle".to_owned(), serde_json::to_string(hint));
    }
    if let Some((heartbeat, _)) = &*world.heartbeat.borrow() {
        put("sweeps/heartbeat".to_owned(), serde_json::to_string(heartbeat));
    }
    if let Some((ledger, _)) = &*world.ledger.borrow() {
        put("notify/alerts".to_owned(), serde_json::to_string(ledger));
    }
    for (shard, (recent, _)) in &*world.http.recent.borrow() {
        put(format!("recent/{shard}"), serde_json::to_string(recent));
    }
    all
}

/// A record of an earlier version, read by this one.
#[track_caller]
fn record<T>(key: &str, read: serde_json::Result<T>) -> T {
    read.unwrap_or_else(|error| panic!("{key} cannot be read: {error}"))
}

/// A Worker of this version over such stores.
fn worker_over(stores: &Texts) -> Stage {
    let stage = worker();
    pass(&stage, stores[NOW].as_i64().unwrap());
    stage.stores().skip_random(RANDOM);
    for (key, value) in stores.iter().filter(|(key, _)| *key != NOW) {
        match key.split('/').collect::<Vec<_>>()[..] {
            [prefix @ ("open" | "done"), id] => put_run(stage.stores(), (prefix, id), key, value),
            ["sweeps" | "notify" | "recent", _] => put_note(&stage, key, &value.to_string()),
            _ => put_decided(stage.stores(), key, &value.to_string()),
        }
    }
    stage
}

/// Puts a run into KV. Its metadata says what the record says.
fn put_run(world: &MemoryWorld, (prefix, id): (&str, &str), key: &str, value: &Value) {
    let run = record(key, Run::from_json(&value["value"].to_string()));
    let summary = record(key, read_metadata(run.run_id, &value["metadata"].to_string()));
    assert_contains(key, &json!(run.summary().view()), &json!(summary.view()));
    let records = if prefix == "open" { &world.open } else { &world.done };
    records.borrow_mut().insert(id.parse().unwrap(), run);
}

/// Puts a record into the inbox that is created once.
fn put_decided(world: &MemoryWorld, key: &str, text: &str) {
    let run_id = |id: &str| -> RunId { id.parse().unwrap() };
    let hook = |name: &str| HookName::try_from(name.to_owned()).unwrap();
    match key.split('/').collect::<Vec<_>>()[..] {
        ["journal", id, number] => {
            let entry = record(key, Entry::from_json(text));
            world.journals.borrow_mut().insert((run_id(id), number.parse().unwrap()), (entry, at(0)));
        }
        ["deliveries", "~items", name, digest] => {
            let item = ItemKey { hook: hook(name), digest: digest.to_owned() };
            world.items.borrow_mut().push((item, record(key, ItemClaim::from_json(text))));
        }
        ["deliveries", name, digest] => {
            let delivery = DeliveryKey { hook: hook(name), digest: digest.to_owned() };
            world.claims.borrow_mut().push((delivery, record(key, Claim::from_json(text))));
        }
        ["retries", id] => {
            world.retries.borrow_mut().insert(run_id(id), record(key, Retry::from_json(text)));
        }
        ["ignored", name, id] => {
            let kept = KeptKey { hook: hook(name), id: KeptId::try_from(id.to_owned()).unwrap() };
            world.kept.borrow_mut().push((kept, record(key, Kept::from_json(text))));
        }
        _ => panic!("{key}"),
    }
}

/// Puts an object into the inbox that is written again and again.
fn put_note(stage: &Stage, key: &str, text: &str) {
    let (world, version) = (stage.stores(), Version { etag: "of-before".to_owned(), at: at(stage.now_ms()) });
    match key.split_once('/').unwrap() {
        ("sweeps", "idle") => {
            world.hint.replace(Some((record(key, serde_json::from_str(text)), version)));
        }
        ("sweeps", "heartbeat") => {
            world.heartbeat.replace(Some((record(key, serde_json::from_str(text)), version)));
        }
        ("notify", "alerts") => {
            world.ledger.replace(Some((record(key, serde_json::from_str(text)), version)));
        }
        ("recent", shard) => {
            let recent = (record(key, serde_json::from_str(text)), version);
            world.http.recent.borrow_mut().insert(shard.parse().unwrap(), recent);
        }
        _ => panic!("{key}"),
    }
}

/// Whether an answer has all that an earlier version said: fields may be added, and none is taken away or says something else.
#[track_caller]
fn assert_contains(at: &str, now: &Value, before: &Value) {
    match (now, before) {
        (Value::Object(now), Value::Object(before)) => {
            for (name, before) in before {
                let at = format!("{at}.{name}");
                assert_contains(&at, now.get(name).unwrap_or_else(|| panic!("{at} is gone")), before);
            }
        }
        (Value::Array(now), Value::Array(before)) if now.len() == before.len() => {
            for (index, (now, before)) in now.iter().zip(before).enumerate() {
                assert_contains(&format!("{at}[{index}]"), now, before);
            }
        }
        _ => assert_eq!(now, before, "{at}"),
    }
}

fn starts(world: &MemoryWorld) -> usize {
    world.calls.borrow().iter().filter(|call| **call == "start").count()
}

/// Redeliveries are duplicates, also to the hourly pass: nothing that was accepted starts again.
fn redeliver(version: &str, stage: &Stage) {
    let world = stage.stores();
    let (runs, claims) = (world.open.borrow().len() + world.done.borrow().len(), world.claims.borrow().len());
    for (hook, body) in deliveries() {
        let id = body["id"].as_str().unwrap();
        let known = run_of(stage, id);
        assert!(!known.is_empty(), "{version}: {id} has runs");
        let (status, became, runs) = deliver(stage, hook, &body, Vec::new());
        assert_eq!((status, became.as_str()), (200, "duplicate"), "{version}: {id}");
        assert!(!runs.is_empty() && runs.iter().all(|run| known.contains(run)), "{version}: {id}: {runs:?}");
    }
    let now = at(stage.now_ms());
    finish(reconcile(world, Tick { now, since: now.plus_ms(-2 * MINUTE_MS) }, 40));
    assert_eq!(starts(world), 0, "{version}");
    assert_eq!(world.open.borrow().len() + world.done.borrow().len(), runs, "{version}");
    assert_eq!(world.claims.borrow().len(), claims, "{version}");
}

/// The operator decides what waits for a decision: once.
fn decide(version: &str, stage: &Stage) {
    let world = stage.stores();
    let post = |path: &str, body: &str, start: &str| {
        world.starts.replace([started(start)].into());
        let headers = [("authorization", AUTHORIZATION), ("content-type", "application/json")];
        let got = stage.send("POST", path, &headers, body);
        stage.finish_work();
        world.starts.take();
        got
    };
    let parked = &run_of(stage, "parked")[0];
    let adopted = post(&format!("/api/runs/{parked}/adopt"), r#"{"task_id": "task-parked"}"#, "-");
    assert_eq!((adopted.status, starts(world)), (200, 0), "{version}: {adopted:?}");
    let failed = &run_of(stage, "failed")[0];
    let retry = post(&format!("/api/runs/{failed}/retry"), "", "task-failed");
    assert_eq!(
        (retry.status, &retry.json()["retry_of"], starts(world)),
        (202, &json!(failed), 1),
        "{version}"
    );
    for delivery_id in ["failed", "retried"] {
        let known = run_of(stage, delivery_id);
        assert_eq!(known.len(), 2, "{version}: {delivery_id} and its retry");
        post(&format!("/api/runs/{}/retry", known[0]), "", "-");
        assert_eq!(
            (run_of(stage, delivery_id), starts(world)),
            (known, 1),
            "{version}: a run is retried once"
        );
    }
    let kept = stage.operator("GET", "/api/hooks/keeper/ignored", "").json();
    let kept = kept["kept"][0]["kept"].as_str().unwrap().to_owned();
    let run = format!("/api/hooks/keeper/ignored/{kept}/run");
    assert_eq!(post(&run, "", "-").json()["status"], "ignored", "{version}: its condition is as it was");
    assert_eq!(starts(world), 1, "{version}");
}

/// Sweeps until nothing is open: each run ends, and the target that was not notified yet is notified.
fn end(version: &str, stage: &Stage) {
    let world = stage.stores();
    world.tasks_complete.set(true);
    world.starts.replace([started("task-later")].into());
    for _ in 0..20 {
        swept(stage);
    }
    assert_eq!(world.open.borrow().len(), 0, "{version}: {:?}", world.open.borrow());
    assert_eq!(starts(world), 2, "{version}: the retry, and the run whose start waited");
    for run in world.done.borrow().values() {
        let id = run.delivery_id.as_str();
        let is_failed = matches!(id, "failed" | "retried") && run.retry_of.is_none();
        assert_eq!(run.status.as_str(), if is_failed { "failed" } else { "completed" }, "{version}: {id}");
        let is_notified =
            run.notifications.iter().all(|sent| sent.finished_at.is_some() && sent.error.is_none());
        assert!(is_notified, "{version}: {id}: {:?}", run.notifications);
    }
    let before: BTreeSet<String> = read(version, "stores.json").into_keys().collect();
    let left = stored(world);
    let is_gone =
        |key: &&String| !key.starts_with("open/") && !key.starts_with("sweeps/") && !left.contains_key(*key);
    assert_eq!(before.iter().find(is_gone), None, "{version}: nothing is lost");
    redeliver_at_the_end(version, stage);
}

fn redeliver_at_the_end(version: &str, stage: &Stage) {
    for (hook, body) in deliveries() {
        let (status, became, _) = deliver(stage, hook, &body, Vec::new());
        assert_eq!((status, became.as_str()), (200, "duplicate"), "{version}: {body}");
    }
    assert_eq!(starts(stage.stores()), 2, "{version}");
}

#[test]
fn a_worker_goes_on_with_what_each_earlier_version_stored() {
    let this = env!("CARGO_PKG_VERSION");
    if std::env::var("SEEDHOOK_UPGRADE").is_ok_and(|word| word == "write") {
        let stage = worker();
        live(&stage);
        write(this, "stores.json", &stored(stage.stores()));
        write(this, "shown.json", &shown(&stage));
    }
    let versions = versions();
    assert!(
        versions.contains(this),
        "tests/upgrade/ has no stores of {this}: run `SEEDHOOK_UPGRADE=write cargo test --lib upgrade`, and commit them"
    );
    for version in &versions {
        let stage = worker_over(&read(version, "stores.json"));
        let now = shown(&stage);
        for (path, before) in read(version, "shown.json") {
            assert_contains(
                &format!("{version}: GET {path}"),
                now.get(&path).unwrap_or(&Value::Null),
                &before,
            );
        }
        redeliver(version, &stage);
        decide(version, &stage);
        end(version, &stage);
    }
}
