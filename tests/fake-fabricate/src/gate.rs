//! What every request to the API or the storage passes first: it is entered into the record, meets
//! the injected faults and shows its key. It must not know what a request wants beyond its kind.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{MatchedPath, RawPathParams, Request, State};
use axum::http::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use crate::answer::{self, HangUp, Note};
use crate::app::App;
use crate::counted::Counted;
use crate::faults::{Fault, Kind};
use crate::record::{self, Origin};
use crate::{download, start, status};

/// Longer paths and header values are cut in the record.
const RECORDED_CHARS_MAX: usize = 2_000;
/// The headers that the record keeps. `Authorization` must never be one.
const RECORDED_HEADERS: [&str; 10] = [
    "accept",
    "content-length",
    "content-type",
    "expect",
    "idempotency-key",
    "if-range",
    "range",
    "traceparent",
    "transfer-encoding",
    "user-agent",
];

/// The gate of the API.
pub(crate) async fn api(
    State(app): State<Arc<App>>,
    matched: Option<MatchedPath>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Response {
    let mut entry = Entry::new(&app, Origin::Api, params.as_ref().ok(), &request);
    let authorized = authorization(request.headers()).is_some_and(|value| app.lets_in(value));
    entry.authorized(authorized);
    let kind = match matched.as_ref().map(MatchedPath::as_str) {
        Some(start::DATABASE_PATH | start::PROJECT_PATH) => Kind::Start,
        Some(status::PATH) => Kind::Status,
        Some(download::PATH) => Kind::Download,
        _ => Kind::Other,
    };
    let response = if app.faults.with(|faults| faults.down) {
        answer::hang_up("the server is down")
    } else if let Some(fault) = app.faults.with(|faults| faults.take(kind)) {
        refuse(request, faulty(fault)).await
    } else if !authorized {
        let message = "unauthorized: missing or unknown API key";
        refuse(request, answer::error(StatusCode::UNAUTHORIZED, message)).await
    } else if let Err(RawPathParamsRejection::InvalidUtf8InPathParam(invalid)) = &params {
        refuse(request, answer::error(StatusCode::BAD_REQUEST, invalid.body_text())).await
    } else {
        next.run(request).await
    };
    entry.finish(response)
}

/// The gate of the storage, which asks for no key.
pub(crate) async fn storage(
    State(app): State<Arc<App>>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Response {
    let entry = Entry::new(&app, Origin::Storage, params.as_ref().ok(), &request);
    let response = if app.faults.with(|faults| faults.down) {
        answer::hang_up("the server is down")
    } else {
        next.run(request).await
    };
    entry.finish(response)
}

/// Reads the body before the answer: hyper closes a connection with an unread one, on which the
/// client may already have sent its next request.
async fn refuse(request: Request, response: Response) -> Response {
    let _ = to_bytes(request.into_body(), start::BODY_BYTES_MAX).await;
    response
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok())
}

fn faulty(fault: Fault) -> Response {
    let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = answer::error(status, format!("injected fault: {}", fault.status));
    if let Some(seconds) = fault.retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A request's place in the record. Whatever happens, it is completed and printed once.
struct Entry {
    app: Arc<App>,
    number: u64,
    line: String,
    finished: bool,
}

impl Entry {
    fn new(app: &Arc<App>, origin: Origin, params: Option<&RawPathParams>, request: &Request) -> Self {
        let param = |wanted: &str| {
            let mut params = params.into_iter().flatten();
            params.find(|(name, _)| *name == wanted).map(|(_, value)| readable(value))
        };
        let (method, path) = (request.method().to_string(), readable(request.uri().path()));
        let line = match origin {
            Origin::Api => format!("{method} {path}"),
            Origin::Storage => format!("storage: {method} {path}"),
        };
        let number = app.record.with(|record| {
            record.add(record::Request {
                at_ms: app.clock.now_ms(),
                origin,
                method,
                path,
                workflow: param("workflow"),
                task_id: param("task_id"),
                file_id: param("file_id"),
                authorization: request.headers().contains_key(AUTHORIZATION),
                authorized: false,
                headers: recorded(request.headers()),
                status: None,
                sent_bytes: 0,
                note: "no answer yet".to_owned(),
            })
        });
        Self { app: app.clone(), number, line, finished: false }
    }

    fn authorized(&mut self, authorized: bool) {
        self.app.record.with(|record| record.update(self.number, |request| request.authorized = authorized));
    }

    /// The answer, whose body is counted while it is sent.
    fn finish(mut self, response: Response) -> Response {
        let hung_up = response.extensions().get::<HangUp>().is_some();
        let status = (!hung_up).then(|| response.status().as_u16());
        let note = response.extensions().get::<Note>().map_or("", |note| &note.0);
        self.close(status, note);
        let (app, number) = (self.app.clone(), self.number);
        response.map(|body| Body::new(Counted { body, app, number }))
    }

    fn close(&mut self, status: Option<u16>, note: &str) {
        self.finished = true;
        let note = readable(note);
        let shown = status.map_or_else(|| "closed".to_owned(), |status| status.to_string());
        self.app.print(&format!("{} {shown} {note}", self.line));
        self.app.record.with(|record| {
            record.update(self.number, |request| {
                request.status = status;
                request.note = note;
            });
        });
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.finished {
            self.close(None, "the caller hung up before the answer");
        }
    }
}

fn recorded(headers: &HeaderMap) -> BTreeMap<String, String> {
    let value =
        |name: &str| headers.get(name).map(|value| readable(&String::from_utf8_lossy(value.as_bytes())));
    RECORDED_HEADERS.iter().filter_map(|name| Some(((*name).to_owned(), value(name)?))).collect()
}

/// On one line, and not too long.
fn readable(text: &str) -> String {
    let shown = |character: char| {
        if character.is_control() { ' ' } else { character }
    };
    text.chars().take(RECORDED_CHARS_MAX).map(shown).collect()
}
