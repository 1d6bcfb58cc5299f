//! The secrets in `.dev.vars.example`. Everybody can read them, and a deploy button copies them: a deployed Worker refuses them.
//!
//! The one place that decides it. Values and addresses come in; it reads no environment.

use url::{Host, Url};

/// Each name and value in the `.dev.vars.example` of the project and of the folders in `docs/recipes/`. The value alone counts:
/// under another name it is just as public. `FABRICATE_API_KEY` is left out: Fabricate itself refuses the example's.
const PUBLISHED: [(&str, &str); 11] = [
    ("OPERATOR_TOKEN", "local-operator-token-of-32-characters-or-more"),
    ("LINK_SECRET", "local-link-secret-of-32-bytes-or-more"),
    ("CRM_SECRET", "whsec_bG9jYWwtZGV2ZWxvcG1lbnQtc2VjcmV0"),
    ("CI_TOKEN", "local-ci-token-of-32-characters-or-more"),
    ("GITHUB_SECRET", "local-github-secret"),
    ("HUBSPOT_SECRET", "local-hubspot-client-secret"),
    ("NIGHTLY_SECRET", "whsec_bG9jYWwtbmlnaHRseS1zZWNyZXQtMTIzNDU2Nzg5MA=="),
    ("SLACK_RELAY_SECRET", "whsec_bG9jYWwtc2xhY2stcmVsYXktc2VjcmV0LTEyMzQ1Ng=="),
    ("SLACK_SECRET", "local-slack-signing-secret"),
    ("STRIPE_SECRET", "whsec_local-stripe-secret"),
    ("TYPEFORM_SECRET", "local-typeform-secret"),
];

/// Who can call the Worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Exposure {
    /// The machine alone that it runs on.
    Local,
    /// Anyone, or that is not known.
    #[default]
    Public,
}

/// Why a secret has no value that can be used. Each text continues the name of the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoSecret {
    /// The secret is not set, or blank.
    #[error("is not set")]
    NotSet,
    /// A deployed Worker has the value of the example.
    #[error("{EXAMPLE}")]
    Example,
}

/// What is wrong with a secret that has the example's value; it continues the name of the secret.
pub(crate) const EXAMPLE: &str = "still has the value of .dev.vars.example, which everybody can read";

impl Exposure {
    /// Who can call a Worker that was called at this address. Cloudflare leads a request to a deployed Worker by the name of its host,
    /// and none of these names is one of Cloudflare's; `wrangler dev` shows the host that its caller asked for.
    #[must_use]
    pub fn at(url: &Url) -> Self {
        let is_local = match url.host() {
            Some(Host::Domain(name)) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                name == "localhost" || name.ends_with(".localhost")
            }
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        if is_local { Self::Local } else { Self::Public }
    }

    /// The value of a secret that a Worker may use which is exposed so.
    ///
    /// # Errors
    /// [`NoSecret`] when there is none, or it is the example's.
    pub fn usable(self, value: Option<String>) -> Result<String, NoSecret> {
        match value {
            None => Err(NoSecret::NotSet),
            Some(value) if self == Self::Public && is_published(&value) => Err(NoSecret::Example),
            Some(value) => Ok(value),
        }
    }
}

fn is_published(value: &str) -> bool {
    PUBLISHED.iter().any(|(_, published)| *published == value.trim())
}

/// The secrets that are looked at for such a value: those of the examples, and the token that a deployer may make of theirs. A hook
/// may name another one: its own state says so.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    PUBLISHED.iter().map(|(name, _)| *name).chain(["READ_TOKEN"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, expected: Exposure) {
        assert_eq!(Exposure::at(&Url::parse(address).unwrap()), expected, "{address}");
    }

    #[test]
    fn a_worker_is_local_at_the_addresses_of_its_own_machine_alone() {
        for local in [
            "http://localhost:8787/health",
            "https://localhost/",
            "http://LOCALHOST./",
            "http://seedhook.localhost:8787/",
            "http://127.0.0.1:8787/",
            "http://0x7f.1/",
            "http://[::1]:8787/",
        ] {
            check(local, Exposure::Local);
        }
        for public in [
            "https://seedhook.example.workers.dev/",
            "https://localhost.example/",
            "https://notlocalhost/",
            "https://127.0.0.1.nip.io/",
            "http://192.168.1.7:8787/",
            "http://0.0.0.0:8787/",
            "http://10.0.0.1/",
            "http://[fd00::1]/",
            "http://seedhook.local/",
            "data:text/plain,localhost",
        ] {
            check(public, Exposure::Public);
        }
        assert_eq!(Exposure::default(), Exposure::Public, "an isolate that was not called yet");
    }

    #[test]
    fn the_values_of_the_examples_are_refused_unless_the_worker_is_local() {
        for (name, value) in PUBLISHED {
            for set in [value.to_owned(), format!(" {value}\n")] {
                assert_eq!(Exposure::Public.usable(Some(set.clone())), Err(NoSecret::Example), "{name}");
                assert_eq!(Exposure::Local.usable(Some(set.clone())), Ok(set), "{name}");
            }
            for other in [format!("{value}x"), value.to_uppercase(), value[1..].to_owned()] {
                assert_eq!(Exposure::Public.usable(Some(other.clone())), Ok(other), "{name}");
            }
        }
        assert_eq!(Exposure::Public.usable(None), Err(NoSecret::NotSet));
        assert_eq!(Exposure::Local.usable(None), Err(NoSecret::NotSet));
    }

    /// Each secret in a `.dev.vars.example`.
    fn secrets(text: &str) -> impl Iterator<Item = (&str, &str)> {
        let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        lines.map(|line| line.split_once('=').map(|(name, value)| (name, value.trim_matches('"'))).unwrap())
    }

    #[test]
    fn each_value_of_the_examples_stands_here() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = vec![root.join(".dev.vars.example")];
        for example in std::fs::read_dir(root.join("docs/recipes")).unwrap() {
            files.push(example.unwrap().path().join(".dev.vars.example"));
        }
        let texts: Vec<String> = files.iter().filter_map(|file| std::fs::read_to_string(file).ok()).collect();
        assert!(texts.len() > 1, "{files:?}");
        let written: std::collections::BTreeSet<(&str, &str)> = texts
            .iter()
            .flat_map(|text| secrets(text))
            // Fabricate refuses the key, and an address that leads nowhere is no secret.
            .filter(|(name, _)| *name != "FABRICATE_API_KEY" && !name.ends_with("_URL"))
            .collect();
        assert_eq!(written, PUBLISHED.into());
    }
}
