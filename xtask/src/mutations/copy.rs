//! A copy of the sources in which every mutation stands behind a switch, and the simulation built from it.
//!
//! It writes below `target/` and `build/` alone.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::catalog::{self, Mutation};
use crate::command::{self, cargo};
use crate::project;

/// Where the copy is, from the project's root. Not below `target/`: cargo would look for changes of the members that it shares with the
/// project in the copy alone.
const FOLDER: &str = "build/mutations";

/// What cargo needs to build the simulation; of the other members of the workspace it reads the manifests.
const SOURCES: &[&str] = &["Cargo.toml", "Cargo.lock", "cli", "crates", "src", "tests", "xtask"];

/// The variable of [`SWITCH`]: the number of the active mutation.
pub(super) const ACTIVE: &str = "SEEDHOOK_MUTATION";

/// The copy is not linted: a switch has parentheses too many, and leaves code without use.
const NO_LINTS: &str = "#![allow(warnings)]\n";

/// What the edits call. A process has one mutation at the most, so that the variable is read once.
const SWITCH: &str = r#"
pub(crate) mod mutation {
    static ACTIVE: std::sync::LazyLock<Option<usize>> =
        std::sync::LazyLock::new(|| std::env::var("SEEDHOOK_MUTATION").ok()?.parse().ok());

    pub(crate) fn is_active(number: usize) -> bool {
        *ACTIVE == Some(number)
    }
}
"#;

/// The Worker's library is a `cdylib` too. Cargo gives a file with one a name without a hash, so that those of the copy
/// and of the project would replace each other in the target folder that they share.
const LIBRARY: (&str, &str) = (r#"crate-type = ["cdylib", "rlib"]"#, r#"crate-type = ["rlib"]"#);

/// The copy's folder.
pub(super) fn folder() -> PathBuf {
    project::path(FOLDER)
}

/// Brings the copy up to date with the project's sources and the mutations. A file that stays the same keeps its time,
/// so that cargo builds only what changed.
pub(super) fn update(mutations: &[Mutation]) -> Result<()> {
    let root = project::root();
    let mut files = BTreeMap::new();
    for source in SOURCES {
        collect(&root, Path::new(source), &mut files)?;
    }
    for (file, text) in catalog::mutated(&root, mutations)? {
        files.insert(PathBuf::from(file), text.into_bytes());
    }
    let manifest = text(&files, "Cargo.toml")?;
    if !manifest.contains(LIBRARY.0) {
        bail!("Cargo.toml does not say `{}`", LIBRARY.0);
    }
    let manifest = manifest.replace(LIBRARY.0, LIBRARY.1);
    let library = format!("{NO_LINTS}{}{SWITCH}", text(&files, "src/lib.rs")?);
    files.insert("Cargo.toml".into(), manifest.into_bytes());
    files.insert("src/lib.rs".into(), library.into_bytes());
    write(&folder(), &files)
}

/// Makes `copy` hold these files, with these bytes, and no others.
fn write(copy: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    let mut old = BTreeMap::new();
    fs::create_dir_all(copy)?;
    collect(copy, Path::new(""), &mut old)?;
    for file in old.keys().filter(|file| !files.contains_key(*file)) {
        fs::remove_file(copy.join(file))?;
    }
    for (file, bytes) in files.iter().filter(|(file, bytes)| old.get(*file) != Some(*bytes)) {
        let file = copy.join(file);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&file, bytes).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    Ok(())
}

/// Builds the simulation of the copy; the path of its program. The target folder is the project's, and the packages
/// are those of `cargo test --workspace`, so that dependencies are compiled once, with the same features.
pub(super) fn build() -> Result<PathBuf> {
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| project::path("target").into());
    let mut build = cargo(&["test", "--no-run", "--locked", "--workspace", "--test", "simulation"]);
    build.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    build.current_dir(folder()).env("CARGO_TARGET_DIR", target);
    let messages = command::output(&mut build).context("the sources with all mutations do not compile")?;
    let program = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| program(&message));
    program.context("cargo names no program of the simulation")
}

/// The program that a message of cargo names, if it is the simulation.
fn program(message: &Value) -> Option<PathBuf> {
    let is_simulation = message.pointer("/target/name")?.as_str()? == "simulation";
    let program = message.get("executable")?.as_str().map(PathBuf::from);
    program.filter(|_| is_simulation)
}

fn text<'a>(files: &'a BTreeMap<PathBuf, Vec<u8>>, name: &str) -> Result<&'a str> {
    let bytes = files.get(Path::new(name)).with_context(|| format!("{name} does not exist"))?;
    std::str::from_utf8(bytes).with_context(|| format!("{name} is not UTF-8"))
}

/// Reads a file, or all files of a folder, below `root`; their paths are relative to it.
fn collect(root: &Path, path: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    let full = root.join(path);
    if full.is_dir() {
        for entry in fs::read_dir(&full)? {
            collect(root, &path.join(entry?.file_name()), files)?;
        }
    } else {
        let bytes = fs::read(&full).with_context(|| format!("{} cannot be read", full.display()))?;
        files.insert(path.to_path_buf(), bytes);
    }
    Ok(())
}
