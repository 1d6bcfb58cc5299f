//! Rate limits: a hook names a binding, and the binding counts its calls. Calls under `/api/` with a wrong token, also
//! of Cloudflare Access, are counted where [`OPERATOR_LIMITER`] is bound.

use serde_json::json;

use super::context::Context;
use super::problem::Problem;
use super::request::Request;
use super::runtime::{LimiterError, Runtime};
use crate::hook::{Hook, RateKey, RateLimit};
use crate::log;

/// The optional binding that counts operator calls with a wrong token, by the caller's address.
const OPERATOR_LIMITER: &str = "OPERATOR_LIMITER";

/// Counts an operator call with a wrong token: 429 once its address has made too many of them. Without the binding nothing
/// is counted.
pub(super) async fn count_failed_operator_call<R: Runtime>(
    context: &Context<'_, R>,
    request: &Request,
) -> Result<(), Problem> {
    match context.runtime.count_call(OPERATOR_LIMITER, request.caller()).await {
        Ok(false) => Err(Problem::TooManyAttempts),
        Ok(true) | Err(LimiterError::NotBound(_)) => Ok(()),
        // The caller is refused in any case.
        Err(LimiterError::Failed(error)) => {
            let fields = json!({"binding": OPERATOR_LIMITER, "error": error});
            context.log(log::LIMITER_FAILED, fields);
            Ok(())
        }
    }
}

/// Counts a call of a hook: 429 it is over the hook's limit, 503 the binding is missing.
pub(super) async fn count_hook_call<R: Runtime>(
    context: &Context<'_, R>,
    hook: &Hook,
    limit: &RateLimit,
    request: &Request,
) -> Result<(), Problem> {
    let key = match limit.by {
        RateKey::Hook => hook.name.to_string(),
        RateKey::Sender => format!("{}/{}", hook.name, request.caller()),
    };
    let fields = |error: String| json!({"hook": hook.name, "binding": limit.binding, "error": error});
    match context.runtime.count_call(&limit.binding, &key).await {
        Ok(false) => Err(Problem::TooOften),
        Ok(true) => Ok(()),
        Err(LimiterError::NotBound(error)) => {
            context.log(log::LIMITER_MISSING, fields(error));
            Err(Problem::NotReady)
        }
        // The limit is a protection and keeps no promise: no delivery is lost for it.
        Err(LimiterError::Failed(error)) => {
            context.log(log::LIMITER_FAILED, fields(error));
            Ok(())
        }
    }
}
