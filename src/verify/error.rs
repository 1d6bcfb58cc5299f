//! Why a delivery is not verified, sorted by who must act.
//!
//! The texts are for the log and the operator. They quote no secret, and nothing of a delivery.

use super::signed_bytes::SignedBytes;
use crate::example_secrets::EXAMPLE;
use crate::request::source::NotAList;

/// How much of a signed text the operator sees, bytes.
const SHOWN_BYTES_MAX: usize = 512;

/// Why a delivery is rejected. An outside caller learns only the variant, never the text of `NotVerified`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The caller must act: a signature or token is wrong, missing or stale.
    #[error("{0}")]
    NotVerified(ProofError),
    /// The caller must act: verification reads the body, and the body exceeds a bound.
    #[error("{0}")]
    TooComplex(String),
    /// The operator must act: a secret is missing or unusable.
    #[error("secret {name} {problem}")]
    Misconfigured {
        /// The secret's name.
        name: String,
        /// What is wrong with its value.
        problem: SecretError,
    },
}

/// The proof that a delivery failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ProofError {
    reason: String,
    signed_text: Option<String>,
    cause: Cause,
}

/// Why a proof failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// It is wrong, missing or stale.
    Proof,
    /// The body exceeds a bound, so the proof could not be checked.
    TooComplex,
    /// The runtime rejects the key.
    Secret(SecretError),
}

/// Why the value of a secret cannot be used. Each text continues "secret NAME …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The secret has no value.
    #[error("is not set")]
    NotSet,
    /// A deployed Worker has the value of an example.
    #[error("{EXAMPLE}")]
    Example,
    /// The value is empty or blank.
    #[error("is empty")]
    Empty,
    /// The value begins with none of the prefixes that the scheme takes.
    #[error("has a form that this scheme does not take")]
    UnknownPrefix,
    /// The value is a key for Ed25519, and the scheme uses HMAC.
    #[error("is an ed25519 key (whpk_…, whsk_…), but the signature needs a shared secret (whsec_…)")]
    Ed25519Key,
    /// The value must be hex.
    #[error("is not hex")]
    NotHex,
    /// The value must be Base64.
    #[error("is not base64 (after whsec_, where the sender writes that)")]
    NotBase64,
    /// The value must be a public key for the named algorithm.
    #[error("is not a public key for {0}")]
    NotPublicKey(&'static str),
    /// The value must be `user:password`.
    #[error("is not user:password")]
    NotUserPassword,
}

impl ProofError {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), signed_text: None, cause: Cause::Proof }
    }

    /// A failure because the body exceeds a bound.
    pub(super) fn too_complex(reason: impl Into<String>) -> Self {
        Self { cause: Cause::TooComplex, ..Self::new(reason) }
    }

    /// A failure because the runtime rejects the key that a secret holds.
    pub(super) fn unusable_secret(problem: SecretError) -> Self {
        Self { cause: Cause::Secret(problem), ..Self::new(format!("a secret {problem}")) }
    }

    /// What is wrong with the secret, where the runtime rejects its key.
    pub(super) fn secret_problem(&self) -> Option<SecretError> {
        match self.cause {
            Cause::Secret(problem) => Some(problem),
            Cause::Proof | Cause::TooComplex => None,
        }
    }

    /// Adds the beginning of the text that the sender should have signed.
    pub(super) fn with_signed_text(self, message: &SignedBytes<'_>) -> Self {
        Self { signed_text: Some(message.beginning(SHOWN_BYTES_MAX)), ..self }
    }

    /// The beginning of the text that the sender should have signed, at most 512 bytes. It holds the sender's data: show it to the
    /// operator, and do not log it.
    #[must_use]
    pub fn signed_text(&self) -> Option<&str> {
        self.signed_text.as_deref()
    }
}

impl From<NotAList> for ProofError {
    fn from(error: NotAList) -> Self {
        Self::new(error.to_string())
    }
}

impl From<ProofError> for VerifyError {
    fn from(failure: ProofError) -> Self {
        match failure.cause {
            Cause::TooComplex => Self::TooComplex(failure.reason),
            Cause::Proof | Cause::Secret(_) => Self::NotVerified(failure),
        }
    }
}
