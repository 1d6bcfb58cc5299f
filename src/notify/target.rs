//! A target: an endpoint that is notified, as `NOTIFY` configures it, and the requests that it gets.

use std::collections::BTreeMap;
use std::net::IpAddr;

use url::{Host, Url};

use super::Message;
use super::signature::SigningKey;
use crate::hook::subscription::{RunEvent, TargetName};
use crate::reach::{Reach, reach};
use crate::timestamp::Timestamp;

/// How messages for a target are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A signed JSON event, for programs: <https://www.standardwebhooks.com>.
    StandardWebhooks,
    /// For a channel of Slack, by an incoming webhook.
    Slack,
    /// For a channel of Discord, by a webhook.
    Discord,
    /// For a channel of Microsoft Teams, by a workflow that takes webhooks.
    Teams,
}

impl Format {
    /// Every format, with its spelling in the configuration.
    pub const ALL: [(&'static str, Self); 4] = [
        ("standard-webhooks", Self::StandardWebhooks),
        ("slack", Self::Slack),
        ("discord", Self::Discord),
        ("teams", Self::Teams),
    ];

    /// Its spelling in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, format)| *format == self).map_or("", |(word, _)| word)
    }
}

/// What a message has beside the run: only where the target asks for it, because it may be personal or large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Include {
    /// The workflow's parameters.
    pub params: bool,
    /// The task's result.
    pub result: bool,
    /// The archived files, with signed links.
    pub files: bool,
}

/// Where a target's address is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// In the configuration.
    Url(Url),
    /// In the secret of this name, because whoever knows the address may post.
    Secret(String),
}

/// A configured target, without mistakes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The name.
    pub name: TargetName,
    /// Where messages go.
    pub address: Address,
    /// The name of the secret with which they are signed; always there where the format is [`Format::StandardWebhooks`].
    pub secret_name: Option<String>,
    /// How they are written.
    pub format: Format,
    /// What they have beside the run.
    pub include: Include,
    /// Private addresses that the target may have, as IP addresses.
    pub allowed: Vec<IpAddr>,
    /// Whether it is told when seedhook itself is unhealthy.
    pub is_told_of_health: bool,
}

/// Every target of the configuration.
#[derive(Debug, Default)]
pub struct Targets {
    by_name: BTreeMap<TargetName, Option<Target>>,
    /// Of which events of its runs each is told, also where it has another mistake.
    events: BTreeMap<TargetName, Vec<RunEvent>>,
    /// The targets that every hook has, or that name a hook themselves.
    of_hooks: Vec<(TargetName, Vec<String>)>,
}

/// Why a target cannot be asked now. No part of a secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnusableTarget {
    /// The configuration has no such target.
    #[error("the configuration has no target of this name")]
    NotConfigured,
    /// The configuration of the target has a mistake.
    #[error("the target's configuration has a mistake, which is in the log and in GET /health")]
    Misconfigured,
    /// A secret of the target is not set.
    #[error("the secret {0} is not set")]
    NoSecret(String),
    /// The address is not one that may be asked.
    #[error("the address in {name} {problem}")]
    Address {
        /// The secret.
        name: String,
        /// What is wrong.
        problem: InvalidAddress,
    },
    /// The signing secret is no key.
    #[error("the secret {name} {problem}")]
    Key {
        /// The secret.
        name: String,
        /// What is wrong.
        problem: String,
    },
}

/// Why an address may not be asked. The address is not quoted: it may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// Not an address at all.
    #[error("must be an https address, such as https://example.com/hook")]
    NotUrl,
    /// Not encrypted.
    #[error("must begin with https:// (only http://localhost may do without)")]
    NotHttps,
    /// With a user or a password, which requests would not send.
    #[error("must not have a user or a password in it")]
    Credentials,
    /// A private or special IP address.
    #[error("must not be a private address, unless `allow_addresses` lists it")]
    Private,
}

/// A request to a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Where it goes.
    pub url: Url,
    /// Its headers.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: String,
}

/// Reads the address of a target. `allowed` are private IP addresses that it may have.
///
/// # Errors
/// [`InvalidAddress`]
pub fn read_address(text: &str, allowed: &[IpAddr]) -> Result<Url, InvalidAddress> {
    let url = Url::parse(text.trim()).map_err(|_| InvalidAddress::NotUrl)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(InvalidAddress::NotUrl);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(InvalidAddress::Credentials);
    }
    let address = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        _ => None,
    };
    let is_allowed = address.is_some_and(|address| allowed.contains(&address));
    if address.is_some() && !is_allowed && reach(&url) != Reach::Public {
        return Err(InvalidAddress::Private);
    }
    let is_localhost = url.host_str() == Some("localhost");
    if url.scheme() == "http" && !is_localhost && !is_allowed {
        return Err(InvalidAddress::NotHttps);
    }
    Ok(url)
}

impl Target {
    /// The names of its secrets.
    pub fn secret_names(&self) -> impl Iterator<Item = &str> {
        let address = match &self.address {
            Address::Url(_) => None,
            Address::Secret(name) => Some(name.as_str()),
        };
        address.into_iter().chain(self.secret_name.as_deref())
    }

    /// The request for a message, which is sent now.
    ///
    /// # Errors
    /// [`UnusableTarget`] when a secret is not set, or cannot be used.
    pub fn request(
        &self,
        message: &Message,
        secret: &impl Fn(&str) -> Option<String>,
        now: Timestamp,
    ) -> Result<Request, UnusableTarget> {
        let url = self.url(secret)?;
        let body = message.body(self.format);
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("user-agent", concat!("seedhook/", env!("CARGO_PKG_VERSION")).to_owned()),
        ];
        if let Some(trace) = &message.traceparent {
            headers.push(("traceparent", trace.clone()));
        }
        if let Some(key) = self.key(secret)? {
            headers.extend(key.headers(&message.id, now, &body));
        }
        Ok(Request { url, headers, body })
    }

    /// Its secrets that are not set or cannot be used: the field, the name of the secret, and why.
    pub fn unusable_secrets(
        &self,
        secret: &impl Fn(&str) -> Option<String>,
    ) -> impl Iterator<Item = (&'static str, &str, UnusableTarget)> {
        let url = match (&self.address, self.url(secret)) {
            (Address::Secret(name), Err(error)) => Some(("url_secret", name.as_str(), error)),
            _ => None,
        };
        let key = match (self.secret_name.as_deref(), self.key(secret)) {
            (Some(name), Err(error)) => Some(("secret", name, error)),
            _ => None,
        };
        url.into_iter().chain(key)
    }

    fn url(&self, secret: &impl Fn(&str) -> Option<String>) -> Result<Url, UnusableTarget> {
        match &self.address {
            Address::Url(url) => Ok(url.clone()),
            Address::Secret(name) => read_address(&get(secret, name)?, &self.allowed)
                .map_err(|problem| UnusableTarget::Address { name: name.clone(), problem }),
        }
    }

    fn key(&self, secret: &impl Fn(&str) -> Option<String>) -> Result<Option<SigningKey>, UnusableTarget> {
        let Some(name) = &self.secret_name else { return Ok(None) };
        let key = SigningKey::new(&get(secret, name)?);
        key.map(Some).map_err(|problem| UnusableTarget::Key { name: name.clone(), problem })
    }
}

fn get(secret: &impl Fn(&str) -> Option<String>, name: &str) -> Result<String, UnusableTarget> {
    secret(name).ok_or_else(|| UnusableTarget::NoSecret(name.to_owned()))
}

impl Targets {
    /// Adds a target that is told of these events; `None`: its configuration has a mistake. `hooks` are those that it names, or `*`.
    pub(crate) fn add(
        &mut self,
        name: TargetName,
        target: Option<Target>,
        events: Vec<RunEvent>,
        hooks: Vec<String>,
    ) {
        self.events.insert(name.clone(), events);
        self.of_hooks.push((name.clone(), hooks));
        self.by_name.insert(name, target);
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// A target.
    ///
    /// # Errors
    /// [`UnusableTarget::NotConfigured`], [`UnusableTarget::Misconfigured`].
    pub fn get(&self, name: &TargetName) -> Result<&Target, UnusableTarget> {
        match self.by_name.get(name) {
            Some(Some(target)) => Ok(target),
            Some(None) => Err(UnusableTarget::Misconfigured),
            None => Err(UnusableTarget::NotConfigured),
        }
    }

    /// Of which events of its runs a target is told; none where there is no such target.
    #[must_use]
    pub fn events(&self, name: &TargetName) -> &[RunEvent] {
        self.events.get(name).map_or(&[], Vec::as_slice)
    }

    /// Every name, in alphabetical order, those of targets with mistakes too.
    pub fn names(&self) -> impl Iterator<Item = &TargetName> {
        self.by_name.keys()
    }

    /// Every target without mistakes, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = &Target> {
        self.by_name.values().flatten()
    }

    /// The targets that have the hook by their own `hooks`.
    pub fn that_name(&self, hook: &str) -> impl Iterator<Item = &TargetName> {
        let names = move |hooks: &[String]| hooks.iter().any(|name| name == "*" || name == hook);
        self.of_hooks.iter().filter(move |(_, hooks)| names(hooks)).map(|(name, _)| name)
    }

    /// The hooks that targets name, each with its target; `*` is none.
    pub fn named_hooks(&self) -> impl Iterator<Item = (&TargetName, &str)> {
        let pairs = self.of_hooks.iter();
        pairs.flat_map(|(target, hooks)| hooks.iter().map(move |hook| (target, hook.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, allowed: &[&str], expected: Result<&str, InvalidAddress>) {
        let allowed: Vec<IpAddr> = allowed.iter().map(|address| address.parse().unwrap()).collect();
        let read = read_address(text, &allowed).map(String::from);
        assert_eq!(read, expected.map(ToOwned::to_owned), "{text}");
    }

    #[test]
    fn an_address_is_https_and_public() {
        check(" https://example.com/a?b=c\n", &[], Ok("https://example.com/a?b=c"));
        check("https://1.1.1.1/", &[], Ok("https://1.1.1.1/"));
        check("http://localhost:9000/", &[], Ok("http://localhost:9000/"));
        for bad in ["", "example.com", "ftp://example.com", "file:///etc/passwd", "https://"] {
            check(bad, &[], Err(InvalidAddress::NotUrl));
        }
        check("http://example.com", &[], Err(InvalidAddress::NotHttps));
        check("http://localhost.example.com", &[], Err(InvalidAddress::NotHttps));
        check("https://user@example.com", &[], Err(InvalidAddress::Credentials));
        check("https://:pass@example.com", &[], Err(InvalidAddress::Credentials));
    }

    #[test]
    fn a_private_address_is_refused_unless_it_is_allowed() {
        let private = [
            "127.0.0.1",
            "0x7f.1",
            "10.0.0.5",
            "192.168.1.1",
            "172.16.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "[::1]",
            "[fd00::1]",
            "[fe80::1]",
            "[::ffff:10.0.0.5]",
            "0.0.0.0",
        ];
        for host in private {
            check(&format!("https://{host}/"), &[], Err(InvalidAddress::Private));
            check(&format!("http://{host}/"), &[], Err(InvalidAddress::Private));
        }
        check("https://10.0.0.5/", &["10.0.0.5"], Ok("https://10.0.0.5/"));
        check("http://127.0.0.1:9/", &["127.0.0.1"], Ok("http://127.0.0.1:9/"));
        check("https://10.0.0.6/", &["10.0.0.5"], Err(InvalidAddress::Private));
        check("https://[::1]/", &["::1"], Ok("https://[::1]/"));
    }
}
