//! When targets are told, in which order with the ledger, and what it costs.

use std::rc::Rc;

use serde_json::{Value, json};

use super::*;
use crate::fabricate::KeyAnswer;
use crate::notify::{Request, Targets};
use crate::ports::{KnownLedger, Posted, SweepGap};
use crate::run::tests::at;
use crate::service::notify::record_outcomes;
use crate::testing::{MemoryWorld, finish};
use crate::timestamp::HOUR_MS;

const DAY_MS: i64 = 24 * HOUR_MS;
const KEY: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// A Worker with the hook `crm`, silent after a day, and two targets.
struct Stage {
    world: MemoryWorld,
    configuration: Configuration,
}

fn configuration(changes: &Value) -> Configuration {
    let mut vars = json!({
        "NOTIFY": {
            "crm": {"url": "https://example.com/crm", "secret": "KEY", "on": [], "unhealthy": false},
            "ops": {"url": "https://example.com/ops", "secret": "KEY"},
        },
        "HOOKS": {"crm": {
            "workspace": "acme", "database": "demo", "workflow": "seed", "verify": {"scheme": "none"},
            "silence": "24h", "notify": ["crm", "ops"],
        }},
    });
    for (name, value) in changes.as_object().into_iter().flatten() {
        vars[name] = value.clone();
    }
    Configuration::read(vars.as_object().unwrap())
}

fn targets(changes: &Value) -> Targets {
    let Configuration { targets, hooks, .. } = configuration(changes);
    drop(hooks);
    Rc::try_unwrap(targets).unwrap()
}

fn stage(changes: &Value) -> Stage {
    let mut world = MemoryWorld::default();
    world.targets = targets(changes);
    world.target_secrets = [("KEY", KEY), ("FABRICATE_API_KEY", "key")].into();
    Stage { world, configuration: configuration(changes) }
}

impl Stage {
    /// The watch of a sweep that is due `at_ms`, two minutes after the one before it.
    fn watch(&self, at_ms: i64) {
        self.watch_with(at_ms, 40);
    }

    fn watch_with(&self, at_ms: i64, requests: u32) {
        self.world.now_ms.set(at_ms);
        let tick = Tick { now: at(at_ms), since: at(at_ms - 2 * MINUTE_MS) };
        finish(watch(&self.world, &self.configuration, tick, requests));
    }

    /// What was posted since: path and id.
    fn told(&self) -> Vec<(String, String)> {
        let id = |request: &Request| {
            request.headers.iter().find(|(name, _)| *name == "webhook-id").unwrap().1.clone()
        };
        let posted = self.world.posted.take();
        posted.iter().map(|request| (request.url.path().to_owned(), id(request))).collect()
    }

    fn heard(&self, at_ms: i64) {
        self.world.heard.borrow_mut().insert(HookName::try_from("crm".to_owned()).unwrap(), at(at_ms));
    }

    fn ledger(&self) -> Ledger {
        self.world.ledger.borrow().as_ref().map(|(ledger, _)| ledger.clone()).unwrap_or_default()
    }

    fn logged(&self, line: Line) -> usize {
        self.world.log.borrow().iter().filter(|logged| *logged == line.message).count()
    }
}

/// Minutes whose sweeps look, and one that does not.
fn boundary(ms: i64) -> i64 {
    let now = at(ms).as_millis();
    ms + (PERIOD_MS - now % PERIOD_MS) % PERIOD_MS
}

fn both(id: &str) -> Vec<(String, String)> {
    ["/crm", "/ops"].map(|path| (path.to_owned(), id.to_owned())).to_vec()
}

/// A target's answer.
fn status(status: u16) -> Posted {
    Posted { status, retry_after: None }
}

#[test]
fn a_silent_hook_is_told_once_to_its_targets_whatever_events_of_runs_they_want() {
    let stage = stage(&json!({}));
    stage.watch(boundary(0));
    assert_eq!(
        (stage.told(), stage.world.ledger_calls.take()),
        (vec![], [1, 1]),
        "it is watched from now on"
    );
    stage.heard(HOUR_MS);
    let due = boundary(DAY_MS + 2 * HOUR_MS);
    stage.watch(due - PERIOD_MS);
    assert_eq!((stage.told(), stage.world.ledger_calls.take()), (vec![], [1, 0]));
    stage.watch(due);
    let id = format!("silent_crm_{}", at(HOUR_MS).as_millis());
    assert_eq!(stage.told(), both(&id));
    assert_eq!(stage.world.ledger_calls.take(), [1, 2], "the decision, and what became of it");
    assert_eq!((stage.logged(log::HOOK_SILENT), stage.logged(log::ALERT_DELIVERED)), (1, 2));
    for minute in 1..200 {
        stage.watch(due + minute * 2 * MINUTE_MS);
    }
    let [read, written] = stage.world.ledger_calls.take();
    assert!(stage.told().is_empty() && read == 40 - 1 && written == 0, "{read} {written}");
    stage.heard(due + DAY_MS);
    stage.watch(due + DAY_MS);
    assert!(stage.told().is_empty() && stage.ledger().alerts.is_empty());
    assert_eq!(stage.logged(log::HOOK_HEARD), 1);
}

#[test]
fn a_worker_without_targets_or_with_nothing_to_say_writes_nothing() {
    for changes in [json!({"NOTIFY": {}, "HOOKS": {}}), json!({"HOOKS": {}})] {
        let stage = stage(&changes);
        for sweep in 0..800 {
            stage.watch(sweep * 2 * MINUTE_MS);
        }
        let has_targets = !stage.world.targets.is_empty();
        let [read, written] = stage.world.ledger_calls.take();
        assert_eq!((read > 0, written), (has_targets, 0));
        assert_eq!(stage.world.calls.borrow().iter().filter(|call| **call == "R2 list").count(), 0);
        assert!(stage.told().is_empty() && stage.world.ledger.borrow().is_none());
    }
}

#[test]
fn nothing_is_told_that_is_not_in_the_ledger() {
    let stage = stage(&json!({}));
    stage.watch(boundary(0));
    let due = boundary(2 * DAY_MS);
    stage.world.ledger_fails.set(true);
    stage.watch(due);
    assert_eq!((stage.told(), stage.logged(log::ALERTS_NOT_WATCHED)), (vec![], 1));
    stage.world.ledger_fails.set(false);
    // Another sweep has decided first: it makes the first attempt.
    let mut other = stage.ledger();
    let seen = finish(look(&stage.world, &stage.configuration)).unwrap();
    other.watch(&seen, at(due - 1));
    other.author = "another".into();
    stage.world.other_ledger.replace(Some(other.clone()));
    stage.watch(due);
    assert_eq!((stage.told(), stage.ledger()), (vec![], other.clone()));
    stage.watch(due + 2 * MINUTE_MS);
    assert_eq!(stage.told(), both(&other.alerts[0].id()), "unless it was lost");
}

#[test]
fn an_attempt_that_failed_is_made_again_with_the_same_id_by_the_sweep_that_knows_of_it() {
    let stage = stage(&json!({}));
    stage.watch(boundary(0));
    let due = boundary(2 * DAY_MS);
    stage.world.target_answers.replace([Ok(status(500)), Ok(status(410))].into());
    stage.watch(due);
    let told = stage.told();
    assert_eq!((told.len(), stage.logged(log::ALERT_GIVEN_UP)), (2, 1));
    let failing: Vec<String> = stage.ledger().failing.keys().map(ToString::to_string).collect();
    assert_eq!(failing, ["crm", "ops"]);
    // Another isolate looks at the next boundary.
    let known = stage.world.known_ledger.take();
    stage.watch(due + 2 * MINUTE_MS);
    assert_eq!(stage.told(), []);
    stage.world.known_ledger.replace(known);
    stage.watch(due + 2 * MINUTE_MS);
    assert_eq!(stage.told(), told[..1], "the other one said that it is gone");
    let failing: Vec<String> = stage.ledger().failing.keys().map(ToString::to_string).collect();
    assert_eq!(failing, ["ops"]);
    stage.watch(due + PERIOD_MS);
    assert_eq!(stage.told(), []);
}

#[test]
fn a_hook_that_is_heard_is_not_told_to_targets_that_wait_for_their_next_attempt() {
    let stage = stage(&json!({}));
    stage.watch(boundary(0));
    let due = boundary(2 * DAY_MS);
    stage.world.target_answers.replace([Ok(status(500)), Ok(status(500))].into());
    stage.watch(due);
    assert_eq!(stage.told().len(), 2);
    stage.heard(due + 1);
    stage.watch(due + 2 * MINUTE_MS);
    assert!(stage.told().is_empty() && stage.ledger().alerts.is_empty());
}

#[test]
fn an_unhealthy_worker_is_told_at_once_to_those_who_want_to_know() {
    let stage = stage(&json!({"HOOKS": {}}));
    let began = boundary(0);
    stage.watch(began);
    let now = began + 2 * MINUTE_MS;
    stage.world.credentials.record("acme", KeyAnswer::KeyRefused, at(now));
    stage.watch(now);
    let id = format!("unhealthy_{}", at(now).as_millis());
    assert_eq!(stage.told(), [("/ops".to_owned(), id)]);
    let Subject::Unhealthy { problems, .. } = &stage.ledger().alerts[0].subject else { panic!() };
    assert!(problems.len() == 1 && problems[0].contains("(401)"), "{problems:?}");
    stage.watch(now + 2 * MINUTE_MS);
    assert_eq!(stage.told(), [], "once");
    stage.world.credentials.record("acme", KeyAnswer::Accepted, at(now + 3 * MINUTE_MS));
    stage.watch(boundary(now + 4 * MINUTE_MS));
    assert!(stage.ledger().alerts.is_empty());
    assert_eq!((stage.logged(log::UNHEALTHY), stage.logged(log::HEALTHY)), (1, 1));
}

#[test]
fn mistakes_missing_secrets_and_missing_sweeps_are_problems() {
    let mut stage = stage(&json!({"SWEEP_REQUESTS": "many"}));
    stage.world.target_secrets = [("KEY", "short")].into();
    let gap = SweepGap { from: at(0), until: at(HOUR_MS), open: 3 };
    let heartbeat =
        Heartbeat { author: String::new(), at: at(HOUR_MS), open: 0, refusals: Vec::new(), gap: Some(gap) };
    let seen = problems(&stage.world, &stage.configuration, Some(&heartbeat));
    let texts: Vec<&str> = seen.iter().map(|problem| problem.text.as_str()).collect();
    let expected = [
        "SWEEP_REQUESTS: must be a whole number",
        "NOTIFY.crm.secret: the secret KEY must be base64",
        "NOTIFY.ops.secret: the secret KEY must be base64",
        "FABRICATE_API_KEY is not set",
        "no sweep listed the open runs from",
    ];
    assert!(
        texts.len() == expected.len()
            && texts.iter().zip(expected).all(|(text, start)| text.starts_with(start)),
        "{texts:?}"
    );
    stage.world.target_secrets.clear();
    let seen = problems(&stage.world, &stage.configuration, None);
    assert_eq!(seen[1].text, "NOTIFY.crm.secret: the secret KEY is not set");
    stage.world.targets = targets(&json!({"NOTIFY": {}, "HOOKS": {}}));
    assert_eq!(problems(&stage.world, &stage.configuration, None), [], "nobody is told");
}

#[test]
fn what_a_sweep_has_no_requests_for_is_told_by_the_next_ones() {
    let hooks: serde_json::Map<String, Value> = (0..3)
        .map(|n| {
            let hook = json!({
                "workspace": "acme", "database": "demo", "workflow": "seed", "verify": {"scheme": "none"},
                "silence": "1h", "notify": ["ops"],
            });
            (format!("h{n}"), hook)
        })
        .collect();
    let stage = stage(&json!({"HOOKS": hooks}));
    stage.watch(boundary(0));
    let due = boundary(DAY_MS);
    let counts = [0, 1, 2, 3].map(|sweep| {
        stage.watch_with(due + sweep * 2 * MINUTE_MS, 0);
        stage.told().len()
    });
    assert_eq!(counts, [1, 1, 1, 0], "one in any case");
    assert_eq!(stage.ledger().alerts.len(), 3);
}

#[test]
fn whether_a_target_fails_is_written_once_for_each_change() {
    let stage = stage(&json!({}));
    let ops = TargetName::try_from("ops".to_owned()).unwrap();
    let attempt = |attempted: Attempted, is_retry: bool| {
        let effort = Effort::of_watch(9, stage.world.now(), stage.world.now());
        effort.record(&ops, &attempted, is_retry, stage.world.now());
        finish(record_outcomes(&stage.world, &effort));
        stage.world.ledger_calls.take()
    };
    let failed = || Attempted::Failed { reason: "HTTP 500".into(), retry_after_ms: None };
    assert_eq!(attempt(Attempted::Delivered, false), [1, 0], "an isolate that begins");
    assert_eq!(attempt(Attempted::Delivered, false), [0, 0]);
    assert_eq!(attempt(failed(), false), [1, 1]);
    assert_eq!(attempt(failed(), true), [0, 0]);
    assert_eq!(stage.ledger().failing[&ops].error, "HTTP 500");
    // Another isolate has read the ledger before that.
    let known = KnownLedger { ledger: Ledger::default(), at: stage.world.now() };
    stage.world.known_ledger.replace(Some(known));
    assert_eq!(attempt(Attempted::Delivered, true), [1, 1]);
    assert!(stage.ledger().failing.is_empty());
    stage.world.other_ledger.replace(Some(Ledger { author: "another".into(), ..stage.ledger() }));
    assert_eq!(attempt(failed(), false), [2, 2], "written by another at the same time");
    assert_eq!(stage.ledger().failing.len(), 1);
    stage.world.ledger_fails.set(true);
    attempt(Attempted::Delivered, true);
    assert_eq!(stage.logged(log::TARGETS_NOT_RECORDED), 1);
}
