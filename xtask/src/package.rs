//! `cargo xtask package`: the npm package, `build/seedhook-<version>.tgz`. Nothing is published from here.
//!
//! Two builds of one commit with one version of Node, which compresses, are the same bytes: no folder of the machine, no time
//! and no rights of a checkout are in it.

mod contents;
mod licences;
mod links;
mod template_lock;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use lexopt::Arg;
use serde_json::Value;

use crate::build::{self, Machine};
use crate::command::{self, executable};
use crate::project;
use crate::setup::{self, Tools, npm};
use crate::terminal::help;

const HELP: &str = "\
cargo xtask package [--lock]

Makes the npm package, build/seedhook-<version>.tgz: the built Worker, the dashboard, the command line as wasm for Node,
openapi.json with its types, the schema of the configuration, the documentation, the GitHub Action, and the licences of all
that is in it. Fails if the file has 2 MB or more, names a folder of this machine, or has what looks like a secret.
Try it: npx --package ./build/seedhook-<version>.tgz seedhook init

  --lock    make no package, but renew the lock file of the deploy button: template/package-lock.json
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

/// Reads the arguments and makes the package.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    match arguments.next()? {
        None => {}
        Some(Arg::Long("lock")) => {
            template_lock::write()?;
            println!("{}", template_lock::FILE);
            return Ok(ExitCode::SUCCESS);
        }
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
/// When a part cannot be built, a file may not be published, a link leads nowhere, or the file is too large.
pub(crate) fn make(tools: &Tools) -> Result<PathBuf> {
    build::all(tools, false)?;
    let folder = project::path(FOLDER);
    if folder.exists() {
        fs::remove_dir_all(&folder).context(FOLDER)?;
    }
    fs::create_dir_all(folder.join("cli"))?;
    let machine = Machine::this()?;
    let manifest = manifest()?;
    contents::copy_all(&folder)?;
    command_line(tools, &machine, &folder.join("cli"))?;
    fs::write(folder.join("package.json"), format!("{manifest:#}\n"))?;
    fs::write(folder.join("config.schema.json"), seedhook_cli::schema_text()?)?;
    fs::write(folder.join("wrangler.schema.json"), seedhook_cli::schema_text_with_wranglers()?)?;
    fs::write(folder.join("THIRD-PARTY-LICENSES.txt"), licences::text()?)?;
    links::change_pages(&folder, &links::Web::of(&manifest)?)?;
    contents::seal(&folder, &machine)?;
    pack(tools, &folder)
}

/// The command line as wasm, with its bindings.
fn command_line(tools: &Tools, machine: &Machine, folder: &Path) -> Result<()> {
    let staging = project::path(STAGING);
    let optimized = staging.join("seedhook_cli_bg.wasm");
    let module = build::wasm_crate("seedhook-cli", "seedhook_cli")?;
    let mut bindgen = Command::new(tools.wasm_bindgen.join(executable("wasm-bindgen")));
    bindgen.arg(module).arg("--out-dir").arg(&staging);
    bindgen.args(["--target", "nodejs", "--out-name", "seedhook_cli", "--no-typescript"]);
    command::run(&mut bindgen)?;
    build::optimize(tools, &optimized)?;
    // Once it is compressed, nothing in it can be found.
    machine.must_not_be_named("seedhook_cli_bg.wasm", &fs::read(&optimized)?)?;
    let mut compress = Command::new(&tools.node.program);
    compress.args(["--eval", COMPRESS]).arg(optimized);
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
fn manifest() -> Result<Value> {
    let text = fs::read_to_string(project::path("cli/npm/package.json"))?;
    let mut manifest: Value = serde_json::from_str(&text).context("cli/npm/package.json")?;
    let version = manifest.get_mut("version").context("cli/npm/package.json has no version")?;
    *version = env!("CARGO_PKG_VERSION").into();
    Ok(manifest)
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
