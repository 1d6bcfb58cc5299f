//! Signatures and handshakes by known answers: every file of `tests/vectors`, and those that `SEEDHOOK_VECTORS` names,
//! separated by colons.
//!
//! Prints `ok ID` or `WRONG ID: why` for each, and fails if one is wrong.
#![cfg_attr(target_arch = "wasm32", no_main)]
#![cfg(not(target_arch = "wasm32"))]
#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

#[path = "vectors/judge.rs"]
mod judge;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use seedhook::timestamp::Timestamp;
use seedhook::verify::rust_crypto::{RustCrypto, complete};
use serde_json::Value;

fn main() -> ExitCode {
    let (mut right, mut wrong) = (0, 0);
    for file in files() {
        for vector in read(&file) {
            let id = vector["id"].as_str().unwrap_or("without an id");
            match complete(judge::judge(&vector, &RustCrypto, system_time())) {
                Ok(()) => {
                    right += 1;
                    println!("ok {id}");
                }
                Err(why) => {
                    wrong += 1;
                    println!("WRONG {id}: {why}");
                }
            }
        }
    }
    println!("{right} vectors right, {wrong} wrong");
    if wrong == 0 && right > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let entries = std::fs::read_dir(folder).expect("tests/vectors");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let more = std::env::var("SEEDHOOK_VECTORS").unwrap_or_default();
    files.extend(more.split(':').filter(|name| !name.is_empty()).map(PathBuf::from));
    files
}

fn read(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[expect(clippy::disallowed_methods, reason = "a test on a real machine has its clock")]
fn system_time() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Timestamp::from_millis(i64::try_from(since.as_millis()).expect("this age"))
}
