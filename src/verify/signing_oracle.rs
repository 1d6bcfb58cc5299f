//! Finds handshakes that would be a signing oracle: the answer holds an HMAC of a text that any caller may choose, under the
//! secret with which deliveries are signed. Such an answer is the signature of a forged delivery.
//!
//! It checks the configuration, before any request. It is cautious: it reports a handshake unless it is certain that no
//! answer can be a signature.

use super::handshake::Trust;
use super::jwt::Jwt;
use super::key::Algorithm;
use super::signature::Signature;
use super::{Proof, Verification};
use crate::request::source::Source;

/// Why an answer may not hold an HMAC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SigningOracle {
    pub(crate) problem: &'static str,
    pub(crate) remedy: String,
}

impl SigningOracle {
    fn new(problem: &'static str, remedy: impl Into<String>) -> Self {
        Self { problem, remedy: remedy.into() }
    }
}

impl Verification {
    /// Why no answer may hold HMAC-SHA256 of `input` under the hook's secret; `None` where it may.
    ///
    /// An answer may hold it if
    /// - no proof of the hook is HMAC-SHA256 under its secret: a token is no signature, and the HMAC with one hash function
    ///   reveals nothing about the HMAC with another. The encoding of key and signature makes no difference;
    /// - or the handshake's request is verified, and its own signature covers `input`: then the sender chose the text.
    pub(crate) fn signing_oracle(&self, trust: &Trust, input: &Source) -> Option<SigningOracle> {
        if !self.proofs.iter().any(|keyed| keyed.proof.has_shared_secret()) {
            let problem = "needs a secret, and this scheme has none";
            return Some(SigningOracle::new(problem, "name another scheme, or remove it"));
        }
        let mut alike =
            self.proofs.iter().map(|keyed| &keyed.proof).filter(|proof| proof.is_hmac_sha256()).peekable();
        alike.peek()?;
        // A handshake that is open until the secret is set has no key before, and is verified afterwards.
        if !matches!(trust, Trust::Verified | Trust::OpenUntilSet) {
            let problem =
                "signs any text that a stranger sends, with the secret that deliveries are signed with";
            return Some(SigningOracle::new(
                problem,
                "write verified = true, if the sender signs its handshake",
            ));
        }
        if alike.all(|proof| self.covers(proof, input)) {
            return None;
        }
        let problem = "is not covered by the signature: a caller with one signed request could get a signature for \
                       any text";
        let remedy = format!("put {{{}}} into `signed`, if the sender does, or remove it", input.as_str());
        Some(SigningOracle::new(problem, remedy))
    }

    /// Whether a proof covers the value of each selector of the source.
    fn covers(&self, proof: &Proof, source: &Source) -> bool {
        // A configured address with a query replaces the query that was called.
        let has_query = !self.url.as_ref().is_some_and(|url| url.contains('?'));
        source.as_str().split('|').all(|selector| match proof {
            Proof::Signature(signature) => signature.covers(selector, has_query),
            Proof::Jwt(jwt) => jwt.covers(selector, has_query),
            Proof::Token(_) | Proof::Sns(_) | Proof::Nobody => false,
        })
    }
}

impl Proof {
    fn has_shared_secret(&self) -> bool {
        match self {
            Self::Signature(signature) => signature.algorithm.is_hmac(),
            Self::Token(_) | Self::Jwt(_) => true,
            Self::Sns(_) | Self::Nobody => false,
        }
    }

    fn is_hmac_sha256(&self) -> bool {
        match self {
            Self::Signature(signature) => signature.algorithm == Algorithm::HmacSha256,
            Self::Jwt(jwt) => jwt.algorithms.contains(&Algorithm::HmacSha256),
            Self::Token(_) | Self::Sns(_) | Self::Nobody => false,
        }
    }
}

/// The part of a delivery that a selector reads: `headers`, `query`, `body` or `items`.
fn root(selector: &str) -> &str {
    selector.split_once('.').map_or(selector, |(root, _)| root)
}

impl Signature {
    fn covers(&self, selector: &str, has_query: bool) -> bool {
        let is = |source: &Source| source.as_str() == selector;
        let timestamp = self.timestamp.as_ref().map(|timestamp| &timestamp.at);
        let has_value = self.signed.has_value(selector)
            || self.signed.has_id() && self.id.as_ref().is_some_and(is)
            || self.signed.has_timestamp() && timestamp.is_some_and(is);
        // In a batch the items are signed, not the body around them.
        self.batch.is_none()
            && (has_value
                || match root(selector) {
                    "query" => has_query && self.signed.has_url(),
                    "body" => self.signed.has_body_of_any_type() || self.covers_body_hash(has_query),
                    _ => false,
                })
    }

    fn covers_body_hash(&self, has_query: bool) -> bool {
        let selector = self.body_hash.as_ref().map(Source::as_str);
        selector.is_some_and(|selector| root(selector) != "body" && self.covers(selector, has_query))
    }
}

impl Jwt {
    fn covers(&self, selector: &str, has_query: bool) -> bool {
        match root(selector) {
            "query" => has_query && self.url_claim.is_some(),
            "body" => self.body_claim.is_some(),
            _ => false,
        }
    }
}
