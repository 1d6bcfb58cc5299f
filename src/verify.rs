//! Decides whether a delivery is genuine, by checking over the raw bytes what its sender proves.
//!
//! There are two ways to a [`Verified`] request: [`Verification::verify`], and [`Verified::assume`] for requests that need
//! no proof, because the operator sends them or because they were verified before they were stored. Only a `Verified`
//! request can be parsed into an event. Nothing here reads a clock or the environment: time, secrets and certificates
//! are arguments. What each sender proves is data, in `config/senders.json`.

pub mod access;
pub(crate) mod age;
pub mod answer;
pub mod crypto;
mod der;
mod error;
mod evidence;
pub mod handshake;
pub(crate) mod jwt;
pub(crate) mod key;
pub mod offered_secret;
mod public_key;
#[cfg(any(test, not(target_arch = "wasm32"), feature = "rust-crypto"))]
pub mod rust_crypto;
pub(crate) mod signature;
pub(crate) mod signed;
pub mod signed_bytes;
#[cfg(any(test, not(target_arch = "wasm32"), feature = "rust-crypto"))]
pub mod signer;
mod signing_oracle;
pub(crate) mod sns;
pub(crate) mod token;

pub use error::{ProofError, SecretError, VerifyError};
pub use token::bearer_token;

use crate::request::RawRequest;
use crate::timestamp::{SECOND_MS, Timestamp};
use crypto::Crypto;
use evidence::Evidence;
use futures_util::future::FutureExt;
use jwt::Jwt;
use signature::Signature;
use sns::Sns;
use token::Token;

/// How far a signed timestamp may differ from now unless the hook says otherwise: the five minutes of Standard Webhooks.
pub const TOLERANCE_MS: i64 = 300 * SECOND_MS;

/// How a hook verifies its deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// The name of the scheme or of the sender, as configured.
    pub scheme: String,
    /// The names of the secrets. A delivery may match any of them, so that a secret can be rotated. Empty where the scheme
    /// has none.
    pub secret_names: Vec<String>,
    /// The name of a secret that the sender shows only in its handshake (Meta's `hub.verify_token`).
    pub verify_token_name: Option<String>,
    /// The address that the sender calls, where it differs from the one at which deliveries arrive.
    pub(crate) url: Option<String>,
    /// The proofs that are accepted. Each secret belongs to the first proof that takes its prefix. Empty: any caller is
    /// accepted.
    pub(crate) proofs: Vec<KeyedProof>,
}

/// A proof, and which secrets belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyedProof {
    /// What the values of its secrets begin with; absent: it takes every secret.
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
    /// Nothing: the hook has no sender, and each request is rejected.
    Nobody,
}

/// A request that is known to be genuine, or that needs no proof.
#[derive(Debug)]
pub struct Verified(RawRequest);

impl Verified {
    /// The request, to be parsed.
    #[must_use]
    pub fn into_inner(self) -> RawRequest {
        self.0
    }

    /// The request.
    #[must_use]
    pub fn delivery(&self) -> &RawRequest {
        &self.0
    }

    /// Takes a request without a proof: one that the operator sends or previews, or a stored delivery, which was verified
    /// when it arrived. Never call it for a request of another caller.
    #[must_use]
    pub fn assume(delivery: RawRequest) -> Self {
        Self(delivery)
    }
}

/// What verification needs beside the delivery.
pub struct VerifyContext<'a> {
    /// Looks up the value of a secret by its name.
    pub secret: &'a dyn Fn(&str) -> Option<String>,
    /// The certificate at [`Verification::certificate_url`], in PEM.
    pub certificate: Option<&'a str>,
    /// The runtime's cryptography.
    pub crypto: &'a dyn Crypto,
    /// The current time.
    pub now: Timestamp,
}

impl Verification {
    /// The verification of a hook without a sender: it rejects each request.
    #[must_use]
    pub fn nobody() -> Self {
        Self {
            scheme: "schedule".to_owned(),
            secret_names: Vec::new(),
            verify_token_name: None,
            url: None,
            proofs: vec![KeyedProof { secret_prefix: None, proof: Proof::Nobody }],
        }
    }

    /// Whether each request is rejected.
    #[must_use]
    pub fn is_for_nobody(&self) -> bool {
        self.proofs.iter().any(|keyed| keyed.proof == Proof::Nobody)
    }

    /// Verifies a delivery.
    ///
    /// # Errors
    /// - [`VerifyError::NotVerified`] when no accepted proof holds;
    /// - [`VerifyError::TooComplex`] when the body exceeds a bound, so that a proof over it cannot be checked;
    /// - [`VerifyError::Misconfigured`] when a secret of the hook is missing or unusable.
    pub async fn verify(
        &self,
        delivery: RawRequest,
        context: &VerifyContext<'_>,
    ) -> Result<Verified, VerifyError> {
        match self.check(&delivery, context).await {
            Ok(()) => Ok(Verified(delivery)),
            Err(VerifyError::NotVerified(failure)) => {
                Err(delivery.too_complex().map_or_else(|| failure.into(), VerifyError::TooComplex))
            }
            Err(error) => Err(error),
        }
    }

    /// Checks a delivery without consuming it. It waits only for the runtime's cryptography, where a public key verifies or
    /// a large message has an HMAC.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub async fn check(&self, delivery: &RawRequest, context: &VerifyContext<'_>) -> Result<(), VerifyError> {
        if self.is_open() {
            return Ok(());
        }
        let secrets = self.secrets(context.secret)?;
        let url = self.called_url(delivery);
        let VerifyContext { certificate, crypto, now, .. } = *context;
        let evidence = Evidence { delivery, url: &url, certificate, crypto, now };
        let mut failure = ProofError::new("nothing to verify with");
        for (index, keyed) in self.proofs.iter().enumerate() {
            let own: Vec<&str> = secrets
                .iter()
                .filter(|secret| self.proof_index(secret) == Some(index))
                .map(String::as_str)
                .collect();
            if own.is_empty() && keyed.proof.needs_secret() {
                continue;
            }
            match keyed.proof.check(&evidence, &own).await {
                Ok(()) => return Ok(()),
                Err(failed) => failure = failed,
            }
            if let Some(problem) = failure.secret_problem() {
                return Err(misconfigured(&self.secret_names.join(" or "), problem));
            }
        }
        Err(VerifyError::NotVerified(failure))
    }

    /// The value of the secret with which a delivery verifies.
    pub(crate) async fn matching_secret(
        &self,
        delivery: &RawRequest,
        context: &VerifyContext<'_>,
    ) -> Option<String> {
        for name in &self.secret_names {
            let alone = Self { secret_names: vec![name.clone()], ..self.clone() };
            if alone.check(delivery, context).await.is_ok() {
                return (context.secret)(name);
            }
        }
        None
    }

    /// Whether any caller is accepted.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.proofs.is_empty()
    }

    /// The address of the certificate that this delivery is verified with; `None` where its proof needs none.
    ///
    /// # Errors
    /// [`VerifyError`] when the delivery is no message of the hook's topic, or names an address that is not one of SNS.
    pub fn certificate_url(&self, delivery: &RawRequest) -> Result<Option<String>, VerifyError> {
        let sns = self.proofs.iter().find_map(|keyed| match &keyed.proof {
            Proof::Sns(sns) => Some(sns),
            _ => None,
        });
        sns.map(|sns| sns.certificate_url(delivery)).transpose().map_err(VerifyError::from)
    }

    /// The names of all secrets that the hook reads.
    pub fn all_secret_names(&self) -> impl Iterator<Item = &str> {
        self.secret_names.iter().chain(&self.verify_token_name).map(String::as_str)
    }

    /// The secrets whose values cannot be used; empty when the hook can verify.
    pub fn broken_secrets(&self, secret: impl Fn(&str) -> Option<String>) -> Vec<VerifyError> {
        let token = self.verify_token_name.iter().filter(|name| secret(name).is_none());
        let unset = token.map(|name| misconfigured(name, SecretError::NotSet));
        let broken = self.secret_names.iter().filter_map(|name| self.secret(name, &secret).err());
        broken.chain(unset).collect()
    }

    /// The headers that hold the secret itself. They are neither stored nor shown.
    pub(crate) fn credential_headers(&self) -> impl Iterator<Item = &str> {
        self.tokens().filter_map(|token| token.at.header_name())
    }

    /// The query parameters that hold the secret itself. They are neither stored nor shown.
    pub(crate) fn credential_query(&self) -> impl Iterator<Item = &str> {
        self.tokens().filter_map(|token| token.at.query_name())
    }

    fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.proofs.iter().filter_map(|keyed| match &keyed.proof {
            Proof::Token(token) => Some(token),
            _ => None,
        })
    }

    fn secrets(&self, secret: impl Fn(&str) -> Option<String>) -> Result<Vec<String>, VerifyError> {
        self.secret_names.iter().map(|name| self.secret(name, &secret)).collect()
    }

    fn secret(&self, name: &str, secret: impl Fn(&str) -> Option<String>) -> Result<String, VerifyError> {
        let value = secret(name).ok_or_else(|| misconfigured(name, SecretError::NotSet))?;
        if value.trim().is_empty() {
            return Err(misconfigured(name, SecretError::Empty));
        }
        let keyed = self.proof_index(&value).and_then(|index| self.proofs.get(index));
        let keyed = keyed.ok_or_else(|| misconfigured(name, SecretError::UnknownPrefix))?;
        keyed.proof.check_secret(&value).map_err(|problem| misconfigured(name, problem))?;
        Ok(value)
    }

    /// The proof to which a secret belongs.
    fn proof_index(&self, secret: &str) -> Option<usize> {
        let takes = |keyed: &KeyedProof| {
            keyed.secret_prefix.as_ref().is_none_or(|prefix| secret.trim().starts_with(prefix.as_str()))
        };
        self.proofs.iter().position(takes)
    }

    /// The address in the sender's view: the configured one with the query that arrived, else the one that arrived.
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
        !matches!(self, Self::Sns(_) | Self::Nobody)
    }

    fn check_secret(&self, secret: &str) -> Result<(), SecretError> {
        match self {
            Self::Signature(signature) => signature.key(secret).map(drop),
            Self::Jwt(jwt) => jwt.key(secret).map(drop),
            Self::Token(token) => token.check_secret(secret),
            Self::Sns(_) | Self::Nobody => Ok(()),
        }
    }

    async fn check(&self, evidence: &Evidence<'_>, secrets: &[&str]) -> Result<(), ProofError> {
        match self {
            Self::Signature(signature) => signature.check(evidence, secrets).await,
            Self::Token(token) => token.check(evidence, secrets),
            Self::Jwt(jwt) => jwt.check(evidence, secrets),
            // Few hooks are of SNS: the future of the others has no room for it, and its code is compiled when it is called.
            Self::Sns(sns) => sns.check(evidence).boxed_local().await,
            Self::Nobody => Err(ProofError::new("the hook has no sender")),
        }
    }
}

fn misconfigured(name: &str, problem: SecretError) -> VerifyError {
    VerifyError::Misconfigured { name: name.to_owned(), problem }
}
