//! The secrets that the Worker and its hooks need: whether each is set where it must be. Values are never printed.

use std::collections::{BTreeMap, BTreeSet};

use seedhook::hook::Hook;
use seedhook::http::api_token::{ApiToken, InvalidToken};
use seedhook::http::secrets::{FABRICATE_API_KEY, LINK_SECRET, OPERATOR_TOKEN, READ_TOKEN};
use seedhook::link::{LinkSecret, SECRET_BYTES_MIN};
use seedhook::notify::Target;
use seedhook::notify::target::UnusableTarget;
use serde_json::{Map, Value as Json};

use super::environment::Environment;
use super::finding::Finding;
use crate::dev_vars::Secrets;

/// The secrets that every Worker needs.
const OWN: &[&str] = &[FABRICATE_API_KEY, OPERATOR_TOKEN];

/// The secrets that a Worker may have.
const OPTIONAL: &[&str] = &[LINK_SECRET, READ_TOKEN];

/// Every mistake and warning about secrets. `local` are the secrets of this machine.
pub(super) fn find(environment: &Environment<'_>, local: &Secrets) -> Vec<Finding> {
    let mut found = plain_variables(environment);
    found.extend(undeclared(environment));
    found.extend(missing_here(environment, local));
    found.extend(targets(environment, local));
    found.extend(link_secret(environment, local));
    found.extend(short_tokens(environment, local));
    found
}

/// Secrets among the plain variables, whose values would be visible in the repository and in the dashboard.
fn plain_variables(environment: &Environment<'_>) -> Vec<Finding> {
    let of_hooks = named(environment);
    let of_targets = of_targets(environment);
    let variables = environment.vars.into_iter().flat_map(Map::keys).map(String::as_str);
    variables
        .filter(|name| {
            let is_own = OWN.contains(name) || OPTIONAL.contains(name);
            is_own || of_hooks.contains_key(name) || of_targets.contains(name)
        })
        .map(|name| {
            let hooks: Vec<&str> =
                of_hooks.get(name).into_iter().flatten().map(|hook| hook.name.as_str()).collect();
            let problem = match hooks.as_slice() {
                [] => "this is a secret, but written as a plain variable".to_owned(),
                hooks => {
                    format!("this is the secret of {}, but written as a plain variable", hooks.join(", "))
                }
            };
            let remedy = format!("remove it, and run `npx wrangler secret put {name}` (locally: .dev.vars)");
            Finding::mistake(environment.at(&["vars", name]), problem, remedy)
        })
        .collect()
}

/// Secrets that are missing in the list `secrets.required`, if there is one: `wrangler dev` passes on no others.
fn undeclared(environment: &Environment<'_>) -> Vec<Finding> {
    let Some(required) = required(environment) else { return Vec::new() };
    let named = named(environment);
    let named = named.into_iter().filter(|(_, hooks)| !come_from_senders(hooks)).map(|(name, _)| name);
    let has_access = environment.configuration.access.is_some();
    OWN.iter()
        .copied()
        // Where people sign in, there need not be a token.
        .filter(|name| *name != OPERATOR_TOKEN || !has_access)
        .chain(named)
        .chain(of_targets(environment))
        .filter(|name| !required.contains(name))
        .map(|name| {
            let problem = format!(
                "the secret {name} is missing, and `wrangler dev` only passes on the secrets of this list"
            );
            Finding::mistake(environment.at(&["secrets", "required"]), problem, format!("add \"{name}\""))
        })
        .collect()
}

/// Secrets of hooks that are not set on this machine. Named environments are only deployed, so they need none here.
fn missing_here(environment: &Environment<'_>, local: &Secrets) -> Vec<Finding> {
    if !environment.path.is_empty() {
        return Vec::new();
    }
    let missing = named(environment)
        .into_iter()
        .filter(|(name, hooks)| !is_set(local, name) && !come_from_senders(hooks));
    missing
        .filter_map(|(name, hooks)| {
            let hook = hooks.first()?;
            let problem = format!(".dev.vars has no {name}, so the hook answers 503 on this machine");
            let remedy =
                format!("add a line {name}=\"…\" to .dev.vars; deployed: `npx wrangler secret put {name}`");
            let is_token = hook.verify.verify_token_name.as_deref() == Some(name);
            let field = if is_token { "verify_token" } else { "secret" };
            Some(Finding::warning(
                environment.at_hook(hook.name.as_str(), &["verify", field]),
                problem,
                remedy,
            ))
        })
        .collect()
}

/// Secrets of targets that are not set on this machine, which warns, or that cannot be used, which are mistakes: their targets are not
/// notified.
fn targets(environment: &Environment<'_>, local: &Secrets) -> Vec<Finding> {
    if !environment.path.is_empty() {
        return Vec::new();
    }
    let secret = |name: &str| local.get(name).filter(|_| is_set(local, name)).cloned();
    let mut found = Vec::new();
    for target in environment.configuration.targets.iter() {
        for (field, name, error) in target.unusable_secrets(&secret) {
            let at = environment.at(&["vars", "NOTIFY", target.name.as_str(), field]);
            let problem = format!("{error}; {} is not notified on this machine", target.name);
            let put = format!("deployed: `npx wrangler secret put {name}`");
            found.push(match error {
                UnusableTarget::NoSecret(_) => {
                    Finding::warning(at, problem, format!("add a line {name}=\"…\" to .dev.vars; {put}"))
                }
                _ => Finding::mistake(at, problem, format!("put another {name}=\"…\" into .dev.vars; {put}")),
            });
        }
    }
    found
}

/// Whether a secret is set on this machine.
fn is_set(local: &Secrets, name: &str) -> bool {
    local.get(name).is_some_and(|value| !value.trim().is_empty())
}

/// A missing or invalid secret for links to files. Everything else works without it.
fn link_secret(environment: &Environment<'_>, local: &Secrets) -> Option<Finding> {
    if required(environment).is_some_and(|required| !required.contains(&LINK_SECRET)) {
        let problem = "the secret LINK_SECRET is not in this list, so links to files are answered 503";
        let remedy = "add \"LINK_SECRET\" if you need links to files";
        return Some(Finding::warning(environment.at(&["secrets", "required"]), problem, remedy));
    }
    let local = local.get(LINK_SECRET).map(String::as_str);
    let error = LinkSecret::new(local).err().filter(|_| environment.path.is_empty())?;
    let problem =
        format!("LINK_SECRET {error} in .dev.vars, so links to files are answered 503 on this machine");
    let remedy = format!(
        "add a line LINK_SECRET=\"…\" of at least {SECRET_BYTES_MIN} random bytes to .dev.vars; deployed: `npx \
         wrangler secret put LINK_SECRET`"
    );
    Some(Finding::warning(environment.at(&[]), problem, remedy))
}

/// Tokens on this machine that are too short for the Worker.
fn short_tokens(environment: &Environment<'_>, local: &Secrets) -> Vec<Finding> {
    let tokens = [
        (OPERATOR_TOKEN, "every call under /api/ is answered 503 on this machine"),
        (READ_TOKEN, "it opens nothing on this machine"),
    ];
    let short = tokens.into_iter().filter_map(|(name, effect)| {
        let error = ApiToken::new(local.get(name).map(String::as_str)).err()?;
        let is_short = matches!(error, InvalidToken::TooShort(_)) && environment.path.is_empty();
        is_short.then(|| {
            let problem = format!("{name} {error}; {effect}");
            let remedy = format!(
                "put a new token into .dev.vars as {name}=\"…\"; deployed: `npx wrangler secret put {name}`"
            );
            Finding::warning(environment.at(&[]), problem, remedy)
        })
    });
    short.collect()
}

/// The secrets in `secrets.required`, if there is such a list.
fn required<'a>(environment: &Environment<'a>) -> Option<Vec<&'a str>> {
    let secrets = environment.table.get("secrets")?;
    let required = secrets.get("required").and_then(Json::as_array)?;
    Some(required.iter().filter_map(|name| name.as_str()).collect())
}

/// The names of the hooks' secrets, each with its hooks.
fn named<'a>(environment: &'a Environment<'_>) -> BTreeMap<&'a str, Vec<&'a Hook>> {
    let mut named: BTreeMap<&str, Vec<&Hook>> = BTreeMap::new();
    for hook in environment.configuration.hooks.values().flatten() {
        for name in hook.verify.all_secret_names() {
            named.entry(name).or_default().push(hook);
        }
    }
    named
}

/// The names of the targets' secrets.
fn of_targets<'a>(environment: &'a Environment<'_>) -> BTreeSet<&'a str> {
    environment.configuration.targets.iter().flat_map(Target::secret_names).collect()
}

/// Whether all these hooks get their secret from their sender, in a handshake, so that it cannot be set earlier.
fn come_from_senders(hooks: &[&Hook]) -> bool {
    hooks.iter().all(|hook| hook.accepts_offered_secret())
}
