//! `GET /workflow_tasks/{task_id}/{file_id}/download`: sends a file as its workflow says; it must
//! not hold more than one block of it in memory.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use futures_util::stream;
use uuid::Uuid;

use crate::answer;
use crate::app::App;
use crate::files::{Chunks, Delivery, File};

pub(crate) const PATH: &str = "/api/v1/workflow_tasks/{task_id}/{file_id}/download";

/// The chunks of a download that trickles.
const TRICKLE_BYTES: usize = 1 << 10;
/// How long a download that breaks off waits, so that what was sent before has left.
const BREAK_PAUSE: Duration = Duration::from_millis(50);
/// The query of the address that a relative redirect leads to.
const DIRECT: &str = "direct=1";

/// 404 unknown task or file, else what the file's delivery says.
pub(crate) async fn download(
    State(app): State<Arc<App>>,
    Path((task_id, file_id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    uri: Uri,
) -> Response {
    let Some((task, id, file)) = find(&app, &task_id, &file_id) else {
        return answer::error(StatusCode::NOT_FOUND, format!("file not found: {file_id} of task {task_id}"));
    };
    match file.delivery() {
        Delivery::Missing => answer::error(StatusCode::NOT_FOUND, format!("file {file_id} is gone")),
        Delivery::Storage => redirect(&app.signer.url(&app.storage_url, task, id, app.clock.now_ms())),
        Delivery::Relative if query.as_deref() != Some(DIRECT) => redirect(&format!("download?{DIRECT}")),
        Delivery::Loop => redirect(uri.path()),
        Delivery::Plain | Delivery::NoLength | Delivery::Relative | Delivery::Trickle | Delivery::Cut => {
            send(&file, app.config.tick)
        }
    }
}

/// A file that a task shows now, with the ids that name it.
pub(crate) fn find(app: &App, task_id: &str, file_id: &str) -> Option<(Uuid, u64, File)> {
    let (task, id) = (Uuid::parse_str(task_id).ok()?, file_id.parse().ok()?);
    let file = app.tasks.with(|tasks| tasks.file(task, id, app.clock.now_ms()))?;
    Some((task, id, file))
}

/// The bytes of a file.
pub(crate) fn send(file: &File, tick: Duration) -> Response {
    let length = file.content().len();
    let pace = match file.delivery() {
        Delivery::Trickle => Pace::Trickle(tick),
        Delivery::Cut => Pace::Cut,
        _ => Pace::Full,
    };
    let transfer = Transfer { chunks: file.content().chunks(), rest: Bytes::new(), left: length / 2, pace };
    let body = stream::unfold(transfer, |mut transfer| async {
        transfer.next().await.map(|chunk| (chunk, transfer))
    });
    let mut response = Response::new(Body::from_stream(body));
    let content_type = file.content_type().and_then(|text| HeaderValue::from_str(text).ok());
    let content_type = content_type.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    if file.delivery() != Delivery::NoLength {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    answer::noted(response, format!("{length} bytes"))
}

fn redirect(location: &str) -> Response {
    let Ok(value) = HeaderValue::from_str(location) else {
        return answer::error(StatusCode::INTERNAL_SERVER_ERROR, "no address to redirect to");
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(LOCATION, value);
    let shown = location.split('?').next().unwrap_or_default();
    answer::noted(response, format!("redirected to {shown}"))
}

/// A file on its way.
struct Transfer {
    chunks: Chunks,
    /// What a trickle has left of the last chunk.
    rest: Bytes,
    /// What a cut transfer still sends.
    left: u64,
    pace: Pace,
}

enum Pace {
    Full,
    Trickle(Duration),
    Cut,
}

impl Transfer {
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        match self.pace {
            Pace::Full => self.chunks.next().map(Ok),
            Pace::Trickle(tick) => {
                if self.rest.is_empty() {
                    self.rest = self.chunks.next()?;
                }
                tokio::time::sleep(tick).await;
                Some(Ok(self.rest.split_to(self.rest.len().min(TRICKLE_BYTES))))
            }
            Pace::Cut => {
                if self.left == 0 {
                    tokio::time::sleep(BREAK_PAUSE).await;
                    return Some(Err(io::Error::other("cut short on purpose")));
                }
                let mut chunk = self.chunks.next()?;
                chunk.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
                self.left -= chunk.len() as u64;
                Some(Ok(chunk))
            }
        }
    }
}
