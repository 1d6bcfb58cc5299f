//! What a handshake makes seedhook do beside answering: confirm a subscription, keep a token for the operator.
//!
//! [`OfferDecision`] decides which token is kept.

use crate::log;
use serde_json::json;
use url::Url;

use super::context::{Context, Handled};
use super::problem::Problem;
use super::response::Response;
use super::runtime::{HandshakeTokens, Limits, Runtime};
use crate::digest::sha256_hex;
use crate::hook::Hook;
use crate::ports::StoreError;
use crate::verify::answer::SenderReply;
use crate::verify::offered_secret::{OfferDecision, OfferedSecret, is_shown};

/// Answers a handshake: as its sender wants; 503 the subscription cannot be confirmed, or the token cannot be stored.
pub(super) async fn answer_handshake<R: Runtime>(
    context: &Context<'_, R>,
    ports: &R::Ports,
    hook: &Hook,
    reply: SenderReply,
) -> Handled<R> {
    if let Some(address) = reply.visit_url.as_deref().and_then(|address| Url::parse(address).ok()) {
        let answer = context.runtime.get(&address, Limits::USUAL).await;
        let status = answer.as_ref().map(|answer| answer.status).ok();
        if status != Some(200) {
            let fields = json!({"hook": hook.name, "status": status, "error": answer.err()});
            context.log(log::SUBSCRIPTION_NOT_CONFIRMED, fields);
            return Err(Problem::NotReady);
        }
    }
    if let Some(token) = &reply.offered_secret {
        keep_token(context, ports, hook, token).await.map_err(|error| {
            let fields = json!({"hook": hook.name, "error": error.to_string()});
            context.log(log::TOKEN_NOT_STORED, fields);
            Problem::NotReady
        })?;
    }
    context.log(log::HANDSHAKE_ANSWERED, json!({"hook": hook.name, "status": reply.status}));
    Ok(Response::of_reply(reply))
}

/// Keeps a token for the operator, unless an earlier token has its hour. The sender's answer is the same in both cases, so
/// that a stranger does not learn whether the token was the first.
async fn keep_token<R: Runtime>(
    context: &Context<'_, R>,
    ports: &R::Ports,
    hook: &Hook,
    token: &str,
) -> Result<(), StoreError> {
    let digest = sha256_hex(token.as_bytes());
    let kept = match context.isolate.kept_tokens.digest_of(&hook.name, context.now()) {
        Some(kept) => Some(kept),
        None => store_token(context, ports, hook, token).await?,
    };
    if kept.as_ref() != Some(&digest) {
        let fields = json!({"hook": hook.name});
        context.log(log::TOKEN_IGNORED, fields);
    }
    Ok(())
}

/// Stores a token where no earlier one has its hour: one read, and at most one write. Returns the SHA-256 of the token
/// that is kept; `None`: another handshake stored its token at the same moment.
async fn store_token<R: Runtime>(
    context: &Context<'_, R>,
    ports: &R::Ports,
    hook: &Hook,
    token: &str,
) -> Result<Option<String>, StoreError> {
    let (known, now) = (&context.isolate.kept_tokens, context.now());
    let stored = ports.get_token(&hook.name).await?;
    let stored_at = stored.as_ref().map(|(_, version)| version.at);
    let expected = match (OfferDecision::new(stored_at, now), &stored) {
        (OfferDecision::Ignore, Some((offered, version))) => {
            let digest = sha256_hex(offered.token.as_bytes());
            known.remember(&hook.name, &digest, version.at);
            return Ok(Some(digest));
        }
        (OfferDecision::Replace, Some((_, version))) => Some(version),
        _ => None,
    };
    if !ports.put_token(&hook.name, &OfferedSecret { token: token.to_owned() }, expected).await? {
        return Ok(None);
    }
    let digest = sha256_hex(token.as_bytes());
    known.remember(&hook.name, &digest, now);
    Ok(Some(digest))
}

/// The token that the operator needs to set the hook up; `None` once the hook's secret is set.
pub(super) async fn token_to_show<R: Runtime>(
    context: &Context<'_, R>,
    ports: &R::Ports,
    hook: &Hook,
) -> Option<String> {
    let is_set = hook.verify.secret_names.iter().any(|name| context.secret(name).is_some());
    if is_set || !hook.accepts_offered_secret() {
        return None;
    }
    let stored = ports.get_token(&hook.name).await;
    let (offered, version) = stored.inspect_err(|error| drop(context.store_failed(error))).ok().flatten()?;
    is_shown(version.at, context.now()).then_some(offered.token)
}
