//! Senders as they are: their signatures over HTTP, their handshakes, their bodies and batches.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

use crate::stage::{FABRICATE_KEY, OPERATOR_TOKEN, SECRET, Stage, open_hook};

/// Headers that an HTTP client makes by itself.
const HOP_HEADERS: &[&str] = &["host", "content-length", "connection", "transfer-encoding"];

/// The known answers without a timestamp, each as a request that HTTP can carry.
fn vectors() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|extension| extension == "json"));
    let vectors = files.flat_map(|file| {
        serde_json::from_str::<Vec<Value>>(&std::fs::read_to_string(file).unwrap()).unwrap()
    });
    vectors.filter(is_for_http).collect()
}

fn is_for_http(vector: &Value) -> bool {
    let plain = |text: &str| {
        !text.is_empty() && text.trim() == text && text.bytes().all(|byte| (32..127).contains(&byte))
    };
    let headers = vector["headers"].as_object().into_iter().flatten();
    let mut texts = headers.flat_map(|(_, value)| match value {
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
        value => vec![value.as_str().unwrap_or_default()],
    });
    vector.get("request").is_none()
        && vector["now"].is_null()
        && !seedhook::config::sender::sender(vector["provider"].as_str().unwrap()).unwrap().takes("tolerance")
        && vector.get("verify").is_none()
        && vector["method"] == "POST"
        && texts.all(plain)
        && secrets(vector).iter().all(|secret| plain(secret) && !secret.contains(['"', '\\', '$', '#', '\'']))
}

fn secrets(vector: &Value) -> Vec<&str> {
    match vector["secrets"].as_array() {
        Some(many) => many.iter().filter_map(Value::as_str).collect(),
        None => vector["secret"].as_str().into_iter().collect(),
    }
}

/// A hook for each sender, secret and signed address, by their name in one text.
#[derive(Default)]
struct Hooks {
    names: BTreeMap<String, String>,
    tables: Map<String, Value>,
    secrets: BTreeMap<String, String>,
}

impl Hooks {
    fn name_for(&mut self, vector: &Value) -> String {
        let sender = vector["provider"].as_str().unwrap();
        let known = seedhook::config::sender::sender(sender).unwrap();
        let url = known.takes("url").then(|| vector["url"].as_str().unwrap());
        let key = format!("{sender} {:?} {url:?}", secrets(vector));
        let next = format!("v{}", self.names.len());
        let name = self.names.entry(key).or_insert(next).clone();
        if !self.tables.contains_key(&name) {
            let mut names = Vec::new();
            for secret in secrets(vector) {
                let next = format!("S{}", self.secrets.len());
                names.push(self.secrets.entry(secret.to_owned()).or_insert(next).clone());
            }
            let mut verify = json!({"scheme": sender, "secret": names});
            if let Some(url) = url {
                verify["url"] = json!(url);
            }
            for asked in &known.asks {
                verify[asked] = json!("SECRET");
            }
            let mut hook = open_hook("no-files");
            hook["verify"] = verify;
            hook["when"] = json!("false");
            hook.as_object_mut().unwrap().remove("delivery_id");
            self.tables.insert(name.clone(), hook);
        }
        name
    }
}

#[test]
fn known_answers_get_in_over_http_and_forgeries_do_not() {
    let vectors = vectors();
    let mut hooks = Hooks::default();
    let names: Vec<String> = vectors.iter().map(|vector| hooks.name_for(vector)).collect();
    let own = [("FABRICATE_API_KEY", FABRICATE_KEY), ("SECRET", SECRET)];
    let secrets = hooks.secrets.iter().map(|(value, name)| (name.as_str(), value.as_str()));
    let secrets: Vec<(&str, &str)> = secrets.chain(own).collect();
    let stage = Stage::new(&hooks.tables.into(), |_| (), &secrets);
    let mut wrong = Vec::new();
    for (vector, name) in vectors.iter().zip(names) {
        let url = vector["url"].as_str().unwrap();
        let query = url.split_once('?').map_or(String::new(), |(_, query)| format!("?{query}"));
        let mut headers = Vec::new();
        for (header, value) in vector["headers"].as_object().unwrap() {
            let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
            headers
                .extend(values.into_iter().map(|value| (header.clone(), value.as_str().unwrap().to_owned())));
        }
        headers.retain(|(header, _)| !HOP_HEADERS.contains(&header.to_ascii_lowercase().as_str()));
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(header, value)| (header.as_str(), value.as_str())).collect();
        let body = vector["body"].as_str().unwrap();
        let body =
            if vector["body_encoding"] == "base64" { BASE64.decode(body).unwrap() } else { body.into() };
        let status = stage.send("POST", &format!("/hooks/{name}{query}"), &headers, &body).status;
        // Who gets in may still not be understood: 400 and 415 come after the signature.
        let got_in = matches!(status, 200 | 202 | 204 | 400 | 415);
        let should = vector["expect"] == "accept";
        if got_in != should || !(got_in || matches!(status, 401 | 503)) {
            wrong.push(format!("{}: {status}", vector["id"]));
        }
    }
    assert!(vectors.len() > 300, "{}", vectors.len());
    assert!(wrong.is_empty(), "{wrong:#?}\n{}", stage.log());
}

fn handshakes() -> Value {
    let with = |verify: Value| {
        let mut hook = open_hook("no-files");
        hook["verify"] = verify;
        hook
    };
    let mut paused = with(json!({"scheme": "dropbox", "secret": "SECRET"}));
    paused["paused"] = json!(true);
    json!({
        "meta": with(json!({"scheme": "meta", "secret": "SECRET", "verify_token": "SECRET"})),
        "graph": with(json!({"scheme": "microsoft-graph", "secret": "SECRET"})),
        "okta": with(json!({"scheme": "okta", "secret": "SECRET"})),
        "dropbox": paused,
        "notion": with(json!({"scheme": "notion", "secret": "NOT_SET"})),
        "cloudevents": with(json!({"scheme": "cloudevents", "secret": "SECRET"})),
        "sns": with(json!({"scheme": "aws-sns", "topic_arn": "arn:aws:sns:us-east-1:123456789012:deals"})),
    })
}

#[test]
fn handshakes_are_answered_and_start_nothing() {
    let stage = Stage::with_hooks(&handshakes());
    let meta = |token: &str| {
        let path = format!("/hooks/meta?hub.mode=subscribe&hub.challenge=1158&hub.verify_token={token}");
        stage.send("GET", &path, &[], b"")
    };
    let answer = meta(SECRET);
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"1158".as_slice()));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(meta("guessed").status, 403);
    let graph =
        stage.send("POST", "/hooks/graph?validationToken=a%2Bb%20c", &[("content-type", "text/plain")], b"");
    assert_eq!((graph.status, graph.body.as_slice()), (200, b"a+b c".as_slice()));
    let challenge = [("x-okta-verification-challenge", "c"), ("authorization", SECRET)];
    assert_eq!(stage.send("GET", "/hooks/okta", &challenge, b"").json(), json!({"verification": "c"}));
    assert_eq!(stage.send("GET", "/hooks/okta", &challenge[..1], b"").status, 401);
    assert_eq!(stage.send("GET", "/hooks/okta", &challenge[1..], b"").status, 400);
    let dropbox = stage.send("GET", "/hooks/dropbox?challenge=abc", &[], b"");
    assert_eq!((dropbox.status, dropbox.body.as_slice()), (200, b"abc".as_slice()), "a paused hook, too");
    assert_eq!(stage.send("PUT", "/hooks/dropbox", &[], b"").header("allow"), Some("GET, POST"));
    let asks = [("webhook-request-origin", "eventemitter.example.com"), ("webhook-request-rate", "120")];
    let allowed = stage.send("OPTIONS", "/hooks/cloudevents", &asks, b"");
    assert_eq!((allowed.status, allowed.body.len()), (200, 0));
    assert_eq!(allowed.header("webhook-allowed-origin"), Some("eventemitter.example.com"));
    assert_eq!(allowed.header("webhook-allowed-rate"), Some("120"));
    assert_eq!(allowed.header("allow"), Some("POST, OPTIONS"));
    assert_eq!(stage.send("OPTIONS", "/hooks/cloudevents", &[], b"").status, 401);
    let refused = stage.send("OPTIONS", "/hooks/dropbox", &asks, b"");
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, POST")));
    assert_eq!(stage.send("PUT", "/hooks/cloudevents", &[], b"").header("allow"), Some("POST, OPTIONS"));
    let sns = json!({"Type": "SubscriptionConfirmation", "TopicArn": "arn:aws:sns:us-east-1:999999999999:deals",
        "SigningCertURL": "https://sns.us-east-1.amazonaws.com/x.pem"});
    assert_eq!(
        stage
            .send("POST", "/hooks/sns", &[("content-type", "text/plain")], sns.to_string().as_bytes())
            .status,
        401
    );
    assert!(stage.fabricate.starts_of("no-files").is_empty());
}

#[test]
fn a_token_that_a_handshake_brings_is_shown_to_the_operator_alone() {
    let stage = Stage::with_hooks(&handshakes());
    let token = json!({"verification_token": "brought-by-notion"});
    let answer = stage.post("notion", &token, &[]);
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    // A stranger hears the same, and the first token stays.
    for _ in 0..3 {
        let stranger = json!({"verification_token": "brought-by-a-stranger"});
        assert_eq!(stage.post("notion", &stranger, &[]).status, 200);
    }
    let hooks = stage.operator("/api/hooks").json();
    let hooks = hooks["hooks"].as_array().unwrap();
    let notion = hooks.iter().find(|hook| hook["hook"] == "notion").unwrap();
    assert_eq!(notion["verification_token"], "brought-by-notion");
    assert_eq!(notion["state"], "broken", "its secret is not set yet");
    assert_eq!(
        stage.post("notion", &json!({"id": "e"}), &[]).status,
        503,
        "so events are kept by their sender"
    );
    stage.wait_for_log("handshake token ignored: the first token is kept for one hour", 3);
    assert!(!stage.log().contains("brought-by"));
}

#[test]
fn forms_texts_and_events_of_any_kind_are_understood() {
    let mut any = open_hook("seed-account");
    any["delivery_id"] = json!("{{ body_sha256 }}");
    any["params"] = json!({"startDate": "2024-01-01", "label": "{{ body }}"});
    let mut event = open_hook("seed-account");
    event["delivery_id"] = json!("{{ event.id }}");
    event["params"] = json!({"startDate": "2024-01-01", "label": "{{ event.type }}/{{ event.data.x }}"});
    let stage = Stage::with_hooks(&json!({"any": any, "event": event}));
    let label = |hook: &str, headers: &[(&str, &str)], body: &str| {
        let answer = stage.send("POST", &format!("/hooks/{hook}"), headers, body.as_bytes());
        assert_eq!(answer.status, 202, "{body}: {}", String::from_utf8_lossy(&answer.body));
        stage.run(&answer.run_id())["params"]["label"].clone()
    };
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(label("any", &form, "a=1&b=x+y"), json!({"a": "1", "b": "x y"}));
    assert_eq!(label("any", &form, "payload=%7B%22a%22%3A1%7D"), json!({"a": 1}));
    assert_eq!(label("any", &[("content-type", "text/plain")], "hello"), json!("hello"));
    assert_eq!(label("any", &[("content-type", "application/xml")], "<a/>"), json!("<a/>"));
    let multipart = "--x\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n";
    assert_eq!(
        label("any", &[("content-type", "multipart/form-data; boundary=x")], multipart),
        json!({"a": "1"})
    );
    let binary = [
        ("ce-id", "1"),
        ("ce-source", "s"),
        ("ce-type", "t"),
        ("ce-specversion", "1.0"),
        ("content-type", "application/json"),
    ];
    assert_eq!(label("event", &binary, r#"{"x":1}"#), json!("t/1"));
    let structured = r#"{"id":"2","source":"s","type":"t","specversion":"1.0","data":{"x":2}}"#;
    assert_eq!(label("event", &[("content-type", "application/cloudevents+json")], structured), json!("t/2"));
}

#[test]
fn each_item_of_a_batch_is_a_run_under_one_claim() {
    let mut batch = open_hook("no-files");
    batch["each"] = json!("body");
    batch["delivery_id"] = json!("{{ body | map(attribute='id') | join(',') }}");
    batch["when"] = json!("item.kind == 'open'");
    batch["params"] = json!({"email": "{{ item.email }}"});
    let stage = Stage::with_hooks(&json!({"batch": batch}));
    let item = |id: u32, kind: &str| json!({"id": id, "kind": kind, "email": format!("{id}@example.com")});
    let body = json!([item(1, "open"), item(2, "click"), item(3, "open")]);
    let answer = stage.post("batch", &body, &[("prefer", "wait=10")]);
    assert_eq!(answer.status, 202);
    let runs = answer.json()["runs"].as_array().unwrap().clone();
    let emails: Vec<Value> = runs
        .iter()
        .map(|run| stage.run(run["run_id"].as_str().unwrap())["params"]["email"].clone())
        .collect();
    assert_eq!(emails, ["1@example.com", "3@example.com"]);
    let again = stage.post("batch", &body, &[]);
    assert_eq!((again.status, again.json()["runs"].as_array().unwrap().len()), (200, 2));
    assert_eq!(stage.fabricate.starts_of("no-files").len(), 2);
    let ids: Vec<Value> = (0..501).map(|id| item(id, "open")).collect();
    assert_eq!(stage.post("batch", &json!(ids), &[]).status, 413, "more than 500 runs");
    assert_eq!(stage.post("batch", &json!([]), &[]).json()["status"], "ignored");
}

#[test]
fn a_hook_that_is_called_too_often_says_when_to_come_again() {
    let mut limited = open_hook("no-files");
    limited["rate_limit"] = json!({"binding": "HOOK_LIMIT", "by": "sender"});
    let mut unbound = open_hook("no-files");
    unbound["rate_limit"] = json!("NO_SUCH_LIMIT");
    let hooks = json!({"limited": limited, "unbound": unbound, "free": open_hook("no-files")});
    let stage = Stage::with_config(&hooks, |config| {
        config["ratelimits"] =
            json!([{"name": "HOOK_LIMIT", "namespace_id": "1001", "simple": {"limit": 3, "period": 60}}]);
    });
    let statuses: Vec<u16> = (0..8).map(|id| stage.post("limited", &json!({"id": id}), &[]).status).collect();
    assert!(statuses.starts_with(&[202]) && statuses.contains(&429), "{statuses:?}");
    let refused = stage.post("limited", &json!({"id": 9}), &[]);
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("60")));
    assert_eq!(stage.post("free", &json!({"id": 1}), &[]).status, 202);
    assert_eq!(
        stage.post("unbound", &json!({"id": 1}), &[]).status,
        503,
        "a limit that is asked for is kept"
    );
}

#[test]
fn a_delivery_can_be_seen_before_it_runs_and_started_by_hand() {
    let mut hook = open_hook("seed-account");
    hook["verify"] = json!({"scheme": "github", "secret": "SECRET"});
    hook["when"] = json!("body.action == 'opened' and body.size > 3");
    hook["params"] = json!({"startDate": "2024-01-01", "rows": "{{ body.size * 10 }}"});
    hook.as_object_mut().unwrap().remove("delivery_id");
    let mut bearer = open_hook("seed-account");
    bearer["verify"] = json!({"scheme": "bearer", "secret": "SECRET"});
    let stage = Stage::with_hooks(&json!({"pr": hook, "bearer": bearer}));
    let token = format!("Bearer {OPERATOR_TOKEN}");
    let call = |what: &str, body: &Value, extra: &[(&str, &str)]| {
        let own = [("authorization", token.as_str()), ("content-type", "application/json")];
        stage.send(
            "POST",
            &format!("/api/hooks/pr/{what}"),
            &[&own, extra].concat(),
            body.to_string().as_bytes(),
        )
    };
    let body = json!({"action": "opened", "size": 5});
    let seen = call("preview", &body, &[("x-github-delivery", "d1")]).json();
    assert_eq!(seen["verification"]["verified"], false);
    assert_eq!(seen["verification"]["reason"], "x-hub-signature-256 is missing");
    assert_eq!((&seen["outcome"], &seen["delivery_id"]), (&json!("accepted"), &json!("d1")));
    let run = &seen["runs"][0];
    assert_eq!(run["when"]["values"], json!({"body.action": "opened", "body.size": 5}));
    assert_eq!(run["params"]["rows"], json!({"value": 50, "type": "number"}));
    assert_eq!(run["request"]["body"], json!({"startDate": "2024-01-01", "rows": 50}));
    assert!(run["request"]["url"].as_str().unwrap().ends_with("/workflows/seed-account"), "{run}");
    let forged =
        call("preview", &body, &[("x-hub-signature-256", &format!("sha256={}", "0".repeat(64)))]).json();
    assert_eq!(forged["verification"]["signed_text"], body.to_string());
    assert!(!forged.to_string().contains(SECRET));
    let bearer = stage.send(
        "POST",
        "/api/hooks/bearer/preview",
        &[("authorization", token.as_str()), ("x-sender-authorization", &format!("Bearer {SECRET}"))],
        b"{}",
    );
    assert_eq!(bearer.json()["verification"]["verified"], true, "{}", bearer.json());
    let small = call("preview", &json!({"action": "opened"}), &[]).json();
    assert_eq!(small["outcome"], "ignored");
    assert_eq!(small["runs"][0]["when"]["values"]["body.size"], json!({"missing": true}));
    assert!(stage.fabricate.starts_of("seed-account").is_empty(), "a preview starts nothing");
    let first = call("runs", &body, &[("prefer", "wait=10")]);
    assert_eq!((first.status, &first.json()["runs"][0]["status"]), (202, &json!("in_progress")));
    assert_eq!(call("runs", &body, &[]).status, 202, "by hand, again is again");
    assert_eq!(call("runs", &body, &[("idempotency-key", "k")]).status, 202);
    assert_eq!(call("runs", &body, &[("idempotency-key", "k")]).status, 200);
    assert_eq!(stage.post("pr", &body, &[]).status, 401, "the door for senders stays shut");
    assert_eq!(stage.send("POST", "/api/hooks/pr/runs", &[], b"{}").status, 401);
    assert_eq!(stage.operator("/api/hooks/pr/preview").header("allow"), Some("POST"));
}
