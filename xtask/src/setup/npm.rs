//! The npm packages of package-lock.json, in `node_modules`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result};

use super::node::{Node, npm};
use crate::{command, project};

/// The npm command, with the Node that our other programs run on.
pub(crate) fn command(node: &Node) -> Result<Command> {
    let mut npm = npm()?;
    npm.env("PATH", node.path()?).current_dir(project::root());
    Ok(npm)
}

/// Runs `npm ci` when `node_modules` is missing or older than the lock file.
pub(super) fn install(node: &Node) -> Result<()> {
    // npm writes this file last: if it is missing, the installation did not finish.
    let installed = modified(&project::path("node_modules/.package-lock.json"));
    if installed.is_some() && installed >= modified(&project::path("package-lock.json")) {
        return Ok(());
    }
    println!("installing npm packages (half a minute, once)");
    let mut npm = command(node)?;
    command::output(npm.arg("ci")).map(drop).context("the npm packages could not be installed")
}

/// The path of wrangler's script, which Node runs.
pub(crate) fn wrangler() -> PathBuf {
    project::path("node_modules/wrangler/bin/wrangler.js")
}

/// The path of a package's command. Most are scripts that find Node on the PATH.
pub(crate) fn program(name: &str) -> PathBuf {
    let suffix = if cfg!(windows) { ".cmd" } else { "" };
    project::path("node_modules/.bin").join(format!("{name}{suffix}"))
}

/// One of our own scripts in package.json.
pub(crate) fn script(node: &Node, name: &str) -> Result<Command> {
    let mut npm = command(node)?;
    npm.args(["run", "--silent", name]);
    Ok(npm)
}

fn modified(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).ok()?.modified().ok()
}
