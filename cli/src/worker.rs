//! A client of the Worker's HTTP API. Every call has a timeout, and no redirect is followed.

use anyhow::{Context, Result, bail};
use seedhook::request::RawRequest;
use serde_json::Value;

use crate::address::Address;
use crate::exit::Usage;
use crate::host::{Host, HttpAnswer, HttpRequest, Interrupted, fetch, header};
use crate::table::plain;

/// How long an answer may take, milliseconds. The longest wait of the Worker is 25 s.
pub(crate) const TIMEOUT_MS: u32 = 40_000;

/// How long an answer of a local Worker may take while it starts, milliseconds.
const START_TIMEOUT_MS: u32 = 5_000;

/// How the types of seedhook's problems begin.
const PROBLEM_TYPE: &str = "urn:seedhook:problem:";

/// A Worker that cannot be reached, or does not let us in.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct WorkerError(String);

/// An answer to `GET /health`.
#[derive(Debug)]
pub(crate) struct Health {
    /// The status.
    pub(crate) status: u16,
    body: Value,
}

impl Health {
    /// Whether seedhook gave it, healthy or not: where it does not run yet, others may answer.
    pub(crate) fn is_seedhook(&self) -> bool {
        let text = |name: &str| self.body.get(name).and_then(Value::as_str).unwrap_or_default();
        match self.status {
            200 => text("status") == "ok",
            503 => text("status") == "unhealthy" || text("type").starts_with(PROBLEM_TYPE),
            _ => false,
        }
    }

    /// The problems of these kinds, or, without kinds, all.
    pub(crate) fn problems(&self, kinds: &[&str]) -> Vec<String> {
        let problems = self.body.get("problems").and_then(Value::as_array).into_iter().flatten();
        let text = |problem: &Value, name: &str| Some(plain(problem.get(name)?.as_str()?));
        let is_wanted = |problem: &&Value| {
            kinds.is_empty() || text(problem, "kind").is_some_and(|kind| kinds.contains(&kind.as_str()))
        };
        let said = |problem: &Value| {
            let said = ["detail", "message", "kind"].iter().find_map(|name| text(problem, name));
            said.unwrap_or_else(|| problem.to_string())
        };
        problems.filter(is_wanted).map(said).collect()
    }
}

/// The client.
#[derive(Debug)]
pub(crate) struct Worker<'h, H> {
    host: &'h H,
    /// Where it is.
    pub(crate) address: Address,
}

impl<H> Clone for Worker<'_, H> {
    fn clone(&self) -> Self {
        Self { host: self.host, address: self.address.clone() }
    }
}

impl<'h, H: Host> Worker<'h, H> {
    /// A client of a Worker.
    pub(crate) fn new(host: &'h H, address: Address) -> Self {
        Self { host, address }
    }

    /// The answer to `GET /health`. `None` while the Worker does not answer.
    pub(crate) async fn health(&self) -> Option<Health> {
        let answer = self.ask("GET", "/health", Vec::new(), START_TIMEOUT_MS).await.ok()?;
        Some(Health { status: answer.status, body: json(&answer) })
    }

    /// Whether it serves a page at `/`.
    pub(crate) async fn has_page(&self) -> bool {
        self.ask("GET", "/", Vec::new(), START_TIMEOUT_MS).await.is_ok_and(|answer| answer.status == 200)
    }

    /// Fires the cron trigger of a local Worker once.
    pub(crate) async fn sweep(&self) -> Result<()> {
        self.ask("GET", "/cdn-cgi/local/scheduled?cron=*/2+*+*+*+*", Vec::new(), TIMEOUT_MS).await.map(drop)
    }

    /// Sends a webhook. Returns the status and the body of the answer.
    pub(crate) async fn send(&self, delivery: &RawRequest) -> Result<(u16, Value)> {
        let headers = delivery.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let request = HttpRequest {
            method: delivery.method.clone(),
            url: delivery.url.clone(),
            headers: headers.collect(),
            body: delivery.body.to_vec(),
            timeout_ms: TIMEOUT_MS,
        };
        let answer = fetch(self.host, &request).await.context("the Worker did not answer the webhook")?;
        Ok((answer.status, json(&answer)))
    }

    /// The JSON of `GET`.
    ///
    /// # Errors
    /// [`WorkerError`], or an error with what the Worker says.
    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        self.call("GET", path, None).await.map(|(_, body)| body)
    }

    /// The status and JSON of a call. `body` is JSON.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value)> {
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let answer = self.ask(method, path, body, TIMEOUT_MS).await?;
        if !(200..300).contains(&answer.status) {
            bail!(self.refusal(&answer));
        }
        match json(&answer) {
            body @ Value::Object(_) => Ok((answer.status, body)),
            _ => bail!(self.stranger()),
        }
    }

    /// The run at an address.
    ///
    /// # Errors
    /// As [`Self::get`], and when the answer is no run.
    pub(crate) async fn run(&self, path: &str) -> Result<Value> {
        let run = self.get(path).await?;
        self.must_be_run(&run).map(|()| run)
    }

    /// # Errors
    /// When an answer is no run.
    pub(crate) fn must_be_run(&self, run: &Value) -> Result<()> {
        let has = |name: &str| run.get(name).is_some_and(Value::is_string);
        if has("run_id") && has("status") { Ok(()) } else { Err(self.stranger()) }
    }

    /// A list in an answer.
    ///
    /// # Errors
    /// When the answer has none of this name.
    pub(crate) fn list<'a>(&self, answer: &'a Value, name: &str) -> Result<&'a [Value]> {
        let list = answer.get(name).and_then(Value::as_array);
        list.map(Vec::as_slice).ok_or_else(|| self.stranger())
    }

    /// The error of a success that seedhook would not answer so.
    pub(crate) fn stranger(&self) -> anyhow::Error {
        WorkerError(format!(
            "{} answers as no seedhook does: is the address right (--url)?",
            self.address.url
        ))
        .into()
    }

    /// A request with our token, for [`Host::open`].
    pub(crate) fn request(&self, method: &str, path: &str) -> HttpRequest {
        // Nobody's token is no token.
        let token = Some(&self.address.token).filter(|token| !token.is_empty());
        let bearer = token.map(|token| ("authorization".to_owned(), format!("Bearer {token}")));
        HttpRequest {
            method: method.to_owned(),
            url: format!("{}{path}", self.address.url),
            headers: bearer.into_iter().collect(),
            body: Vec::new(),
            timeout_ms: TIMEOUT_MS,
        }
    }

    /// The error of a request without an answer.
    pub(crate) fn unreachable(&self, error: &anyhow::Error) -> anyhow::Error {
        if error.is::<Interrupted>() {
            return Interrupted.into();
        }
        let hint = if crate::address::is_local(&self.address.url) {
            "start it with `npx seedhook dev`, or name another with --url"
        } else {
            "is the address right (--url, SEEDHOOK_URL), and is this machine online?"
        };
        WorkerError(format!("the Worker at {} cannot be reached: {error:#}; {hint}", self.address.url)).into()
    }

    /// The error of an answer that is none of success.
    pub(crate) fn refusal(&self, answer: &HttpAnswer) -> anyhow::Error {
        let body = json(answer);
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let said = text("detail").or_else(|| text("title")).map(plain);
        let said = said.as_deref();
        let url = &self.address.url;
        match (answer.status, said) {
            (401, _) => WorkerError(format!(
                "{url} refuses the token: it must be the Worker's OPERATOR_TOKEN or READ_TOKEN (SEEDHOOK_TOKEN, --token)"
            ))
            .into(),
            (403, Some(said)) => WorkerError(format!("{url} does not allow this call: {said}")).into(),
            (429, _) => {
                let wait = header(&answer.headers, "retry-after").unwrap_or("60");
                WorkerError(format!("{url} has had too many wrong tokens from here: wait {wait} s")).into()
            }
            (300..=399, _) => {
                let to = plain(header(&answer.headers, "location").unwrap_or("another address"));
                WorkerError(format!("{url} redirects to {to}: give that address as --url")).into()
            }
            (500.., said) => WorkerError(format!(
                "{url} answers {}{}",
                answer.status,
                said.map(|said| format!(": {said}")).unwrap_or_default()
            ))
            .into(),
            (400, Some(said)) => Usage(said.to_owned()).into(),
            (_, Some(said)) => anyhow::anyhow!("{said}"),
            (status, None) => WorkerError(format!("{url} answers {status} without saying why: is it seedhook?")).into(),
        }
    }

    async fn ask(&self, method: &str, path: &str, body: Vec<u8>, timeout_ms: u32) -> Result<HttpAnswer> {
        let mut request = self.request(method, path);
        if !body.is_empty() {
            request.headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        (request.body, request.timeout_ms) = (body, timeout_ms);
        fetch(self.host, &request).await.map_err(|error| self.unreachable(&error))
    }
}

/// The body as JSON, or as a JSON string if it is other text.
fn json(answer: &HttpAnswer) -> Value {
    serde_json::from_slice(&answer.body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&answer.body).into_owned()))
}
