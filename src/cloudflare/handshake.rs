//! What a handshake makes the edge do beside answering: call an address, keep what the operator has to be shown.
//!
//! What is kept lies in R2 at `handshakes/{hook}`, one object a hook. KV would not do: its reads are late, and its last
//! write wins, so that a stranger's token could follow the sender's. Which token is kept [`OfferDecision`] decides.

use std::cell::RefCell;

use serde_json::json;
use url::Url;
use worker::{Conditional, Env, Method, Response};

use super::Cloudflare;
use super::clock::{WorkerClock, WorkerLog};
use super::r2_inbox::{failed, uploaded};
use super::respond::{self, Problem};
use super::settings::secret;
use crate::digest::sha256_hex;
use crate::hook::{Hook, HookName};
use crate::ports::{Clock, Level, Log, StoreError};
use crate::timestamp::Timestamp;
use crate::verify::answer::SenderReply;
use crate::verify::offered_secret::{KEPT_MS, OfferDecision, OfferedSecret, is_shown};

/// Of how many hooks an isolate remembers that a token has its hour.
const KNOWN_MAX: usize = 32;

/// A token that has its hour, as this isolate knows: whose, its SHA-256, and since when.
struct Known {
    hook: HookName,
    digest: String,
    at: Timestamp,
}

thread_local! {
    /// Spares the store a read for each further handshake of the hour.
    static KNOWN: RefCell<Vec<Known>> = const { RefCell::new(Vec::new()) };
}

/// Answers a handshake.
pub(super) async fn answer(
    world: &Cloudflare,
    hook: &Hook,
    reply: SenderReply,
) -> Result<worker::Result<Response>, Problem> {
    if let Some(address) = reply.visit_url.as_deref().and_then(|address| Url::parse(address).ok()) {
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
    if let Some(token) = &reply.offered_secret {
        keep(world, hook, token).await.map_err(|error| {
            let fields = json!({"hook": hook.name, "error": error.to_string()});
            WorkerLog.log(
                Level::Error,
                "handshake's token not stored, the sender is asked to try again",
                fields,
            );
            Problem::not_ready()
        })?;
    }
    WorkerLog.log(Level::Info, "handshake answered", json!({"hook": hook.name, "status": reply.status}));
    Ok(respond::reply(&reply))
}

/// Keeps a token for the operator, unless one that came before has its hour. The sender's answer is the same: whether
/// its token was the first is nothing that a stranger is told.
async fn keep(world: &Cloudflare, hook: &Hook, token: &str) -> Result<(), StoreError> {
    let (now, digest) = (WorkerClock.now(), sha256_hex(token.as_bytes()));
    let standing = match standing(hook, now) {
        Some(standing) => standing,
        None => store(world, hook, token, now).await?,
    };
    if standing != digest {
        let fields = json!({"hook": hook.name});
        WorkerLog.log(Level::Warn, "handshake token ignored: the first token is kept for one hour", fields);
    }
    Ok(())
}

/// The SHA-256 of the token that has its hour, where this isolate knows of one.
fn standing(hook: &Hook, now: Timestamp) -> Option<String> {
    KNOWN.with_borrow_mut(|known| {
        known.retain(|known| now.since_ms(known.at) < KEPT_MS);
        known.iter().find(|known| known.hook == hook.name).map(|known| known.digest.clone())
    })
}

/// Stores a token where none has its hour: one read, and one write at the most. Returns the SHA-256 of the one that has
/// it then.
async fn store(world: &Cloudflare, hook: &Hook, token: &str, now: Timestamp) -> Result<String, StoreError> {
    let read = world.read_object::<OfferedSecret>(key(hook)).await?;
    let at = read.as_ref().map(|(_, object)| uploaded(object));
    let condition = match (OfferDecision::new(at, now), &read) {
        (OfferDecision::Ignore, Some((brought, _))) => {
            let digest = sha256_hex(brought.token.as_bytes());
            remember(hook, &digest, at.unwrap_or(now));
            return Ok(digest);
        }
        // Of several that come at once one is stored: the others see that its place is taken, or its etag another.
        (OfferDecision::Replace, Some((_, object))) => {
            Conditional { etag_matches: Some(object.etag()), ..Conditional::default() }
        }
        _ => Conditional { etag_does_not_match: Some("*".to_owned()), ..Conditional::default() },
    };
    let brought = OfferedSecret { token: token.to_owned() };
    let body = serde_json::to_string(&brought).map_err(|error| failed(&error))?;
    let put = world.inbox.put(key(hook), body).only_if(condition).execute().await;
    if put.map_err(|error| failed(&error))?.is_none() {
        return Ok(String::new());
    }
    let digest = sha256_hex(token.as_bytes());
    remember(hook, &digest, now);
    Ok(digest)
}

fn remember(hook: &Hook, digest: &str, at: Timestamp) {
    KNOWN.with_borrow_mut(|known| {
        known.retain(|known| known.hook != hook.name);
        known.truncate(KNOWN_MAX - 1);
        known.insert(0, Known { hook: hook.name.clone(), digest: digest.to_owned(), at });
    });
}

/// What a handshake brought that the operator needs to set the hook up; `None` once its secret is set.
pub(super) async fn brought(world: &Cloudflare, env: &Env, hook: &Hook) -> Option<String> {
    let is_set = hook.verify.secret_names.iter().any(|name| secret(env, name).is_some());
    if is_set || !hook.accepts_offered_secret() {
        return None;
    }
    let (brought, object) = world.read_object::<OfferedSecret>(key(hook)).await.ok().flatten()?;
    is_shown(uploaded(&object), WorkerClock.now()).then_some(brought.token)
}

fn key(hook: &Hook) -> String {
    format!("handshakes/{}", hook.name)
}
