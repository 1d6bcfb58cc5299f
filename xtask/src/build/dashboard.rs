//! The dashboard: the files in `build/dashboard/` that the Worker's `[assets]` serve, and `openapi.json` beside them.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use super::fingerprint::Fingerprint;
use crate::setup::Tools;
use crate::{command, project};

/// The folder that is served.
pub(crate) const FOLDER: &str = "build/dashboard";

/// The script that builds it, with esbuild.
const SCRIPT: &str = "dashboard/build.mjs";

/// The description of the HTTP API, which is served with it.
const OPENAPI: &str = "openapi.json";

/// The files and folders that it is built from.
const SOURCES: &[&str] = &["dashboard", OPENAPI, "package-lock.json", "xtask/src/build/dashboard.rs"];

/// Not in the folder, which is public.
const FINGERPRINT: &str = "build/.dashboard-fingerprint";

/// Builds the dashboard unless it is up to date. `force` builds it in any case.
pub(super) fn build(tools: &Tools, force: bool) -> Result<()> {
    let fingerprint = Fingerprint::before(FINGERPRINT, SOURCES, &[FOLDER], 0)?;
    if !force && fingerprint.is_current()? {
        println!("the dashboard in {FOLDER}/ is up to date");
        return Ok(());
    }
    let mut build = Command::new(&tools.node.program);
    build.arg(SCRIPT).env("PATH", tools.node.path()?).current_dir(project::root());
    command::run(&mut build).context("the dashboard cannot be built")?;
    if project::path(OPENAPI).exists() {
        fs::copy(project::path(OPENAPI), project::path(FOLDER).join(OPENAPI))
            .with_context(|| format!("{OPENAPI} cannot be copied to {FOLDER}"))?;
    }
    fingerprint.store()
}
