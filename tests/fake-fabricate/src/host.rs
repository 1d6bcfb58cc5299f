//! What the program around this crate gives it: the time, a timer, threads and a place for lines. Natively that is
//! Tokio, in wasm32 it is Node. It must be the only place where the core of this crate knows the two apart.

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod node;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::{Lines, monotonic, run_blocking, sleep, unix_ms};
#[cfg(target_arch = "wasm32")]
pub(crate) use node::{Lines, monotonic, run_blocking, sleep, unix_ms};
