//! The operator's calls: everything under `/api/`, and nothing of it without the token.

use std::cell::RefCell;

use serde_json::{Value, json};
use url::Url;
use worker::{Env, Request, Response};

use super::clock::WorkerClock;
use super::respond::{self, Problem};
use super::route::Call;
use super::settings::{OPERATOR_TOKEN, Settings, secret};
use super::{Cloudflare, WorkerLog, files};
use crate::configuration::Configuration;
use crate::hook::mistake::Mistake;
use crate::hook::verify::{bearer_token, is_same_secret};
use crate::hook::{Hook, HookName};
use crate::ports::{Clock, Level, Log, StoreError};
use crate::run::{Run, RunId, Status};
use crate::service::look::{LIMIT_DEFAULT, LIMIT_MAX, Position, Query, get_run, list_runs};
use crate::timestamp::{SECOND_MS, Timestamp};

/// How long a list is answered from memory: KV lists are scarce, and a dashboard asks often.
const LIST_CACHE_MS: i64 = 5 * SECOND_MS;
/// How many different lists are remembered.
const LIST_CACHE_MAX: usize = 32;

/// Answers a call of the operator.
pub(super) async fn operate(
    call: Call,
    request: &Request,
    env: &Env,
    settings: &Settings,
) -> Result<worker::Result<Response>, Problem> {
    authenticate(request, env)?;
    let world = || Cloudflare::new(env, settings);
    match call {
        Call::Nothing(problem) => Err(problem),
        Call::ListHooks => Ok(respond::json(200, &hooks(&settings.configuration, env))),
        Call::ListRuns => list(&world()?, request).await,
        Call::GetRun(run_id) => Ok(respond::json(200, &find(&world()?, run_id).await?.view())),
        Call::GetFile(run_id, file_id) => {
            let world = world()?;
            let run = find(&world, run_id).await?;
            files::serve(&world, request, &run, &file_id).await
        }
    }
}

/// Lets in who has the token. Without a token configured nobody gets in.
fn authenticate(request: &Request, env: &Env) -> Result<(), Problem> {
    let token = secret(env, OPERATOR_TOKEN).ok_or_else(Problem::no_operator)?;
    let header = request.headers().get("authorization").ok().flatten().unwrap_or_default();
    let given = bearer_token(&header).unwrap_or_default();
    is_same_secret(given, &token).then_some(()).ok_or_else(Problem::no_token)
}

async fn find(world: &Cloudflare, run_id: RunId) -> Result<Run, Problem> {
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
    let runs: Vec<Value> = listed.runs.iter().map(crate::run::Summary::view).collect();
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
                let known = Status::ALL.into_iter().find(|status| status.as_str() == value);
                let names = Status::ALL.map(Status::as_str).join(", ");
                let status = known.ok_or_else(|| Problem::bad_query(format!("status is one of {names}")))?;
                query.status = Some(status);
            }
            "hook" => {
                let hook = HookName::try_from(value.into_owned());
                query.hook = Some(hook.map_err(|error| Problem::bad_query(error.to_string()))?);
            }
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                query.limit = limit
                    .ok_or_else(|| Problem::bad_query(format!("limit is a number from 1 to {LIMIT_MAX}")))?;
            }
            "cursor" => {
                let position = Position::decode(&value);
                query.after = Some(position.ok_or_else(|| Problem::bad_query("cursor is not one of ours"))?);
            }
            other => return Err(Problem::bad_query(format!("unknown parameter {other}"))),
        }
    }
    Ok(query)
}

/// The hooks, without secrets, and what is wrong with any.
fn hooks(configuration: &Configuration, env: &Env) -> Value {
    let hooks: Vec<Value> = configuration
        .hooks
        .iter()
        .map(|(name, hook)| match hook {
            Ok(hook) => whole_hook(hook, env),
            Err(mistakes) => json!({"hook": name, "state": "broken", "mistakes": shown(mistakes)}),
        })
        .collect();
    json!({"hooks": hooks, "mistakes": shown(&configuration.mistakes)})
}

fn whole_hook(hook: &Hook, env: &Env) -> Value {
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
                "when": rule.when.as_ref().map(crate::hook::expression::Condition::source),
                "target": rule.target,
                "on_unconfirmed": rule.settings.on_unconfirmed,
                "deadline_seconds": rule.settings.deadline_ms / SECOND_MS,
                "archive": rule.settings.archive,
            })
        })
        .collect();
    json!({
        "hook": hook.name,
        "state": state,
        "url": format!("/hooks/{}", hook.name),
        "verify": {"scheme": hook.verify.scheme.name(), "secret": hook.verify.secret_names},
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
