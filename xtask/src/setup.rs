//! Installs what the commands need beside Rust and Node.
//!
//! Tools go into a cache folder, by version, that all clones share; npm packages go into `node_modules`. Nothing else
//! is changed, but that rustup adds the wasm32 target to the toolchain.

pub(crate) mod browser;
mod cache;
mod cargo_tool;
mod node;
pub(crate) mod npm;
pub(crate) mod versions;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{command, project};
pub(crate) use cargo_tool::CargoTool;
pub(crate) use node::Node;

/// The target that the Worker is compiled for.
pub(crate) const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// The tools that build and run the Worker.
#[derive(Debug)]
pub(crate) struct Tools {
    /// A Node that is new enough for wrangler.
    pub(crate) node: Node,
    /// The folder of the `wasm-bindgen` and `wasm-bindgen-test-runner` programs.
    pub(crate) wasm_bindgen: PathBuf,
}

/// Installs the tools that are missing, and returns where all of them are.
pub(crate) fn tools() -> Result<Tools> {
    let node = Node::ready()?;
    add_wasm_target()?;
    // Compiled and not downloaded: only a compiled one comes with the test runner, and GitHub may be out of reach.
    let wasm_bindgen = CargoTool::wasm_bindgen()?.ready()?;
    npm::install(&node)?;
    Ok(Tools { node, wasm_bindgen })
}

/// Adds wasm32's standard library where it is missing. rust-toolchain.toml asks for it too, but rustup ignores that
/// when `RUSTUP_AUTO_INSTALL` is 0.
fn add_wasm_target() -> Result<()> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", WASM_TARGET]).current_dir(project::root());
    // A Rust from a Linux distribution may have the library and no rustup.
    if PathBuf::from(command::output(&mut rustc)?).is_dir() {
        return Ok(());
    }
    println!("adding the Rust target {WASM_TARGET} (some seconds, once)");
    let mut rustup = Command::new("rustup");
    command::run(rustup.args(["target", "add", WASM_TARGET]).current_dir(project::root())).with_context(
        || format!("Rust cannot compile for {WASM_TARGET}; install rustup from https://rustup.rs"),
    )
}
