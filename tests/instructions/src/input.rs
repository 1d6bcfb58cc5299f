//! Hooks as an operator writes them, and deliveries as GitHub sends them.

use std::rc::Rc;

use hmac::{Hmac, KeyInit, Mac};
use seedhook::config::Variables;
use seedhook::config::hooks::HookTable;
use seedhook::request::RawRequest;
use seedhook::timestamp::Timestamp;
use serde_json::{Map, Value, json};
use sha2::Sha256;

/// The number of hooks.
pub(crate) const HOOKS: usize = 50;

/// The secret of every hook.
pub(crate) const SECRET: &str = "a-secret-that-only-github-knows";

/// The variables with [`HOOKS`] hooks, `hook-0` and so on.
pub(crate) fn hook_table() -> Variables {
    let texts = (0..HOOKS).map(|index| (format!("hook-{index}"), hook(index).to_string()));
    Variables { values: Map::new(), hooks: vec![("HOOKS".into(), Rc::new(Texts(texts.collect())))] }
}

fn hook(index: usize) -> Value {
    json!({
        "workspace": "acme",
        "database": format!("preview-{index}"),
        "verify": {"scheme": "github", "secret": "GITHUB_SECRET"},
        "archive": "{{ hook }}/{{ date }}/{{ run_id }}/{{ file.id }}-{{ file.name }}",
        "rules": [
            {"when": "headers['x-github-event'] == 'push' and body.ref is startingwith('refs/heads/') \
                and body.commits | length > 0 and not body.deleted",
             "workflow": "seed-preview", "params": {
                "branch": "{{ body.ref | replace('refs/heads/', '') | lower }}",
                "rows": "{{ body.commits | length * 10 }}",
                "authors": "{{ body.commits | map(attribute='author.name') | unique | join(', ') }}",
                "title": "Preview of {{ body.repository.full_name }} at {{ body.after[:7] }}",
            }},
            {"when": "headers['x-github-event'] == 'push' and body.deleted",
             "workflow": "drop-preview", "params": {"branch": "{{ body.ref }}"}},
        ],
    })
}

/// A table of hooks as the Worker has it: the text of a hook is parsed when the hook is read.
struct Texts(Vec<(String, String)>);

impl HookTable for Texts {
    fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.clone()).collect()
    }

    fn hook(&self, name: &str) -> Result<Value, String> {
        let text = self.0.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str());
        serde_json::from_str(text.unwrap_or_default()).map_err(|error| error.to_string())
    }
}

/// A body with its signature.
pub(crate) struct Input {
    body: Vec<u8>,
    signature: String,
}

impl Input {
    /// A push of about so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        let count = bytes.saturating_sub(push(&[]).len()) / commit(0).to_string().len();
        let commits: Vec<Value> = (0..count.max(1)).map(commit).collect();
        let body = push(&commits).into_bytes();
        let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).map(|mac| mac.chain_update(&body));
        let tag = mac.map(|mac| base16ct::lower::encode_string(&mac.finalize().into_bytes()));
        Self { body, signature: format!("sha256={}", tag.unwrap_or_default()) }
    }

    /// A push, for which a rule holds.
    pub(crate) fn accepted(&self, now: Timestamp) -> RawRequest {
        self.request("push", &self.signature, now)
    }

    /// The same body as an event that no rule takes.
    pub(crate) fn ignored(&self, now: Timestamp) -> RawRequest {
        self.request("check_run", &self.signature, now)
    }

    /// A push with the signature of another body.
    pub(crate) fn forged(&self, now: Timestamp) -> RawRequest {
        self.request("push", &format!("sha256={}", "0".repeat(64)), now)
    }

    fn request(&self, event: &str, signature: &str, now: Timestamp) -> RawRequest {
        let headers = [
            ("accept", "*/*"),
            ("accept-encoding", "gzip"),
            ("cf-connecting-ip", "192.0.2.1"),
            ("cf-ray", "8f3a1b2c3d4e5f60-FRA"),
            ("content-type", "application/json"),
            ("host", "seedhook.example"),
            ("user-agent", "GitHub-Hookshot/044aadd"),
            ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
            ("x-github-event", event),
            ("x-github-hook-id", "292430182"),
            ("x-hub-signature-256", signature),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        RawRequest::new("POST", "https://seedhook.example/hooks/hook-25", headers, self.body.clone(), now)
    }
}

fn push(commits: &[Value]) -> String {
    let person = json!({"name": "Mona Lisa", "email": "mona@example.com", "login": "mona", "id": 583_231});
    json!({
        "ref": "refs/heads/Feature/new-report",
        "before": "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
        "after": "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5",
        "created": false, "deleted": false, "forced": true, "base_ref": null,
        "repository": {
            "id": 186_853_002, "name": "reports", "full_name": "acme/reports", "private": true, "owner": person,
            "html_url": "https://github.com/acme/reports", "description": "Reports \u{2013} \"quarterly\"",
            "size": 21.5, "topics": ["sales", "seed", "demo"], "default_branch": "main",
        },
        "pusher": person, "sender": person, "commits": commits,
    })
    .to_string()
}

fn commit(index: usize) -> Value {
    json!({
        "id": "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5", "distinct": true, "number": index,
        "message": format!("Change report {index}\n\nIt has another column."),
        "timestamp": "2026-11-24T10:02:03+01:00",
        "url": "https://github.com/acme/reports/commit/59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5",
        "author": {"name": format!("Author {}", index % 7), "email": "author@example.com"},
        "added": [], "removed": [], "modified": ["src/report.sql", "docs/report.md"],
    })
}
