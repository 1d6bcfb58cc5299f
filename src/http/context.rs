//! The context of one request: what every handler is given, and the short cuts that handlers share.

use std::rc::Rc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Server;
use super::problem::Problem;
use super::request::Request;
use super::request_body::in_flight::Lease;
use super::request_body::read_body;
use super::response::{Body, Response};
use super::runtime::{FileStream, Runtime};
use crate::hook::{Hook, HookName};
use crate::log::{self, Line};
use crate::ports::StoreError;
use crate::request::RawRequest;
use crate::run::{Run, RunId};
use crate::service::queries;
use crate::timestamp::Timestamp;

/// The secret with Fabricate's key.
pub const FABRICATE_API_KEY: &str = "FABRICATE_API_KEY";
/// The secret that opens everything under `/api/`.
pub const OPERATOR_TOKEN: &str = "OPERATOR_TOKEN";
/// The secret that links to files are signed with; without it there are no links.
pub(super) const LINK_SECRET: &str = "LINK_SECRET";

/// What a handler is given.
pub(super) struct Context<'a, R> {
    pub(super) server: &'a Server,
    pub(super) runtime: &'a R,
}

/// What a handler returns.
pub(super) type Handled<R> = Result<Response<FileStream<R>>, Problem>;

impl<'a, R: Runtime> Context<'a, R> {
    /// The stores and Fabricate; 503 where a binding is missing.
    pub(super) fn ports(&self) -> Result<Rc<R::Ports>, Problem> {
        self.runtime.ports().ok_or(Problem::NotReady)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.runtime.now()
    }

    pub(super) fn secret(&self, name: &str) -> Option<String> {
        self.runtime.secret(name)
    }

    pub(super) fn log(&self, line: Line, fields: Value) {
        self.runtime.log(line, fields);
    }

    /// An id for an event whose sender states none.
    pub(super) fn fresh_id(&self) -> String {
        RunId::new(self.now(), self.runtime.random()).to_string()
    }

    /// A hook without mistakes: 404 there is none of this name, 503 it has mistakes.
    pub(super) fn hook(&self, name: String) -> Result<&'a Hook, Problem> {
        let name = HookName::try_from(name).map_err(|_| Problem::NoSuchHook)?;
        match self.server.configuration.hooks.get(&name) {
            Some(Ok(hook)) => Ok(hook),
            // The mistakes were logged when the configuration was read, and are in `GET /api/hooks`.
            Some(Err(_)) => Err(Problem::NotReady),
            None => Err(Problem::NoSuchHook),
        }
    }

    /// The run of this id: 404 there is none, 503 a store fails.
    pub(super) async fn run(&self, ports: &R::Ports, run_id: RunId) -> Result<Run, Problem> {
        let run = queries::get_run(ports, run_id).await.map_err(|error| self.store_failed(&error))?;
        run.ok_or(Problem::NoSuchRun)
    }

    /// 503; the reason is logged.
    pub(super) fn store_failed(&self, error: &StoreError) -> Problem {
        self.log(log::STORE_FAILED, json!({"error": error.to_string()}));
        Problem::NotReady
    }

    /// A JSON answer.
    pub(super) fn json(&self, status: u16, body: &impl Serialize) -> Handled<R> {
        let text = self.json_text(body)?;
        Ok(Response::new(status, Body::Text(text)).with("Content-Type", "application/json"))
    }

    /// A body as JSON.
    pub(super) fn json_text(&self, body: &impl Serialize) -> Result<String, Problem> {
        serde_json::to_string(body).map_err(|error| {
            self.log(log::RESPONSE_NOT_MADE, json!({"error": error.to_string()}));
            Problem::NotReady
        })
    }

    /// Reads a body that is a JSON object; no body at all is an empty object. Errors as [`read_body`]; 400 it is no such
    /// object.
    pub(super) async fn read_json<T: DeserializeOwned>(
        &self,
        mut request: Request,
        bytes_max: u64,
    ) -> Result<T, Problem> {
        let (body, _lease) = read_body(self, &mut request, bytes_max).await?;
        let text = if body.is_empty() { b"{}".as_slice() } else { &body };
        if text.trim_ascii_start().first() != Some(&b'{') {
            return Err(Problem::BadBody("the body must be a JSON object, or empty".to_owned()));
        }
        serde_json::from_slice(text).map_err(|error| Problem::BadBody(error.to_string()))
    }

    /// Reads a delivery, whose body has at most `bytes_max` bytes. The lease counts the memory of the body, and of what is
    /// made of it, until it is dropped. Errors as [`read_body`].
    pub(super) async fn read_delivery(
        &self,
        mut request: Request,
        bytes_max: u64,
    ) -> Result<(RawRequest, Lease), Problem> {
        let (body, lease) = read_body(self, &mut request, bytes_max).await?;
        let Request { method, address, headers, .. } = request;
        Ok((RawRequest::new(&method, &address, headers, body, self.now()), lease))
    }
}
