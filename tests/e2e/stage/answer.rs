//! What is answered, and callers of whom nothing is expected.

use serde_json::Value;

use super::now_ms;

/// A sender who does not mind that the Worker is down.
pub(crate) struct Caller {
    pub(super) base: String,
    pub(super) client: ureq::Agent,
}

impl Caller {
    /// Sends a JSON delivery; `None`: the connection was refused, or broke before the answer.
    pub(crate) fn try_post(&self, hook: &str, body: &Value) -> Option<Answer> {
        let request = self.client.post(format!("{}/hooks/{hook}", self.base));
        let mut answer = request.content_type("application/json").send(body.to_string()).ok()?;
        let body = answer.body_mut().read_to_vec().ok()?;
        Some(Answer { status: answer.status().as_u16(), headers: answer.headers().clone(), body })
    }

    /// Lets the cron fire now, and does not mind when the Worker dies of it.
    pub(crate) fn try_sweep(&self) {
        let path = format!("/cdn-cgi/local/scheduled?cron=*/2+*+*+*+*&time={}", now_ms());
        let _ = self.client.get(format!("{}{path}", self.base)).call();
    }
}

/// An answer of the Worker.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{error} in {} {}", self.status, String::from_utf8_lossy(&self.body))
        })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The id of the only run in a sender's answer.
    #[track_caller]
    pub(crate) fn run_id(&self) -> String {
        self.json()["runs"][0]["run_id"].as_str().unwrap().to_owned()
    }
}
