//! Rate limits: a hook names a binding, and the binding counts. It says yes or no, and nothing about when.

use serde_json::json;
use worker::{Env, Request};

use super::clock::WorkerLog;
use super::respond::Problem;
use crate::hook::{Hook, RateKey, RateLimit};
use crate::ports::{Level, Log};

/// Lets a call pass, or refuses it until the binding's period is over.
pub(super) async fn check(
    env: &Env,
    hook: &Hook,
    limit: &RateLimit,
    request: &Request,
) -> Result<(), Problem> {
    let binding = env.rate_limiter(&limit.binding).map_err(|error| {
        let fields = json!({"hook": hook.name, "binding": limit.binding, "error": error.to_string()});
        WorkerLog.log(
            Level::Error,
            "rate-limiting binding is missing: add [[ratelimits]] to wrangler.toml",
            fields,
        );
        Problem::not_ready()
    })?;
    let address = || request.headers().get("cf-connecting-ip").ok().flatten().unwrap_or_default();
    let key = match limit.by {
        RateKey::Hook => hook.name.to_string(),
        RateKey::Sender => format!("{}/{}", hook.name, address()),
    };
    match binding.limit(key).await {
        Ok(outcome) if !outcome.success => Err(Problem::too_often()),
        Ok(_) => Ok(()),
        // The limit protects; it is not what keeps promises. A delivery is not lost for it.
        Err(error) => {
            let fields = json!({"hook": hook.name, "binding": limit.binding, "error": error.to_string()});
            WorkerLog.log(Level::Warn, "rate limit not counted", fields);
            Ok(())
        }
    }
}
