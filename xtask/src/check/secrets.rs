//! The secrets that the Worker and its hooks need: whether each is where a secret has to be.
//!
//! It looks at names, and at whether a value can be used; values stay where they are.

use std::collections::BTreeMap;

use seedhook::config::{InvalidToken, OperatorToken};
use seedhook::hook::Hook;
use seedhook::link::{LinkSecret, SECRET_BYTES_MIN};
use serde_json::Map;
use toml_edit::Item;

use super::finding::Finding;
use super::scope::Scope;
use crate::dev_vars::Secrets;

/// Secrets that the Worker reads whatever the hooks say.
const OWN: &[&str] = &["FABRICATE_API_KEY", OPERATOR_TOKEN];

/// The secret that opens everything under `/api/`.
const OPERATOR_TOKEN: &str = "OPERATOR_TOKEN";

/// The secret that signed links to files need, and nothing else.
const LINK_SECRET: &str = "LINK_SECRET";

/// Every mistake about secrets; `local` are those of this machine.
pub(super) fn find(scope: &Scope<'_>, local: &Secrets) -> Vec<Finding> {
    let mut found = plain(scope);
    found.extend(undeclared(scope));
    found.extend(missing_here(scope, local));
    found.extend(no_links(scope, local));
    found.extend(short_operator_token(scope, local));
    found
}

/// A variable stands where a secret should: its value would be in the repository and in the dashboard.
fn plain(scope: &Scope<'_>) -> Vec<Finding> {
    let of_hooks = named(scope);
    let variables = scope.vars.iter().flat_map(Map::keys).map(String::as_str);
    variables
        .filter(|name| OWN.contains(name) || *name == LINK_SECRET || of_hooks.contains_key(name))
        .map(|name| {
            let hooks: Vec<&str> =
                of_hooks.get(name).into_iter().flatten().map(|hook| hook.name.as_str()).collect();
            let problem = match hooks.as_slice() {
                [] => "a secret stands here as a plain variable".to_owned(),
                hooks => format!("the secret of {} stands here as a plain variable", hooks.join(", ")),
            };
            let remedy = format!("remove it, and run `npx wrangler secret put {name}` (locally: .dev.vars)");
            Finding::mistake(scope.at(&["vars", name]), problem, remedy)
        })
        .collect()
}

/// Where wrangler.toml lists its secrets, `wrangler dev` passes on no others.
fn undeclared(scope: &Scope<'_>) -> Vec<Finding> {
    let Some(required) = required(scope) else { return Vec::new() };
    let named = named(scope);
    let named = named.into_iter().filter(|(_, hooks)| !are_brought(hooks)).map(|(name, _)| name);
    OWN.iter()
        .copied()
        .chain(named)
        .filter(|name| !required.contains(name))
        .map(|name| {
            let problem =
                format!("the secret {name} is missing here, and `wrangler dev` passes on no others");
            Finding::mistake(scope.at(&["secrets", "required"]), problem, format!("add \"{name}\""))
        })
        .collect()
}

/// A hook's secret that the local Worker would not have. Environments are for what is deployed.
fn missing_here(scope: &Scope<'_>, local: &Secrets) -> Vec<Finding> {
    if !scope.path.is_empty() {
        return Vec::new();
    }
    let is_set = |name: &str| local.get(name).is_some_and(|value| !value.trim().is_empty());
    let missing = named(scope).into_iter().filter(|(name, hooks)| !is_set(name) && !are_brought(hooks));
    missing
        .filter_map(|(name, hooks)| {
            let hook = hooks.first()?;
            let problem = format!(".dev.vars has no {name}, so that the hook answers 503 on this machine");
            let remedy =
                format!("add a line {name}=\"…\" to .dev.vars; deployed: `npx wrangler secret put {name}`");
            let is_token = hook.verify.verify_token_name.as_deref() == Some(name);
            let field = if is_token { "verify_token" } else { "secret" };
            Some(Finding::warning(scope.at_hook(hook.name.as_str(), &["verify", field]), problem, remedy))
        })
        .collect()
}

/// Links to files are for who wants them: without their secret all else works.
fn no_links(scope: &Scope<'_>, local: &Secrets) -> Option<Finding> {
    if required(scope).is_some_and(|required| !required.contains(&LINK_SECRET)) {
        let problem = "the secret LINK_SECRET is not here, and without it links to files are answered 503";
        let remedy = "add \"LINK_SECRET\" if you want such links";
        return Some(Finding::warning(scope.at(&["secrets", "required"]), problem, remedy));
    }
    let local = local.get(LINK_SECRET).map(String::as_str);
    let error = LinkSecret::new(local).err().filter(|_| scope.path.is_empty())?;
    let problem =
        format!("LINK_SECRET {error} in .dev.vars, so that links to files are answered 503 on this machine");
    let remedy = format!(
        "add a line LINK_SECRET=\"…\" of at least {SECRET_BYTES_MIN} random bytes to .dev.vars; deployed: `npx \
         wrangler secret put LINK_SECRET`"
    );
    Some(Finding::warning(scope.at(&[]), problem, remedy))
}

/// An operator token of this machine that the Worker refuses. Environments are for what is deployed.
fn short_operator_token(scope: &Scope<'_>, local: &Secrets) -> Option<Finding> {
    let error = OperatorToken::new(local.get(OPERATOR_TOKEN).map(String::as_str)).err()?;
    let is_short = matches!(error, InvalidToken::TooShort(_)) && scope.path.is_empty();
    is_short.then(|| {
        let problem = format!("{error}; every call under /api/ is answered 503 on this machine");
        let remedy = format!(
            "put a new token into .dev.vars as OPERATOR_TOKEN=\"…\"; deployed: `npx wrangler secret put {OPERATOR_TOKEN}`"
        );
        Finding::warning(scope.at(&[]), problem, remedy)
    })
}

/// The secrets that wrangler.toml lists, if it lists any.
fn required<'a>(scope: &Scope<'a>) -> Option<Vec<&'a str>> {
    let secrets = scope.table.get("secrets").and_then(Item::as_table_like)?;
    let required = secrets.get("required")?.as_array()?;
    Some(required.iter().filter_map(|name| name.as_str()).collect())
}

/// The secrets that hooks name, and which hooks.
fn named<'a>(scope: &'a Scope<'_>) -> BTreeMap<&'a str, Vec<&'a Hook>> {
    let mut named: BTreeMap<&str, Vec<&Hook>> = BTreeMap::new();
    for hook in scope.configuration.hooks.values().flatten() {
        for name in hook.verify.all_secret_names() {
            named.entry(name).or_default().push(hook);
        }
    }
    named
}

/// Whether their senders bring the secret, so that it cannot be set before.
fn are_brought(hooks: &[&Hook]) -> bool {
    hooks.iter().all(|hook| hook.accepts_offered_secret())
}
