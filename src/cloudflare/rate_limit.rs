//! Rate limits: a hook names a binding, and the binding counts. It says yes or no, and nothing about when. Failed
//! operator calls are counted where [`OPERATOR_LIMITER`] is bound.

use serde_json::json;
use worker::{Env, Request};

use super::clock::WorkerLog;
use super::http_fabricate::one_line;
use super::respond::Problem;
use crate::hook::{Hook, RateKey, RateLimit};
use crate::ports::{Level, Log};

/// The optional binding that counts operator calls without the right token, by caller address.
const OPERATOR_LIMITER: &str = "OPERATOR_LIMITER";

/// Counts an operator call that had another token; an error once its address had too many of them. Without the binding
/// nothing is counted.
pub(super) async fn check_operator(env: &Env, request: &Request) -> Result<(), Problem> {
    let Ok(binding) = env.rate_limiter(OPERATOR_LIMITER) else { return Ok(()) };
    match binding.limit(address(request)).await {
        Ok(outcome) if !outcome.success => Err(Problem::too_many_attempts()),
        Ok(_) => Ok(()),
        // The caller is refused in any case.
        Err(error) => {
            let fields = json!({"binding": OPERATOR_LIMITER, "error": one_line(&error)});
            WorkerLog.log(Level::Warn, "rate limit not counted", fields);
            Ok(())
        }
    }
}

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
    let key = match limit.by {
        RateKey::Hook => hook.name.to_string(),
        RateKey::Sender => format!("{}/{}", hook.name, address(request)),
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

/// Where a call comes from, as Cloudflare saw it; nothing where it comes from the local machine.
fn address(request: &Request) -> String {
    request.headers().get("cf-connecting-ip").ok().flatten().unwrap_or_default()
}
