//! The licences of the npm packages, as package-lock.json states them. cargo-deny checks those of the crates.

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The licences that a package may have. None but Preact's packages, which are MIT, is in what users deploy; the others
/// build and test it.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "CC0-1.0",
    "ISC",
    "LGPL-3.0-or-later", // libvips, which wrangler brings
    "MIT",
    "MPL-2.0", // axe-core
    "Python-2.0",
];

/// Reads the text of package-lock.json.
///
/// # Errors
/// When it is not a lock file, or names the packages whose licence is missing or not allowed.
pub(super) fn check(lock: &str) -> Result<()> {
    let lock: Value = serde_json::from_str(lock).context("package-lock.json is not JSON")?;
    let packages = lock.get("packages").and_then(Value::as_object);
    let packages = packages.context("package-lock.json has no packages")?;
    let licence = |package: &Value| package.get("license").and_then(Value::as_str).map(str::to_owned);
    let bad = packages.iter().filter_map(|(name, package)| match licence(package) {
        Some(licence) if is_allowed(&licence) => None,
        Some(licence) => Some(format!("{name}: {licence}")),
        None => Some(format!("{name}: no licence")),
    });
    let bad: Vec<String> = bad.collect();
    if !bad.is_empty() {
        bail!("these npm packages have a licence that is not allowed\n  {}", bad.join("\n  "));
    }
    Ok(())
}

/// Whether every licence of an SPDX expression is allowed, also where one of them would do.
fn is_allowed(expression: &str) -> bool {
    let mut words = expression.split([' ', '(', ')']).filter(|word| !["", "OR", "AND"].contains(word));
    words.all(|word| ALLOWED.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_that_is_missing_or_not_allowed_is_named() {
        let lock = |licence: &str| format!(r#"{{"packages":{{"node_modules/x":{{{licence}}}}}}}"#);
        for good in [r#""license":"MIT""#, r#""license":"(MIT OR Apache-2.0)""#] {
            check(&lock(good)).unwrap();
        }
        for bad in ["", r#""license":"GPL-3.0-only""#, r#""license":"MIT AND SSPL-1.0""#] {
            assert!(check(&lock(bad)).unwrap_err().to_string().contains("node_modules/x: "), "{bad}");
        }
    }

    #[test]
    fn our_own_packages_are_allowed() {
        let lock = std::fs::read_to_string(crate::project::path("package-lock.json")).unwrap();
        check(&lock).unwrap();
    }
}
