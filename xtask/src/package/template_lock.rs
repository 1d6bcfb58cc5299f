//! `template/package-lock.json`, by which the deploy button installs: wrangler with all it needs as in our own lock file, so that
//! users get what is tested, and the package of this version, as npm writes it once the package is published.
//!
//! npm itself cannot write it: the file goes into the commit that is published, and it would take the newest wrangler.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::project;

/// The file.
pub(super) const FILE: &str = "template/package-lock.json";

/// Our own lock file.
const TESTED: &str = "package-lock.json";

/// The keys of the two packages that the template needs.
const WRANGLER: &str = "node_modules/wrangler";
const SEEDHOOK: &str = "node_modules/seedhook";

/// Writes the file.
pub(super) fn write() -> Result<()> {
    fs::write(project::path(FILE), text()?).context(FILE)
}

/// What the file has to be.
///
/// # Errors
/// When our lock file lacks a package that wrangler needs.
fn text() -> Result<String> {
    let template = read("template/package.json")?;
    let tested = read(TESTED)?;
    let tested =
        tested.get("packages").and_then(Value::as_object).context("package-lock.json has no packages")?;
    let needed = needed(tested, WRANGLER)?;
    let mut packages = Map::new();
    let (name, needs) = (template.get("name"), template.get("devDependencies"));
    packages.insert(String::new(), json!({ "name": name, "devDependencies": needs }));
    let mut ours = Some(seedhook(&super::manifest()?));
    for (key, package) in tested.iter().filter(|(key, _)| needed.contains(key.as_str())) {
        if let Some(ours) = ours.take_if(|_| key.as_str() > SEEDHOOK) {
            packages.insert(SEEDHOOK.to_owned(), ours);
        }
        packages.insert(key.clone(), package.clone());
    }
    if let Some(ours) = ours {
        packages.insert(SEEDHOOK.to_owned(), ours);
    }
    let lock = json!({ "name": name, "lockfileVersion": 3, "requires": true, "packages": packages });
    Ok(format!("{lock:#}\n"))
}

/// The entry of the package. It has no `integrity`, which nobody knows before the package is made.
fn seedhook(manifest: &Value) -> Value {
    let own = |name: &'static str| Some((name.to_owned(), manifest.get(name)?.clone()));
    let dev = [("dev".to_owned(), Value::Bool(true))];
    let rest = ["license", "bin", "engines", "peerDependencies"].into_iter().filter_map(own);
    own("version").into_iter().chain(dev).chain(rest).collect::<Map<_, _>>().into()
}

/// The keys of a package and of all that it needs, where Node finds them.
fn needed<'a>(packages: &'a Map<String, Value>, key: &'a str) -> Result<BTreeSet<&'a str>> {
    let mut open = vec![key];
    let mut found = BTreeSet::new();
    while let Some(key) = open.pop() {
        if !found.insert(key) {
            continue;
        }
        let package = packages.get(key).with_context(|| format!("{TESTED} has no {key}"))?;
        for name in names(package) {
            let at = installed(packages, key, name);
            open.push(at.with_context(|| format!("{TESTED} has no {name} for {key}"))?);
        }
    }
    Ok(found)
}

/// What a package needs. npm leaves out optional peers.
fn names(package: &Value) -> Vec<&str> {
    let list = |name: &str| package.get(name).and_then(Value::as_object).into_iter().flatten();
    let meta = package.get("peerDependenciesMeta");
    let optional =
        |name: &str| meta.and_then(|meta| meta.get(name)?.get("optional")?.as_bool()) == Some(true);
    let peers = list("peerDependencies").filter(|(name, _)| !optional(name));
    let all = list("dependencies").chain(list("optionalDependencies")).chain(peers);
    all.map(|(name, _)| name.as_str()).collect()
}

/// The key by which a package finds another: in its own folder, or in one around it.
fn installed<'a>(packages: &'a Map<String, Value>, from: &str, name: &str) -> Option<&'a str> {
    let mut folder = Some(from);
    while let Some(inner) = folder {
        if let Some((key, _)) = packages.get_key_value(&format!("{inner}/node_modules/{name}")) {
            return Some(key);
        }
        folder = inner.rsplit_once("/node_modules/").map(|(outer, _)| outer);
    }
    packages.get_key_value(&format!("node_modules/{name}")).map(|(key, _)| key.as_str())
}

fn read(file: &str) -> Result<Value> {
    let text = fs::read_to_string(project::path(file)).with_context(|| file.to_owned())?;
    serde_json::from_str(&text).with_context(|| file.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_of_the_template_is_current() {
        let found = fs::read_to_string(project::path(FILE)).unwrap().replace("\r\n", "\n");
        assert!(found == text().unwrap(), "{FILE} is stale: mend it with `cargo xtask package --lock`");
    }

    #[test]
    fn it_has_what_the_manifest_asks_for_in_the_versions_that_are_tested() {
        let [lock, manifest, tested] =
            [FILE, "template/package.json", TESTED].map(|file| read(file).unwrap());
        assert_eq!(lock["packages"][""]["devDependencies"], manifest["devDependencies"]);
        let version = |key: &str| lock["packages"][key]["version"].as_str().unwrap().to_owned();
        assert_eq!(version(WRANGLER), tested["packages"][WRANGLER]["version"]);
        assert_eq!(version(SEEDHOOK), env!("CARGO_PKG_VERSION"));
        // A range begins at the version that is locked, so every rule of ranges includes it.
        let ranges = manifest["devDependencies"].as_object().unwrap();
        assert_eq!(ranges.len(), 2);
        for (name, range) in ranges {
            assert_eq!(range, &format!("^{}", version(&format!("node_modules/{name}"))), "{name}");
        }
    }

    #[test]
    fn both_name_no_registry_and_have_the_hash_of_every_package() {
        for file in [FILE, TESTED] {
            let lock = read(file).unwrap();
            for (key, package) in lock["packages"].as_object().unwrap() {
                assert!(package.get("resolved").is_none(), "{file}: {key}");
                let is_packed = !key.is_empty() && key != SEEDHOOK;
                assert_eq!(package.get("integrity").is_some(), is_packed, "{file}: {key}");
            }
        }
    }

    #[test]
    fn a_package_brings_all_that_it_needs_from_where_node_finds_it() {
        let packages = json!({
            "node_modules/a": {
                "dependencies": { "b": "1" },
                "optionalDependencies": { "c": "1" },
                "peerDependencies": { "d": "1", "e": "1" },
                "peerDependenciesMeta": { "e": { "optional": true } }
            },
            "node_modules/a/node_modules/b": { "dependencies": { "f": "1", "c": "1" } },
            "node_modules/b": {},
            "node_modules/c": { "dependencies": { "a": "1" } },
            "node_modules/d": {},
            "node_modules/e": {},
            "node_modules/f": {}
        });
        let mut packages = packages.as_object().unwrap().clone();
        let found: Vec<&str> = needed(&packages, "node_modules/a").unwrap().into_iter().collect();
        let b = "node_modules/a/node_modules/b";
        assert_eq!(found, ["node_modules/a", b, "node_modules/c", "node_modules/d", "node_modules/f"]);
        packages.remove("node_modules/d");
        let error = needed(&packages, "node_modules/a").unwrap_err().to_string();
        assert!(error.ends_with("has no d for node_modules/a"), "{error}");
    }
}
