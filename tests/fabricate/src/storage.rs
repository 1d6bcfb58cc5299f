//! The second origin: a storage that hands out files for signed addresses, as S3 does. It must not
//! let a bearer key in.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::app::App;
use crate::files::hex;
use crate::{answer, download, gate};

/// How long an address is good for.
const EXPIRES_MS: u64 = 300_000;

/// Makes and checks addresses. Its secret is new for each server.
#[derive(Debug)]
pub(crate) struct Signer {
    secret: Uuid,
}

impl Signer {
    pub(crate) fn new() -> Self {
        Self { secret: Uuid::new_v4() }
    }

    /// The address of a file, good for five minutes.
    pub(crate) fn url(&self, storage_url: &str, task_id: Uuid, file_id: u64, now_ms: u64) -> String {
        let query = self.query(task_id, file_id, now_ms + EXPIRES_MS);
        format!("{storage_url}/blobs/{task_id}/{file_id}?{query}")
    }

    fn query(&self, task_id: Uuid, file_id: u64, expires_ms: u64) -> String {
        let signed = format!("{}/{task_id}/{file_id}/{expires_ms}", self.secret);
        format!("X-Expires={expires_ms}&X-Signature={}", hex(&Sha256::digest(signed)))
    }

    /// # Errors
    /// What is wrong with the query.
    fn check(&self, query: &str, task_id: Uuid, file_id: u64, now_ms: u64) -> Result<(), &'static str> {
        let expires_ms =
            query.strip_prefix("X-Expires=").and_then(|rest| rest.split('&').next()?.parse().ok());
        match expires_ms {
            Some(expires_ms) if self.query(task_id, file_id, expires_ms) != query => {
                Err("SignatureDoesNotMatch")
            }
            Some(expires_ms) if now_ms >= expires_ms => Err("AccessDenied: the request has expired"),
            Some(_) => Ok(()),
            None => Err("AccessDenied: the address is not signed"),
        }
    }
}

/// Everything that the storage answers.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/blobs/{task_id}/{file_id}", get(blob))
        .fallback(|| async { error(StatusCode::NOT_FOUND, "NoSuchKey") })
        .layer(from_fn_with_state(app.clone(), gate::storage))
        .with_state(app)
}

/// 400 with a bearer key, 404 unknown file, 403 without a good signature, else the bytes.
async fn blob(
    State(app): State<Arc<App>>,
    Path((task_id, file_id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if headers.contains_key(AUTHORIZATION) {
        return error(StatusCode::BAD_REQUEST, "InvalidArgument: only one auth mechanism is allowed");
    }
    let Some((task, id, file)) = download::find(&app, &task_id, &file_id) else {
        return error(StatusCode::NOT_FOUND, "NoSuchKey");
    };
    match app.signer.check(query.as_deref().unwrap_or_default(), task, id, app.clock.now_ms()) {
        Ok(()) => download::send(&file, app.config.tick),
        Err(message) => error(StatusCode::FORBIDDEN, message),
    }
}

/// An error as S3 words it.
fn error(status: StatusCode, message: &str) -> Response {
    let (code, text) = message.split_once(": ").unwrap_or((message, message));
    let xml =
        format!("<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>{text}</Message></Error>\n");
    answer::noted((status, [(CONTENT_TYPE, "application/xml")], xml).into_response(), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_good_for_one_file_and_five_minutes() {
        let (signer, task, now_ms) = (Signer::new(), Uuid::new_v4(), 1_000);
        let url = signer.url("http://s", task, 7, now_ms);
        let query = url.split('?').nth(1).unwrap();
        assert_eq!(signer.check(query, task, 7, now_ms), Ok(()));
        assert_eq!(signer.check(query, task, 7, now_ms + EXPIRES_MS - 1), Ok(()));
        assert!(signer.check(query, task, 7, now_ms + EXPIRES_MS).unwrap_err().contains("expired"));
        assert_eq!(signer.check(query, task, 8, now_ms), Err("SignatureDoesNotMatch"));
        assert_eq!(signer.check(query, Uuid::new_v4(), 7, now_ms), Err("SignatureDoesNotMatch"));
        assert_eq!(Signer::new().check(query, task, 7, now_ms), Err("SignatureDoesNotMatch"));
        assert!(signer.check("", task, 7, now_ms).unwrap_err().contains("not signed"));
    }
}
