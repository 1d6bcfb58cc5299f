//! A command that `cargo install` makes, at one version, in a cache folder of its own.
//!
//! It takes what is there, in the cache or on the PATH, and never replaces it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use toml_edit::Document;

use super::{cache, executable};
use crate::{command, pins, project};

/// A crate with commands that we use.
#[derive(Debug)]
pub(crate) struct CargoTool {
    package: &'static str,
    version: String,
    /// The commands used of it; the first one is asked for its version.
    commands: &'static [&'static str],
    /// Whether its own lock file is taken. Not for wasm-bindgen-cli: one of its locked crates was once newer than
    /// what a registry had.
    locked: bool,
    minutes: u32,
}

impl CargoTool {
    /// Makes a Worker of the compiled crate.
    pub(crate) fn worker_build() -> Self {
        let version = pins::WORKER_BUILD.to_owned();
        Self { package: "worker-build", version, commands: &["worker-build"], locked: true, minutes: 3 }
    }

    /// Checks the dependencies.
    pub(crate) fn cargo_deny() -> Self {
        let version = pins::CARGO_DENY.to_owned();
        Self { package: "cargo-deny", version, commands: &["cargo-deny"], locked: true, minutes: 4 }
    }

    /// wasm-bindgen's commands, of the version that Cargo.lock has of the library: they must be equal.
    pub(crate) fn wasm_bindgen() -> Result<Self> {
        let lock = fs::read_to_string(project::path("Cargo.lock")).context("Cargo.lock cannot be read")?;
        Ok(Self {
            package: "wasm-bindgen-cli",
            version: locked_version(&lock, "wasm-bindgen")?,
            commands: &["wasm-bindgen", "wasm-bindgen-test-runner"],
            locked: false,
            minutes: 2,
        })
    }

    /// The folder that has its commands, after installing them if need be.
    pub(crate) fn ready(&self) -> Result<PathBuf> {
        let root = cache()?.join(format!("{}-{}", self.package, self.version));
        let folder = root.join("bin");
        if self.has_commands(&folder) {
            return Ok(folder);
        }
        if let Some(folder) = self.folder_on_path() {
            return Ok(folder);
        }
        self.install(&root)?;
        if !self.has_commands(&folder) {
            bail!("{} {} did not bring {}", self.package, self.version, self.commands.join(" and "));
        }
        Ok(folder)
    }

    fn has_commands(&self, folder: &Path) -> bool {
        self.commands.iter().all(|name| folder.join(executable(name)).is_file())
    }

    /// Where the PATH has it, if it has this version.
    fn folder_on_path(&self) -> Option<PathBuf> {
        let program = command::on_path(&executable(self.commands.first()?))?;
        let told = command::output(Command::new(&program).arg("--version")).ok()?;
        let folder = program.parent()?;
        let right = told.split_whitespace().last() == Some(self.version.as_str());
        (right && self.has_commands(folder)).then(|| folder.to_path_buf())
    }

    fn install(&self, root: &Path) -> Result<()> {
        println!("installing {} {} (about {} minutes, once)", self.package, self.version, self.minutes);
        fs::create_dir_all(root).with_context(|| format!("{} cannot be made", root.display()))?;
        let log = root.join("install.log");
        let output = File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
        let errors = output.try_clone()?;
        let mut install = command::cargo(&["install", self.package, "--version", &self.version]);
        install.arg("--root").arg(root).current_dir(root).stdout(output).stderr(errors);
        if self.locked {
            install.arg("--locked");
        }
        // A target folder of the caller's would be filled with the tool's crates, and wait for other builds.
        install.env_remove("CARGO_TARGET_DIR").env_remove("CARGO_BUILD_TARGET").env_remove("RUSTFLAGS");
        command::run(&mut install).map_err(|error| {
            let told = fs::read_to_string(&log).unwrap_or_default();
            let hint = if told.contains("openssl") {
                "\nIt needs OpenSSL's headers: on Debian and Ubuntu `sudo apt install pkg-config libssl-dev`."
            } else {
                ""
            };
            let last = command::last_lines(&told, 20);
            error.context(format!(
                "{} could not be installed{hint}\n{last}\n({})",
                self.package,
                log.display()
            ))
        })?;
        println!("{} {} is ready", self.package, self.version);
        Ok(())
    }
}

/// The version of a package in a Cargo.lock.
fn locked_version(lock: &str, package: &str) -> Result<String> {
    let lock = Document::parse(lock).context("Cargo.lock is not TOML")?;
    let packages = lock.get("package").and_then(|item| item.as_array_of_tables());
    let text = |table: &toml_edit::Table, key: &str| Some(table.get(key)?.as_str()?.to_owned());
    let found = packages.into_iter().flatten().find(|table| text(table, "name").as_deref() == Some(package));
    found.and_then(|table| text(table, "version")).with_context(|| format!("Cargo.lock has no {package}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_lock_files() {
        let lock = "[[package]]\nname = \"wasm\"\nversion = \"1.0.0\"\n[[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(locked_version(lock, "wasm-bindgen").unwrap(), "0.2.130");
        assert!(locked_version(lock, "worker").unwrap_err().to_string().contains("has no worker"));
    }
}
