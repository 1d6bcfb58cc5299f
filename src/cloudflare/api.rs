//! The operator's calls: everything under `/api/`, and nothing of it without the token.

use std::cell::RefCell;

use serde_json::{Value, json};
use url::Url;
use worker::{Context, Env, Request, Response};

use super::clock::WorkerClock;
use super::intake::{accept, find_hook, fresh_id, read_delivery, wait_of};
use super::respond::{self, Problem};
use super::route::Call;
use super::settings::{OPERATOR_TOKEN, Settings, secret};
use super::{Cloudflare, WorkerLog, decide, files, handshake, links, rate_limit};
use crate::config::mistake::Mistake;
use crate::config::{Configuration, OperatorToken};
use crate::hook::event::Event;
use crate::hook::{Hook, HookName};
use crate::ports::{Clock, Level, Log, StoreError};
use crate::run::{Run, RunId, Status};
use crate::service::look::{LIMIT_DEFAULT, LIMIT_MAX, Position, Query, get_run, list_runs};
use crate::service::preview::preview;
use crate::timestamp::{SECOND_MS, Timestamp};
use crate::verify::{Verified, VerifyContext, bearer_token};

/// The header of a preview that stands for the sender's `Authorization`.
const SENDER_AUTHORIZATION: &str = "x-sender-authorization";
/// How long a list is answered from memory: KV lists are scarce, and a dashboard asks often.
const LIST_CACHE_MS: i64 = 5 * SECOND_MS;
/// How many different lists are remembered.
const LIST_CACHE_MAX: usize = 32;

/// Answers a call of the operator.
pub(super) async fn operate(
    call: Call,
    request: Request,
    env: &Env,
    context: &Context,
    settings: &Settings,
) -> Result<worker::Result<Response>, Problem> {
    authenticate(&request, env).await?;
    let world = || Cloudflare::new(env, settings);
    match call {
        Call::Nothing(problem) => Err(problem),
        Call::ListHooks => {
            let world = world().ok();
            Ok(respond::json(200, &hooks(&settings.configuration, world.as_ref(), env).await))
        }
        Call::Preview(name) => show_preview(request, env, settings, name).await,
        Call::StartByHand(name) => start_by_hand(request, env, context, settings, name).await,
        Call::Decide(run_id, what) => {
            decide::decide(request, world()?, context, settings, run_id, what).await
        }
        Call::RetryMany => decide::retry_listed(&request, world()?, context, settings).await,
        Call::MakeLink(run_id, file_id) => links::make(request, env, settings, run_id, &file_id).await,
        Call::ListRuns => list(&world()?, &request).await,
        Call::GetRun(run_id) => Ok(respond::run(200, &find(&world()?, run_id).await?)),
        Call::GetFile(run_id, file_id) => {
            let world = world()?;
            let run = find(&world, run_id).await?;
            files::serve(&world, &request, &run, &file_id).await
        }
    }
}

/// Lets in who has the token. Without a token that nobody can guess nobody gets in.
///
/// 503 no token is configured, or a short one; 401 the caller has another; 429 too many callers at this address had
/// another ([`rate_limit::check_operator`]). Who has the token is never limited.
async fn authenticate(request: &Request, env: &Env) -> Result<(), Problem> {
    let token = OperatorToken::new(secret(env, OPERATOR_TOKEN).as_deref()).map_err(Problem::no_operator)?;
    let header = request.headers().get("authorization").ok().flatten().unwrap_or_default();
    if token.is(bearer_token(&header).unwrap_or_default()) {
        return Ok(());
    }
    rate_limit::check_operator(env, request).await?;
    Err(Problem::no_token())
}

/// What a delivery would do, told by the code that would do it. The request is as a sender would send it.
async fn show_preview(
    request: Request,
    env: &Env,
    settings: &Settings,
    name: String,
) -> Result<worker::Result<Response>, Problem> {
    let hook = find_hook(settings, name)?;
    let (delivery, _lease) = read_delivery(request, hook.body_bytes_max).await?;
    let address = delivery.url.replacen("/api/hooks/", "/hooks/", 1).replacen("/preview", "", 1);
    // The request's own Authorization is the operator's.
    let senders_own = delivery.header(SENDER_AUTHORIZATION).map(ToOwned::to_owned);
    let delivery = delivery.at(&address).with_header("authorization", senders_own.as_deref());
    let secret = |name: &str| secret(env, name);
    let verify_context = VerifyContext { secret: &secret, certificate: None, now: WorkerClock.now() };
    let shown = preview(hook, settings.configuration.fabricate.as_ref(), &delivery, &verify_context);
    Ok(respond::json(200, &shown))
}

/// Starts what a payload starts, vouched for by the operator.
async fn start_by_hand(
    request: Request,
    env: &Env,
    context: &Context,
    settings: &Settings,
    name: String,
) -> Result<worker::Result<Response>, Problem> {
    let hook = find_hook(settings, name)?;
    let world = Cloudflare::new(env, settings)?;
    let wait_s = wait_of(&request);
    let (delivery, lease) = read_delivery(request, hook.body_bytes_max).await?;
    let delivery = Verified::assume(delivery.with_content_type(hook.content_type.as_deref()));
    let event = Event::parse(delivery, hook, &fresh_id()).map_err(|error| Problem::not_parsed(&error))?;
    accept(world, context, hook, event.sent_by_operator(), lease, wait_s, None).await
}

pub(super) async fn find(world: &Cloudflare, run_id: RunId) -> Result<Run, Problem> {
    get_run(world, run_id).await.map_err(|error| store_failed(&error))?.ok_or_else(Problem::no_such_run)
}

pub(super) fn store_failed(error: &StoreError) -> Problem {
    WorkerLog.log(Level::Error, "store failed", json!({"error": error.to_string()}));
    Problem::not_ready()
}

thread_local! {
    static LISTS: RefCell<Vec<(String, Timestamp, Value)>> = const { RefCell::new(Vec::new()) };
}

async fn list(world: &Cloudflare, request: &Request) -> Result<worker::Result<Response>, Problem> {
    let url = request.url().map_err(|_| Problem::no_such_page())?;
    let (now, asked) = (WorkerClock.now(), url.query().unwrap_or_default().to_owned());
    let remembered = LISTS.with_borrow_mut(|lists| {
        lists.retain(|(_, at, _)| now.since_ms(*at) < LIST_CACHE_MS);
        lists.iter().find(|(query, ..)| *query == asked).map(|(.., body)| body.clone())
    });
    if let Some(body) = remembered {
        return Ok(respond::json(200, &body));
    }
    let query = read_query(&url)?;
    let listed = list_runs(world, &query).await.map_err(|error| store_failed(&error))?;
    let runs: Vec<Value> = listed.runs.iter().map(|run| run.view()).collect();
    let body = json!({"runs": runs, "cursor": listed.cursor});
    LISTS.with_borrow_mut(|lists| {
        lists.truncate(LIST_CACHE_MAX - 1);
        lists.insert(0, (asked, now, body.clone()));
    });
    Ok(respond::json(200, &body))
}

fn read_query(url: &Url) -> Result<Query, Problem> {
    let mut query = Query { limit: LIMIT_DEFAULT, ..Query::default() };
    for (name, value) in url.query_pairs() {
        match &*name {
            "status" => {
                query.status = Some(read_status(&value, &Status::ALL)?);
            }
            "hook" => {
                query.hook = Some(read_hook_name(&value)?);
            }
            "limit" => {
                query.limit = read_limit(&value, LIMIT_MAX)?;
            }
            "cursor" => {
                query.after = Some(read_cursor(&value)?);
            }
            other => return Err(Problem::bad_query(format!("unknown parameter {other}"))),
        }
    }
    Ok(query)
}

pub(super) fn read_status(value: &str, allowed: &[Status]) -> Result<Status, Problem> {
    let known = allowed.iter().find(|status| status.as_str() == value).copied();
    let names: Vec<&str> = allowed.iter().map(|status| status.as_str()).collect();
    known.ok_or_else(|| Problem::bad_query(format!("status is one of {}", names.join(", "))))
}

pub(super) fn read_hook_name(value: &str) -> Result<HookName, Problem> {
    HookName::try_from(value.to_owned()).map_err(|error| Problem::bad_query(error.to_string()))
}

pub(super) fn read_limit(value: &str, limit_max: usize) -> Result<usize, Problem> {
    let limit = value.parse().ok().filter(|limit| (1..=limit_max).contains(limit));
    limit.ok_or_else(|| Problem::bad_query(format!("limit is a number from 1 to {limit_max}")))
}

pub(super) fn read_cursor(value: &str) -> Result<Position, Problem> {
    Position::decode(value).ok_or_else(|| Problem::bad_query("cursor is not one of ours"))
}

/// The hooks, without secrets, and what is wrong with any.
async fn hooks(configuration: &Configuration, world: Option<&Cloudflare>, env: &Env) -> Value {
    let mut hooks = Vec::new();
    for (name, hook) in &configuration.hooks {
        hooks.push(match hook {
            Ok(hook) => {
                let brought = match world {
                    Some(world) => handshake::brought(world, env, hook).await,
                    None => None,
                };
                whole_hook(hook, brought.as_deref(), env)
            }
            Err(mistakes) => json!({"hook": name, "state": "broken", "mistakes": shown(mistakes)}),
        });
    }
    json!({"hooks": hooks, "mistakes": shown(&configuration.mistakes)})
}

fn whole_hook(hook: &Hook, brought: Option<&str>, env: &Env) -> Value {
    let broken = hook.verify.broken_secrets(|name| secret(env, name));
    let mistakes: Vec<Value> = broken
        .iter()
        .map(|error| {
            let remedy = "set it with `npx wrangler secret put NAME` (locally in .dev.vars)";
            json!({"path": format!("HOOKS.{}.verify.secret", hook.name), "problem": error.to_string(), "remedy": remedy})
        })
        .collect();
    let state = match (mistakes.is_empty(), hook.paused) {
        (false, _) => "broken",
        (true, true) => "paused",
        (true, false) => "ready",
    };
    let rules: Vec<Value> = hook
        .rules
        .iter()
        .map(|rule| {
            json!({
                "when": rule.when.as_ref().map(crate::expression::Condition::source),
                "target": rule.target,
                "on_unconfirmed": rule.settings.on_unconfirmed,
                "on_redelivery": rule.settings.on_redelivery,
                "deadline_seconds": rule.settings.deadline_ms / SECOND_MS,
                "archive": rule.settings.archive,
            })
        })
        .collect();
    json!({
        "hook": hook.name,
        "state": state,
        "url": format!("/hooks/{}", hook.name),
        "verify": {"scheme": hook.verify.scheme, "secret": hook.verify.secret_names},
        "verification_token": brought,
        "max_body_bytes": hook.body_bytes_max,
        "rules": rules,
        "mistakes": mistakes,
    })
}

fn shown(mistakes: &[Mistake]) -> Vec<Value> {
    mistakes
        .iter()
        .map(|mistake| {
            json!({"path": mistake.path.join("."), "problem": mistake.problem, "remedy": mistake.remedy})
        })
        .collect()
}
