//! Endpoint handshakes: what a sender asks before, or beside, its deliveries, and what it wants to hear. None starts a
//! run.
//!
//! Which sender asks what is data, in `senders.json` and in a hook's `handshake`; here is how it is answered.

use serde_json::{Map, Value};

use super::topic::Topic;
use crate::digest::{hmac_sha256_hex, is_same_secret};
use crate::request::RawRequest;
use crate::request::source::{Source, View};

/// The longest challenge that is answered, bytes: the longest known ones have some hundreds.
const CHALLENGE_BYTES_MAX: usize = 4096;

/// The longest `body` that an answer may state, bytes: senders ask for a word, such as `[accepted]`.
pub const ANSWER_BODY_BYTES_MAX: usize = 4096;

/// Whether an answer with this status may have a body: the Fetch standard forbids it for 204 and 205
/// (<https://fetch.spec.whatwg.org/#null-body-status>), and a runtime throws if there is one.
#[must_use]
pub fn may_have_body(status: u16) -> bool {
    !matches!(status, 204 | 205)
}

/// The longest value of an answer's header, bytes: a DNS name has at most 253 (RFC 1035, section 2.3.4).
const HEADER_BYTES_MAX: usize = 256;

/// One handshake that a hook answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Handshake {
    /// `GET`, `OPTIONS` or `POST`.
    pub method: String,
    /// How a request is told from a delivery: each of these stands there.
    pub(crate) when: Vec<(Source, Sign)>,
    /// Whether it is believed.
    pub(crate) trust: Trust,
    /// What must stand there, too, for a handshake that shows a token.
    pub(crate) expect: Vec<(Source, Sign)>,
    /// What is answered.
    pub(crate) answer: Answer,
    /// What the operator has to be shown, because it is needed to set the sender up.
    pub(crate) remember: Option<Source>,
    /// The address that has to be called.
    pub(crate) visit: Option<Source>,
}

/// What stands at a place of a handshake.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sign {
    /// Some text.
    Present,
    /// Nothing.
    Absent,
    /// This text; `[]` for an empty list.
    Is(String),
}

/// What a handshake has to prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trust {
    /// What every delivery of the hook has to prove.
    Verified,
    /// That it knows the secret that the hook names as `verify_token`.
    Token(Source),
    /// Nothing: the sender signs no handshake, and the answer tells nothing.
    Open,
    /// Nothing while the hook's secret is not set, because the handshake brings it; then what every delivery has to.
    OpenUntilSet,
}

/// The pattern of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// For which requests it is.
    pub(crate) when: Vec<(Source, Sign)>,
    pub(crate) status: u16,
    pub(crate) content: Content,
    /// Headers of the answer: names in lower case, and what each holds. One whose place has nothing is left out.
    pub(crate) headers: Vec<(String, Term)>,
}

/// What an answer holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    /// Nothing is stated. The answer to a handshake is empty then, and the answer to a delivery has the runs.
    Unstated,
    /// This text, which may be empty.
    Literal(String),
    /// What stands at a place, as plain text.
    Text(Source),
    /// An object.
    Json(Vec<(String, Term)>),
}

/// A value in an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Term {
    /// As it is.
    Literal(Value),
    /// The text at a place.
    Copy(Source),
    /// HMAC-SHA256 of the text at a place under the hook's first secret, in hex.
    Hmac(Source),
}

/// What a handshake is answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Media type of the body.
    pub content_type: Option<&'static str>,
    /// The body.
    pub body: String,
    /// The configuration states a status and no body.
    pub is_status_alone: bool,
    /// Further headers: names in lower case, values of visible ASCII (1 to 256 bytes).
    pub headers: Vec<(String, String)>,
    /// What the operator has to be shown.
    pub remember: Option<String>,
    /// The address that has to be called before the answer.
    pub visit: Option<String>,
}

impl Reply {
    /// The answer to a delivery that was taken: where the configuration states a status and no body, the JSON `runs` is
    /// sent under that status. A status that forbids a body is sent without one.
    #[must_use]
    pub fn for_delivery(self, runs: String) -> Self {
        if self.is_status_alone && may_have_body(self.status) {
            return Self { content_type: Some("application/json"), body: runs, ..self };
        }
        self
    }
}

/// Why something that looks like a handshake is not answered as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Its token is wrong.
    WrongToken,
    /// It has no challenge, or one that is too long.
    NoChallenge,
}

/// The secrets that answers need.
#[derive(Default)]
pub struct Secrets {
    /// The value of the secret that deliveries are verified with.
    pub first: Option<String>,
    /// The value of `verify_token`.
    pub verify_token: Option<String>,
}

impl Handshake {
    /// Whether a request is this handshake.
    #[must_use]
    pub fn is(&self, request: &RawRequest) -> bool {
        self.method == request.method && all_stand(&self.when, request)
    }

    /// Whether it brings the secret that deliveries are verified with.
    #[must_use]
    pub fn brings_the_secret(&self) -> bool {
        self.trust == Trust::OpenUntilSet
    }

    /// Whether it has to prove what every delivery has to.
    #[must_use]
    pub fn is_verified(&self, request: &RawRequest, secrets: &Secrets) -> bool {
        match (&self.trust, &secrets.first) {
            (Trust::Verified, _) => true,
            // Brought again, the secret that is set proves itself.
            (Trust::OpenUntilSet, Some(secret)) => {
                let brought = self.remember.as_ref().and_then(|source| source.find(View::of(request)));
                !brought.is_some_and(|brought| is_same_secret(&brought, secret.trim()))
            }
            (Trust::OpenUntilSet, None) | (Trust::Token(_) | Trust::Open, _) => false,
        }
    }

    /// Its answer; one that has to be verified is verified already.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn answer(&self, request: &RawRequest, secrets: &Secrets) -> Result<Reply, Refused> {
        let view = View::of(request);
        if let Trust::Token(source) = &self.trust {
            let shown = source.find(view).unwrap_or_default();
            let known = secrets.verify_token.as_deref().map(str::trim).filter(|token| !token.is_empty());
            if !known.is_some_and(|token| is_same_secret(&shown, token)) || !all_stand(&self.expect, request)
            {
                return Err(Refused::WrongToken);
            }
        }
        let reply = self.answer.fill(request, secrets)?;
        let shown =
            |source: &Option<Source>| source.as_ref().map(|source| challenge(source, request)).transpose();
        let visit = shown(&self.visit)?;
        if visit.as_ref().is_some_and(|address| !is_confirmation(address, request)) {
            return Err(Refused::NoChallenge);
        }
        let remember =
            shown(&self.remember)?.filter(|_| self.trust == Trust::OpenUntilSet && secrets.first.is_none());
        Ok(Reply { remember, visit, ..reply })
    }
}

impl Answer {
    /// Whether it is for this request.
    #[must_use]
    pub fn is_for(&self, request: &RawRequest) -> bool {
        all_stand(&self.when, request)
    }

    /// The answer to a request.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn fill(&self, request: &RawRequest, secrets: &Secrets) -> Result<Reply, Refused> {
        let (content_type, body) = match &self.content {
            Content::Unstated => (None, String::new()),
            Content::Literal(text) if text.is_empty() => (None, String::new()),
            Content::Literal(text) => (Some("text/plain; charset=utf-8"), text.clone()),
            Content::Text(source) => (Some("text/plain; charset=utf-8"), challenge(source, request)?),
            Content::Json(terms) => {
                let mut object = Map::new();
                for (name, term) in terms {
                    object.insert(name.clone(), term.value(request, secrets)?);
                }
                (Some("application/json"), Value::Object(object).to_string())
            }
        };
        let is_status_alone = self.content == Content::Unstated;
        let headers = self.headers(request, secrets)?;
        let status = self.status;
        Ok(Reply { status, content_type, body, is_status_alone, headers, remember: None, visit: None })
    }

    /// The answer's headers. A value that may not stand in a header is refused, not cut.
    fn headers(&self, request: &RawRequest, secrets: &Secrets) -> Result<Vec<(String, String)>, Refused> {
        let mut headers = Vec::new();
        for (name, term) in &self.headers {
            if term.is_absent(request) {
                continue;
            }
            let value = term.value(request, secrets)?;
            let text = value.as_str().filter(|text| is_header_value(text)).ok_or(Refused::NoChallenge)?;
            headers.push((name.clone(), text.to_owned()));
        }
        Ok(headers)
    }

    /// The places of which it holds an HMAC under the hook's secret, each with the field that it stands in.
    pub(crate) fn hmac_sources(&self) -> impl Iterator<Item = (&'static str, &Source)> {
        let body = match &self.content {
            Content::Json(terms) => terms.as_slice(),
            Content::Unstated | Content::Literal(_) | Content::Text(_) => &[],
        };
        let terms = body.iter().map(|(_, term)| ("json", term));
        terms.chain(self.headers.iter().map(|(_, term)| ("headers", term))).filter_map(|(field, term)| {
            match term {
                Term::Hmac(source) => Some((field, source)),
                Term::Literal(_) | Term::Copy(_) => None,
            }
        })
    }
}

impl Term {
    /// Whether it copies from a place that has nothing.
    fn is_absent(&self, request: &RawRequest) -> bool {
        matches!(self, Self::Copy(source) if source.find(View::of(request)).is_none())
    }

    fn value(&self, request: &RawRequest, secrets: &Secrets) -> Result<Value, Refused> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Copy(source) => challenge(source, request).map(Value::String),
            Self::Hmac(source) => {
                let secret = secrets.first.as_deref().ok_or(Refused::WrongToken)?;
                let mac = hmac_sha256_hex(secret, challenge(source, request)?.as_bytes());
                mac.map(Value::String).ok_or(Refused::NoChallenge)
            }
        }
    }
}

fn all_stand(signs: &[(Source, Sign)], request: &RawRequest) -> bool {
    let view = View::of(request);
    signs.iter().all(|(source, sign)| {
        let text = source.find(view);
        match sign {
            Sign::Present => text.is_some_and(|text| !text.is_empty()) || source.find_value(view).is_some(),
            Sign::Absent => text.is_none() && source.find_value(view).is_none(),
            Sign::Is(wanted) => {
                let empty =
                    || source.find_value(view).is_some_and(|list| list.is_list() && list.count() == 0);
                text.as_deref() == Some(wanted) || wanted == "[]" && empty()
            }
        }
    })
}

/// Whether a text may be the value of an answer's header: 1 to [`HEADER_BYTES_MAX`] bytes of visible ASCII, with spaces
/// only inside (RFC 9110, section 5.5). A line break would begin another header.
pub(crate) fn is_header_value(text: &str) -> bool {
    let is_short = (1..=HEADER_BYTES_MAX).contains(&text.len());
    is_short && text.trim() == text && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// Whether an address confirms a subscription to the topic of the message, at SNS itself. Nothing else is ever called.
fn is_confirmation(address: &str, request: &RawRequest) -> bool {
    let topic = request.value().and_then(|message| message.get("TopicArn")?.as_text());
    topic.and_then(|topic| Topic::parse(topic).ok()).is_some_and(|topic| topic.confirms(address))
}

fn challenge(source: &Source, request: &RawRequest) -> Result<String, Refused> {
    let text = source.find(View::of(request)).filter(|text| (1..=CHALLENGE_BYTES_MAX).contains(&text.len()));
    text.map(std::borrow::Cow::into_owned).ok_or(Refused::NoChallenge)
}
