//! A program that `cargo install` compiles, at one version, in a cache folder of its own.
//!
//! A program of that version in the cache or on the PATH is used as it is, and never replaced.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{cache, versions};
use crate::command::{self, executable};

/// A crate whose programs we use.
#[derive(Debug)]
pub(crate) struct CargoTool {
    package: &'static str,
    version: String,
    /// The programs that we use. The first one is asked for its version.
    programs: &'static [&'static str],
    /// Whether to use the crate's own lock file. Not for wasm-bindgen-cli: it once locked a crate that a registry
    /// did not have yet.
    locked: bool,
    /// About how long it compiles.
    minutes: u32,
}

impl CargoTool {
    /// cargo-deny, which checks the dependencies.
    pub(crate) fn cargo_deny() -> Self {
        let version = versions::CARGO_DENY.to_owned();
        Self { package: "cargo-deny", version, programs: &["cargo-deny"], locked: true, minutes: 4 }
    }

    /// wasm-bindgen's programs, at the version that Cargo.lock has of the library: the two must be equal.
    pub(super) fn wasm_bindgen() -> Result<Self> {
        let id = command::output(&mut command::cargo(&["pkgid", "--locked", "wasm-bindgen"]))?;
        let (_, version) = id.rsplit_once('@').with_context(|| format!("`{id}` has no version"))?;
        Ok(Self {
            package: "wasm-bindgen-cli",
            version: version.to_owned(),
            programs: &["wasm-bindgen", "wasm-bindgen-test-runner"],
            locked: false,
            minutes: 2,
        })
    }

    /// The folder that has the programs, after installing them if they are missing.
    pub(crate) fn ready(&self) -> Result<PathBuf> {
        let root = cache::folder()?.join(format!("{}-{}", self.package, self.version));
        let folder = root.join("bin");
        if self.is_in(&folder) {
            return Ok(folder);
        }
        if let Some(folder) = self.folder_on_path() {
            return Ok(folder);
        }
        self.install(&root)?;
        if !self.is_in(&folder) {
            bail!("{} {} has no {}", self.package, self.version, self.programs.join(" and "));
        }
        Ok(folder)
    }

    fn is_in(&self, folder: &Path) -> bool {
        self.programs.iter().all(|name| folder.join(executable(name)).is_file())
    }

    /// The folder on the PATH that has the programs, if they have the right version.
    fn folder_on_path(&self) -> Option<PathBuf> {
        let program = command::on_path(&executable(self.programs.first()?))?;
        let version = command::output(Command::new(&program).arg("--version")).ok()?;
        let folder = program.parent()?;
        let is_right = version.split_whitespace().last() == Some(self.version.as_str());
        (is_right && self.is_in(folder)).then(|| folder.to_path_buf())
    }

    fn install(&self, root: &Path) -> Result<()> {
        println!("installing {} {} (about {} minutes, once)", self.package, self.version, self.minutes);
        let mut install = command::cargo(&["install", "--quiet", self.package, "--version", &self.version]);
        install.arg("--root").arg(root);
        if self.locked {
            install.arg("--locked");
        }
        // The caller's target folder would be filled with the tool's crates, and locked for other builds.
        install.env_remove("CARGO_TARGET_DIR").env_remove("CARGO_BUILD_TARGET").env_remove("RUSTFLAGS");
        command::output(&mut install).with_context(|| format!("{} could not be installed", self.package))?;
        println!("installed {} {}", self.package, self.version);
        Ok(())
    }
}
