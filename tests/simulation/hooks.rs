//! The hooks that lives are about, read from configuration by the code that reads real ones.

use std::rc::Rc;

use seedhook::config::Configuration;
use seedhook::hook::Hook;
use seedhook::notify::Targets;
use serde_json::{Value, json};

/// How many configurations there are for one event at a time.
pub(crate) const HOOKS: usize = 7;

/// How many there are, after those, for batches whose items are claimed one by one.
pub(crate) const BATCH_HOOKS: usize = 3;

/// How many there are, after those, whose runs wait for each other.
pub(crate) const TURN_HOOKS: usize = 10;

/// The names of the targets that hooks notify in some lives.
pub(crate) const OPS: &str = "ops";
pub(crate) const CRM: &str = "crm";

/// The secret of the hook that Standard Webhooks sign for.
const SIGNING_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The bearer token of the hook that asks for one.
pub(crate) const TOKEN: &str = "token-of-the-bearer";

/// The value of a secret, as the edge would look it up.
pub(crate) fn secret(name: &str) -> Option<String> {
    match name {
        "SIGNING" => Some(SIGNING_SECRET.to_owned()),
        "TOKEN" => Some(TOKEN.to_owned()),
        "FABRICATE_API_KEY" => Some("key".to_owned()),
        _ => None,
    }
}

/// A configuration, which must have no mistake.
pub(crate) fn read_configuration(vars: &Value) -> Configuration {
    let configuration = Configuration::read(vars.as_object().expect("an object"));
    let mistakes: Vec<String> = configuration.mistakes().map(ToString::to_string).collect();
    assert!(mistakes.is_empty(), "{mistakes:?}");
    configuration
}

/// Two targets, one of which is not told of everything.
pub(crate) fn notify() -> Value {
    json!({
        OPS: {"url": "https://ops.example/ops", "secret": "SIGNING"},
        CRM: {"url": "https://crm.example/crm", "secret": "SIGNING", "on": ["completed", "failed", "unconfirmed"],
              "include": ["params", "result", "files"]},
    })
}

thread_local! {
    static TARGETS: Rc<Targets> = {
        let vars = json!({"NOTIFY": notify()});
        Configuration::read(vars.as_object().expect("an object")).targets
    };
}

/// The targets that hooks notify in some lives.
pub(crate) fn targets() -> Rc<Targets> {
    TARGETS.with(Rc::clone)
}

/// All hooks, and then each of them once more with two targets; compiled once for as many lives as one thread lives through.
pub(crate) fn hooks() -> Vec<Rc<Hook>> {
    let base = json!({
        "workspace": "acme", "database": "demo", "workflow": "seed", "verify": {"scheme": "none"},
        "when": "body.type == 'won'", "deadline": "2h",
        "params": {"event": "{{ delivery.id }}", "rows": "{{ body.seats * 10 }}"},
    });
    let with = |changes: Value| {
        let mut hook = base.clone();
        for (field, value) in changes.as_object().into_iter().flatten() {
            hook[field] = value.clone();
        }
        hook
    };
    let changes = [
        json!({}),
        json!({"on_unconfirmed": "restart", "start_attempts_max": 4}),
        json!({"verify": {"scheme": "standard-webhooks", "secret": "SIGNING"}}),
        json!({"verify": {"scheme": "bearer", "secret": ["TOKEN"]}, "on_unconfirmed": "restart", "deadline": "30m"}),
        json!({"rules": [{"workflow": "seed"}, {"workflow": "big", "when": "body.seats > 4", "on_unconfirmed": "restart"}]}),
        json!({"start_attempts_max": 2, "deadline": "30m",
               "archive": "{{ workflow }}/{{ run_id }}/{{ task_id }}/{{ file.id }}"}),
        json!({"on_redelivery": "retry_failed", "deadline": "30m"}),
    ];
    assert_eq!(changes.len(), HOOKS);
    let batch = |more: Value| {
        let mut changes = json!({
            "each": "body", "item_id": "{{ item.id }}", "when": "item.type == 'won'",
            "params": {"event": "{{ item.id }}", "rows": "{{ item.seats * 10 }}"},
        });
        for (field, value) in more.as_object().into_iter().flatten() {
            changes[field] = value.clone();
        }
        changes
    };
    let batches = [
        batch(json!({})),
        batch(json!({"rules": [{"workflow": "seed"}, {"workflow": "big", "when": "item.seats > 4"}]})),
        batch(json!({"on_redelivery": "retry_failed", "deadline": "30m"})),
    ];
    assert_eq!(batches.len(), BATCH_HOOKS);
    let all: Vec<Value> = changes.into_iter().chain(batches).chain(turns()).map(with).collect();
    let with_targets = all.iter().map(|hook| {
        let mut hook = hook.clone();
        hook["notify"] = json!([OPS, CRM]);
        hook
    });
    all.iter().map(read).chain(with_targets.map(|hook| read(&hook))).collect()
}

/// Hooks whose runs wait for each other.
fn turns() -> [Value; TURN_HOOKS] {
    let key = "{{ workspace }}/{{ database }}";
    [
        json!({"concurrency": key, "deadline": "30m"}),
        json!({"concurrency": key, "deadline": "30m", "on_unconfirmed": "restart", "start_attempts_max": 4}),
        json!({"concurrency": key, "deadline": "30m", "when_busy": "replace"}),
        json!({"concurrency": key, "deadline": "30m", "when_busy": "replace", "on_unconfirmed": "restart"}),
        json!({"concurrency": key, "deadline": "30m", "when_busy": "skip"}),
        json!({"concurrency": "all", "deadline": "30m", "debounce": "40s"}),
        json!({"concurrency": key, "deadline": "30m", "rules": [
            {"workflow": "seed"},
            {"workflow": "big", "when": "body.seats > 4", "on_unconfirmed": "restart", "when_busy": "replace"}]}),
        json!({"concurrency": "{{ body.seats > 4 and 'many' or 'few' }}", "deadline": "30m", "max_running": 1,
               "on_redelivery": "retry_failed"}),
        json!({"max_running": 1, "deadline": "30m", "on_unconfirmed": "restart"}),
        json!({"max_running": 2, "deadline": "30m", "rules": [
            {"workflow": "seed"}, {"workflow": "big", "when": "body.seats > 4"}]}),
    ]
}

fn read(hook: &Value) -> Rc<Hook> {
    let vars = json!({"HOOKS": {"hook": hook}, "NOTIFY": notify()});
    let hook = read_configuration(&vars).hooks.into_values().next().expect("one hook");
    Rc::new(hook.expect("a hook without mistakes"))
}
