//! Every tool that is pinned outside a lock file, in one place.
//!
//! It holds no version that another file already fixes: wrangler, esbuild and binaryen are in package.json,
//! and wasm-bindgen's command must equal the library in Cargo.lock, so it is read from there.

/// worker-build: makes the Worker of the compiled crate. Keep it equal to `worker` in Cargo.toml.
pub(crate) const WORKER_BUILD: &str = "0.8.7";

/// cargo-deny: licences, sources and advisories of the dependencies.
pub(crate) const CARGO_DENY: &str = "0.20.2";

/// The oldest Node that wrangler runs on.
pub(crate) const NODE_MIN: (u32, u32) = (22, 12);

/// The Node that is fetched from npm (package `node`) when the machine's is older than [`NODE_MIN`].
pub(crate) const NODE_FALLBACK: &str = "22.23.3";

/// What the Worker is compiled for.
pub(crate) const WASM_TARGET: &str = "wasm32-unknown-unknown";
