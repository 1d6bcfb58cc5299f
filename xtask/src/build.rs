//! `cargo xtask build`: the release Worker and its dashboard, in `build/`.
//!
//! wrangler runs it before `dev` and `deploy` (`[build]` in wrangler.toml), so it must be quick when nothing changed.

pub(crate) mod dashboard;
mod fingerprint;
mod machine;
mod memory;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use anyhow::{Context, Result};
use lexopt::Arg;

use crate::command::{self, cargo, executable};
use crate::project;
use crate::setup::{self, Tools, WASM_TARGET, npm};
use crate::terminal::help;
use fingerprint::Fingerprint;
pub(crate) use machine::Machine;

const HELP: &str = "\
cargo xtask build [--force]

Builds the release Worker: build/index.js, and build/index_bg.wasm with a memory limit of 128 MiB, as a Cloudflare
isolate has. Builds the dashboard, too: build/dashboard/, with openapi.json. Does nothing if neither the sources nor the
results changed since the last build.

  --force    build even if nothing changed
";

/// The files and folders that the Worker is built from. Other changes need no new build.
const SOURCES: &[&str] = &[
    "src",
    "crates",
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
    "package-lock.json",
    "xtask/src/build.rs",
    "xtask/src/build/machine.rs",
];

/// The limit of the Worker's wasm memory, MiB: the memory of a Cloudflare isolate, which has to hold JavaScript objects
/// and streams too. Isolates on a developer's machine have no limit, so without this one a local Worker would survive
/// where a deployed one fails.
const MEMORY_MIB: u32 = 128;

/// The limit of wasm memory in the end-to-end test with hostile requests, MiB.
const MEMORY_MIB_HOSTILE: u32 = 96;

/// The folder of that test's Worker: the same build with the lower limit.
const HOSTILE: &str = "build/memory-96-mib";

/// The files that a build creates.
const RESULTS: &[&str] = &[SCRIPT, WASM];
const SCRIPT: &str = "build/index.js";
pub(crate) const WASM: &str = "build/index_bg.wasm";

/// The module that the runtime loads; it imports the bindings.
const ENTRY: &str = "src/cloudflare/entry.js";

/// The folder of what is not bundled yet.
const STAGING: &str = "target/worker";

/// What rustc and wasm-bindgen use of WebAssembly, and every runtime has. Named one by one, so that a newer optimizer
/// writes nothing that workerd does not read.
const WASM_FEATURES: &[&str] = &[
    "mutable-globals",
    "sign-ext",
    "nontrapping-float-to-int",
    "bulk-memory",
    "multivalue",
    "reference-types",
    "exception-handling",
];

/// The file with the last build's fingerprint. It is in the folder of the results, so that both are deleted together.
const FINGERPRINT: &str = "build/.fingerprint";

/// Reads the arguments and builds the Worker.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    let mut force = false;
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(help(HELP)),
            Arg::Long("force") => force = true,
            other => return Err(other.unexpected().into()),
        }
    }
    all(&setup::tools()?, force)?;
    Ok(ExitCode::SUCCESS)
}

/// Builds the Worker and the dashboard, each unless it is up to date. `force` builds both in any case.
pub(crate) fn all(tools: &Tools, force: bool) -> Result<()> {
    worker(tools, force)?;
    dashboard::build(tools, force)
}

/// Builds the Worker unless it is up to date. `force` builds it in any case.
pub(crate) fn worker(tools: &Tools, force: bool) -> Result<()> {
    let fingerprint = Fingerprint::before(FINGERPRINT, SOURCES, RESULTS, MEMORY_MIB)?;
    if !force && fingerprint.is_current()? {
        println!("the Worker in build/ is up to date");
        return Ok(());
    }
    let staging = project::path(STAGING);
    compile(tools, &staging)?;
    bundle(tools, &staging)?;
    let module = fs::read(staging.join("index_bg.wasm")).context("wasm-bindgen wrote no module")?;
    let module = memory::with_maximum(&module, MEMORY_MIB).with_context(|| WASM.to_owned())?;
    fs::write(project::path(WASM), module).with_context(|| format!("{WASM} cannot be written"))?;
    fingerprint.store()?;
    for file in RESULTS {
        let bytes =
            fs::metadata(project::path(file)).with_context(|| format!("{file} was not created"))?.len();
        println!("{file}: {} KB", bytes / 1000);
    }
    Ok(())
}

/// Compiles the crate and gives it its JavaScript bindings: `index.js` and `index_bg.wasm` in `staging`.
fn compile(tools: &Tools, staging: &Path) -> Result<()> {
    let linked = wasm_crate("seedhook", "seedhook")?;
    let mut bindgen = Command::new(tools.wasm_bindgen.join(executable("wasm-bindgen")));
    bindgen.arg(linked).arg("--out-dir").arg(staging);
    bindgen.args(["--target", "module", "--out-name", "index", "--no-typescript"]);
    // For `entry.js`, which replaces an instance that trapped.
    bindgen.arg("--experimental-reset-state-function");
    command::run(&mut bindgen)?;
    optimize(tools, &staging.join("index_bg.wasm"))
}

/// Compiles a crate for release, and returns its module. Folders of the machine have short names in it, so that two machines
/// make the same bytes.
pub(crate) fn wasm_crate(package: &str, name: &str) -> Result<PathBuf> {
    // One crate type: with `rlib` beside it, cargo optimizes each crate alone.
    let mut rustc = cargo(&["rustc", "--package", package, "--lib", "--crate-type", "cdylib"]);
    rustc.env("CARGO_ENCODED_RUSTFLAGS", Machine::this()?.flags());
    command::run(rustc.args(["--release", "--target", WASM_TARGET]))?;
    Ok(linked_module(name))
}

/// Optimizes a module in place.
pub(crate) fn optimize(tools: &Tools, module: &Path) -> Result<()> {
    let mut optimize = Command::new(npm::program("wasm-opt"));
    // The script finds Node on the PATH.
    optimize.env("PATH", tools.node.path()?);
    optimize.arg(module).arg("-o").arg(module).arg("-O");
    optimize.args(WASM_FEATURES.iter().map(|feature| format!("--enable-{feature}")));
    command::run(&mut optimize)
}

/// The module as rustc links it: its functions have names.
pub(crate) fn linked_module(name: &str) -> PathBuf {
    // Cargo runs at the project's root and reads a relative path from there.
    let target = project::root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
    target.join(WASM_TARGET).join(format!("release/{name}.wasm"))
}

/// Bundles the entry and the bindings into one script.
fn bundle(tools: &Tools, staging: &Path) -> Result<()> {
    let bindings = staging.join("index.js");
    let text = fs::read_to_string(&bindings).context("wasm-bindgen wrote no bindings")?;
    // workerd gives a compiled module without the keyword of the proposal.
    fs::write(&bindings, with_each_import_once(&text).replace("import source ", "import "))?;
    fs::copy(project::path(ENTRY), staging.join("entry.js")).with_context(|| ENTRY.to_owned())?;
    fs::create_dir_all(project::path("build"))?;
    let mut bundle = Command::new(npm::program("esbuild"));
    bundle.env("PATH", tools.node.path()?).current_dir(staging).arg("entry.js");
    bundle.args([
        "--bundle",
        "--minify",
        "--format=esm",
        "--external:./index_bg.wasm",
        "--external:cloudflare:*",
    ]);
    bundle.arg(format!("--outfile={}", project::path(SCRIPT).display())).arg("--log-level=warning");
    command::run(&mut bundle)
}

/// wasm-bindgen imports a module of ours once for each of its functions, and names it as often in the object of all imports,
/// with the same value. Bundlers warn of that.
fn with_each_import_once(bindings: &str) -> String {
    let mut seen = HashSet::new();
    let is_new = |line: &&str| match line.trim().split_once(": import") {
        Some((module, _)) if module.starts_with("\"./snippets/") => seen.insert(module.to_owned()),
        _ => true,
    };
    bindings.lines().filter(is_new).flat_map(|line| [line, "\n"]).collect()
}

/// Builds the Worker unless it is up to date, and a copy with less memory for the test with hostile requests.
pub(crate) fn worker_and_hostile(tools: &Tools) -> Result<()> {
    worker(tools, false)?;
    let module = fs::read(project::path(WASM)).with_context(|| format!("{WASM} cannot be read"))?;
    let module = memory::with_maximum(&module, MEMORY_MIB_HOSTILE).with_context(|| WASM.to_owned())?;
    let folder = project::path(HOSTILE);
    fs::create_dir_all(&folder).with_context(|| format!("{HOSTILE} cannot be created"))?;
    fs::write(folder.join("index_bg.wasm"), module)?;
    fs::copy(project::path(SCRIPT), folder.join("index.js"))?;
    Ok(())
}
