//! Which Worker an operator's call goes to, and with which token: from the command line, the environment, or `.dev.vars`.

use anyhow::{Result, bail};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use seedhook::http::secrets::OPERATOR_TOKEN;

use crate::config_file::{ConfigFile, NAMES};
use crate::dev_vars;
use crate::exit::Usage;
use crate::host::Host;

/// All but the characters that mean only themselves in an address (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The address of the Worker that `dev` runs.
pub(crate) const LOCAL_URL: &str = "http://127.0.0.1:8787";

/// The environment variable with the address.
const URL_VARIABLE: &str = "SEEDHOOK_URL";

/// The environment variables with the token; the first that is set counts.
const TOKEN_VARIABLES: [&str; 2] = ["SEEDHOOK_TOKEN", OPERATOR_TOKEN];

/// The options, for the help of a command.
pub(crate) const OPTIONS_HELP: &str = "
  --url URL        the Worker (default: SEEDHOOK_URL of the environment, or http://127.0.0.1:8787, where `npx seedhook dev`
                   listens)
  --token TOKEN    the operator token (default: SEEDHOOK_TOKEN or OPERATOR_TOKEN of the environment; for a Worker on this
                   machine also OPERATOR_TOKEN of .dev.vars). Others on this machine can see an option: prefer the environment
";

/// What the command line says.
#[derive(Debug, Default, Clone)]
pub(crate) struct AddressOptions {
    /// `--url`
    pub(crate) url: Option<String>,
    /// `--token`
    pub(crate) token: Option<String>,
}

/// A Worker and the token for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// `https://host`, without a slash at its end.
    pub(crate) url: String,
    /// The token.
    pub(crate) token: String,
}

impl Address {
    /// Finds both.
    ///
    /// # Errors
    /// When the address is none, or no token is set.
    pub(crate) fn find(host: &impl Host, options: &AddressOptions) -> Result<Self> {
        let url = options.url.clone().or_else(|| set(host, URL_VARIABLE));
        let url = origin(&url.unwrap_or_else(|| LOCAL_URL.to_owned()))?;
        let token = options.token.clone().or_else(|| TOKEN_VARIABLES.iter().find_map(|name| set(host, name)));
        let token = match token {
            Some(token) => Some(token),
            None if is_local(&url) => of_dev_vars(host)?,
            None => None,
        };
        match token {
            Some(token)
                if token.trim().bytes().all(|byte| byte.is_ascii_graphic()) && !token.trim().is_empty() =>
            {
                Ok(Self { url, token: token.trim().to_owned() })
            }
            Some(_) => bail!(Usage("the token must be one word of visible ASCII characters".to_owned())),
            None if is_local(&url) => bail!(Usage(format!(
                "there is no token for {url}: set SEEDHOOK_TOKEN, or go to the folder whose .dev.vars has {OPERATOR_TOKEN}"
            ))),
            None => bail!(Usage(format!(
                "there is no token for {url}: set SEEDHOOK_TOKEN to its {OPERATOR_TOKEN}, or to its READ_TOKEN"
            ))),
        }
    }
}

fn set(host: &impl Host, name: &str) -> Option<String> {
    host.env(name).filter(|value| !value.trim().is_empty())
}

/// The token of this folder's `.dev.vars`.
fn of_dev_vars(host: &impl Host) -> Result<Option<String>> {
    if NAMES.iter().all(|name| host.entry(name).is_none()) {
        return Ok(None);
    }
    let file = ConfigFile::read(host, &ConfigFile::find(host, None)?)?;
    let mut secrets = dev_vars::read_beside(host, &file)?;
    Ok(secrets.remove(OPERATOR_TOKEN).filter(|token| !token.trim().is_empty()))
}

/// A text as a part of an address.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Whether an address is on this machine.
pub(crate) fn is_local(url: &str) -> bool {
    let host = url.split("://").nth(1).unwrap_or_default();
    let name = if host.starts_with('[') { host.split(']').next() } else { host.split(':').next() };
    matches!(name, Some("localhost" | "127.0.0.1" | "[::1"))
}

/// Scheme, host and port. A token must not travel unencrypted, so only this machine may do without https.
fn origin(url: &str) -> Result<String> {
    let url = url.trim().trim_end_matches('/');
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let Some(rest) = rest.filter(|rest| !rest.is_empty()) else {
        bail!(Usage(format!(
            "the address must begin with https://, got {url}: write --url https://seedhook.example"
        )));
    };
    if rest.contains(['/', '?', '#', '@', ' ']) {
        bail!(Usage(format!(
            "the address must be a host alone, got {url}: write --url https://seedhook.example"
        )));
    }
    if url.starts_with("http://") && !is_local(url) {
        bail!(Usage(format!("the token would travel unencrypted: write --url https://{rest}")));
    }
    Ok(url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestHost;

    fn find(url: &str, token: Option<&str>) -> Result<Address> {
        let options = AddressOptions { url: Some(url.to_owned()), token: token.map(ToOwned::to_owned) };
        Address::find(&TestHost::within(&std::env::temp_dir()), &options)
    }

    #[track_caller]
    fn check_refused(url: &str, token: Option<&str>, expected: &str) {
        let error = find(url, token).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.is::<Usage>());
    }

    #[test]
    fn an_address_is_a_host_with_a_token() {
        let found = find("https://a.example/", Some(" t1 ")).unwrap();
        assert_eq!(found, Address { url: "https://a.example".to_owned(), token: "t1".to_owned() });
        assert!(find("http://localhost:8787", Some("t")).is_ok());
        assert!(find("http://[::1]:8787", Some("t")).is_ok());
        check_refused("a.example", Some("t"), "must begin with https://");
        check_refused("https://a.example/api", Some("t"), "a host alone");
        check_refused("http://a.example", Some("t"), "unencrypted: write --url https://a.example");
        check_refused("http://127.0.0.1.example", Some("t"), "unencrypted");
        check_refused("https://a.example", None, "set SEEDHOOK_TOKEN to its OPERATOR_TOKEN");
        check_refused("http://127.0.0.1:1", None, "go to the folder whose .dev.vars");
        check_refused("https://a.example", Some("a\nb"), "visible ASCII");
    }
}
