//! Where things are in a project.

use anyhow::{Result, bail};
use serde_json::Value;

use crate::config_file::ConfigFile;
use crate::host::Host;

/// The folder with the dashboard, in this repository; in a project of the package it is in `node_modules`.
pub const DASHBOARD_FOLDER: &str = "build/dashboard";

/// # Errors
/// When the Worker of the package is not there.
pub(crate) fn must_be_installed(host: &impl Host, file: &ConfigFile) -> Result<()> {
    let main = file.root.get("main").and_then(Value::as_str).filter(|main| main.starts_with("node_modules/"));
    match main {
        Some(main) if host.entry(&file.beside(main)).is_none() => {
            bail!("{main} is not there: run `npm install` in the folder of {}", file.path)
        }
        _ => Ok(()),
    }
}
