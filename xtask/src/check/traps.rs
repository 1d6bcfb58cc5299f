//! Every mistake and every trap in one wrangler.toml.
//!
//! What the variables may say is `seedhook`'s to judge; here is what lies around them.

use seedhook::configuration::Configuration;
use serde_json::Value as Json;
use toml_edit::{Item, Table, TableLike};

use super::finding::Finding;
use super::values;

/// What every Worker needs, and under which table.
const BINDINGS: &[(&str, &str)] =
    &[("kv_namespaces", "RUNS"), ("r2_buckets", "INBOX"), ("r2_buckets", "FILES")];

/// Secrets that the Worker reads whatever the hooks say.
const SECRETS: &[&str] = &["FABRICATE_API_KEY", "OPERATOR_TOKEN"];

/// Cloudflare's limit for one variable, bytes: 5 KB on every plan.
const VARIABLE_BYTES_MAX: usize = 5 * 1024;

/// Cloudflare's limit for all variables and secrets together on the free plan; 128 on the paid one.
const VARIABLES_MAX: usize = 64;

/// Everything that is wrong in the file.
pub(super) fn find(root: &Table) -> Vec<Finding> {
    let mut found = Vec::new();
    if !has_cron(root) {
        let remedy = "write [triggers] crons = [\"*/2 * * * *\"]: without it no run is ever followed";
        found.push(Finding::mistake(path(&["triggers"]), "no cron trigger", remedy));
    }
    for (name, _) in tables(root.get("env")) {
        let own = path(&["env", name]);
        let table = root.get("env").and_then(|env| env.get(name)).and_then(Item::as_table_like);
        let kept = ["vars", "kv_namespaces", "r2_buckets"];
        if table.is_some_and(|table| kept.iter().all(|key| table.get(key).is_none())) {
            let remedy = format!(
                "an environment inherits neither: repeat [vars], RUNS, INBOX and FILES below [env.{name}]"
            );
            found.push(Finding::mistake(own, "has no variables and no bindings of its own", remedy));
        }
    }
    for (_, vars) in environments(root) {
        let scope = vars.split_last().map_or(&[][..], |(_, scope)| scope);
        found.extend(bindings(root, scope));
        found.extend(variables(root, &vars));
    }
    found
}

/// The variables' places: the file's own, and each environment's that has something of its own.
pub(super) fn environments(root: &Table) -> Vec<(String, Vec<String>)> {
    let mut all = vec![(String::new(), path(&["vars"]))];
    for (name, table) in tables(root.get("env")) {
        if ["vars", "kv_namespaces", "r2_buckets"].iter().any(|key| table.get(key).is_some()) {
            all.push((format!("[env.{name}] "), path(&["env", name, "vars"])));
        }
    }
    all
}

fn has_cron(root: &Table) -> bool {
    let crons = |table: &dyn TableLike| {
        let crons = table.get("triggers")?.get("crons")?.as_array()?;
        Some(!crons.is_empty())
    };
    crons(root).unwrap_or(false)
}

fn bindings(root: &Table, scope: &[String]) -> Vec<Finding> {
    let mut table: &dyn TableLike = root;
    for part in scope {
        match table.get(part).and_then(Item::as_table_like) {
            Some(next) => table = next,
            None => return Vec::new(),
        }
    }
    let missing = BINDINGS.iter().filter(|(kind, name)| !has_binding(table.get(kind), name));
    missing
        .map(|(kind, name)| {
            let header = [scope, &path(&[kind])].concat().join(".");
            let remedy = format!("write [[{header}]] binding = \"{name}\"; `wrangler deploy` makes it");
            Finding::mistake(
                [scope, &path(&[kind])].concat(),
                format!("the binding {name} is missing"),
                remedy,
            )
        })
        .collect()
}

fn has_binding(list: Option<&Item>, name: &str) -> bool {
    let is_it = |item: Option<&Item>| item.and_then(Item::as_str) == Some(name);
    match list {
        Some(Item::ArrayOfTables(tables)) => tables.iter().any(|table| is_it(table.get("binding"))),
        Some(Item::Value(value)) => value.as_array().is_some_and(|items| {
            items.iter().filter_map(|item| item.as_inline_table()).any(|table| is_it_value(table, name))
        }),
        _ => false,
    }
}

fn is_it_value(table: &toml_edit::InlineTable, name: &str) -> bool {
    table.get("binding").and_then(toml_edit::Value::as_str) == Some(name)
}

fn variables(root: &Table, at: &[String]) -> Vec<Finding> {
    let Some(vars) = values::read(root, at) else {
        let remedy = "write [vars.HOOKS.name] and its fields below it";
        return vec![Finding::mistake(at.to_vec(), "there are no variables, so there is no hook", remedy)];
    };
    let mut found: Vec<Finding> = values::untranslatable(root, at)
        .into_iter()
        .map(|it| {
            Finding::mistake(
                it.path,
                format!("{} is {} to the Worker", it.written, it.what),
                format!("write it as a text: \"{}\"", it.written),
            )
        })
        .collect();
    let configuration = Configuration::read(&vars);
    found.extend(configuration.mistakes().map(|mistake| Finding::of_worker(at, mistake)));
    if configuration.hooks.is_empty() && configuration.mistakes.is_empty() {
        let remedy = "write [vars.HOOKS.name] and its fields below it";
        found.push(Finding::warning(at.to_vec(), "there is no hook", remedy));
    }
    found.extend(plain_secrets(&configuration, &vars, at));
    for (name, value) in &vars {
        let bytes = value.as_str().map_or_else(|| value.to_string().len(), str::len);
        if bytes > VARIABLE_BYTES_MAX {
            let problem =
                format!("{bytes} bytes as JSON, and Cloudflare takes {VARIABLE_BYTES_MAX} in one variable");
            let remedy = "move some hooks to a second variable: [vars.HOOKS_2.name]";
            found.push(Finding::mistake([at, &path(&[name])].concat(), problem, remedy));
        }
    }
    if vars.len() > VARIABLES_MAX {
        let problem =
            format!("{} variables, and the free plan takes {VARIABLES_MAX} with the secrets", vars.len());
        found.push(Finding::warning(at.to_vec(), problem, "put hooks together, or take the paid plan (128)"));
    }
    found
}

/// A variable stands where a secret should: its value would be in the repository and in the dashboard.
fn plain_secrets(
    configuration: &Configuration,
    vars: &serde_json::Map<String, Json>,
    at: &[String],
) -> Vec<Finding> {
    let named = configuration.secret_names();
    let is_secret = |name: &str| SECRETS.contains(&name) || named.contains(name);
    let plain = vars.keys().filter(|name| is_secret(name));
    plain
        .map(|name| {
            let by = configuration.hooks.values().flatten();
            let by = by.filter(|hook| hook.verify.secret_names.iter().any(|secret| secret == name));
            let hooks: Vec<&str> = by.map(|hook| hook.name.as_str()).collect();
            let problem = match hooks.as_slice() {
                [] => "a secret stands here as a plain variable".to_owned(),
                hooks => format!("the secret of {} stands here as a plain variable", hooks.join(", ")),
            };
            let remedy = format!("remove it, and run `npx wrangler secret put {name}` (locally: .dev.vars)");
            Finding::mistake([at, &path(&[name])].concat(), problem, remedy)
        })
        .collect()
}

fn tables(item: Option<&Item>) -> Vec<(&str, &dyn TableLike)> {
    let table = item.and_then(Item::as_table_like);
    let entries = table.into_iter().flat_map(TableLike::iter);
    entries.filter_map(|(name, item)| Some((name, item.as_table_like()?))).collect()
}

fn path(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}
