//! seedhook
#[cfg(target_arch = "wasm32")]
mod cloudflare;
pub mod configuration;
pub mod fabricate;
pub mod hook;
pub mod journal;
pub mod ports;
pub mod run;
pub mod service;
pub mod timestamp;
