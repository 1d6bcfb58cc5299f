//! A server and a plain HTTP client that follows no redirect; it must not be clever, so that tests
//! see what the server sends.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use fake_fabricate::{Config, Server};
use serde_json::{Value, json};
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

    /// `GET` with the key and other headers.
    pub(crate) fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().uri(format!("{}{path}", self.server.url()));
        for (name, value) in [("authorization", bearer().as_str())].iter().chain(headers) {
            request = request.header(*name, *value);
        }
        answer(self.agent.run(request.body(()).unwrap()).unwrap())
    }

    /// `GET` with the key on a connection of its own, which is closed after the answer; nothing is
    /// read yet.
    pub(crate) fn open(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.server.url().trim_start_matches("http://")).unwrap();
        let head = format!("Host: x\r\nAuthorization: {}\r\nConnection: close", bearer());
        write!(stream, "GET {path} HTTP/1.1\r\n{head}\r\n\r\n").unwrap();
        stream
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

    /// An ended task with files as described: its id, its files as it lists them, and their paths.
    pub(crate) fn described(&self, files: &Value) -> (String, Vec<Value>, Vec<String>) {
        let (task_id, listed) = self.ended("files", &json!({ "files": files }));
        let paths = listed.iter().map(|file| download_path(&task_id, file)).collect();
        (task_id, listed, paths)
    }

    /// The path of a download of one file as described.
    pub(crate) fn path_of(&self, file: Value) -> String {
        self.described(&Value::Array(vec![file])).2.remove(0)
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
    Ok(answer(response?))
}

fn answer(response: ureq::http::Response<ureq::Body>) -> Answer {
    let (head, mut body) = response.into_parts();
    let body = body.with_config().limit(u64::MAX).read_to_vec();
    Answer { status: head.status.as_u16(), headers: head.headers, body }
}

pub(crate) fn bearer() -> String {
    format!("Bearer {KEY}")
}

pub(crate) fn start_path(workflow: &str) -> String {
    format!("/api/v1/workspaces/acme/databases/sales-demo/workflows/{workflow}")
}

pub(crate) fn download_path(task_id: &str, file: &Value) -> String {
    let id = file["id"].as_str().map_or_else(|| file["id"].to_string(), str::to_owned);
    let segment: String = id.bytes().map(encoded).collect();
    format!("/api/v1/workflow_tasks/{task_id}/{segment}/download")
}

fn encoded(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}
