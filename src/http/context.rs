//! The context of one request: what every handler is given, and the short cuts that handlers share.

use std::rc::Rc;

use crate::log::{self, Line};
use serde::Serialize;
use serde_json::{Value, json};

use super::isolate::Isolate;
use super::problem::Problem;
use super::response::{Body, Response};
use super::runtime::{FileStream, Runtime};
use crate::example_secrets::{Exposure, NoSecret};
use crate::hook::{Hook, HookName};
use crate::ports::StoreError;
use crate::run::{Run, RunId};
use crate::service::operator::Refusal;
use crate::service::queries;
use crate::timestamp::Timestamp;
use crate::verify::{SecretError, VerifyError};

/// What a handler is given.
pub(super) struct Context<'a, R> {
    pub(super) isolate: &'a Isolate,
    pub(super) runtime: &'a R,
    /// Who can call the Worker, by the address of this request.
    pub(super) exposure: Exposure,
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

    /// The value of a secret; `None` where there is none that may be used.
    pub(super) fn secret(&self, name: &str) -> Option<String> {
        self.usable_secret(name).ok()
    }

    /// The value of a secret, or why there is none that may be used.
    pub(super) fn usable_secret(&self, name: &str) -> Result<String, NoSecret> {
        self.exposure.usable(self.runtime.secret(name))
    }

    /// An error of verification; of a secret with the value of an example it says so. Verification sees no such secret.
    pub(super) fn explained(&self, error: VerifyError) -> VerifyError {
        match error {
            VerifyError::Misconfigured { name, problem: SecretError::NotSet }
                if self.usable_secret(&name) == Err(NoSecret::Example) =>
            {
                VerifyError::Misconfigured { name, problem: SecretError::Example }
            }
            error => error,
        }
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
        match self.isolate.hook(&name, self.runtime) {
            Some(Ok(hook)) => Ok(hook),
            // The mistakes are in the log and in `GET /api/hooks`.
            Some(Err(_)) => Err(Problem::NotReady),
            None => Err(Problem::NoSuchHook),
        }
    }

    /// Looks up a hook by its name; `None` when it is not configured, or has a mistake.
    pub(super) fn hooks(&self) -> impl Fn(&HookName) -> Option<&'a Hook> + use<'a, R> {
        let (isolate, runtime) = (self.isolate, self.runtime);
        move |name| isolate.hook(name, runtime)?.ok()
    }

    /// The problem of a call that was refused. A store's error is logged.
    pub(super) fn refused(&self, refusal: Refusal) -> Problem {
        match refusal {
            Refusal::Store(error) => self.store_failed(&error),
            refusal => refusal.into(),
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
}
