//! The Worker's variables and secrets. Variables are read once in an isolate's life: a deploy makes new isolates.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serde_json::{Map, Value, json};
use wasm_bindgen::JsCast;
use worker::Env;

use super::clock::WorkerLog;
use crate::config::{Configuration, ENV, FABRICATE_RATE, SWEEP_REQUESTS};
use crate::fabricate::CircuitBreaker;
use crate::http::Isolate;
use crate::http::operator_token::{InvalidToken, OperatorToken};
use crate::http::secrets::OPERATOR_TOKEN;
use crate::log;
use crate::ports::Log;
use crate::timestamp::Timestamp;

/// What this isolate keeps for its whole life. All its invocations share it.
pub(super) struct Settings {
    pub(super) isolate: Isolate,
    pub(super) breaker: Rc<CircuitBreaker>,
    /// [`IdleHints::hint_deleted_at`](crate::ports::IdleHints::hint_deleted_at).
    pub(super) hint_deleted_at: Rc<Cell<Option<Timestamp>>>,
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
        WorkerLog.log(log::CONFIGURATION_MISTAKE, json!({"mistake": mistake.to_string()}));
    }
    if let Err(error @ InvalidToken::TooShort(_)) = OperatorToken::new(secret(env, OPERATOR_TOKEN).as_deref())
    {
        let fields = json!({"error": error.to_string()});
        WorkerLog.log(log::OPERATOR_TOKEN_TOO_SHORT, fields);
    }
    let breaker = Rc::new(CircuitBreaker::new(configuration.fabricate_rate));
    let settings =
        Rc::new(Settings { isolate: Isolate::new(configuration), breaker, hint_deleted_at: Rc::default() });
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
