//! `cargo xtask package`: the npm package, `build/seedhook-<version>.tgz`. Nothing is published from here.
//!
//! Two builds of one commit are the same bytes: no path of the machine and no time is in it.

mod licences;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use lexopt::Arg;
use serde_json::Value;

use crate::build::{self, dashboard};
use crate::command::{self, executable};
use crate::project;
use crate::setup::{self, Tools, npm};
use crate::terminal::help;

const HELP: &str = "\
cargo xtask package

Makes the npm package, build/seedhook-<version>.tgz: the built Worker, the dashboard, the command line as wasm for Node,
openapi.json with its types, the schema of the configuration, the documentation, and the licences of all that is in it.
Fails if the file has 2 MB or more. Try it: npx --package ./build/seedhook-<version>.tgz seedhook init
";

/// The folder of the package before it is packed.
const FOLDER: &str = "build/package";

/// The most bytes of the packed file.
const PACKED_BYTES_MAX: u64 = 2_000_000;

/// The folder of the command line's bindings before they are optimized.
const STAGING: &str = "target/cli";

/// Compresses one file into another. Brotli makes the module a fifth smaller than the package's own gzip does.
const COMPRESS: &str = "\
const fs = require('node:fs');
const { brotliCompressSync, constants } = require('node:zlib');
const [, from, to] = process.argv;
const bytes = fs.readFileSync(from);
const params = { [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
fs.writeFileSync(to, brotliCompressSync(bytes, { params }));
";

/// How the bindings read the module, and how they read it compressed.
const READ: &str = "require('fs').readFileSync(wasmPath)";
const READ_COMPRESSED: &str =
    "require('zlib').brotliDecompressSync(require('fs').readFileSync(`${wasmPath}.br`))";

/// Files of the repository, and where they are in the package.
const COPIED: &[(&str, &str)] = &[
    ("build/index.js", "worker/index.js"),
    ("build/index_bg.wasm", "worker/index_bg.wasm"),
    ("cli/npm/index.d.ts", "worker/index.d.ts"),
    ("cli/npm/bin.mjs", "cli/bin.mjs"),
    ("cli/npm/host.mjs", "cli/host.mjs"),
    ("cli/npm/fabricate.mjs", "cli/fabricate.mjs"),
    ("cli/npm/README.md", "README.md"),
    ("openapi.json", "openapi.json"),
    ("dashboard/src/api/openapi.d.ts", "openapi.d.ts"),
    ("CHANGELOG.md", "CHANGELOG.md"),
    ("LICENSE-APACHE", "LICENSE-APACHE"),
    ("LICENSE-MIT", "LICENSE-MIT"),
];

/// Reads the arguments and makes the package.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    match arguments.next()? {
        None => {}
        Some(Arg::Long("help") | Arg::Short('h')) => return Ok(help(HELP)),
        Some(other) => return Err(other.unexpected().into()),
    }
    let file = make(&setup::tools()?)?;
    let bytes = fs::metadata(&file)?.len();
    println!("{}: {} KB", file.strip_prefix(project::root()).unwrap_or(&file).display(), bytes / 1000);
    Ok(ExitCode::SUCCESS)
}

/// Makes the package, and returns its path.
///
/// # Errors
/// When a part cannot be built, names a path of this machine, or the file is too large.
pub(crate) fn make(tools: &Tools) -> Result<PathBuf> {
    build::all(tools, false)?;
    let folder = project::path(FOLDER);
    if folder.exists() {
        fs::remove_dir_all(&folder).context(FOLDER)?;
    }
    fs::create_dir_all(folder.join("cli"))?;
    for (from, to) in COPIED {
        copy(&project::path(from), &folder.join(to))?;
    }
    copy_folder(&project::path(dashboard::FOLDER), &folder.join("dashboard"))?;
    copy_folder(&project::path("docs"), &folder.join("docs"))?;
    command_line(tools, &folder.join("cli"))?;
    fs::write(folder.join("package.json"), manifest()?)?;
    fs::write(folder.join("config.schema.json"), seedhook_cli::schema_text()?)?;
    fs::write(folder.join("THIRD-PARTY-LICENSES.txt"), licences::text()?)?;
    must_name_no_machine(&folder)?;
    pack(tools, &folder)
}

/// The command line as wasm, with its bindings.
fn command_line(tools: &Tools, folder: &Path) -> Result<()> {
    let staging = project::path(STAGING);
    let module = build::wasm_crate("seedhook-cli", "seedhook_cli")?;
    let mut bindgen = Command::new(tools.wasm_bindgen.join(executable("wasm-bindgen")));
    bindgen.arg(module).arg("--out-dir").arg(&staging);
    bindgen.args(["--target", "nodejs", "--out-name", "seedhook_cli", "--no-typescript"]);
    command::run(&mut bindgen)?;
    build::optimize(tools, &staging.join("seedhook_cli_bg.wasm"))?;
    let mut compress = Command::new(&tools.node.program);
    compress.args(["--eval", COMPRESS]).arg(staging.join("seedhook_cli_bg.wasm"));
    command::run(compress.arg(folder.join("seedhook_cli_bg.wasm.br")))?;
    let bindings =
        fs::read_to_string(staging.join("seedhook_cli.js")).context("wasm-bindgen wrote no bindings")?;
    if !bindings.contains(READ) {
        bail!("wasm-bindgen reads its module in another way than `{READ}`");
    }
    fs::write(folder.join("seedhook_cli.js"), bindings.replace(READ, READ_COMPRESSED))?;
    // The bindings are CommonJS, in a package of modules.
    fs::write(folder.join("package.json"), "{ \"type\": \"commonjs\" }\n")?;
    Ok(())
}

/// `package.json` with the version of the workspace.
fn manifest() -> Result<String> {
    let text = fs::read_to_string(project::path("cli/npm/package.json"))?;
    let mut manifest: Value = serde_json::from_str(&text).context("cli/npm/package.json")?;
    let version = manifest.get_mut("version").context("cli/npm/package.json has no version")?;
    *version = env!("CARGO_PKG_VERSION").into();
    Ok(format!("{manifest:#}\n"))
}

fn pack(tools: &Tools, folder: &Path) -> Result<PathBuf> {
    let mut pack = npm::command(&tools.node)?;
    pack.arg("pack").arg(folder).arg("--pack-destination").arg(project::path("build"));
    let name = command::output(&mut pack)?;
    let name = name.lines().last().unwrap_or_default();
    let file = project::path("build").join(name);
    let bytes = fs::metadata(&file).with_context(|| format!("npm made no {name}"))?.len();
    if bytes >= PACKED_BYTES_MAX {
        bail!("the package has {bytes} bytes, and must have less than {PACKED_BYTES_MAX}");
    }
    Ok(file)
}

/// No file may name a folder of the machine that built it.
fn must_name_no_machine(folder: &Path) -> Result<()> {
    let root = project::root();
    let homes = [std::env::var_os("CARGO_HOME"), std::env::var_os("HOME")];
    let homes = homes.into_iter().flatten().map(PathBuf::from).filter(|home| home.components().count() > 1);
    let places: Vec<String> = homes.chain([root]).map(|place| format!("{}/", place.display())).collect();
    for file in files(folder)? {
        let bytes = fs::read(&file)?;
        for place in &places {
            if bytes.windows(place.len()).any(|window| window == place.as_bytes()) {
                bail!("{} names {place}", file.display());
            }
        }
    }
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to).with_context(|| from.display().to_string())?;
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    for file in files(from)? {
        copy(&file, &to.join(file.strip_prefix(from)?))?;
    }
    Ok(())
}
