//! How many bytes of the Worker's code each crate has.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use wasmparser::{KnownCustom, Name, Parser, Payload, TypeRef};

use crate::{build, project};

/// How many crates are printed; all others are one line.
const CRATES_SHOWN: usize = 15;

/// Prints the sizes of the module that is deployed, and what each crate has in it before the last optimisation: after that,
/// no function has a name.
pub(super) fn measure() -> Result<()> {
    let deployed =
        fs::read(project::path(build::WASM)).with_context(|| format!("{} is missing", build::WASM))?;
    println!("wasm: {} KB, {} KB compressed (gzip -9)", deployed.len() / 1_000, gzipped(&deployed)? / 1_000);
    let module = build::linked_module("seedhook");
    let module = fs::read(&module).with_context(|| format!("{} is missing", module.display()))?;
    let mut sizes: Vec<(String, usize)> = code_by_crate(&module)?.into_iter().collect();
    sizes.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let rest: usize = sizes.iter().skip(CRATES_SHOWN).map(|(_, bytes)| bytes).sum();
    println!("code by crate, bytes, before wasm-opt; generic code counts where it was defined");
    for (name, bytes) in sizes.iter().take(CRATES_SHOWN) {
        println!("{bytes:>10}  {name}");
    }
    println!("{rest:>10}  all others");
    Ok(())
}

fn gzipped(bytes: &[u8]) -> Result<usize> {
    let mut gzip = Command::new("gzip");
    let mut gzip =
        gzip.arg("-9").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("gzip is missing")?;
    let mut stdin = gzip.stdin.take().context("gzip has no input")?;
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(bytes));
        gzip.wait_with_output()
    })?;
    ensure!(output.status.success(), "gzip failed");
    Ok(output.stdout.len())
}

/// The bytes of all functions of each crate.
fn code_by_crate(module: &[u8]) -> Result<BTreeMap<String, usize>> {
    let (mut bodies, mut imported, mut names) = (Vec::new(), 0, BTreeMap::new());
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    imported += usize::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionEntry(body) => bodies.push(body.range().len()),
            Payload::CustomSection(section) => {
                let KnownCustom::Name(section) = section.as_known() else { continue };
                for name in section {
                    let Name::Function(functions) = name? else { continue };
                    for function in functions {
                        let function = function?;
                        names.insert(function.index as usize, function.name);
                    }
                }
            }
            _ => {}
        }
    }
    let mut sizes = BTreeMap::new();
    for (index, bytes) in bodies.iter().enumerate() {
        let name = names.get(&(imported + index)).copied().unwrap_or_default();
        *sizes.entry(crate_of(name)).or_default() += bytes;
    }
    Ok(sizes)
}

/// The crate that defines a function: the first name of its path, or of the type that a trait is implemented for.
fn crate_of(symbol: &str) -> String {
    let name = format!("{:#}", rustc_demangle::demangle(symbol));
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    let path = name.trim_start_matches(|letter| !is_name(letter));
    let path = ["dyn ", "mut ", "const "].iter().fold(path, |path, word| path.trim_start_matches(word));
    let first = path.split(|letter| !is_name(letter)).next().unwrap_or_default();
    if path.starts_with(&format!("{first}::")) { first.to_owned() } else { "(generic code)".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(symbol: &str, expected: &str) {
        assert_eq!(crate_of(symbol), expected, "{symbol}");
    }

    #[test]
    fn a_function_counts_for_the_crate_that_defines_it() {
        check("_ZN8seedhook4http6answer17h63827e4857edca1eE", "seedhook");
        check(
            "_ZN61_$LT$jiff..error..ErrorKind$u20$as$u20$core..fmt..Display$GT$3fmt17h4010802a3e1de4e8E",
            "jiff",
        );
        check("_ZN4core3ptr41drop_in_place$LT$worker..error..Error$GT$17h4010802a3e1de4e8E", "core");
        check(
            "_RNvMs0_NtCsjqx8TIyZbP9_8dlmalloc8dlmallocINtB5_8DlmallocNtNtB7_3sys6SystemE6mallocCsebHcaeoSrxy_3std",
            "dlmalloc",
        );
        check("_ZN42_$LT$$RF$T$u20$as$u20$core..fmt..Debug$GT$3fmt17h4010802a3e1de4e8E", "(generic code)");
        check("__wbindgen_malloc", "(generic code)");
        check("", "(generic code)");
    }
}
