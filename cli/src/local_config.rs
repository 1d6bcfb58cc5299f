//! The configuration that a Worker on this machine would read: the hooks of `wrangler.toml` or `wrangler.jsonc`, and the
//! secrets of `.dev.vars`.

use anyhow::{Result, bail};
use seedhook::config::Configuration;
use seedhook::config::mistake::Mistake;
use seedhook::expression::nearest;
use seedhook::hook::{Hook, HookName};

use crate::config_file::ConfigFile;
use crate::dev_vars::{self, Secrets};
use crate::exit::Usage;
use crate::host::Host;

/// The configuration of this machine.
#[derive(Debug)]
pub(crate) struct LocalConfig {
    /// The variables, as the Worker's own code reads them.
    pub(crate) configuration: Configuration,
    secrets: Secrets,
    file: String,
}

impl LocalConfig {
    /// Reads a configuration (see [`ConfigFile::find`]), and the `.dev.vars` in the same folder.
    pub(crate) fn read(host: &impl Host, given: Option<&str>) -> Result<Self> {
        Self::of(host, &ConfigFile::read(host, &ConfigFile::find(host, given)?)?)
    }

    /// The configuration of a file, and the `.dev.vars` in the same folder.
    pub(crate) fn of(host: &impl Host, file: &ConfigFile) -> Result<Self> {
        let secrets = dev_vars::read_beside(host, file)?;
        Ok(Self::new(Configuration::read(&file.variables()), secrets, file.path.clone()))
    }

    /// A configuration from its parts. Messages name `file`.
    pub(crate) fn new(configuration: Configuration, secrets: Secrets, file: String) -> Self {
        Self { configuration, secrets, file }
    }

    /// A secret's value. A blank one counts as not set, as it does for the Worker.
    pub(crate) fn secret(&self, name: &str) -> Option<String> {
        self.secrets.get(name).filter(|value| !value.trim().is_empty()).cloned()
    }

    /// The hook of a name.
    ///
    /// # Errors
    /// When no name is given, no hook has it, or the hook has mistakes.
    pub(crate) fn hook(&self, name: Option<&str>) -> Result<&Hook> {
        let known: Vec<&str> = self.configuration.hooks.names().map(HookName::as_str).collect();
        let file = &self.file;
        let Some(name) = name else {
            bail!(Usage(format!("the name of a hook is missing: {file} has {}", listed(&known))));
        };
        let valid = HookName::try_from(name.to_owned()).ok();
        match valid.and_then(|name| self.configuration.hooks.get(&name)) {
            Some(Ok(hook)) => Ok(hook),
            Some(Err(mistakes)) => {
                let mistakes = lines(mistakes);
                bail!(
                    "hook {name} has mistakes, so the Worker answers 503{mistakes}\n\
                     `npx seedhook check` shows their lines in {file}"
                )
            }
            None => {
                let near = nearest(name, &known).map(|near| format!("; did you mean {near}?"));
                let hint = near.unwrap_or_else(|| format!("; it has {}", listed(&known)));
                bail!("{file} has no hook {name}{hint}{}", lines(&self.configuration.mistakes))
            }
        }
    }
}

/// One indented line for each mistake.
fn lines(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(|mistake| format!("\n  {mistake}")).collect::<Vec<_>>().concat()
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "no hook".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config() -> LocalConfig {
        let crm = json!({"workspace": "w", "database": "d", "workflow": "f", "verify": {"scheme": "none"}});
        let vars =
            json!({"HOOKS": {"crm-deal-won": crm, "stripe": crm, "bad": {"workspace": "w"}, "No_Name": crm}});
        let configuration = Configuration::read(vars.as_object().unwrap());
        let secrets = [("A", "a"), ("B", "  ")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        LocalConfig::new(configuration, secrets.into(), "w.toml".into())
    }

    #[track_caller]
    fn check(name: Option<&str>, expected: &[&str]) {
        let text = config().hook(name).unwrap_err().to_string();
        for part in expected {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn an_unknown_hook_name_gets_a_suggestion() {
        assert!(config().hook(Some("stripe")).is_ok());
        check(Some("stirpe"), &["w.toml has no hook stirpe; did you mean stripe?"]);
        check(Some("zzzzzzzz"), &["it has bad, crm-deal-won, stripe"]);
        check(
            Some("No_Name"),
            &["w.toml has no hook No_Name", "HOOKS.No_Name: must have a name of 1 to 63 of a-z, 0-9 and -"],
        );
        check(None, &["the name of a hook is missing: w.toml has bad, crm-deal-won, stripe"]);
        assert!(config().hook(None).unwrap_err().is::<Usage>());
    }

    #[test]
    fn a_hook_with_mistakes_is_an_error_that_lists_them() {
        check(
            Some("bad"),
            &["hook bad has mistakes", "HOOKS.bad: `verify` is missing", "`workflow` is missing"],
        );
    }

    #[test]
    fn a_blank_secret_is_not_set() {
        assert_eq!(config().secret("A").as_deref(), Some("a"));
        assert_eq!(config().secret("B"), None);
        assert_eq!(config().secret("C"), None);
    }
}
