//! What a handshake makes the edge do beside answering: call an address, keep what the operator has to be shown.

use serde_json::json;
use url::Url;
use worker::{Env, Method, Response};

use super::Cloudflare;
use super::clock::WorkerLog;
use super::respond::{self, Problem};
use super::settings::secret;
use crate::hook::Hook;
use crate::hook::handshake::Reply;
use crate::ports::{Level, Log};

/// How long what a handshake brought is kept for the operator, seconds.
const KEPT_S: u64 = 24 * 60 * 60;

/// Answers a handshake.
pub(super) async fn answer(
    world: &Cloudflare,
    hook: &Hook,
    reply: Reply,
) -> Result<worker::Result<Response>, Problem> {
    if let Some(address) = reply.visit.as_deref().and_then(|address| Url::parse(address).ok()) {
        let answer = world.ask(Method::Get, &address, false, None).await;
        let status = answer.as_ref().map(|answer| answer.status).ok();
        if status != Some(200) {
            let fields = json!({"hook": hook.name, "status": status, "error": answer.err()});
            WorkerLog.log(
                Level::Warn,
                "subscription not confirmed, the sender is asked to try again",
                fields,
            );
            return Err(Problem::not_ready());
        }
    }
    if let Some(token) = &reply.remember {
        let put = world.runs.put(&key(hook), token.as_str()).map(|put| put.expiration_ttl(KEPT_S));
        let kept = match put {
            Ok(put) => put.execute().await.is_ok(),
            Err(_) => false,
        };
        if !kept {
            return Err(Problem::not_ready());
        }
    }
    WorkerLog.log(Level::Info, "handshake answered", json!({"hook": hook.name, "status": reply.status}));
    Ok(respond::reply(&reply))
}

/// What a handshake brought that the operator needs to set the hook up; `None` once its secret is set.
pub(super) async fn brought(world: &Cloudflare, env: &Env, hook: &Hook) -> Option<String> {
    let is_set = hook.verify.secret_names.iter().any(|name| secret(env, name).is_some());
    if is_set || !hook.waits_for_its_secret() {
        return None;
    }
    world.runs.get(&key(hook)).text().await.ok().flatten()
}

fn key(hook: &Hook) -> String {
    format!("handshake/{}", hook.name)
}
