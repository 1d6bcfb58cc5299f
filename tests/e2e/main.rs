//! End-to-end: the built Worker in real workerd, under a configuration of its own, against the fake Fabricate.
//!
//! `cargo xtask test` builds what they need and says where it is. They know the Worker from outside alone.
#![cfg(unix)]
#![expect(clippy::panic, clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod access;
mod bad_days;
mod bench;
mod chaos;
mod copies;
mod dashboard;
mod downloads;
mod files;
mod hostile;
mod intake;
mod log_lines;
#[path = "../log_table/mod.rs"]
mod log_table;
mod main_job;
mod metrics;
mod notifications;
mod operator;
mod queue;
mod results;
mod schedules;
mod senders;
mod stage;
mod status_links;
mod turns;
