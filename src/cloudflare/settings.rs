//! The Worker's variables and secrets. Variables are read once in an isolate's life: a deploy makes new isolates.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::{Value, json};
use wasm_bindgen::{JsCast, JsValue};
use worker::Env;

use super::clock::WorkerLog;
use crate::config::hooks::HookTable;
use crate::config::{
    ACCESS_AUD, ACCESS_TEAM, Configuration, ENV, FABRICATE_RATE, MAX_RUNNING, NOTIFY, SWEEP_REQUESTS,
    Variables,
};
use crate::fabricate::CircuitBreaker;
use crate::http::Isolate;
use crate::http::api_token::{ApiToken, InvalidToken};
use crate::http::secrets::{OPERATOR_TOKEN, READ_TOKEN};
use crate::log;
use crate::ports::Log;

/// What this isolate keeps for its whole life. All its invocations share it.
pub(super) struct Settings {
    pub(super) isolate: Isolate,
    pub(super) breaker: Rc<CircuitBreaker>,
}

thread_local! {
    static SETTINGS: RefCell<Option<Rc<Settings>>> = const { RefCell::new(None) };
}

/// The settings of this isolate. Its first invocation reads them and logs their mistakes. Hooks are read later, when they
/// are called.
pub(super) fn settings(env: &Env) -> Rc<Settings> {
    if let Some(settings) = SETTINGS.with_borrow(Clone::clone) {
        return settings;
    }
    let configuration = Configuration::of(&variables(env));
    for mistake in &configuration.mistakes {
        WorkerLog.log(log::CONFIGURATION_MISTAKE, json!({"mistake": mistake.to_string()}));
    }
    let tokens = [(OPERATOR_TOKEN, log::OPERATOR_TOKEN_TOO_SHORT), (READ_TOKEN, log::READ_TOKEN_TOO_SHORT)];
    for (name, line) in tokens {
        if let Err(error @ InvalidToken::TooShort(_)) = ApiToken::new(secret(env, name).as_deref()) {
            WorkerLog.log(line, json!({"error": format!("{name} {error}")}));
        }
    }
    let breaker = Rc::new(CircuitBreaker::new(configuration.fabricate_rate));
    let settings = Rc::new(Settings { isolate: Isolate::new(configuration), breaker });
    SETTINGS.set(Some(Rc::clone(&settings)));
    settings
}

/// A secret's value, if it is set.
pub(super) fn secret(env: &Env, name: &str) -> Option<String> {
    env.secret(name).ok().map(|secret| secret.to_string()).filter(|value| !value.trim().is_empty())
}

/// The variables that are configuration; secrets, which look just like variables here, are not among them.
fn variables(env: &Env) -> Variables {
    let mut variables = Variables::default();
    for name in keys(env) {
        let may_have_hooks = Variables::may_have_hooks(&name);
        let is_ours = matches!(
            name.as_str(),
            "FABRICATE_URL"
                | ENV
                | FABRICATE_RATE
                | MAX_RUNNING
                | NOTIFY
                | SWEEP_REQUESTS
                | ACCESS_TEAM
                | ACCESS_AUD
        );
        if !is_ours && !may_have_hooks {
            continue;
        }
        let Ok(value) = js_sys::Reflect::get(env, &name.as_str().into()) else { continue };
        if may_have_hooks && value.is_object() && !js_sys::Array::is_array(&value) {
            variables.hooks.push((name.into(), Rc::new(JsTable(value))));
        } else if let Ok(value) = to_json(&value) {
            variables.values.insert(name, value);
        }
    }
    variables
}

/// A table of hooks as the runtime holds it. Taking over one hook costs less than taking over all of them.
struct JsTable(JsValue);

impl HookTable for JsTable {
    fn names(&self) -> Vec<String> {
        keys(&self.0)
    }

    fn hook(&self, name: &str) -> Result<Value, String> {
        let value = js_sys::Reflect::get(&self.0, &name.into()).unwrap_or_default();
        to_json(&value)
    }
}

/// The names of an object's own properties. One text crosses the border, not one for each name.
fn keys(object: &JsValue) -> Vec<String> {
    let names = js_sys::Object::keys(object.unchecked_ref::<js_sys::Object>());
    to_json(&names).ok().and_then(|names| serde_json::from_value(names).ok()).unwrap_or_default()
}

/// A JavaScript value as JSON, by way of its text.
fn to_json(value: &JsValue) -> Result<Value, String> {
    let text = js_sys::JSON::stringify(value).ok().and_then(|text| text.as_string());
    serde_json::from_str(&text.ok_or("it has no JSON")?).map_err(|error| error.to_string())
}
