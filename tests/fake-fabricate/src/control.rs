//! `/control`: calls that exist for tests in other processes, without a key; none of them must be
//! entered into the record, which is about what a client of Fabricate does.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::json;

use crate::answer::{self, Note, error};
use crate::app::App;
use crate::faults::Faults;
use crate::record::Record;
use crate::starts::Starts;
use crate::task::Tasks;
use crate::{download, host};

/// What each call does, for `--help`.
pub const CALLS: &[(&str, &str)] = &[
    ("GET /control/requests", "what was asked, oldest first"),
    ("DELETE /control/requests", "forget it"),
    ("GET /control/starts", "per workflow: attempts, count, and the starts with params and task ids"),
    ("DELETE /control/starts", "forget them; workflows that count starts begin anew"),
    ("GET /control/faults", "the faults in force"),
    ("PUT /control/faults", "put these in force instead (see below)"),
    ("DELETE /control/faults", "clear them"),
    ("POST /control/forget", "drop all tasks"),
    ("POST /control/key", "refuse all keys (401)"),
    ("DELETE /control/key", "let the keys in again"),
    ("GET /control/tasks/{task_id}/files/{file_id}/sha256", "the SHA-256 of a file's whole bytes"),
];

/// Everything below `/control`, with the whole paths.
pub(crate) fn router(app: Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/control/requests", get(requests).delete(clear_requests))
        .route("/control/starts", get(starts).delete(clear_starts))
        .route("/control/faults", get(faults).put(set_faults).delete(clear_faults))
        .route("/control/forget", post(forget))
        .route("/control/key", post(refuse_keys).delete(accept_keys))
        .route("/control/tasks/{task_id}/files/{file_id}/sha256", get(sha256))
        .layer(from_fn_with_state(app, print))
}

async fn print(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let line = format!("{} {}", request.method(), request.uri().path());
    let response = next.run(request).await;
    let note = response.extensions().get::<Note>().map_or("", |note| &note.0);
    app.print(&format!("{line} {} {note}", response.status().as_u16()));
    response
}

fn done(note: &str) -> Response {
    answer::json(StatusCode::OK, &json!({ "done": note }), note)
}

async fn requests(State(app): State<Arc<App>>) -> Response {
    let requests = app.record.with(|record| record.all());
    answer::json(StatusCode::OK, &requests, format!("{} requests", requests.len()))
}

async fn clear_requests(State(app): State<Arc<App>>) -> Response {
    app.record.with(Record::clear);
    done("requests forgotten")
}

async fn starts(State(app): State<Arc<App>>) -> Response {
    let starts = app.starts.with(|starts| starts.by_workflow());
    let count: u64 = starts.values().map(|workflow| workflow.count).sum();
    answer::json(StatusCode::OK, &starts, format!("{count} starts"))
}

async fn clear_starts(State(app): State<Arc<App>>) -> Response {
    app.starts.with(Starts::clear);
    done("starts forgotten")
}

async fn faults(State(app): State<Arc<App>>) -> Response {
    answer::json(StatusCode::OK, &app.faults.with(|faults| faults.clone()), "")
}

/// 400 unless the body is faults.
async fn set_faults(State(app): State<Arc<App>>, body: Result<Bytes, BytesRejection>) -> Response {
    let read = |body: &[u8]| {
        let faults: Faults = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        faults.check().map(|()| faults)
    };
    match body.map_err(|rejection| rejection.body_text()).and_then(|body| read(&body)) {
        Ok(faults) => {
            let note = if faults.down { "the server is down" } else { "faults in force" };
            app.faults.with(|current| *current = faults);
            done(note)
        }
        Err(message) => error(StatusCode::BAD_REQUEST, message),
    }
}

async fn clear_faults(State(app): State<Arc<App>>) -> Response {
    app.faults.with(|faults| *faults = Faults::default());
    done("faults cleared")
}

async fn forget(State(app): State<Arc<App>>) -> Response {
    app.tasks.with(Tasks::clear);
    done("tasks forgotten")
}

async fn refuse_keys(State(app): State<Arc<App>>) -> Response {
    app.refuse_keys(true);
    done("keys refused")
}

async fn accept_keys(State(app): State<Arc<App>>) -> Response {
    app.refuse_keys(false);
    done("keys let in")
}

/// 404 unknown task or file. Hashing takes long for a large file, so it has a thread of its own.
async fn sha256(State(app): State<Arc<App>>, Path((task_id, file_id)): Path<(String, String)>) -> Response {
    let hash = match download::find(&app, &task_id, &file_id) {
        Some((_, stored)) => host::run_blocking(move || stored.sha256()).await,
        None => None,
    };
    match hash {
        Some(sha256) => answer::json(StatusCode::OK, &json!({ "sha256": sha256 }), ""),
        None => error(StatusCode::NOT_FOUND, format!("file not found: {file_id} of task {task_id}")),
    }
}
