//! Fabricate over HTTP: sends requests, reads answers, and leaves it to [`crate::fabricate`] what they prove.

use std::pin::pin;

use futures_util::future::{Either, select};
use serde_json::{Map, Value};
use url::Url;
use worker::{AbortController, Fetch, Headers, Request, RequestInit, RequestRedirect, Response};

use super::clock::WorkerClock;
use super::io;
use super::outbound::{Outgoing, whole};
use super::world::Cloudflare;
use crate::fabricate::{
    ANSWER_BYTES_MAX, ANSWER_TIMEOUT_MS, Answer, CircuitBreaker, Credentials, FileId, StartOutcome,
    StatusError, Target, Task, TaskId, read_start,
};
use crate::ports::{Clock, Fabricate};
use crate::redact::without_queries;

/// An answer whose headers are there, and the means to cut its body.
pub(super) struct Reply {
    pub(super) response: Response,
    pub(super) abort: AbortController,
}

impl Fabricate for Cloudflare {
    async fn start(
        &self,
        target: &Target,
        params: &Map<String, Value>,
        traceparent: Option<&str>,
    ) -> StartOutcome {
        if self.key.is_none() {
            return StartOutcome::NotStarted {
                status: None,
                reason: no_key(),
                retry_after_ms: None,
                for_key: true,
            };
        }
        let body = Value::Object(params.clone()).to_string();
        let url = self.api.start_url(target);
        let request =
            Outgoing { method: "POST", url: &url, authorized: true, body: Some(&body), traceparent };
        match self.ask(request).await {
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

    fn credentials(&self) -> &Credentials {
        &self.credentials
    }
}

impl Cloudflare {
    /// Sends one request and reads its answer to the end.
    pub(super) async fn ask(&self, request: Outgoing<'_>) -> Result<Answer, String> {
        whole(self.exchange(request, ANSWER_BYTES_MAX).await?, ANSWER_BYTES_MAX)
    }

    /// Sends a GET and waits for the answer's headers. Redirects are the caller's: they decide who gets the key.
    pub(super) async fn open(
        &self,
        url: &Url,
        authorized: bool,
        more_headers: &[(&str, &str)],
    ) -> Result<Reply, String> {
        let request = self.request(url, authorized, more_headers).map_err(|error| one_line(&error))?;
        let abort = AbortController::default();
        let signal = abort.signal();
        let fetch = Fetch::Request(request);
        let sending = pin!(fetch.send_with_signal(&signal));
        match select(sending, pin!(delay(ANSWER_TIMEOUT_MS))).await {
            Either::Left((Ok(response), _)) => Ok(Reply { response, abort }),
            Either::Left((Err(error), _)) => Err(one_line(&error)),
            Either::Right(_) => {
                abort.abort();
                Err(format!("no answer within {} s", ANSWER_TIMEOUT_MS / 1_000))
            }
        }
    }

    fn request(&self, url: &Url, authorized: bool, more_headers: &[(&str, &str)]) -> worker::Result<Request> {
        let headers = Headers::new();
        let own = self.header_lines(authorized, false);
        let mut lines = own.split('\n');
        while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
            headers.set(name, value)?;
        }
        for (name, value) in more_headers {
            headers.set(name, value)?;
        }
        let mut init = RequestInit::new();
        init.with_headers(headers).with_redirect(RequestRedirect::Manual);
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
