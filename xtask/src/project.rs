//! Paths in the project.

use std::env;
use std::path::{Path, PathBuf};

/// The folder that holds wrangler.toml and Cargo.toml.
pub(crate) fn root() -> PathBuf {
    // `cargo run` sets the variable. A binary started by hand uses the folder that it was built in.
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let package = package.filter(|path| path.ends_with("xtask"));
    let package = package.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    package.parent().map_or(package.clone(), Path::to_path_buf)
}

/// The path of a file or folder of the project.
pub(crate) fn path(relative: &str) -> PathBuf {
    root().join(relative)
}
