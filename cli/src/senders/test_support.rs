//! Reads the TOML of an example as the Worker would.

use seedhook::config::Configuration;
use serde_json::{Value, json};

use crate::config_file::ConfigFile;

/// The mistakes that the Worker finds in TOML: whole hooks, or some fields of one hook. Missing fields that every hook
/// needs are added.
pub(super) fn mistakes(toml: &str) -> Vec<String> {
    let is_whole = toml.lines().any(|line| line.starts_with("[vars."));
    let toml = if is_whole { toml.to_owned() } else { format!("[vars.HOOKS.my-hook]\n{toml}") };
    let mut vars = match ConfigFile::parse("w.toml", toml) {
        Ok(file) => file.variables(),
        Err(error) => return vec![error.to_string()],
    };
    let rest = json!({"workspace": "w", "database": "d", "workflow": "f", "verify": {"scheme": "none"}});
    for hook in vars.get_mut("HOOKS").and_then(Value::as_object_mut).unwrap().values_mut() {
        for (field, value) in rest.as_object().unwrap() {
            let is_place = field == "database" && hook.get("project").is_some();
            if hook.get(field).is_none() && !is_place {
                hook[field] = value.clone();
            }
        }
    }
    Configuration::read(&vars).mistakes().map(ToString::to_string).collect()
}
