//! Judges one signature or handshake with a known answer, by a hook that is read from configuration, as a real one.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use seedhook::config::Configuration;
use seedhook::config::sender::sender;
use seedhook::hook::Hook;
use seedhook::hook::admission::{Admitted, Rejection};
use seedhook::request::RawRequest;
use seedhook::timestamp::Timestamp;
use seedhook::verify::VerifyContext;
use seedhook::verify::answer::SenderReply;
use seedhook::verify::crypto::Crypto;
use serde_json::{Map, Value, json};

/// Whether a hook with this cryptography does what a vector expects. `now` is the time of vectors that state none.
pub(crate) async fn judge(vector: &Value, crypto: &dyn Crypto, now: Timestamp) -> Result<(), String> {
    let is_handshake = vector.get("request").is_some();
    let stage = Stage::new(vector, if is_handshake { &vector["config"] } else { vector }, now)?;
    let request = request(if is_handshake { &vector["request"] } else { vector }, now);
    let outcome = stage.admit(request, crypto).await;
    if is_handshake { check_handshake(vector, &stage, outcome) } else { check_signature(vector, outcome) }
}

fn check_signature(vector: &Value, outcome: Result<Admitted, Rejection>) -> Result<(), String> {
    let refusal = match outcome {
        // Verified, and then found to be a GET, of which a hook takes handshakes alone.
        Ok(_) | Err(Rejection::NoHandshake) => None,
        Err(why) => Some(why),
    };
    match (vector["expect"].as_str(), refusal) {
        (Some("accept"), None) | (Some("reject"), Some(_)) => Ok(()),
        (Some("accept"), Some(why)) => Err(format!("refused: {why}")),
        (Some("reject"), None) => Err("accepted".to_owned()),
        (other, _) => Err(format!("expect is neither accept nor reject: {other:?}")),
    }
}

fn check_handshake(
    vector: &Value,
    stage: &Stage,
    outcome: Result<Admitted, Rejection>,
) -> Result<(), String> {
    let expected = &vector["expect"];
    let creates_run = vector["creates_run"].as_bool().unwrap_or(false);
    let (reply, made_run) = match outcome {
        Ok(Admitted::Handshake(reply)) => (reply, false),
        Ok(Admitted::Delivery(verified)) => {
            let reply = stage.hook.answer_to(verified.delivery());
            (reply.unwrap_or(SenderReply { status: 202, ..SenderReply::default() }), true)
        }
        Err(why) => {
            (SenderReply { status: why.status(), body: why.to_string(), ..SenderReply::default() }, false)
        }
    };
    if made_run != creates_run {
        return Err(format!("creates a run: {made_run}"));
    }
    let status = expected["status"].as_u64();
    if status.is_some_and(|status| status != u64::from(reply.status)) {
        return Err(format!("status {}: {}", reply.status, reply.body));
    }
    if let Some(exact) = expected["body_exact"].as_str()
        && !is_same_body(exact, &reply.body)
    {
        return Err(format!("body {}", reply.body));
    }
    if let Some(part) = expected["body_contains"].as_str()
        && !reply.body.contains(part)
    {
        return Err(format!("body {}", reply.body));
    }
    for (name, wanted) in expected["headers"].as_object().into_iter().flatten() {
        let name = name.to_ascii_lowercase();
        let wanted = wanted.as_str().unwrap_or_default();
        let own = reply.headers.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str());
        let (got, is_right) = match name.as_str() {
            // What the edge adds to every answer.
            "x-content-type-options" => continue,
            "content-type" => {
                (reply.content_type, reply.content_type.unwrap_or_default().starts_with(wanted))
            }
            _ => (own, own == Some(wanted)),
        };
        if !is_right {
            return Err(format!("{name} {got:?}"));
        }
    }
    Ok(())
}

/// Texts byte by byte; JSON by what it says, because its spaces are free.
fn is_same_body(wanted: &str, got: &str) -> bool {
    let json = |text: &str| serde_json::from_str::<Value>(text).ok().filter(Value::is_object);
    wanted == got || json(wanted).is_some_and(|wanted| json(got) == Some(wanted))
}

/// A hook of one sender, and what it is given.
struct Stage {
    hook: Hook,
    secrets: BTreeMap<String, String>,
    certificates: Map<String, Value>,
    now: Timestamp,
}

impl Stage {
    fn new(vector: &Value, config: &Value, now: Timestamp) -> Result<Self, String> {
        let provider = vector["provider"].as_str().unwrap_or_default();
        let mut secrets: BTreeMap<String, String> = BTreeMap::new();
        let given: Vec<&str> = match &config["secrets"] {
            Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
            Value::Object(named) => named.values().filter_map(Value::as_str).collect(),
            _ => config["secret"].as_str().into_iter().collect(),
        };
        let mut verify = match config["verify"].as_object() {
            Some(verify) => verify.clone(),
            None => Map::from_iter([("scheme".to_owned(), json!(provider))]),
        };
        let scheme = verify.get("scheme").and_then(Value::as_str).unwrap_or_default().to_owned();
        let known = sender(&scheme);
        let takes_secret =
            known.is_none_or(seedhook::config::sender::Sender::needs_secret) && scheme != "none";
        if takes_secret && scheme != "aws-sns" {
            // A handshake may need no secret, but a hook does.
            let unset = config.get("secret").is_some_and(Value::is_null);
            let values = if given.is_empty() && !unset { vec!["unused-secret"] } else { given };
            let names: Vec<String> =
                (0..values.len().max(1)).map(|index| format!("SECRET_{index}")).collect();
            secrets.extend(names.iter().cloned().zip(values.into_iter().map(ToOwned::to_owned)));
            verify.insert("secret".to_owned(), json!(names));
        }
        if known.is_some_and(|sender| sender.asks.iter().any(|asked| asked == "verify_token")) {
            let token = config["verify_token"].as_str().unwrap_or("unused-token");
            secrets.insert("VERIFY_TOKEN".to_owned(), token.to_owned());
            verify.insert("verify_token".to_owned(), json!("VERIFY_TOKEN"));
        }
        if known.is_some_and(|sender| sender.takes("tolerance")) || verify.contains_key("timestamp") {
            match (vector["tolerance_s"].as_u64(), vector["now"].as_i64()) {
                (Some(seconds), _) => verify.insert("tolerance".to_owned(), json!(seconds)),
                // Nobody says what time it is: the age is not judged.
                (None, None) => verify.insert("tolerance".to_owned(), json!("none")),
                (None, Some(_)) => None,
            };
        }
        let hook = hook(&verify)?;
        let certificates = config["certificates"].as_object().cloned().unwrap_or_default();
        let now = vector["now"].as_i64().map_or(now, |now| Timestamp::from_millis(now * 1_000));
        Ok(Self { hook, secrets, certificates, now })
    }

    async fn admit(&self, request: RawRequest, crypto: &dyn Crypto) -> Result<Admitted, Rejection> {
        let address = self.hook.verify.certificate_url(&request)?;
        let certificate = address.and_then(|address| self.certificates.get(&address)).and_then(Value::as_str);
        let secret = |name: &str| self.secrets.get(name).cloned();
        let context = VerifyContext { secret: &secret, certificate, crypto, now: self.now };
        self.hook.admit(request, &context).await
    }
}

fn hook(verify: &Map<String, Value>) -> Result<Hook, String> {
    let hook = json!({"workspace": "w", "database": "d", "workflow": "f", "verify": verify});
    let configuration = Configuration::read(json!({"HOOKS": {"h": hook}}).as_object().expect("an object"));
    let mistakes: Vec<String> = configuration.mistakes().map(ToString::to_string).collect();
    let hook = configuration.hooks.into_values().next();
    hook.and_then(Result::ok).ok_or_else(|| format!("no such hook: {}", mistakes.join("; ")))
}

fn request(of: &Value, now: Timestamp) -> RawRequest {
    let body = of["body"].as_str().unwrap_or_default();
    let body = match of["body_encoding"].as_str() {
        Some("base64") => BASE64.decode(body).expect("base64"),
        _ => body.as_bytes().to_vec(),
    };
    let method = of["method"].as_str().unwrap_or("POST");
    let url = of["url"].as_str().unwrap_or("https://seedhook.example/hooks/h");
    RawRequest::new(method, url, headers(&of["headers"]), body, now)
}

/// `{"name": "value"}`, `{"name": ["value", "value"]}` for one that is sent twice, or `[["name", "value"]]`.
fn headers(given: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match given {
        Value::Object(object) => object
            .iter()
            .flat_map(|(name, value)| match value {
                Value::Array(values) => values.iter().map(|value| (name.clone(), text(value))).collect(),
                value => vec![(name.clone(), text(value))],
            })
            .collect(),
        Value::Array(pairs) => pairs.iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect(),
        _ => Vec::new(),
    }
}
