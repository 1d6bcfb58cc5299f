//! The second origin: a storage that hands out files for signed addresses, as S3 does. It must not
//! let a bearer key in.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::app::App;
use crate::download::Asked;
use crate::files::hex;
use crate::full::Full;
use crate::record::Origin;
use crate::stored::Stored;
use crate::{answer, download, gate};

/// How long an address is good for.
const EXPIRES_MS: u64 = 300_000;

/// What an address leads to.
pub(crate) struct Blob<'a> {
    pub(crate) task: Uuid,
    pub(crate) file: &'a Stored,
    /// How many redirects came before.
    pub(crate) hop: usize,
}

/// Makes and checks addresses. Its secret is new for each server.
#[derive(Debug)]
pub(crate) struct Signer {
    secret: Uuid,
}

impl Signer {
    pub(crate) fn new() -> Self {
        Self { secret: Uuid::new_v4() }
    }

    /// The address of a file below this one, good for five minutes.
    pub(crate) fn address(&self, base: &str, blob: &Blob, now_ms: u64) -> String {
        format!("{base}{}?{}", blob.file.segment(), self.query(blob, now_ms + EXPIRES_MS))
    }

    fn query(&self, blob: &Blob, expires_ms: u64) -> String {
        let Blob { task, file, hop } = blob;
        let signed = format!("{}/{task}/{hop}/{expires_ms}/{}", self.secret, file.name());
        format!("X-Hop={hop}&X-Expires={expires_ms}&X-Signature={}", hex(&Sha256::digest(signed)))
    }

    /// How many redirects came before an address with this query.
    ///
    /// # Errors
    /// What is wrong with the query.
    fn check(&self, query: &str, task: Uuid, file: &Stored, now_ms: u64) -> Result<usize, &'static str> {
        let field = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name));
        let hop = field("X-Hop=").and_then(|hop| hop.parse().ok());
        let expires_ms = field("X-Expires=").and_then(|expires_ms| expires_ms.parse().ok());
        match (hop, expires_ms) {
            (Some(hop), Some(expires_ms)) if self.query(&Blob { task, file, hop }, expires_ms) != query => {
                Err("SignatureDoesNotMatch")
            }
            (Some(_), Some(expires_ms)) if now_ms >= expires_ms => {
                Err("AccessDenied: the request has expired")
            }
            (Some(hop), Some(_)) => Ok(hop),
            _ => Err("AccessDenied: the address is not signed"),
        }
    }
}

/// An address that the storage answers with 401.
pub(crate) fn unauthorized_url(storage_url: &str, task: Uuid, file: &Stored) -> String {
    format!("{storage_url}/private/{task}/{}", file.segment())
}

/// Everything that the storage answers.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/blobs/{task_id}/{file_id}", get(blob))
        .route("/private/{task_id}/{file_id}", get(private))
        .fallback(|| async { error(StatusCode::NOT_FOUND, "NoSuchKey") })
        .layer(from_fn_with_state(app.clone(), gate::storage))
        .with_state(app)
}

/// 400 with a bearer key, 404 unknown file, 403 without a good signature, else what the file's
/// delivery says.
async fn blob(
    State(app): State<Arc<App>>,
    Path((task_id, file_id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    uri: Uri,
    headers: HeaderMap,
    Extension(full): Extension<Full>,
) -> Response {
    if headers.contains_key(AUTHORIZATION) {
        return error(StatusCode::BAD_REQUEST, "InvalidArgument: only one auth mechanism is allowed");
    }
    let Some((task, stored)) = download::find(&app, &task_id, &file_id) else {
        return error(StatusCode::NOT_FOUND, "NoSuchKey");
    };
    match app.signer.check(query.as_deref().unwrap_or_default(), task, &stored, app.clock.now_ms()) {
        Ok(hop) => {
            download::lead(&app, Asked { origin: Origin::Storage, task, stored, hop, uri, headers, full })
                .await
        }
        Err(message) => error(StatusCode::FORBIDDEN, message),
    }
}

/// 401, whoever asks.
async fn private() -> Response {
    error(StatusCode::UNAUTHORIZED, "Unauthorized: sign in first")
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

    fn file(id: u64) -> Stored {
        Stored::new(id.into(), crate::files::small("a.csv", ""))
    }

    #[test]
    fn a_signature_is_good_for_one_file_and_five_minutes() {
        let (signer, task, now_ms) = (Signer::new(), Uuid::new_v4(), 1_000);
        let url = signer.address("http://s/", &Blob { task, file: &file(7), hop: 2 }, now_ms);
        assert!(url.starts_with("http://s/7?"), "{url}");
        let query = url.split('?').nth(1).unwrap();
        assert_eq!(signer.check(query, task, &file(7), now_ms), Ok(2));
        assert_eq!(signer.check(query, task, &file(7), now_ms + EXPIRES_MS - 1), Ok(2));
        assert!(signer.check(query, task, &file(7), now_ms + EXPIRES_MS).unwrap_err().contains("expired"));
        assert_eq!(signer.check(query, task, &file(8), now_ms), Err("SignatureDoesNotMatch"));
        assert_eq!(signer.check(query, Uuid::new_v4(), &file(7), now_ms), Err("SignatureDoesNotMatch"));
        assert_eq!(Signer::new().check(query, task, &file(7), now_ms), Err("SignatureDoesNotMatch"));
        let other_hop = query.replace("X-Hop=2", "X-Hop=3");
        assert_eq!(signer.check(&other_hop, task, &file(7), now_ms), Err("SignatureDoesNotMatch"));
        assert!(signer.check("", task, &file(7), now_ms).unwrap_err().contains("not signed"));
    }
}
