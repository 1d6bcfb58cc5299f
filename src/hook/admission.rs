//! Admission of a request to a hook: it is answered as a handshake, accepted as a verified delivery, or rejected.
//!
//! A handshake that its sender signs is verified first. The answers to other handshakes reveal nothing, and no handshake
//! starts a run.

use super::Hook;
use crate::request::RawRequest;
use crate::verify::answer::{HandshakeError, HandshakeSecrets, SenderReply};
use crate::verify::handshake::Handshake;
use crate::verify::{Verified, VerifyContext, VerifyError};

/// An admitted request.
#[derive(Debug)]
pub enum Admitted {
    /// A handshake, as its answer.
    Handshake(SenderReply),
    /// A verified delivery.
    Delivery(Verified),
}

/// Why a request is rejected.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// The request is not verified.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The token of the handshake is wrong.
    #[error("the handshake's token is wrong")]
    WrongToken,
    /// The handshake has no usable challenge.
    #[error("the handshake has no challenge, or one that is too long")]
    NoChallenge,
    /// A request other than `POST` is not a handshake of this hook.
    #[error("the request is not a handshake of this hook's sender")]
    NoHandshake,
}

impl Rejection {
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

impl From<HandshakeError> for Rejection {
    fn from(error: HandshakeError) -> Self {
        match error {
            HandshakeError::WrongToken => Self::WrongToken,
            HandshakeError::NoChallenge => Self::NoChallenge,
        }
    }
}

impl Hook {
    /// Admits a request.
    ///
    /// # Errors
    /// [`Rejection`].
    pub async fn admit(
        &self,
        request: RawRequest,
        context: &VerifyContext<'_>,
    ) -> Result<Admitted, Rejection> {
        let request = request.with_content_type(self.content_type.as_deref());
        let secrets = self.handshake_secrets(context);
        if let Some(handshake) = self.handshake(&request, &secrets, false) {
            return self.reply(handshake, &request, &secrets);
        }
        let verified = self.verify.verify(request, context).await?;
        let request = verified.delivery();
        if let Some(handshake) = self.handshake(request, &secrets, true) {
            // While a secret is rotated, the answer is made with the one that the sender signs with.
            let first = Box::pin(self.verify.matching_secret(request, context)).await;
            let secrets = HandshakeSecrets { first, ..secrets };
            return self.reply(handshake, request, &secrets);
        }
        if request.method != "POST" {
            return Err(Rejection::NoHandshake);
        }
        Ok(Admitted::Delivery(verified))
    }

    /// Answers a handshake. An answer to `OPTIONS` lists the methods of the hook (RFC 9110, section 9.3.7).
    fn reply(
        &self,
        handshake: &Handshake,
        request: &RawRequest,
        secrets: &HandshakeSecrets,
    ) -> Result<Admitted, Rejection> {
        let mut reply = handshake.answer(request, secrets)?;
        if request.method == "OPTIONS" {
            reply.headers.push(("allow".to_owned(), self.methods().to_owned()));
        }
        Ok(Admitted::Handshake(reply))
    }

    /// The handshake that a request matches, among those that must be verified, or among the others.
    fn handshake(
        &self,
        request: &RawRequest,
        secrets: &HandshakeSecrets,
        verified: bool,
    ) -> Option<&Handshake> {
        let mut candidates =
            self.handshakes.iter().filter(|handshake| handshake.is_verified(request, secrets) == verified);
        candidates.find(|handshake| handshake.is(request))
    }

    fn handshake_secrets(&self, context: &VerifyContext<'_>) -> HandshakeSecrets {
        let value = |name: Option<&String>| name.and_then(|name| (context.secret)(name));
        HandshakeSecrets {
            first: value(self.verify.secret_names.first()),
            verify_token: value(self.verify.verify_token_name.as_ref()),
        }
    }
}

#[cfg(test)]
mod tests;
