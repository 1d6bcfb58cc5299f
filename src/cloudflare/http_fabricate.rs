//! Fabricate over HTTP: sends requests, reads answers, and leaves it to [`crate::fabricate`] what they prove.

use std::pin::pin;

use futures_util::future::{Either, select};
use serde_json::{Map, Value};
use url::Url;
use worker::{
    AbortController, Fetch, Headers, Method, Request, RequestInit, RequestRedirect, Response, ResponseBody,
};

use super::clock::WorkerClock;
use super::io;
use super::stream::{ReadError, read_capped};
use super::world::Cloudflare;
use crate::fabricate::{
    ANSWER_BYTES_MAX, Answer, CircuitBreaker, FileId, HEADERS_TIMEOUT_MS, StartOutcome, StatusError, Target,
    Task, TaskId, read_start,
};
use crate::ports::{Clock, Fabricate};
use crate::redact::without_queries;

/// How long an answer's body may take once its headers are there. Together with the headers' time it stays below the
/// 30 s that the runtime allows after an answer.
pub(super) const BODY_TIMEOUT_MS: u32 = 8_000;

/// An answer whose headers are there, and the means to cut its body.
pub(super) struct Reply {
    pub(super) response: Response,
    pub(super) abort: AbortController,
}

impl Fabricate for Cloudflare {
    async fn start(&self, target: &Target, params: &Map<String, Value>) -> StartOutcome {
        if self.key.is_none() {
            return StartOutcome::NotStarted {
                status: None,
                reason: no_key(),
                retry_after_ms: None,
                for_key: true,
            };
        }
        let body = Value::Object(params.clone()).to_string();
        match self.ask(Method::Post, &self.api.start_url(target), true, Some(body)).await {
            Ok(answer) => read_start(&answer, WorkerClock.now()),
            Err(reason) => StartOutcome::Unknown { status: None, reason },
        }
    }

    async fn status(&self, task_id: &TaskId) -> Result<Task, StatusError> {
        if self.key.is_none() {
            return Err(StatusError::Unauthorized);
        }
        self.ask_status(&self.api.status_url(task_id)).await
    }

    fn download_url(&self, task_id: &TaskId, file_id: &FileId) -> Url {
        self.api.download_url(task_id, file_id)
    }

    fn base(&self) -> &Url {
        self.api.base()
    }

    fn breaker(&self) -> &CircuitBreaker {
        &self.breaker
    }
}

impl Cloudflare {
    /// Sends one request, with Fabricate's key or without, and reads its answer to the end.
    pub(super) async fn ask(
        &self,
        method: Method,
        url: &Url,
        authorized: bool,
        body: Option<String>,
    ) -> Result<Answer, String> {
        let Reply { mut response, abort } = self.send(method, url, authorized, &[], body).await?;
        let header = |name: &str| response.headers().get(name).ok().flatten();
        let (content_type, retry_after) = (header("content-type"), header("retry-after"));
        let status = response.status_code();
        let body = match response.body() {
            ResponseBody::Empty => Ok(Vec::new()),
            ResponseBody::Body(bytes) => Ok(bytes.clone()),
            ResponseBody::Stream(_) => {
                let stream = response.stream().map_err(|error| one_line(&error))?;
                let reading = pin!(read_capped(stream, ANSWER_BYTES_MAX));
                match select(reading, pin!(delay(BODY_TIMEOUT_MS))).await {
                    Either::Left((read, _)) => read,
                    Either::Right(_) => Err(ReadError::Broken("the answer's body took too long".to_owned())),
                }
            }
        };
        match body {
            Ok(body) => Ok(Answer { status, content_type, retry_after, body }),
            Err(error) => {
                abort.abort();
                Err(match error {
                    ReadError::TooLarge => format!("the answer is larger than {ANSWER_BYTES_MAX} bytes"),
                    ReadError::Broken(reason) => reason,
                })
            }
        }
    }

    /// Sends one request and waits for the answer's headers. Redirects are the caller's: they decide who gets the key.
    pub(super) async fn send(
        &self,
        method: Method,
        url: &Url,
        authorized: bool,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Result<Reply, String> {
        let request =
            self.request(method, url, authorized, headers, body).map_err(|error| one_line(&error))?;
        let abort = AbortController::default();
        let signal = abort.signal();
        let fetch = Fetch::Request(request);
        let sending = pin!(fetch.send_with_signal(&signal));
        match select(sending, pin!(delay(HEADERS_TIMEOUT_MS))).await {
            Either::Left((Ok(response), _)) => Ok(Reply { response, abort }),
            Either::Left((Err(error), _)) => Err(one_line(&error)),
            Either::Right(_) => {
                abort.abort();
                Err(format!("no answer within {} s", HEADERS_TIMEOUT_MS / 1_000))
            }
        }
    }

    fn request(
        &self,
        method: Method,
        url: &Url,
        authorized: bool,
        more: &[(&str, &str)],
        body: Option<String>,
    ) -> worker::Result<Request> {
        let headers = Headers::new();
        for (name, value) in more {
            headers.set(name, value)?;
        }
        headers.set("User-Agent", concat!("seedhook/", env!("CARGO_PKG_VERSION")))?;
        // A compressed body would have no known length, and R2 wants one.
        headers.set("Accept-Encoding", "identity")?;
        if let (true, Some(key)) = (authorized, &self.key) {
            headers.set("Authorization", &format!("Bearer {key}"))?;
        }
        if body.is_some() {
            headers.set("Content-Type", "application/json")?;
        }
        let mut init = RequestInit::new();
        init.with_method(method)
            .with_headers(headers)
            .with_redirect(RequestRedirect::Manual)
            .with_body(body.map(Into::into));
        Request::new_with_init(url.as_str(), &init)
    }
}

pub(super) fn delay(millis: u32) -> io::Sleep {
    io::sleep_ms(millis)
}

/// An error's first line, without queries of addresses, as it may be logged or kept in a run: what follows is a
/// JavaScript stack.
pub(super) fn one_line(error: &dyn std::fmt::Display) -> String {
    without_queries(error.to_string().lines().next().unwrap_or_default()).into_owned()
}

fn no_key() -> String {
    "FABRICATE_API_KEY is not set".to_owned()
}
