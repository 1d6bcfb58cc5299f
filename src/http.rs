//! HTTP: what each address answers. Every body, every problem and every header of an answer is decided here, natively.
//!
//! It must not know Cloudflare: what it needs of the runtime is in [`runtime`].

mod access;
mod access_keys;
pub mod api_token;
pub mod caller;
mod certificates;
mod context;
mod decisions;
mod delivery_point;
pub mod download;
mod entity_tag;
mod files;
mod handshake;
mod health;
mod heard;
mod hooks;
mod intake;
mod isolate;
mod kept;
#[cfg(not(target_arch = "wasm32"))]
pub mod openapi;
mod problem;
mod query;
mod rate_limit;
pub mod recent;
pub mod request;
pub mod request_body;
pub mod response;
pub mod route;
mod runs;
pub mod runtime;
pub mod schema;
pub mod secrets;
mod status;
mod watched_run;

pub use isolate::Isolate;
pub use problem::{Kind, Problem, ProblemBody};

use crate::ports::KeptKey;
use caller::Caller;
use context::{Context, Handled};
use query::require_no_query;
use request::Request;
use response::Response;
use route::Route;
use runtime::{FileStream, Runtime};
use schema::Session;

/// Answers a request. An internal error is logged where it is handled, and no answer has it.
pub async fn handle<R: Runtime>(isolate: &Isolate, runtime: &R, request: Request) -> Response<FileStream<R>> {
    let exposure = isolate.called_at(&request.url);
    isolate.log_example_secrets(exposure, runtime, |name| runtime.secret(name));
    let context = Context { isolate, runtime, exposure };
    let response = answer(&context, request).await.unwrap_or_else(Problem::into_response);
    recent::store_when_due(&context);
    response
}

async fn answer<R: Runtime>(context: &Context<'_, R>, request: Request) -> Handled<R> {
    let path = request.url.path().to_owned();
    // Before the address is looked up: only the operator learns which addresses there are.
    let is_for_operator = Route::is_for_operator(&path);
    let caller = if is_for_operator { Some(Caller::authenticate(context, &request).await?) } else { None };
    let route = Route::find(&request.method, &path)?;
    if let Some(caller) = &caller {
        caller.require_right(&request, route.decides())?;
        if route.takes_no_query() {
            require_no_query(&request.url)?;
        }
    }
    let role = caller.as_ref().map(|caller| caller.role);
    // The futures of rare calls are large: each is in a box, so that a webhook does not carry them along.
    match route {
        Route::GetSession => session(context, caller.as_ref()),
        Route::Health => Box::pin(health::health(context, &request)).await,
        Route::Webhook(hook) => intake::receive_webhook(context, request, hook).await,
        Route::FollowLink(run_id, file_id) => {
            Box::pin(files::follow_link(context, &request, run_id, &file_id)).await
        }
        Route::FollowStatus(run_id) => Box::pin(status::get_status(context, &request, run_id)).await,
        Route::GetOverview => Box::pin(runs::get_overview(context, &request)).await,
        Route::ListRuns => Box::pin(runs::list_runs(context, &request)).await,
        Route::GetRun(run_id) => Box::pin(runs::get_run(context, &request, run_id)).await,
        Route::GetTimeline(run_id) => Box::pin(runs::get_timeline(context, run_id)).await,
        Route::GetMapping(run_id) => Box::pin(runs::get_mapping(context, run_id)).await,
        Route::GetDelivery(run_id) => Box::pin(runs::get_delivery(context, run_id)).await,
        Route::GetFile(run_id, file_id) => {
            Box::pin(files::get_file(context, &request, run_id, &file_id)).await
        }
        Route::MakeLink(run_id, file_id) => {
            Box::pin(files::make_link(context, request, run_id, &file_id)).await
        }
        Route::Adopt(run_id) => Box::pin(decisions::adopt_task(context, request, run_id)).await,
        Route::Abandon(run_id) => Box::pin(decisions::abandon_run(context, request, run_id)).await,
        Route::Retry(run_id) => Box::pin(decisions::retry_run(context, &request, run_id)).await,
        Route::RetryMany => Box::pin(decisions::retry_runs(context, &request)).await,
        Route::AbandonMany => Box::pin(decisions::abandon_runs(context, request)).await,
        Route::ListRecent => Box::pin(recent::list_recent(context, &request)).await,
        Route::ListKept(hook) => Box::pin(kept::list_ignored(context, &request, &hook)).await,
        Route::GetKept(hook, id) => Box::pin(kept::get_ignored(context, &KeptKey { hook, id })).await,
        Route::RunKept(hook, id) => {
            Box::pin(kept::run_ignored(context, request, &KeptKey { hook, id })).await
        }
        Route::ListHooks => Box::pin(hooks::list_hooks(context, &request, role)).await,
        Route::Preview(hook) => Box::pin(hooks::preview_delivery(context, request, hook)).await,
        Route::StartByHand(hook) => Box::pin(hooks::start_by_hand(context, request, hook)).await,
    }
}

/// `GET /api/session`: who the caller is and may do, and what this Worker can do.
fn session<R: Runtime>(context: &Context<'_, R>, caller: Option<&Caller>) -> Handled<R> {
    // The address is below `/api/`, so that there is a caller.
    let caller = caller.ok_or(Problem::NoToken)?;
    let session = Session {
        role: caller.role,
        version: env!("CARGO_PKG_VERSION"),
        has_links: files::link_secret(context).is_ok(),
        signed_in_by: caller.signed_in_by,
        user: caller.user.as_deref(),
    };
    context.json(200, &session)
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
