//! What a handshake makes seedhook do beside answering: confirm a subscription, keep a token for the operator.
//!
//! [`Keep`] decides which token is kept.

use serde_json::json;
use url::Url;

use super::context::{Context, Handled};
use super::problem::Problem;
use super::response::Response;
use super::runtime::{HandshakeTokens, Outbound, Runtime};
use crate::digest::sha256_hex;
use crate::hook::Hook;
use crate::ports::{Level, StoreError};
use crate::verify::brought::{Brought, Keep, is_shown};
use crate::verify::handshake::Reply;

/// Answers a handshake: as its sender wants; 503 the subscription cannot be confirmed, or the token cannot be stored.
pub(super) async fn answer_handshake<R: Runtime>(
    context: &Context<'_, R>,
    ports: &R::Ports,
    hook: &Hook,
    reply: Reply,
) -> Handled<R> {
    if let Some(address) = reply.visit.as_deref().and_then(|address| Url::parse(address).ok()) {
        let answer = ports.get(&address).await;
        let status = answer.as_ref().map(|answer| answer.status).ok();
        if status != Some(200) {
            let fields = json!({"hook": hook.name, "status": status, "error": answer.err()});
            let message = "subscription not confirmed, the sender is asked to try again";
            context.log(Level::Warn, message, fields);
            return Err(Problem::NotReady);
        }
    }
    if let Some(token) = &reply.remember {
        keep_token(context, ports, hook, token).await.map_err(|error| {
            let fields = json!({"hook": hook.name, "error": error.to_string()});
            let message = "handshake's token not stored, the sender is asked to try again";
            context.log(Level::Error, message, fields);
            Problem::NotReady
        })?;
    }
    context.log(Level::Info, "handshake answered", json!({"hook": hook.name, "status": reply.status}));
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
        context.log(Level::Warn, "handshake token ignored: the first token is kept for one hour", fields);
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
    let expected = match (Keep::of(stored_at, now), &stored) {
        (Keep::Leave, Some((brought, version))) => {
            let digest = sha256_hex(brought.token.as_bytes());
            known.remember(&hook.name, &digest, version.at);
            return Ok(Some(digest));
        }
        (Keep::Replace, Some((_, version))) => Some(version),
        _ => None,
    };
    if !ports.put_token(&hook.name, &Brought { token: token.to_owned() }, expected).await? {
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
    if is_set || !hook.waits_for_its_secret() {
        return None;
    }
    let stored = ports.get_token(&hook.name).await;
    let (brought, version) = stored.inspect_err(|error| drop(context.store_failed(error))).ok().flatten()?;
    is_shown(version.at, context.now()).then_some(brought.token)
}
