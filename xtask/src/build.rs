//! `cargo xtask build`: the release Worker, in `build/`.
//!
//! It builds and nothing else: no configuration is read, nothing is deployed. wrangler calls it too, before
//! `dev` and `deploy` (`[build]` in wrangler.toml), so it keeps quiet and quick when nothing has changed.

mod memory;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use lexopt::Arg;
use sha2::{Digest, Sha256};

use crate::setup::{self, Tools, npm};
use crate::{command, help, pins, project};

const HELP: &str = "\
cargo xtask build [--force]

Builds the release Worker: build/index.js and build/index_bg.wasm, which may take 128 MiB of memory, as much as a
Cloudflare isolate has. Where neither the sources nor the result have changed since the last time, it says so and
stops.

  --force    build in any case
";

/// What the Worker is made of. All else in the project can change without a new build.
const SOURCES: &[&str] = &["src", "Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "package-lock.json"];

/// The most wasm memory of the deployed Worker, MiB: what a Cloudflare isolate has. The isolate holds JavaScript objects
/// and streams too, so this takes nothing away from a deployed Worker; it makes a local one, whose isolate nobody
/// limits, fail where a deployed one would.
const MEMORY_MIB: u32 = 128;

/// The most wasm memory of the Worker of the end-to-end test with hostile requests, MiB: what it must live with.
const MEMORY_MIB_HOSTILE: u32 = 96;

/// Where the Worker of that test is. It is the same build with another maximum.
const HOSTILE: &str = "build/memory-96-mib";

/// What a build leaves.
const RESULTS: &[&str] = &[SCRIPT, WASM];
const SCRIPT: &str = "build/index.js";
const WASM: &str = "build/index_bg.wasm";

/// Where the fingerprint of the last build is kept: beside its result, so that both go together.
const FINGERPRINT: &str = "build/.fingerprint";

/// Reads the arguments and builds.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    let mut force = false;
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(help(HELP)),
            Arg::Long("force") => force = true,
            other => return Err(other.unexpected().into()),
        }
    }
    worker(&setup::tools()?, force)?;
    Ok(ExitCode::SUCCESS)
}

/// Builds the Worker, unless it is up to date.
pub(crate) fn worker(tools: &Tools, force: bool) -> Result<()> {
    // Taken before the build: what changes while it runs is then built the next time.
    let sources = fingerprint(SOURCES)?;
    let up_to_date = |last: String| anyhow::Ok(last == format!("{sources} {}", fingerprint(RESULTS)?));
    let last = fs::read_to_string(project::path(FINGERPRINT)).ok();
    if !force && last.map_or(Ok(false), up_to_date)? {
        println!("the Worker in build/ is up to date");
        return Ok(());
    }
    let mut build = Command::new(tools.worker_build.join("worker-build"));
    build.arg("--release").current_dir(project::root());
    // With these three it downloads nothing; wasm-opt is a script and looks for Node by name.
    build.env("WASM_BINDGEN_BIN", tools.wasm_bindgen.join("wasm-bindgen"));
    build.env("WASM_OPT_BIN", npm::wasm_opt());
    build.env("ESBUILD_BIN", npm::esbuild());
    build.env("PATH", tools.node.path()?);
    // A sender that hangs up before its answer must not stop a delivery between its claim and its record.
    build.env("RUN_TO_COMPLETION", "1");
    command::run(&mut build)?;
    let wasm = project::path(WASM);
    let module = fs::read(&wasm).with_context(|| format!("{WASM} was not made"))?;
    let module = memory::with_maximum(&module, MEMORY_MIB).with_context(|| WASM.to_owned())?;
    fs::write(&wasm, module).with_context(|| format!("{WASM} cannot be written"))?;
    fs::write(project::path(FINGERPRINT), format!("{sources} {}", fingerprint(RESULTS)?))?;
    for file in RESULTS {
        let bytes = fs::metadata(project::path(file)).with_context(|| format!("{file} was not made"))?.len();
        println!("{file}: {} KB", bytes / 1000);
    }
    Ok(())
}

/// Builds the Worker, unless it is up to date, and puts a copy of it with less memory beside it.
pub(crate) fn worker_and_hostile(tools: &Tools) -> Result<()> {
    worker(tools, false)?;
    let module = fs::read(project::path(WASM)).with_context(|| format!("{WASM} cannot be read"))?;
    let module = memory::with_maximum(&module, MEMORY_MIB_HOSTILE).with_context(|| WASM.to_owned())?;
    let folder = project::path(HOSTILE);
    fs::create_dir_all(&folder).with_context(|| format!("{HOSTILE} cannot be made"))?;
    fs::write(folder.join("index_bg.wasm"), module)?;
    fs::copy(project::path(SCRIPT), folder.join("index.js"))?;
    Ok(())
}

/// A hash of some files, the pinned builder and the memory. Of contents, not times: a checkout changes times.
fn fingerprint(places: &[&str]) -> Result<String> {
    let mut files = Vec::new();
    for place in places {
        collect(&project::path(place), &mut files)?;
    }
    files.sort();
    let mut hash = Sha256::new();
    hash.update(pins::WORKER_BUILD);
    hash.update(MEMORY_MIB.to_le_bytes());
    for file in files {
        let bytes = fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        // Name and length delimit, so that no two different trees look alike.
        hash.update(file.to_string_lossy().as_bytes());
        hash.update(bytes.len().to_le_bytes());
        hash.update(&bytes);
    }
    Ok(base16ct::lower::encode_string(&hash.finalize()))
}

/// All files at or below a place; none where nothing is.
fn collect(place: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if place.is_dir() {
        for entry in fs::read_dir(place)? {
            collect(&entry?.path(), files)?;
        }
    } else if place.exists() {
        files.push(place.to_path_buf());
    }
    Ok(())
}
