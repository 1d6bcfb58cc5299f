//! The Node that wrangler runs on: the machine's, or a newer one from npm where that is too old.
//!
//! It changes nothing outside our cache folder.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{cache, executable};
use crate::command;
use crate::pins::{NODE_FALLBACK, NODE_MIN};

/// A Node that is new enough.
#[derive(Debug)]
pub(crate) struct Node {
    /// Its program.
    pub(crate) program: PathBuf,
}

impl Node {
    /// Our PATH with this Node first, for programs that look it up by name.
    pub(crate) fn path(&self) -> Result<OsString> {
        command::path_with(self.program.parent().unwrap_or(Path::new("")))
    }
}

/// Finds or installs it.
pub(super) fn ready() -> Result<Node> {
    let (major, minor) = NODE_MIN;
    let Some(program) = command::on_path(&executable("node")) else {
        bail!("Node is not installed: get {major}.{minor} or newer from https://nodejs.org");
    };
    let told = version(&program)?;
    if is_new_enough(&told) {
        return Ok(Node { program });
    }
    let root = cache()?.join(format!("node-{NODE_FALLBACK}"));
    // Not the link in node_modules/.bin: only the real folder serves as a PATH entry on every system.
    let program = root.join("node_modules/node/bin").join(executable("node"));
    if !program.is_file() {
        println!(
            "Node {told} is older than {major}.{minor}: installing {NODE_FALLBACK} from npm (half a minute, once)"
        );
        install(&root)?;
    }
    let told = version(&program).unwrap_or_default();
    if !is_new_enough(&told) {
        bail!(
            "npm's Node {NODE_FALLBACK} does not run here: install {major}.{minor} or newer from https://nodejs.org"
        );
    }
    Ok(Node { program })
}

fn install(root: &Path) -> Result<()> {
    fs::create_dir_all(root).with_context(|| format!("{} cannot be made", root.display()))?;
    // npm installs into the nearest folder that has a package.json.
    fs::write(root.join("package.json"), "{\"private\":true}\n")?;
    let mut npm = super::npm::command()?;
    npm.args(["install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]);
    // Its install script is what brings the program for this machine.
    npm.args(["--ignore-scripts=false", &format!("node@{NODE_FALLBACK}")]).current_dir(root);
    command::output(&mut npm).map(drop).context("install Node yourself, from https://nodejs.org")
}

fn version(program: &Path) -> Result<String> {
    let told = command::output(Command::new(program).arg("--version"))?;
    Ok(told.trim_start_matches('v').to_owned())
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split('.').map_while(|part| part.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) => (major, minor) >= NODE_MIN,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for new in ["22.12.0", "22.13.1", "24.0.0", "100.1.2"] {
            assert!(is_new_enough(new), "{new}");
        }
        for old in ["22.11.9", "20.20.2", "9.99.0", "22", "", "nightly"] {
            assert!(!is_new_enough(old), "{old}");
        }
    }
}
