//! The secrets of a deployed Worker: which it needs, and where each comes from. Values are printed only where a random one has
//! to be known to somebody.

use anyhow::{Result, bail};
use seedhook::config::Configuration;
use seedhook::config::sender::sender;
use seedhook::example_secrets::Exposure;
use seedhook::hook::Hook;
use seedhook::http::api_token::ApiToken;
use seedhook::http::secrets::{FABRICATE_API_KEY, LINK_SECRET, OPERATOR_TOKEN};
use seedhook::link::LinkSecret;
use seedhook::notify::target::Address;
use serde_json::{Map, Value};

use crate::LOCAL_KEY;
use crate::host::Host;
use crate::init::secrets::{of_hook, random};

/// A secret that the Worker needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Needed {
    /// Its name.
    pub(super) name: String,
    /// What it is for, for people.
    pub(super) purpose: String,
    kind: Kind,
}

/// Who chooses a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Fabricate: without it nothing works.
    Fabricate,
    /// The Worker alone needs it.
    Own,
    /// We choose it, and the operator needs it.
    Operator,
    /// We choose it, and enter it at the sender or the receiver.
    Shared,
    /// The sender chooses it, or lets us: the user knows which.
    Either,
    /// The sender or receiver chooses it, often when it has the address.
    Theirs,
}

/// Where a secret comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A variable of the same name.
    Environment,
    /// Made here.
    Random,
    /// Typed.
    Terminal,
}

/// The secrets to set.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Names and values.
    pub(super) values: Map<String, Value>,
    /// The random ones that somebody needs.
    pub(super) shown: Vec<(String, String)>,
    /// The names of those that are not set yet.
    pub(super) unset: Vec<String>,
}

impl Needed {
    fn new(name: &str, purpose: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.to_owned(), purpose: purpose.into(), kind }
    }

    /// Where it will come from.
    pub(super) fn origin(&self, host: &impl Host) -> Origin {
        match self.kind {
            _ if of_environment(host, &self.name).is_some() => Origin::Environment,
            Kind::Own | Kind::Operator | Kind::Shared => Origin::Random,
            Kind::Fabricate | Kind::Either | Kind::Theirs => Origin::Terminal,
        }
    }

    /// What will be done, for people.
    pub(super) fn plan(&self, host: &impl Host) -> &'static str {
        let is_terminal = host.terminal().is_terminal;
        match self.origin(host) {
            Origin::Environment => "from the environment",
            Origin::Random if is_terminal || !self.is_known_to_somebody() => "random",
            Origin::Random => "must be in the environment, because there is no terminal to show a random one",
            Origin::Terminal if is_terminal && self.kind == Kind::Either => "asked for, or random",
            Origin::Terminal if is_terminal => "asked for",
            Origin::Terminal if self.kind != Kind::Theirs => "must be in the environment",
            Origin::Terminal => "left unset, because there is no terminal to ask at",
        }
    }

    /// Whether a person or another program has to have it.
    pub(super) fn is_known_to_somebody(&self) -> bool {
        self.kind != Kind::Own
    }
}

/// The secrets that a configuration needs, each once.
pub(super) fn needed(configuration: &Configuration) -> Vec<Needed> {
    let mut all =
        vec![Needed::new(FABRICATE_API_KEY, "Fabricate: Account Settings → API Keys", Kind::Fabricate)];
    if configuration.access.is_none() {
        all.push(Needed::new(OPERATOR_TOKEN, "opens /api/ and the dashboard", Kind::Operator));
    }
    all.push(Needed::new(LINK_SECRET, "signs links to files", Kind::Own));
    for hook in configuration.hooks.values().flatten() {
        for name in hook.verify.all_secret_names() {
            let purpose = format!("verifies deliveries to the hook {}", hook.name);
            all.push(Needed::new(name, purpose, kind_of(hook, name)));
        }
    }
    for target in configuration.targets.iter() {
        let purpose = format!("notifies the target {}", target.name);
        if let Address::Secret(name) = &target.address {
            all.push(Needed::new(name, purpose.clone(), Kind::Theirs));
        }
        all.extend(target.secret_name.iter().map(|name| Needed::new(name, purpose.clone(), Kind::Theirs)));
    }
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|needed| seen.insert(needed.name.clone()));
    all
}

/// Who chooses a hook's secret: we, where the sender's steps begin with inventing one; a token of a handshake is always ours. A
/// sender that the hook describes itself may show a key for its signatures, or take one of ours.
fn kind_of(hook: &Hook, name: &str) -> Kind {
    if hook.verify.verify_token_name.as_deref() == Some(name) {
        return Kind::Shared;
    }
    let Some(sender) = hook.sender.as_deref().and_then(sender) else {
        return match hook.verify.scheme.as_str() {
            "ed25519" | "ecdsa-p256" => Kind::Theirs,
            "hmac" | "jwt" => Kind::Either,
            _ => Kind::Shared,
        };
    };
    let says = |words: &str| sender.setup.iter().any(|step| step.contains(words));
    if says("Invent a secret") {
        Kind::Shared
    } else if says("invent a secret") {
        Kind::Either
    } else {
        Kind::Theirs
    }
}

fn of_environment(host: &impl Host, name: &str) -> Option<String> {
    host.env(name).filter(|value| !value.trim().is_empty())
}

/// Collects the values of missing secrets, from the environment, at random, or from the terminal.
///
/// # Errors
/// When a value cannot be used, or one that must be there is not.
pub(super) async fn collect(
    host: &impl Host,
    configuration: &Configuration,
    missing: Vec<Needed>,
) -> Result<Found> {
    let mut found = Found::default();
    for needed in missing {
        match value(host, configuration, &needed, &mut found.shown).await? {
            Some(value) => {
                must_be_usable(&needed.name, &value)?;
                found.values.insert(needed.name, value.into());
            }
            None => found.unset.push(needed.name),
        }
    }
    Ok(found)
}

/// The value of a secret. `None` for one that is set later. `shown` gets those that somebody has to know.
async fn value(
    host: &impl Host,
    configuration: &Configuration,
    needed: &Needed,
    shown: &mut Vec<(String, String)>,
) -> Result<Option<String>> {
    let name = &needed.name;
    match needed.origin(host) {
        Origin::Environment => return Ok(of_environment(host, name)),
        Origin::Random => {}
        Origin::Terminal => match (typed(host, needed).await?, needed.kind) {
            (Some(value), _) if !value.is_empty() => return Ok(Some(value)),
            (_, Kind::Fabricate) => {
                bail!("{name} is missing: set it in the environment. Nothing was changed")
            }
            (Some(_), Kind::Either) => {}
            (None, Kind::Either) => {
                bail!(
                    "{name} must be in the environment: there is no terminal to ask at. Nothing was changed"
                )
            }
            _ => return Ok(None),
        },
    }
    let is_shown = needed.is_known_to_somebody();
    if is_shown && !host.terminal().is_terminal {
        bail!(
            "{name} must be in the environment: there is no terminal to show a random one. Nothing was changed"
        );
    }
    let value = made(host, configuration, needed)?;
    if is_shown {
        shown.push((name.clone(), value.clone()));
    }
    Ok(Some(value))
}

/// What is typed; empty for blanks, and `None` where there is no terminal.
async fn typed(host: &impl Host, needed: &Needed) -> Result<Option<String>> {
    let skip = match needed.kind {
        Kind::Fabricate => "",
        Kind::Either => "; what the sender shows, or empty for a random one to enter there",
        _ => "; empty to set it later",
    };
    let prompt = format!("{} ({}{skip}): ", needed.name, needed.purpose);
    let value = host.ask_secret(&prompt).await?;
    let value = value.map(|value| value.trim_end_matches(['\r', '\n']).to_owned());
    Ok(value.map(|value| if value.trim().is_empty() { String::new() } else { value }))
}

/// A random secret in the form that its hook takes.
fn made(host: &impl Host, configuration: &Configuration, needed: &Needed) -> Result<String> {
    let hooks = configuration.hooks.values().flatten();
    for hook in hooks.filter(|hook| hook.verify.all_secret_names().any(|name| name == needed.name)) {
        let known = of_hook(host, hook)?.into_iter().find(|(name, _)| *name == needed.name);
        if let Some((_, Some(value))) = known {
            return Ok(value);
        }
    }
    random(host)
}

/// An error about a value that a deployed Worker, or Fabricate, would not take.
fn must_be_usable(name: &str, value: &str) -> Result<()> {
    if let Err(error) = Exposure::Public.usable(Some(value.to_owned())) {
        bail!("{name} {error}: set a value of your own in the environment. Nothing was changed");
    }
    let problem = match name {
        FABRICATE_API_KEY if value.trim() == LOCAL_KEY => Some(
            "is the key of the local Fabricate: set your own in the environment (Fabricate: Account Settings → API Keys)"
                .to_owned(),
        ),
        OPERATOR_TOKEN => ApiToken::new(Some(value)).err().map(|error| error.to_string()),
        LINK_SECRET => LinkSecret::new(Some(value)).err().map(|error| error.to_string()),
        _ => None,
    };
    match problem {
        Some(problem) => bail!("{name} {problem}. Nothing was changed"),
        None => Ok(()),
    }
}
