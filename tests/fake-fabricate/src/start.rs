//! `POST …/workflows/{workflow}`: checks a start request, and answers as the workflow says. It must
//! not hold what a task does afterwards.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::answer::{self, error};
use crate::app::App;
use crate::catalog::{self, WORKSPACES};
use crate::host;
use crate::parameter::{self, Parameters};
use crate::workflow::{Reply, Workflow};

pub(crate) const DATABASE_PATH: &str =
    "/api/v1/workspaces/{workspace}/databases/{database}/workflows/{workflow}";
pub(crate) const PROJECT_PATH: &str =
    "/api/v1/workspaces/{workspace}/projects/{database}/workflows/{workflow}";

/// The largest body of a start request.
pub(crate) const BODY_BYTES_MAX: usize = 1 << 20;

/// Where a start request says to run its workflow.
#[derive(Debug)]
pub(crate) struct Place {
    /// The path's part before the database's name.
    pub(crate) kind: &'static str,
    pub(crate) workspace: String,
    pub(crate) database: String,
}

/// Workspace, database or project, and workflow.
type Names = Path<(String, String, String)>;
type Body = Result<Bytes, BytesRejection>;

/// `POST /workspaces/{workspace}/databases/{database}/workflows/{workflow}`
pub(crate) async fn in_database(State(app): State<Arc<App>>, names: Names, body: Body) -> Response {
    start(&app, "databases", names, body).await
}

/// `POST /workspaces/{workspace}/projects/{project}/workflows/{workflow}`
pub(crate) async fn in_project(State(app): State<Arc<App>>, names: Names, body: Body) -> Response {
    start(&app, "projects", names, body).await
}

/// A start request that is answered before its workflow has a say.
struct Refusal {
    status: StatusCode,
    message: String,
}

/// 404 unknown name, 413 body too large, 400 no JSON object, 422 bad parameter, else as the
/// workflow says.
async fn start(app: &App, kind: &'static str, names: Names, body: Body) -> Response {
    let any_names = app.config.any_names;
    let (place, workflow) = match find(kind, names, any_names) {
        Ok(found) => found,
        Err(refusal) => return error(refusal.status, refusal.message),
    };
    app.starts.with(|starts| starts.attempt(workflow.name));
    let read = read(body).and_then(|parameters| {
        let workflow = that_takes(&parameters, workflow, any_names)?;
        Ok((workflow, parameters))
    });
    match read {
        Ok((workflow, parameters)) => reply(app, &place, workflow, parameters).await,
        Err(refusal) => error(refusal.status, refusal.message),
    }
}

/// An unknown name is answered with a message that says which, unless any is taken.
fn find(
    kind: &'static str,
    Path((workspace, database, name)): Names,
    any_names: bool,
) -> Result<(Place, &'static Workflow), Refusal> {
    if any_names {
        let workflow = catalog::workflow(&name).unwrap_or(&catalog::ANY);
        return Ok((Place { kind, workspace, database }, workflow));
    }
    let unknown = |what: &str, name: &str| Refusal {
        status: StatusCode::NOT_FOUND,
        message: format!("{what} not found: {name}"),
    };
    if WORKSPACES.iter().all(|(known, _)| *known != workspace) {
        return Err(unknown("workspace", &workspace));
    }
    if !WORKSPACES.contains(&(workspace.as_str(), database.as_str())) {
        return Err(unknown(if kind == "projects" { "project" } else { "database" }, &database));
    }
    let workflow = catalog::workflow(&name).ok_or_else(|| unknown("workflow", &name))?;
    Ok((Place { kind, workspace, database }, workflow))
}

fn read(body: Body) -> Result<Parameters, Refusal> {
    let refusal = |status, message| Refusal { status, message };
    let body = body.map_err(|rejection| {
        refusal(rejection.status(), format!("body not read: {}", rejection.body_text()))
    })?;
    let Ok(Value::Object(parameters)) = serde_json::from_slice(&body) else {
        let message = "the body must be a JSON object of parameters".to_owned();
        return Err(refusal(StatusCode::BAD_REQUEST, message));
    };
    Ok(parameters)
}

/// The workflow, if it takes these parameters. Where any names are taken, its parameters may be those of another one, too.
fn that_takes(
    parameters: &Parameters,
    workflow: &'static Workflow,
    any_names: bool,
) -> Result<&'static Workflow, Refusal> {
    match parameter::check(workflow.parameters, parameters) {
        Ok(()) => Ok(workflow),
        Err(_) if any_names => Ok(&catalog::ANY),
        Err(message) => Err(Refusal { status: StatusCode::UNPROCESSABLE_ENTITY, message }),
    }
}

/// Answers as the workflow says. The replies that start the task do so before anything else.
async fn reply(app: &App, place: &Place, workflow: &'static Workflow, parameters: Parameters) -> Response {
    let turn = app.starts.with(|starts| starts.turn(workflow.name, &parameters));
    let begin = || app.start_task(place, workflow, parameters);
    match workflow.start {
        Reply::Dropped => answer::hang_up(note(begin(), workflow)),
        Reply::Late => {
            let task_id = begin();
            host::sleep(app.config.slow_start).await;
            started(task_id, workflow)
        }
        Reply::Broken => {
            let note = note(begin(), workflow);
            answer::noted(error(StatusCode::INTERNAL_SERVER_ERROR, "something went wrong"), note)
        }
        Reply::Nameless => {
            answer::json(StatusCode::OK, &json!({ "status": "in_progress" }), note(begin(), workflow))
        }
        Reply::Unavailable { first } if first.is_none_or(|first| turn <= first) => {
            error(StatusCode::SERVICE_UNAVAILABLE, "service unavailable")
        }
        Reply::RateLimited { retry_after_s } if turn <= 1 => with_header(
            error(StatusCode::TOO_MANY_REQUESTS, "too many requests"),
            RETRY_AFTER,
            HeaderValue::from(retry_after_s),
        ),
        Reply::Answered | Reply::Unavailable { .. } | Reply::RateLimited { .. } => started(begin(), workflow),
        Reply::Page => page(),
        Reply::Refused => error(StatusCode::UNPROCESSABLE_ENTITY, "the workflow refuses these parameters"),
        Reply::Redirected => match HeaderValue::try_from(format!("{}/moved", app.storage_url)) {
            Ok(location) => {
                with_header(error(StatusCode::TEMPORARY_REDIRECT, "moved to the storage"), LOCATION, location)
            }
            Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "no address to redirect to"),
        },
    }
}

fn started(task_id: Uuid, workflow: &Workflow) -> Response {
    let body = json!({ "task_id": task_id, "status": "in_progress" });
    answer::json(StatusCode::OK, &body, note(task_id, workflow))
}

fn note(task_id: Uuid, workflow: &Workflow) -> String {
    format!("task {task_id} started: {}", workflow.name)
}

/// What a proxy in front of a dead server says.
fn page() -> Response {
    let html = "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\n\
                <body><h1>502 Bad Gateway</h1><p>The server returned an invalid response.</p></body></html>\n";
    let headers = [(CONTENT_TYPE, "text/html; charset=utf-8")];
    answer::noted((StatusCode::BAD_GATEWAY, headers, html).into_response(), "an HTML page")
}

fn with_header(mut response: Response, name: HeaderName, value: HeaderValue) -> Response {
    response.headers_mut().insert(name, value);
    response
}
