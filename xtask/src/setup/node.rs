//! Node and npm: the machine's, or a newer Node from npm when the machine's is too old for wrangler.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::cache;
use super::versions::{NODE_FALLBACK, NODE_MIN};
use crate::command::{self, executable};

/// A Node that is new enough for wrangler.
#[derive(Debug)]
pub(crate) struct Node {
    /// The path of its program.
    pub(crate) program: PathBuf,
}

impl Node {
    /// Finds it, or installs it into the cache.
    pub(crate) fn ready() -> Result<Self> {
        let (major, minor) = NODE_MIN;
        let Some(program) = command::on_path(&executable("node")) else {
            bail!("Node is not installed: install {major}.{minor} or newer from https://nodejs.org");
        };
        let found = version(&program)?;
        if is_new_enough(&found) {
            return Ok(Self { program });
        }
        let root = cache::folder()?.join(format!("node-{NODE_FALLBACK}"));
        // Not the link in node_modules/.bin: on Windows that is a script.
        let program = root.join("node_modules/node/bin").join(executable("node"));
        let must = format!("install Node {major}.{minor} or newer from https://nodejs.org");
        if !program.is_file() {
            println!(
                "Node {found} is older than {major}.{minor}, which wrangler needs: \
                 installing {NODE_FALLBACK} from npm (half a minute, once)"
            );
            install(&root).context(must.clone())?;
        }
        version(&program)
            .context(format!("npm's Node {NODE_FALLBACK} does not run on this machine; {must}"))?;
        Ok(Self { program })
    }

    /// Our PATH with this Node first, for programs that find Node by its name.
    pub(crate) fn path(&self) -> Result<OsString> {
        command::path_with(self.program.parent().unwrap_or(Path::new("")))
    }
}

/// The npm command.
pub(super) fn npm() -> Result<Command> {
    let name = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let program = command::on_path(name);
    let program = program.context("npm is not installed: it comes with Node, from https://nodejs.org")?;
    let mut npm = Command::new(program);
    npm.args(["--no-audit", "--no-fund", "--loglevel=error"]);
    Ok(npm)
}

fn install(root: &Path) -> Result<()> {
    fs::create_dir_all(root).with_context(|| format!("{} cannot be created", root.display()))?;
    let mut npm = npm()?;
    npm.args(["install", "--no-save", "--no-package-lock", "--prefix"]).arg(root);
    // The package's install script downloads the program for this machine.
    npm.args(["--ignore-scripts=false", &format!("node@{NODE_FALLBACK}")]);
    command::output(&mut npm).map(drop)
}

fn version(program: &Path) -> Result<String> {
    let printed = command::output(Command::new(program).arg("--version"))?;
    Ok(printed.trim_start_matches('v').to_owned())
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

    /// The package has no part of ours, so that its command line has the versions again.
    #[test]
    fn the_package_needs_and_fetches_the_same_node() {
        let folder = crate::project::path("cli/npm");
        let scripts = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let scripts = scripts.filter(|path| path.extension().is_some_and(|end| end == "mjs"));
        let text: String = scripts.map(|path| fs::read_to_string(path).unwrap()).collect();
        let (major, minor) = NODE_MIN;
        for (name, value) in
            [("NODE_MIN", format!("[{major}, {minor}]")), ("NODE_FALLBACK", format!("\"{NODE_FALLBACK}\""))]
        {
            let set: Vec<&str> = text
                .lines()
                .filter_map(|line| line.split_once(&format!("const {name} = ")))
                .map(|(_, it)| it)
                .collect();
            assert_eq!(set, [format!("{value};")], "{name} in cli/npm");
        }
    }
}
