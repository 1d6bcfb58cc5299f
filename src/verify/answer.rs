//! Templates of answers to a sender, filled from its request: the answers to handshakes and to accepted deliveries.

use serde_json::{Map, Value};

use crate::digest::hmac_sha256_hex;
use crate::request::RawRequest;
use crate::request::source::{Source, View};

/// The longest challenge that is answered, bytes; the longest known ones have a few hundred.
const CHALLENGE_BYTES_MAX: usize = 4096;

/// The longest configured `body` of an answer, bytes; senders ask for a word, such as `[accepted]`.
pub const ANSWER_BODY_BYTES_MAX: usize = 4096;

/// Whether an answer with this status may have a body: the Fetch standard forbids it for 204 and 205
/// (<https://fetch.spec.whatwg.org/#null-body-status>), and a runtime throws if there is one.
#[must_use]
pub fn may_have_body(status: u16) -> bool {
    !matches!(status, 204 | 205)
}

/// The longest value of a header of an answer, bytes; a DNS name has at most 253 (RFC 1035, section 2.3.4).
const HEADER_BYTES_MAX: usize = 256;

/// A template of an answer to a sender.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerTemplate {
    /// The requests that it answers; all conditions must hold.
    pub(crate) when: Vec<(Source, Predicate)>,
    pub(crate) status: u16,
    pub(crate) body: AnswerBody,
    /// Headers: names in lower case, and their values. A header that copies an absent value is left out.
    pub(crate) headers: Vec<(String, AnswerValue)>,
}

/// The body of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AnswerBody {
    /// None is configured. The answer to a handshake is then empty, and the answer to a delivery lists its runs.
    Unstated,
    /// This text, which may be empty.
    Literal(String),
    /// The value of a source, as plain text.
    Text(Source),
    /// A JSON object with these members.
    Json(Vec<(String, AnswerValue)>),
}

/// A value in an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AnswerValue {
    /// This value.
    Literal(Value),
    /// The value of a source.
    Copy(Source),
    /// HMAC-SHA256 in hex of the value of a source, under the hook's first secret.
    Hmac(Source),
}

/// An answer to a sender, ready to be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SenderReply {
    /// HTTP status.
    pub status: u16,
    /// Media type of the body; `None` for an empty body.
    pub content_type: Option<&'static str>,
    /// The body.
    pub body: String,
    /// Whether the configuration states a status and no body.
    pub is_status_alone: bool,
    /// Further headers: names in lower case, values of visible ASCII (1 to 256 bytes).
    pub headers: Vec<(String, String)>,
    /// The secret that the sender offers, to be stored and shown to the operator.
    pub offered_secret: Option<String>,
    /// An address of SNS that must be called before the answer is sent.
    pub visit_url: Option<String>,
}

impl SenderReply {
    /// The answer to an accepted delivery. Where the configuration states only a status, the body is the JSON `runs`, unless
    /// the status forbids a body.
    #[must_use]
    pub fn for_delivery(self, runs: String) -> Self {
        if self.is_status_alone && may_have_body(self.status) {
            return Self { content_type: Some("application/json"), body: runs, ..self };
        }
        self
    }
}

/// Why a handshake is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandshakeError {
    /// The token is wrong.
    WrongToken,
    /// The challenge is missing or too long, or names an address that is not one of SNS.
    NoChallenge,
}

/// The secrets that answers need.
#[derive(Default)]
pub struct HandshakeSecrets {
    /// The value of the secret that deliveries are verified with.
    pub first: Option<String>,
    /// The value of `verify_token`.
    pub verify_token: Option<String>,
}

/// A condition on the value of a source.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Predicate {
    /// The value is a text that is not empty, or another JSON value.
    Present,
    /// There is no value.
    Absent,
    /// The value is this text. `[]` is an empty list.
    Is(String),
}

impl AnswerTemplate {
    /// Whether it answers this request.
    #[must_use]
    pub fn is_for(&self, request: &RawRequest) -> bool {
        all_hold(&self.when, request)
    }

    /// Fills the template for a request.
    ///
    /// # Errors
    /// [`HandshakeError`].
    pub fn fill(
        &self,
        request: &RawRequest,
        secrets: &HandshakeSecrets,
    ) -> Result<SenderReply, HandshakeError> {
        let (content_type, body) = match &self.body {
            AnswerBody::Unstated => (None, String::new()),
            AnswerBody::Literal(text) if text.is_empty() => (None, String::new()),
            AnswerBody::Literal(text) => (Some("text/plain; charset=utf-8"), text.clone()),
            AnswerBody::Text(source) => (Some("text/plain; charset=utf-8"), challenge(source, request)?),
            AnswerBody::Json(terms) => {
                let mut object = Map::new();
                for (name, term) in terms {
                    object.insert(name.clone(), term.value(request, secrets)?);
                }
                (Some("application/json"), Value::Object(object).to_string())
            }
        };
        let is_status_alone = self.body == AnswerBody::Unstated;
        let headers = self.headers(request, secrets)?;
        let status = self.status;
        Ok(SenderReply {
            status,
            content_type,
            body,
            is_status_alone,
            headers,
            offered_secret: None,
            visit_url: None,
        })
    }

    /// The headers of the answer. A value that no header may have is rejected, not cut.
    fn headers(
        &self,
        request: &RawRequest,
        secrets: &HandshakeSecrets,
    ) -> Result<Vec<(String, String)>, HandshakeError> {
        let mut headers = Vec::new();
        for (name, term) in &self.headers {
            if term.is_absent(request) {
                continue;
            }
            let value = term.value(request, secrets)?;
            let text =
                value.as_str().filter(|text| is_header_value(text)).ok_or(HandshakeError::NoChallenge)?;
            headers.push((name.clone(), text.to_owned()));
        }
        Ok(headers)
    }

    /// The sources of which the answer holds an HMAC, each with the configuration field that says so.
    pub(crate) fn hmac_sources(&self) -> impl Iterator<Item = (&'static str, &Source)> {
        let body = match &self.body {
            AnswerBody::Json(terms) => terms.as_slice(),
            AnswerBody::Unstated | AnswerBody::Literal(_) | AnswerBody::Text(_) => &[],
        };
        let terms = body.iter().map(|(_, term)| ("json", term));
        terms.chain(self.headers.iter().map(|(_, term)| ("headers", term))).filter_map(|(field, term)| {
            match term {
                AnswerValue::Hmac(source) => Some((field, source)),
                AnswerValue::Literal(_) | AnswerValue::Copy(_) => None,
            }
        })
    }
}

impl AnswerValue {
    /// Whether it copies a value that is absent.
    fn is_absent(&self, request: &RawRequest) -> bool {
        matches!(self, Self::Copy(source) if source.find(View::whole(request)).is_none())
    }

    fn value(&self, request: &RawRequest, secrets: &HandshakeSecrets) -> Result<Value, HandshakeError> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Copy(source) => challenge(source, request).map(Value::String),
            Self::Hmac(source) => {
                let secret = secrets.first.as_deref().ok_or(HandshakeError::WrongToken)?;
                let mac = hmac_sha256_hex(secret, challenge(source, request)?.as_bytes());
                mac.map(Value::String).ok_or(HandshakeError::NoChallenge)
            }
        }
    }
}

/// Whether all conditions hold for a request.
pub(super) fn all_hold(conditions: &[(Source, Predicate)], request: &RawRequest) -> bool {
    let view = View::whole(request);
    conditions.iter().all(|(source, predicate)| {
        let text = source.find(view);
        match predicate {
            Predicate::Present => {
                text.is_some_and(|text| !text.is_empty()) || source.find_value(view).is_some()
            }
            Predicate::Absent => text.is_none() && source.find_value(view).is_none(),
            Predicate::Is(wanted) => {
                let empty =
                    || source.find_value(view).is_some_and(|list| list.is_list() && list.count() == 0);
                text.as_deref() == Some(wanted) || wanted == "[]" && empty()
            }
        }
    })
}

/// Whether a text may be the value of a header of an answer: 1 to [`HEADER_BYTES_MAX`] bytes of visible ASCII, with spaces
/// only inside (RFC 9110, section 5.5). A line break would start another header.
pub(crate) fn is_header_value(text: &str) -> bool {
    let is_short = (1..=HEADER_BYTES_MAX).contains(&text.len());
    is_short && text.trim() == text && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// The value of a source that an answer repeats: 1 to [`CHALLENGE_BYTES_MAX`] bytes.
pub(super) fn challenge(source: &Source, request: &RawRequest) -> Result<String, HandshakeError> {
    let text =
        source.find(View::whole(request)).filter(|text| (1..=CHALLENGE_BYTES_MAX).contains(&text.len()));
    text.map(std::borrow::Cow::into_owned).ok_or(HandshakeError::NoChallenge)
}
