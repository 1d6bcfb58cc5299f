//! The secrets of this machine: `.dev.vars`, as wrangler reads it.
//!
//! It reads and never writes; what it read goes to no terminal.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};

/// Values by name.
pub(crate) type Secrets = BTreeMap<String, String>;

/// The secrets beside a wrangler.toml: of `.dev.vars`, or of the example from which `cargo xtask dev` makes it.
pub(crate) fn read(folder: &Path) -> Result<Secrets> {
    for name in [".dev.vars", ".dev.vars.example"] {
        match fs::read_to_string(folder.join(name)) {
            Ok(text) => return Ok(parse(&text)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("{name} cannot be read")),
        }
    }
    Ok(Secrets::new())
}

/// Reads lines `NAME=value`; the value may stand in quotes. What is no such line is passed over.
pub(crate) fn parse(text: &str) -> Secrets {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.strip_prefix("export ").unwrap_or(line).split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), unquoted(value.trim()))).collect()
}

fn unquoted(value: &str) -> String {
    for quote in ['"', '\'', '`'] {
        let inside = value.strip_prefix(quote).and_then(|rest| rest.split_once(quote));
        if let Some((inside, _)) = inside {
            return inside.to_owned();
        }
    }
    // Without quotes a comment may follow.
    value.split('#').next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use seedhook::configuration::{Configuration, OperatorToken};
    use seedhook::link::LinkSecret;

    use super::*;
    use crate::{check, project};

    #[test]
    fn secrets_are_read_as_wrangler_reads_them() {
        let text = "# A=1\nB=plain # why\n C = \"quo#ted=\" # x\nexport D='d'\nE=\n\nno line\n";
        let secrets = parse(text);
        let expected = [("B", "plain"), ("C", "quo#ted="), ("D", "d"), ("E", "")];
        assert_eq!(secrets, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }

    #[test]
    fn the_example_has_every_secret_of_wrangler_toml() {
        let example = parse(&fs::read_to_string(project::path(".dev.vars.example")).unwrap());
        assert!(LinkSecret::new(example.get("LINK_SECRET").map(String::as_str)).is_ok());
        assert!(OperatorToken::new(example.get("OPERATOR_TOKEN").map(String::as_str)).is_ok());
        let vars = check::variables(&project::path("wrangler.toml")).unwrap();
        for name in Configuration::read(&vars).secret_names() {
            assert!(example.contains_key(name), "{name}");
        }
    }
}
