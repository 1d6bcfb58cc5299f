//! Requests and answers of [`crate::http`] as the runtime has them, and what handlers need of one invocation.

use std::rc::Rc;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use url::Url;
use worker::{Context, Env, Method, ResponseBody, ResponseBuilder};

use super::clock::{WorkerLog, forward_clock_and_log};
use super::http_fabricate::one_line;
use super::settings::{self, Settings};
use super::web_crypto::WebCrypto;
use super::world::Cloudflare;
use crate::fabricate::Answer;
use crate::http::Problem;
use crate::http::request::{BrokenOff, Request};
use crate::http::response::{Body, Response};
use crate::http::runtime::{LimiterError, Outbound, Runtime};
use crate::log;
use crate::ports::Log;
use crate::verify::crypto::Crypto;

/// One invocation.
pub(super) struct Invocation<'a> {
    pub(super) env: &'a Env,
    pub(super) context: &'a Context,
    pub(super) settings: &'a Settings,
}

impl Runtime for Invocation<'_> {
    type Ports = Cloudflare;

    fn ports(&self) -> Option<Rc<Cloudflare>> {
        Cloudflare::new(self.env, self.settings).map(Rc::new)
    }

    fn secret(&self, name: &str) -> Option<String> {
        settings::secret(self.env, name)
    }

    fn crypto(&self) -> &dyn Crypto {
        &WebCrypto
    }

    async fn count_call(&self, binding: &str, key: &str) -> Result<bool, LimiterError> {
        let limiter = self.env.rate_limiter(binding);
        let limiter = limiter.map_err(|error| LimiterError::NotBound(one_line(&error)))?;
        let outcome = limiter.limit(key.to_owned()).await;
        outcome.map(|outcome| outcome.success).map_err(|error| LimiterError::Failed(one_line(&error)))
    }

    fn wait_until(&self, work: impl Future<Output = ()> + 'static) {
        self.context.wait_until(work);
    }
}

impl Outbound for Cloudflare {
    async fn get(&self, url: &Url) -> Result<Answer, String> {
        self.ask(Method::Get, url, false, None).await
    }
}

forward_clock_and_log!(Invocation<'_>);

/// Reads the head of a request.
pub(super) fn read_request(mut request: worker::Request) -> Result<Request, Problem> {
    let url = request.url().map_err(|_| Problem::NoSuchPage)?;
    // The method as it was sent: `worker` takes one that it does not know for `GET`.
    let (method, address) = (request.inner().method(), request.inner().url());
    let headers = request.headers().entries().collect();
    // Opened when it is first read. A request without a body has no stream.
    let chunks = stream::once(async move { stream::iter(request.stream().ok()).flatten() }).flatten();
    Ok(Request { method, url, address, headers, body: chunks.map_err(|_| BrokenOff).boxed_local() })
}

/// Sends an answer.
pub(super) fn send(response: Response<ResponseBody>) -> worker::Result<worker::Response> {
    build(response).or_else(|error| {
        // The runtime would log its text as it is.
        WorkerLog.log(log::RESPONSE_NOT_MADE, json!({"error": one_line(&error)}));
        build(Problem::NotReady.into_response())
    })
}

fn build(response: Response<ResponseBody>) -> worker::Result<worker::Response> {
    let Response { status, headers, body } = response;
    let mut builder = ResponseBuilder::new().with_status(status);
    for (name, value) in &headers {
        builder = builder.with_header(name, value)?;
    }
    Ok(match body {
        Body::Empty => builder.empty(),
        Body::Text(text) => builder.fixed(text.into_bytes()),
        Body::Stream(stream) => builder.body(stream),
    })
}
