//! Every mistake and every trap in one wrangler.toml.
//!
//! What the variables may say is `seedhook`'s to judge; here is what lies around them.

use toml_edit::{Item, Table, TableLike};

use super::finding::Finding;
use super::scope::{Scope, environments, has_own, path, tables};
use super::{limits, queues, secrets, values};
use crate::dev_vars::Secrets;

/// What every Worker needs, and under which table.
const BINDINGS: &[(&str, &str)] =
    &[("kv_namespaces", "RUNS"), ("r2_buckets", "INBOX"), ("r2_buckets", "FILES")];

/// Cloudflare's limit for one variable, bytes: 5 KB on every plan.
const VARIABLE_BYTES_MAX: usize = 5 * 1024;

/// Cloudflare's limit for all variables and secrets together on the free plan; 128 on the paid one.
const VARIABLES_MAX: usize = 64;

/// Everything that is wrong in the file; `local` are the secrets of this machine.
pub(super) fn find(root: &Table, scopes: &[Scope<'_>], local: &Secrets) -> Vec<Finding> {
    let mut found = Vec::new();
    if !has_cron(root) {
        let remedy = "write [triggers] crons = [\"*/2 * * * *\"]: without it no run is ever followed";
        found.push(Finding::mistake(path(&["triggers"]), "no cron trigger", remedy));
    }
    for (name, _) in environments(root).into_iter().filter(|(_, table)| !has_own(*table)) {
        let remedy = format!(
            "an environment inherits neither: repeat [vars], RUNS, INBOX and FILES below [env.{name}]"
        );
        let problem = "has no variables and no bindings of its own";
        found.push(Finding::mistake(path(&["env", name]), problem, remedy));
    }
    for scope in scopes {
        found.extend(bindings(scope));
        found.extend(variables(scope));
        found.extend(secrets::find(scope, local));
        found.extend(limits::find(scope));
        found.extend(queues::find(scope));
    }
    found
}

fn has_cron(root: &Table) -> bool {
    let crons = |table: &dyn TableLike| {
        let crons = table.get("triggers")?.get("crons")?.as_array()?;
        Some(!crons.is_empty())
    };
    crons(root).unwrap_or(false)
}

fn bindings(scope: &Scope<'_>) -> Vec<Finding> {
    let has = |kind: &str, name: &str| {
        let mut tables = tables(scope.table.get(kind)).into_iter();
        tables.any(|table| table.get("binding").and_then(Item::as_str) == Some(name))
    };
    let missing = BINDINGS.iter().filter(|(kind, name)| !has(kind, name));
    missing
        .map(|(kind, name)| {
            let header = scope.header(kind);
            let remedy = format!("write [[{header}]] binding = \"{name}\"; `wrangler deploy` makes it");
            Finding::mistake(scope.at(&[kind]), format!("the binding {name} is missing"), remedy)
        })
        .collect()
}

fn variables(scope: &Scope<'_>) -> Vec<Finding> {
    let at = scope.at(&["vars"]);
    let table = scope.table.get("vars").and_then(Item::as_table_like);
    let (Some(vars), Some(table)) = (&scope.vars, table) else {
        let remedy = "write [vars.HOOKS.name] and its fields below it";
        return vec![Finding::mistake(at, "there are no variables, so there is no hook", remedy)];
    };
    let mut found: Vec<Finding> = values::untranslatable(table, &at)
        .into_iter()
        .map(|it| {
            Finding::mistake(
                it.path,
                format!("{} is {} to the Worker", it.written, it.what),
                format!("write it as a text: \"{}\"", it.written),
            )
        })
        .collect();
    let configuration = &scope.configuration;
    found.extend(configuration.mistakes().map(|mistake| Finding::of_worker(&at, mistake)));
    if configuration.hooks.is_empty() && configuration.mistakes.is_empty() {
        let remedy = "write [vars.HOOKS.name] and its fields below it";
        found.push(Finding::warning(at.clone(), "there is no hook", remedy));
    }
    for (name, value) in vars {
        let bytes = value.as_str().map_or_else(|| value.to_string().len(), str::len);
        if bytes > VARIABLE_BYTES_MAX {
            let problem =
                format!("{bytes} bytes as JSON, and Cloudflare takes {VARIABLE_BYTES_MAX} in one variable");
            let remedy = "move some hooks to a second variable: [vars.HOOKS_2.name]";
            found.push(Finding::mistake(scope.at(&["vars", name]), problem, remedy));
        }
    }
    if vars.len() > VARIABLES_MAX {
        let problem =
            format!("{} variables, and the free plan takes {VARIABLES_MAX} with the secrets", vars.len());
        found.push(Finding::warning(at, problem, "put hooks together, or take the paid plan (128)"));
    }
    found
}
