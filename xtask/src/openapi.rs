//! `cargo xtask openapi`: writes `openapi.json`, which describes the HTTP API.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use lexopt::Arg;

use crate::project;
use crate::terminal::help;

/// The file, at the project's root.
const FILE: &str = "openapi.json";

const HELP: &str = "\
cargo xtask openapi [--check]

Writes openapi.json, the OpenAPI 3.1 document of the HTTP API, from the types and routes of src/http/.

  --check    write nothing, and fail if the file is out of date
";

/// Reads the arguments, and writes or checks the file.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    let mut check = false;
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(help(HELP)),
            Arg::Long("check") => check = true,
            other => return Err(other.unexpected().into()),
        }
    }
    let path = project::path(FILE);
    let text = seedhook::http::openapi::text();
    // Git may check it out with other line ends.
    let is_current = fs::read_to_string(&path).is_ok_and(|file| file.replace("\r\n", "\n") == text);
    if is_current {
        println!("{FILE} is up to date");
    } else if check {
        bail!("{FILE} is out of date: renew it with `cargo xtask openapi`");
    } else {
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{FILE} is renewed");
    }
    Ok(ExitCode::SUCCESS)
}
