//! The configuration of the local Worker. Creates `.dev.vars` if it is missing, and never changes one.

use std::fs;

use anyhow::{Context, Result, bail};
use seedhook::http::api_token::ApiToken;

use super::options::Options;
use crate::local_config::LocalConfig;
use crate::webhook_request::SAMPLE_HOOK;
use crate::{dev_vars, project};

/// The workspace of the sample hook in wrangler.toml. It does not exist.
const SAMPLE_WORKSPACE: &str = "acme";

/// The settings.
#[derive(Debug)]
pub(super) struct Settings {
    /// The hooks and their secrets.
    pub(super) config: LocalConfig,
    /// The token for calls under `/api/`.
    pub(super) operator_token: String,
}

impl Settings {
    /// Reads wrangler.toml and `.dev.vars`.
    ///
    /// # Errors
    /// When a secret that the Worker needs is missing or invalid, or `--live` would use the sample's.
    pub(super) fn read(options: &Options) -> Result<Self> {
        let example = fs::read_to_string(project::path(".dev.vars.example"))
            .context(".dev.vars.example cannot be read")?;
        let file = project::path(".dev.vars");
        if !file.exists() {
            fs::write(&file, &example).context(".dev.vars cannot be written")?;
            println!("created .dev.vars from .dev.vars.example");
        }
        let config = LocalConfig::read(None)?;
        let secret = |name: &str| {
            let value = config.secret(name);
            value.with_context(|| format!(".dev.vars has no {name}: add the line of .dev.vars.example"))
        };
        let (operator_token, key) = (secret("OPERATOR_TOKEN")?, secret("FABRICATE_API_KEY"));
        if let Err(error) = ApiToken::new(Some(&operator_token)) {
            bail!(
                "OPERATOR_TOKEN {error}, and put it into .dev.vars: the Worker rejects every call under /api/ without it"
            );
        }
        let settings = Self { config, operator_token };
        if options.live {
            let example_key = dev_vars::parse(&example).remove("FABRICATE_API_KEY");
            settings.must_be_real(&key?, example_key.as_deref())?;
        }
        Ok(settings)
    }

    /// An error if the key or the workspace is the sample's, which the real Fabricate does not know.
    fn must_be_real(&self, key: &str, example_key: Option<&str>) -> Result<()> {
        if example_key == Some(key) {
            bail!(
                "--live needs your own key: put it into .dev.vars as FABRICATE_API_KEY, which still has the example's value"
            );
        }
        let mut rules =
            self.config.configuration.hooks.values().flatten().flat_map(|hook| {
                hook.rules.iter().map(move |rule| (hook.name.as_str(), &rule.target.workspace))
            });
        if rules.any(|(hook, workspace)| hook == SAMPLE_HOOK && workspace == SAMPLE_WORKSPACE) {
            bail!(
                "--live needs your own workspace: wrangler.toml still has workspace = \"{SAMPLE_WORKSPACE}\" in \
                 [vars.HOOKS.{SAMPLE_HOOK}]; write yours there, with its database and workflow"
            );
        }
        Ok(())
    }
}
