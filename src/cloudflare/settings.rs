//! The Worker's variables and secrets. Variables are read once in an isolate's life: a deploy makes new isolates.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::{Map, Value, json};
use wasm_bindgen::JsCast;
use worker::Env;

use super::clock::WorkerLog;
use crate::config::{Configuration, ENV, FABRICATE_RATE, InvalidToken, OperatorToken, SWEEP_REQUESTS};
use crate::fabricate::Pace;
use crate::ports::{Level, Log};

/// The secret with Fabricate's key.
pub(super) const FABRICATE_API_KEY: &str = "FABRICATE_API_KEY";
/// The secret that opens everything under `/api/`.
pub(super) const OPERATOR_TOKEN: &str = "OPERATOR_TOKEN";

/// The secret that links to files are signed with; without it there are none.
pub(super) const LINK_SECRET: &str = "LINK_SECRET";

/// What the variables say, and what follows them through the isolate's life.
pub(super) struct Settings {
    pub(super) configuration: Configuration,
    /// Shared by all invocations in this isolate, and by no other.
    pub(super) pace: Rc<Pace>,
}

thread_local! {
    static SETTINGS: RefCell<Option<Rc<Settings>>> = const { RefCell::new(None) };
}

/// The settings of this isolate; its first invocation reads them and logs every mistake.
pub(super) fn settings(env: &Env) -> Rc<Settings> {
    if let Some(settings) = SETTINGS.with_borrow(Clone::clone) {
        return settings;
    }
    let configuration = Configuration::read(&variables(env));
    for mistake in configuration.mistakes() {
        WorkerLog.log(Level::Error, "configuration mistake", json!({"mistake": mistake.to_string()}));
    }
    if let Err(error @ InvalidToken::TooShort(_)) = OperatorToken::new(secret(env, OPERATOR_TOKEN).as_deref())
    {
        let fields = json!({"error": error.to_string()});
        WorkerLog.log(
            Level::Error,
            "every call under /api/ is answered 503: the operator token is too short",
            fields,
        );
    }
    let pace = Rc::new(Pace::new(configuration.fabricate_rate));
    let settings = Rc::new(Settings { configuration, pace });
    SETTINGS.set(Some(Rc::clone(&settings)));
    settings
}

/// A secret's value, if it is set.
pub(super) fn secret(env: &Env, name: &str) -> Option<String> {
    env.secret(name).ok().map(|secret| secret.to_string()).filter(|value| !value.trim().is_empty())
}

/// The variables that are configuration; secrets, which look just like variables here, are not among them.
fn variables(env: &Env) -> Map<String, Value> {
    let is_ours = |name: &str| {
        matches!(name, "FABRICATE_URL" | "HOOKS" | ENV | FABRICATE_RATE | SWEEP_REQUESTS)
            || name.starts_with("HOOKS_")
    };
    let names = js_sys::Object::keys(env.unchecked_ref::<js_sys::Object>());
    names
        .iter()
        .filter_map(|name| name.as_string())
        .filter(|name| is_ours(name))
        .filter_map(|name| {
            let value = js_sys::Reflect::get(env, &name.as_str().into()).ok()?;
            Some((name, serde_wasm_bindgen::from_value(value).ok()?))
        })
        .collect()
}
