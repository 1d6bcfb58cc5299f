//! Requests and answers of [`crate::http`] as the runtime has them, and what handlers need of one invocation.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde_json::json;
use url::Url;
use wasm_bindgen::JsValue;
use worker::{Env, ResponseBody};

use super::analytics::Points;
use super::clock::{WorkerClock, WorkerLog, forward_clock_and_log};
use super::http_fabricate::one_line;
use super::settings::Settings;
use super::web_crypto::WebCrypto;
use super::world::{self, Cloudflare};
use super::{executor, io};
use crate::http::Problem;
use crate::http::request::{Arrived, Arriving, Body as RequestBody, Request};
use crate::http::response::{Body, Response};
use crate::http::runtime::{LimiterError, Runtime};
use crate::log;
use crate::ports::{Clock, Log};
use crate::verify::crypto::Crypto;

/// One invocation.
pub(super) struct Invocation {
    pub(super) env: Env,
    pub(super) context: JsValue,
    pub(super) settings: Rc<Settings>,
    pub(super) points: Points,
}

impl Runtime for Invocation {
    type Ports = Cloudflare;

    fn ports(&self) -> Option<Rc<Cloudflare>> {
        world::of_invocation(&self.env, &self.settings, &self.points)
    }

    fn secret(&self, name: &str) -> Option<String> {
        world::secret(&self.env, name)
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
        io::wait_until(&self.context, &spawn(work));
    }
}

/// Runs a future; the promise resolves when it has ended, which may be the case already.
pub(super) fn spawn(future: impl Future<Output = ()> + 'static) -> js_sys::Promise {
    let deferred = io::deferred();
    let promise = io::promise(&deferred);
    let work = async move {
        future.await;
        io::resolve(&deferred, &JsValue::UNDEFINED);
    };
    executor::spawn(work, WorkerClock.now());
    promise
}

forward_clock_and_log!(Invocation);

/// Reads the head of a request, as `entry.js` writes it: the method, the address, then names and values of headers.
pub(super) fn read_request(head: &str, body: RequestBody) -> Result<Request, Problem> {
    let mut lines = head.split('\n');
    let (method, address) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let url = Url::parse(address).map_err(|_| Problem::NoSuchPage)?;
    let mut headers = Vec::new();
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        headers.push((name.to_owned(), value.to_owned()));
    }
    Ok(Request { method: method.to_owned(), url, address: address.to_owned(), headers, body })
}

/// A body that `entry.js` reads. Dropping it gives up what has not arrived.
pub(super) struct BodyOfEntry(pub(super) io::Arriving);

impl Drop for BodyOfEntry {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Arriving for BodyOfEntry {
    fn more(&mut self) -> LocalBoxFuture<'_, Arrived> {
        let waiting = io::wait_for(&self.0.more());
        async {
            match waiting.await.ok().and_then(|bytes| bytes.as_f64()) {
                Some(0.0) => Arrived::End,
                Some(-2.0) => Arrived::Late,
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a piece is small"
                )]
                Some(bytes) if bytes > 0.0 => Arrived::Bytes(bytes as usize),
                _ => Arrived::BrokenOff,
            }
        }
        .boxed_local()
    }

    fn take(self: Box<Self>) -> Vec<u8> {
        self.0.take().to_vec()
    }
}

/// The answer to a request: the runtime's own, or a promise of it where something has to be waited for. The runtime then
/// keeps the work going also when the client has gone: a claimed delivery needs its record.
pub(super) fn answer(
    answer: impl Future<Output = Response<ResponseBody>> + 'static,
    context: &JsValue,
) -> JsValue {
    let place = Rc::new(RefCell::new(Place::Empty));
    let given = Rc::clone(&place);
    let work = async move {
        let response = send(answer.await);
        match given.replace(Place::Empty) {
            Place::Promised(deferred) => io::resolve(&deferred, &response),
            _ => drop(given.replace(Place::Given(response))),
        }
    };
    executor::spawn(work, WorkerClock.now());
    if let Place::Given(response) = place.replace(Place::Empty) {
        return response;
    }
    let deferred = io::deferred();
    let promise = io::promise(&deferred);
    place.replace(Place::Promised(deferred));
    io::wait_until(context, &promise);
    promise.into()
}

/// Where an answer is put.
enum Place {
    Empty,
    /// It was there before anyone waited.
    Given(JsValue),
    /// The runtime has a promise of it.
    Promised(JsValue),
}

/// Makes the runtime's answer.
fn send(response: Response<ResponseBody>) -> JsValue {
    build(response).unwrap_or_else(|error| {
        // The runtime would log its text as it is.
        WorkerLog.log(log::RESPONSE_NOT_MADE, json!({"error": one_line(&worker::Error::from(error))}));
        build(Problem::NotReady.into_response()).unwrap_or_default()
    })
}

fn build(response: Response<ResponseBody>) -> Result<JsValue, JsValue> {
    let Response { status, headers, body } = response;
    let mut head = String::new();
    for (name, value) in &headers {
        head.push_str(name);
        head.push('\n');
        head.push_str(value);
        head.push('\n');
    }
    let body = match body {
        Body::Text(text) => text.into(),
        Body::Stream(ResponseBody::Stream(stream)) => stream.into(),
        Body::Empty | Body::Stream(_) => JsValue::UNDEFINED,
    };
    io::response(status, &head, &body)
}
