//! Reads the whole configuration from the Worker's variables, both in the Worker and in `cargo xtask check`.
//!
//! It never reads the value of a secret, so its mistakes can be shown.

mod access;
mod answer;
mod concurrency;
mod event_ids;
mod fields;
mod handshake;
mod hook;
pub mod hooks;
pub mod mistake;
mod notify;
mod schedule;
pub mod sender;
pub mod setup;
mod signature;
#[cfg(test)]
pub(crate) mod test_hook;
mod verify;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::expression::Env;
use crate::fabricate::Api;
use crate::hook::HookName;
use crate::hook::concurrency::MAX_RUNNING_MAX;
use crate::notify::{Target, Targets};
use crate::verify::access::Access;

use access::read_access;
use hooks::{Around, HookTable, Hooks};
use mistake::{Mistake, quoted};
use notify::{read_targets, unknown_hooks};

/// Default of `FABRICATE_URL`: the official Fabricate.
pub const FABRICATE_URL_DEFAULT: &str = "https://fabricate.tonic.ai";

/// The variable with the most outbound requests of one sweep.
pub const SWEEP_REQUESTS: &str = "SWEEP_REQUESTS";

/// Default of [`SWEEP_REQUESTS`]: the free plan allows 50 in one invocation, including redirects.
pub const SWEEP_REQUESTS_DEFAULT: u32 = 40;

/// The smallest [`SWEEP_REQUESTS`]: the status of a task, and a file behind three redirects.
pub const SWEEP_REQUESTS_MIN: u64 = 5;

/// The largest [`SWEEP_REQUESTS`]: the 10,000 of the paid plan less a reserve.
pub const SWEEP_REQUESTS_MAX: u64 = 9_000;

/// The variable with hooks; every variable whose name is this, `_` and more may have hooks too.
pub const HOOKS: &str = "HOOKS";

/// The variable whose entries expressions see as `env`.
pub const ENV: &str = "ENV";

/// The variable with the most requests to Fabricate in a minute; absent: no limit.
pub const FABRICATE_RATE: &str = "FABRICATE_RATE";

/// The smallest [`FABRICATE_RATE`]: as [`SWEEP_REQUESTS_MIN`], so that a run can end.
pub const FABRICATE_RATE_MIN: u64 = SWEEP_REQUESTS_MIN;

/// The largest [`FABRICATE_RATE`]: a larger one would limit no sweep.
pub const FABRICATE_RATE_MAX: u64 = SWEEP_REQUESTS_MAX;

/// The variable with the most runs in progress at the same time, of all hooks; absent: no limit.
pub const MAX_RUNNING: &str = "MAX_RUNNING";

/// The variable with the targets of notifications.
pub const NOTIFY: &str = "NOTIFY";

/// The variable with the team of Cloudflare Access; without it and [`ACCESS_AUD`] nobody signs in by Access.
pub const ACCESS_TEAM: &str = "ACCESS_TEAM";

/// The variable with the audience tags of Access's applications.
pub const ACCESS_AUD: &str = "ACCESS_AUD";

/// The variables of the Worker that are configuration.
#[derive(Default)]
pub struct Variables {
    /// The value of each one that is not a table of hooks.
    pub values: Map<String, Value>,
    /// Those that are tables of hooks, `HOOKS` and `HOOKS_…`, by name.
    pub hooks: Vec<(Rc<str>, Rc<dyn HookTable>)>,
}

impl Variables {
    /// Whether a variable of this name may be a table of hooks.
    #[must_use]
    pub fn may_have_hooks(name: &str) -> bool {
        name.strip_prefix(HOOKS).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    }
}

impl From<&Map<String, Value>> for Variables {
    fn from(vars: &Map<String, Value>) -> Self {
        let mut variables = Self::default();
        for (name, value) in vars {
            match value {
                Value::Object(table) if Self::may_have_hooks(name) => {
                    variables.hooks.push((name.as_str().into(), Rc::new(table.clone())));
                }
                value => drop(variables.values.insert(name.clone(), value.clone())),
            }
        }
        variables
    }
}

/// The configuration.
#[derive(Debug)]
pub struct Configuration {
    /// The API of Fabricate; `None` when `FABRICATE_URL` is a mistake.
    pub fabricate: Option<Api>,
    /// The most outbound requests of one sweep.
    pub sweep_requests: u32,
    /// The most requests of an isolate to Fabricate in a minute; `None`: no limit.
    pub fabricate_rate: Option<u32>,
    /// Who signs in by Cloudflare Access; `None`: nobody does, or a variable is a mistake.
    pub access: Option<Access>,
    /// Who is notified.
    pub targets: Rc<Targets>,
    /// Every hook with a valid name. Each is read when it is first needed.
    pub hooks: Hooks,
    /// Mistakes outside any hook.
    pub mistakes: Vec<Mistake>,
}

impl Configuration {
    /// Reads the variables: `FABRICATE_URL`, `FABRICATE_RATE`, `SWEEP_REQUESTS`, `MAX_RUNNING`, `ACCESS_TEAM`, `ACCESS_AUD`, `ENV`, `NOTIFY`, `HOOKS`
    /// and every `HOOKS_…` that is an object.
    #[must_use]
    pub fn read(vars: &Map<String, Value>) -> Self {
        Self::of(&Variables::from(vars))
    }

    /// Reads the variables. No hook is read, only the names of hooks.
    #[must_use]
    pub fn of(variables: &Variables) -> Self {
        let vars = &variables.values;
        let mut mistakes = Vec::new();
        let fabricate = read_fabricate(vars.get("FABRICATE_URL"), &mut mistakes);
        let remedy = format!("the default, {SWEEP_REQUESTS_DEFAULT}, fits the free plan");
        let bounds = SWEEP_REQUESTS_MIN..=SWEEP_REQUESTS_MAX;
        let sweep_requests = read_number(vars, SWEEP_REQUESTS, &bounds, &remedy, &mut mistakes);
        let bounds = FABRICATE_RATE_MIN..=FABRICATE_RATE_MAX;
        let remedy = "leave it out for no limit";
        let fabricate_rate = read_number(vars, FABRICATE_RATE, &bounds, remedy, &mut mistakes);
        let access = read_access(vars, &mut mistakes);
        let env = read_env(vars.get(ENV), &mut mistakes);
        let targets = Rc::new(read_targets(vars.get(NOTIFY), &mut mistakes));
        let bounds = 1..=u64::from(MAX_RUNNING_MAX);
        let max_running = read_number(vars, MAX_RUNNING, &bounds, remedy, &mut mistakes);
        let hooks =
            read_hooks(variables, Around { env, targets: Rc::clone(&targets), max_running }, &mut mistakes);
        mistakes.extend(unknown_hooks(&targets, &hooks));
        Self {
            fabricate,
            sweep_requests: sweep_requests.unwrap_or(SWEEP_REQUESTS_DEFAULT),
            fabricate_rate,
            access,
            targets,
            hooks,
            mistakes,
        }
    }

    /// Every mistake, those in hooks too. Every hook is read.
    pub fn mistakes(&self) -> impl Iterator<Item = &Mistake> {
        let in_hooks = self.hooks.values().filter_map(Result::err).flatten();
        self.mistakes.iter().chain(in_hooks)
    }

    /// Whether there is no mistake outside of hooks. A broken hook does not stop the other hooks.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.mistakes.is_empty()
    }

    /// The names of all secrets that hooks and targets read. Every hook is read.
    #[must_use]
    pub fn secret_names(&self) -> BTreeSet<&str> {
        let hooks = self.hooks.values().filter_map(Result::ok);
        let of_hooks = hooks.flat_map(|hook| hook.verify.all_secret_names());
        of_hooks.chain(self.targets.iter().flat_map(Target::secret_names)).collect()
    }
}

fn mistake(path: &[&str], problem: impl Display, remedy: impl Display) -> Mistake {
    Mistake::new(path.iter().map(|part| (*part).to_owned()).collect(), problem, remedy)
}

fn read_fabricate(value: Option<&Value>, mistakes: &mut Vec<Mistake>) -> Option<Api> {
    let address = match value {
        None => Ok(FABRICATE_URL_DEFAULT),
        Some(value) => value.as_str().ok_or_else(|| format!("must be a text, got {}", quoted(value))),
    };
    let api = address.and_then(|address| Api::new(address).map_err(|error| error.to_string()));
    api.map_err(|problem| {
        let remedy = format!("the official one is {FABRICATE_URL_DEFAULT}");
        mistakes.push(mistake(&["FABRICATE_URL"], problem, remedy));
    })
    .ok()
}

/// Reads a number, or a text of digits, as `--var` and the dashboard write it. `None`: it is not set, or a mistake.
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
        let (min, max) = (bounds.start(), bounds.end());
        let problem = format!("must be a whole number from {min} to {max}, got {}", quoted(value));
        mistakes.push(mistake(&[name], problem, remedy));
    }
    allowed
}

/// Reads the entries that expressions see as `env`. They see no other variable.
fn read_env(value: Option<&Value>, mistakes: &mut Vec<Mistake>) -> Env {
    match value {
        None => Env::default(),
        Some(Value::Object(env)) => Env::new(env),
        Some(other) => {
            let remedy = "write [vars.ENV] and a line such as REGION = \"eu\" for each";
            mistakes.push(mistake(&[ENV], format_args!("must be a table, got {}", quoted(other)), remedy));
            Env::default()
        }
    }
}

fn read_hooks(variables: &Variables, around: Around, mistakes: &mut Vec<Mistake>) -> Hooks {
    let mut hooks = Hooks::new(around);
    if let Some(other) = variables.values.get(HOOKS) {
        let problem = format!("must be a table, got {}", quoted(other));
        mistakes.push(mistake(&[HOOKS], problem, "write [vars.HOOKS.name] for each hook"));
    }
    for (variable, table) in &variables.hooks {
        for name in table.names() {
            let Ok(valid) = HookName::try_from(name.clone()) else {
                let problem = "must have a name of 1 to 63 of a-z, 0-9 and -";
                mistakes.push(mistake(
                    &[variable, &name],
                    problem,
                    "rename it; the first character is not -",
                ));
                continue;
            };
            let twice = || mistake(&[variable, &name], "is configured twice", "keep one of the two");
            hooks.add(valid, variable, table, twice);
        }
    }
    hooks
}

#[cfg(test)]
mod tests;
