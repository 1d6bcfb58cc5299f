//! The cache folder that holds installed tools, by version, for all clones of the project.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};

/// `SEEDHOOK_CACHE`, or `seedhook` in the user's cache folder.
pub(super) fn folder() -> Result<PathBuf> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = variable("SEEDHOOK_CACHE") {
        return std::path::absolute(folder).context("SEEDHOOK_CACHE is not a path");
    }
    let base = variable("XDG_CACHE_HOME")
        .or_else(|| variable("LOCALAPPDATA").filter(|_| cfg!(windows)))
        .or_else(|| Some(env::home_dir()?.join(".cache")))
        .context("there is no home folder: set SEEDHOOK_CACHE to a folder for installed tools")?;
    Ok(base.join("seedhook"))
}
