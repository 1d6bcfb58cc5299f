//! Answers, and the one place where an error becomes HTTP (RFC 9457). What a caller reads here says nothing about
//! secrets or internals: those go to the log.

use serde_json::{Value, json};
use worker::{Response, ResponseBuilder};

use crate::hook::delivery::ParseError;

/// How long a sender is asked to wait when we cannot take its delivery, seconds.
const RETRY_AFTER_S: u32 = 30;

/// An error as its caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    status: u16,
    /// Last part of `type`, and stable: programs may look at it.
    kind: &'static str,
    title: &'static str,
    detail: String,
    header: Option<(&'static str, String)>,
}

impl Problem {
    fn new(status: u16, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, kind, title, detail: detail.into(), header: None }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.header = Some((name, value.into()));
        self
    }

    pub(super) fn bad_query(detail: impl Into<String>) -> Self {
        Self::new(400, "bad-query", "Bad query", detail)
    }

    pub(super) fn unreadable_body() -> Self {
        Self::new(400, "unreadable-body", "Unreadable body", "the body ended before it was complete")
    }

    pub(super) fn not_parsed(error: &ParseError) -> Self {
        match error {
            ParseError::UnsupportedType => {
                Self::new(415, "unsupported-type", "Unsupported media type", error.to_string())
            }
            ParseError::NotJson(_) => Self::new(400, "not-json", "Not JSON", error.to_string()),
        }
    }

    pub(super) fn encoded() -> Self {
        let detail = "send the body without Content-Encoding";
        Self::new(415, "unsupported-encoding", "Unsupported content encoding", detail)
            .with("Accept-Encoding", "identity")
    }

    pub(super) fn not_verified() -> Self {
        let detail = "the delivery could not be verified: check the secret and the clock of the sender";
        Self::new(401, "not-verified", "Not verified", detail).with("WWW-Authenticate", "Webhook")
    }

    pub(super) fn no_token() -> Self {
        let detail = "send the operator's token: Authorization: Bearer <OPERATOR_TOKEN>";
        Self::new(401, "no-token", "Operator token required", detail).with("WWW-Authenticate", "Bearer")
    }

    pub(super) fn no_such_page() -> Self {
        Self::new(404, "no-such-page", "Not found", "there is nothing at this address")
    }

    pub(super) fn no_such_hook() -> Self {
        Self::new(404, "no-such-hook", "No such hook", "no hook of this name is configured")
    }

    pub(super) fn no_such_run() -> Self {
        Self::new(404, "no-such-run", "No such run", "there is no run with this id, or it has expired")
    }

    pub(super) fn no_such_file() -> Self {
        Self::new(404, "no-such-file", "No such file", "the run has no archived file with this id")
    }

    pub(super) fn wrong_method(allowed: &'static str) -> Self {
        Self::new(405, "wrong-method", "Method not allowed", format!("this address takes {allowed}"))
            .with("Allow", allowed)
    }

    pub(super) fn too_large(bytes_max: u64) -> Self {
        Self::new(413, "too-large", "Body too large", format!("the body has more than {bytes_max} bytes"))
    }

    pub(super) fn range_not_satisfiable(size: u64) -> Self {
        Self::new(416, "range-not-satisfiable", "Range not satisfiable", format!("the file has {size} bytes"))
            .with("Content-Range", format!("bytes */{size}"))
    }

    /// We cannot do our part now: the caller is to come again.
    pub(super) fn not_ready() -> Self {
        let detail = "this service cannot take the request now, try again later";
        Self::new(503, "not-ready", "Not ready", detail).with("Retry-After", RETRY_AFTER_S.to_string())
    }

    pub(super) fn paused() -> Self {
        Self::new(503, "paused", "Hook paused", "this hook is paused, try again later")
            .with("Retry-After", "300")
    }

    pub(super) fn no_operator() -> Self {
        let detail = "no OPERATOR_TOKEN is configured: run `npx wrangler secret put OPERATOR_TOKEN`";
        Self::new(503, "no-operator", "No operator token configured", detail)
            .with("Retry-After", RETRY_AFTER_S.to_string())
    }

    pub(super) fn into_response(self) -> worker::Result<Response> {
        let body = json!({
            "type": format!("urn:seedhook:problem:{}", self.kind),
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        });
        let mut response = builder(self.status)?.with_header("Content-Type", "application/problem+json")?;
        if let Some((name, value)) = &self.header {
            response = response.with_header(name, value)?;
        }
        Ok(response.fixed(body.to_string().into_bytes()))
    }
}

/// A JSON answer.
pub(super) fn json(status: u16, body: &Value) -> worker::Result<Response> {
    let response = builder(status)?.with_header("Content-Type", "application/json")?;
    Ok(response.fixed(body.to_string().into_bytes()))
}

/// What every answer of ours has: no cache keeps it, no browser guesses at it.
pub(super) fn builder(status: u16) -> worker::Result<ResponseBuilder> {
    ResponseBuilder::new()
        .with_status(status)
        .with_header("Cache-Control", "no-store")?
        .with_header("X-Content-Type-Options", "nosniff")
}
