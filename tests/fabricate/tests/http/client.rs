//! A server and a plain HTTP client that follows no redirect; it must not be clever, so that tests
//! see what the server sends.

use std::time::Duration;

use fabricate::{Config, Server};
use serde_json::Value;
use tokio::runtime::Runtime;
use ureq::http::{HeaderMap, Request};

pub(crate) const KEY: &str = "test-key-4711";
/// Much longer than any test: tasks end when the clock is put forward.
pub(crate) const TASK: Duration = Duration::from_hours(1);

/// A running server, and a client with its key.
pub(crate) struct Local {
    pub(crate) server: Server,
    agent: ureq::Agent,
    // Dropped last: the server runs on it.
    runtime: Runtime,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// The whole body, or why it broke off.
    pub(crate) body: Result<Vec<u8>, ureq::Error>,
}

impl Answer {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.body.as_deref().unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(self.bytes()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap().to_owned()
    }
}

impl Local {
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(KEY);
        config.task_duration = TASK;
        change(&mut config);
        let runtime = Runtime::new().unwrap();
        let server = runtime.block_on(Server::start(config)).unwrap();
        Self { server, agent: agent(), runtime }
    }

    /// Drops the server alone; what it ran on goes on.
    pub(crate) fn stop(self) -> Runtime {
        self.runtime
    }

    /// Sends a request with any `Authorization`, to any address; a path is completed.
    pub(crate) fn send(
        &self,
        method: &str,
        address: &str,
        authorization: Option<&str>,
        body: Option<&[u8]>,
    ) -> Result<Answer, ureq::Error> {
        let address = match address {
            path if path.starts_with('/') => format!("{}{path}", self.server.url()),
            url => url.to_owned(),
        };
        send(&self.agent, method, &address, authorization, body)
    }

    /// `GET` with the key.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, Some(&bearer()), None).unwrap()
    }

    /// A call below `/control`, without a key.
    pub(crate) fn control(&self, method: &str, path: &str, body: &str) -> Answer {
        let body = (!body.is_empty()).then_some(body.as_bytes());
        self.send(method, &format!("/control{path}"), None, body).unwrap()
    }

    /// The answer to a start in acme's database, if there is one.
    pub(crate) fn try_begin(&self, workflow: &str, parameters: &Value) -> Result<Answer, ureq::Error> {
        let body = parameters.to_string();
        self.send("POST", &start_path(workflow), Some(&bearer()), Some(body.as_bytes()))
    }

    pub(crate) fn begin(&self, workflow: &str, parameters: &Value) -> Answer {
        self.try_begin(workflow, parameters).unwrap()
    }

    /// The id of a new task.
    pub(crate) fn task(&self, workflow: &str, parameters: &Value) -> String {
        let answer = self.begin(workflow, parameters);
        assert_eq!(answer.status, 200, "{workflow}");
        answer.json()["task_id"].as_str().unwrap().to_owned()
    }

    /// What a task says about itself.
    pub(crate) fn look(&self, task_id: &str) -> Value {
        let answer = self.get(&format!("/api/v1/workflow_tasks/{task_id}"));
        assert_eq!(answer.status, 200, "{task_id}");
        answer.json()
    }

    /// A new task that has ended: its id, and its files as it lists them.
    pub(crate) fn ended(&self, workflow: &str, parameters: &Value) -> (String, Vec<Value>) {
        let task_id = self.task(workflow, parameters);
        self.server.advance(TASK);
        let files = self.look(&task_id)["files"].as_array().unwrap().clone();
        (task_id, files)
    }
}

pub(crate) fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(Duration::from_mins(1)))
        .build();
    config.into()
}

pub(crate) fn send(
    agent: &ureq::Agent,
    method: &str,
    address: &str,
    authorization: Option<&str>,
    body: Option<&[u8]>,
) -> Result<Answer, ureq::Error> {
    let mut request = Request::builder().method(method).uri(address);
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let response = match body {
        Some(body) => agent.run(request.header("content-type", "application/json").body(body)?),
        None => agent.run(request.body(())?),
    };
    let (head, mut body) = response?.into_parts();
    let body = body.with_config().limit(u64::MAX).read_to_vec();
    Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
}

pub(crate) fn bearer() -> String {
    format!("Bearer {KEY}")
}

pub(crate) fn start_path(workflow: &str) -> String {
    format!("/api/v1/workspaces/acme/databases/sales-demo/workflows/{workflow}")
}

pub(crate) fn download_path(task_id: &str, file: &Value) -> String {
    format!("/api/v1/workflow_tasks/{task_id}/{}/download", file["id"])
}
