//! What the local Worker is set up with: wrangler.toml's variables and the secrets of `.dev.vars`.
//!
//! It makes `.dev.vars` when there is none and never changes one. Secrets go to the Worker, never to the terminal.

use std::fs;

use anyhow::{Context, Result, bail};
use seedhook::http::operator_token::OperatorToken;

use super::options::Options;
use crate::hooks::Hooks;
use crate::{dev_vars, project, sample};

/// The place that wrangler.toml's sample names and no real account has.
const SAMPLE_WORKSPACE: &str = "acme";

/// What was read.
#[derive(Debug)]
pub(super) struct Settings {
    /// The hooks, and their secrets.
    pub(super) hooks: Hooks,
    /// What a caller of `/api/` shows.
    pub(super) operator_token: String,
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
        let hooks = Hooks::read(None)?;
        let secret = |name: &str| {
            let value = hooks.secret(name);
            value.with_context(|| format!(".dev.vars has no {name}: write one as in .dev.vars.example"))
        };
        let (operator_token, key) = (secret("OPERATOR_TOKEN")?, secret("FABRICATE_API_KEY"));
        if let Err(error) = OperatorToken::new(Some(&operator_token)) {
            bail!("{error}, and put it into .dev.vars (the Worker refuses every call under /api/ otherwise)");
        }
        let settings = Self { hooks, operator_token };
        if options.live {
            let of_example = dev_vars::parse(&example).remove("FABRICATE_API_KEY");
            settings.must_be_real(&key?, of_example.as_deref())?;
        }
        Ok(settings)
    }

    /// Refuses to ask the real Fabricate with what only the sample has.
    fn must_be_real(&self, key: &str, of_example: Option<&str>) -> Result<()> {
        if of_example == Some(key) {
            bail!(
                "--live needs your own key: put it into .dev.vars as FABRICATE_API_KEY (what stands there is the example's)"
            );
        }
        let mut rules =
            self.hooks.configuration.hooks.values().flatten().flat_map(|hook| {
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
