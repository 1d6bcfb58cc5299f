//! Whether a handshake's answer may hold an HMAC of what the request says, under the secret that deliveries are signed
//! with. Where anybody may choose the text, it must not: the answer would be the signature of a forged delivery (a
//! signing oracle).
//!
//! It judges configuration, before any request. It takes the cautious side: a mistake is reported where it is not plain
//! that no answer can be a signature.

use super::jwt::Jwt;
use super::key::Algorithm;
use super::signature::Signature;
use super::{Proof, Verification};
use crate::request::source::Source;
use crate::verify::handshake::Trust;

/// What is wrong with an answer, and what would be right.
pub(crate) type Oracle = (&'static str, String);

impl Verification {
    /// Why no answer may hold HMAC-SHA256 of `input` under the hook's secret; `None`: it may.
    ///
    /// It may where
    /// - no proof of the hook is HMAC-SHA256 under its secret: a token is no signature, and the HMAC of one hash says
    ///   nothing of that of another. How key and signature are encoded makes no difference: it hides no bytes.
    /// - or the handshake's request is verified, and its own signature covers `input`: then the sender chose the text.
    pub(crate) fn oracle(&self, trust: &Trust, input: &Source) -> Option<Oracle> {
        if !self.proofs.iter().any(|choice| choice.proof.has_shared_secret()) {
            return Some((
                "needs a secret, and this scheme has none",
                "name another scheme, or remove it".to_owned(),
            ));
        }
        let mut alike =
            self.proofs.iter().map(|choice| &choice.proof).filter(|proof| proof.is_hmac_sha256()).peekable();
        alike.peek()?;
        // One that is open until the secret is set is verified from then on, and has no key before.
        if !matches!(trust, Trust::Verified | Trust::OpenUntilSet) {
            let problem =
                "signs any text that a stranger sends, with the secret that deliveries are signed with";
            return Some((problem, "write verified = true, where the sender signs its handshake".to_owned()));
        }
        if alike.all(|proof| self.covers(proof, input)) {
            return None;
        }
        let problem = "is not covered by the signature: a caller with one signed request could get a signature for \
                       any text";
        Some((problem, format!("put {{{}}} into `signed`, if the sender does, or remove it", input.as_str())))
    }

    /// Whether a proof covers what stands at each of the source's places.
    fn covers(&self, proof: &Proof, source: &Source) -> bool {
        // A configured address that has a query stands for the one that was called.
        let has_query = !self.url.as_ref().is_some_and(|url| url.contains('?'));
        source.as_str().split('|').all(|place| match proof {
            Proof::Signature(signature) => signature.covers(place, has_query),
            Proof::Jwt(jwt) => jwt.covers(place, has_query),
            Proof::Token(_) | Proof::Sns(_) => false,
        })
    }
}

impl Proof {
    fn has_shared_secret(&self) -> bool {
        match self {
            Self::Signature(signature) => signature.algorithm.is_hmac(),
            Self::Token(_) | Self::Jwt(_) => true,
            Self::Sns(_) => false,
        }
    }

    fn is_hmac_sha256(&self) -> bool {
        match self {
            Self::Signature(signature) => signature.algorithm == Algorithm::HmacSha256,
            Self::Jwt(jwt) => jwt.algorithms.contains(&Algorithm::HmacSha256),
            Self::Token(_) | Self::Sns(_) => false,
        }
    }
}

/// Which part of a delivery a place is in: `headers`, `query`, `body` or `items`.
fn root(place: &str) -> &str {
    place.split_once('.').map_or(place, |(root, _)| root)
}

impl Signature {
    fn covers(&self, place: &str, has_query: bool) -> bool {
        let is = |source: &Source| source.as_str() == place;
        let stamp = self.timestamp.as_ref().map(|stamp| &stamp.at);
        let has_place = self.signed.has_value(place)
            || self.signed.has_id() && self.id.as_ref().is_some_and(is)
            || self.signed.has_timestamp() && stamp.is_some_and(is);
        // With `each`, items are signed, and not what stands around them.
        self.each.is_none()
            && (has_place
                || match root(place) {
                    "query" => has_query && self.signed.has_url(),
                    "body" => self.signed.has_any_body() || self.covers_body_hash(has_query),
                    _ => false,
                })
    }

    fn covers_body_hash(&self, has_query: bool) -> bool {
        let place = self.body_hash.as_ref().map(Source::as_str);
        place.is_some_and(|place| root(place) != "body" && self.covers(place, has_query))
    }
}

impl Jwt {
    fn covers(&self, place: &str, has_query: bool) -> bool {
        match root(place) {
            "query" => has_query && self.url_claim.is_some(),
            "body" => self.body_claim.is_some(),
            _ => false,
        }
    }
}
