//! Messages of Amazon SNS that are known to be genuine: nobody else has the keys.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use seedhook::timestamp::Timestamp;
use serde_json::{Map, Value};

use super::choices::Choices;
use super::request::Request;
use super::values::changed_text;

/// A genuine message, and what its hook is given beside it.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) name: String,
    pub(crate) verify: Map<String, Value>,
    /// Certificates in PEM by their addresses.
    pub(crate) certificates: Map<String, Value>,
    pub(crate) request: Request,
    pub(crate) now: Timestamp,
}

/// Every message of the vectors that is to be accepted.
pub(crate) fn recorded() -> impl Iterator<Item = Recorded> {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("../vectors/aws-sns.json")).expect("vectors");
    vectors.into_iter().filter(|vector| vector["expect"] == "accept").map(|vector| {
        let text = |name: &str| vector[name].as_str().unwrap_or_default().to_owned();
        let headers = vector["headers"].as_object().into_iter().flatten();
        let headers =
            headers.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
        let request = Request {
            method: text("method"),
            url: text("url"),
            headers: headers.collect(),
            body: text("body").into_bytes(),
        };
        let mut verify = vector["verify"].as_object().cloned().unwrap_or_default();
        if let Some(seconds) = vector["tolerance_s"].as_i64() {
            verify.insert("tolerance".to_owned(), seconds.into());
        }
        Recorded {
            name: text("id"),
            verify,
            certificates: vector["certificates"].as_object().cloned().unwrap_or_default(),
            request,
            now: Timestamp::from_millis(vector["now"].as_i64().unwrap_or_default() * 1_000),
        }
    })
}

/// A certificate with something changed in it, most often below its base64.
pub(crate) fn damaged(pem: &str, choices: &mut Choices<'_>) -> String {
    if choices.one_in(4) {
        return changed_text(pem, choices);
    }
    let lines = pem.lines().filter(|line| !line.starts_with('-'));
    let mut der = BASE64.decode(lines.collect::<String>()).unwrap_or_default();
    for _ in 0..=choices.below(3) {
        let place = usize::from(choices.byte()) << 8 | usize::from(choices.byte());
        if let Some(byte) = der.get_mut(place % 2_048) {
            *byte = choices.byte();
        }
    }
    let text = BASE64.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
