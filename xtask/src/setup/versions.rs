//! The versions of tools that no lock file has.
//!
//! package.json pins wrangler, esbuild and binaryen. wasm-bindgen's programs must have the library's version, which
//! `cargo_tool` reads from Cargo.lock.

/// cargo-deny checks licences, sources and advisories of the dependencies.
pub(super) const CARGO_DENY: &str = "0.20.2";

/// The oldest Node that wrangler runs on: major and minor version.
pub(super) const NODE_MIN: (u32, u32) = (22, 12);

/// The version of the npm package `node` that is installed when the machine's Node is older than [`NODE_MIN`].
pub(super) const NODE_FALLBACK: &str = "22.23.3";
