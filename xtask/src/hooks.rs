//! The hooks of a wrangler.toml, with the secrets that this machine has for them.
//!
//! It is what the Worker would read, by the Worker's own code; it changes nothing.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use seedhook::config::Configuration;
use seedhook::expression::nearest;
use seedhook::hook::{Hook, HookName};

use crate::dev_vars::Secrets;
use crate::{check, dev_vars, project};

/// What was read.
#[derive(Debug)]
pub(crate) struct Hooks {
    /// What the variables say.
    pub(crate) configuration: Configuration,
    secrets: Secrets,
    file: PathBuf,
}

impl Hooks {
    /// Reads the project's wrangler.toml, or another; secrets are those of the `.dev.vars` beside it.
    pub(crate) fn read(config: Option<&Path>) -> Result<Self> {
        let file = config.map_or_else(|| project::path("wrangler.toml"), Path::to_path_buf);
        let configuration = Configuration::read(&check::variables(&file)?);
        Ok(Self::new(configuration, dev_vars::read(&dev_vars_folder(&file))?, file))
    }

    /// Hooks that were read from `file`.
    pub(crate) fn new(configuration: Configuration, secrets: Secrets, file: PathBuf) -> Self {
        Self { configuration, secrets, file }
    }

    /// A secret's value; none where it is blank, as for the Worker.
    pub(crate) fn secret(&self, name: &str) -> Option<String> {
        self.secrets.get(name).filter(|value| !value.trim().is_empty()).cloned()
    }

    /// A hook by its name; the error says what would be right.
    pub(crate) fn find(&self, name: Option<&str>) -> Result<&Hook> {
        let known: Vec<&str> = self.configuration.hooks.keys().map(HookName::as_str).collect();
        let file = self.file.display();
        let Some(name) = name else {
            bail!("name a hook: {file} has {}", listed(&known));
        };
        match self.configuration.hooks.iter().find(|(known, _)| known.as_str() == name) {
            Some((_, Ok(hook))) => Ok(hook),
            Some((_, Err(mistakes))) => {
                let mut text = format!("hook {name} has mistakes, so the Worker answers 503");
                for mistake in mistakes {
                    let _ = write!(text, "\n  {mistake}");
                }
                Err(anyhow!("{text}\n`cargo xtask check` says in which line of {file}"))
            }
            None => {
                let near = nearest(name, &known).map(|near| format!("; did you mean {near}?"));
                let others = || format!("; it has {}", listed(&known));
                let mut text = format!("{file} has no hook {name}{}", near.unwrap_or_else(others));
                for mistake in &self.configuration.mistakes {
                    let _ = write!(text, "\n  {mistake}");
                }
                Err(anyhow!(text))
            }
        }
    }
}

/// The folder in which wrangler looks for `.dev.vars`.
pub(crate) fn dev_vars_folder(config: &Path) -> PathBuf {
    config.parent().map(Path::to_path_buf).unwrap_or_default()
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "no hook".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hooks() -> Hooks {
        let crm = json!({"workspace": "w", "database": "d", "workflow": "f", "verify": {"scheme": "none"}});
        let vars =
            json!({"HOOKS": {"crm-deal-won": crm, "stripe": crm, "bad": {"workspace": "w"}, "No_Name": crm}});
        let configuration = Configuration::read(vars.as_object().unwrap());
        let secrets = [("A", "a"), ("B", "  ")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        Hooks::new(configuration, secrets.into(), "w.toml".into())
    }

    #[track_caller]
    fn check(name: Option<&str>, expected: &[&str]) {
        let hooks = hooks();
        let text = hooks.find(name).unwrap_err().to_string();
        for part in expected {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn who_misspells_a_hook_is_told_the_nearest() {
        assert!(hooks().find(Some("stripe")).is_ok());
        check(Some("stirpe"), &["w.toml has no hook stirpe; did you mean stripe?"]);
        check(Some("zzzzzzzz"), &["it has bad, crm-deal-won, stripe"]);
        check(
            Some("No_Name"),
            &["w.toml has no hook No_Name", "HOOKS.No_Name: must have a name of 1 to 63 of a-z, 0-9 and -"],
        );
        check(None, &["name a hook: w.toml has bad, crm-deal-won, stripe"]);
    }

    #[test]
    fn the_mistakes_of_a_hook_are_told() {
        check(
            Some("bad"),
            &["hook bad has mistakes", "HOOKS.bad: `verify` is missing", "`workflow` is missing"],
        );
    }

    #[test]
    fn a_blank_secret_is_not_set() {
        assert_eq!(hooks().secret("A").as_deref(), Some("a"));
        assert_eq!(hooks().secret("B"), None);
        assert_eq!(hooks().secret("C"), None);
    }
}
