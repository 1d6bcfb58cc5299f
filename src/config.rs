//! The whole configuration, read from the Worker's variables: the same code at run time and in `cargo xtask check`.
//!
//! It reads variables alone, never a secret's value, so that what it says can be shown.

mod fields;
mod handshake;
mod hook;
mod ids;
pub mod mistake;
pub mod sender;
mod signature;
mod verify;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::fabricate::Api;
use crate::hook::{Hook, HookName};

use hook::read_hook;
use mistake::Mistake;

/// The official Fabricate, asked unless `FABRICATE_URL` names another.
pub const FABRICATE_URL_DEFAULT: &str = "https://fabricate.tonic.ai";

/// The variable that says how many outbound requests one sweep may make.
pub const SWEEP_REQUESTS: &str = "SWEEP_REQUESTS";

/// Default of [`SWEEP_REQUESTS`]: the free plan allows 50 in one invocation, redirects included.
pub const SWEEP_REQUESTS_DEFAULT: u32 = 40;

/// The least that [`SWEEP_REQUESTS`] may say: a task's status, and a file behind three redirects.
pub const SWEEP_REQUESTS_MIN: u64 = 5;

/// The most that [`SWEEP_REQUESTS`] may say: the paid plan's 10,000 less a reserve.
pub const SWEEP_REQUESTS_MAX: u64 = 9_000;

/// The variable whose entries expressions see as `env`.
pub const ENV: &str = "ENV";
/// The variable that says how many requests Fabricate gets in a minute; without it, as many as there are.
pub const FABRICATE_RATE: &str = "FABRICATE_RATE";

/// The least that [`FABRICATE_RATE`] may say: as [`SWEEP_REQUESTS_MIN`], for one run must be able to end.
pub const FABRICATE_RATE_MIN: u64 = SWEEP_REQUESTS_MIN;

/// The most that [`FABRICATE_RATE`] may say: more is no limit to any sweep.
pub const FABRICATE_RATE_MAX: u64 = SWEEP_REQUESTS_MAX;

/// What the Worker's variables say.
#[derive(Debug)]
pub struct Configuration {
    /// Where Fabricate is; `None` when `FABRICATE_URL` is a mistake.
    pub fabricate: Option<Api>,
    /// How many outbound requests one sweep may make.
    pub sweep_requests: u32,
    /// How many requests Fabricate gets in a minute of an isolate; `None`: as many as there are.
    pub fabricate_rate: Option<u32>,
    /// Every hook that has a valid name, whole or with what is wrong with it.
    pub hooks: BTreeMap<HookName, Result<Hook, Vec<Mistake>>>,
    /// Mistakes outside any hook.
    pub mistakes: Vec<Mistake>,
}

impl Configuration {
    /// Reads the variables: `FABRICATE_URL`, `FABRICATE_RATE`, `SWEEP_REQUESTS`, `ENV`, `HOOKS` and every `HOOKS_…` that
    /// is an object.
    #[must_use]
    pub fn read(vars: &Map<String, Value>) -> Self {
        let mut mistakes = Vec::new();
        let fabricate = read_fabricate(vars.get("FABRICATE_URL"), &mut mistakes);
        let remedy = format!("the default, {SWEEP_REQUESTS_DEFAULT}, fits the free plan");
        let bounds = SWEEP_REQUESTS_MIN..=SWEEP_REQUESTS_MAX;
        let sweep_requests = read_number(vars, SWEEP_REQUESTS, &bounds, &remedy, &mut mistakes);
        let bounds = FABRICATE_RATE_MIN..=FABRICATE_RATE_MAX;
        let remedy = "leave it out for no limit";
        let fabricate_rate = read_number(vars, FABRICATE_RATE, &bounds, remedy, &mut mistakes);
        let env = read_env(vars.get(ENV), &mut mistakes);
        let hooks = read_hooks(vars, &env, &mut mistakes);
        Self {
            fabricate,
            sweep_requests: sweep_requests.unwrap_or(SWEEP_REQUESTS_DEFAULT),
            fabricate_rate,
            hooks,
            mistakes,
        }
    }

    /// Every mistake, those in hooks too.
    pub fn mistakes(&self) -> impl Iterator<Item = &Mistake> {
        let in_hooks = self.hooks.values().filter_map(|hook| hook.as_ref().err()).flatten();
        self.mistakes.iter().chain(in_hooks)
    }

    /// Whether the Worker as a whole can do its job; one broken hook does not stop the others.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.mistakes.is_empty()
    }

    /// The names of all secrets that hooks check.
    #[must_use]
    pub fn secret_names(&self) -> BTreeSet<&str> {
        let hooks = self.hooks.values().filter_map(|hook| hook.as_ref().ok());
        hooks.flat_map(|hook| hook.verify.all_secret_names()).collect()
    }
}

fn mistake(path: &[&str], problem: &str, remedy: &str) -> Mistake {
    Mistake {
        path: path.iter().map(|part| (*part).to_owned()).collect(),
        problem: problem.to_owned(),
        remedy: remedy.to_owned(),
    }
}

fn read_fabricate(value: Option<&Value>, mistakes: &mut Vec<Mistake>) -> Option<Api> {
    let address = value.map_or(Some(FABRICATE_URL_DEFAULT), Value::as_str).unwrap_or_default();
    match Api::new(address) {
        Ok(api) => Some(api),
        Err(error) => {
            let remedy = format!("the official one is {FABRICATE_URL_DEFAULT}");
            mistakes.push(mistake(&["FABRICATE_URL"], &error.to_string(), &remedy));
            None
        }
    }
}

/// A variable may be a number, or a text as `--var` and the dashboard write it. `None`: it is not set, or a mistake.
fn read_number(
    vars: &Map<String, Value>,
    name: &str,
    bounds: &RangeInclusive<u64>,
    remedy: &str,
    mistakes: &mut Vec<Mistake>,
) -> Option<u32> {
    let value = vars.get(name)?;
    let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
    let allowed =
        number.filter(|number| bounds.contains(number)).and_then(|number| u32::try_from(number).ok());
    if allowed.is_none() {
        let problem = format!("is no whole number from {} to {}", bounds.start(), bounds.end());
        mistakes.push(mistake(&[name], &problem, remedy));
    }
    allowed
}

/// What expressions see as `env`: these entries, and no other variable.
fn read_env(value: Option<&Value>, mistakes: &mut Vec<Mistake>) -> Map<String, Value> {
    match value {
        None => Map::new(),
        Some(Value::Object(env)) => env.clone(),
        Some(_) => {
            let remedy = "write [vars.ENV] and a line such as REGION = \"eu\" for each";
            mistakes.push(mistake(&[ENV], "is not a table", remedy));
            Map::new()
        }
    }
}

fn read_hooks(
    vars: &Map<String, Value>,
    env: &Map<String, Value>,
    mistakes: &mut Vec<Mistake>,
) -> BTreeMap<HookName, Result<Hook, Vec<Mistake>>> {
    let mut hooks: BTreeMap<HookName, Result<Hook, Vec<Mistake>>> = BTreeMap::new();
    if vars.get("HOOKS").is_some_and(|value| !value.is_object()) {
        mistakes.push(mistake(&["HOOKS"], "is not a table", "write [vars.HOOKS.name] for each hook"));
    }
    let tables = vars
        .iter()
        .filter(|(variable, _)| *variable == "HOOKS" || variable.starts_with("HOOKS_"))
        .filter_map(|(variable, value)| Some((variable, value.as_object()?)));
    for (variable, table) in tables {
        for (name, value) in table {
            let Ok(hook_name) = HookName::try_from(name.clone()) else {
                mistakes.push(mistake(
                    &[variable, name],
                    "is no hook name",
                    "use 1 to 63 of a-z, 0-9 and -, not - first",
                ));
                continue;
            };
            let path = [variable.clone(), name.clone()];
            let hook = if hooks.contains_key(&hook_name) {
                // Which of the two was meant? Neither is taken.
                Err(vec![mistake(&[variable, name], "this hook is given twice", "keep one of the two")])
            } else {
                read_hook(hook_name.clone(), value, &path, env)
            };
            hooks.insert(hook_name, hook);
        }
    }
    hooks
}

#[cfg(test)]
mod tests;
