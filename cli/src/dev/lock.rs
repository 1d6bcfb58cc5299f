//! One `dev` at a time in a folder: two would share the local Worker's state and the logs.

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::host::{Host, Write, read_text};
use crate::run_text::text;

/// The file that says which process runs here, and at which address. Empty where none does.
const FILE: &str = ".wrangler/dev/running.json";

/// # Errors
/// When a `dev` runs in this folder.
pub(super) fn must_be_alone(host: &impl Host) -> Result<()> {
    let Some(running) = read_text(host, FILE)?.and_then(|text| serde_json::from_str::<Value>(&text).ok())
    else {
        return Ok(());
    };
    let process = running.get("process").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
    // In a container each process may have the same number.
    let process = process.filter(|id| *id > 0 && *id != host.process_id() && host.is_running(*id));
    let Some(process) = process else { return Ok(()) };
    bail!(
        "dev runs in this folder already, at {} (process {process}): end it with Ctrl-C in its terminal; if that process is \
         another program, delete {FILE}",
        text(&running, "/url")
    )
}

/// Enters us as the one that runs here.
///
/// # Errors
/// When another one does, or the file cannot be written.
pub(super) fn take(host: &impl Host, url: &str) -> Result<()> {
    must_be_alone(host)?;
    let line = json!({"process": host.process_id(), "url": url}).to_string() + "\n";
    host.write_file(FILE, line.as_bytes(), Write::Replace)
}

/// Removes our entry. One that stays names a process that is gone.
pub(super) fn release(host: &impl Host) {
    let _ = host.write_file(FILE, &[], Write::Replace);
}
