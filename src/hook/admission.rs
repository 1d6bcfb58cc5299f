//! The door of a hook: a request is answered as a handshake, let in as a verified delivery, or turned away.
//!
//! Handshakes that their sender signs are verified first; the others tell nothing and start nothing.

use super::Hook;
use crate::request::RawRequest;
use crate::verify::handshake::{Handshake, Refused, Reply, Secrets};
use crate::verify::{Means, Verified, VerifyError};

/// Who may come in, and as what.
#[derive(Debug)]
pub enum Admitted {
    /// A handshake, and its answer.
    Handshake(Reply),
    /// A delivery that is genuine.
    Delivery(Verified),
}

/// Why a request is turned away.
#[derive(Debug, thiserror::Error)]
pub enum TurnedAway {
    /// It is not from the sender, or that cannot be told.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// A handshake with a wrong token.
    #[error("the handshake's token is wrong")]
    WrongToken,
    /// A handshake without a usable challenge.
    #[error("the handshake has no challenge, or one that is too long")]
    NoChallenge,
    /// A `GET` or `OPTIONS` that is no handshake of this sender.
    #[error("the request is no handshake of this hook's sender")]
    NoHandshake,
}

impl TurnedAway {
    /// The HTTP status of the answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Verify(VerifyError::NotVerified(_)) => 401,
            Self::Verify(VerifyError::TooComplex(_)) => 413,
            Self::Verify(VerifyError::Misconfigured { .. }) => 503,
            Self::WrongToken => 403,
            Self::NoChallenge | Self::NoHandshake => 400,
        }
    }
}

impl From<Refused> for TurnedAway {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::WrongToken => Self::WrongToken,
            Refused::NoChallenge => Self::NoChallenge,
        }
    }
}

impl Hook {
    /// Takes a request in.
    ///
    /// # Errors
    /// See [`TurnedAway`].
    pub fn admit(&self, request: RawRequest, means: &Means<'_>) -> Result<Admitted, TurnedAway> {
        let request = request.with_content_type(self.content_type.as_deref());
        let secrets = self.handshake_secrets(means);
        if let Some(handshake) = self.handshake(&request, &secrets, false) {
            return self.reply(handshake, &request, &secrets);
        }
        let verified = self.verify.verify(request, means)?;
        let request = verified.delivery();
        if let Some(handshake) = self.handshake(request, &secrets, true) {
            // While a secret is rotated, the answer is made with the one that the sender signs with.
            let secrets = Secrets { first: self.verify.matching_secret(request, means), ..secrets };
            return self.reply(handshake, request, &secrets);
        }
        if request.method != "POST" {
            return Err(TurnedAway::NoHandshake);
        }
        Ok(Admitted::Delivery(verified))
    }

    /// A handshake's answer. One to `OPTIONS` lists the methods that the hook answers (RFC 9110, section 9.3.7).
    fn reply(
        &self,
        handshake: &Handshake,
        request: &RawRequest,
        secrets: &Secrets,
    ) -> Result<Admitted, TurnedAway> {
        let mut reply = handshake.answer(request, secrets)?;
        if request.method == "OPTIONS" {
            reply.headers.push(("allow".to_owned(), self.methods().to_owned()));
        }
        Ok(Admitted::Handshake(reply))
    }

    /// The handshake that a request is, among those that are verified first, or among the others.
    fn handshake(&self, request: &RawRequest, secrets: &Secrets, verified: bool) -> Option<&Handshake> {
        let mut candidates =
            self.handshakes.iter().filter(|handshake| handshake.is_verified(request, secrets) == verified);
        candidates.find(|handshake| handshake.is(request))
    }

    fn handshake_secrets(&self, means: &Means<'_>) -> Secrets {
        let value = |name: Option<&String>| name.and_then(|name| (means.secret)(name));
        Secrets {
            first: value(self.verify.secret_names.first()),
            verify_token: value(self.verify.verify_token_name.as_ref()),
        }
    }
}

#[cfg(test)]
mod tests;
