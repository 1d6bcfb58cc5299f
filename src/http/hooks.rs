//! The operator's calls about hooks: list them, preview a delivery, start by hand.

use super::api_token::Role;
use super::context::{Context, Handled};
use super::handshake::token_to_show;
use super::intake::{NewEvent, accept_event};
use super::query::wait_seconds;
use super::request::Request;
use super::request_body::read_delivery;
use super::runtime::Runtime;
use super::schema::{HookList, HookState, HookView, MistakeView, ReadableHook};
use super::status::StatusLinks;
use crate::hook::Hook;
use crate::hook::event::Event;
use crate::service::preview::preview;
use crate::verify::{SecretError, VerifyContext, VerifyError};

/// The header of a preview that stands for the sender's `Authorization`: the request's own is the operator's.
const SENDER_AUTHORIZATION: &str = "x-sender-authorization";

/// The hooks, without secrets, and what is wrong with any: 200. Without its bindings the Worker shows no tokens that senders
/// offered; a reader is shown none.
pub(super) async fn list_hooks<R: Runtime>(
    context: &Context<'_, R>,
    request: &Request,
    role: Option<Role>,
) -> Handled<R> {
    let origin = request.url.origin().ascii_serialization();
    let configuration = &context.isolate.configuration;
    let ports = context.runtime.ports().filter(|_| role == Some(Role::Operator));
    let mut hooks = Vec::new();
    for (name, hook) in configuration.hooks.iter() {
        hooks.push(match hook {
            Ok(hook) => {
                let token = match &ports {
                    Some(ports) => token_to_show(context, ports, hook).await,
                    None => None,
                };
                let mistakes = mistakes_of_secrets(context, hook);
                HookView::Readable(Box::new(ReadableHook::of(hook, &origin, token, mistakes, context.now())))
            }
            Err(mistakes) => HookView::Unreadable {
                hook: name,
                state: HookState::Broken,
                mistakes: mistakes.iter().map(MistakeView::from).collect(),
            },
        });
    }
    let mistakes = configuration.mistakes.iter().map(MistakeView::from).collect();
    context.json(200, &HookList { hooks, mistakes })
}

fn mistakes_of_secrets<R: Runtime>(context: &Context<'_, R>, hook: &Hook) -> Vec<MistakeView> {
    let broken = hook.verify.broken_secrets(|name| context.secret(name));
    let shown = broken.into_iter().map(|error| MistakeView {
        path: format!("HOOKS.{}.verify.secret", hook.name),
        problem: context.explained(error).to_string(),
        remedy: "set it with `npx wrangler secret put NAME` (locally in .dev.vars)".to_owned(),
    });
    shown.collect()
}

/// What a delivery would do, from the code that would do it. The request is as a sender would send it.
///
/// 200; 404 no such hook, 503 it is broken; 400, 408, 413, 415 or 503 the body is not read.
pub(super) async fn preview_delivery<R: Runtime>(
    context: &Context<'_, R>,
    request: Request,
    name: String,
) -> Handled<R> {
    let hook = context.hook(name)?;
    let (delivery, _lease) = read_delivery(context, request, hook.body_bytes_max).await?;
    let address = delivery.url.replacen("/api/hooks/", "/hooks/", 1).replacen("/preview", "", 1);
    let senders_own = delivery.header(SENDER_AUTHORIZATION).map(ToOwned::to_owned);
    let delivery = delivery.at(&address).with_header("authorization", senders_own.as_deref());
    let secret = |name: &str| context.secret(name);
    let crypto = context.runtime.crypto();
    let verify_context = VerifyContext { secret: &secret, certificate: None, crypto, now: context.now() };
    let fabricate = context.isolate.configuration.fabricate.as_ref();
    let mut shown = Box::pin(preview(hook, fabricate, &delivery, &verify_context)).await;
    let examples = hook.verify.broken_secrets(secret).into_iter().map(|error| context.explained(error));
    let is_example = |error: &VerifyError| {
        matches!(error, VerifyError::Misconfigured { problem: SecretError::Example, .. })
    };
    if let (Some(reason), Some(error)) =
        (&mut shown.verification.reason, examples.into_iter().find(is_example))
    {
        *reason = error.to_string();
    }
    context.json(200, &shown)
}

/// Starts what a payload starts, or without one what the hook's schedule starts. The operator vouches for it, so that it needs no
/// signature.
///
/// As a delivery is answered ([`accept_event`]); 400, 413 or 415 the body is not parsed.
pub(super) async fn start_by_hand<R: Runtime>(
    context: &Context<'_, R>,
    request: Request,
    name: String,
) -> Handled<R> {
    let hook = context.hook(name)?;
    let ports = context.ports()?;
    let wait_s = wait_seconds(&request);
    let links = StatusLinks::of(context, hook, &request.url);
    let (delivery, lease) = read_delivery(context, request, hook.body_bytes_max).await?;
    let delivery = delivery.with_content_type(hook.content_type.as_deref());
    let event = Event::by_hand(hook, delivery, &context.fresh_id())?;
    accept_event(context, ports, NewEvent { hook, event, lease, wait_s, reply: None, links, seen: None })
        .await
}
