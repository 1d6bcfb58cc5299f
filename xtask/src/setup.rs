//! Set-up: what the commands need beside Rust and Node is installed when it is missing.
//!
//! It touches neither `~/.cargo/bin` nor anything that is already there: tools go into a cache folder of their
//! own, by version, which all clones share; npm packages into `node_modules`.

mod cargo_tool;
mod node;
pub(crate) mod npm;
mod wasm_target;

use std::path::PathBuf;
use std::{env, thread};

use anyhow::{Context, Result, anyhow};

pub(crate) use cargo_tool::CargoTool;
pub(crate) use node::Node;

/// What building and running the Worker needs.
#[derive(Debug)]
pub(crate) struct Tools {
    /// A Node that wrangler runs on.
    pub(crate) node: Node,
    /// The folder of worker-build's command.
    pub(crate) worker_build: PathBuf,
    /// The folder of wasm-bindgen's commands, the test runner among them.
    pub(crate) wasm_bindgen: PathBuf,
}

/// Makes everything ready that building and running the Worker needs.
///
/// worker-build would fetch a ready-made wasm-bindgen from GitHub in seconds, where compiling takes two minutes,
/// once. We compile all the same: `test` needs the runner that only the compiled one brings, and so every command
/// uses the same file wherever it runs, also where GitHub is out of reach.
pub(crate) fn tools() -> Result<Tools> {
    let node = node::ready()?;
    wasm_target::ready()?;
    let worker_build = CargoTool::worker_build();
    let wasm_bindgen = CargoTool::wasm_bindgen()?;
    // The two compile side by side: most of either is spent waiting for one crate.
    let (worker_build, wasm_bindgen, packages) = thread::scope(|scope| {
        let first = scope.spawn(|| worker_build.ready());
        let second = scope.spawn(|| wasm_bindgen.ready());
        let packages = npm::ready(&node);
        (first.join(), second.join(), packages)
    });
    packages?;
    let ended = |_| anyhow!("an installation ended unexpectedly");
    Ok(Tools {
        node,
        worker_build: worker_build.map_err(ended)??,
        wasm_bindgen: wasm_bindgen.map_err(ended)??,
    })
}

/// The folder that keeps what we install, by version, for all clones.
fn cache() -> Result<PathBuf> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = variable("SEEDHOOK_CACHE") {
        return std::path::absolute(folder).context("SEEDHOOK_CACHE is no path");
    }
    let base = variable("XDG_CACHE_HOME")
        .or_else(|| variable("LOCALAPPDATA").filter(|_| cfg!(windows)))
        .or_else(|| Some(env::home_dir()?.join(".cache")));
    let base = base.context("there is no home folder; say where to keep tools in SEEDHOOK_CACHE")?;
    Ok(base.join("seedhook"))
}

/// A program's file name on this system.
fn executable(name: &str) -> String {
    format!("{name}{}", env::consts::EXE_SUFFIX)
}
