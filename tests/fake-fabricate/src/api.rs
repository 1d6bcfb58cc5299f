//! The first origin: Fabricate itself, with the calls that exist for tests. It must not answer any
//! call but those to an unknown address.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::app::App;
use crate::{answer, control, download, gate, start, status};

/// Everything that the API answers.
pub(crate) fn router(app: Arc<App>) -> Router {
    let unknown = |request: Request| async move {
        answer::error(StatusCode::NOT_FOUND, format!("no such address: {}", request.uri().path()))
    };
    let wrong_method = |request: Request| async move {
        let message = format!("method not allowed: {}", request.method());
        answer::error(StatusCode::METHOD_NOT_ALLOWED, message)
    };
    Router::new()
        .route(start::DATABASE_PATH, post(start::in_database))
        .route(start::PROJECT_PATH, post(start::in_project))
        .route(status::PATH, get(status::status))
        .route(download::PATH, get(download::download))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(app.clone(), gate::api))
        .merge(control::router(app.clone()))
        .layer(DefaultBodyLimit::max(start::BODY_BYTES_MAX))
        .with_state(app)
}
