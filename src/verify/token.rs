//! A shared secret that the sender shows as it is: a bearer token, basic credentials, a header, a field of the body.
//!
//! It proves who calls, and nothing about what is said.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT as BASE64;

use super::{Evidence, Refusal};
use crate::digest::is_same_secret;
use crate::request::source::{Source, View};

/// How a sender shows the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// Where it stands.
    pub(crate) at: Source,
    /// How it is written there.
    pub(crate) form: TokenForm,
    /// A list in the body, each element of which must show it and is `body` to `at`.
    pub(crate) each: Option<Source>,
}

/// How a secret is written where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenForm {
    /// As it is.
    Plain,
    /// `Bearer <secret>` (RFC 6750, section 2.1).
    Bearer,
    /// `Basic <base64 of user:password>` (RFC 7617); the secret is `user:password`.
    Basic,
}

impl Token {
    /// Proves that the caller knows any of the secrets.
    pub(super) fn check(&self, evidence: &Evidence<'_>, secrets: &[&str]) -> Result<(), Refusal> {
        let parts = View::of(evidence.delivery).parts(self.each.as_ref())?;
        parts.into_iter().try_for_each(|part| self.check_part(part, secrets))
    }

    fn check_part(&self, view: View<'_>, secrets: &[&str]) -> Result<(), Refusal> {
        let place = self.at.label();
        let shown = self.at.find(view).ok_or_else(|| Refusal::new(format!("{place} is missing")))?;
        let shown = match self.form {
            TokenForm::Plain => Some(shown.into_owned()),
            TokenForm::Bearer => bearer_token(&shown).map(ToOwned::to_owned),
            TokenForm::Basic => basic_credentials(&shown),
        };
        let shown = shown.ok_or_else(|| Refusal::new(format!("{place} is not {}", self.form.name())))?;
        let genuine = !shown.is_empty() && secrets.iter().any(|secret| is_same_secret(&shown, secret.trim()));
        genuine.then_some(()).ok_or_else(|| Refusal::new(format!("{place} does not hold the secret")))
    }

    /// What a sender that knows the secret writes there.
    pub(super) fn show(&self, secret: &str) -> String {
        let secret = secret.trim();
        match self.form {
            TokenForm::Plain => secret.to_owned(),
            TokenForm::Bearer => format!("Bearer {secret}"),
            TokenForm::Basic => format!("Basic {}", BASE64.encode(secret)),
        }
    }

    /// What can be known of a secret before any delivery.
    pub(super) fn check_secret(&self, secret: &str) -> Result<(), String> {
        match self.form {
            TokenForm::Basic if !secret.contains(':') => Err("is not user:password".to_owned()),
            _ => Ok(()),
        }
    }
}

impl TokenForm {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "a text",
            Self::Bearer => "Bearer <token>",
            Self::Basic => "Basic <base64 of user:password>",
        }
    }
}

/// The token of an `Authorization` header. The scheme's name is case-insensitive (RFC 9110, section 11.1), the token
/// is not.
#[must_use]
pub fn bearer_token(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn basic_credentials(header: &str) -> Option<String> {
    let (scheme, credentials) = header.split_once(' ')?;
    let bytes = BASE64.decode(credentials.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    String::from_utf8(bytes).ok()
}
