//! The few forms that an answer takes; it must not decide which one is due.

use axum::Json;
use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

/// What happened, in a few words for whoever watches; travels with the answer, is not sent.
#[derive(Debug, Clone)]
pub(crate) struct Note(pub(crate) String);

/// Marks an answer that is not to be sent: the connection is closed instead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HangUp;

/// A JSON answer.
pub(crate) fn json(status: StatusCode, body: &impl Serialize, note: impl Into<String>) -> Response {
    noted((status, Json(body)).into_response(), note)
}

/// A JSON answer whose body is a text already: 200.
pub(crate) fn json_text(body: String, note: impl Into<String>) -> Response {
    noted(([(CONTENT_TYPE, "application/json")], body).into_response(), note)
}

/// An error as the API words it: `{"error": "…"}`.
pub(crate) fn error(status: StatusCode, message: impl Into<String>) -> Response {
    let message = message.into();
    json(status, &json!({ "error": message }), message)
}

/// No answer at all: the connection is closed.
pub(crate) fn hang_up(note: impl Into<String>) -> Response {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(HangUp);
    noted(response, note)
}

/// An answer that says what happened.
pub(crate) fn noted(mut response: Response, note: impl Into<String>) -> Response {
    response.extensions_mut().insert(Note(note.into()));
    response
}
