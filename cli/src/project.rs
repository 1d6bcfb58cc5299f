//! Where things are in a project.

use anyhow::{Result, bail};
use serde_json::{Map, Value};

use crate::config_file::ConfigFile;
use crate::host::Host;

/// The folder with the dashboard, in this repository.
pub const DASHBOARD_FOLDER: &str = "build/dashboard";

/// The folder with the dashboard, in a project that has the package.
const PACKAGED_DASHBOARD_FOLDER: &str = "node_modules/seedhook/dashboard";

/// The Worker's module, in such a project.
pub(crate) const PACKAGED_MAIN: &str = "node_modules/seedhook/worker/index.js";

/// The folder with the dashboard that belongs to the Worker of a configuration.
pub(crate) fn dashboard_folder(root: &Map<String, Value>) -> &'static str {
    if packaged_main(root).is_some() { PACKAGED_DASHBOARD_FOLDER } else { DASHBOARD_FOLDER }
}

/// The Worker's module, where it is the package's.
fn packaged_main(root: &Map<String, Value>) -> Option<&str> {
    let main = root.get("main").and_then(Value::as_str)?;
    main.trim_start_matches("./").starts_with("node_modules/").then_some(main)
}

/// # Errors
/// When no Worker is named, or the package's is not there.
pub(crate) fn must_be_installed(host: &impl Host, file: &ConfigFile) -> Result<()> {
    match packaged_main(&file.root) {
        Some(main) if host.entry(&file.beside(main)).is_none() => {
            bail!("{main} is not there: run `npm install` in the folder of {}", file.path)
        }
        None if file.root.get("main").is_none() => {
            bail!("{} names no Worker: write main = \"{PACKAGED_MAIN}\"", file.path)
        }
        _ => Ok(()),
    }
}
