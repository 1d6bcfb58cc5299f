//! Answers, and the one place where an error becomes HTTP (RFC 9457). What a caller reads here says nothing about
//! secrets or internals: those go to the log.

use serde_json::{Value, json};
use worker::{Response, ResponseBuilder};

use super::settings::OPERATOR_TOKEN;
use crate::config::InvalidToken;
use crate::hook::admission::Rejection;
use crate::link::{InvalidSecret, LinkError, SECRET_BYTES_MIN};
use crate::request::body::BodyError;
use crate::run::Run;
use crate::service::incoming::{IDLE_MS_MAX, TimedOut, WHOLE_MS_MAX};
use crate::service::operate::Refusal;
use crate::timestamp::SECOND_MS;
use crate::verify::answer::{SenderReply, may_have_body};

/// How long one is asked to wait who calls too often, seconds: the longest period that a rate-limiting binding can have.
const RATE_PERIOD_S: u32 = 60;

/// How long a sender is asked to wait when we cannot take its delivery, seconds.
const RETRY_AFTER_S: u32 = 30;

/// How long a sender is asked to wait when too many bytes are in flight, seconds: by then the slowest of them have timed
/// out or ended.
const BUSY_RETRY_AFTER_S: u32 = 30;

/// An error as its caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    status: u16,
    /// Last part of `type`, and stable: programs may look at it.
    kind: &'static str,
    title: &'static str,
    detail: String,
    header: Option<(&'static str, String)>,
    /// Extension member `run`: how a run stands that the caller took for another.
    run: Option<Box<Value>>,
}

impl Problem {
    fn new(status: u16, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, kind, title, detail: detail.into(), header: None, run: None }
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

    /// The body stopped arriving, or arrived too slowly.
    pub(super) fn timed_out(timed_out: TimedOut) -> Self {
        let detail = match timed_out {
            TimedOut::Idle => format!(
                "no byte of the body came for {} s: send the request again, without pauses",
                IDLE_MS_MAX / SECOND_MS
            ),
            TimedOut::Whole => format!(
                "the body was not complete after {} s: send the request again, faster or with a smaller body",
                WHOLE_MS_MAX / SECOND_MS
            ),
        };
        Self::new(408, "body-timeout", "Body took too long", detail)
    }

    /// The bodies in flight take all the memory that they may take.
    pub(super) fn busy() -> Self {
        let detail =
            "the Worker is receiving too much data from other requests: send the request again later";
        Self::new(503, "busy", "Busy", detail).with("Retry-After", BUSY_RETRY_AFTER_S.to_string())
    }

    pub(super) fn not_parsed(error: &BodyError) -> Self {
        match error {
            BodyError::UnsupportedType => {
                Self::new(415, "unsupported-type", "Unsupported media type", error.to_string())
            }
            BodyError::Malformed(_) => Self::new(400, "malformed-body", "Malformed body", error.to_string()),
            BodyError::TooComplex(_) => Self::new(413, "complex-body", "Body too complex", error.to_string()),
        }
    }

    pub(super) fn encoded() -> Self {
        let detail = "send the body without Content-Encoding";
        Self::new(415, "unsupported-encoding", "Unsupported content encoding", detail)
            .with("Accept-Encoding", "identity")
    }

    /// What a stranger is told: not why.
    pub(super) fn rejected(error: &Rejection) -> Self {
        match error.status() {
            401 => {
                let detail =
                    "the delivery could not be verified: check the secret and the clock of the sender";
                Self::new(401, "not-verified", "Not verified", detail).with("WWW-Authenticate", "Webhook")
            }
            413 => Self::new(413, "complex-body", "Body too complex", error.to_string()),
            503 => Self::not_ready(),
            status => Self::new(status, "bad-handshake", "Bad handshake", error.to_string()),
        }
    }

    pub(super) fn too_often() -> Self {
        let detail = "the hook is called too often, try again later";
        Self::new(429, "too-often", "Too many requests", detail)
            .with("Retry-After", RATE_PERIOD_S.to_string())
    }

    pub(super) fn too_many_runs(runs_max: usize) -> Self {
        let detail = format!(
            "a delivery has at most {runs_max} items, and becomes at most {runs_max} runs: send smaller batches"
        );
        Self::new(413, "too-many-runs", "Too many runs", detail)
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

    pub(super) fn precondition_failed() -> Self {
        let detail = "the file is not, or is no longer, the one that the request's conditions name";
        Self::new(412, "precondition-failed", "Precondition failed", detail)
    }

    pub(super) fn range_not_satisfiable(size: u64) -> Self {
        Self::new(416, "range-not-satisfiable", "Range not satisfiable", format!("the file has {size} bytes"))
            .with("Content-Range", format!("bytes */{size}"))
    }

    pub(super) fn bad_link(error: LinkError) -> Self {
        let (kind, title) = match error {
            LinkError::Invalid => ("bad-link", "Bad link"),
            LinkError::Expired => ("link-expired", "Link expired"),
        };
        Self::new(403, kind, title, format!("{error}: ask whoever gave it to you for another"))
    }

    pub(super) fn no_links(error: InvalidSecret) -> Self {
        let detail = format!(
            "LINK_SECRET {error}: run `npx wrangler secret put LINK_SECRET` with at least {SECRET_BYTES_MIN} random bytes"
        );
        Self::new(503, "no-links", "No links configured", detail)
            .with("Retry-After", RETRY_AFTER_S.to_string())
    }

    /// What the operator's call may not do, or no longer.
    pub(super) fn refused(refusal: &Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::NoSuchRun => Self::no_such_run(),
            Refusal::WrongState { run, .. } => {
                let run = Some(Box::new(run.summary().view()));
                Self { run, ..Self::new(409, "wrong-state", "Wrong state", detail) }
            }
            Refusal::NoDelivery => Self::new(410, "no-delivery", "Delivery expired", detail),
            Refusal::NotConfigured(_) => Self::new(409, "not-configured", "Not configured", detail),
            Refusal::Store(_) => Self::not_ready(),
        }
    }

    pub(super) fn bad_body(detail: impl Into<String>) -> Self {
        Self::new(400, "bad-body", "Bad body", detail)
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

    pub(super) fn no_operator(error: InvalidToken) -> Self {
        let (kind, title) = match error {
            InvalidToken::Missing => ("no-operator", "No operator token configured"),
            InvalidToken::TooShort(_) => ("short-token", "Operator token too short"),
        };
        let detail = format!("{error}, and set it with `npx wrangler secret put {OPERATOR_TOKEN}`");
        Self::new(503, kind, title, detail).with("Retry-After", RETRY_AFTER_S.to_string())
    }

    pub(super) fn too_many_attempts() -> Self {
        let detail = format!(
            "too many calls from this address had a wrong operator token: try again in {RATE_PERIOD_S} s"
        );
        Self::new(429, "too-many-attempts", "Too many attempts", detail)
            .with("Retry-After", RATE_PERIOD_S.to_string())
    }

    pub(super) fn into_response(self) -> worker::Result<Response> {
        let mut body = json!({
            "type": format!("urn:seedhook:problem:{}", self.kind),
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        });
        if let (Some(run), Value::Object(body)) = (self.run, &mut body) {
            body.insert("run".to_owned(), *run);
        }
        let mut response = builder(self.status)?.with_header("Content-Type", "application/problem+json")?;
        if let Some((name, value)) = &self.header {
            response = response.with_header(name, value)?;
        }
        Ok(response.fixed(body.to_string().into_bytes()))
    }
}

/// A handshake's answer, or the one that a sender wants to hear.
pub(super) fn reply(reply: &SenderReply) -> worker::Result<Response> {
    let mut response = builder(reply.status)?;
    if let Some(content_type) = reply.content_type {
        response = response.with_header("Content-Type", content_type)?;
    }
    for (name, value) in &reply.headers {
        response = response.with_header(name, value)?;
    }
    if !may_have_body(reply.status) {
        return Ok(response.empty());
    }
    Ok(response.fixed(reply.body.clone().into_bytes()))
}

/// A JSON answer.
pub(super) fn json(status: u16, body: &Value) -> worker::Result<Response> {
    json_text(status, body.to_string())
}

/// A run, whole.
pub(super) fn run(status: u16, run: &Run) -> worker::Result<Response> {
    json_text(status, run.view().into_json())
}

fn json_text(status: u16, body: String) -> worker::Result<Response> {
    let response = builder(status)?.with_header("Content-Type", "application/json")?;
    Ok(response.fixed(body.into_bytes()))
}

/// What every answer of ours has unless it says otherwise: no cache keeps it, no browser guesses at it, and no address,
/// which may be a signed link, is told to where it leads.
pub(super) fn builder(status: u16) -> worker::Result<ResponseBuilder> {
    ResponseBuilder::new()
        .with_status(status)
        .with_header("Cache-Control", "no-store")?
        .with_header("X-Content-Type-Options", "nosniff")?
        .with_header("Referrer-Policy", "no-referrer")
}
