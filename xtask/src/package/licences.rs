//! The licences of the crates that are in the package's modules. The dashboard has those of its npm packages with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::command::cargo;
use crate::setup::WASM_TARGET;

/// The crates whose modules are in the package.
const ROOTS: [&str; 2] = ["seedhook", "seedhook-cli"];

/// What rustc adds to each module. Its sources are not among the crates that cargo knows.
const STANDARD_LIBRARY: &str = include_str!("standard-library.txt");

/// The beginnings of the names of files that have a licence.
const FILES: [&str; 5] = ["license", "licence", "copying", "copyright", "notice"];

/// The names, versions and licences of all crates, each text once, and the licences of Rust's standard library.
///
/// # Errors
/// When cargo fails, or when a crate has no text: its licence then has to be found by hand.
pub(super) fn text() -> Result<String> {
    let metadata =
        cargo(&["metadata", "--format-version", "1", "--locked", "--filter-platform", WASM_TARGET])
            .output()
            .context("cargo metadata")?;
    let metadata: Value = serde_json::from_slice(&metadata.stdout).context("cargo metadata is not JSON")?;
    let wanted = reachable(&metadata);
    let mut list = BTreeSet::new();
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in array(&metadata, "packages") {
        let source = package.get("source").and_then(Value::as_str);
        if source.is_none() || !wanted.contains(text_of(package, "id")) {
            continue;
        }
        let name = format!("{} {}", text_of(package, "name"), text_of(package, "version"));
        list.insert(format!("{name}: {}", text_of(package, "license")));
        let folder = Path::new(text_of(package, "manifest_path")).parent();
        let found = folder.map(texts_in).transpose()?.unwrap_or_default();
        ensure!(!found.is_empty(), "{name} has no file with its licence");
        for text in found {
            texts.entry(text).or_default().insert(name.clone());
        }
    }
    let mut page = vec!["The modules of this package contain these crates:\n\n".to_owned()];
    page.extend(list.iter().map(|line| format!("{line}\n")));
    let mut parts: Vec<(BTreeSet<String>, String)> =
        texts.into_iter().map(|(text, names)| (names, text)).collect();
    parts.sort();
    for (names, text) in parts {
        let names: Vec<String> = names.into_iter().collect();
        page.push(format!("\n{}\n{}\n\n{}\n", "-".repeat(80), names.join(", "), text.trim()));
    }
    page.push(format!("\n{}\n{STANDARD_LIBRARY}", "-".repeat(80)));
    Ok(page.concat())
}

/// The ids of the packages that the roots need at run time, themselves included.
fn reachable(metadata: &Value) -> BTreeSet<&str> {
    let nodes = metadata.get("resolve").map(|resolve| array(resolve, "nodes")).unwrap_or_default();
    let nodes: BTreeMap<&str, &Value> = nodes.iter().map(|node| (text_of(node, "id"), node)).collect();
    let roots =
        array(metadata, "packages").iter().filter(|package| ROOTS.contains(&text_of(package, "name")));
    let mut open: Vec<&str> = roots.map(|package| text_of(package, "id")).collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        let needed = nodes.get(id).map(|node| array(node, "deps")).unwrap_or_default().iter();
        let needed = needed.filter(|dep| array(dep, "dep_kinds").iter().any(|kind| kind["kind"].is_null()));
        open.extend(needed.map(|dep| text_of(dep, "pkg")));
    }
    seen
}

/// The texts of the licence files in a folder.
fn texts_in(folder: &Path) -> Result<Vec<String>> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    let is_licence = |path: &&PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        path.is_file() && FILES.iter().any(|start| name.starts_with(start))
    };
    let texts = files.iter().filter(is_licence).map(|path| {
        let bytes = fs::read(path)?;
        Ok(String::from_utf8_lossy(&bytes).replace("\r\n", "\n"))
    });
    texts.collect()
}

fn array<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text_of<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_has_the_crates_of_both_modules_and_their_texts() {
        let page = super::text().unwrap();
        for part in [
            "\nserde_json ",
            "\nworker ",
            "\ntoml_edit ",
            "Permission is hereby granted",
            "Apache License",
            "\nCopyright (c) The Rust Project Contributors\n",
        ] {
            assert!(page.contains(part), "{part}");
        }
        assert!(!page.contains("\nwasmi "), "xtask alone needs it");
    }
}
