//! The npm packages of package-lock.json, in `node_modules`.
//!
//! It installs exactly what the lock file says and never changes that.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Node;
use crate::{command, project};

/// Runs `npm ci` when `node_modules` is missing or older than the lock file.
pub(super) fn ready(node: &Node) -> Result<()> {
    // npm writes this file last: without it an installation was not finished.
    let installed = modified(&project::path("node_modules/.package-lock.json"));
    if installed.is_some() && installed >= modified(&project::path("package-lock.json")) {
        return Ok(());
    }
    println!("installing npm packages (half a minute, once)");
    let mut npm = command()?;
    npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).env("PATH", node.path()?);
    let ended = command::output(npm.current_dir(project::root()));
    ended.map(drop).context("the npm packages could not be installed")
}

/// npm itself.
pub(super) fn command() -> Result<Command> {
    let name = if cfg!(windows) { "npm.cmd" } else { "npm" };
    match command::on_path(name) {
        Some(program) => Ok(Command::new(program)),
        None => bail!("npm is not installed; it comes with Node: https://nodejs.org"),
    }
}

/// wrangler's script, to be run with Node.
pub(crate) fn wrangler() -> PathBuf {
    project::path("node_modules/wrangler/bin/wrangler.js")
}

/// esbuild's program: the real one, or the script that looks for it.
pub(crate) fn esbuild() -> PathBuf {
    let system = match env::consts::OS {
        "macos" => "darwin",
        "windows" => "win32",
        other => other,
    };
    let machine = match env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let folder = project::path("node_modules/@esbuild").join(format!("{system}-{machine}"));
    let program = if cfg!(windows) { folder.join("esbuild.exe") } else { folder.join("bin/esbuild") };
    if program.is_file() { program } else { script("esbuild") }
}

/// wasm-opt: binaryen for Node, a script.
pub(crate) fn wasm_opt() -> PathBuf {
    script("wasm-opt")
}

fn script(name: &str) -> PathBuf {
    let suffix = if cfg!(windows) { ".cmd" } else { "" };
    project::path("node_modules/.bin").join(format!("{name}{suffix}"))
}

fn modified(file: &Path) -> Option<std::time::SystemTime> {
    fs::metadata(file).ok()?.modified().ok()
}
