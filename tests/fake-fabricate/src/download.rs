//! `GET /workflow_tasks/{task_id}/{file_id}/download`: finds a file, and leads to its bytes by as
//! many redirects as its delivery says; it must not send the bytes.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{HeaderValue, LOCATION};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use uuid::Uuid;

use crate::app::App;
use crate::files::Target;
use crate::full::Full;
use crate::record::Origin;
use crate::send::send;
use crate::storage::Blob;
use crate::stored::Stored;
use crate::{answer, storage};

pub(crate) const PATH: &str = "/api/v1/workflow_tasks/{task_id}/{file_id}/download";

/// A request for a file that exists.
pub(crate) struct Asked {
    pub(crate) origin: Origin,
    pub(crate) task: Uuid,
    pub(crate) stored: Arc<Stored>,
    /// How many redirects came before.
    pub(crate) hop: usize,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    /// The state of the connection.
    pub(crate) full: Full,
}

/// 404 unknown task or file, else what the file's delivery says.
pub(crate) async fn download(
    State(app): State<Arc<App>>,
    Path((task_id, file_id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    uri: Uri,
    headers: HeaderMap,
    Extension(full): Extension<Full>,
) -> Response {
    let Some((task, stored)) = find(&app, &task_id, &file_id) else {
        return answer::error(StatusCode::NOT_FOUND, format!("file not found: {file_id} of task {task_id}"));
    };
    let hop = query.and_then(|query| query.strip_prefix("hop=")?.parse().ok()).unwrap_or_default();
    lead(&app, Asked { origin: Origin::Api, task, stored, hop, uri, headers, full }).await
}

/// A file that a task shows now.
pub(crate) fn find(app: &App, task_id: &str, file_id: &str) -> Option<(Uuid, Arc<Stored>)> {
    let task = Uuid::parse_str(task_id).ok()?;
    let stored = app.tasks.with(|tasks| tasks.file(task, file_id, app.clock.now_ms()))?;
    Some((task, stored))
}

/// The next redirect, or the bytes after the last.
pub(crate) async fn lead(app: &App, asked: Asked) -> Response {
    let delivery = asked.stored.delivery();
    match delivery.redirects.get(asked.hop) {
        Some(target) => match address(app, &asked, target) {
            Some(location) => redirect(delivery.redirect_status.unwrap_or(StatusCode::FOUND), location),
            None => answer::error(StatusCode::INTERNAL_SERVER_ERROR, "no address to redirect to"),
        },
        None => send(app, asked.stored, &asked.headers, asked.full).await,
    }
}

fn address(app: &App, asked: &Asked, target: &Target) -> Option<HeaderValue> {
    let (task, hop, now_ms) = (asked.task, asked.hop + 1, app.clock.now_ms());
    let signed = |base: &str| app.signer.address(base, &Blob { task, file: &asked.stored, hop }, now_ms);
    let location = match (target, asked.origin) {
        (Target::Literal(location), _) => return Some(location.clone()),
        (Target::Loop, _) => asked.uri.path_and_query()?.to_string(),
        (Target::Storage, _) => signed(&format!("{}/blobs/{task}/", app.storage_url)),
        (Target::StorageUnauthorized, _) => storage::unauthorized_url(&app.storage_url, task, &asked.stored),
        (Target::Relative, Origin::Api) => format!("download?hop={hop}"),
        (Target::Relative, Origin::Storage) => signed(""),
    };
    HeaderValue::try_from(location).ok()
}

fn redirect(status: StatusCode, location: HeaderValue) -> Response {
    let shown = String::from_utf8_lossy(location.as_bytes());
    let note = format!("redirected to {}", shown.split('?').next().unwrap_or_default());
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(LOCATION, location);
    answer::noted(response, note)
}
