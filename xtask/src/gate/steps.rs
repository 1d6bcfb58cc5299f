//! The steps of the gate, in the order in which they run.
//!
//! Each says by its result alone whether it passed; none changes a file of the project.

use std::collections::BTreeSet;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::context::Gate;
use super::npm_licences;
use crate::command::{self, cargo};
use crate::host::NativeHost;
use crate::setup::{self, CargoTool, Tools, WASM_TARGET, npm};
use crate::{build, instructions, mutations, package, project};

/// One step.
#[derive(Debug)]
pub(super) struct Step {
    /// What it is called on the command line.
    pub(super) name: &'static str,
    /// What it checks.
    pub(super) what: &'static str,
    /// Checks all of it.
    pub(super) run: fn(&Gate) -> Result<()>,
    /// What `--quick` runs in its place; `None` where `--quick` leaves the step out.
    pub(super) quick: Option<fn(&Gate) -> Result<()>>,
}

/// A step that `--quick` leaves out.
const fn slow(name: &'static str, what: &'static str, run: fn(&Gate) -> Result<()>) -> Step {
    Step { name, what, run, quick: None }
}

/// The test target of the simulation.
const SIMULATION: &str = "simulation";

/// The end-to-end tests that need a browser. Others run without one.
const BROWSER_TESTS: &str = "dashboard::";

/// The folders of JavaScript whose types `tsc` checks: the Worker's, and the browser tests.
const JAVASCRIPT: [&str; 2] = ["src/cloudflare", "tests/browser"];

/// The types of the HTTP API, generated from openapi.json.
const API_TYPES: &str = "dashboard/src/api/openapi.d.ts";

/// Makes clippy fail on a warning.
const DENY_WARNINGS: [&str; 3] = ["--", "-D", "warnings"];

/// All of them; what is quick to fail comes first.
pub(super) const STEPS: &[Step] = &[
    Step { name: "fmt", what: "the code is formatted", run: fmt, quick: Some(fmt) },
    Step { name: "clippy", what: "lints, native and wasm", run: clippy, quick: Some(clippy_native) },
    Step {
        name: "native",
        what: "unit tests, vectors, properties, documentation links and the simulation",
        run: native,
        quick: Some(native_but_simulation),
    },
    slow("mutations", "the simulation notices each rule of the core that is left out", core_mutations),
    slow("wasm", "what only exists in wasm, under Node", wasm),
    slow("instructions", "a delivery takes no more instructions than stored", instruction_counts),
    slow(
        "javascript",
        "the dashboard's types, lints and unit tests; the action's types and tests; the types of the Worker's JavaScript",
        javascript,
    ),
    slow("build", "the release Worker and the dashboard", worker),
    slow("e2e", "the built Worker in workerd, against the fake Fabricate", end_to_end),
    slow("browser", "the built dashboard in Chromium, over the built Worker", browser),
    slow("package", "the npm package, unpacked into a project: every command, and a run by `dev`", packed),
    slow("doc", "the documentation, without a warning", doc),
    slow("check", "wrangler.toml", configuration),
    slow("deny", "licences, sources and advisories of the dependencies", deny),
];

fn fmt(_: &Gate) -> Result<()> {
    command::run(&mut cargo(&["fmt", "--all", "--check"])).context("mend it with `cargo fmt --all`")
}

/// Native clippy does not see the Worker's edge, and the edge's clippy not the tests: both are run.
fn clippy(gate: &Gate) -> Result<()> {
    gate.tools()?;
    clippy_native(gate)?;
    let mut wasm = cargo(&["clippy", "--package", "seedhook", "--package", "instructions"]);
    wasm.args(["--target", WASM_TARGET, "--all-targets"]);
    command::run(wasm.args(DENY_WARNINGS))?;
    // What Node runs: the core without the Worker.
    let mut node = cargo(&["clippy", "--package", "seedhook-cli", "--package", "fake-fabricate"]);
    node.args(["--target", WASM_TARGET, "--lib"]);
    command::run(node.args(DENY_WARNINGS))
}

fn clippy_native(_: &Gate) -> Result<()> {
    let mut native = cargo(&["clippy", "--workspace", "--all-targets", "--all-features"]);
    command::run(native.args(DENY_WARNINGS))
}

fn native(_: &Gate) -> Result<()> {
    command::run(&mut cargo(&["test", "--workspace"]))
}

/// All native tests but the simulation, which takes longer than all others together.
fn native_but_simulation(_: &Gate) -> Result<()> {
    let mut test = cargo(&["test", "--workspace", "--lib", "--bins"]);
    for target in test_targets()?.iter().filter(|target| *target != SIMULATION) {
        test.args(["--test", target]);
    }
    command::run(&mut test)
}

/// The names of the workspace's test targets that need no feature.
fn test_targets() -> Result<BTreeSet<String>> {
    let metadata = command::output(&mut cargo(&["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&metadata).context("cargo metadata is not JSON")?;
    let list =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let targets = list(&metadata, "packages").into_iter().flat_map(|package| list(&package, "targets"));
    let is_test =
        |target: &Value| list(target, "kind") == ["test"] && list(target, "required-features").is_empty();
    let names = targets.filter(is_test).filter_map(|target| Some(target.get("name")?.as_str()?.to_owned()));
    Ok(names.collect())
}

fn core_mutations(_: &Gate) -> Result<()> {
    mutations::check_all()
}

fn wasm(gate: &Gate) -> Result<()> {
    let tools = gate.tools()?;
    let runner = tools.wasm_bindgen.join(format!("wasm-bindgen-test-runner{}", std::env::consts::EXE_SUFFIX));
    let mut test = cargo(&["test", "--package", "seedhook", "--target", WASM_TARGET, "--test", "wasm"]);
    test.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner).env("PATH", tools.node.path()?);
    command::run(&mut test)
}

fn instruction_counts(gate: &Gate) -> Result<()> {
    // They include the target's standard library.
    gate.tools()?;
    instructions::check()
}

fn worker(gate: &Gate) -> Result<()> {
    build::all(gate.tools()?, false)
}

fn end_to_end(gate: &Gate) -> Result<()> {
    let tools = gate.tools()?;
    // Without a step `build` before it, as when it is asked for alone.
    build::worker_and_hostile(tools)?;
    command::run(&mut e2e(tools)?)
}

/// The end-to-end tests, one at a time; arguments for them may follow. Of the whole workspace, as the native tests are, so that
/// dependencies have the same features and are compiled once.
pub(crate) fn e2e(tools: &Tools) -> Result<Command> {
    let mut test = cargo(&["test", "--workspace", "--features", "seedhook/e2e", "--test", "e2e"]);
    test.args(["--", "--test-threads=1"]);
    test.env("SEEDHOOK_NODE", &tools.node.program).env("SEEDHOOK_WRANGLER", npm::wrangler());
    test.env("PATH", tools.node.path()?);
    test.env("WRANGLER_SEND_METRICS", "false").env("CLOUDFLARE_CF_FETCH_ENABLED", "false");
    Ok(test)
}

/// Types, lints and unit tests. The bundler removes types and checks none.
fn javascript(gate: &Gate) -> Result<()> {
    let node = &gate.tools()?.node;
    command::run(&mut npm::script(node, "dashboard:check")?)?;
    command::run(&mut npm::script(node, "action:check")?)?;
    let program = |name: &str| -> Result<Command> {
        let mut program = Command::new(npm::program(name));
        program.env("PATH", node.path()?).current_dir(project::root());
        Ok(program)
    };
    for project in JAVASCRIPT {
        command::run(program("tsc")?.args(["--project", project]))?;
    }
    command::run(program("openapi-typescript")?.args(["openapi.json", "--check", "--output", API_TYPES]))
        .context("mend it with `npm run dashboard:types`")
}

/// Only a machine of a developer may lack a browser: CI has to have one.
fn browser(gate: &Gate) -> Result<()> {
    let tools = gate.tools()?;
    let Some(program) = setup::browser::find(&tools.node)? else {
        let remedy = "install Chromium or Chrome, or run `npx playwright-core install chromium`";
        if env::var_os("CI").is_some() {
            bail!("there is no browser: {remedy}");
        }
        println!("there is no browser, so the dashboard is not tested in one: {remedy}");
        gate.not_checked("the dashboard in a browser");
        return Ok(());
    };
    build::all(tools, false)?;
    let mut test = e2e(tools)?;
    test.args(["--ignored", BROWSER_TESTS]).env("SEEDHOOK_BROWSER", program);
    command::run(&mut test)
}

/// The package as its users have it, but for wrangler, which is the repository's.
fn packed(gate: &Gate) -> Result<()> {
    let tools = gate.tools()?;
    let tarball = package::make(tools)?;
    let mut test = Command::new(&tools.node.program);
    test.args(["--test", "cli/npm/tests/*.test.mjs", "tests/package/*.test.mjs"])
        .current_dir(project::root());
    test.env("SEEDHOOK_TARBALL", tarball).env("SEEDHOOK_MODULES", project::path("node_modules"));
    command::run(test.env("PATH", tools.node.path()?))
}

fn doc(_: &Gate) -> Result<()> {
    let mut doc = cargo(&["doc", "--no-deps", "--workspace"]);
    command::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
}

fn configuration(_: &Gate) -> Result<()> {
    let report = seedhook_cli::check_project(&NativeHost::default(), None)?;
    print!("{}", report.text());
    if report.is_good() { Ok(()) } else { bail!("wrangler.toml has mistakes") }
}

fn deny(gate: &Gate) -> Result<()> {
    let program = CargoTool::cargo_deny().ready()?.join("cargo-deny");
    let deny = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.args(arguments).current_dir(project::root());
        command
    };
    let check = ["--workspace", "--all-features", "--locked", "check"];
    command::run(deny(&check).args(["bans", "licenses", "sources"]))?;
    npm_licences::check(&fs::read_to_string(project::path("package-lock.json"))?)?;
    // The database of advisories is on GitHub. Fetching it is a step of its own, so that being offline is told from
    // an advisory by which of the two fails.
    if let Err(error) = command::output(&mut deny(&["fetch", "db"])) {
        let why = command::last_lines(&error.to_string(), 1);
        println!("advisories not checked: their database cannot be fetched from GitHub here\n{why}");
        gate.not_checked("advisories");
        return Ok(());
    }
    command::run(deny(&check).arg("advisories"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_tests_are_all_native_ones_but_the_simulation() {
        let targets = test_targets().unwrap();
        for name in [SIMULATION, "vectors", "properties", "docs", "http"] {
            assert!(targets.contains(name), "{name} is not among {targets:?}");
        }
        assert!(!targets.contains("e2e"), "it needs a feature");
    }
}
