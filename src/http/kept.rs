//! The operator's calls about deliveries that a hook ignored and keeps: list them, show one, run one.

use super::context::{Context, Handled};
use super::intake::{NewEvent, accept_event};
use super::problem::Problem;
use super::query::{read_kept_query, wait_seconds};
use super::request::Request;
use super::request_body::in_flight::WORK_FACTOR;
use super::request_body::no_room;
use super::runtime::Runtime;
use super::schema::{DeliveryView, KeptList, KeptView};
use super::status::StatusLinks;
use crate::hook::event::Event;
use crate::hook::{BODY_BYTES_MAX, HookName};
use crate::ports::KeptKey;
use crate::service::kept::{get_kept, list_kept};

/// What a hook keeps, newest first. It costs one list of R2. A hook that is not configured any more may keep some still.
///
/// 200; 400 the query is not understood; 503 a store fails.
pub(super) async fn list_ignored<R: Runtime>(
    context: &Context<'_, R>,
    request: &Request,
    hook: &HookName,
) -> Handled<R> {
    let ports = context.ports()?;
    let (limit, after) = read_kept_query(&request.url)?;
    let page = list_kept(&*ports, hook, after.as_ref(), limit, context.now()).await;
    let page = page.map_err(|error| context.store_failed(&error))?;
    let kept = page.items.into_iter().map(KeptView::of).collect();
    context.json(200, &KeptList { kept, cursor: page.cursor })
}

/// A kept delivery: without credentials.
///
/// 200; 404 there is none, or it has expired; 503 a store fails.
pub(super) async fn get_ignored<R: Runtime>(context: &Context<'_, R>, key: &KeptKey) -> Handled<R> {
    let ports = context.ports()?;
    let kept = get_kept(&*ports, key, context.now()).await.map_err(|error| context.store_failed(&error))?;
    context.json(200, &DeliveryView::of(&kept.ok_or(Problem::NoSuchDelivery)?))
}

/// Runs a kept delivery: it is received again by its hook as configured now, also while that is paused.
///
/// As a delivery is answered ([`accept_event`]); 400, 413 or 415 the body is not parsed as the hook reads bodies now; 404 there is
/// no such delivery, or no such hook.
pub(super) async fn run_ignored<R: Runtime>(
    context: &Context<'_, R>,
    request: Request,
    key: &KeptKey,
) -> Handled<R> {
    let hook = context.hook(key.hook.to_string())?;
    let ports = context.ports()?;
    let wait_s = wait_seconds(&request);
    let links = StatusLinks::of(context, hook, &request.url);
    let mut lease =
        context.isolate.in_flight.lease(context.now()).map_err(|error| no_room(context, error))?;
    // Before it is read, for as much as it may have: the hook may have taken more then.
    lease.hold(BODY_BYTES_MAX * WORK_FACTOR).map_err(|error| no_room(context, error))?;
    let kept = get_kept(&*ports, key, context.now()).await.map_err(|error| context.store_failed(&error))?;
    let event = Event::from_stored(kept.ok_or(Problem::NoSuchDelivery)?, hook)?;
    accept_event(context, ports, NewEvent { hook, event, lease, wait_s, reply: None, links, seen: None })
        .await
}
