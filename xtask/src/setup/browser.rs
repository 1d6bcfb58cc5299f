//! A Chromium for the browser tests: the machine's, Playwright's, or Debian's.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::node::Node;
use crate::{command, project};

/// A variable with the path of a browser to use in place of any other.
const VARIABLE: &str = "SEEDHOOK_BROWSER";

/// What Chromium and Chrome are called on the PATH.
const PROGRAMS: &[&str] =
    &["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"];

/// Where they are on macOS and Windows, which do not put them on the PATH.
const PLACES: &[&str] = &[
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
];

/// Prints where Playwright keeps the Chromium that fits it, installed or not.
const PLAYWRIGHT: &str = "console.log(require('playwright-core').chromium.executablePath())";

/// A browser's path: of the one that is installed, or of Debian's, which is installed where we may do that. `None`: there
/// is none.
///
/// # Errors
/// When Debian's package cannot be installed.
pub(crate) fn find(node: &Node) -> Result<Option<PathBuf>> {
    if let Some(given) = std::env::var_os(VARIABLE).filter(|given| !given.is_empty()) {
        return Ok(Some(given.into()));
    }
    let named = PROGRAMS.iter().find_map(|name| command::on_path(&command::executable(name)));
    let placed = || PLACES.iter().map(PathBuf::from).find(|file| file.is_file());
    if let Some(found) = named.or_else(placed).or_else(|| of_playwright(node)) {
        return Ok(Some(found));
    }
    if !is_debian_as_root() {
        return Ok(None);
    }
    install_from_debian().context("Debian's Chromium could not be installed")?;
    Ok(command::on_path("chromium"))
}

/// The Chromium that `npx playwright install chromium` once installed.
fn of_playwright(node: &Node) -> Option<PathBuf> {
    let mut ask = Command::new(&node.program);
    let path = command::output(ask.args(["-e", PLAYWRIGHT]).current_dir(project::root())).ok()?;
    Some(PathBuf::from(path)).filter(|file| file.is_file())
}

/// Ubuntu is not meant: its package needs snap.
fn is_debian_as_root() -> bool {
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let is_root = || command::output(Command::new("id").arg("-u")).is_ok_and(|id| id == "0");
    system.lines().any(|line| line == "ID=debian") && is_root()
}

fn install_from_debian() -> Result<()> {
    println!("installing chromium from Debian (a minute, once)");
    let apt = |arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.args(["-qq", "-o", "DPkg::Lock::Timeout=300"]).args(arguments);
        command::output(apt.env("DEBIAN_FRONTEND", "noninteractive")).map(drop)
    };
    apt(&["update"])?;
    apt(&["install", "-y", "--no-install-recommends", "chromium"])
}
