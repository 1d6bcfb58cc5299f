//! The configuration of the local Worker. Makes `.dev.vars` if it is missing, and never changes one.

use anyhow::{Context, Result, bail};
use seedhook::http::api_token::ApiToken;
use seedhook::http::secrets::{FABRICATE_API_KEY, OPERATOR_TOKEN};

use super::LOCAL_KEY;
use super::options::Options;
use crate::config_file::ConfigFile;
use crate::dev_vars::{EXAMPLE, FILE};
use crate::host::{Host, Write};
use crate::init::secrets;
use crate::local_config::LocalConfig;

/// The workspace of the local Fabricate, which no real one has.
const LOCAL_WORKSPACE: &str = "acme";

/// The settings.
#[derive(Debug)]
pub(super) struct Settings {
    /// The hooks and their secrets.
    pub(super) config: LocalConfig,
    /// The token for calls under `/api/`.
    pub(super) operator_token: String,
}

impl Settings {
    /// Reads the variables of a configuration, and `.dev.vars`.
    ///
    /// # Errors
    /// When a secret that the Worker needs is missing or invalid, or `--live` would use the sample's.
    pub(super) fn read(host: &impl Host, file: &ConfigFile, options: &Options) -> Result<Self> {
        make_dev_vars(host, file)?;
        let config = LocalConfig::of(host, file)?;
        let secret = |name: &str| {
            let value = config.secret(name);
            value.with_context(|| format!(".dev.vars has no {name}: add a line {name}=\"…\""))
        };
        let (operator_token, key) = (secret(OPERATOR_TOKEN)?, secret(FABRICATE_API_KEY));
        if let Err(error) = ApiToken::new(Some(&operator_token)) {
            bail!(
                "OPERATOR_TOKEN {error}, and put it into .dev.vars: the Worker rejects every call under /api/ without it"
            );
        }
        let settings = Self { config, operator_token };
        if options.live {
            settings.must_be_real(&key?)?;
        }
        Ok(settings)
    }

    /// An error if the key or a workspace is the local Fabricate's.
    fn must_be_real(&self, key: &str) -> Result<()> {
        if key == LOCAL_KEY {
            bail!(
                "--live needs your own key: put it into .dev.vars as FABRICATE_API_KEY, which still has the local Fabricate's"
            );
        }
        let mut rules =
            self.config.configuration.hooks.values().flatten().flat_map(|hook| {
                hook.rules.iter().map(move |rule| (hook.name.as_str(), &rule.target.workspace))
            });
        if let Some((hook, _)) = rules.find(|(_, workspace)| *workspace == LOCAL_WORKSPACE) {
            bail!(
                "--live needs your own workspace: [vars.HOOKS.{hook}] still has workspace = \"{LOCAL_WORKSPACE}\"; write \
                 yours there, with its database and workflow"
            );
        }
        Ok(())
    }
}

/// Makes a missing `.dev.vars`: from `.dev.vars.example`, if that has values, otherwise with random ones.
fn make_dev_vars(host: &impl Host, file: &ConfigFile) -> Result<()> {
    let (path, example) = (file.beside(FILE), file.beside(EXAMPLE));
    if host.entry(&path).is_some() {
        return Ok(());
    }
    let copied = host.read_file(&example)?.filter(|text| {
        let secrets = crate::dev_vars::parse(&String::from_utf8_lossy(text));
        secrets.get(OPERATOR_TOKEN).is_some_and(|token| !token.is_empty())
    });
    let (text, from) = match copied {
        Some(text) => (text, format!("from {example}")),
        None => (secrets::fresh(host, file)?.into_bytes(), "with random secrets".to_owned()),
    };
    host.write_file(&path, &text, Write::NewSecret)?;
    host.print(&format!("made {path} {from}\n"))
}
