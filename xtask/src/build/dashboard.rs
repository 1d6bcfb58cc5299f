//! The dashboard: the files in `build/dashboard/` that the Worker's `[assets]` serve, and `openapi.json` beside them.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use seedhook_cli::project::DASHBOARD_FOLDER;

use super::fingerprint::Fingerprint;
use crate::setup::Tools;
use crate::{command, project};

/// The folder that is served.
pub(crate) const FOLDER: &str = DASHBOARD_FOLDER;

/// The script that builds it, with esbuild.
const SCRIPT: &str = "dashboard/build.mjs";

/// The description of the HTTP API, which is served with it.
const OPENAPI: &str = "openapi.json";

/// The packages whose code is in the script, and the file with their licences, which ask to be passed on with it.
const BUNDLED: &[&str] = &["preact", "@preact/signals", "@preact/signals-core"];
const LICENCES: &str = "licences.txt";

/// The files and folders that it is built from.
const SOURCES: &[&str] = &["dashboard", OPENAPI, "package-lock.json", "xtask/src/build/dashboard.rs"];

/// Not in the folder, which is public.
const FINGERPRINT: &str = "build/.dashboard-fingerprint";

/// Builds the dashboard unless it is up to date. `force` builds it in any case.
pub(super) fn build(tools: &Tools, force: bool) -> Result<()> {
    let fingerprint = Fingerprint::before(FINGERPRINT, SOURCES, &[FOLDER], 0)?;
    if !force && fingerprint.is_current()? {
        println!("the dashboard in {FOLDER}/ is up to date");
        return Ok(());
    }
    let mut build = Command::new(&tools.node.program);
    build.arg(SCRIPT).env("PATH", tools.node.path()?).current_dir(project::root());
    command::run(&mut build).context("the dashboard cannot be built")?;
    fs::write(project::path(FOLDER).join(LICENCES), licences()?)?;
    if project::path(OPENAPI).exists() {
        fs::copy(project::path(OPENAPI), project::path(FOLDER).join(OPENAPI))
            .with_context(|| format!("{OPENAPI} cannot be copied to {FOLDER}"))?;
    }
    fingerprint.store()
}

fn licences() -> Result<String> {
    let read = |package: &&str| {
        let file = project::path(&format!("node_modules/{package}/LICENSE"));
        let text = fs::read_to_string(file).with_context(|| format!("{package} has no licence"))?;
        Ok(format!("{package}\n\n{}\n", text.trim()))
    };
    Ok(BUNDLED.iter().map(read).collect::<Result<Vec<_>>>()?.join("\n"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use serde_json::Value;

    use super::*;

    /// The packages that a file imports: `import { h } from "preact/hooks"` is of `preact`.
    fn imported(text: &str) -> BTreeSet<String> {
        let specifiers = text.split(['\n', ';']).filter_map(|line| {
            let (_, rest) = line.split_once("from \"").or_else(|| line.trim().split_once("import \""))?;
            Some(rest.split_once('"')?.0)
        });
        let packages = specifiers.filter(|specifier| !specifier.starts_with('.'));
        let name = |specifier: &str| {
            let parts = if specifier.starts_with('@') { 2 } else { 1 };
            specifier.split('/').take(parts).collect::<Vec<_>>().join("/")
        };
        packages.map(name).collect()
    }

    fn of_folder(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                of_folder(&path, found);
            } else if path.extension().is_some_and(|end| end == "ts" || end == "tsx") {
                found.extend(imported(&fs::read_to_string(path).unwrap()));
            }
        }
    }

    #[test]
    fn the_licence_of_every_package_in_the_script_is_passed_on() {
        let text = fs::read_to_string(project::path("package-lock.json")).unwrap();
        let lock: Value = serde_json::from_str(&text).unwrap();
        let mut open = BTreeSet::new();
        of_folder(&project::path("dashboard/src"), &mut open);
        let mut all = BTreeSet::new();
        while let Some(package) = open.pop_first() {
            let needs = lock["packages"][format!("node_modules/{package}")]["dependencies"].as_object();
            open.extend(needs.into_iter().flat_map(|needs| needs.keys().cloned()));
            all.insert(package);
        }
        assert_eq!(
            all.iter().map(String::as_str).collect::<BTreeSet<_>>(),
            BUNDLED.iter().copied().collect()
        );
    }

    #[test]
    fn imports_are_read() {
        let text = "import { a } from \"./a\";\nimport {\n  b,\n} from \"@x/y/z\";\n  import \"c/d\";";
        assert_eq!(imported(text).into_iter().collect::<Vec<_>>(), ["@x/y", "c"]);
    }
}
