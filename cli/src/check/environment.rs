//! An environment of the configuration: the top level of the file, or a table below `env`, which inherits no variables and
//! no bindings.

use seedhook::config::Configuration;
use serde_json::{Map, Value as Json};

/// The keys that an environment does not inherit.
const NOT_INHERITED: &[&str] = &["vars", "kv_namespaces", "r2_buckets"];

/// A table of the file.
pub(super) type Table = Map<String, Json>;

/// An environment and its variables.
pub(super) struct Environment<'a> {
    /// The keys that lead to it: none, or `env` and its name.
    pub(super) path: Vec<String>,
    /// Its table in the file.
    pub(super) table: &'a Table,
    /// Its variables, as the Worker gets them.
    pub(super) vars: Option<&'a Table>,
    /// The configuration that the Worker reads from them.
    pub(super) configuration: Configuration,
}

impl<'a> Environment<'a> {
    /// The top level, and each named environment that has variables or bindings.
    pub(super) fn all(root: &'a Table) -> Vec<Self> {
        let own = named(root).into_iter().filter(|(_, table)| has_own(table));
        let own = own.map(|(name, table)| Self::new(path(&["env", name]), table));
        std::iter::once(Self::new(Vec::new(), root)).chain(own).collect()
    }

    fn new(path: Vec<String>, table: &'a Table) -> Self {
        let vars = table.get("vars").and_then(Json::as_object);
        let configuration = Configuration::read(vars.unwrap_or(&Map::new()));
        Self { path, table, vars, configuration }
    }

    /// The path of a key in it.
    pub(super) fn at(&self, parts: &[&str]) -> Vec<String> {
        [self.path.as_slice(), &path(parts)].concat()
    }

    /// The path of a hook's field, in the variable that has the hook: `HOOKS`, `HOOKS_2`, …
    pub(super) fn at_hook(&self, hook: &str, field: &[&str]) -> Vec<String> {
        let has_it = |variable: &&String| {
            let value = self.vars.and_then(|vars| vars.get(*variable));
            variable.starts_with("HOOKS") && value.is_some_and(|hooks| hooks.get(hook).is_some())
        };
        let mut variables = self.vars.into_iter().flat_map(Map::keys);
        let variable = variables.find(has_it).map_or("HOOKS", String::as_str);
        self.at(&[&["vars", variable, hook], field].concat())
    }

    /// The header of a table in it, as TOML has it.
    pub(super) fn header(&self, name: &str) -> String {
        self.at(&[name]).join(".")
    }

    /// The text before its hooks in the report.
    pub(super) fn label(&self) -> String {
        self.path.last().map(|name| format!("[env.{name}] ")).unwrap_or_default()
    }
}

/// The named environments of a file.
pub(super) fn named(root: &Table) -> Vec<(&str, &Table)> {
    let table = root.get("env").and_then(Json::as_object);
    let entries = table.into_iter().flatten();
    entries.filter_map(|(name, item)| Some((name.as_str(), item.as_object()?))).collect()
}

/// Whether an environment has variables or bindings.
pub(super) fn has_own(table: &Table) -> bool {
    NOT_INHERITED.iter().any(|key| table.get(*key).is_some())
}

/// The tables of a list.
pub(super) fn tables(list: Option<&Json>) -> Vec<&Table> {
    list.and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_object).collect()
}

/// A path from its parts.
pub(super) fn path(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}
