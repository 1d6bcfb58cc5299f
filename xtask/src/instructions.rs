//! `cargo xtask instructions`: counts the instructions of the pure path, and compares them with the stored counts.
//!
//! A time depends on the machine and on what else runs there; a count does not. The cases are in `tests/instructions/`.
//! They run in an interpreter that counts each instruction as fuel.

mod counts;
mod wasm;

use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

use anyhow::{Context, Result, bail};
use lexopt::Arg;

use crate::command::{self, cargo};
use crate::project;
use crate::setup::WASM_TARGET;
use crate::terminal::help;
use counts::{Counts, Verdict};

const HELP: &str = "\
cargo xtask instructions [--update]

Counts the wasm instructions of the pure path of a delivery, and compares them with tests/instructions/counts.toml. A count
that differs by more than 2 % fails. How fast or busy the machine is does not matter.

  --update    store the counts
";

/// The file with the stored counts.
const STORED: &str = "tests/instructions/counts.toml";

/// The crate with the cases, and the profile that it is compiled with.
const NAME: &str = "instructions";

/// A function whose instructions are counted.
struct Case {
    name: &'static str,
    /// Whether a call before the counted one reads the hook and fills what is computed once.
    is_warm: bool,
}

const CASES: &[Case] = &[
    Case { name: "ignored_2k", is_warm: true },
    Case { name: "refused_2k", is_warm: true },
    Case { name: "accepted_plan_64k", is_warm: true },
    Case { name: "first_call_50_hooks", is_warm: false },
];

/// Reads the arguments, and compares or stores the counts.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    let mut update = false;
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(help(HELP)),
            Arg::Long("update") => update = true,
            other => return Err(other.unexpected().into()),
        }
    }
    if update {
        let counts = count()?;
        fs::write(project::path(STORED), counts.to_toml())
            .with_context(|| format!("{STORED} cannot be written"))?;
        println!("stored in {STORED}");
    } else {
        check()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Counts, prints each count beside the stored one, and fails if one differs by more than the tolerance.
pub(crate) fn check() -> Result<()> {
    let text =
        fs::read_to_string(project::path(STORED)).with_context(|| format!("{STORED} cannot be read"))?;
    let stored = Counts::parse(&text).with_context(|| STORED.to_owned())?;
    let comparison = stored.compare(&count()?);
    print!("{}", comparison.text);
    match comparison.verdict {
        Verdict::Same => Ok(()),
        Verdict::Lower => {
            bail!("fewer instructions than stored: keep the gain with `cargo xtask instructions --update`")
        }
        Verdict::Higher => bail!(
            "more instructions than stored: find the cause, or store what is worth it with `cargo xtask instructions \
             --update`"
        ),
        Verdict::OtherCases => {
            bail!("{STORED} has other cases: `cargo xtask instructions --update` stores these")
        }
    }
}

/// Compiles the cases and counts each one in an instance of its own.
fn count() -> Result<Counts> {
    let mut build = cargo(&["build", "--package", NAME, "--profile", NAME, "--target", WASM_TARGET]);
    command::run(&mut build)?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| project::path("target"), PathBuf::from);
    let file = target.join(WASM_TARGET).join(NAME).join(format!("{NAME}.wasm"));
    let bytes = fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    let module = wasm::Module::new(&bytes)?;
    let mut counts = Counts::default();
    for case in CASES {
        let mut instance = module.instance()?;
        instance.count("prepare")?;
        if case.is_warm {
            instance.count(case.name)?;
        }
        counts.insert(case.name, instance.count(case.name)?);
    }
    Ok(counts)
}
