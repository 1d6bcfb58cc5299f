//! One set of variables and bindings: the file's own, or an environment's, which inherits none of them.
//!
//! It finds what is there and judges nothing.

use seedhook::config::Configuration;
use serde_json::{Map, Value as Json};
use toml_edit::{Item, Table, TableLike};

use super::values;

/// What an environment must have of its own.
const KEPT: &[&str] = &["vars", "kv_namespaces", "r2_buckets"];

/// See above.
pub(super) struct Scope<'a> {
    /// Where it stands: nowhere, or below `env` and its name.
    pub(super) path: Vec<String>,
    /// Its table.
    pub(super) table: &'a dyn TableLike,
    /// Its variables, as the Worker sees them.
    pub(super) vars: Option<Map<String, Json>>,
    /// What they say.
    pub(super) configuration: Configuration,
}

impl<'a> Scope<'a> {
    /// The file's own, and each environment's that has something of its own.
    pub(super) fn all(root: &'a Table) -> Vec<Self> {
        let own = environments(root).into_iter().filter(|(_, table)| has_own(*table));
        let own = own.map(|(name, table)| Self::new(path(&["env", name]), table));
        std::iter::once(Self::new(Vec::new(), root)).chain(own).collect()
    }

    fn new(path: Vec<String>, table: &'a dyn TableLike) -> Self {
        let vars = values::read(table, "vars");
        let configuration = Configuration::read(&vars.clone().unwrap_or_default());
        Self { path, table, vars, configuration }
    }

    /// The path of something in it.
    pub(super) fn at(&self, parts: &[&str]) -> Vec<String> {
        [self.path.as_slice(), &path(parts)].concat()
    }

    /// The path of a hook's field; hooks may be split over several variables.
    pub(super) fn at_hook(&self, hook: &str, field: &[&str]) -> Vec<String> {
        let has_it = |variable: &&String| {
            let value = self.vars.as_ref().and_then(|vars| vars.get(*variable));
            variable.starts_with("HOOKS") && value.is_some_and(|hooks| hooks.get(hook).is_some())
        };
        let mut variables = self.vars.iter().flat_map(Map::keys);
        let variable = variables.find(has_it).map_or("HOOKS", String::as_str);
        self.at(&[&["vars", variable, hook], field].concat())
    }

    /// The header of a table in it, as it is written.
    pub(super) fn header(&self, name: &str) -> String {
        self.at(&[name]).join(".")
    }

    /// What stands before its hooks in the report.
    pub(super) fn label(&self) -> String {
        self.path.last().map(|name| format!("[env.{name}] ")).unwrap_or_default()
    }
}

/// The environments of a file.
pub(super) fn environments(root: &Table) -> Vec<(&str, &dyn TableLike)> {
    let table = root.get("env").and_then(Item::as_table_like);
    let entries = table.into_iter().flat_map(TableLike::iter);
    entries.filter_map(|(name, item)| Some((name, item.as_table_like()?))).collect()
}

/// Whether an environment has any of what it does not inherit.
pub(super) fn has_own(table: &dyn TableLike) -> bool {
    KEPT.iter().any(|key| table.get(key).is_some())
}

/// The tables of a list, however it is written.
pub(super) fn tables(list: Option<&Item>) -> Vec<&dyn TableLike> {
    match list {
        Some(Item::ArrayOfTables(tables)) => tables.iter().map(|table| table as &dyn TableLike).collect(),
        Some(Item::Value(value)) => {
            let items = value.as_array().into_iter().flatten();
            items.filter_map(|item| Some(item.as_inline_table()? as &dyn TableLike)).collect()
        }
        _ => Vec::new(),
    }
}

/// A path from its parts.
pub(super) fn path(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}
