//! What the local Worker is set up with: wrangler.toml's variables and the secrets of `.dev.vars`.
//!
//! It makes `.dev.vars` when there is none and never changes one. Secrets go to the Worker, never to the terminal.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};
use seedhook::configuration::Configuration;

use super::options::Options;
use super::sample;
use crate::{check, project};

/// The place that wrangler.toml's sample names and no real account has.
const SAMPLE_WORKSPACE: &str = "acme";

/// What was read.
#[derive(Debug)]
pub(super) struct Settings {
    /// The hooks.
    pub(super) configuration: Configuration,
    /// What a caller of `/api/` shows.
    pub(super) operator_token: String,
    secrets: BTreeMap<String, String>,
}

impl Settings {
    /// Reads them, and refuses what cannot work.
    pub(super) fn read(options: &Options) -> Result<Self> {
        let example = fs::read_to_string(project::path(".dev.vars.example"))
            .context(".dev.vars.example cannot be read")?;
        let file = project::path(".dev.vars");
        if !file.exists() {
            fs::write(&file, &example).context(".dev.vars cannot be written")?;
            println!("made .dev.vars from .dev.vars.example");
        }
        let secrets = parse(&fs::read_to_string(&file).context(".dev.vars cannot be read")?);
        let secret = |name: &str| {
            let value = secrets.get(name).filter(|value| !value.is_empty()).cloned();
            value.with_context(|| format!(".dev.vars has no {name}: write one as in .dev.vars.example"))
        };
        let configuration = Configuration::read(&check::variables(&project::path("wrangler.toml"))?);
        let settings =
            Self { configuration, operator_token: secret("OPERATOR_TOKEN")?, secrets: secrets.clone() };
        if options.live {
            settings.must_be_real(&secret("FABRICATE_API_KEY")?, &parse(&example))?;
        }
        Ok(settings)
    }

    /// A secret of `.dev.vars`.
    pub(super) fn secret(&self, name: &str) -> Option<&str> {
        self.secrets.get(name).map(String::as_str)
    }

    /// Refuses to ask the real Fabricate with what only the sample has.
    fn must_be_real(&self, key: &String, example: &BTreeMap<String, String>) -> Result<()> {
        if example.get("FABRICATE_API_KEY") == Some(key) {
            bail!(
                "--live needs your own key: put it into .dev.vars as FABRICATE_API_KEY (what stands there is the example's)"
            );
        }
        let mut rules =
            self.configuration.hooks.values().flatten().flat_map(|hook| {
                hook.rules.iter().map(move |rule| (hook.name.as_str(), &rule.target.workspace))
            });
        if rules.any(|(hook, workspace)| hook == sample::HOOK && workspace == SAMPLE_WORKSPACE) {
            bail!(
                "--live needs a workspace of yours: wrangler.toml still says workspace = \"{SAMPLE_WORKSPACE}\" in \
                 [vars.HOOKS.{}]; put yours there, with its database and workflow",
                sample::HOOK
            );
        }
        Ok(())
    }
}

/// Reads lines `NAME=value`; the value may stand in quotes. What is no such line is passed over.
fn parse(text: &str) -> BTreeMap<String, String> {
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
    use super::*;

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
        let vars = check::variables(&project::path("wrangler.toml")).unwrap();
        for name in Configuration::read(&vars).secret_names() {
            assert!(example.contains_key(name), "{name}");
        }
    }
}
