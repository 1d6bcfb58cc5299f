//! A stage for one test: a Worker of its own in workerd, a Fabricate of its own, and what a test does with them.
//!
//! Everything is ended and removed when it is dropped. It asserts nothing but that calls are answered.

mod answer;
mod worker;

use std::fs;
use std::io::Read;
use std::process::Child;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub(crate) use answer::{Answer, Caller};

/// How many sweeps a run may need to its end.
const SWEEPS_MAX: u32 = 60;

pub(crate) const OPERATOR_TOKEN: &str = "an-operator-token-of-at-least-32-characters";
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub(crate) const LINK_SECRET: &str = "a-link-secret-of-at-least-32-bytes";
pub(crate) const FABRICATE_KEY: &str = "fabricate-key";

/// The Worker, its Fabricate and its clock.
pub(crate) struct Stage {
    pub(crate) fabricate: fake_fabricate::Server,
    /// Milliseconds by which this test's time is ahead.
    ahead_ms: u64,
    base: String,
    port: u16,
    folder: TempDir,
    worker: Option<Child>,
    client: ureq::Agent,
    // After the server, which needs it to end.
    _runtime: Runtime,
}

impl Stage {
    /// A Worker with these hooks.
    pub(crate) fn with_hooks(hooks: &Value) -> Self {
        Self::with_config(hooks, |_| ())
    }

    /// A Worker with an open hook for each of these workflows, of the same name.
    pub(crate) fn for_workflows(workflows: &[&str]) -> Self {
        let hooks: Map<String, Value> =
            workflows.iter().map(|name| ((*name).to_owned(), open_hook(name))).collect();
        Self::with_hooks(&hooks.into())
    }

    /// A Worker with these hooks and a configuration changed by `change`.
    pub(crate) fn with_config(hooks: &Value, change: impl FnOnce(&mut Value)) -> Self {
        let secrets = [
            ("FABRICATE_API_KEY", FABRICATE_KEY),
            ("SECRET", SECRET),
            ("OPERATOR_TOKEN", OPERATOR_TOKEN),
            ("LINK_SECRET", LINK_SECRET),
        ];
        Self::new(hooks, change, &secrets)
    }

    /// A Worker with these hooks and without an operator's token.
    pub(crate) fn without_operator(hooks: &Value) -> Self {
        Self::new(hooks, |_| (), &[("FABRICATE_API_KEY", FABRICATE_KEY)])
    }

    /// A Worker with these hooks and secrets, and a configuration changed by `change`.
    pub(crate) fn new(hooks: &Value, change: impl FnOnce(&mut Value), secrets: &[(&str, &str)]) -> Self {
        let runtime = Runtime::new().unwrap();
        let mut settings = fake_fabricate::Config::new(FABRICATE_KEY);
        settings.tick = Duration::from_millis(20);
        let fabricate = runtime.block_on(fake_fabricate::Server::start(settings)).unwrap();
        let port = worker::free_port();
        let folder = TempDir::new().unwrap();
        let mut config = json!({
            "name": "stage",
            "main": concat!(env!("CARGO_MANIFEST_DIR"), "/build/index.js"),
            "compatibility_date": "2026-11-01",
            "triggers": {"crons": ["*/2 * * * *"]},
            "kv_namespaces": [{"binding": "RUNS", "id": "runs"}],
            "r2_buckets": [
                {"binding": "INBOX", "bucket_name": "inbox"}, {"binding": "FILES", "bucket_name": "files"},
            ],
            "vars": {"FABRICATE_URL": fabricate.url(), "HOOKS": hooks},
        });
        change(&mut config);
        fs::write(folder.path().join("wrangler.json"), config.to_string()).unwrap();
        // As secrets, so that wrangler does not print them with the variables.
        let secrets: Vec<String> =
            secrets.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        fs::write(folder.path().join(".dev.vars"), secrets.join("\n")).unwrap();
        let client = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_mins(5)))
            .build()
            .into();
        let mut stage = Self {
            fabricate,
            ahead_ms: 0,
            base: format!("http://127.0.0.1:{port}"),
            port,
            folder,
            worker: None,
            client,
            _runtime: runtime,
        };
        stage.start_worker();
        stage
    }

    /// A sender of its own, who goes on while the Worker is killed.
    pub(crate) fn caller(&self) -> Caller {
        Caller { base: self.base.clone(), client: self.client.clone() }
    }

    /// Sends a JSON delivery with these headers.
    #[track_caller]
    pub(crate) fn post(&self, hook: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let headers = [&[("content-type", "application/json")], headers].concat();
        self.send("POST", &format!("/hooks/{hook}"), &headers, body.to_string().as_bytes())
    }

    /// Sends a JSON delivery, signed as Standard Webhooks asks.
    #[track_caller]
    pub(crate) fn post_signed(&self, hook: &str, id: &str, body: &Value) -> Answer {
        let timestamp = (now_ms() / 1_000).to_string();
        let signature = sign(id, &timestamp, &body.to_string());
        let headers =
            [("webhook-id", id), ("webhook-timestamp", &timestamp), ("webhook-signature", &signature)];
        self.post(hook, body, &headers)
    }

    /// Calls the operator's API.
    #[track_caller]
    pub(crate) fn operator(&self, path: &str) -> Answer {
        self.send("GET", path, &[("authorization", &format!("Bearer {OPERATOR_TOKEN}"))], b"")
    }

    /// Any request.
    #[track_caller]
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.client.run(request.body(body.to_vec()).unwrap());
        let mut answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.log()));
        let body = answer.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap();
        Answer { status: answer.status().as_u16(), headers: answer.headers().clone(), body }
    }

    /// A run as the operator sees it.
    #[track_caller]
    pub(crate) fn run(&self, run_id: &str) -> Value {
        let answer = self.operator(&format!("/api/runs/{run_id}"));
        assert_eq!(answer.status, 200, "{run_id}\n{}", self.log());
        answer.json()
    }

    /// Lets the cron fire now, in this test's time.
    #[track_caller]
    pub(crate) fn sweep(&self) {
        let time = now_ms() + self.ahead_ms;
        let answer =
            self.send("GET", &format!("/cdn-cgi/local/scheduled?cron=*/2+*+*+*+*&time={time}"), &[], b"");
        assert_eq!(answer.status, 200, "{}", self.log());
    }

    /// Milliseconds by which this test's time is ahead.
    pub(crate) fn ahead_ms(&self) -> u64 {
        self.ahead_ms
    }

    /// Puts Fabricate's clock and the cron's ahead, and sweeps.
    #[track_caller]
    pub(crate) fn sweep_after(&mut self, later: Duration) {
        self.ahead_ms += u64::try_from(later.as_millis()).unwrap();
        self.fabricate.advance(later);
        self.sweep();
    }

    /// Sweeps every two minutes of this test's time until the run is final.
    #[track_caller]
    pub(crate) fn sweep_until_final(&mut self, run_id: &str) -> Value {
        for _ in 0..SWEEPS_MAX {
            self.sweep_after(Duration::from_mins(2));
            let run = self.run(run_id);
            if ["completed", "failed", "canceled"].contains(&run["status"].as_str().unwrap()) {
                return run;
            }
        }
        panic!("not final after {SWEEPS_MAX} sweeps: {}\n{}", self.run(run_id), self.log());
    }

    /// Waits for what comes after an answer, until the run has another status than `queued`.
    #[track_caller]
    pub(crate) fn wait_until_started(&self, run_id: &str) -> Value {
        for _ in 0..100 {
            let run = self.run(run_id);
            if run["status"] != "queued" {
                return run;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("still queued: {}\n{}", self.run(run_id), self.log());
    }

    /// Waits for what comes after an answer, until the run is so.
    #[track_caller]
    pub(crate) fn run_until(&self, run_id: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..600 {
            let run = self.run(run_id);
            if is_so(&run) {
                return run;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("not so: {}\n{}", self.run(run_id), self.log());
    }

    /// Asserts that the bytes that the operator gets for a file are those that Fabricate has.
    #[track_caller]
    pub(crate) fn assert_same_bytes(&self, run: &Value, file: &Value) {
        use sha2::Digest;
        let request = self.client.get(format!("{}{}", self.base, file["url"].as_str().unwrap()));
        let request = request.header("authorization", format!("Bearer {OPERATOR_TOKEN}"));
        let mut answer = request.call().unwrap();
        assert_eq!(answer.status(), 200, "{file}");
        // A file may be larger than this machine's memory.
        let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 16]);
        let mut body = answer.body_mut().as_reader();
        loop {
            let read = body.read(&mut buffer).unwrap();
            if read == 0 {
                break;
            }
            hash.update(&buffer[..read]);
            bytes += read as u64;
        }
        let (task_id, file_id) = (run["task"]["id"].as_str().unwrap(), file["id"].as_str().unwrap());
        let expected = self.fabricate.sha256(task_id, file_id);
        assert_eq!(Some(base16ct::lower::encode_string(&hash.finalize())), expected, "{file}");
        assert_eq!(bytes, file["size"].as_u64().unwrap(), "{file}");
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.kill_worker();
    }
}

/// A Standard Webhooks signature under [`SECRET`].
pub(crate) fn sign(id: &str, timestamp: &str, body: &str) -> String {
    let key = BASE64.decode(SECRET.trim_start_matches("whsec_")).unwrap();
    let mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    let mac = mac.chain_update(format!("{id}.{timestamp}.{body}")).finalize();
    format!("v1,{}", BASE64.encode(mac.into_bytes()))
}

/// Milliseconds since the Unix epoch.
#[expect(clippy::disallowed_methods, reason = "a test on a real machine has its clock")]
pub(crate) fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// A hook that anybody may call, for a workflow of the fake Fabricate; its delivery id is the body's `id`.
pub(crate) fn open_hook(workflow: &str) -> Value {
    json!({
        "workspace": "acme", "database": "sales-demo", "workflow": workflow,
        "verify": {"scheme": "none"}, "delivery_id": "{{ body.id }}",
    })
}
