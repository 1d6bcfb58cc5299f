//! Whether a delivery is genuine: what its sender proves, checked over the raw bytes.
//!
//! Only [`Verification::verify`] makes a [`Verified`] delivery, and only that can be parsed. It reads no clock and no
//! environment: time, secrets and certificates are arguments. What each sender proves is data, in `config/senders.json`.

pub(crate) mod age;
pub mod brought;
pub mod handshake;
pub(crate) mod jwt;
pub(crate) mod key;
mod oracle;
mod sign;
pub(crate) mod signature;
pub(crate) mod signed;
pub(crate) mod sns;
mod sns_message;
pub(crate) mod token;
pub(crate) mod topic;

pub use sign::Draft;
pub use token::bearer_token;

use crate::request::RawRequest;
use crate::request::source::NotAList;
use crate::timestamp::{SECOND_MS, Timestamp};
use jwt::Jwt;
use signature::Signature;
use sns::Sns;
use token::Token;

/// How far a signed timestamp may lie from now unless something else is said: Standard Webhooks' five minutes.
pub const TOLERANCE_MS: i64 = 300 * SECOND_MS;

/// How much of a signed text is shown to the operator, bytes.
const SHOWN_BYTES_MAX: usize = 512;

/// Who may call a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// The scheme's or the sender's name, as configured.
    pub scheme: String,
    /// The names of the secrets, any of which may match (rotation); empty where the scheme has none.
    pub secret_names: Vec<String>,
    /// The name of the secret that a sender shows in its handshake alone (Meta's `hub.verify_token`).
    pub verify_token_name: Option<String>,
    /// The address that the sender calls, where that is not the one at which the delivery arrives.
    pub(crate) url: Option<String>,
    /// What is to be proved: each secret is for the first of them that takes its form. None: anybody may call.
    pub(crate) proofs: Vec<Choice>,
}

/// A proof, and the beginning of the secrets that it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) secret_prefix: Option<String>,
    pub(crate) proof: Proof,
}

/// What a sender proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    Signature(Box<Signature>),
    Token(Token),
    Jwt(Jwt),
    Sns(Sns),
}

/// A delivery whose sender is who the hook says, or that the operator vouches for.
#[derive(Debug)]
pub struct Verified(RawRequest);

impl Verified {
    /// The delivery, to be parsed.
    #[must_use]
    pub fn into_inner(self) -> RawRequest {
        self.0
    }

    /// The delivery.
    #[must_use]
    pub fn delivery(&self) -> &RawRequest {
        &self.0
    }

    /// A delivery that the operator makes by hand, or looks at before anything runs.
    #[must_use]
    pub fn by_operator(delivery: RawRequest) -> Self {
        Self(delivery)
    }
}

/// What verification is given beside the delivery.
pub struct Means<'a> {
    /// Looks up a secret's value by its name.
    pub secret: &'a dyn Fn(&str) -> Option<String>,
    /// The certificate at [`Verification::certificate_url`], in PEM.
    pub certificate: Option<&'a str>,
    /// What time it is.
    pub now: Timestamp,
}

/// A delivery as a proof sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence<'a> {
    pub(crate) delivery: &'a RawRequest,
    /// The address that the sender called.
    pub(crate) url: &'a str,
    pub(crate) certificate: Option<&'a str>,
    pub(crate) now: Timestamp,
}

/// Why a delivery is not taken. The texts are for the log: a caller learns only which of the two it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The caller must act: wrong, missing or stale signature.
    #[error("{0}")]
    NotVerified(Refusal),
    /// The caller must act: verification reads the body, and that has more in it than is read.
    #[error("{0}")]
    TooComplex(String),
    /// The operator must act: a secret is missing or unusable.
    #[error("secret {name} {problem}")]
    Misconfigured {
        /// The secret's name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// What a delivery failed to prove. Its text quotes nothing of the delivery and nothing of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    reason: String,
    signed: Option<String>,
    /// Whether the body has more in it than is read.
    is_too_complex: bool,
}

impl Refusal {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), signed: None, is_too_complex: false }
    }

    /// For a body that has more in it than is read.
    pub(crate) fn too_complex(reason: impl Into<String>) -> Self {
        Self { is_too_complex: true, ..Self::new(reason) }
    }

    /// Adds the beginning of the text that should have been signed.
    fn over(self, message: &[u8]) -> Self {
        let shown = message.get(..SHOWN_BYTES_MAX).unwrap_or(message);
        Self { signed: Some(String::from_utf8_lossy(shown).into_owned()), ..self }
    }

    /// The beginning of the text that should have been signed. It is the sender's: for the operator, not for the log.
    #[must_use]
    pub fn signed_text(&self) -> Option<&str> {
        self.signed.as_deref()
    }
}

impl From<NotAList> for Refusal {
    fn from(error: NotAList) -> Self {
        Self::new(error.to_string())
    }
}

impl From<Refusal> for VerifyError {
    fn from(refusal: Refusal) -> Self {
        if refusal.is_too_complex { Self::TooComplex(refusal.reason) } else { Self::NotVerified(refusal) }
    }
}

impl Verification {
    /// Proves a delivery genuine.
    ///
    /// # Errors
    /// See [`VerifyError`]; without a usable secret nothing is ever let in.
    pub fn verify(&self, delivery: RawRequest, means: &Means<'_>) -> Result<Verified, VerifyError> {
        match self.check(&delivery, means) {
            Ok(()) => Ok(Verified(delivery)),
            Err(VerifyError::NotVerified(refusal)) => {
                Err(delivery.too_complex().map_or_else(|| refusal.into(), VerifyError::TooComplex))
            }
            Err(error) => Err(error),
        }
    }

    /// The same without taking the delivery.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn check(&self, delivery: &RawRequest, means: &Means<'_>) -> Result<(), VerifyError> {
        if self.is_open() {
            return Ok(());
        }
        let secrets = self.secrets(means.secret)?;
        let url = self.called_url(delivery);
        let evidence = Evidence { delivery, url: &url, certificate: means.certificate, now: means.now };
        let mut refusal = Refusal::new("nothing to verify with");
        for (index, choice) in self.proofs.iter().enumerate() {
            let own: Vec<&str> = secrets
                .iter()
                .filter(|secret| self.choice(secret) == Some(index))
                .map(String::as_str)
                .collect();
            if own.is_empty() && choice.proof.needs_secret() {
                continue;
            }
            match choice.proof.check(&evidence, &own) {
                Ok(()) => return Ok(()),
                Err(refused) => refusal = refused,
            }
        }
        Err(VerifyError::NotVerified(refusal))
    }

    /// The value of the secret that a delivery is genuine under.
    pub(crate) fn matching_secret(&self, delivery: &RawRequest, means: &Means<'_>) -> Option<String> {
        let matches = |name: &&String| {
            let alone = Self { secret_names: vec![(*name).clone()], ..self.clone() };
            alone.check(delivery, means).is_ok()
        };
        self.secret_names.iter().find(matches).and_then(|name| (means.secret)(name))
    }

    /// Whether anybody may call.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.proofs.is_empty()
    }

    /// Where the certificate lies that this delivery is to be verified with, if one is needed.
    ///
    /// # Errors
    /// When the delivery names one that is not to be trusted.
    pub fn certificate_url(&self, delivery: &RawRequest) -> Result<Option<String>, VerifyError> {
        let sns = self.proofs.iter().find_map(|choice| match &choice.proof {
            Proof::Sns(sns) => Some(sns),
            _ => None,
        });
        sns.map(|sns| sns.certificate_url(delivery)).transpose().map_err(VerifyError::from)
    }

    /// The names of all secrets that it reads.
    pub fn all_secret_names(&self) -> impl Iterator<Item = &str> {
        self.secret_names.iter().chain(&self.verify_token_name).map(String::as_str)
    }

    /// What is wrong with the secrets' values, by name; empty when the hook can verify.
    pub fn broken_secrets(&self, secret: impl Fn(&str) -> Option<String>) -> Vec<VerifyError> {
        let token = self.verify_token_name.iter().filter(|name| secret(name).is_none());
        let unset = token.map(|name| misconfigured(name, "is not set"));
        let broken = self.secret_names.iter().filter_map(|name| self.secret(name, &secret).err());
        broken.chain(unset).collect()
    }

    /// The headers that are themselves the secret: neither stored nor shown.
    pub(crate) fn credential_headers(&self) -> impl Iterator<Item = &str> {
        self.tokens().filter_map(|token| token.at.header_name())
    }

    /// The query's parameters that are themselves the secret.
    pub(crate) fn credential_query(&self) -> impl Iterator<Item = &str> {
        self.tokens().filter_map(|token| token.at.query_name())
    }

    fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.proofs.iter().filter_map(|choice| match &choice.proof {
            Proof::Token(token) => Some(token),
            _ => None,
        })
    }

    fn secrets(&self, secret: impl Fn(&str) -> Option<String>) -> Result<Vec<String>, VerifyError> {
        self.secret_names.iter().map(|name| self.secret(name, &secret)).collect()
    }

    fn secret(&self, name: &str, secret: impl Fn(&str) -> Option<String>) -> Result<String, VerifyError> {
        let value = secret(name).ok_or_else(|| misconfigured(name, "is not set"))?;
        if value.trim().is_empty() {
            return Err(misconfigured(name, "is empty"));
        }
        let proof = self.choice(&value).and_then(|index| self.proofs.get(index));
        let proof = proof.ok_or_else(|| misconfigured(name, "has a form that this scheme does not take"))?;
        proof.proof.check_secret(&value).map_err(|problem| misconfigured(name, &problem))?;
        Ok(value)
    }

    /// Which proof a secret is for.
    fn choice(&self, secret: &str) -> Option<usize> {
        let takes = |choice: &Choice| {
            choice.secret_prefix.as_ref().is_none_or(|prefix| secret.trim().starts_with(prefix.as_str()))
        };
        self.proofs.iter().position(takes)
    }

    /// The address that the sender called: as it arrived, or as configured with the query that arrived.
    fn called_url(&self, delivery: &RawRequest) -> String {
        match &self.url {
            None => delivery.url.clone(),
            Some(url) => match delivery.url.split_once('?') {
                Some((_, query)) if !url.contains('?') => format!("{url}?{query}"),
                _ => url.clone(),
            },
        }
    }
}

impl Proof {
    fn needs_secret(&self) -> bool {
        !matches!(self, Self::Sns(_))
    }

    fn check_secret(&self, secret: &str) -> Result<(), String> {
        match self {
            Self::Signature(signature) => signature.key(secret).map(drop),
            Self::Jwt(jwt) => jwt.key(secret).map(drop),
            Self::Token(token) => token.check_secret(secret),
            Self::Sns(_) => Ok(()),
        }
    }

    fn check(&self, evidence: &Evidence<'_>, secrets: &[&str]) -> Result<(), Refusal> {
        match self {
            Self::Signature(signature) => signature.check(evidence, secrets),
            Self::Token(token) => token.check(evidence, secrets),
            Self::Jwt(jwt) => jwt.check(evidence, secrets),
            Self::Sns(sns) => sns.check(evidence),
        }
    }
}

fn misconfigured(name: &str, problem: &str) -> VerifyError {
    VerifyError::Misconfigured { name: name.to_owned(), problem: problem.to_owned() }
}
