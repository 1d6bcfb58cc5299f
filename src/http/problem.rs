//! Every problem that an answer may state (RFC 9457), in one table. What a caller reads here says nothing about secrets
//! or internals: those are logged.

use std::borrow::Cow;

use serde::Serialize;

use super::api_token::InvalidToken;
use super::request_body::incoming::TimedOut;
use super::response::{Body, Response};
use super::secrets::{LINK_SECRET, OPERATOR_TOKEN};
use crate::hook::admission::Rejection;
use crate::hook::event::StoredEventError;
use crate::link::{InvalidSecret, LinkError, SECRET_BYTES_MIN};
use crate::request::body::BodyError;
use crate::run::{RunBrief, Summary};
use crate::service::operator::Refusal;
use crate::verify::access::InvalidAssertion;

/// How long a caller is asked to wait that calls too often, seconds: the longest period of a rate-limiting binding.
const RATE_PERIOD_S: u32 = 60;

/// How long a caller is asked to wait when we cannot do our part, seconds. The slowest bodies in flight have ended or
/// timed out by then, too.
pub(super) const RETRY_AFTER_S: u32 = 30;

/// How long a sender is asked to wait when its hook is paused, seconds.
const PAUSED_RETRY_AFTER_S: u32 = 300;

/// What the `type` of every problem begins with; the name of its kind follows.
pub(super) const TYPE_PREFIX: &str = "urn:seedhook:problem:";

/// Why a request is not answered as its caller wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Problem {
    /// The query has an unknown parameter, or a value that is not allowed. Which, and what is.
    BadQuery(String),
    /// A JSON body is not what the call takes. Why.
    BadBody(String),
    /// The body ended before it was complete.
    UnreadableBody,
    /// The body cannot be parsed. Why.
    MalformedBody(String),
    /// The delivery is not from the sender, or that cannot be seen. Why is logged.
    NotVerified,
    /// A handshake whose challenge is missing or too long (400), or whose token is wrong (403). The status and the reason.
    BadHandshake(u16, String),
    /// The operator's token is missing or wrong.
    NoToken,
    /// The token of Cloudflare Access is not accepted. Why.
    NotSignedIn(InvalidAssertion),
    /// The caller's token may only read.
    ReadOnly,
    /// A call that changes something, of a browser that another site may have led here.
    CrossSite,
    /// A link that cannot be followed.
    BadLink(LinkError),
    /// Nothing is at this address.
    NoSuchPage,
    /// No hook of this name is configured.
    NoSuchHook,
    /// There is no run of this id.
    NoSuchRun,
    /// There is no such kept delivery.
    NoSuchDelivery,
    /// The run has no such archived file.
    NoSuchFile,
    /// Another method than the address takes. The methods that it takes.
    WrongMethod(&'static str),
    /// The body arrived too slowly.
    BodyTimeout(TimedOut),
    /// The run has another status than the call needs.
    WrongState {
        /// The run as it is.
        run: Box<Summary>,
        /// What the call needs.
        why: &'static str,
    },
    /// The configuration has no rule for the run any more. What is missing.
    NotConfigured(&'static str),
    /// The delivery of the run has expired.
    NoDelivery,
    /// The file is not the one that the request's conditions name.
    PreconditionFailed,
    /// The body has more bytes than allowed. How many are.
    TooLarge(u64),
    /// The body has more in it than is parsed. Why.
    ComplexBody(String),
    /// The delivery has more items, or would become more runs, than allowed. How many are.
    TooManyRuns(usize),
    /// The body's type is not read here. Which are.
    UnsupportedType(String),
    /// The body is compressed.
    UnsupportedEncoding,
    /// No byte that the request asks for is in the file. How many bytes the file has.
    RangeNotSatisfiable(u64),
    /// The hook is called more often than its rate limit allows.
    TooOften,
    /// Too many calls from this address had a wrong token.
    TooManyAttempts,
    /// The bodies in flight leave no room for this one.
    Busy,
    /// The hook is paused.
    Paused,
    /// Something of ours is missing or broken: it is logged.
    NotReady,
    /// No usable operator token is configured.
    NoOperator(InvalidToken),
    /// No usable secret for links is configured.
    NoLinks(InvalidSecret),
}

/// What is the same for all problems of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// HTTP status.
    pub status: u16,
    /// The last part of `type`. It is stable: programs may look at it.
    pub name: &'static str,
    /// The kind in a few words.
    pub title: &'static str,
}

/// The body of an answer that states a problem: `application/problem+json`.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Problem"))]
pub struct ProblemBody<'a> {
    /// `urn:seedhook:problem:` and the kind. It is stable: programs may look at it.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(schema_with = "super::openapi::problem_types"))]
    pub r#type: String,
    /// The kind in a few words.
    pub title: &'a str,
    /// HTTP status.
    pub status: u16,
    /// What happened, and what to do.
    pub detail: Cow<'a, str>,
    /// The run as it is; present with `wrong-state` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunBrief<'a>>,
}

impl Problem {
    /// The table of problems.
    #[must_use]
    pub fn kind(&self) -> Kind {
        let (status, name, title) = match self {
            Self::BadQuery(_) => (400, "bad-query", "Bad query"),
            Self::BadBody(_) => (400, "bad-body", "Bad body"),
            Self::UnreadableBody => (400, "unreadable-body", "Unreadable body"),
            Self::MalformedBody(_) => (400, "malformed-body", "Malformed body"),
            Self::BadHandshake(status, _) => (*status, "bad-handshake", "Bad handshake"),
            Self::NotVerified => (401, "not-verified", "Not verified"),
            Self::NoToken => (401, "no-token", "Operator token required"),
            Self::NotSignedIn(_) => (401, "not-signed-in", "Not signed in"),
            Self::ReadOnly => (403, "read-only", "Read only"),
            Self::CrossSite => (403, "cross-site", "Cross-site call"),
            Self::BadLink(LinkError::Invalid) => (403, "bad-link", "Bad link"),
            Self::BadLink(LinkError::Expired) => (403, "link-expired", "Link expired"),
            Self::NoSuchPage => (404, "no-such-page", "Not found"),
            Self::NoSuchHook => (404, "no-such-hook", "No such hook"),
            Self::NoSuchRun => (404, "no-such-run", "No such run"),
            Self::NoSuchDelivery => (404, "no-such-delivery", "No such delivery"),
            Self::NoSuchFile => (404, "no-such-file", "No such file"),
            Self::WrongMethod(_) => (405, "wrong-method", "Method not allowed"),
            Self::BodyTimeout(_) => (408, "body-timeout", "Body took too long"),
            Self::WrongState { .. } => (409, "wrong-state", "Wrong state"),
            Self::NotConfigured(_) => (409, "not-configured", "Not configured"),
            Self::NoDelivery => (410, "no-delivery", "Delivery expired"),
            Self::PreconditionFailed => (412, "precondition-failed", "Precondition failed"),
            Self::TooLarge(_) => (413, "too-large", "Body too large"),
            Self::ComplexBody(_) => (413, "complex-body", "Body too complex"),
            Self::TooManyRuns(_) => (413, "too-many-runs", "Too many runs"),
            Self::UnsupportedType(_) => (415, "unsupported-type", "Unsupported media type"),
            Self::UnsupportedEncoding => (415, "unsupported-encoding", "Unsupported content encoding"),
            Self::RangeNotSatisfiable(_) => (416, "range-not-satisfiable", "Range not satisfiable"),
            Self::TooOften => (429, "too-often", "Too many requests"),
            Self::TooManyAttempts => (429, "too-many-attempts", "Too many attempts"),
            Self::Busy => (503, "busy", "Busy"),
            Self::Paused => (503, "paused", "Hook paused"),
            Self::NotReady => (503, "not-ready", "Not ready"),
            Self::NoOperator(InvalidToken::Missing | InvalidToken::Example) => {
                (503, "no-operator", "No operator token configured")
            }
            Self::NoOperator(InvalidToken::TooShort(_)) => (503, "short-token", "Operator token too short"),
            Self::NoLinks(_) => (503, "no-links", "No links configured"),
        };
        Kind { status, name, title }
    }

    /// What happened, and what the caller or the operator can do.
    #[must_use]
    pub fn detail(&self) -> Cow<'_, str> {
        match self {
            Self::BadQuery(text)
            | Self::BadBody(text)
            | Self::MalformedBody(text)
            | Self::BadHandshake(_, text)
            | Self::ComplexBody(text)
            | Self::UnsupportedType(text) => text.into(),
            Self::WrongState { why, .. } | Self::NotConfigured(why) => (*why).into(),
            Self::UnreadableBody => "the body ended before it was complete".into(),
            Self::NotVerified => {
                "the delivery could not be verified: check the secret and the clock of the sender".into()
            }
            Self::NoToken => "send the operator's token: Authorization: Bearer <OPERATOR_TOKEN>; or sign in, where this \
                Worker is behind Cloudflare Access"
                .into(),
            Self::NotSignedIn(error) => format!("the token of Cloudflare Access {error}").into(),
            Self::CrossSite => "signed in by Cloudflare Access, a browser may change something from pages of this \
                Worker alone (Sec-Fetch-Site: same-origin), and a program sends neither Origin nor the cookie \
                CF_Authorization: do so, or make this call with OPERATOR_TOKEN"
                .into(),
            Self::ReadOnly => "READ_TOKEN may not decide anything: make this call with OPERATOR_TOKEN".into(),
            Self::BadLink(error) => format!("{error}: ask for a new link where you got this one").into(),
            Self::NoSuchPage => "there is nothing at this address".into(),
            Self::NoSuchHook => "no hook of this name is configured".into(),
            Self::NoSuchRun => "there is no run with this id, or it has expired".into(),
            Self::NoSuchDelivery => "there is no kept delivery with this id, or it has expired".into(),
            Self::NoSuchFile => "the run has no archived file with this id".into(),
            Self::WrongMethod(allowed) => format!("this address takes {allowed}").into(),
            Self::BodyTimeout(timed_out) => timed_out.to_string().into(),
            Self::NoDelivery => "the delivery of this run is not stored any more".into(),
            Self::PreconditionFailed => {
                "the file is not, or is no longer, the one that the request's conditions name".into()
            }
            Self::TooLarge(bytes_max) => format!("the body has more than {bytes_max} bytes").into(),
            Self::TooManyRuns(max) => format!(
                "a delivery has at most {max} items, and becomes at most {max} runs: send smaller batches"
            )
            .into(),
            Self::UnsupportedEncoding => "send the body without Content-Encoding".into(),
            Self::RangeNotSatisfiable(size) => format!("the file has {size} bytes").into(),
            Self::TooOften => "the hook is called too often, try again later".into(),
            Self::TooManyAttempts => format!(
                "too many calls from this address had a wrong token: try again in {RATE_PERIOD_S} s"
            )
            .into(),
            Self::Busy => {
                "the Worker is receiving too much data from other requests: send the request again later"
                    .into()
            }
            Self::Paused => "this hook is paused, try again later".into(),
            Self::NotReady => "this service cannot take the request now, try again later".into(),
            Self::NoOperator(error) => format!(
                "{OPERATOR_TOKEN} {error}, and set it with `npx wrangler secret put {OPERATOR_TOKEN}`"
            )
            .into(),
            Self::NoLinks(error) => format!(
                "{LINK_SECRET} {error}: run `npx wrangler secret put {LINK_SECRET}` with at least \
                 {SECRET_BYTES_MIN} random bytes"
            )
            .into(),
        }
    }

    /// The header field that belongs to the status.
    fn header(&self) -> Option<(&'static str, String)> {
        Some(match self {
            Self::NotVerified => ("WWW-Authenticate", "Webhook".to_owned()),
            Self::NoToken | Self::NotSignedIn(_) => ("WWW-Authenticate", "Bearer".to_owned()),
            Self::WrongMethod(allowed) => ("Allow", (*allowed).to_owned()),
            Self::UnsupportedEncoding => ("Accept-Encoding", "identity".to_owned()),
            Self::RangeNotSatisfiable(size) => ("Content-Range", format!("bytes */{size}")),
            Self::TooOften | Self::TooManyAttempts => ("Retry-After", RATE_PERIOD_S.to_string()),
            Self::Paused => ("Retry-After", PAUSED_RETRY_AFTER_S.to_string()),
            Self::Busy | Self::NotReady | Self::NoOperator(_) | Self::NoLinks(_) => {
                ("Retry-After", RETRY_AFTER_S.to_string())
            }
            _ => return None,
        })
    }

    /// The answer that states the problem.
    #[must_use]
    pub fn into_response<S>(self) -> Response<S> {
        let Kind { status, name, title } = self.kind();
        let run = match &self {
            Self::WrongState { run, .. } => Some(run.view()),
            _ => None,
        };
        let r#type = format!("{TYPE_PREFIX}{name}");
        let body = ProblemBody { r#type, title, status, detail: self.detail(), run };
        // Texts, numbers and a run in brief are always JSON; were they not, the status would still say what happened.
        let text = serde_json::to_string(&body).unwrap_or_default();
        let mut response =
            Response::new(status, Body::Text(text)).with("Content-Type", "application/problem+json");
        if let Some((name, value)) = self.header() {
            response.set(name, value);
        }
        response
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::UnsupportedType => Self::UnsupportedType(error.to_string()),
            BodyError::Malformed(reason) => Self::MalformedBody(reason),
            BodyError::TooComplex(reason) => Self::ComplexBody(reason),
        }
    }
}

impl From<StoredEventError> for Problem {
    fn from(error: StoredEventError) -> Self {
        match error {
            StoredEventError::Corrupt(error) => Self::MalformedBody(error.to_string()),
            StoredEventError::Body(error) => error.into(),
        }
    }
}

impl From<&Rejection> for Problem {
    /// What a stranger may know: not why a delivery is not verified.
    fn from(error: &Rejection) -> Self {
        match error.status() {
            401 => Self::NotVerified,
            413 => Self::ComplexBody(error.to_string()),
            503 => Self::NotReady,
            status => Self::BadHandshake(status, error.to_string()),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoSuchRun => Self::NoSuchRun,
            Refusal::WrongState { run, why } => Self::WrongState { run: Box::new(run.summary()), why },
            Refusal::NoDelivery => Self::NoDelivery,
            Refusal::NotConfigured(why) => Self::NotConfigured(why),
            Refusal::Store(_) => Self::NotReady,
        }
    }
}
