//! A shared secret that the sender sends as it is: a bearer token, basic credentials, a header, a query parameter or a
//! field of the body.
//!
//! It proves who calls. It does not protect the body.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT as BASE64;

use super::error::{ProofError, SecretError};
use super::evidence::Evidence;
use crate::digest::is_same_secret;
use crate::request::source::{Source, View};

/// How a sender sends the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// Where the secret is.
    pub(crate) at: Source,
    /// How the secret is written.
    pub(crate) form: TokenForm,
    /// A list in the body, each item of which must hold the secret; `body` in `at` is then the item. Configured as `each`.
    pub(crate) batch: Option<Source>,
}

/// How a secret is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenForm {
    /// The secret alone.
    Plain,
    /// `Bearer <secret>` (RFC 6750, section 2.1).
    Bearer,
    /// `Basic <base64 of user:password>` (RFC 7617); the secret is `user:password`.
    Basic,
}

impl Token {
    /// Checks that the delivery holds any of the secrets.
    #[inline(never)]
    pub(super) fn check(&self, evidence: &Evidence<'_>, secrets: &[&str]) -> Result<(), ProofError> {
        let parts = View::whole(evidence.delivery).parts(self.batch.as_ref())?;
        parts.into_iter().try_for_each(|part| self.check_part(part, secrets))
    }

    fn check_part(&self, view: View<'_>, secrets: &[&str]) -> Result<(), ProofError> {
        let label = self.at.label();
        let shown = self.at.find(view).ok_or_else(|| ProofError::new(format!("{label} is missing")))?;
        let shown = match self.form {
            TokenForm::Plain => Some(shown.into_owned()),
            TokenForm::Bearer => bearer_token(&shown).map(ToOwned::to_owned),
            TokenForm::Basic => basic_credentials(&shown),
        };
        let shown = shown.ok_or_else(|| ProofError::new(format!("{label} is not {}", self.form.name())))?;
        let genuine = !shown.is_empty() && secrets.iter().any(|secret| is_same_secret(&shown, secret.trim()));
        genuine.then_some(()).ok_or_else(|| ProofError::new(format!("{label} does not hold the secret")))
    }

    /// Checks that a secret can be written in this form.
    pub(super) fn check_secret(&self, secret: &str) -> Result<(), SecretError> {
        match self.form {
            TokenForm::Basic if !secret.contains(':') => Err(SecretError::NotUserPassword),
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

/// The token of an `Authorization: Bearer` header; `None` for another scheme. The scheme is case-insensitive (RFC 9110,
/// section 11.1), the token is not.
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
