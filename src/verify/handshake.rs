//! Endpoint handshakes: requests with which a sender tests an endpoint before, or beside, its deliveries, and how seedhook
//! answers them. A handshake starts no run.
//!
//! The handshakes of each sender are data, in `config/senders.json` and in a hook's `handshake`. This file answers them.

use super::answer::{
    AnswerTemplate, HandshakeError, HandshakeSecrets, Predicate, SenderReply, all_hold, challenge,
};
use super::sns::topic::SnsTopic;
use crate::digest::is_same_secret;
use crate::request::RawRequest;
use crate::request::source::{Source, View};

/// One handshake that a hook answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Handshake {
    /// `GET`, `OPTIONS` or `POST`.
    pub method: String,
    /// Conditions that distinguish this handshake from a delivery; all must hold.
    pub(crate) when: Vec<(Source, Predicate)>,
    /// What the request must prove.
    pub(crate) trust: Trust,
    /// Further conditions on a handshake with a token; a wrong value is answered like a wrong token.
    pub(crate) expect: Vec<(Source, Predicate)>,
    pub(crate) answer: AnswerTemplate,
    /// Where the sender offers the secret of its deliveries. Configured as `remember`.
    pub(crate) offered_secret: Option<Source>,
    /// Where the request names an address that confirms a subscription. Configured as `visit`.
    pub(crate) visit_url: Option<Source>,
}

/// What a handshake must prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trust {
    /// The same as a delivery of the hook.
    Verified,
    /// Knowledge of the secret that the hook names as `verify_token`; this is where the request holds it.
    Token(Source),
    /// Nothing: the sender signs no handshake, and the answer reveals nothing.
    Open,
    /// Nothing while the hook's secret is not set, because the handshake offers it; afterwards the same as a delivery.
    OpenUntilSet,
}

impl Handshake {
    /// Whether a request is this handshake.
    #[must_use]
    pub fn is(&self, request: &RawRequest) -> bool {
        self.method == request.method && all_hold(&self.when, request)
    }

    /// Whether the sender offers the secret of its deliveries in this handshake.
    #[must_use]
    pub fn offers_secret(&self) -> bool {
        self.trust == Trust::OpenUntilSet
    }

    /// Whether the request must be verified like a delivery.
    #[must_use]
    pub fn is_verified(&self, request: &RawRequest, secrets: &HandshakeSecrets) -> bool {
        match (&self.trust, &secrets.first) {
            (Trust::Verified, _) => true,
            // A repeated offer of the secret that is set needs no other proof.
            (Trust::OpenUntilSet, Some(secret)) => {
                let source = self.offered_secret.as_ref();
                let offered = source.and_then(|source| source.find(View::whole(request)));
                !offered.is_some_and(|offered| is_same_secret(&offered, secret.trim()))
            }
            (Trust::OpenUntilSet, None) | (Trust::Token(_) | Trust::Open, _) => false,
        }
    }

    /// Answers a request, which the caller has verified where [`Self::is_verified`] says so.
    ///
    /// # Errors
    /// [`HandshakeError`].
    pub fn answer(
        &self,
        request: &RawRequest,
        secrets: &HandshakeSecrets,
    ) -> Result<SenderReply, HandshakeError> {
        let view = View::whole(request);
        if let Trust::Token(source) = &self.trust {
            let given = source.find(view);
            let expected = secrets.verify_token.as_deref().map(str::trim).filter(|token| !token.is_empty());
            let is_right = given.zip(expected).is_some_and(|(given, token)| is_same_secret(&given, token));
            if !is_right || !all_hold(&self.expect, request) {
                return Err(HandshakeError::WrongToken);
            }
        }
        let reply = self.answer.fill(request, secrets)?;
        let text =
            |source: &Option<Source>| source.as_ref().map(|source| challenge(source, request)).transpose();
        let visit_url = text(&self.visit_url)?;
        if visit_url.as_ref().is_some_and(|address| !is_confirmation(address, request)) {
            return Err(HandshakeError::NoChallenge);
        }
        let takes_offer = self.trust == Trust::OpenUntilSet && secrets.first.is_none();
        let offered_secret = text(&self.offered_secret)?.filter(|_| takes_offer);
        Ok(SenderReply { offered_secret, visit_url, ..reply })
    }
}

/// Whether an address confirms a subscription to the topic of the message, at SNS itself. No other address is called.
fn is_confirmation(address: &str, request: &RawRequest) -> bool {
    let topic = request.value().and_then(|message| message.get("TopicArn")?.as_text());
    topic.and_then(|topic| SnsTopic::parse(topic).ok()).is_some_and(|topic| topic.confirms(address))
}
