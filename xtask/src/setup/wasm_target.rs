//! The standard library for wasm32, which the Worker is compiled with.
//!
//! It adds that and nothing else to the toolchain.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::command;
use crate::pins::WASM_TARGET;
use crate::project;

/// Adds the target where it is missing.
pub(super) fn ready() -> Result<()> {
    if is_present()? {
        return Ok(());
    }
    if command::on_path(&super::executable("rustup")).is_none() {
        bail!(
            "Rust here cannot compile for {WASM_TARGET}, and rustup, which could add that, is not installed: \
             https://rustup.rs"
        );
    }
    println!("adding the Rust target {WASM_TARGET} (some seconds, once)");
    // A `targets` line in rust-toolchain.toml is not enough: with RUSTUP_AUTO_INSTALL=0 it installs nothing.
    let mut add = Command::new("rustup");
    command::run(add.args(["target", "add", WASM_TARGET]).current_dir(project::root()))
}

/// Whether the library itself is there: a distribution's Rust may have it without rustup.
fn is_present() -> Result<bool> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", WASM_TARGET]).current_dir(project::root());
    let folder = PathBuf::from(command::output(&mut rustc)?);
    let Ok(entries) = folder.read_dir() else { return Ok(false) };
    Ok(entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-")))
}
