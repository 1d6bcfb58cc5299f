//! The dashboard: the files in `build/dashboard/` that the Worker's `[assets]` serve, and `openapi.json` beside them.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use seedhook_cli::project::DASHBOARD_FOLDER;

use super::fingerprint::Fingerprint;
use crate::setup::Tools;
use crate::{command, project};

/// The folder that is served.
pub(crate) const FOLDER: &str = DASHBOARD_FOLDER;

/// The script that builds it, with esbuild.
const SCRIPT: &str = "dashboard/build.mjs";

/// The description of the HTTP API, which is served with it.
const OPENAPI: &str = "openapi.json";

/// The packages whose code is in the script, and the file with their licences, which ask to be passed on with it.
const BUNDLED: &[&str] = &["preact", "@preact/signals", "@preact/signals-core"];
const LICENCES: &str = "licences.txt";

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
    fs::write(project::path(FOLDER).join(LICENCES), licences()?)?;
    if project::path(OPENAPI).exists() {
        fs::copy(project::path(OPENAPI), project::path(FOLDER).join(OPENAPI))
            .with_context(|| format!("{OPENAPI} cannot be copied to {FOLDER}"))?;
    }
    fingerprint.store()
}

fn licences() -> Result<String> {
    let read = |package: &&str| {
        let file = project::path(&format!("node_modules/{package}/LICENSE"));
        let text = fs::read_to_string(file).with_context(|| format!("{package} has no licence"))?;
        Ok(format!("{package}\n\n{}\n", text.trim()))
    };
    Ok(BUNDLED.iter().map(read).collect::<Result<Vec<_>>>()?.join("\n"))
}
