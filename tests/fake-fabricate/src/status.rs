//! `GET /workflow_tasks/{task_id}`: shows a task; it must not change one.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use uuid::Uuid;

use crate::answer;
use crate::app::App;

pub(crate) const PATH: &str = "/api/v1/workflow_tasks/{task_id}";

/// 404 unknown task, else the task.
pub(crate) async fn status(State(app): State<Arc<App>>, Path(task_id): Path<String>) -> Response {
    let now_ms = app.clock.now_ms();
    let found = Uuid::parse_str(&task_id).ok().and_then(|id| app.tasks.with(|tasks| tasks.look(id, now_ms)));
    match found {
        Some((task, workflow)) => {
            let note = format!("task {task_id} is {}: {workflow}", task.status);
            match task.body() {
                Ok(body) => answer::json_text(body, note),
                Err(error) => answer::error(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
            }
        }
        None => answer::error(StatusCode::NOT_FOUND, format!("task not found: {task_id}")),
    }
}
